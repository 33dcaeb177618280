"""Run `dvc` commands: the only way to do so, since artpipe never imports DVC here.

Also: compute folder hashes as DVC does, and restore outputs by their hash.
"""

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
from artpipe.storage.dvc_busy import describe_busy, is_busy
from artpipe.storage.dvc_lock import print_once, wait_for_dvc_lock
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import md5_bytes, md5_file
from artpipe.system.locks import filesystem_type, find_flock_error, supports_hardlinks
from artpipe.system.processes import run_child, utf8_environment

T = TypeVar("T")

_LOCK_FILE = Path("dvc.lock")
_LOCKED = "Unable to acquire lock"  # DVC, after three seconds
_BUSY_SECONDS = 2.0  # between two tries while another dvc uses a path
_NO_REASON = ("Having any troubles?", "http")  # of DVC's last lines
_MAX_CHARACTERS, _MAX_LINES = 400, 200  # of a reason: characters of it, last lines in which it is looked for


def dvc_command(*arguments: str) -> list[str]:
    """Return a command line of dvc: of this interpreter's environment, else on PATH."""
    own_dvc = Path(sys.executable).parent / "dvc"  # not resolved: the virtual environment's own folder
    return [str(own_dvc) if own_dvc.exists() else "dvc", *arguments]


def read_dvc_output(root: Path, *arguments: str, wait_seconds: float = 600.0) -> str:
    """Return what a dvc command prints; wait for DVC's lock, and say so.

    Raises:
        ArtpipeError: it failed; the message has its own reason.
        BusyError: DVC's lock was still held after `wait_seconds`.
    """
    require_lockable(root)
    env = {**utf8_environment(), "DVC_NO_ANALYTICS": "1"}

    def call() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            dvc_command(*arguments),
            cwd=root,
            env=env,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )

    try:
        result = retry_while_locked(root, call, lambda result: f"{result.stdout}{result.stderr}", wait_seconds)
    except FileNotFoundError:
        raise UserError(
            f"dvc: no such program beside {sys.executable} or on PATH; `pip install dvc` brings it"
        ) from None
    if result.returncode:
        raise ArtpipeError(
            f"dvc {' '.join(arguments)}: {extract_dvc_reason(result.stderr or result.stdout, result.returncode)}"
        )
    return result.stdout


def run_dvc(*arguments: str) -> None:
    """Run a dvc command in the current folder; it ends with this process.

    Raises:
        UserError: it failed; the message has its own reason.
        BusyError: see `read_dvc_output`.
    """

    def call() -> tuple[int, str]:
        lines = deque[str](maxlen=_MAX_LINES)
        code = run_child(dvc_command(*arguments), lines.append)
        return code, "\n".join(lines)

    code, text = retry_while_locked(Path(), call, lambda result: result[1])
    if code:
        raise UserError(f"dvc {arguments[0]}: {extract_dvc_reason(text, code)}")


def retry_while_locked(
    root: Path, call: Callable[[], T], text_of: Callable[[T], str], wait_seconds: float = 600.0
) -> T:
    """Return the result of a call of DVC, repeated while another is in its way.

    That it waits is said once.

    Raises:
        BusyError: it was still held after `wait_seconds`; the message says by whom.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        wait_for_dvc_lock(root, wait_seconds=max(0.0, deadline - time.monotonic()))
        result = call()
        text = text_of(result)
        if _LOCKED not in text and not is_busy(text):
            return result
        if time.monotonic() > deadline:
            holder = describe_busy(text) if is_busy(text) else "DVC's lock is held again and again by others"
            raise BusyError(f"{holder}; try again when it has ended")
        if is_busy(text):
            print_once(f"{describe_busy(text)}; waiting")
            time.sleep(_BUSY_SECONDS)


def extract_dvc_reason(text: str, code: int) -> str:
    """Return in one line why DVC ended with `code`: its error and hints."""
    if is_busy(text):
        return describe_busy(text)
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(_NO_REASON)]
    errors = [number for number, line in enumerate(lines) if line.startswith("ERROR: ")]
    untitled = lines[-1:] if any(line.startswith("Traceback") for line in lines) else lines  # of a file that is invalid
    reason_lines = lines[errors[0] :] if errors else untitled
    reason = " ".join(line.removeprefix("ERROR: ") for line in reason_lines)[:_MAX_CHARACTERS]
    if "is not a git repository" in reason:
        reason += "; `git init` makes one, `dvc config core.no_scm true` has DVC work without"
    return reason or f"ended with {code}, and gave no reason"


def require_lockable(root: Path = Path()) -> None:
    """Raise if DVC cannot lock the project.

    It would wait for ever, and say that another DVC is running.

    Raises:
        UserError: the file system, what it lacks, and what to do.
    """
    folder = root / ".dvc"
    reason = find_flock_error(folder / "tmp" if (folder / "tmp").is_dir() else folder)
    if reason is None:
        return
    command = dvc_command("config", "core.hardlink_lock")
    result = subprocess.run(
        command, cwd=root, env=utf8_environment(), capture_output=True, encoding="utf-8", check=False
    )
    if result.stdout.strip().lower() == "true":
        return
    remedy = "`dvc config --local core.hardlink_lock true` lets DVC lock by hard links"
    if not supports_hardlinks(folder):
        remedy = "nor hard links: let `.dvc/tmp` be a link to a folder on a disk of this machine"
    kind = filesystem_type(folder)
    raise UserError(f"{folder}: no flock on this file system ({f'{kind}: ' * bool(kind)}{reason.strerror}); {remedy}")


def require_cached(root: Path, outputs: Iterable[Path]) -> dict[str, str]:
    """Return the MD5 of output folders, each of which DVC keeps as it is now.

    Raises:
        UserError: DVC does not keep it as it is.
    """
    stages = (read_yaml(root / _LOCK_FILE) or {}).get("stages", {}) if (root / _LOCK_FILE).exists() else {}
    locked_hashes = {out["path"]: out.get("md5") for stage in stages.values() for out in stage.get("outs", [])}
    hashes = {str(path): hash_folder(root / path) for path in outputs}
    for path, md5 in hashes.items():
        if locked_hashes.get(path) != md5:
            raise UserError(f"{path}: DVC does not keep it as it stands; `artpipe run` makes and keeps it")
    return hashes


def hash_folder(folder: Path) -> str:
    """Return the MD5 of a folder as DVC computes it."""
    return f"{md5_bytes(make_listing(folder))}.dir"


def make_listing(folder: Path) -> bytes:
    """Return DVC's listing of a folder: its files and their MD5, as JSON."""
    rows = [
        {"md5": md5_file(path), "relpath": path.relative_to(folder).as_posix()}
        for path in folder.rglob("*")
        if path.is_file()
    ]
    return json.dumps(sorted(rows, key=lambda row: row["relpath"]), sort_keys=True).encode()


def restore_folders(root: Path, hashes: Mapping[Path, str]) -> None:
    """Restore folders by their MD5, from DVC's cache or else from its remote.

    Raises:
        ArtpipeError: neither has all of it.
    """
    dvc_file = (
        root / f"bringing-{os.getpid()}.dvc"
    )  # DVC brings what a file of its own names, and knows links and remotes
    lines = [f"- {{md5: {md5}, hash: md5, path: {json.dumps(str(path))}}}\n" for path, md5 in hashes.items()]
    try:
        write_text(dvc_file, "outs:\n" + "".join(lines))
        try:
            read_dvc_output(root, "checkout", "--force", dvc_file.name)
        except ArtpipeError:
            read_dvc_output(root, "pull", "--force", dvc_file.name)
    finally:
        dvc_file.unlink(missing_ok=True)
