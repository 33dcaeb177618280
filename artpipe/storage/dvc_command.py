"""The one way to run `dvc`, which artpipe never imports: what it keeps of an output, and bringing it back by its hash."""

import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from artpipe.config.params import read_yaml
from artpipe.errors import ArtpipeError, BusyError, UserError
from artpipe.storage.dvc_lock import wait_for_dvc_lock
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import md5_bytes, md5_file
from artpipe.system.locks import filesystem_type, find_flock_error, supports_hardlinks
from artpipe.system.processes import run_child, utf8_environment

T = TypeVar("T")

_LOCK = Path("dvc.lock")
_LOCKED = "Unable to acquire lock"  # DVC, after three seconds
_EMPTY_WORDS = ("Having any troubles?", "http")  # of DVC's last lines
_MOST_WORDS, _MOST_LINES = 400, 200  # of a reason: characters of it, last lines in which it is looked for


def dvc_command(*words: str) -> list[str]:
    """Return a command line of the dvc of this interpreter's environment, or of the one on PATH."""
    own = Path(sys.executable).parent / "dvc"  # not resolved: the virtual environment's own folder
    return [str(own) if own.exists() else "dvc", *words]


def ask_dvc(root: Path, *words: str, wait_seconds: float = 600.0) -> str:
    """Return what a command of DVC prints; it waits for whoever holds DVC's lock, and says so.

    Raises:
        ArtpipeError: it failed; the message has its own reason.
        BusyError: DVC's lock was still held after `wait_seconds`.
    """
    require_lock(root)
    env = {**utf8_environment(), "DVC_NO_ANALYTICS": "1"}

    def ask() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            dvc_command(*words), cwd=root, env=env, capture_output=True, encoding="utf-8", errors="replace", check=False
        )

    try:
        done = unlocked(root, ask, lambda done: f"{done.stdout}{done.stderr}", wait_seconds)
    except FileNotFoundError:
        raise UserError(
            f"dvc: no such program beside {sys.executable} or on PATH; `pip install dvc` brings it"
        ) from None
    if done.returncode:
        raise ArtpipeError(f"dvc {' '.join(words)}: {reason_of(done.stderr or done.stdout, done.returncode)}")
    return done.stdout


def run_dvc(*words: str) -> None:
    """Let DVC change something in the current folder; it ends with us, however we end.

    Raises:
        UserError: it failed; the message has its own reason.
        BusyError: see `ask_dvc`.
    """

    def call() -> tuple[int, str]:
        lines = deque[str](maxlen=_MOST_LINES)
        code = run_child(dvc_command(*words), lines.append)
        return code, "\n".join(lines)

    code, text = unlocked(Path(), call, lambda done: done[1])
    if code:
        raise UserError(f"dvc {words[0]}: {reason_of(text, code)}")


def unlocked(root: Path, call: Callable[[], T], text_of: Callable[[T], str], wait_seconds: float = 600.0) -> T:
    """Return what a call of DVC returns, made again for as long as DVC's lock is held.

    Raises:
        BusyError: it was still held after `wait_seconds`; the message says by whom.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        wait_for_dvc_lock(root, wait_seconds=max(0.0, deadline - time.monotonic()))
        done = call()
        if _LOCKED not in text_of(done):
            return done
        if time.monotonic() > deadline:
            raise BusyError("DVC's lock is held again and again by others; try again when they have ended")


def reason_of(text: str, code: int) -> str:
    """Return in one line why DVC ended with `code`: its error and the hints below it, else its words."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(_EMPTY_WORDS)]
    errors = [number for number, line in enumerate(lines) if line.startswith("ERROR: ")]
    untitled = lines[-1:] if any(line.startswith("Traceback") for line in lines) else lines  # of a file that is invalid
    words = lines[errors[0] :] if errors else untitled
    reason = " ".join(line.removeprefix("ERROR: ") for line in words)[:_MOST_WORDS]
    if "is not a git repository" in reason:
        reason += "; `git init` makes one, `dvc config core.no_scm true` has DVC work without"
    return reason or f"ended with {code}, and gave no reason"


def require_lock(root: Path = Path()) -> None:
    """Refuse a project in which DVC could not lock: it would wait for ever, and say that another DVC is at work.

    Raises:
        UserError: the file system, what it lacks, and what to do.
    """
    folder = root / ".dvc"
    reason = find_flock_error(folder / "tmp" if (folder / "tmp").is_dir() else folder)
    if reason is None:
        return
    asked = dvc_command("config", "core.hardlink_lock")
    done = subprocess.run(asked, cwd=root, env=utf8_environment(), capture_output=True, encoding="utf-8", check=False)
    if done.stdout.strip().lower() == "true":
        return
    remedy = "`dvc config --local core.hardlink_lock true` lets DVC lock by hard links"
    if not supports_hardlinks(folder):
        remedy = "nor hard links: let `.dvc/tmp` be a link to a folder on a disk of this machine"
    kind = filesystem_type(folder)
    raise UserError(f"{folder}: no flock on this file system ({f'{kind}: ' * bool(kind)}{reason.strerror}); {remedy}")


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
