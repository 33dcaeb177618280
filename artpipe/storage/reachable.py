"""What git and the workspace need of DVC's cache: every hash that a dvc.lock, a .dvc file or champions.json names.

Hashes are searched as text, so whatever form such a file takes, a hash in it counts as needed.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.config.params import read_yaml
from artpipe.config.safe_yaml import parse_yaml
from artpipe.errors import UserError
from artpipe.system.git_command import NoRepositoryError, run_git

_MD5 = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_SHA256 = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_NAMING = ("dvc.lock", "champions.json")  # files that name what DVC keeps, beside all that end on .dvc
_YAML = (".yaml", ".yml")  # files that may pin a download
_SKIPPED = {".git", ".dvc", ".state", ".venv", "node_modules", "__pycache__"}
_COMMITS = 200  # asked of git at once
_KINDS = {
    "branches": "refs/heads/",
    "tags": "refs/tags/",
    "remote branches": "refs/remotes/",
    "experiments": "refs/exps/[0-9a-f]{2}/",
    "stashes": "refs/stash",
}

Entry = tuple[Path, str]  # of DVC's run cache: its file and text


class Needs(NamedTuple):
    """What has to stay."""

    hashes: frozenset[str]  # md5, without the suffix of a folder's
    pins: frozenset[str]  # SHA-256 of downloads
    told: dict[str, int]  # how many of what was asked: branches, tags ...
    unlocked: tuple[str, ...]  # names of those without a dvc.lock, kept by their parameters


def needs_of(root: Path, entries: Iterable[Entry], *, history: bool = False) -> Needs:
    """Ask the workspace and whatever git can reach: branches, tags, stashes, experiments, other worktrees; `history`: all commits.

    Of one that has no dvc.lock, needed is what the run cache made by the parameters it has.

    Raises:
        UserError: no git repository, or a dvc.lock in the workspace that cannot be read.
        ArtpipeError: git failed.
    """
    commits = _commits(root, history=history)
    hashes, pins = _named_in_workspace(root)
    for some in _batches(list(commits)):
        hashes.update(_MD5.findall(_grep(root, "[0-9a-f]{32}", some, [*_NAMING, "*/dvc.lock", "*.dvc"])))
        pins.update(_SHA256.findall(_grep(root, "[0-9a-f]{64}", some, [f"*{suffix}" for suffix in _YAML])))
    unlocked = _unlocked(root, commits)
    for _, text in _made_by(entries, list(unlocked.values())):
        hashes.update(outputs_of(text))
    return Needs(frozenset(hashes), frozenset(pins), _told(root), tuple(sorted(unlocked)))


def outputs_of(text: str) -> set[str]:
    """Return the hashes of what an entry of the run cache made."""
    return set(_MD5.findall(text.partition("\nouts:")[2]))


def _named_in_workspace(root: Path) -> tuple[set[str], set[str]]:
    """Return md5s and pins named by the files as they stand, whether git knows them or not."""
    if (root / "dvc.lock").exists() and not isinstance(read_yaml(root / "dvc.lock"), dict):
        raise UserError("dvc.lock: cannot be read, so what it needs is not known; `artpipe run` mends it")
    hashes: set[str] = set()
    pins: set[str] = set()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        for name in files:
            if name in _NAMING or name.endswith(".dvc"):
                hashes.update(_MD5.findall(_text(Path(folder, name))))
            elif name.endswith(_YAML):
                pins.update(_SHA256.findall(_text(Path(folder, name))))
    return hashes, pins


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _commits(root: Path, *, history: bool) -> dict[str, str]:
    """Return every commit that counts, with a name for people."""
    _git(root, "rev-parse", "--git-dir")
    names = _git(root, "for-each-ref", "--format=%(refname)").split()
    trees = re.findall(r"^HEAD ([0-9a-f]+)", _git(root, "worktree", "list", "--porcelain"), re.MULTILINE)
    asked = [*names, "HEAD", *trees]
    found = _git(
        root, "cat-file", "--batch-check=%(objectname) %(objecttype)", said=[f"{one}^{{commit}}" for one in asked]
    )
    answers = zip(asked, (line.split() for line in found.splitlines()), strict=True)
    commits = {words[0]: name for name, words in reversed(list(answers)) if words[-1] == "commit"}
    for name in names:
        if name.endswith("stash"):  # those before the last one stand in its log; untracked files in a third parent
            for line in _git(root, "log", "--walk-reflogs", "--format=%H %P", name).splitlines():
                commits |= {one: name for one in line.split() if one not in commits}
    if history:
        _refuse_shallow(root)
        commits |= {one: "history" for one in _git(root, "rev-list", "--all").split() if one not in commits}
    return commits


def _refuse_shallow(root: Path) -> None:
    if _git(root, "rev-parse", "--is-shallow-repository").strip() == "true":
        raise UserError("--history: this clone is shallow, its earlier commits are not here; `git fetch --unshallow`")


def _told(root: Path) -> dict[str, int]:
    """Return how many branches and so on there are, by their plural."""
    names = _git(root, "for-each-ref", "--format=%(refname)").splitlines()
    found = {noun: sum(bool(re.match(start, name)) for name in names) for noun, start in _KINDS.items()}
    return {noun: count for noun, count in found.items() if count}


def _unlocked(root: Path, commits: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters of whatever has a graph and no dvc.lock, by name; the workspace too."""
    found: dict[str, Any] = {}
    if not (root / "dvc.lock").exists():
        found["the workspace"] = read_yaml(root / "params.yaml")
    prefix = _git(root, "rev-parse", "--show-prefix").strip()
    asked = [f"{commit}:{prefix}{file}" for commit in commits for file in ("dvc.yaml", "dvc.lock", "params.yaml")]
    lines = _git(root, "cat-file", "--batch-check=%(objectname) %(objecttype)", said=asked).splitlines()
    for index, (commit, name) in enumerate(commits.items()):
        graph, lock, params = (line.split() for line in lines[3 * index : 3 * index + 3])
        if graph[-1] == "blob" != lock[-1] and params[-1] == "blob":
            found[_short(name, commit)] = _parsed(_git(root, "cat-file", "blob", params[0]))
    return found


