"""Music: MusicXML, MIDI and rolls to steps of a grid and tokens; what is no score; files that are bombs."""

import io
import json
import struct
import zipfile
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from artpipe.artifacts import paths
from artpipe.artifacts.shards import SPLITS, ShardSet
from artpipe.artifacts.works import Record, Works
from artpipe.contracts.special_tokens import END, PAD, SPECIAL_TOKENS, START
from artpipe.ingest import ingest_dataset
from artpipe.language.sentences import read_sentence
from artpipe.modalities.music import inspect_score
from artpipe.modalities.music.midi_reader import read_midi
from artpipe.modalities.music.musicxml_reader import read_musicxml
from artpipe.modalities.music.score import MusicScore, Note, interval_hash, read_roll, sample_steps, shorten_silences
from artpipe.modalities.music.tokens import BAR, FERMATA, HELD, VOCABULARY, Step, decode_steps, encode_steps
from artpipe.modalities.music.xml_tree import parse_xml
from artpipe.preprocess import preprocess_dataset
from artpipe.untrusted.rejection import RejectedError

JSB = Path(__file__).parents[5] / "shared/data/music"
PARAMS = """\
format: 2
seed: 1
datasets:
  hymns: {{medium: music, source: folder, path: datasets/hymns, about: {{}}, ingest: {ingest}, preprocess: {preprocess}}}
models: {{}}
evaluation: {{metrics: []}}
gallery: {{sections: []}}
"""
CELLS = st.sampled_from([0, *range(21, 109), *range(21 + HELD, 109 + HELD)])
PIECES = st.lists(st.builds(Step, st.integers(0, 3), st.lists(CELLS, max_size=5)), min_size=1, max_size=12)


def xml_note(step, octave, duration, *, alter="", extra="", chord=False):
    """Return a <note>; `step` empty is a rest."""
    alter = f"<alter>{alter}</alter>" if alter else ""
    pitch = f"<pitch><step>{step}</step>{alter}<octave>{octave}</octave></pitch>" if step else "<rest/>"
    return f"<note>{'<chord/>' if chord else ''}{pitch}<duration>{duration}</duration>{extra}</note>"


def score_xml(*parts, divisions=2, names=()):
    """Return a score whose parts are lists of measures, a measure the text of its notes (or its attributes and notes)."""
    names = names or [f"part {number}" for number in range(len(parts))]
    listed = "".join(
        f'<score-part id="P{i}"><part-name>{name}</part-name></score-part>' for i, name in enumerate(names)
    )
    body = ""
    for number, measures in enumerate(parts):
        start = f"<attributes><divisions>{divisions}</divisions></attributes>"
        inner = ""
        for place, text in enumerate(measures):
            implicit = ' implicit="yes"' if text.startswith("~") else ""
            inner += f"<measure{implicit}>{'' if place else start}{text.lstrip('~')}</measure>"
        body += f'<part id="P{number}">{inner}</part>'
    doctype = '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 1.1 Partwise//EN" "http://x.org/p.dtd">'
    return (
        f"<?xml version='1.0'?>{doctype}<score-partwise><part-list>{listed}</part-list>{body}</score-partwise>".encode()
    )


