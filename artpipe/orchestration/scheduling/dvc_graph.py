"""Ask DVC for its graph and for what is stale, and repair its torn files.

The only module that does so; in this process, because a `dvc` command costs a second to start.
"""

import atexit
import contextlib
import io
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
from artpipe.config.safe_yaml import require_no_conflict
from artpipe.errors import BusyError, UserError
from artpipe.orchestration.scheduling.dvc_speedups import pause_garbage_collection, read_params_once
from artpipe.orchestration.scheduling.stage_costs import compute_urgencies, estimate_seconds, rate_picture
from artpipe.storage.dvc_busy import describe_busy, is_busy
from artpipe.storage.dvc_cache import find_tracking_files, is_torn, is_valid_lock, recover_tracking_file
from artpipe.storage.dvc_command import extract_dvc_reason
from artpipe.storage.dvc_lock import print_once, wait_for_dvc_lock
from artpipe.system.atomic_files import write_text

PARAMS_SECTIONS = {
    "train": "models", "evaluate": "models", "ingest": "datasets", "preprocess": "datasets", "weights": "weights"
}  # fmt: skip  # of params.yaml, for whose entries there is a stage each
_LOCK_SECONDS = 600.0  # of waiting for DVC's lock, at most
_RETRY_SECONDS = 1.0  # between two tries while another dvc is running


class DvcGraph(NamedTuple):
    """DVC's graph and what is stale of it, at one moment."""

    graph: Any  # networkx, from each node to those that it directly depends on; a node is DVC's address
    changes: Mapping[str, list[Any]]  # by stale node, as `dvc status --json` has them

    @property
    def upstream(self) -> dict[str, tuple[str, ...]]:
        """Return the nodes that each node directly depends on, in topological order."""
        import networkx as nx

        order = nx.lexicographical_topological_sort(self.graph.reverse())
        return {name: tuple(sorted(self.graph.successors(name))) for name in order}


@dataclass(frozen=True)
class Stage:
    """A node of the graph that the flow has to bring up to date."""

    name: str  # DVC's address: `train@gan`, `gallery`, `datasets/paintings.dvc`
    upstream: tuple[str, ...]  # addresses of the nodes it directly depends on
    stale: bool  # False: it only lies below a stale one, and may turn out to be up to date
    urgency: float = 0.0  # seconds from its start until the last stage below it has ended, as far as is known
    force: bool = False  # to be made again, up to date or not
    seconds: float = 0.0  # that it takes, as far as is known
    appeal: float = 0.0  # of what hangs when it has ended; 0: nothing does
    first_look: float = 1.0  # share of a training's time after which what it makes is worth a look
    is_share: bool = False  # a share of a stage's work, done beforehand; the stage does without it where it fails


PRESET_STAGES: ContextVar[list[Stage] | None] = ContextVar("PRESET_STAGES", default=None)  # found before the flow began


