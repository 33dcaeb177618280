"""MusicXML 1 to 4 (https://www.w3.org/2021/06/musicxml40/), plain or packed: its notes in time; read in a worker.

Entities are refused, whether they grow (Steuck 2002) or point elsewhere: no score needs any.
"""

import io
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from artpipe.inputs.reasons import RejectedError
from artpipe.inputs.scores import Note, Score

_UNPACKED = 64 * 2**20  # bytes
_RATIO = 200  # unpacked to packed, of what is larger than a MiB
_DEEPEST = 64  # elements within elements
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SINGERS = ("soprano", "alto", "tenor", "bass")


def read_musicxml(data: bytes, voices: int) -> Score:
    """Return the score of a .musicxml or .mxl file with `voices` voices, 0 for whatever sounds together.

    Where there are more parts and one each for soprano, alto, tenor and bass, the others are left out.

    Raises:
        RejectedError: a bomb, damaged, or no score by parts.
    """
    root = parsed(_unpacked(data) if data.startswith(b"PK") else data)
    if root.tag != "score-partwise":
        raise RejectedError("unsupported format", f"<{root.tag[:40]}> is no score by parts (score-partwise)")
    names = {part.get("id", ""): (part.findtext("part-name") or "").lower() for part in root.iter("score-part")}
    parts = root.findall("part")
    notes: tuple[str, ...] = ()
    sung = [[part for part in parts if names.get(part.get("id", ""), "").startswith(who)] for who in _SINGERS]
    if voices == len(_SINGERS) < len(parts) and all(len(found) == 1 for found in sung):
        notes = (f"instruments left out: {len(parts) - voices}",)
        parts = [found[0] for found in sung]
    read = [_Part(part) for part in parts]
    lines = [line for part in read for line in (part.lines if len(parts) < voices else [part.together])]
    lines = [line for line in lines if line]
    if voices and any(_overlap(line) for line in lines):
        lines, notes = [_single(line) for line in lines], (*notes, "of two notes in a voice the upper one kept")
    first = read[0] if read else None
    return Score(lines, first.bars if first else frozenset(), first.fermatas if first else frozenset(), notes)


def parsed(data: bytes) -> Element:
    """Return the root of an XML document without entities of its own.

    Raises:
        RejectedError: not well formed, nested beyond reason, or with entities.
    """
    parser, builder, depth = expat.ParserCreate(), TreeBuilder(), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise RejectedError("bomb", f"more than {_DEEPEST} elements within each other")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def entity(name: str, _parameter: bool, value: str | None, *_: str | None) -> None:
        kind = "points outside the file" if value is None else "is declared"
        raise RejectedError("bomb", f"the entity `{name[:40]}` {kind}; no score needs any")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = entity
    parser.buffer_text = True
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise RejectedError("not a score", f"no XML: {error}") from None
    return builder.close()


