"""One file per medium; each exports MEDIUM: what a work of it is, and how works become tensors."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from artpipe import plugins
from artpipe.errors import ArtpipeError, UserError
from artpipe.inputs.answers import answered
from artpipe.inputs.enough import MINIMUM_WORKS
from artpipe.inputs.layout.kinds import WorkKind
from artpipe.inputs.layout.medium import describe_unread
from artpipe.inputs.pool import Limits
from artpipe.params import DatasetEntry, IngestParams, SplitParams, validated

if TYPE_CHECKING:
    from artpipe.artifacts.manifest import Work, Works
    from artpipe.artifacts.shards import Split

SHOWN = 96  # works on a contact sheet, at most
Job = Callable[[bytes, Any], bytes]  # runs in a worker with limited memory and time; raises RejectedError


class Part(NamedTuple):
    """One work of a file: its name in the file (empty where the file is the work), its bytes, what is known of it.

    `fields` are those of a Candidate: label, split, title, creator, year, licence, origin.
    """

    name: str
    data: bytes
    fields: Mapping[str, Any] = {}


class Facts(NamedTuple):
    """What ingest keeps of a work it accepts, as a worker's JSON."""

    width: int  # in the medium's units: pixels, characters of the longest line, steps of a grid
    height: int  # pixels, lines, voices
    look: str  # 64 bits as 16 hex digits that near duplicates nearly share; empty where the medium has none
    notes: list[str]  # what was done to it


@dataclass(frozen=True)
class Task:
    """What preprocess asks of a medium; `split` and `label` are decided by the manifest alone."""

    name: str
    params: Any  # the medium's own
    ingest: IngestParams
    works: "Works"
    folder: Path  # to write to
    split: "Callable[[Work], Split]"
    label: "Callable[[Work], int]"  # number of its class, -1 where it has none
    classes: tuple[str, ...]
    shown: frozenset[str]  # SHA-256 of the works on the contact sheet
    order: Callable[[str], str]  # of the contact sheet


def one_part(name: str, data: bytes, ingest: IngestParams) -> Iterator[Part]:
    """Yield a file that is one work."""
    del name, ingest
    yield Part("", data)


@dataclass(frozen=True)
class Medium:
    """What a file in `media/` exports as MEDIUM.

    `parts` yields the works in one file (a picture is one, a file of JSON lines holds many); `inspect` judges a work and
    returns its Facts as JSON, in a worker; `write` turns the works of a Task into a ShardSet and returns the sentence
    that says what there is, and runs `prepare` on every original, in a worker, with `settings`. `begins(start, name)` tells from a file's name and first bytes whether it holds such works.
    """

    noun: str  # "picture"
    params: type[SplitParams]
    begins: Callable[[bytes, str], bool]
    inspect: Job
    prepare: Job
    settings: Callable[[Any, IngestParams], Any]  # JSON, of the medium's parameters and those of ingest
    write: Callable[[Task], str]
    files: str  # the kinds of file it reads, for messages
    columns: frozenset[str]  # of its shards, at most
    parts: Callable[[str, bytes, IngestParams], Iterator[Part]] = one_part
    unread: Callable[[bytes], str] = lambda start: ""  # noqa: ARG005 - a known format it does not read, what to do with it
    suffixes: tuple[str, ...] = ()  # of names that need no look at the bytes
    sidecars: tuple[str, ...] = ()  # of files that lie beside a work under its name and are none


def work_kinds() -> dict[str, WorkKind]:
    """Return what tells the files of each medium, by the medium's name."""
    media: dict[str, Medium] = {name: plugins.find("media", name) for name in plugins.names("media")}
    return {
        name: WorkKind(
            medium.noun,
            medium.files,
            medium.begins,
            medium.suffixes,
            medium.sidecars,
            medium.parts is not one_part,
            medium.unread,
        )
        for name, medium in media.items()
    }


def medium_of(entry: DatasetEntry) -> Medium:
    """Return the medium of a dataset.

    Raises:
        UserError: there is none of that name.
    """
    found: Medium = plugins.find("media", entry.medium)
    return found


def params_of(name: str, entry: DatasetEntry) -> Any:
    """Return `datasets.NAME.preprocess`, typed as its medium's parameters.

    Raises:
        UserError: unknown medium or parameter, with the place.
    """
    place = f"datasets.{name}.preprocess"
    return validated(medium_of(entry).params, entry.preprocess, file="params.yaml", place=place)


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
