"""Run the jobs of a modality in workers on the works of a dataset."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from artpipe import plugins
from artpipe.config.params import MINIMUM_WORKS, DatasetEntry, IngestParams
from artpipe.errors import ArtpipeError, UserError
from artpipe.language.sentences import read_sentence
from artpipe.layout.medium_detection import describe_unread_formats
from artpipe.layout.work_kinds import WorkKind
from artpipe.untrusted.job_cache import cached_outcomes
from artpipe.untrusted.worker_pool import WorkerLimits

if TYPE_CHECKING:
    from artpipe.artifacts.works import Work
from artpipe.contracts.modality import Job, Medium, PreprocessTask, find_medium, yield_whole_file


def work_kinds() -> dict[str, WorkKind]:
    """Return how the files of each medium are recognised, by the medium's name."""
    return {name: _work_kind(name) for name in plugins.list_plugins("modalities")}


def _work_kind(name: str) -> WorkKind:
    medium: Medium = plugins.load_plugin("modalities", name)
    return WorkKind(
        noun=medium.noun,
        files=medium.files,
        matches=medium.matches,
        suffixes=medium.suffixes,
        sidecars=medium.sidecars,
        many=medium.split_file is not yield_whole_file,
        is_preferred=medium.is_preferred,
        reads_sidecars=medium.reads_sidecars,
        explain_unread=medium.explain_unread,
    )


def require_works(place: object, entry: DatasetEntry, starts: Iterable[tuple[bytes, str]]) -> None:
    """Refuse an input with too few works, by the first bytes and names of its files.

    It stops when there are enough.

    A file of a medium that may hold many works in one file is enough.

    Raises:
        UserError: none, or fewer than `MINIMUM_WORKS`.
    """
    medium, others, works = find_medium(entry), 0, 0
    unread: Counter[str] = Counter()
    for start, name in starts:
        is_work = medium.matches(start, name)
        works, others = works + is_work, others + (not is_work)
        if not is_work and (advice := medium.explain_unread(start)):
            unread[advice] += 1
        if works >= (MINIMUM_WORKS if medium.split_file is yield_whole_file else 1):
            return
    if not works:
        other_files = f"; {others} other {'file' if others == 1 else 'files'}" if others else ""
        raise UserError(
            f"{place}: no {medium.noun} files in it ({medium.files}){other_files}{describe_unread_formats(unread)}"
        )
    noun = f"{medium.noun}{'' if works == 1 else 's'}"
    needed = f"a dataset needs at least {MINIMUM_WORKS} for its splits"
    raise UserError(f"{place}: {works} {noun} in it, {needed}{describe_unread_formats(unread)}")


def run_jobs(task: PreprocessTask, job: Job, settings: Any) -> "Iterator[tuple[Work, bytes]]":
    """Yield every work with the result of `job` on its original.

    In the order of the manifest; the job runs in a worker.

    Raises:
        ArtpipeError: a work that ingest kept fails now.
    """
    options = {"job": job_name(job), "settings": settings, "limits": make_worker_limits(task.ingest, is_accepted=True)}
    for work, outcome in cached_outcomes(task.works.originals(), stage=f"preprocess@{task.name}", **options):
        if outcome.reason is not None:
            problem = f"{outcome.reason} {read_sentence(outcome.detail)}".strip()
            raise ArtpipeError(
                f"{task.works.folder}: work {work.sha256[:12]} was kept and cannot be decoded now: {problem}"
            )
        yield work, outcome.payload


def make_worker_limits(ingest: IngestParams, *, is_accepted: bool = False) -> WorkerLimits:
    """Return the limits of a worker for one input of a dataset.

    They are higher for an accepted one, since its failure fails the stage.
    """
    seconds, megabytes = ingest.decode_seconds, ingest.decode_megabytes
    return WorkerLimits(
        seconds=4 * seconds if is_accepted else seconds, memory_megabytes=2 * megabytes if is_accepted else megabytes
    )


def job_name(job: Job) -> str:
    """Return the ``module:function`` that a worker imports."""
    return f"{job.__module__}:{job.__qualname__}"