def _unpacked(data: bytes) -> bytes:
    """Return the score of a .mxl file: what its container names first, else its first .xml."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith((".xml", ".musicxml"))]
            container = next((name for name in names if name == "META-INF/container.xml"), None)
            scores = [name for name in names if not name.startswith("META-INF/")]
            if container is not None:
                root = parsed(_member(archive, container))
                named = [file.get("full-path", "") for file in root.iter() if file.tag.rpartition("}")[2] == "rootfile"]
                scores = [name for name in named if name in archive.namelist()] or scores
            if not scores:
                raise RejectedError("not a score", "no MusicXML in the zip file")
            return _member(archive, scores[0])
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise RejectedError("damaged", f"{type(error).__name__}: {error}") from None


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    with archive.open(info) as stream:
        content = stream.read(_UNPACKED + 1)
    if len(content) > _UNPACKED or (len(content) > 1 << 20 and len(content) > _RATIO * info.compress_size):
        raise RejectedError("bomb", f"unpacks to {len(content) / max(1, info.compress_size):.0f} times its size")
    return content


class _Sound(NamedTuple):
    note: Note
    tied: bool  # to the note before it


class _Part:
    """One part: its notes by voice, where its bars begin and which notes are held at will."""

    def __init__(self, part: Element) -> None:
        self.divisions, self.shift, self.time = 1, 0, Fraction(0)
        self._lines: dict[str, list[Note]] = {}
        self._last = Fraction(0)  # where the note before began
        bars: list[Fraction] = []
        fermatas: list[Fraction] = []
        for measure in part.findall("measure"):
            if self.time and measure.get("implicit") != "yes":
                bars.append(self.time)
            longest = self.time
            for item in measure:
                if self._read(item) and item.find("notations/fermata") is not None:
                    fermatas.append(self._last)
                longest = max(longest, self.time)
            self.time = longest
        self.bars, self.fermatas = frozenset(bars), frozenset(fermatas)

    @property
    def lines(self) -> list[list[Note]]:
        """Return the notes by voice, in the order of the voices' names."""
        return [notes for _, notes in sorted(self._lines.items())]

    @property
    def together(self) -> list[Note]:
        """Return the notes of all voices."""
        return sorted(note for notes in self._lines.values() for note in notes)

    def _read(self, item: Element) -> bool:
        """Take one element of a measure; return whether it was a note that sounds."""
        if item.tag == "attributes":
            self.divisions = _number(item, "divisions", self.divisions)
            if item.find("transpose") is not None:
                self.shift = _number(item, "transpose/chromatic", 0) + 12 * _number(item, "transpose/octave-change", 0)
        elif item.tag in {"backup", "forward"}:
            self.time += self._duration(item) * (-1 if item.tag == "backup" else 1)
        elif item.tag == "note" and item.find("grace") is None and item.find("cue") is None:
            return self._note(item)
        return False

    def _note(self, item: Element) -> bool:
        duration = self._duration(item)
        start = self._last if item.find("chord") is not None else self.time
        self._last, self.time = start, max(self.time, start + duration)
        step = item.findtext("pitch/step")
        if step is None or not duration:
            return False
        if step.strip() not in _STEPS:
            raise RejectedError("not a score", f"a note named {step[:20]!r}")
        alter = round(float(item.findtext("pitch/alter") or 0))
        pitch = _STEPS[step.strip()] + alter + 12 * (_number(item, "pitch/octave", 4) + 1) + self.shift
        line = self._lines.setdefault((item.findtext("voice") or "1").strip(), [])
        note = Note(start, start + duration, pitch)
        if any(tie.get("type") == "stop" for tie in item.findall("tie")):
            before = next(_before(line, note), None)
            if before is not None:
                line[before] = line[before]._replace(end=note.end)
                return True
        line.append(note)
        return True

    def _duration(self, item: Element) -> Fraction:
        return Fraction(max(0, _number(item, "duration", 0)), max(1, self.divisions))


def _before(line: list[Note], note: Note) -> Iterator[int]:
    """Yield the place of the note that a tied one goes on, the last one first."""
    for place in range(len(line) - 1, max(-1, len(line) - 16), -1):
        if (line[place].end, line[place].pitch) == (note.start, note.pitch):
            yield place


def _number(item: Element, path: str, default: int) -> int:
    text = item.findtext(path)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError:
        raise RejectedError("not a score", f"<{path}> is {text[:20]!r}, no whole number") from None


def _overlap(line: list[Note]) -> bool:
    ordered = sorted(line)
    return any(after.start < before.end for before, after in pairwise(ordered))


def _single(line: list[Note]) -> list[Note]:
    """Return a voice with one note at a time: of those that begin together the highest, cut where the next begins."""
    highest = {note.start: note for note in sorted(line)}
    ordered = sorted(highest.values())
    ends = [after.start for after in ordered[1:]] + [ordered[-1].end]
    return [note._replace(end=min(note.end, end)) for note, end in zip(ordered, ends, strict=True)]
