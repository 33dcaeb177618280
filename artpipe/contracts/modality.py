"""One file per medium; each exports MEDIUM.

It defines what a work of the medium is, and how works become tensors.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from artpipe import plugins
from artpipe.config.params import DatasetEntry, IngestParams, SplitParams, validate_as

if TYPE_CHECKING:
    from artpipe.artifacts.shards import Split
    from artpipe.artifacts.works import Work, Works

CONTACT_SHEET_WORKS = 96  # works on a contact sheet, at most
Job = Callable[[bytes, Any], bytes]  # runs in a worker with limited memory and time; raises RejectedError


class FileWork(NamedTuple):
    """One work of a file: its name in the file, its bytes, what is known of it.

    The name is empty where the file is the work. `fields` are those of a Candidate: label, split, title, creator,
    year, licence, origin.
    """

    name: str
    data: bytes
    fields: Mapping[str, Any] = {}


class WorkFacts(NamedTuple):
    """What ingest keeps of a work it accepts, as a worker's JSON."""

    width: int  # in the medium's units: pixels, characters of the longest line, steps of a grid
    height: int  # pixels, lines, voices
    perceptual_hash: str  # 64 bits as 16 hex digits that near duplicates nearly share; empty where the medium has none
    notes: list[str]  # what was done to it
    content_hash: str = ""  # SHA-256 of what was decoded, where the settings have `hash_content` and the medium does it


@dataclass(frozen=True)
class PreprocessTask:
    """What preprocess asks of a medium.

    `split` and `label` are decided by the manifest alone.
    """

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


def yield_whole_file(name: str, data: bytes, ingest: IngestParams) -> Iterator[FileWork]:
    """Yield a file that is one work."""
    del name, ingest
    yield FileWork("", data)


@dataclass(frozen=True)
class Medium:
    """What a package in `modalities/` exports as MEDIUM.

    `split_file` yields the works in one file (a picture is one, a file of JSON lines holds many), `drop_works` returns the
    file without those of some names, and no bytes where none are left; `inspect` judges a work and
    returns its WorkFacts as JSON, in a worker; `write` turns the works of a PreprocessTask into a ShardSet and returns the sentence
    that says what there is, and runs `prepare` on every original, in a worker, with `settings`. `matches(start, name)` tells from a file's name and first bytes whether it holds such works.
    """

    noun: str  # "picture"
    params: type[SplitParams]
    matches: Callable[[bytes, str], bool]
    inspect: Job
    prepare: Job
    settings: Callable[[Any, IngestParams], Any]  # JSON, of the medium's parameters and those of ingest
    write: Callable[[PreprocessTask], str]
    files: str  # the kinds of file it reads, for messages
    columns: frozenset[str]  # of its shards, at most
    split_file: Callable[[str, bytes, IngestParams], Iterator[FileWork]] = yield_whole_file
    drop_works: Callable[[str, bytes, IngestParams, Collection[str]], bytes] | None = None
    explain_unread: Callable[[bytes], str] = lambda start: ""  # noqa: ARG005 - a known format it does not read, what to do with it
    suffixes: tuple[str, ...] = ()  # of names that need no look at the bytes
    sidecars: tuple[str, ...] = ()  # of files that lie beside a work under its name and are none
    reads_sidecars: bool = True  # they tell of their works
    is_preferred: bool = False  # it is this one where as many files may be of another medium


def find_medium(entry: DatasetEntry) -> Medium:
    """Return the medium of a dataset.

    Raises:
        UserError: there is none of that name.
    """
    medium: Medium = plugins.load_plugin("modalities", entry.medium)
    return medium


def parse_preprocess_params(name: str, entry: DatasetEntry) -> Any:
    """Return `datasets.NAME.preprocess`, typed as its medium's parameters.

    Raises:
        UserError: unknown medium or parameter, with the place.
    """
    place = f"datasets.{name}.preprocess"
    return validate_as(find_medium(entry).params, entry.preprocess, file="params.yaml", place=place)
