"""Music: scores, MIDI files and rolls, read as voices or chords on a grid; a token is a note."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from artpipe.config.params import IngestParams, SplitParams
from artpipe.contracts.modality import Facts, Medium, Part, Task
from artpipe.contracts.plugin_info import MediumInfo
from artpipe.errors import UserError
from artpipe.modalities.music.midi_events import is_midi
from artpipe.modalities.music.midi_reader import read_midi
from artpipe.modalities.music.musicxml_reader import read_musicxml
from artpipe.modalities.music.score import FINEST, Score, look, rolled, sampled, without_interludes
from artpipe.modalities.music.tokens import MEDIUM_NAME, VOCABULARY, Step, tokens_of
from artpipe.modalities.music.xml_tree import begins_xml
from artpipe.preprocessing.contact_sheet import Print, Sheet, contact_sheet
from artpipe.preprocessing.jobs import worked
from artpipe.preprocessing.token_rows import TokenShards
from artpipe.system.atomic_files import write_bytes
from artpipe.untrusted.record_files import records
from artpipe.untrusted.rejection import RejectedError

if TYPE_CHECKING:
    from artpipe.artifacts.works import Work

_SUFFIXES = (".mxl", ".musicxml", ".xml", ".mid", ".midi", ".kar", ".rmi", ".json", ".jsonl")
_ROOT, _SCORES = re.compile(rb"<([A-Za-z][\w.:-]*)"), (b"score-partwise", b"score-timewise", b"opus")
_SHEET = Sheet(columns=8, tile=144)
_BEATS_SHOWN = 16  # of a piece on the contact sheet
Grid = Literal[1, 2, 4]  # steps in a quarter note


class MusicParams(SplitParams):
    """How music becomes tokens."""

    length: int = Field(default=512, ge=16, le=8192)  # tokens of a row; a longer piece goes on in the next
    grid: Grid = 4  # steps in a quarter note; what is shorter than a step and begins within one is left out
    silence: int = Field(default=1, ge=0)  # quarter notes kept of a silence of all voices, such as an interlude
    roll_grid: Grid | None = None  # that rolls are written on; null: as `grid`


def begins(start: bytes, name: str) -> bool:
    """Return whether a file may hold scores by its name, and its first bytes are not those of another kind of XML."""
    roots = _ROOT.findall(re.sub(rb"<!--.*?-->", b"", start.replace(b"\0", b"")))
    foreign = bool(roots) and name.lower().endswith(".xml") and roots[0] not in _SCORES
    return bool(start) and name.lower().endswith(_SUFFIXES) and not foreign


def parts(name: str, data: bytes, ingest: IngestParams) -> Iterator[Part]:
    """Yield the pieces of a file of rolls, or the file."""
    del ingest
    if not name.lower().endswith((".json", ".jsonl")):
        yield Part("", data)
        return
    for key, content, fields in records(name, data):
        yield Part(key, content if isinstance(content, bytes) else json.dumps(content).encode(), fields)


def inspected(data: bytes, settings: dict[str, Any]) -> bytes:
    """Return the Facts of one piece as JSON: steps (of a sixteenth, or as a roll has them), voices.

    Raises:
        RejectedError: no piece of as many voices as are wanted.
    """
    voices = settings["voices"]
    score = _read(data, voices, FINEST)
    steps = sampled(score, FINEST, voices)
    most = max(len(cells) for _, cells in steps)
    return json.dumps(Facts(len(steps), voices or most, f"{look(steps):016x}", list(score.notes))).encode()


def prepared(data: bytes, settings: dict[str, Any]) -> bytes:
    """Return the steps of a piece as JSON, on the wanted grid.

    Raises:
        RejectedError: see `inspected`.
    """
    score = _read(data, settings["voices"], settings["roll_grid"])
    steps = sampled(score, settings["grid"], settings["voices"])
    return json.dumps(without_interludes(steps, settings["silence"] * settings["grid"])).encode()


def _read(data: bytes, voices: int, roll_grid: int) -> Score:
    if is_midi(data):
        return read_midi(data, voices)
    if data.startswith(b"PK") or begins_xml(data):
        return read_musicxml(data, voices)
    if not data.strip():
        raise RejectedError("empty file")
    try:
        piece = json.loads(data)
    except (ValueError, RecursionError):
        raise RejectedError("not a score", "neither MusicXML nor MIDI nor a roll") from None
    return rolled(piece, roll_grid, voices)


def write(task: Task) -> str:
    """Write rows of tokens, each piece between a start and an end, and a contact sheet of piano rolls."""
    from artpipe.artifacts.shards import Spec

    params: MusicParams = task.params
    shards = TokenShards(task.folder, params.length)
    prints: list[tuple[str, Print]] = []
    for work, steps in _pieces(task, params):
        label = task.label(work)
        shards.add(task.split(work), tokens_of(steps), label, work.sha256)
        if work.sha256 in task.shown:
            name = task.classes[label] if label >= 0 else ""
            prints.append((task.order(work.sha256), _print(steps, params.grid, name)))
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
    ordered = [one for _, one in sorted(prints, key=lambda item: (not item[1].label, item[1].label, item[0]))]
    write_bytes(task.folder / "contact.png", contact_sheet(task.name, line, ordered, _SHEET))
    shards.writer.close(spec, works=task.works.sha256, params=params.model_dump(mode="json"), mean=(), std=())
    return line


def _settings(params: MusicParams, ingest: IngestParams) -> dict[str, Any]:
    fine = params.roll_grid or params.grid
    return {"voices": ingest.voices, "grid": params.grid, "roll_grid": fine, "silence": params.silence}


def _pieces(task: Task, params: MusicParams) -> "Iterator[tuple[Work, list[Step]]]":
    settings = _settings(params, task.ingest)
    if settings["roll_grid"] < settings["grid"]:
        place = f"params.yaml: `datasets.{task.name}.preprocess`"
        raise UserError(f"{place}: `grid` {params.grid} is finer than `roll_grid` {params.roll_grid}")
    for work, payload in worked(task, prepared, settings):
        yield work, [Step(mark, cells) for mark, cells in json.loads(payload)]


def _print(steps: list[Step], grid: int, label: str) -> Print:
    from artpipe.modalities.music.piano_roll import drawn

    shown = list(islice(steps, _BEATS_SHOWN * grid))
    picture = drawn(shown, grid, width=_SHEET.tile * 2, height=_SHEET.tile * 2)
    return Print(picture.numpy(), label)


MEDIUM = Medium(
    noun="score",
    files="MusicXML, MIDI or rolls as .json",
    params=MusicParams,
    begins=begins,
    inspect=inspected,
    prepare=prepared,
    settings=_settings,
    write=write,
    columns=frozenset({"tokens", "labels", "digests", "places"}),
    parts=parts,
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
    refusal_hints={"other voices": "`--voices N` takes others, 0 takes chords"},
)
