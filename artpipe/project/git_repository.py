"""Find the git repository around a new project, or create one in it.

Git is asked without the variables of the command that runs us: in a hook, GIT_DIR names another repository.
"""

import os
import subprocess
from pathlib import Path

from artpipe.errors import UserError
from artpipe.system.plain_text import to_printable

_NO_REPOSITORY = "not a git repository (or any"  # `.git` that leads nowhere is told without the parenthesis
_NO_WORK_TREE = "must be run in a work tree"


def find_repository(folder: Path) -> Path | None:
    """Return the git repository around a folder, None where there is none or no git.

    Args:
        folder: need not exist yet.

    Raises:
        UserError: git cannot read the repository, for the reason it gives; or the folder is in git's own, in a bare
            repository, or ignored by the one around it.
    """
    existing = next(path for path in (folder, *folder.parents) if path.is_dir())
    result = _run_git("-C", str(existing), "rev-parse", "--show-toplevel")
    if result is None or _NO_REPOSITORY in result.stderr:
        return None
    if result.returncode == 0 and (top := result.stdout.removesuffix("\n")):
        _require_not_ignored(existing, folder)
        return Path(top)
    if result.returncode == 0 or _NO_WORK_TREE in result.stderr:
        git_folder = _run_git("-C", str(existing), "rev-parse", "--absolute-git-dir")
        name = git_folder.stdout.removesuffix("\n") if git_folder else ""
        raise UserError(
            f"{to_printable(str(folder))}: lies in {to_printable(name)}, where git keeps a repository; name a folder outside of it"
        )
    raise UserError(f"{to_printable(str(existing))}: git cannot say which repository it is in: {_explain(result)}")


def _require_not_ignored(existing: Path, folder: Path) -> None:
    """Raise if git ignores a folder, in which DVC then tracks nothing."""
    result = _run_git("-C", str(existing), "check-ignore", "--quiet", "--", f"{folder}/")
    if result is not None and result.returncode == 0:
        raise UserError(
            f"{to_printable(str(folder))}: git ignores it, and DVC tracks nothing there; name another folder "
            "(`git check-ignore -v` says which line of which file it is)"
        )


def init_repository(folder: Path) -> bool:
    """Create a git repository in a folder; return False where there is no git.

    Raises:
        UserError: git could not, for the reason it gives.
    """
    result = _run_git("init", "--quiet", str(folder))
    if result is not None and result.returncode:
        raise UserError(f"git init: {_explain(result)}")
    return result is not None


def _run_git(*arguments: str) -> subprocess.CompletedProcess[str] | None:
    """Run git in the repository that the arguments name; None where there is no git."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}  # its words are read
    try:
        names = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    for name in names.stdout.split():
        if not name.startswith("GIT_CONFIG"):  # settings of whoever runs us, such as safe.directory
            environment.pop(name, None)
    return subprocess.run(
        ["git", *arguments], env=environment, capture_output=True, text=True, errors="surrogateescape", check=False
    )


def _explain(result: subprocess.CompletedProcess[str]) -> str:
    """Return git's reason in one line, with the command it gives as a remedy."""
    lines = [line for line in result.stderr.splitlines() if line.strip() and not line.startswith("hint:")]
    reason = next((line for line in lines if line.startswith(("fatal: ", "error: "))), lines[-1] if lines else "")
    remedy = next((f"; its remedy: `{line.strip()}`" for line in lines if line.startswith("\tgit ")), "")
    return to_printable(reason.partition(": ")[2] or reason or f"exit code {result.returncode}") + to_printable(remedy)
