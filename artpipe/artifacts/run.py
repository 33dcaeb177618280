"""Save and load run records: all that is volatile about a training.

Times, host, versions, commit, and the journal.
"""

import contextlib
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from artpipe.artifacts.cards import ParameterCard, load_card, save_card
from artpipe.errors import CorruptError
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import sha256_bytes


class TrainingSession(ParameterCard):
    """What a training knows of itself from its beginning.

    Times are seconds since the epoch, UTC.
    """

    run_id: str  # 32 hex digits, kept when a training resumes
    model: str
    stage: str  # DVC's name of the stage
    params: dict[str, Any] = Field(default_factory=dict)  # complete with defaults
    started: float  # of the first session
    sessions: int  # 1 + how often it was resumed
    works: int = 0  # in the training split: what an epoch is counted in
    host: str
    platform: str
    versions: dict[str, str]
    threads: int
    device: str
    precision: str
    commit: str | None
    commit_missing: str = ""  # why there is none
    dirty: bool
    flow_run: str | None  # Prefect's flow run, if there was one


class RunStart(TrainingSession):
    """`run-live.json`: all that is known of a training before its end.

    It is written into the state folder when a session begins.
    """

    kind: str
    dataset: str
    seed: int
    shards: str  # hash of the ShardSet
    pretrained: str | None
    check: str = ""  # hash of all the rest; what is read without one was written before there were any

    @model_validator(mode="after")
    def _verify_checksum(self) -> Self:
        omitted = set() if self.commit_missing else {"commit_missing"}  # older files, without the field, stay valid
        checksum = sha256_bytes(self.model_dump_json(exclude={"check", *omitted}).encode())
        if self.check not in {"", checksum}:
            raise ValueError("not what was written")
        object.__setattr__(self, "check", checksum)
        return self


class RunCard(TrainingSession):
    """`run.json`, written when the training is complete."""

    checkpoint: str  # hash of the checkpoint this run made
    ended: float
    core_seconds: float  # CPU time of the process, all sessions together
    busy_seconds: float | None = None  # from begin to end without the pauses between sessions; None: not recorded
    peak_memory: int | None = None  # most bytes of main memory at a time, of all ranks; None: not recorded
    peak_gpu_memory: int | None = None  # likewise of the GPUs, as torch allocated it; None: none was used
    steps: int
    micro_batch: int | None = (
        None  # rows of a batch learned from at once, by each rank; None: all, they fitted into memory
    )


class Journal:
    """`journal.jsonl`: the events of a training, one JSON object a line.

    ``{"step", "time", "losses" | "validation" | "event"}``, appended and flushed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def append(self, row: dict[str, Any]) -> None:
        """Append one row.

        It survives the process, and after `sync` a power cut too.
        """
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")

    def sync(self) -> None:
        """Flush what was appended to disk."""
        if self.path.exists():
            with self.path.open("rb") as stream:
                os.fsync(stream.fileno())

    def truncate(self, count: int) -> None:
        """Keep the first `count` rows only.

        The others will be written again by a resumed training; an incomplete last line goes too.
        """
        rows = list(itertools.islice(self.rows(), count))
        write_text(self.path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the complete rows; an incomplete last line is skipped.

        Raises:
            CorruptError: a line is no row.
        """
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", errors="replace") as stream:
            for number, line in enumerate(stream, 1):
                if line.endswith("\n"):
                    yield self._parse_row(line, number)

    def _parse_row(self, line: str, number: int) -> dict[str, Any]:
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and "step" in row:
                return row
        raise CorruptError(f"{self.path}:{number}: not a row of a journal; `artpipe verify` says how to mend it")


class RunRecord:
    """A folder with `run.json`, `journal.jsonl` and `progress/`.

    `progress/` has exhibits by evaluation point (``step-00000250.png``).
    """

    def __init__(self, folder: Path, card: RunCard, sha256: str) -> None:
        self.folder, self.card, self.sha256 = folder, card, sha256

    @classmethod
    def open(cls, folder: Path) -> "RunRecord":
        """Open a complete run record.

        Raises:
            UserError, CorruptError: see `load_card`.
        """
        card, sha256 = load_card(folder / "run.json", RunCard)
        return cls(folder, card, sha256)

    @property
    def journal(self) -> Journal:
        """Return the journal."""
        return Journal(self.folder / "journal.jsonl")

    @property
    def progress(self) -> list[Path]:
        """Return the exhibits of the evaluation points, first to last."""
        return sorted((self.folder / "progress").glob("step-*"))


def save_run(folder: Path, card: RunCard) -> str:
    """Write `run.json` last and return its hash."""
    return save_card(folder / "run.json", card)