def read_graph(
    targets: Sequence[str] | None = None,
    *,
    wait_seconds: float = _LOCK_SECONDS,
    params_text: str | None = None,
    during_run: bool = False,
) -> DvcGraph:
    """Return DVC's graph, and what is stale of it or of some targets.

    The project is the one in the working folder, where DVC's addresses have no path. While another dvc is at work, it is
    asked again, for up to `wait_seconds`; with `during_run` it answers all the same, and what is being made is stale. With
    `params_text` it is as if that stood in params.yaml; nothing is written.

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
            with _translate_dvc_errors(), pause_garbage_collection():
                return _ask_dvc(targets, params_text)
        except LockError as error:
            holder = describe_busy(str(error))
            if during_run and is_busy(str(error)):
                print_once(f"{holder}; what it makes is told as not made yet")
                with contextlib.suppress(FileNotFoundError), _translate_dvc_errors(), _look_without_record():
                    return _ask_dvc(targets, params_text)  # a file that goes while it is read: another try
            if time.monotonic() > deadline:
                raise BusyError(f"{holder}; try again when it has ended") from error
            if is_busy(str(error)):
                print_once(f"{holder}; waiting")
        time.sleep(_RETRY_SECONDS)


def _import_dvc() -> None:
    """Import DVC, and undo what it does to a terminal.

    It wraps our streams, writes codes to the terminal at exit, and shows progress bars and warnings.
    """
    if "dvc" not in sys.modules:
        import colorama
        import dvc  # noqa: F401

        colorama.deinit()
        atexit.unregister(colorama.initialise.reset_all)
        logging.getLogger("dvc").setLevel(logging.CRITICAL)  # of its bars, too


def _ask_dvc(targets: Sequence[str] | None, params_text: str | None) -> DvcGraph:
    import networkx as nx
    from dvc.dependency import param
    from dvc.repo import Repo, lock_repo

    with Repo() as repo, lock_repo(repo):  # outside of the lock the graph would be built a second time
        if params_text is not None:
            params_file, open_file = Path("params.yaml").absolute(), repo.fs.open
            repo.fs.open = lambda path, *args, **options: (
                io.StringIO(params_text) if Path(path).absolute() == params_file else open_file(path, *args, **options)
            )
        with read_params_once(param):
            changes = repo.status(targets=targets)
        return DvcGraph(nx.relabel_nodes(repo.index.graph, lambda stage: stage.addressing), changes)


@contextlib.contextmanager
def _look_without_record() -> Iterator[None]:
    """Have DVC look at paths that another dvc writes, without a note of it.

    The note would stand in its record of readers and writers.

    For looking alone; this process does nothing else meanwhile.
    """
    import dvc.rwlock

    original = dvc.rwlock.rwlock
    dvc.rwlock.rwlock = lambda *_arguments: contextlib.nullcontext()
    try:
        yield
    finally:
        dvc.rwlock.rwlock = original


def find_stale_stages(
    targets: Sequence[str] | None = None,
    wait_seconds: float = _LOCK_SECONDS,
    *,
    gallery: bool = False,
    dataset: str | None = None,
    force: bool = False,
) -> list[Stage]:
    """Return the stale stages and all below them, each after its upstream.

    Args:
        targets: only these and what they need; none: everything.
        wait_seconds: see `read_graph`.
        gallery: the last stage follows, whatever else is stale: the gallery shows what there is, and names its gaps.
        dataset: all that is made from it, and the gallery.
        force: what was asked for is made again, up to date or not.

    Raises:
        KeyError: a target, or the dataset's ingest, is not in the graph.
        UserError, BusyError: see `read_graph`.
    """
    import networkx as nx

    graph, changes = dvc_graph = read_graph(wait_seconds=wait_seconds)
    roots = _find_downstream(graph, dataset) if dataset else set(targets or ())
    needed = _find_upstream(graph, roots) | ({LAST_STAGE} if gallery or dataset else set())
    forced = {name for name in roots or graph if not name.endswith(".dvc")} if force else set()
    start_nodes = changes.keys() | forced
    affected = start_nodes.union(*(nx.ancestors(graph, name) for name in start_nodes & set(graph))) & needed
    seconds = estimate_seconds(affected) if affected else {}
    urgency = compute_urgencies(graph, seconds)
    return [
        Stage(name, upstream, name in start_nodes, urgency[name], name in forced, seconds[name], *rate_picture(name))
        for name, upstream in dvc_graph.upstream.items()
        if name in affected
    ]


def repair_dvc_files() -> list[str]:
    """Repair the files that a killed dvc left half-written; return what was done.

    DVC writes its record of readers and writers (`rwlock`) and dvc.lock in place; where one of them is torn, every dvc
    fails. The readers in a torn `rwlock` are no longer alive. What dvc.lock held is in the run cache too, so nothing is
    computed again.
    """
    _import_dvc()
    from dvc.dvcfile import Lockfile
    from dvc.exceptions import DvcException
    from dvc.lock import make_lock
    from dvc.repo import Repo

    repairs = []
    for file in (Path("dvc.lock"), *find_tracking_files(Path())):
        require_no_conflict(file)  # whole on both sides: nothing to mend
    wait_for_dvc_lock(Path())
    with _translate_dvc_errors(), Repo(_wait_for_lock=True) as repo, repo.lock:
        folder, hardlinks = Path(repo.tmp_dir), bool(repo.config["core"].get("hardlink_lock"))
        with make_lock(str(folder / "rwlock.lock"), tmp_dir=str(folder), hardlink_lock=hardlinks, wait=True):
            repairs += _remove_torn_rwlock(folder / "rwlock")
        lock = Path(repo.root_dir) / "dvc.lock"
        try:
            lock_content = Lockfile(repo, str(lock)).load()
            torn = lock.exists() and not is_valid_lock(lock_content)
        except DvcException:
            torn = True
        if torn:
            lock.replace(folder / "dvc.lock.torn")
            repairs.append("dvc was killed while it wrote dvc.lock: made anew from the run cache")
        for file in filter(is_torn, find_tracking_files(Path(repo.root_dir))):
            if text := recover_tracking_file(file):
                file.replace(folder / f"{file.name}.torn")
                write_text(file, text)
                repairs.append(f"dvc was killed while it wrote {file.name}: it tracks what lies there, as before")
    return repairs


def _remove_torn_rwlock(rwlock: Path) -> list[str]:
    """Remove DVC's record of readers and writers if it is torn; return what was done."""
    try:
        json.loads(rwlock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except ValueError:
        rwlock.unlink()
        return ["dvc was killed while it noted what it reads: the torn note is removed"]
    return []


@contextlib.contextmanager
def _translate_dvc_errors() -> Iterator[None]:
    """Raise DVC's errors, except those of its lock, as a UserError of one line.

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
        raise UserError(f"dvc: {extract_dvc_reason(f'ERROR: {text}', 255)}") from error


def _find_downstream(graph: Any, dataset: str) -> set[str]:
    import networkx as nx

    first = f"ingest@{dataset}"
    if first not in graph:
        raise KeyError(first)
    return {first}.union(nx.ancestors(graph, first)) - {LAST_STAGE}


def _find_upstream(graph: Any, targets: Collection[str]) -> set[str]:
    import networkx as nx

    if not targets:
        return set(graph)
    unknown = [target for target in targets if target not in graph]
    if unknown:
        raise KeyError(unknown[0])
    return set(targets).union(*(nx.descendants(graph, target) for target in targets))
