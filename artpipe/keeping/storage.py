"""DVC asked as a command, which artpipe never imports: what it keeps of an output, and bringing it back by its hash."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from artpipe.errors import ArtpipeError, UserError
from artpipe.files import md5_bytes, md5_file, write_text
from artpipe.params import read_yaml

_LOCK = Path("dvc.lock")


def dvc_command() -> str:
    """Return the dvc of this interpreter's environment, or the one on PATH."""
    own = Path(sys.executable).parent / "dvc"  # not resolved: the virtual environment's own folder
    return str(own) if own.exists() else "dvc"


def ask_dvc(root: Path, *words: str) -> str:
    """Return what a command of DVC prints; it waits for whoever holds DVC's lock.

    Raises:
        ArtpipeError: it failed; the message is its last line.
    """
    env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    command = [dvc_command(), "--wait-for-lock", *words]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise ArtpipeError(f"dvc {' '.join(words)}: {lines[-1]}")
    return done.stdout


def kept(root: Path, outputs: Iterable[Path]) -> dict[str, str]:
    """Return the md5 by which DVC keeps each of some output folders as it stands.

    Raises:
        UserError: DVC does not keep it as it stands.
    """
    stages = (read_yaml(root / _LOCK) or {}).get("stages", {}) if (root / _LOCK).exists() else {}
    known = {out["path"]: out.get("md5") for stage in stages.values() for out in stage.get("outs", [])}
    found = {str(path): md5_of(root / path) for path in outputs}
    for path, md5 in found.items():
        if known.get(path) != md5:
            raise UserError(f"{path}: DVC does not keep it as it stands; `artpipe run` makes and keeps it")
    return found


def md5_of(folder: Path) -> str:
    """Return the md5 of a folder as DVC reckons it."""
    return f"{md5_bytes(listing_of(folder))}.dir"


def listing_of(folder: Path) -> bytes:
    """Return what DVC notes of a folder: its files and their md5."""
    rows = [
        {"md5": md5_file(path), "relpath": path.relative_to(folder).as_posix()}
        for path in folder.rglob("*")
        if path.is_file()
    ]
    return json.dumps(sorted(rows, key=lambda row: row["relpath"]), sort_keys=True).encode()


def bring(root: Path, wanted: Mapping[Path, str]) -> None:
    """Bring folders back by their md5, from DVC's cache or else from its remote.

    Raises:
        ArtpipeError: neither has all of it.
    """
    note = root / f"bringing-{os.getpid()}.dvc"  # DVC brings what a file of its own names, and knows links and remotes
    lines = [f"- {{md5: {md5}, hash: md5, path: {json.dumps(str(path))}}}\n" for path, md5 in wanted.items()]
    try:
        write_text(note, "outs:\n" + "".join(lines))
        try:
            ask_dvc(root, "checkout", "--force", note.name)
        except ArtpipeError:
            ask_dvc(root, "pull", "--force", note.name)
    finally:
        note.unlink(missing_ok=True)
