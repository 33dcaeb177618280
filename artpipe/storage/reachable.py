"""Find what git and the workspace need of DVC's cache.

That is every hash that a dvc.lock, a .dvc file or champions.json names. Hashes are searched as text, so whatever form
such a file takes, a hash in it counts as needed.
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
_NAMING_FILES = ("dvc.lock", "champions.json")  # files that name what DVC keeps, beside all that end on .dvc
_YAML_SUFFIXES = (".yaml", ".yml")  # files that may pin a download
_SKIPPED_FOLDERS = {".git", ".dvc", ".state", ".venv", "node_modules", "__pycache__"}
_BATCH_COMMITS = 200  # of one git command
_REF_KINDS = {
    "branches": "refs/heads/",
    "tags": "refs/tags/",
    "remote branches": "refs/remotes/",
    "experiments": "refs/exps/[0-9a-f]{2}/",
    "stashes": "refs/stash",
}

Entry = tuple[Path, str]  # of DVC's run cache: its file and text


class Reachable(NamedTuple):
    """What is still needed."""

    hashes: frozenset[str]  # md5, without the suffix of a folder's
    pins: frozenset[str]  # SHA-256 of downloads
    ref_counts: dict[str, int]  # how many branches, tags ... were searched
    without_lock: tuple[str, ...]  # names of commits without dvc.lock, kept by their parameters


def find_reachable(root: Path, entries: Iterable[Entry], *, history: bool = False) -> Reachable:
    """Return what the workspace, branches, tags, stashes and experiments need.

    Other worktrees too. Of a commit without dvc.lock, what the run cache made by its parameters is needed.

    Args:
        root: the project.
        entries: of DVC's run cache.
        history: all commits count, not only the newest ones.

    Raises:
        UserError: no git repository, or a dvc.lock in the workspace that cannot be read.
        ArtpipeError: git failed.
    """
    commits = _list_commits(root, history=history)
    hashes, pins = _scan_workspace(root)
    for batch in _split_batches(list(commits)):
        hashes.update(_MD5.findall(_grep(root, "[0-9a-f]{32}", batch, [*_NAMING_FILES, "*/dvc.lock", "*.dvc"])))
        pins.update(_SHA256.findall(_grep(root, "[0-9a-f]{64}", batch, [f"*{suffix}" for suffix in _YAML_SUFFIXES])))
    unlocked = _read_params_without_lock(root, commits)
    for _, text in _find_entries_made_by(entries, list(unlocked.values())):
        hashes.update(find_output_hashes(text))
    return Reachable(frozenset(hashes), frozenset(pins), _count_refs(root), tuple(sorted(unlocked)))


def find_output_hashes(text: str) -> set[str]:
    """Return the hashes of the outputs in an entry of the run cache."""
    return set(_MD5.findall(text.partition("\nouts:")[2]))


def _scan_workspace(root: Path) -> tuple[set[str], set[str]]:
    """Return the MD5s and pins in files of the workspace, known to git or not."""
    if (root / "dvc.lock").exists() and not isinstance(read_yaml(root / "dvc.lock"), dict):
        raise UserError("dvc.lock: cannot be read, so what it needs is not known; `artpipe run` mends it")
    hashes: set[str] = set()
    pins: set[str] = set()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _SKIPPED_FOLDERS]
        for name in files:
            if name in _NAMING_FILES or name.endswith(".dvc"):
                hashes.update(_MD5.findall(_read_text(Path(folder, name))))
            elif name.endswith(_YAML_SUFFIXES):
                pins.update(_SHA256.findall(_read_text(Path(folder, name))))
    return hashes, pins


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _list_commits(root: Path, *, history: bool) -> dict[str, str]:
    """Return every commit that counts, with a name for people."""
    _git(root, "rev-parse", "--git-dir")
    names = _git(root, "for-each-ref", "--format=%(refname)").split()
    trees = re.findall(r"^HEAD ([0-9a-f]+)", _git(root, "worktree", "list", "--porcelain"), re.MULTILINE)
    revisions = [*names, "HEAD", *trees]
    output = _git(
        root,
        "cat-file",
        "--batch-check=%(objectname) %(objecttype)",
        input_lines=[f"{revision}^{{commit}}" for revision in revisions],
    )
    results = zip(revisions, (line.split() for line in output.splitlines()), strict=True)
    commits = {fields[0]: name for name, fields in reversed(list(results)) if fields[-1] == "commit"}
    for name in names:
        if name.endswith("stash"):  # earlier ones are in its reflog, untracked files in a third parent
            for line in _git(root, "log", "--walk-reflogs", "--format=%H %P", name).splitlines():
                commits |= {revision: name for revision in line.split() if revision not in commits}
    if history:
        _refuse_shallow(root)
        commits |= {
            revision: "history" for revision in _git(root, "rev-list", "--all").split() if revision not in commits
        }
    return commits


def _refuse_shallow(root: Path) -> None:
    if _git(root, "rev-parse", "--is-shallow-repository").strip() == "true":
        raise UserError("--history: this clone is shallow, its earlier commits are not here; `git fetch --unshallow`")


def _count_refs(root: Path) -> dict[str, int]:
    """Return how many branches and so on there are, by their plural."""
    names = _git(root, "for-each-ref", "--format=%(refname)").splitlines()
    counts = {noun: sum(bool(re.match(start, name)) for name in names) for noun, start in _REF_KINDS.items()}
    return {noun: count for noun, count in counts.items() if count}


def _read_params_without_lock(root: Path, commits: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters of commits with a graph and no dvc.lock, by name.

    The workspace counts too.
    """
    params_by_name: dict[str, Any] = {}
    if not (root / "dvc.lock").exists():
        params_by_name["the workspace"] = read_yaml(root / "params.yaml")
    prefix = _git(root, "rev-parse", "--show-prefix").strip()
    objects = [f"{commit}:{prefix}{file}" for commit in commits for file in ("dvc.yaml", "dvc.lock", "params.yaml")]
    lines = _git(root, "cat-file", "--batch-check=%(objectname) %(objecttype)", input_lines=objects).splitlines()
    for index, (commit, name) in enumerate(commits.items()):
        graph, lock, params = (line.split() for line in lines[3 * index : 3 * index + 3])
        if graph[-1] == "blob" != lock[-1] and params[-1] == "blob":
            params_by_name[_shorten_name(name, commit)] = _parse_or_none(_git(root, "cat-file", "blob", params[0]))
    return params_by_name


