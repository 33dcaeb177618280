"""Words, numbers, charts and media of the gallery."""

import ast
import math
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from artpipe import plugins
from artpipe.artifacts.report import Verdict
from artpipe.config.params import load_params, read_yaml
from artpipe.contracts.plugin_info import metric_info, model_info
from artpipe.errors import CorruptError
from artpipe.site.charts import chart, thin, tick
from artpipe.site.media_files import Shelf
from artpipe.site.translation import (  # fmt: skip
    _MONTHS,
    Words,
    clean,
    date,
    duration,
    han,
    number,
    plain,
    roman,
    size,
    slug,
    upright,
)
from artpipe.site.wall_texts import SAMPLES
from artpipe.untrusted.rejection import REASONS

ROOT = Path(__file__).parents[3]
MUSEUM = ROOT / "artpipe" / "templates" / "museum"
METRICS = ROOT / "artpipe" / "metrics"
HOLES = {"numbers": "7 dB against 7 dB on 7 held-out works"}  # in a sentence, that hold more than a number or a name


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
    assert plain("held_out_kid", acronyms={"kid"}) == "Held out KID"


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
    words = Words(tmp_path, "zh")
    assert (words.one("Room"), words.one("Scores")) == ("展厅", "Scores")
    assert words.many("One work", "%(num)s works", 2) == "%(num)s works"
    assert Words(tmp_path, "en").one("Room") == "Room"


