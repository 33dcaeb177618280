"""Jobs of a modality, run in workers on the works of a dataset."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from artpipe import plugins
from artpipe.config.params import MINIMUM_WORKS, DatasetEntry, IngestParams
from artpipe.errors import ArtpipeError, UserError
from artpipe.layout.medium_detection import describe_unread
from artpipe.layout.work_kinds import WorkKind
from artpipe.untrusted.job_cache import answered
from artpipe.untrusted.worker_pool import Limits

if TYPE_CHECKING:
    from artpipe.artifacts.works import Work
from artpipe.contracts.modality import Job, Medium, Task, medium_of, one_part


def work_kinds() -> dict[str, WorkKind]:
    """Return what tells the files of each medium, by the medium's name."""
    return {name: _work_kind(name) for name in plugins.names("modalities")}


def _work_kind(name: str) -> WorkKind:
    medium: Medium = plugins.find("modalities", name)
    return WorkKind(
        noun=medium.noun,
        files=medium.files,
        begins=medium.begins,
        suffixes=medium.suffixes,
        sidecars=medium.sidecars,
        many=medium.parts is not one_part,
        likely=medium.likely,
        reads_sidecars=medium.reads_sidecars,
        unread=medium.unread,
    )


def require_works(place: object, entry: DatasetEntry, starts: Iterable[tuple[bytes, str]]) -> None:
    """Refuse a place with too few works, by the first bytes and the names of its files; stops when there are enough.

    A file of a medium that may hold many works in one file is enough.

    Raises:
        UserError: none, or fewer than `MINIMUM_WORKS`.
    """
    medium, others, found = medium_of(entry), 0, 0
    unread: Counter[str] = Counter()
    for start, name in starts:
        begins = medium.begins(start, name)
        found, others = found + begins, others + (not begins)
        if not begins and (advice := medium.unread(start)):
            unread[advice] += 1
        if found >= (MINIMUM_WORKS if medium.parts is one_part else 1):
            return
    if not found:
        beside = f"; {others} other {'file' if others == 1 else 'files'}" if others else ""
        raise UserError(f"{place}: no {medium.noun} files in it ({medium.files}){beside}{describe_unread(unread)}")
    noun = f"{medium.noun}{'' if found == 1 else 's'}"
    needed = f"a dataset needs at least {MINIMUM_WORKS} for its splits"
    raise UserError(f"{place}: {found} {noun} in it, {needed}{describe_unread(unread)}")


def worked(task: Task, job: Job, settings: Any) -> "Iterator[tuple[Work, bytes]]":
    """Yield every work with what `job` makes of its original in a worker, in the order of the manifest.

    Raises:
        ArtpipeError: a work that ingest kept fails now.
    """
    asked = {"job": job_name(job), "settings": settings, "limits": limits_of(task.ingest, kept=True)}
    for work, outcome in answered(task.works.originals(), stage=f"preprocess@{task.name}", **asked):
        if outcome.reason is not None:
            why = f"{outcome.reason} {outcome.detail}".strip()
            raise ArtpipeError(
                f"{task.works.folder}: work {work.sha256[:12]} was kept and cannot be decoded now: {why}"
            )
        yield work, outcome.payload


def limits_of(ingest: IngestParams, *, kept: bool = False) -> Limits:
    """Return what a worker may take for one input of a dataset; for a kept one more, since its failure fails the stage."""
    seconds, megabytes = ingest.decode_seconds, ingest.decode_megabytes
    return Limits(seconds=4 * seconds if kept else seconds, memory_megabytes=2 * megabytes if kept else megabytes)


def job_name(job: Job) -> str:
    """Return what a worker imports."""
    return f"{job.__module__}:{job.__qualname__}"
