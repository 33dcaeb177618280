"""The one place that asks DVC for its graph and for what is stale; in process, because a `dvc` of its own costs a second."""

import atexit
import contextlib
import gc
import json
import logging
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.artifacts.paths import LAST_STAGE
from artpipe.config.params import load_params, read_yaml
from artpipe.config.safe_yaml import require_no_conflict
from artpipe.errors import BusyError, UserError
from artpipe.storage.dvc_cache import is_lock, is_torn, tracking_files, whole_again
from artpipe.storage.dvc_command import reason_of
from artpipe.storage.dvc_lock import wait_for_dvc_lock
from artpipe.system.atomic_files import write_text

BUSY = "is busy, it is being blocked by"  # DVC, of a path that another dvc reads or writes
_LOCK_SECONDS = 600.0  # of waiting for DVC's lock, at most
_AGAIN_SECONDS = 1.0  # between two tries while another dvc is at work


class DvcGraph(NamedTuple):
    """What DVC says of a project at one moment."""

    graph: Any  # networkx, from each node to those that it directly depends on; a node is DVC's address
    changes: Mapping[str, list[Any]]  # by stale node, as `dvc status --json` has them

    @property
    def upstream(self) -> dict[str, tuple[str, ...]]:
        """Return the nodes that each node directly depends on; each stands behind these."""
        import networkx as nx

        order = nx.lexicographical_topological_sort(self.graph.reverse())
        return {name: tuple(sorted(self.graph.successors(name))) for name in order}


@dataclass(frozen=True)
class Stage:
    """One node that the flow has to bring up to date."""

    name: str  # DVC's address: `train@gan`, `gallery`, `datasets/paintings.dvc`
    upstream: tuple[str, ...]  # addresses of the nodes it directly depends on
    stale: bool  # False: it only lies below a stale one, and may turn out to be up to date
    urgency: float = 0.0  # seconds from its start until the last stage below it has ended, as far as is known
    force: bool = False  # to be made again, up to date or not
    part: bool = False  # a share of a stage's work, done beforehand; the stage does without it where it fails


KNOWN_STAGES: ContextVar[list[Stage] | None] = ContextVar("KNOWN_STAGES", default=None)  # asked before the flow began


def read_graph(targets: Sequence[str] | None = None, *, wait_seconds: float = _LOCK_SECONDS) -> DvcGraph:
    """Return DVC's graph, and what is stale of it or of some targets.

    The project is the one in the working folder, where DVC's addresses have no path. While another dvc is at work, it
    is asked again, for up to `wait_seconds`.

    Raises:
        UserError: DVC's own reason.
        BusyError: another dvc was still at work.
    """
    _import_dvc()
    from dvc.lock import LockError

    deadline = time.monotonic() + wait_seconds
    while True:
        wait_for_dvc_lock(Path(), wait_seconds=min(wait_seconds, _LOCK_SECONDS))
        try:
            with _reasons(), _uncollected():
                return _ask_dvc(targets)
        except LockError as error:
            if time.monotonic() > deadline:
                raise BusyError(f"dvc: {' '.join(str(error).split())}") from error
        time.sleep(_AGAIN_SECONDS)


def _import_dvc() -> None:
    """Import DVC without what it does to a terminal: it wraps our streams, sends codes at our end, and shows bars and warnings."""
    if "dvc" not in sys.modules:
        import colorama
        import dvc  # noqa: F401

        colorama.deinit()
        atexit.unregister(colorama.initialise.reset_all)
        logging.getLogger("dvc").setLevel(logging.CRITICAL)  # of its bars, too


def _ask_dvc(targets: Sequence[str] | None) -> DvcGraph:
    import networkx as nx
    from dvc.repo import Repo, lock_repo

    with Repo() as repo, lock_repo(repo):  # outside of the lock the graph would be built a second time
        changes = repo.status(targets=targets)
        return DvcGraph(nx.relabel_nodes(repo.index.graph, lambda stage: stage.addressing), changes)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Have Python collect no garbage meanwhile: of DVC's many small objects none is in a circle, and each look takes a fifth longer."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def stale_stages(
    targets: Sequence[str] | None = None,
    wait_seconds: float = _LOCK_SECONDS,
    *,
    gallery: bool = False,
    dataset: str | None = None,
    force: bool = False,
) -> list[Stage]:
    """Return what is stale and all below it, each after its upstream; with `targets` only what these need.

    With `gallery` the last stage follows, whatever else is stale: the gallery shows what there is, and names its gaps.
    A `dataset` stands for all that is made from it, and the gallery. With `force` what was wanted is made again.

    Raises:
        KeyError: a target, or the dataset's ingest, is not in the graph.
        UserError, BusyError: see `read_graph`.
    """
    import networkx as nx

    graph, changes = answer = read_graph(wait_seconds=wait_seconds)
    wanted = _made_from(graph, dataset) if dataset else set(targets or ())
    needed = _needed(graph, wanted) | ({LAST_STAGE} if gallery or dataset else set())
    forced = {name for name in wanted or graph if not name.endswith(".dvc")} if force else set()
    begun = changes.keys() | forced
    affected = begun.union(*(nx.ancestors(graph, name) for name in begun & set(graph))) & needed
    urgency = _urgencies(graph, affected) if affected else {}
    return [
        Stage(name, upstream, name in begun, urgency[name], name in forced)
        for name, upstream in answer.upstream.items()
        if name in affected
    ]