def _short(name: str, commit: str) -> str:
    plain = re.sub(r"^refs/(heads|tags|remotes)/", "", name)
    return commit[:7] if plain in {"history", commit} else plain


def _parsed(text: str) -> Any:
    try:
        return parse_yaml(text, "")
    except UserError:
        return None


def _made_by(entries: Iterable[Entry], params: Sequence[Any]) -> Iterator[Entry]:
    """Yield the entries that one of some params.yaml would make; unreadable parameters claim all of them."""
    for path, text in entries if params else ():
        wanted = (_parsed(text) or {}).get("params", {}).get("params.yaml", {})
        if any(one is None or all(at(one, key) == value for key, value in wanted.items()) for one in params):
            yield path, text


def at(params: Any, dotted: str) -> Any:
    """Return the value at a dotted place, None where there is none."""
    for key in dotted.split("."):
        params = params.get(key) if isinstance(params, Mapping) else None
    return params


def _grep(root: Path, pattern: str, commits: Sequence[str], files: Sequence[str]) -> str:
    command = ("grep", "--text", "-h", "--extended-regexp", "-e", pattern, *commits, "--", *files)
    return _git(root, *command, fine=(0, 1))  # 1: nothing found


def _batches(commits: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(commits), _COMMITS):
        yield commits[start : start + _COMMITS]


def _git(root: Path, *words: str, said: Sequence[str] = (), fine: Sequence[int] = (0,)) -> str:
    """Return what git prints; an answer that is not whole is an error, since what it leaves out would be freed."""
    try:
        return run_git(root, *words, input_lines=said, ok_codes=fine)
    except NoRepositoryError as error:
        raise UserError(
            f"{error}; without git nobody can say which results are still needed, so nothing is freed"
        ) from None