def messages() -> set[str]:
    """Return everything that fragments and pages say."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    fragments = [plugins.find("sections", name).html for name in plugins.names("sections")]
    sources = fragments + [path.read_text() for path in MUSEUM.glob("*.html")]
    found = [message for source in sources for _, _, message in environment.extract_translations(source)]
    flat = [one for message in found for one in (message if isinstance(message, tuple) else (message,))]
    return {one for one in (*flat, *told_by_plugins()) if one}


def told_by_plugins() -> Iterator[str]:
    """Yield what the files of kinds and metrics say of themselves."""
    kinds, metrics = (plugins.names(group) for group in ("models", "metrics"))
    yield from (model_info(kind).title for kind in kinds)
    texts = [*SAMPLES.values()]
    texts += [
        text for info in (*map(model_info, kinds), *map(metric_info, metrics)) for text in info.wall_texts.values()
    ]
    yield from (words for text in texts for words in (text.heading, text.note))


def test_every_word_of_the_gallery_has_its_chinese():
    """Whatever a fragment or a page says, whatever a verdict or a refusal is called; placeholders are the same."""
    table = Words(MUSEUM, "zh").table
    named = {*get_args(Verdict), *REASONS, "unknown", "others", "none", *_MONTHS}
    assert sorted((messages() | named) - set(table)) == []
    holes = re.compile(r"%\(\w+\)s|%%s|\{")
    assert [key for key, said in table.items() if sorted(holes.findall(key)) != sorted(holes.findall(said))] == []


def sentences() -> set[str]:
    """Return what metrics say of their numbers, something in place of each hole: whole sentences that are no docstring."""
    found = set()
    for path in METRICS.glob("*.py"):
        tree = ast.parse(path.read_text())
        documents = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                holes = [one.value if isinstance(one, ast.Constant) else ast.unparse(one.value) for one in node.values]
                parts = [
                    hole if isinstance(one, ast.Constant) else HOLES.get(hole, "7")
                    for one, hole in zip(node.values, holes, strict=True)
                ]
                documents |= {id(one) for one in node.values}
                found.add("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
                found.add(node.value)
    return {one for one in found if re.fullmatch(r"[A-Z7][^\n]* [^\n]*\.", one)}


def test_every_sentence_of_a_metric_has_its_chinese():
    """What a report says of scores and verdicts, whatever the numbers are."""
    words = Words(MUSEUM, "zh")
    found = sentences()
    assert len(found) > 50
    assert sorted(one for one in found if not han(words.said(one))) == []


def test_every_parameter_has_its_chinese():
    """The settings of a training, of whatever kind, as a visitor reads them."""
    table = Words(MUSEUM, "zh").table
    fields = {name for kind in plugins.names("models") for name in plugins.find("models", kind).params.model_fields}
    acronyms = {acronym for kind in plugins.names("models") for acronym in model_info(kind).acronyms}
    shown = {plain(name, acronyms=acronyms) for name in fields}
    assert sorted(shown - set(table)) == []


def test_the_default_gallery_has_its_chinese():
    """Titles of models and datasets, what datasets are, and the names of their classes."""
    words = Words(MUSEUM, "zh")
    gallery = load_params(ROOT / "params.yaml").gallery
    said = [gallery.subtitle, *gallery.titles.values()]
    for path in sorted((ROOT / "datasets").glob("*.yaml")):
        card = read_yaml(path)
        said += [card["about"]["title"], card["about"]["description"]]
        said += [
            one["label"] for part in card["works"].get("parts", ()) for one in part.get("files", ()) if "label" in one
        ]
    assert len(said) > 30
    assert sorted(one for one in said if words.said(one) == one) == []


def test_chinese_numbers_and_times():
    """Dates, durations and rooms are written as in Chinese; beyond thirty rooms Roman numerals do."""
    given = Words(MUSEUM, "zh").filters()
    assert given["date"](1_795_000_000) == "2026年11月18日"
    assert [given["duration"](s) for s in (45, 252, 12_000)] == ["45 秒", "4 分 12 秒", "3 小时 20 分"]
    assert [given["roman"](n) for n in (1, 10, 11, 20, 24, 31)] == ["一", "十", "十一", "二十", "二十四", "XXXI"]
    assert given["number"](math.nan) == "非有限数"


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("untitled", "无题"),
        ("Three, asked for; read as seven", "三，命题之作；读作七"),
        ("From zero to nine and back", "自零至九而复返"),
        ("Upright, taken for 90° left, 46% sure", "正立，误认作左转 90°，46% 把握"),
        ("In the manner of tissue and dahlia", "仿组织切片与大丽花之风"),
        ("Pagoda, in the manner of deep space", "宝塔，仿深空之风"),
        ("Back from half its size, 34.1 dB (bicubic 30.2 dB)", "由一半大小复原，34.1 分贝（双三次插值 30.2 分贝）"),
        ("Chorale in E flat major, 0:38", "众赞歌（降 E 大调），0:38"),
        ("Chorale in D minor, 0:38", "众赞歌（D 小调），0:38"),
        ("Only 26% of the distance that the photographs have to their styles is left.", "仅余照片与其风格之距离的 26%。"),
        ("It covers 80% of the variety that real works cover; 30% are asked for.", "其变化之丰富达到真实作品的 80%；要求为 30%。"),
        ("It recognises 99.1% of 10000 held-out works; 12% could be guessing.", "10000 件留出作品中它认出 99.1%；仅凭猜测可得 12%。"),
        *[(text, text) for text in ("<b>{0}</b>", "%(num)s works", "", "A poem of its own")],
    ],
)  # fmt: skip
def test_what_records_say_is_said_in_chinese(english, chinese):
    """Whole sentences, sentences with something in them, and anything else as it is."""
    assert Words(MUSEUM, "zh").said(english) == chinese


@given(st.text())
def test_any_text_can_be_said(text):
    """No text of a record breaks the table of sentences."""
    assert isinstance(Words(MUSEUM, "zh").said(text), str)


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


def test_large_pictures_have_a_small_copy_for_walls(tmp_path):
    """A picture that hangs among many is not sent whole; a small or exact one has no copy."""
    from PIL import Image

    Image.effect_noise((400, 300), 80).convert("RGB").save(tmp_path / "a.png")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "b.png")
    shelf = Shelf()
    media = shelf.picture(tmp_path / "a.png")
    assert (media.small.width, media.small.height, media.small.exact) == (224, 168, False)
    assert media.small.size < media.size / 2
    assert {media.src, media.small.src} == set(shelf.files)
    assert shelf.picture(tmp_path / "b.png").small is None


def test_what_is_no_picture_is_refused(tmp_path):
    """Missing, damaged or exchanged files are corrupt, with the reason."""
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(CorruptError, match="not a picture"):
        Shelf().picture(tmp_path / "a.png")
    with pytest.raises(CorruptError, match="expected 000000000000"):
        Shelf().picture(tmp_path / "a.png", "0" * 64)
    with pytest.raises(CorruptError, match="cannot be read"):
        Shelf().file(tmp_path / "b.webm")