def _shorten_name(name: str, commit: str) -> str:
    short = re.sub(r"^refs/(heads|tags|remotes)/", "", name)
    return commit[:7] if short in {"history", commit} else short


def _parse_or_none(text: str) -> Any:
    try:
        return parse_yaml(text, "")
    except UserError:
        return None


def _find_entries_made_by(entries: Iterable[Entry], params: Sequence[Any]) -> Iterator[Entry]:
    """Yield run cache entries that one of some params.yaml would make.

    Unreadable parameters claim all of them.
    """
    for path, text in entries if params else ():
        entry_params = (_parse_or_none(text) or {}).get("params", {}).get("params.yaml", {})
        if any(
            candidate is None or all(get_dotted(candidate, key) == value for key, value in entry_params.items())
            for candidate in params
        ):
            yield path, text


def get_dotted(params: Any, dotted: str) -> Any:
    """Return the value at a dotted key, None where there is none."""
    for key in dotted.split("."):
        params = params.get(key) if isinstance(params, Mapping) else None
    return params


def _grep(root: Path, pattern: str, commits: Sequence[str], files: Sequence[str]) -> str:
    command = ("grep", "--text", "-h", "--extended-regexp", "-e", pattern, *commits, "--", *files)
    return _git(root, *command, ok_codes=(0, 1))  # 1: nothing found


def _split_batches(commits: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(commits), _BATCH_COMMITS):
        yield commits[start : start + _BATCH_COMMITS]


def _git(root: Path, *arguments: str, input_lines: Sequence[str] = (), ok_codes: Sequence[int] = (0,)) -> str:
    """Return what git prints.

    An incomplete answer is an error, since what it leaves out would be freed.
    """
    try:
        return run_git(root, *arguments, input_lines=input_lines, ok_codes=ok_codes)
    except NoRepositoryError as error:
        raise UserError(
            f"{error}; without git nobody can say which results are still needed, so nothing is freed"
        ) from None
