"""git asked as a command: what it answers, and why it does not, with git's own remedy in one line."""

import os
import re
import subprocess  # git has no other door
from collections.abc import Sequence
from pathlib import Path

from artpipe.errors import ArtpipeError, UserError
from artpipe.system.plain_text import plain

_MISSING = "git is not installed (no such program on PATH); Debian: `apt install git`"
_UNTRUSTED = re.compile(r"detected dubious ownership in repository at '(.*)'")


class GitError(ArtpipeError):
    """Git gave no answer; the message is why, in one line."""


class NoRepositoryError(UserError):
    """Git has no repository here, may not read it or is not installed; the message is the reason with its remedy."""


def ask_git(
    root: Path, *words: str, said: Sequence[str] = (), fine: Sequence[int] = (0,), timeout_seconds: float | None = None
) -> str:
    """Return what git prints in `root`; `said` is told to it line by line, `fine` are the exit codes of an answer.

    Raises:
        NoRepositoryError: no git, no repository, or one of another user, which git refuses to read.
        GitError: it failed otherwise, or took too long.
    """
    env = {**os.environ, "LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"}  # its words are read below
    text = "".join(f"{line}\n" for line in said)
    command = ["git", *words]
    try:
        done = subprocess.run(
            command, cwd=root, env=env, input=text, capture_output=True, text=True, errors="replace", check=False,
            timeout=timeout_seconds,
        )  # fmt: skip
    except FileNotFoundError:
        raise NoRepositoryError(_MISSING) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(
            f"git {words[0]}: {getattr(error, 'strerror', None) or f'no answer in {timeout_seconds} s'}"
        ) from None
    if done.returncode in fine:
        return done.stdout
    if reason := _refusal(root, done.stderr):
        raise NoRepositoryError(reason)
    raise GitError(f"git {words[0]}: {_last_words(done.stderr) or f'ended with {done.returncode}'}")


def repository_fault(root: Path) -> str:
    """Return why DVC finds no git repository around `root`, with the remedy; nothing where it does. No program is asked."""
    folder = root.resolve()
    if any((place / ".git").exists() for place in (folder, *folder.parents)):
        return ""
    if git_dir := os.environ.get("GIT_DIR"):
        return f'GIT_DIR is set, and DVC knows a repository by `.git` only: `echo "gitdir: {Path(git_dir).resolve()}" > .git`'
    return (
        "no git repository here, and DVC wants one: `git init`, or `dvc config core.no_scm true` has DVC work without"
    )


def _refusal(root: Path, words: str) -> str:
    if match := _UNTRUSTED.search(words):
        owner = root.stat().st_uid
        remedy = f"git config --global --add safe.directory {_quoted(match[1])}"
        return f"git does not trust this repository, whose folder belongs to another user (uid {owner}): `{remedy}`"
    if "not a git repository" in words:
        return "there is no git repository here"
    return ""


def _last_words(words: str) -> str:
    """Return what git says went wrong, without its hints."""
    lines = [line.strip() for line in words.splitlines() if line.strip() and not line.startswith("hint:")]
    fatal = next((line for line in lines if line.startswith(("fatal: ", "error: "))), lines[-1] if lines else "")
    return plain(re.sub(r"^(fatal|error): ", "", fatal))


def _quoted(path: str) -> str:
    return path if re.fullmatch(r"[\w/.@+-]+", path) else "'" + path.replace("'", "'\\''") + "'"
