"""MusicXML as programs and systems write it: encodings, decimals, .mxl files of any make, scores by measures."""

import codecs
import io
import json
import zipfile
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artpipe.language.sentences import read_sentence
from artpipe.modalities.music import inspect_score
from artpipe.modalities.music.musicxml_reader import read_musicxml
from artpipe.modalities.music.score import Note
from artpipe.untrusted.rejection import RejectedError

CONTAINER = '<container><rootfiles><rootfile full-path="{}"/></rootfiles></container>'
C_AND_E = [[Note(0, 1, 60), Note(1, 3, 64)]]


def score(divisions="1", first="1", second="2", alter="", encoding="UTF-8", title=""):
    """Return a score of one part: C4 and E4."""
    alter = f"<alter>{alter}</alter>" if alter else ""
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 3.1 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">'
        f'<score-partwise><work><work-title>{title}</work-title></work><part-list><score-part id="P1"><part-name>x</part-name></score-part></part-list>'
        f'<part id="P1"><measure number="1"><attributes><divisions>{divisions}</divisions></attributes>'
        f"<note><pitch><step>C</step>{alter}<octave>4</octave></pitch><duration>{first}</duration></note>"
        f"<note><pitch><step>E</step><octave>4</octave></pitch><duration>{second}</duration></note></measure></part></score-partwise>"
    )