def mended() -> list[str]:
    """Put right what a dvc that was killed in the middle of writing left torn, and say what was done.

    DVC writes its book of who reads what, and dvc.lock, in place; where one of them is no longer whole, every dvc fails. The
    book tells of nobody who still lives. What dvc.lock said is in the run cache too, so nothing is computed again.
    """
    _import_dvc()
    from dvc.dvcfile import Lockfile
    from dvc.exceptions import DvcException
    from dvc.lock import make_lock
    from dvc.repo import Repo

    said = []
    for file in (Path("dvc.lock"), *tracking_files(Path())):
        require_no_conflict(file)  # whole on both sides: nothing to mend
    wait_for_dvc_lock(Path())
    with _reasons(), Repo(_wait_for_lock=True) as repo, repo.lock:
        folder, linked = Path(repo.tmp_dir), bool(repo.config["core"].get("hardlink_lock"))
        with make_lock(str(folder / "rwlock.lock"), tmp_dir=str(folder), hardlink_lock=linked, wait=True):
            said += _remove_torn_note(folder / "rwlock")
        lock = Path(repo.root_dir) / "dvc.lock"
        try:
            said_by_lock = Lockfile(repo, str(lock)).load()
            torn = lock.exists() and not is_lock(said_by_lock)
        except DvcException:
            torn = True
        if torn:
            lock.replace(folder / "dvc.lock.torn")
            said.append("dvc was killed while it wrote dvc.lock: made anew from the run cache")
        for file in filter(is_torn, tracking_files(Path(repo.root_dir))):
            if text := whole_again(file):
                file.replace(folder / f"{file.name}.torn")
                write_text(file, text)
                said.append(f"dvc was killed while it wrote {file.name}: it tracks what lies there, as before")
    return said


def _remove_torn_note(note: Path) -> list[str]:
    """Remove DVC's book of who reads what, unless it is whole, and say so."""
    try:
        json.loads(note.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except ValueError:
        note.unlink()
        return ["dvc was killed while it noted what it reads: the torn note is removed"]
    return []


@contextlib.contextmanager
def _reasons() -> Iterator[None]:
    """Turn what DVC refuses into one line with its own reason; that a lock is held is left to the caller.

    Raises:
        UserError: DVC's reason.
    """
    from dvc.exceptions import DvcException
    from dvc.lock import LockError

    try:
        yield
    except LockError:
        raise
    except DvcException as error:
        causes = [error, error.__cause__]
        text = ". ".join(dict.fromkeys(" ".join(str(cause).split()) for cause in causes if cause))
        raise UserError(f"dvc: {reason_of(f'ERROR: {text}', 255)}") from error


def _urgencies(graph: Any, affected: set[str]) -> dict[str, float]:
    """Return the length of the longest chain below each stage: with fewer slots than stages, long chains go first."""
    import networkx as nx

    from artpipe.project.estimates import Costs

    lock = Path("dvc.lock")
    stages = (read_yaml(lock) or {}).get("stages", {}) if lock.exists() else {}
    costs, found = Costs(Path(), load_params(), stages), dict[str, float]()
    for name in nx.topological_sort(graph):  # what is below comes first
        below = max((found[reader] for reader in graph.predecessors(name)), default=0.0)
        found[name] = below + (costs.of(name).core_seconds if name in affected else 0.0)
    return found


def _made_from(graph: Any, dataset: str) -> set[str]:
    import networkx as nx

    first = f"ingest@{dataset}"
    if first not in graph:
        raise KeyError(first)
    return {first}.union(nx.ancestors(graph, first)) - {LAST_STAGE}


def _needed(graph: Any, targets: Collection[str]) -> set[str]:
    import networkx as nx

    if not targets:
        return set(graph)
    unknown = [target for target in targets if target not in graph]
    if unknown:
        raise KeyError(unknown[0])
    return set(targets).union(*(nx.descendants(graph, target) for target in targets))
