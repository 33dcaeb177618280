"""Read and write a dataset's manifest: the works, and the record of them.

`data/works/NAME` holds `works.json`, `works.parquet` and the originals, byte for byte, in tar shards, and
`captions.parquet` where works have captions; its card's hash names the data. `data/record/NAME` holds `report.json`, `record.parquet` and `quarantine.parquet`. Nothing of the record
reaches the works, so a corrected licence leaves them as they are, byte for byte.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, repeat
from pathlib import Path
from typing import IO, Literal, NamedTuple, Self

from artpipe.artifacts.cards import load_card, save_card
from artpipe.artifacts.parquet import TableWriter, read_tuples, verify_table
from artpipe.artifacts.tar_shards import TarShardWriter
from artpipe.artifacts.work_captions import CAPTIONS_FILE, CaptionWriter, WorkCaption, align_captions
from artpipe.config.params import About, Frozen
from artpipe.errors import CorruptError
from artpipe.system.hashing import sha256_bytes, sha256_file

SHARD_BYTES = 256 * 2**20


class Work(NamedTuple):
    """One row of `works.parquet`."""

    sha256: str  # of the original's bytes; the key into the record
    label: str | None
    split: Literal["train", "validation", "test"] | None  # the official one, where there is one
    width: int  # of a picture, upright, in pixels; of text the characters of its longest line; of music steps
    height: int  # pixels; lines; voices
    phash: str  # of a picture: 64-bit difference hash, 16 hex digits; empty for other media
    shard: str  # file with the original
    offset: int  # in bytes
    bytes: int


class Provenance(NamedTuple):
    """One row of `record.parquet`."""

    sha256: str
    name: str  # as the source calls it
    title: str | None
    creator: str
    year: str | None
    licence: str
    origin: str
    notes: str  # what was done to it, `; ` between
    caption: str | None = None  # in the words of a sidecar or of metadata


class Quarantined(NamedTuple):
    """One row of `quarantine.parquet`: an input that was not accepted."""

    name: str
    reason: str  # one of `artpipe.untrusted.rejection.REASONS`
    detail: str


class WorksCard(Frozen):
    """`works.json`; its hash is the hash of the data."""

    format: int = 1
    dataset: str
    count: int
    labels: dict[str, int]  # works by label, names sorted
    unlabelled: int
    splits: dict[str, int]  # works by official split; empty where there is none
    files: dict[str, str]  # SHA-256 by name


class RecordCard(Frozen):
    """`report.json`: what became of every input."""

    format: int = 1
    dataset: str
    works: str  # hash of the works this is the record of
    about: About
    inputs: int
    kept: int
    quarantined: dict[str, int]  # inputs by reason, names sorted
    notes: dict[str, int]  # kept works by what was done to them
    labels: dict[str, int]
    unlabelled: int
    splits: dict[str, int]
    files: dict[str, str]


class Works:
    """The accepted works: rows in the order of the source, originals by row."""

    def __init__(self, folder: Path, card: WorksCard, sha256: str) -> None:
        self.folder, self.card, self.sha256 = folder, card, sha256

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a folder; reads the card only.

        Raises:
            UserError, CorruptError: see `load_card`.
        """
        return cls(folder, *load_card(folder / "works.json", WorksCard))

    def rows(self) -> Iterator[Work]:
        """Yield the rows, verified and a few thousand at a time.

        Raises:
            CorruptError: the table is missing or damaged.
        """
        path = verify_table(self.folder, "works.parquet", self.card.files)
        return read_tuples(path, Work)

    @property
    def has_captions(self) -> bool:
        """Return whether any work has a caption."""
        return CAPTIONS_FILE in self.card.files

    def captions(self) -> Iterator[str]:
        """Yield each work's caption, in the order of the rows; empty for none.

        Raises:
            CorruptError: a table is missing or damaged.
        """
        if not self.has_captions:
            return repeat("", self.card.count)
        path = verify_table(self.folder, CAPTIONS_FILE, self.card.files)
        return align_captions(read_tuples(path, WorkCaption), (work.sha256 for work in self.rows()))

    def originals(self, first: int = 0, step: int = 1) -> Iterator[tuple[Work, bytes]]:
        """Yield each row (or each `step`'th from the `first` on) with its original.

        Raises:
            CorruptError: a shard is missing or damaged.
        """
        shard, stream = "", None
        try:
            for work in islice(self.rows(), first, None, step):
                if work.shard != shard:
                    if stream:
                        stream.close()
                    shard, stream = work.shard, _open_shard(self.folder / work.shard)
                assert stream is not None  # noqa: S101 - the first row opened it
                yield work, _read_original(stream, work)
        finally:
            if stream:
                stream.close()

    def original(self, work: Work) -> bytes:
        """Return one work's original, verified.

        Raises:
            CorruptError: its shard is missing or damaged.
        """
        with _open_shard(self.folder / work.shard) as stream:
            return _read_original(stream, work)


