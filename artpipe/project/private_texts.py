"""What in published files would tell of this machine or its user."""

import os
import pwd
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from artpipe.site_check.private_traces import PrivateTexts
from artpipe.system.user_cache import cache_file

_SHORTEST_NAME = 4  # letters; a shorter one stands in too many words
_COMMON = frozenset({"root", "user", "admin", "ubuntu", "debian", "runner", "guest", "test", "localhost", "nobody"})


def collect_private_texts(root: Path) -> PrivateTexts:
    """Return the paths and names that must not be published.

    A name that a person wrote into params.yaml is meant to be read.
    """
    written = set(re.findall(r"[\w-]+", (root / "params.yaml").read_text(encoding="utf-8").lower()))
    folders = {root.absolute(), root.resolve(), Path.home(), Path(sys.prefix), cache_file("x").parent}
    paths = [f"{folder}" for folder in folders if str(folder) != "/"]
    names = {name for name in _list_names() if len(name) >= _SHORTEST_NAME and name.lower() not in _COMMON}
    return PrivateTexts(sorted(paths), sorted(name for name in names if name.lower() not in written))


def _list_names() -> Iterator[str]:
    yield socket.gethostname()
    yield from (os.environ[name] for name in ("USER", "LOGNAME", "USERNAME") if name in os.environ)
    try:
        yield pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container gives the user no name
        return
