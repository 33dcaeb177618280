"""The tables of the other planted folders: texts, scores, and pictures that are nearly the same."""

import io
import json
import struct
import zipfile

from tests.hostile import pictures as make
from tests.hostile.cases import KEPT, Case

_ENTITY = b"<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a %s>]><s>&a;</s>"
_GROWING = b"<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><s>&b;</s>"


def near_cases() -> list[Case]:
    """Return a picture, what is nearly it, and pictures that are not; for `near_duplicates: quarantine`."""
    smooth = make.noise(8, 9).resize((64, 64))
    spotted, paler = smooth.copy(), smooth.point(lambda level: level * 15 // 16)
    spotted.putpixel((60, 60), (0, 0, 0))
    return [
        *(Case(f"{n}.png", "a plain picture", make.saved(make.noise(n + 200, 64))) for n in range(8)),
        Case("first.png", "a smooth picture", make.saved(smooth)),
        Case("spotted.png", "the same with a black dot", make.saved(spotted), "near duplicate", "of first.png, 0 of 64 bits apart"),
        Case("paler.png", "the same a little darker", make.saved(paler), "near duplicate", "of first.png"),
        Case("smaller.png", "the same at half its size", make.saved(smooth.resize((32, 32))), "near duplicate", "of first.png"),
        Case("turned.png", "the same upside down", make.saved(smooth.rotate(180))),
        Case("twin.png", "the same file", make.saved(smooth), "exact duplicate", "of first.png"),
    ]  # fmt: skip


def text_cases() -> list[Case]:
    """Return texts, what is called so and is none, and files of JSON that are too much."""
    return [
        *(Case(f"good/{n}.txt", "a plain text", b"Text number %d\nof two lines." % n) for n in range(8)),
        Case("utf16.txt", "UTF-16 with its mark", "名字 اسم 🎨".encode("utf-16"), KEPT, "read as UTF-16"),
        Case("script.txt", "a script", b"<script>alert(1)</script>"),
        Case("bidi.txt", "text that turns round, and a terminal's commands", "\u202egnp.exe and much more \x1b[2J of it, more than a hundred letters to one, as a text that somebody really wrote would have it".encode()),
        Case("empty.txt", "no bytes", b"", "empty file"),
        Case("blank.txt", "nothing but blanks", b" \n\t\n", "empty file"),
        Case("latin.txt", "not UTF-8", "déjà vu".encode("latin-1"), "not text", "is not UTF-8"),
        Case("picture.txt", "a PNG named .txt", make.flat("red"), "not text"),
        Case("nothing.txt", "40 bytes of nothing", bytes(40), "not text", "control codes"),
        Case("cut16.txt", "UTF-16 cut in a letter", "name".encode("utf-16")[:-1], "not text", "is not UTF-16"),
        Case("deep.json", "lists nested 100,000 deep", b"[" * 100_000, "damaged", "too deeply nested"),
        Case("cut.json", "a list cut short", b'["one", "tw', "damaged", "no JSON"),
        Case("objects.json", "2,000,000 empty objects", b"[" + b"{}," * 2_000_000 + b"{}]", "too large", "values of JSON at once"),
        Case("lines.jsonl#00000", "lines of JSON: the first", b'{"text": "a work"}\n{"text": 5}\n{"text\n'),
        Case("lines.jsonl#00001", "the second: a number where text should be", b"", "not text"),
        Case("lines.jsonl#00002", "the third: cut short", b"", "damaged", "line 3 is no JSON"),
    ]  # fmt: skip


def score_cases() -> list[Case]:
    """Return scores and what is called so: entities, nesting, bombs, and MIDI files whose sizes lie."""
    pieces = [[[60 + n, 55, 52, 48]] * 8 + [[62 + n, 57, 53, 50]] * 8 for n in range(8)]
    tracks = b"MThd" + struct.pack(">IHHH", 6, 1, 65535, 96)
    return [
        Case("good.json#00000", "eight rolls of four voices", json.dumps(pieces).encode()),
        Case("outside.musicxml", "an entity that is /etc/passwd", _ENTITY % b"SYSTEM 'file:///etc/passwd'", "bomb", "points outside the file"),
        Case("network.musicxml", "an entity on the network", _ENTITY % b"SYSTEM 'http://127.0.0.1:9/x'", "bomb", "points outside the file"),
        Case("growing.musicxml", "entities of entities", _GROWING, "bomb", "is declared"),
        Case("deep.musicxml", "100 elements in each other", b"<?xml version='1.0'?>" + b"<s>" * 100 + b"</s>" * 100, "bomb", "64 elements"),
        Case("cut.musicxml", "a score cut short", b"<?xml version='1.0'?><score-partwise><part>", "not a score"),
        Case("drawing.musicxml", "SVG with a script", b"<?xml version='1.0'?><svg onload='alert(1)'/>", "unsupported format"),
        Case("bomb.mxl", "a packed score that unpacks to 20 MB", _packed(b"<s>" + b" " * 20_000_000 + b"</s>"), "bomb"),
        Case("torn.mxl", "a packed score, torn", b"PK\x03\x04 torn", "damaged"),
        Case("header.mid", "MIDI: the first ten bytes", tracks[:10], "truncated", "10 bytes of a header of 14"),
        Case("tracks.mid", "MIDI: 65,535 tracks announced", tracks, "truncated", "65535 tracks announced, 0 are there"),
        Case("long.mid", "MIDI: a track of 4 GB announced", tracks + b"MTrk\xff\xff\xff\xff\0\xff\x2f\0", "truncated", "bytes of a track announced"),
        Case("picture.mid", "a PNG named .mid", make.flat("red"), "not a score"),
        Case("empty.mid", "no bytes", b"", "empty file"),
    ]  # fmt: skip


def _packed(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("score.xml", data)
    return buffer.getvalue()
