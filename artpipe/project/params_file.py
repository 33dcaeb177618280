"""Replace the text of params.yaml, whose rights stay and whose link is followed."""

import os
import stat
from pathlib import Path

from artpipe.errors import UserError
from artpipe.system.atomic_files import write_file

PARAMS = Path("params.yaml")


def require_writable_params() -> None:
    """Raise if params.yaml is read-only.

    For root, and by a rename, it would be written all the same.

    Raises:
        UserError: it has no write permission for its owner, or none for us.
    """
    if not PARAMS.stat().st_mode & stat.S_IWUSR or not os.access(PARAMS, os.W_OK):
        raise UserError(f"{PARAMS}: read-only, and an entry of it would change; `chmod u+w {PARAMS}`")


def write_params(text: str) -> None:
    """Replace params.yaml whole or not at all."""
    target = PARAMS.resolve()
    with write_file(target) as temporary:
        temporary.write_bytes(text.encode())
        temporary.chmod(stat.S_IMODE(target.stat().st_mode))
