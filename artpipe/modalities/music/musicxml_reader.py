"""Read scores from MusicXML 1 to 4, plain or packed, in a worker.

https:

www.w3.org/2021/06/musicxml40/
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from xml.etree.ElementTree import Element

from artpipe.language.message import Message
from artpipe.modalities.music.mxl_reader import unpack_mxl
from artpipe.modalities.music.score import MusicScore, Note
from artpipe.modalities.music.xml_tree import parse_xml
from artpipe.untrusted.rejection import RejectedError

_DECIMAL = re.compile(r"\s*[+-]?(\d{1,15}\.?\d{0,15}|\.\d{1,15})\s*")  # of the schema: no exponent
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ZERO = Fraction(0)
_SINGERS = ("soprano", "alto", "tenor", "bass")


def read_musicxml(data: bytes, voices: int) -> MusicScore:
    """Return the score of a .musicxml or .mxl file with `voices` voices.

    With 0 voices, whatever sounds together is a chord.

    Where there are more parts and one each for soprano, alto, tenor and bass, the others are left out.

    Raises:
        RejectedError: a bomb, damaged, or no score.
    """
    data, notes = unpack_mxl(data) if data.startswith(b"PK") else (data, ())
    root = parse_xml(data)
    parts, form_notes = _find_parts(root)
    notes = (*notes, *form_notes)
    names = {part.get("id", ""): (part.findtext("part-name") or "").lower() for part in root.iter("score-part")}
    sung_parts = [
        [part for part in parts if names.get(part.get("id", ""), "").startswith(singer)] for singer in _SINGERS
    ]
    if voices == len(_SINGERS) < len(parts) and all(len(matching) == 1 for matching in sung_parts):
        notes = (*notes, Message(code="instruments_left_out", values={"instruments": len(parts) - voices}).encode())
        parts = [matching[0] for matching in sung_parts]
    part_readers = [_PartReader(part) for part in parts]
    notes = (*notes, *dict.fromkeys(note for part in part_readers for note in part.notes))
    lines = [line for part in part_readers for line in (part.lines if len(parts) < voices else [part.all_notes])]
    lines = [line for line in lines if line]
    if voices and any(_has_overlap(line) for line in lines):
        lines, notes = [_to_monophonic(line) for line in lines], (*notes, "of two notes in a voice the upper one kept")
    first = part_readers[0] if part_readers else None
    return MusicScore(lines, first.bars if first else frozenset(), first.fermatas if first else frozenset(), notes)


def _find_parts(root: Element) -> tuple[list[Element], tuple[str, ...]]:
    """Return the parts of a score, also where it is written by measures; and notes."""
    if root.tag == "score-partwise":
        return root.findall("part"), ()
    measures = root.findall("measure")
    if root.tag != "score-timewise" or not measures:
        wrong = Message(
            code="xml_root_without_measures" if root.tag == "score-timewise" else "xml_root_no_score",
            values={"root": root.tag[:40]},
        )
        raise RejectedError("unsupported format", wrong)
    parts: dict[str, Element] = {}
    for measure in measures:
        for part in measure.findall("part"):
            name = part.get("id", "")
            whole_part = parts.setdefault(name, Element("part", {"id": name}))
            copied_measure = Element("measure", measure.attrib)
            copied_measure.extend(part)
            whole_part.append(copied_measure)
    if any(len(part) != len(measures) for part in parts.values()):
        raise RejectedError("damaged", "a part that is not in every measure of a score by measures")
    return list(parts.values()), ("by measures (score-timewise), read by parts",)


class _PartReader:
    """Read one part: its notes by voice, where its bars begin, its fermatas."""

    def __init__(self, part: Element) -> None:
        self.divisions, self.shift, self.time = Fraction(1), Fraction(0), Fraction(0)
        self.notes: list[str] = []  # what was done to it
        self._lines: dict[str, list[Note]] = {}
        self._durations: dict[str, Fraction] = {}  # in quarter notes, by how they are written under these divisions
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
    def all_notes(self) -> list[Note]:
        """Return the notes of all voices."""
        return sorted(note for notes in self._lines.values() for note in notes)

    def _read(self, item: Element) -> bool:
        """Read one element of a measure; return whether it is a note that sounds."""
        if item.tag == "attributes":
            self.divisions = _read_decimal(item, "divisions", self.divisions)
            if self.divisions <= 0:
                raise _value_error("divisions", item, "number above 0")
            self._durations.clear()
            if item.find("transpose") is not None:
                octaves = _read_integer(item, "transpose/octave-change", 0)
                self.shift = _read_decimal(item, "transpose/chromatic", Fraction(0)) + 12 * octaves
        elif item.tag in {"backup", "forward"}:
            self.time += self._read_duration(item) * (-1 if item.tag == "backup" else 1)
        elif item.tag == "note" and item.find("grace") is None and item.find("cue") is None:
            return self._read_note(item)
        return False

    def _read_note(self, item: Element) -> bool:
        duration = self._read_duration(item)
        start = self._last if item.find("chord") is not None else self.time
        end = start + duration
        self._last, self.time = start, max(self.time, end)
        step = item.findtext("pitch/step")
        if step is None or not duration:
            return False
        if step.strip() not in _STEPS:
            raise RejectedError("not a score", Message(code="note_named", values={"name": repr(step[:20])}))
        shift = _read_decimal(item, "pitch/alter", _ZERO)
        shift = shift + self.shift if self.shift else shift
        if shift.denominator > 1:
            self.notes.append("with parts of half tones, rounded")
        pitch = _STEPS[step.strip()] + round(shift) + 12 * (_read_integer(item, "pitch/octave", 4) + 1)
        line = self._lines.setdefault((item.findtext("voice") or "1").strip(), [])
        note = Note(start, end, pitch)
        if any(tie.get("type") == "stop" for tie in item.findall("tie")):
            tied = next(_find_tied_note(line, note), None)
            if tied is not None:
                line[tied] = line[tied]._replace(end=note.end)
                return True
        line.append(note)
        return True

    def _read_duration(self, item: Element) -> Fraction:
        text = item.findtext("duration") or ""
        duration = self._durations.get(text)
        if duration is None:
            value = _read_decimal(item, "duration", _ZERO)
            if value < 0:
                raise _value_error("duration", item, "number from 0")
            duration = self._durations[text] = value / self.divisions
        return duration


def _find_tied_note(line: list[Note], note: Note) -> Iterator[int]:
    """Yield the places of the notes that a tied one continues, the last one first."""
    for place in range(len(line) - 1, max(-1, len(line) - 16), -1):
        if (line[place].end, line[place].pitch) == (note.start, note.pitch):
            yield place


def _read_decimal(item: Element, path: str, default: Fraction) -> Fraction:
    """Return a number of the schema's kind xs:decimal."""
    text = item.findtext(path)
    if text is None or not text.strip():
        return default
    value = _parse_decimal(text)
    if value is None:
        raise _value_error(path, item, "number")
    return value


