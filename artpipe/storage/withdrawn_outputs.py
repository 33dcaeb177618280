"""Free every version that DVC keeps of some outputs, and what nothing names."""

import math
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from artpipe.artifacts.paths import CHAMPIONS
from artpipe.errors import ArtpipeError
from artpipe.storage.dvc_cache import list_objects, object_md5, object_path, read_listing, read_outputs
from artpipe.storage.dvc_config import dvc_cache_folder
from artpipe.storage.gc import is_own_cache, merge_whole_folders, read_run_cache, remove_aside
from artpipe.storage.reachable import Entry, find_reachable
from artpipe.storage.removed_datasets import list_kept_hashes
from artpipe.system.atomic_files import write_text
from artpipe.system.git_command import NoRepositoryError, run_git

_LOCK_FILE = "dvc.lock"
_ITEM = re.compile(r"^[ \t]*-[ \t]", re.MULTILINE)  # the beginning of a file's entry
_PATH = re.compile(r"\bpath: *[\"']?([^\"'\n]+)")
_CHAMPION = re.compile(r"\"(data/[^\"]+)\": *\"([0-9a-f]{32}(?:\.dir)?)\"")  # an output in champions.json
_HASH = re.compile(r"\bmd5: *[\"']?([0-9a-f]{32}(?:\.dir)?)\b")


def find_versions(root: Path, outputs: Collection[str], tracked: Collection[str]) -> set[str]:
    """Return the MD5 of every version of some outputs that DVC or git know of.

    Args:
        root: the project.
        outputs: paths of stages' outputs, relative to the project.
        tracked: paths of datasets that a .dvc file tracks.
    """
    versions: set[str] = set()
    for _, text in read_run_cache(dvc_cache_folder(root)):
        versions |= _find_in_text(text, outputs)
    for file in (_LOCK_FILE, *(f"{path}.dvc" for path in tracked)):
        for text in _read_all_versions(root, file):
            versions |= _find_in_text(text, outputs) if file == _LOCK_FILE else set(_HASH.findall(text))
    for text in _read_all_versions(root, str(CHAMPIONS)):
        versions |= {md5 for path, md5 in _CHAMPION.findall(text) if path in outputs}
    return versions


def drop_stages(root: Path, stages: Collection[str]) -> None:
    """Take stages out of dvc.lock: they have not run."""
    path = root / _LOCK_FILE
    if not path.exists():
        return
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    content = yaml.load(path.read_text(encoding="utf-8"))
    locked = content.get("stages") or {}
    leaving = [stage for stage in locked if stage in stages]
    for stage in leaving:
        del locked[stage]
    if leaving:
        stream = StringIO()
        yaml.dump(content, stream)
        write_text(path, stream.getvalue())


def free_versions(root: Path, versions: Collection[str]) -> str:
    """Remove versions of outputs, and what nothing names, from DVC's cache.

    Versions go whoever names them; what other outputs share with them stays. What no commit, run, experiment or dataset
    names may be an earlier version of one of them, such as a gallery that was never committed: it goes too, as
    `artpipe gc` would have it go.

    Returns:
        What was left and what to do about it; empty where all was done.
    """
    cache = dvc_cache_folder(root)
    if not is_own_cache(root, cache):
        return "DVC's cache lies outside this project and was left alone: `dvc gc --projects` knows who needs what"
    entries = list(read_run_cache(cache))
    current = {out.md5 for out in read_outputs(root)[0]}
    leaving = set(versions) - current
    needed, problem = _find_needed(root, entries, current)
    kept = needed - {md5.removesuffix(".dir") for md5 in leaving}
    kept |= {md5 for name in kept for md5 in _read_members(cache, f"{name}.dir")}
    useless = {path for path, text in entries if leaving & set(_HASH.findall(text))}
    for path in merge_whole_folders(useless):
        remove_aside(path)
    members = {md5 for version in leaving for md5 in _read_members(cache, version)}
    gone = {object_path(cache, md5) for md5 in leaving | members - kept}
    if not problem:
        gone |= {path for path in list_objects(cache) if object_md5(path).removesuffix(".dir") not in kept}
    for path in sorted(
        gone, key=lambda path: path.suffix != ".dir"
    ):  # listings first: none is left without its members
        remove_aside(path)
    return problem and f"DVC's cache may hold versions that nothing names ({problem}): `artpipe gc --yes` frees them"


def _find_needed(root: Path, entries: Collection[Entry], current: Collection[str]) -> tuple[set[str], str]:
    """Return the MD5 that anything names, and why they may not be all.

    They are without the suffix of a folder's.
    """
    named = {md5.removesuffix(".dir") for _, text in entries for md5 in _HASH.findall(text)}
    named |= {md5.removesuffix(".dir") for md5 in current} | list_kept_hashes(root, math.inf)
    try:
        return named | find_reachable(root, entries, history=True).hashes, ""
    except ArtpipeError as error:  # no git, or not all of its commits
        problem = str(error)
    with suppress(ArtpipeError):
        named |= find_reachable(root, entries).hashes
    return named, problem


def _read_members(cache: Path, md5: str) -> Iterable[str]:
    try:
        return read_listing(object_path(cache, md5)).values() if md5.endswith(".dir") else ()
    except (OSError, ValueError):  # not in the cache, or damaged
        return ()


def _find_in_text(text: str, outputs: Collection[str]) -> set[str]:
    """Return the MD5 that a dvc.lock, or an entry of the run cache, has of some paths."""
    versions: set[str] = set()
    for item in _ITEM.split(text)[1:]:
        path, md5 = _PATH.search(item), _HASH.search(item)
        if path and md5 and path[1].strip() in outputs:
            versions.add(md5[1])
    return versions


def _read_all_versions(root: Path, file: str) -> Iterator[str]:
    """Yield a file's text in the workspace and in every commit that git has of it."""
    if (root / file).is_file():
        yield (root / file).read_text(encoding="utf-8", errors="replace")
    try:
        commits = run_git(root, "log", "--all", "--format=%H", "--", file).split()
        prefix = run_git(root, "rev-parse", "--show-prefix").strip()
    except NoRepositoryError:
        return
    objects = [f"{commit}:{prefix}{file}" for commit in commits]
    lines = run_git(root, "cat-file", "--batch-check=%(objectname) %(objecttype)", input_lines=objects).splitlines()
    for blob in dict.fromkeys(line.split()[0] for line in lines if line.endswith(" blob")):
        yield run_git(root, "cat-file", "blob", blob)
