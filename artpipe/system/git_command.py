"""Run git and explain in one line why it failed, with git's own remedy."""

import os
import re
import subprocess  # git has no other door
from collections.abc import Sequence
from pathlib import Path

from artpipe.errors import ArtpipeError, UserError
from artpipe.system.plain_text import to_printable

_MISSING = "git is not installed (no such program on PATH); Debian: `apt install git`"
_UNTRUSTED = re.compile(r"detected dubious ownership in repository at '(.*)'")


class GitError(ArtpipeError):
    """Git failed; the message is the reason in one line."""


class NoRepositoryError(UserError):
    """Git has no repository here, may not read it or is not installed.

    The message is the reason with its remedy.
    """


def run_git(
    root: Path,
    *arguments: str,
    input_lines: Sequence[str] = (),
    ok_codes: Sequence[int] = (0,),
    timeout_seconds: float | None = None,
) -> str:
    """Return what git prints in `root`.

    Args:
        root: the folder git runs in.
        arguments: of git.
        input_lines: its standard input.
        ok_codes: exit codes of success.
        timeout_seconds: None: no limit.

    Raises:
        NoRepositoryError: no git, no repository, or one of another user, which git refuses to read.
        GitError: it failed otherwise, or took too long.
    """
    env = {**os.environ, "LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"}  # its words are read below
    text = "".join(f"{line}\n" for line in input_lines)
    command = ["git", *arguments]
    try:
        result = subprocess.run(
            command, cwd=root, env=env, input=text, capture_output=True, text=True, errors="replace", check=False,
            timeout=timeout_seconds,
        )  # fmt: skip
    except FileNotFoundError:
        raise NoRepositoryError(_MISSING) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(
            f"git {arguments[0]}: {getattr(error, 'strerror', None) or f'no answer in {timeout_seconds} s'}"
        ) from None
    if result.returncode in ok_codes:
        return result.stdout
    if reason := _explain_refusal(root, result.stderr):
        raise NoRepositoryError(reason)
    raise GitError(f"git {arguments[0]}: {_find_error_line(result.stderr) or f'ended with {result.returncode}'}")


def explain_missing_repository(root: Path) -> str:
    """Return why DVC finds no git repository around `root`, with the remedy.

    Empty where it finds one. No program is run.
    """
    folder = root.resolve()
    if any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return ""
    if git_dir := os.environ.get("GIT_DIR"):
        return f'GIT_DIR is set, and DVC knows a repository by `.git` only: `echo "gitdir: {Path(git_dir).resolve()}" > .git`'
    return (
        "no git repository here, and DVC wants one: `git init`, or `dvc config core.no_scm true` has DVC work without"
    )


def _explain_refusal(root: Path, stderr: str) -> str:
    if match := _UNTRUSTED.search(stderr):
        owner = root.stat().st_uid
        remedy = f"git config --global --add safe.directory {_quote(match[1])}"
        return f"git does not trust this repository, whose folder belongs to another user (uid {owner}): `{remedy}`"
    if "not a git repository" in stderr:
        return "there is no git repository here"
    return ""


def _find_error_line(stderr: str) -> str:
    """Return git's error message, without its hints."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("hint:")]
    error_line = next((line for line in lines if line.startswith(("fatal: ", "error: "))), lines[-1] if lines else "")
    return to_printable(re.sub(r"^(fatal|error): ", "", error_line))


def _quote(path: str) -> str:
    return path if re.fullmatch(r"[\w/.@+-]+", path) else "'" + path.replace("'", "'\\''") + "'"