@lru_cache(maxsize=1024)
def _parse_decimal(text: str) -> Fraction | None:
    """Return the number of a text.

    It is cached: a score has few different ones, each of them thousands of times.
    """
    return Fraction(text.strip()) if _DECIMAL.fullmatch(text) else None


def _read_integer(item: Element, path: str, default: int) -> int:
    value = _read_decimal(item, path, _parse_decimal(str(default)) or _ZERO)
    if value.denominator > 1:
        raise _value_error(path, item, "whole number")
    return int(value)


def _value_error(path: str, item: Element, expected: str) -> RejectedError:
    text = repr((item.findtext(path) or "")[:20])
    message = Message(code="element_is_no", values={"element": path, "text": text, "wanted": expected})
    return RejectedError("not a score", message)


def _has_overlap(line: list[Note]) -> bool:
    ordered = sorted(line)
    return any(after.start < before.end for before, after in pairwise(ordered))


def _to_monophonic(line: list[Note]) -> list[Note]:
    """Return a voice with one note at a time.

    Of notes that begin together the highest is kept, cut where the next begins.
    """
    highest = {note.start: note for note in sorted(line)}
    ordered = sorted(highest.values())
    ends = [after.start for after in ordered[1:]] + [ordered[-1].end]
    return [note._replace(end=min(note.end, end)) for note, end in zip(ordered, ends, strict=True)]