class WorksWriter:
    """Write the works; memory does not grow with their number."""

    def __init__(self, folder: Path, dataset: str, shard_bytes: int = SHARD_BYTES) -> None:
        self.folder, self.dataset = folder, dataset
        self.table = TableWriter(folder / "works.parquet", Work)
        self.captions = CaptionWriter(folder)
        self.shards = TarShardWriter(folder, shard_bytes)
        self.labels, self.splits = Counter[str](), Counter[str]()
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.table.release()
        self.captions.release()
        self.shards.close()

    def add(
        self, data: bytes, *, sha256: str, label: str | None, split: str | None, width: int, height: int, phash: str
    ) -> None:
        """Add a work and its original; its caption is added to `captions`."""
        shard, offset = self.shards.add(data, sha256)
        self.table.add((sha256, label, split, width, height, phash, shard, offset, len(data)))
        self.count += 1
        if label is not None:
            self.labels[label] += 1
        if split is not None:
            self.splits[split] += 1

    def close(self) -> tuple[WorksCard, str]:
        """Write the card last and return it with its hash."""
        self.shards.close()
        self.table.close()
        names = ("works.parquet", *self.captions.close(), *self.shards.names)
        card = WorksCard(
            dataset=self.dataset,
            count=self.count,
            labels=dict(sorted(self.labels.items())),
            unlabelled=self.count - self.labels.total(),
            splits=dict(sorted(self.splits.items())),
            files={name: sha256_file(self.folder / name) for name in names},
        )
        return card, save_card(self.folder / "works.json", card)


class Record:
    """The provenance of each work, and the inputs that were quarantined and why."""

    def __init__(self, folder: Path, card: RecordCard, sha256: str) -> None:
        self.folder, self.card, self.sha256 = folder, card, sha256

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a folder; reads the card only.

        Raises:
            UserError, CorruptError: see `load_card`.
        """
        return cls(folder, *load_card(folder / "report.json", RecordCard))

    def rows(self) -> Iterator[Provenance]:
        """Yield the provenance of each work, in the order of the works.

        Raises:
            CorruptError: the table is missing or damaged.
        """
        path = verify_table(self.folder, "record.parquet", self.card.files)
        return read_tuples(path, Provenance)

    def quarantined(self) -> Iterator[Quarantined]:
        """Yield the quarantined inputs, in the order of the source.

        Raises:
            CorruptError: the table is missing or damaged.
        """
        path = verify_table(self.folder, "quarantine.parquet", self.card.files)
        return read_tuples(path, Quarantined)


class RecordWriter:
    """Write the record; memory does not grow with the number of inputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.works = TableWriter(folder / "record.parquet", Provenance)
        self.quarantine = TableWriter(folder / "quarantine.parquet", Quarantined)
        self.reasons, self.notes = Counter[str](), Counter[str]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.works.release()
        self.quarantine.release()

    def add_work(self, row: Provenance, notes: Iterable[str]) -> None:
        """Record an accepted work; `notes` are counted in the report."""
        self.works.add(row)
        self.notes.update(notes)

    def add_quarantined(self, row: Quarantined) -> None:
        """Record an input that was not accepted."""
        self.quarantine.add(row)
        self.reasons[row.reason] += 1

    def close(self, about: About, works: WorksCard, works_sha256: str) -> RecordCard:
        """Write the card last and return it."""
        self.works.close()
        self.quarantine.close()
        card = RecordCard(
            dataset=works.dataset,
            works=works_sha256,
            about=about,
            inputs=works.count + self.reasons.total(),
            kept=works.count,
            quarantined=dict(sorted(self.reasons.items())),
            notes=dict(sorted(self.notes.items())),
            labels=works.labels,
            unlabelled=works.unlabelled,
            splits=works.splits,
            files={name: sha256_file(self.folder / name) for name in ("record.parquet", "quarantine.parquet")},
        )
        save_card(self.folder / "report.json", card)
        return card


def _open_shard(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise CorruptError(f"{path}: cannot be read: {error.strerror}") from None


def _read_original(stream: IO[bytes], work: Work) -> bytes:
    stream.seek(work.offset)
    data = stream.read(work.bytes)
    if sha256_bytes(data) != work.sha256:
        raise CorruptError(f"{work.shard}: work {work.sha256[:12]} is damaged; delete the folder and run again")
    return data