def packed(data, name="s.xml", container=None):
    """Return a .mxl file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
        if container:
            archive.writestr("META-INF/container.xml", container)
    return buffer.getvalue()


def reason_of(function, *arguments):
    """Return the reason for which an input is not kept."""
    with pytest.raises(RejectedError) as caught:
        function(*arguments)
    return caught.value.reason


# -- MusicXML ------------------------------------------------------------------------------------------------------


def test_a_scores_notes_are_in_time_and_tied():
    """A quarter C, an eighth F sharp, and a D tied over the bar: pitches of MIDI, times in quarter notes."""
    tied = '<tie type="start"/>', '<tie type="stop"/>'
    data = score_xml(
        [
            xml_note("C", 4, 2) + xml_note("F", 4, 1, alter="1") + xml_note("D", 5, 1, extra=tied[0]),
            xml_note("D", 5, 2, extra=tied[1]) + xml_note("", 0, 2),
        ]
    )
    score = read_musicxml(data, 1)
    assert score.voices == [[Note(0, 1, 60), Note(1, Fraction(3, 2), 66), Note(Fraction(3, 2), 3, 74)]]
    assert score.bars == {2}
    assert sample_steps(score, 2, 1) == [
        Step(0, [60]),
        Step(0, [60 + HELD]),
        Step(0, [66]),
        Step(0, [74]),
        Step(BAR, [74 + HELD]),
        Step(0, [74 + HELD]),
    ]
    assert read_musicxml(packed(data), 1) == score


def test_triplets_are_heard_where_the_grid_looks():
    """Three notes in a quarter: on sixteenths each is struck at the first step within it; a quarter hears the first."""
    data = score_xml([xml_note("C", 4, 1) + xml_note("D", 4, 1) + xml_note("E", 4, 1)], divisions=3)
    score = read_musicxml(data, 1)
    assert [cells for _, cells in sample_steps(score, 4, 1)] == [[60], [60 + HELD], [62], [64]]
    assert [cells for _, cells in sample_steps(score, 1, 1)] == [[60]]


def test_a_pickup_ends_with_the_first_bar_line_and_split_bars_have_none():
    """The bar after a pickup begins one; a measure marked implicit goes on with the one before. Fermatas are marked."""
    held = "<notations><fermata/></notations>"
    data = score_xml(
        [xml_note("G", 4, 2), xml_note("C", 5, 6, extra=held), "~" + xml_note("C", 5, 2), xml_note("B", 4, 8)]
    )
    marks = [mark for mark, _ in sample_steps(read_musicxml(data, 1), 1, 1)]
    assert marks == [0, BAR + FERMATA, 0, 0, 0, BAR, 0, 0, 0]


def test_written_and_sounding_pitch():
    """A horn in F sounds a fifth lower than it is written; grace notes take no time."""
    transpose = "<attributes><transpose><diatonic>-4</diatonic><chromatic>-7</chromatic></transpose></attributes>"
    grace = "<note><grace/><pitch><step>B</step><octave>4</octave></pitch></note>"
    assert read_musicxml(score_xml([transpose + grace + xml_note("C", 5, 2)]), 1).voices == [[Note(0, 1, 65)]]


def test_two_staves_hold_four_voices():
    """Voices of one part are parted by their numbers where there are fewer parts than voices."""
    stave = lambda high, low: (  # noqa: E731
        xml_note(high, 4, 2, extra="<voice>1</voice>")
        + "<backup><duration>2</duration></backup>"
        + xml_note(low, 4, 2, extra="<voice>2</voice>")
    )
    score = read_musicxml(score_xml([stave("G", "E")], [stave("C", "C")]), 4)
    assert [voice[0].pitch for voice in score.voices] == [67, 64, 60, 60]


def test_singers_are_kept_and_instruments_left_out():
    """Of six parts, those named as the four voices are the piece; of five without names it is told that they are five."""
    names = ["Horn 1", "Soprano", "Alto", "Tenor", "Bass", "Timpani"]
    parts = [[xml_note(step, 4, 2)] for step in "CDEFGA"]
    score = read_musicxml(score_xml(*parts, names=names), 4)
    assert [voice[0].pitch for voice in score.voices] == [62, 64, 65, 67]
    assert [read_sentence(note) for note in score.notes] == ["instruments left out: 2"]
    five = read_musicxml(score_xml(*parts[:5]), 4)
    with pytest.raises(RejectedError, match="other voices: 5 voices in it, 4 are wanted"):
        sample_steps(five, 4, 4)


def test_of_a_chord_in_a_voice_the_upper_note_stays():
    """What is not one note at a time becomes so, and it is noted; as chords everything sounds."""
    data = score_xml([xml_note("C", 4, 2) + xml_note("E", 4, 2, chord=True) + xml_note("D", 4, 2)])
    score = read_musicxml(data, 1)
    assert [note.pitch for note in score.voices[0]] == [64, 62]
    assert score.notes
    assert [cells for _, cells in sample_steps(read_musicxml(data, 0), 1, 0)] == [[64, 60], [62]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><s>&b;</s>", "bomb"),
        (b"<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><s>&a;</s>", "bomb"),
        (b"<s>" * 100 + b"</s>" * 100, "bomb"),
        (b"<score-partwise><part>", "not a score"),
        (b"<score-timewise/>", "unsupported format"),
        (b"<svg/>", "unsupported format"),
        (packed(b"<s>" + b" " * 20_000_000 + b"</s>"), "bomb"),
        (packed(b"", "notes.txt"), "not a score"),
        (b"PK\3\4 torn", "damaged"),
        (score_xml([xml_note("H", 4, 2)]), "not a score"),
    ],
)
def test_hostile_and_strange_scores_are_refused(data, reason):
    """Entities, however they are meant, nesting, and zips that unpack to hundreds of times their size are bombs."""
    assert reason_of(read_musicxml, data, 4) == reason


def test_a_document_type_elsewhere_is_never_asked_for():
    """A DOCTYPE that names a file on the network is what MusicXML has always had; nothing is fetched."""
    assert parse_xml(b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a><b>1</b></a>').findtext("b") == "1"


# -- rolls, grids, tokens --------------------------------------------------------------------------------------------


def test_a_roll_by_voice_goes_on_and_chords_are_struck():
    """In a voice the same pitch again goes on; chords are sets, from high to low."""
    assert [cells for _, cells in sample_steps(read_roll([[64, 60], [64, 0], [65, 60]], 1, 2), 1, 2)] == [
        [64, 60],
        [64 + HELD, 0],
        [65, 60],
    ]
    assert [cells for _, cells in sample_steps(read_roll([[60, 64], [], [60]], 1, 0), 1, 0)] == [[64, 60], [], [60]]
    assert reason_of(read_roll, [[60, 64], [60]], 1, 2) == "other voices"
    assert reason_of(read_roll, {"a": 1}, 1, 0) == "not a score"
    assert reason_of(read_roll, [[60.5]], 1, 0) == "not a score"


def test_a_coarser_grid_hears_what_sounds():
    """Sixteenths on a grid of eighths: what sounds at the eighth is kept, and struck if it began since the last one."""
    score = read_roll([[60], [62], [62], [64], [64], [64]], 4, 1)
    assert [cells for _, cells in sample_steps(score, 2, 1)] == [[60], [62], [64]]
    assert sample_steps(MusicScore([[Note(Fraction(0), Fraction(2), 60)]]), 1, 1) == [
        Step(0, [60]),
        Step(0, [60 + HELD]),
    ]


def test_interludes_are_shortened():
    """Of a silence of all voices one step is kept, of those at either end none."""
    cells = [[0], [60], [0], [0], [0], [62], [0]]
    kept = shorten_silences([Step(0, cell) for cell in cells], 1)
    assert [cell for _, cell in kept] == [[60], [0], [62]]


@given(PIECES)
def test_any_piece_comes_back_from_its_tokens(piece):
    """Tokens stand in the vocabulary, between a start and an end; the first step has no mark of its own."""
    tokens = encode_steps(piece)
    assert (tokens[0], tokens[-1]) == (START, END)
    assert all(len(SPECIAL_TOKENS) <= token < len(VOCABULARY) for token in tokens[1:-1])
    assert decode_steps(tokens) == [piece[0]._replace(mark=0), *piece[1:]]


@given(st.lists(st.tuples(st.integers(40, 60), st.integers(60, 80)), min_size=12, max_size=30), st.integers(-5, 5))
def test_a_piece_looks_alike_in_every_key(chords, shift):
    """The hash that finds duplicates does not hear the key."""
    before, after = ([Step(0, [high + by, low + by]) for low, high in chords] for by in (0, shift))
    assert interval_hash(before) == interval_hash(after)


# -- the medium --------------------------------------------------------------------------------------------------------


@pytest.fixture
def hymns(tmp_path, monkeypatch):
    """Return a function that writes files and a params.yaml and works in their folder."""
    monkeypatch.chdir(tmp_path)

    def make(files, ingest="{}", preprocess="{grid: 1, length: 32}"):
        (tmp_path / "datasets/hymns").mkdir(parents=True)
        for name, data in files.items():
            (tmp_path / "datasets/hymns" / name).write_bytes(data)
        (tmp_path / "params.yaml").write_text(PARAMS.format(ingest=ingest, preprocess=preprocess))

    return make


def test_rolls_become_rows_and_back(hymns):
    """The official splits hold, the pieces come back note by note, and a contact sheet is drawn."""
    pieces = [[[60 + n, 55, 52, 48 - n]] * 3 + [[62 + n, 55, 53, 47 - n]] * 5 for n in range(12)]
    rolls = {"train": pieces[:8], "valid": pieces[8:10], "test": [*pieces[10:], [[60, 55, 52]]]}
    hymns({"rolls.json": json.dumps(rolls).encode()})
    ingest_dataset("hymns")
    preprocess_dataset("hymns")
    refused = Record.open(paths.record("hymns")).quarantined()
    assert [(one.name, one.reason) for one in refused] == [("rolls.json#test-00002", "other voices")]
    assert {(work.width, work.height) for work in Works.open(paths.works("hymns")).rows()} == {(8, 4)}
    shards = ShardSet.open(paths.shards("hymns"))
    assert (shards.spec.medium, shards.spec.height, shards.spec.grid) == ("music", 4, 1)
    found = Counter()
    for split in SPLITS:
        columns = shards.load(split)
        for digest in columns["digests"].unique(dim=0):
            rows = columns["tokens"][(columns["digests"] == digest).all(1)]
            tokens = [token for row in rows for token in row[1:].tolist() if token != PAD]
            assert [[cell % HELD for cell in cells] for _, cells in decode_steps(tokens)] in pieces
            found[split] += 1
    assert found == {"train": 8, "validation": 2, "test": 2}
    assert shards.load("train")["tokens"].dtype == torch.int16
    assert (paths.shards("hymns") / "contact.png").is_file()


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty file"), (b"\x89PNG", "not a score"), (b"[]", "not a score"), (b"[[7]]", "not a score")],
)
def test_what_is_no_score_is_told(data, reason):
    """An empty file, a picture and a roll without notes or beyond the keys of a piano."""
    assert reason_of(inspect_score, data, {"voices": 0}) == reason


@pytest.mark.shared
@pytest.mark.skipif(not JSB.is_dir(), reason="the trial data are not beside the project")
@pytest.mark.nightly
def test_the_public_rolls_are_read():
    """Every chorale of the public split is one, as chords and by voice."""
    for name, voices in (("jsb-chorales-quarter.json", 0), ("Jsb16thSeparated.json", 4)):
        rolls = json.loads((JSB / name).read_text())
        assert {split: len(pieces) for split, pieces in rolls.items()} == {"train": 229, "valid": 76, "test": 77}
        steps = [
            len(sample_steps(read_roll(piece, 4, voices), 4, voices)) for pieces in rolls.values() for piece in pieces
        ]
        assert min(steps) > 20


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (10, "10 bytes of a header of 14"),
        (14, "2 tracks announced, 0 are there"),
        (-3, "7 bytes of a track announced, 4 are there"),
        (-15, "2 tracks announced, 1 are there"),
    ],
)
def test_a_midi_file_that_ends_early_is_truncated(cut, said):
    """In its header, after it, within a track, between two: each is told, none becomes a piece of fewer voices."""
    track = b"MTrk" + (7).to_bytes(4) + b"\0\x90\x3c\x50\x60\x80\x3c"
    data = b"MThd" + struct.pack(">IHHH", 6, 1, 2, 96) + track * 2
    with pytest.raises(RejectedError) as caught:
        read_midi(data[:cut], 2)
    assert (caught.value.reason, read_sentence(caught.value.detail)) == ("truncated", said)
