"""Read scores, MIDI files and rolls as voices or chords on a grid of steps.

A token is a note.
"""

import json
import re
from collections.abc import Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from artpipe.config.params import IngestParams, SplitParams
from artpipe.contracts.modality import FileWork, Medium, PreprocessTask, WorkFacts
from artpipe.contracts.plugin_info import MediumInfo
from artpipe.errors import UserError
from artpipe.modalities.music.midi_events import is_midi
from artpipe.modalities.music.midi_reader import read_midi
from artpipe.modalities.music.musicxml_reader import read_musicxml
from artpipe.modalities.music.score import (
    FINEST_GRID,
    MusicScore,
    interval_hash,
    read_roll,
    sample_steps,
    shorten_silences,
)
from artpipe.modalities.music.tokens import MEDIUM_NAME, VOCABULARY, Step, encode_steps
from artpipe.modalities.music.xml_tree import is_xml
from artpipe.preprocessing.contact_sheet import SheetPicture, SheetStyle, draw_contact_sheet
from artpipe.preprocessing.jobs import run_jobs
from artpipe.preprocessing.token_rows import TokenShards
from artpipe.system.atomic_files import write_bytes
from artpipe.untrusted.record_files import drop_records, read_records
from artpipe.untrusted.rejection import RejectedError

if TYPE_CHECKING:
    from artpipe.artifacts.works import Work

_SUFFIXES = (".mxl", ".musicxml", ".xml", ".mid", ".midi", ".kar", ".rmi", ".json", ".jsonl")
_ROOT_ELEMENT, _SCORE_ROOTS = re.compile(rb"<([A-Za-z][\w.:-]*)"), (b"score-partwise", b"score-timewise", b"opus")
_SHEET = SheetStyle(columns=8, tile=144)
_BEATS_SHOWN = 16  # of a piece on the contact sheet
Grid = Literal[1, 2, 4]  # steps in a quarter note


class MusicParams(SplitParams):
    """How music becomes tokens."""

    length: int = Field(default=512, ge=16, le=8192)  # tokens of a row; a longer piece goes on in the next
    grid: Grid = 4  # steps in a quarter note; what is shorter than a step and begins within one is left out
    silence: int = Field(default=1, ge=0)  # quarter notes kept of a silence of all voices, such as an interlude
    roll_grid: Grid | None = None  # that rolls are written on; null: as `grid`


def is_score_file(start: bytes, name: str) -> bool:
    """Return whether a file may hold scores.

    By its name, unless its first bytes are those of another kind of XML.
    """
    roots = _ROOT_ELEMENT.findall(re.sub(rb"<!--.*?-->", b"", start.replace(b"\0", b"")))
    is_other_xml = bool(roots) and name.lower().endswith(".xml") and roots[0] not in _SCORE_ROOTS
    return bool(start) and name.lower().endswith(_SUFFIXES) and not is_other_xml


def split_file(name: str, data: bytes, ingest: IngestParams) -> Iterator[FileWork]:
    """Yield the pieces of a file of rolls, or the file."""
    del ingest
    if not name.lower().endswith((".json", ".jsonl")):
        yield FileWork("", data)
        return
    for key, content, fields in read_records(name, data):
        yield FileWork(key, content if isinstance(content, bytes) else json.dumps(content).encode(), fields)


def drop_works(name: str, data: bytes, ingest: IngestParams, keys: Collection[str]) -> bytes:
    """Return a file of rolls without the pieces of some names."""
    del ingest
    return drop_records(name, data, keys)


def inspect_score(data: bytes, settings: dict[str, Any]) -> bytes:
    """Return the WorkFacts of one piece as JSON: steps and voices.

    Steps are sixteenths, or as a roll has them.

    Raises:
        RejectedError: no piece of as many voices as are wanted.
    """
    voices = settings["voices"]
    score = _read_score(data, voices, FINEST_GRID)
    steps = sample_steps(score, FINEST_GRID, voices)
    voice_count = max(len(cells) for _, cells in steps)
    return json.dumps(
        WorkFacts(len(steps), voices or voice_count, f"{interval_hash(steps):016x}", list(score.notes))
    ).encode()


def prepare_score(data: bytes, settings: dict[str, Any]) -> bytes:
    """Return the steps of a piece as JSON, on the wanted grid.

    Raises:
        RejectedError: see `inspect_score`.
    """
    score = _read_score(data, settings["voices"], settings["roll_grid"])
    steps = sample_steps(score, settings["grid"], settings["voices"])
    return json.dumps(shorten_silences(steps, settings["silence"] * settings["grid"])).encode()


