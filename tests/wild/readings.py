"""Tables, scores and texts as programs write them."""

import io
import struct
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.wild.archives import packed, zip_bytes
from tests.wild.case import Case, classes, make_pictures, write_files
from tests.wild.layouts import tree

SCORE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 2.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">
<score-partwise version="2.0"><part-list><score-part id="P1"><part-name>Voice</part-name></score-part></part-list>
<part id="P1"><measure number="1"><attributes><divisions>1</divisions></attributes>{}</measure></part></score-partwise>
"""
NOTE = "<note><pitch><step>{}</step><octave>4</octave></pitch><duration>1</duration><type>quarter</type></note>"
CONTAINER = '<?xml version="1.0"?><container><rootfiles><rootfile full-path="{}"/></rootfiles></container>'
LINE = "the command of her beauty, and her £20,000, any one who could satisfy the better half of "


def score(number: int) -> bytes:
    """Return MusicXML of one voice: eight notes, in an order that is the number's own."""
    steps = "CDEFGAB"
    notes = "".join(NOTE.format(steps[(number * 3 + at * (1 + number % 5)) % 7]) for at in range(8))
    return SCORE.format(notes).encode()


def midi(number: int, meta: bytes = b"", between: bytes = b"") -> bytes:
    """Return a MIDI file of one voice; `meta` are events at its beginning, `between` chunks before its track."""
    body = bytearray(meta)
    for at in range(8):
        key = 60 + (number * 3 + at * (1 + number % 5)) % 12
        body += bytes([0, 0x90, key, 64, 96, 0x80, key, 0])
    body += b"\0\xff\x2f\0"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + between + b"MTrk" + struct.pack(">I", len(body)) + body


def _table(encoding: str, separator: str) -> dict[str, bytes | str]:
    works = make_pictures("{:03d}.png", 12)
    rows = [separator.join(("file_name", "title", "label"))]
    rows += [separator.join((name, f"Blick №{n}" if "16" in encoding else f"Blick {n}", ("Café", "Brücke")[n % 2])) for n, name in enumerate(works)]  # fmt: skip
    return {**works, "metadata.csv": "\r\n".join(rows).encode(encoding)}


def _decomposed() -> dict[str, bytes | str]:
    works = make_pictures("ref été {:02d} 名.png", 12)
    table = "file_name,title,label\n" + "".join(f"{name},Été {n},{'ab'[n % 2]}\n" for n, name in enumerate(works))
    return {**{unicodedata.normalize("NFD", name): data for name, data in works.items()}, "metadata.csv": table}


def _noteflight(number: int) -> bytes:
    return zip_bytes({"META-INF/container.xml": CONTAINER.format(".xml").encode(), ".xml": score(number)})


def _maestro() -> bytes:
    root = "maestro-v1.0.0"
    files = {f"{root}/2009/MIDI-Unprocessed_{n:02d}.midi": midi(n) for n in range(10)}
    files |= {f"{root}/2011/MIDI-Unprocessed_{n:02d}.midi": b"" for n in range(6)}
    table = b"canonical_composer,canonical_title,split,year,midi_filename\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in {**files, f"{root}/maestro-v1.0.0.csv": table, f"{root}/LICENSE": b"CC\n"}.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _each(pattern: str, make: Callable[[int], bytes], count: int = 10) -> Callable[[Path], Path]:
    return lambda folder: write_files(
        folder / "pack", {pattern.format(number): make(number) for number in range(count)}
    )


def _book(number: int) -> bytes:
    return "\r\n".join(f"{number}.{line} {LINE}{'abcdefgh'[line % 8] * 5}" for line in range(40)).encode("latin-1")


def _mixed(number: int) -> bytes:
    text = _book(number).decode("latin-1")
    return text.encode("utf-8-sig") if number % 2 else text.encode("latin-1")


ONE, CHORDS = ("--voices", "1"), ("--voices", "0")
CASES = [
    Case("excel-unicode-text", "table", "rachis-org/rachis #433: UTF-16, a common export from Excel; pandas-dev/pandas #16218", "read: UTF-16 with tabs", tree(_table("utf-16", "\t")), kept=12, classes=classes("Café", "Brücke"), captions={"003.png": "Blick №3"}),
    Case("excel-cp1252", "table", "ThalesGroup/fred #1709: CSV exported from Excel is cp1252", "read, or one line about its encoding", tree(_table("cp1252", ";")), kept=12, classes=classes("Café", "Brücke"), captions={"003.png": "Blick 3"}, or_line="metadata.csv"),
    Case("decomposed-names", "table", "llmsresearch/paperbanana #234: Unicode filename normalization (NFD) mismatch", "every row finds its picture", tree(_decomposed()), kept=12, classes=classes("a", "b")),
    Case("plain-mxl", "score", "musescore/MuseScore #13087: an uncompressed MusicXML file named .mxl", "read", _each("Clementi{}.mxl", score), "music", 10, options=ONE),
    Case("noteflight-mxl", "score", "cuthbertLab/music21 #1832: MXL with one file called exactly .xml", "read", _each("{}.mxl", _noteflight), "music", 10, options=ONE),
    Case("midi-bad-key", "score", "mido/mido #187: Could not decode key with 128 flats", "read; the meta event says nothing of the notes", _each("{}.mid", lambda n: midi(n, b"\0\xff\x59\2\x80\0")), "music", 10, options=ONE),
    Case("midi-vendor-chunk", "score", "dusk-audio/dusk-studio #463: a vendor chunk after MThd", "read; unknown chunks are skipped", _each("{}.mid", lambda n: midi(n, between=b"XFIH\0\0\0\4abcd")), "music", 10, options=ONE),
    Case("maestro-empty", "score", "magenta/magenta #1342: the other years have files but they are empty", "ten read, six named", packed("maestro-v1.0.0-midi.zip", _maestro), "music", 10, classes=None, quarantined={"empty file": 6}, options=CHORDS),
    Case("humdrum", "score", "cuthbertLab/music21 #456: krn files", "one line", _each("chor{:03d}.krn", lambda n: b"**kern\n4c\n4d\n*-\n"), "music", refused="pack"),
    Case("gutenberg-latin1", "text", "ropensci/gutenbergr #13: wrong declared encoding", "read as it is, noted", _each("pg{}.txt", _book), "text", 10),
    Case("gutenberg-mixed", "text", "gutenbergtools/ebookmaker #206: UTF-8 among Latin-1", "each file by itself", _each("{}-8.txt", _mixed), "text", 10),
]  # fmt: skip
