"""Words, numbers, charts and media of the gallery."""

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artpipe.errors import CorruptError
from artpipe.sections._charts import chart, thin, tick
from artpipe.sections._media import Shelf
from artpipe.sections._words import clean, date, duration, han, number, plain, roman, size, slug, upright, words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *[(0, "0"), (70000, "70,000"), (0.03124, "0.0312"), (2.298, "2.30"), (1234.5, "1,234"), (99.99, "100.0")],
        *[(-0.5, "\u22120.500"), (1.5e-7, "1.50e\u221207"), (math.nan, "not finite"), (math.inf, "not finite")],
    ],
)
def test_numbers_are_read_easily(value, shown):
    """Counts have thousands, measures three significant digits, a minus is a minus."""
    assert number(value) == shown


def test_times_and_rooms():
    """Durations, dates and room numbers as people write them."""
    assert [duration(s) for s in (45, 252, 12_000)] == ["45 s", "4 min 12 s", "3 h 20 min"]
    assert date(1_795_000_000) == "18 November 2026"
    assert [roman(n) for n in (1, 4, 9, 14, 40)] == ["I", "IV", "IX", "XIV", "XXXX"]
    assert [size(n) for n in (812, 4200, 1_300_000)] == ["812 B", "4.2 kB", "1.3 MB"]
    assert plain("held_out_kid") == "Held out KID"


@given(st.text())
def test_clean_text_is_one_safe_line(text):
    """Whatever comes in: no control, no direction override, no surrogate, one line, bounded."""
    line = clean(text)
    assert len(line) <= 300
    assert not {unicodedata.category(c) for c in line} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(line) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
    assert clean(line) == line
    line.encode()


@pytest.mark.parametrize(
    ("text", "chinese", "columns"),
    [
        *[("空山新月上\n孤舟渡晚風", True, True), ("空山" * 9, True, False), ("月\n" * 18, True, False)],
        *[("moon 月", False, False), ("", False, False), ("12 !", False, False)],
    ],
)
def test_chinese_verse_is_known(text, chinese, columns):
    """Mostly Chinese characters; in columns where lines are short and few."""
    assert (han(text), upright(text)) == (chinese, columns)


@given(st.text())
def test_a_slug_is_a_safe_folder(text):
    """Lower-case letters, digits and hyphens, never empty."""
    assert set(slug(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert slug(text).strip("-")


def test_words_fall_back_to_english(tmp_path):
    """A language file changes what it has; the rest stays English."""
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "zh.json").write_text('{"Room": "展厅"}', encoding="utf-8")
    one, many = words(tmp_path, "zh")
    assert (one("Room"), one("Scores"), many("One work", "%(num)s works", 2)) == ("展厅", "Scores", "%(num)s works")


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(-1e30, 1e30)), max_size=400))
def test_any_curve_is_drawn_inside_its_frame(points):
    """No value, however large, constant or many, breaks the chart or leaves its frame."""
    points = sorted(points, key=lambda point: point[0])
    svg = str(chart(points, 'a "label"'))
    assert "nan" not in svg
    assert "inf" not in svg
    assert len(thin(points)) <= 120
    assert "style" not in svg
    if svg:
        assert "&#34;label&#34;" in svg


def test_thin_keeps_the_range():
    """Averaging 240 points to 120 keeps each pair's lowest and highest."""
    columns = thin([(i, float(i % 2)) for i in range(240)])
    assert columns[0] == (1, 0.5, 0.0, 1.0)
    assert len(columns) == 120
    assert [tick(v) for v in (1200, 0.05, -3)] == ["1.2k", "0.05", "\u22123"]


def test_small_pictures_keep_every_byte(tmp_path):
    """A tiny PNG is shelved as it is, under its content's name, once, and inlined."""
    from PIL import Image

    Image.new("L", (28, 28), 7).save(tmp_path / "a.png")
    shelf = Shelf()
    media = shelf.picture(tmp_path / "a.png")
    assert shelf.picture(tmp_path / "a.png") == media
    assert shelf.files == {media.src: (tmp_path / "a.png").read_bytes()}
    assert media.inline.startswith("data:image/png;base64,")
    assert shelf.stylesheet() == b".w28 { --w: 28px; }\n"


def test_the_length_of_a_sound_is_known(tmp_path):
    """A WAV's header says it; a damaged one says nothing and hangs nevertheless."""
    import wave

    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(24_000))
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    assert [Shelf().any(tmp_path / name).seconds for name in ("a.wav", "b.wav")] == [1.5, 0.0]


def test_large_pictures_become_webp(tmp_path):
    """A large noisy picture is kept as the smaller of PNG and WebP."""
    import os

    from PIL import Image

    Image.frombytes("RGB", (200, 150), os.urandom(90_000)).save(tmp_path / "a.png")
    media = Shelf().picture(tmp_path / "a.png")
    assert media.src.endswith(".webp")
    assert (media.width, media.height, media.inline) == (200, 150, "")


def test_what_is_no_picture_is_refused(tmp_path):
    """Missing, damaged or exchanged files are corrupt, with the reason."""
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(CorruptError, match="not a picture"):
        Shelf().picture(tmp_path / "a.png")
    with pytest.raises(CorruptError, match="expected 000000000000"):
        Shelf().picture(tmp_path / "a.png", "0" * 64)
    with pytest.raises(CorruptError, match="cannot be read"):
        Shelf().file(tmp_path / "b.webm")