def _read_score(data: bytes, voices: int, roll_grid: int) -> MusicScore:
    if is_midi(data):
        return read_midi(data, voices)
    if data.startswith(b"PK") or is_xml(data):
        return read_musicxml(data, voices)
    if not data.strip():
        raise RejectedError("empty file")
    try:
        piece = json.loads(data)
    except (ValueError, RecursionError):
        raise RejectedError("not a score", "neither MusicXML nor MIDI nor a roll") from None
    return read_roll(piece, roll_grid, voices)


def write_shards(task: PreprocessTask) -> str:
    """Write rows of tokens, and a contact sheet of piano rolls.

    Each piece stands between a start and an end.
    """
    from artpipe.artifacts.shards import Spec

    params: MusicParams = task.params
    shards = TokenShards(task.folder, params.length)
    prints: list[tuple[str, SheetPicture]] = []
    for work, steps in _prepared_pieces(task, params):
        label = task.label(work)
        shards.add(task.split(work), encode_steps(steps), label, work.sha256)
        if work.sha256 in task.shown:
            name = task.classes[label] if label >= 0 else ""
            prints.append((task.order(work.sha256), _draw_print(steps, params.grid, name)))
    shards.flush()
    counts = shards.writer.counts
    spec = Spec(
        dataset=task.name,
        medium=MEDIUM_NAME,
        height=task.ingest.voices,
        grid=params.grid,
        length=params.length,
        classes=task.classes,
        count=counts["train"],
        columns=("tokens", "labels", "digests", "places"),
        vocabulary=VOCABULARY,
    )
    voices = f"{task.ingest.voices} voices" if task.ingest.voices else "chords"
    line = f"{task.works.card.count:,} pieces, {voices}, steps of 1/{4 * params.grid} note"
    line += "".join(f", {split} {count:,} rows" for split, count in counts.items())
    ordered = [
        sheet_print for _, sheet_print in sorted(prints, key=lambda item: (not item[1].label, item[1].label, item[0]))
    ]
    write_bytes(task.folder / "contact.png", draw_contact_sheet(task.name, line, ordered, _SHEET))
    shards.writer.close(spec, works=task.works.sha256, params=params.model_dump(mode="json"), mean=(), std=())
    return line


def _settings(params: MusicParams, ingest: IngestParams) -> dict[str, Any]:
    roll_grid = params.roll_grid or params.grid
    return {"voices": ingest.voices, "grid": params.grid, "roll_grid": roll_grid, "silence": params.silence}


def _prepared_pieces(task: PreprocessTask, params: MusicParams) -> "Iterator[tuple[Work, list[Step]]]":
    settings = _settings(params, task.ingest)
    if settings["roll_grid"] < settings["grid"]:
        place = f"params.yaml: `datasets.{task.name}.preprocess`"
        raise UserError(f"{place}: `grid` {params.grid} is finer than `roll_grid` {params.roll_grid}")
    for work, payload in run_jobs(task, prepare_score, settings):
        yield work, [Step(mark, cells) for mark, cells in json.loads(payload)]


def _draw_print(steps: list[Step], grid: int, label: str) -> SheetPicture:
    from artpipe.modalities.music.piano_roll import paint_piano_roll

    first_steps = list(islice(steps, _BEATS_SHOWN * grid))
    picture = paint_piano_roll(first_steps, grid, width=_SHEET.tile * 2, height=_SHEET.tile * 2)
    return SheetPicture(picture, label)


MEDIUM = Medium(
    noun="score",
    files="MusicXML, MIDI or rolls as .json",
    params=MusicParams,
    matches=is_score_file,
    inspect=inspect_score,
    prepare=prepare_score,
    settings=_settings,
    write=write_shards,
    columns=frozenset({"tokens", "labels", "digests", "places"}),
    split_file=split_file,
    drop_works=drop_works,
    suffixes=(".mxl", ".musicxml", ".mid", ".midi", ".kar", ".rmi"),
    sidecars=(
        ".txt",
        ".json",
        ".csv",
        ".yaml",
        ".yml",
        ".pdf",
        ".mp3",
        ".ogg",
        ".wav",
        ".ly",
        ".abc",
        ".krn",
        ".mscz",
        ".mscx",
    ),
)
MEDIUM_INFO = MediumInfo(
    size_parameter="length",
    default_size=512,
    ingest_milliseconds=(8.0, 0.0),
    preprocess_milliseconds=(10.0, 0.0),
    sample_rows="artpipe.modalities.music.random_scores:make_rows",
    hub_tasks={"works": "other"},
    media_types=("application/vnd.recordare.musicxml+xml", "audio/midi"),
    refusal_hints={"other voices": "`--voices N` takes others, 0 takes chords"},
)