def packed(*members):
    """Return a .mxl file of pairs of name and content."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


ENCODED = {
    "UTF-16, little end first": codecs.BOM_UTF16_LE + score(encoding="UTF-16").encode("utf-16-le"),
    "UTF-16, big end first": codecs.BOM_UTF16_BE + score(encoding="UTF-16").encode("utf-16-be"),
    "UTF-16LE without a mark": score(encoding="UTF-16").encode("utf-16-le"),
    "UTF-16BE without a mark": score(encoding="UTF-16").encode("utf-16-be"),
    "UTF-16 that says UTF-8": codecs.BOM_UTF16_LE + score().encode("utf-16-le"),
    "UTF-8 that says UTF-16": score(encoding="UTF-16").encode(),
    "UTF-8 with a mark that says latin-1": codecs.BOM_UTF8 + score(encoding="ISO-8859-1").encode(),
    "UTF-32": score(encoding="UTF-32").encode("utf-32"),
    "latin-1": score(encoding="ISO-8859-1", title="Für Elise").encode("latin-1"),
    "windows-1252": score(encoding="windows-1252", title="L’été").encode("cp1252"),
    "windows-1251": score(encoding="windows-1251", title="Вечор").encode("cp1251"),
    "GB2312": score(encoding="GB2312", title="茉莉花").encode("gb2312"),
    "Shift_JIS": score(encoding="Shift_JIS", title="荒城の月").encode("shift_jis"),
    "spaces before": b"\r\n " + score().encode(),
    "zeros behind": score().encode() + bytes(9) + b"\x1a",
}


@pytest.mark.parametrize("data", ENCODED.values(), ids=ENCODED)
def test_a_score_is_read_in_every_encoding(data):
    """With a mark, without, declared rightly or wrongly: the same notes, and the medium takes it for XML."""
    assert read_musicxml(data, 1).voices == C_AND_E
    assert json.loads(inspect_score(data, {"voices": 1}))[0] == 12  # sixteenths


@pytest.mark.parametrize(
    "data", [score(encoding="klingon").encode(), score(encoding="Shift_JIS", title="\xff").encode("latin-1")]
)
def test_what_is_in_no_encoding_is_no_score(data):
    """An encoding that nobody knows, and bytes that are none of the declared one."""
    with pytest.raises(RejectedError) as caught:
        read_musicxml(data, 1)
    assert caught.value.reason == "not a score"


@pytest.mark.parametrize(
    ("divisions", "first", "second"),
    [("4.0", "4.0", "8.0"), ("0.5", ".5", "1"), ("2", "2.", "+4"), (" 10 ", "10", "20.00")],
)
def test_numbers_are_decimals_where_the_schema_has_them(divisions, first, second):
    """Divisions and durations."""
    assert read_musicxml(score(divisions, first, second).encode(), 1).voices == C_AND_E


def test_parts_of_half_tones_are_rounded_and_noted():
    """A decimal that is whole is none of them."""
    assert read_musicxml(score(alter="1.0").encode(), 1).notes == ()
    quarter = read_musicxml(score(alter="-0.75").encode(), 1)
    assert quarter.voices[0][0].pitch == 59
    assert quarter.notes == ("with parts of half tones, rounded",)


@pytest.mark.parametrize(
    ("told", "detail"),
    [
        ({"divisions": "0"}, "<divisions> is '0', no number above 0"),
        ({"divisions": "1e9"}, "<divisions> is '1e9', no number"),
        ({"first": "-1"}, "<duration> is '-1', no number from 0"),
        ({"first": "nan"}, "<duration> is 'nan', no number"),
        ({"alter": "inf"}, "<pitch/alter> is 'inf', no number"),
        ({"first": "1" * 99}, "no number"),
    ],
)
def test_other_numbers_are_refused(told, detail):
    """With the element and what stands in it."""
    with pytest.raises(RejectedError) as caught:
        read_musicxml(score(**told).encode(), 1)
    assert detail in read_sentence(caught.value.detail)


@given(st.decimals(0, 10_000, places=3), st.decimals("0.001", 10_000, places=3))
def test_any_decimal_duration_is_exact(duration, divisions):
    """A quotient of two decimals, as a fraction."""
    voices = read_musicxml(score(str(divisions), str(duration)).encode(), 1).voices
    assert voices[0][-1].start == Fraction(duration) / Fraction(divisions)


SCORE = score().encode()
PACKED = {
    "of a Mac": packed(("__MACOSX/._score.xml", b"\0\5\x16\7" + bytes(60)), (".DS_Store", b"x"), ("._score.xml", b"x"), ("score.xml", SCORE), ("META-INF/container.xml", CONTAINER.format("score.xml"))),
    "of a Mac without a container": packed(("__MACOSX/._score.xml", b"\0\5\x16\7" + bytes(60)), ("score.xml", SCORE)),
    "without a container": packed(("a/score.musicxml", SCORE)),
    "a folder packed anew": packed(("hymn/META-INF/container.xml", CONTAINER.format("score.xml")), ("hymn/score.xml", SCORE), ("hymn/other.xml", b"<x/>")),
    "of Windows": packed(("META-INF\\container.xml", CONTAINER.format("in/score.xml")), ("in\\score.xml", SCORE)),
    "a name of its own": packed(("META-INF/container.xml", CONTAINER.format("score.data")), ("score.data", SCORE), ("a.xml", b"<x/>")),
    "UTF-16 within": packed(("META-INF/container.xml", CONTAINER.format("s.xml").encode("utf-16")), ("s.xml", score(encoding="UTF-16").encode("utf-16"))),
}  # fmt: skip


@pytest.mark.parametrize("data", PACKED.values(), ids=PACKED)
def test_a_packed_score_is_found_whoever_packed_it(data):
    """Leftovers of systems are none of it; without a container the only score is the one."""
    read = read_musicxml(data, 1)
    assert (read.voices, read.notes) == (C_AND_E, ())


def test_a_packed_score_with_another_container_or_several_scores_is_noted():
    """A container that names what is not there, or none beside two scores; PDF is no score."""
    elsewhere = packed(("META-INF/container.xml", CONTAINER.format("gone.xml")), ("score.xml", SCORE))
    assert read_musicxml(elsewhere, 1).notes == ("not named by the container of its .mxl file",)
    assert read_musicxml(packed(("a.xml", SCORE), ("b.xml", SCORE)), 1).notes == ("of several scores in a .mxl file the first one",)  # fmt: skip
    both = '<container><rootfiles><rootfile full-path="s.pdf" media-type="application/pdf"/><rootfile full-path="s.xml" media-type="application/vnd.recordare.musicxml+xml"/></rootfiles></container>'
    assert read_musicxml(packed(("META-INF/container.xml", both), ("s.pdf", b"%PDF"), ("s.xml", SCORE)), 1).notes == ()


def test_a_score_by_measures_is_read_by_parts():
    """The same notes as part by part, in order, and a note of it; a part that is missing in a measure is told."""
    note = "<note><pitch><step>{}</step><octave>4</octave></pitch><duration>1</duration></note>"
    start = "<attributes><divisions>1</divisions></attributes>"
    bars = [f'<measure><part id="A">{start}{note.format(a)}</part><part id="B">{start}{note.format(b)}</part></measure>' for a, b in ("EC", "FD")]  # fmt: skip
    read = read_musicxml(f"<score-timewise>{''.join(bars)}</score-timewise>".encode(), 2)
    assert [[one.pitch for one in voice] for voice in read.voices] == [[64, 65], [60, 62]]
    assert read.bars == {1}
    assert read.notes == ("by measures (score-timewise), read by parts",)
    with pytest.raises(RejectedError, match="not in every measure"):
        read_musicxml(f'<score-timewise>{bars[0]}<measure><part id="A"/></measure></score-timewise>'.encode(), 2)
