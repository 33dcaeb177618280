"""Words, numbers, charts and media of the gallery."""

import json
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
from artpipe.artifacts.report import Fault, Grade
from artpipe.config.params import load_params, read_yaml
from artpipe.contracts.plugin_info import metric_info, model_info
from artpipe.errors import CorruptError
from artpipe.language.message import Message
from artpipe.language.sentences import Sentences, load_sentences
from artpipe.modalities.picture.captions import requested_class_title
from artpipe.numerics.intervals import Interval
from artpipe.site import comparison_page
from artpipe.site.charts import average_points, draw_chart, format_tick
from artpipe.site.media_files import MediaStore
from artpipe.site.museum import load_museum
from artpipe.site.translation import (  # fmt: skip
    _MONTHS,
    Translator,
    clean_line,
    format_date,
    format_duration,
    format_ends,
    format_name,
    format_number,
    format_room_number,
    is_chinese,
    is_vertical_verse,
    join_hyphens,
    make_slug,
)
from artpipe.site.wall_texts import SAMPLE_TEXTS
from artpipe.untrusted.rejection import REASONS

ROOT = Path(__file__).parents[3]
MUSEUM = ROOT / "artpipe" / "templates" / "museum"


def test_a_hyphenated_word_stays_on_one_line():
    """It is marked for the style sheet and stays the same text; what is hostile in it is escaped."""
    assert join_hyphens("Works of my-gallery") == 'Works of <span class="unbroken">my-gallery</span>'
    assert join_hyphens("- & <b>-x") == '- &amp; <span class="unbroken">&lt;b&gt;-x</span>'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *[(0, "0"), (70000, "70,000"), (0.03124, "0.0312"), (2.298, "2.30"), (1234.5, "1,234"), (99.99, "100.0")],
        *[(-0.5, "\u22120.500"), (1.5e-7, "1.50e\u221207"), (math.nan, "not finite"), (math.inf, "not finite")],
    ],
)
def test_numbers_are_read_easily(value, shown):
    """Counts have thousands, measures three significant digits, a minus is a minus."""
    assert format_number(value) == shown


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        *[((0.0210, 0.0252), ("0.0210", "0.0252")), ((0.98513, 0.98949), ("0.9851", "0.9895")), ((7.46, 8.84), ("7.46", "8.84"))],
        *[((-0.0050, 0.0104), ("\u22120.0050", "0.0104")), ((0.0, 0.0019), ("0", "0.00190")), ((74.1, 93.4), ("74.1", "93.4"))],
        *[((1.0, 1.0), ("1", "1")), ((-math.inf, 2.5), ("not finite", "2.50")), ((3e-6, 4e-6), ("3.00e\u221206", "4.00e\u221206"))],
    ],
)  # fmt: skip
def test_the_ends_of_an_interval_can_be_told_apart(ends, shown):
    """Three digits at least, and two of its width, which three digits alone would hide."""
    assert format_ends(Interval(*ends)) == shown


def test_times_and_rooms():
    """Durations, dates and room numbers as people write them."""
    assert [format_duration(s) for s in (45, 252, 12_000)] == ["45 s", "4 min 12 s", "3 h 20 min"]
    assert format_date(1_795_000_000) == "18 November 2026"
    assert [format_room_number(n) for n in (1, 4, 9, 14, 40)] == ["I", "IV", "IX", "XIV", "XXXX"]
    format_size = Translator([MUSEUM], "en").filters()["size"]
    assert [format_size(n) for n in (812, 4200, 1_300_000)] == ["812 B", "4.2 kB", "1.3 MB"]
    assert format_name("held_out_kid", acronyms={"kid"}) == "Held out KID"


@given(st.text())
def test_clean_text_is_one_safe_line(text):
    """Whatever comes in: no control, no direction override, no surrogate, one line, bounded."""
    line = clean_line(text)
    assert len(line) <= 300
    assert not {unicodedata.category(c) for c in line} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(line) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
    assert clean_line(line) == line
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
    assert (is_chinese(text), is_vertical_verse(text)) == (chinese, columns)


@given(st.text())
def test_a_slug_is_a_safe_folder(text):
    """Lower-case letters, digits and hyphens, never empty."""
    assert set(make_slug(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert make_slug(text).strip("-")


def test_words_fall_back_to_english(tmp_path):
    """A language file changes what it has; the rest stays English."""
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "zh.json").write_text('{"Room": "展厅"}', encoding="utf-8")
    words = Translator([tmp_path], "zh")
    assert (words.translate("Room"), words.translate("Scores")) == ("展厅", "Scores")
    assert words.translate_plural("One work", "%(num)s works", 2) == "%(num)s works"
    assert Translator([tmp_path], "en").translate("Room") == "Room"


def read_as(code: str, work: Message, label: str) -> Message:
    """Return a caption that says what its work was taken for."""
    return Message(code=code, values={"work": work, "label": label})


def messages() -> set[str]:
    """Return everything that fragments and pages say."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    fragments = [plugins.load_plugin("sections", name).html for name in plugins.list_plugins("sections")]
    sources = [*fragments, comparison_page.PAGE, *(path.read_text() for path in MUSEUM.glob("*.html"))]
    found = [message for source in sources for _, _, message in environment.extract_translations(source)]
    flat = [one for message in found for one in (message if isinstance(message, tuple) else (message,))]
    return {one for one in (*flat, *told_by_plugins()) if one}


def told_by_plugins() -> Iterator[str]:
    """Yield what the files of kinds and metrics say of themselves."""
    kinds, metrics = (plugins.list_plugins(group) for group in ("models", "metrics"))
    yield from (model_info(kind).title for kind in kinds)
    texts = [*SAMPLE_TEXTS.values()]
    texts += [
        text for info in (*map(model_info, kinds), *map(metric_info, metrics)) for text in info.wall_texts.values()
    ]
    yield from (words for text in texts for words in (text.heading, text.note))
    yield from (sentence for metric in metrics for sentence in metric_info(metric).explained.values())


def test_every_word_of_the_gallery_has_its_chinese():
    """Whatever a fragment or a page says, whatever a verdict or a refusal is called; placeholders are the same."""
    table = Translator([MUSEUM], "zh").table
    named = {*get_args(Grade), *get_args(Fault)} - {""} | {"unknown", "others", "none", *_MONTHS}
    assert sorted({*REASONS, "unknown", "others", "none"} - set(load_sentences("zh").names)) == []
    assert sorted((messages() | named) - set(table)) == []
    holes = re.compile(r"%\(\w+\)s|%%s|\{")
    assert [key for key, said in table.items() if sorted(holes.findall(key)) != sorted(holes.findall(said))] == []


def test_every_parameter_has_its_chinese():
    """The settings of a training, of whatever kind, as a visitor reads them."""
    table = Translator([MUSEUM], "zh").table
    fields = {
        name
        for kind in plugins.list_plugins("models")
        for name in plugins.load_plugin("models", kind).params.model_fields
    }
    acronyms = {acronym for kind in plugins.list_plugins("models") for acronym in model_info(kind).acronyms}
    shown = {format_name(name, acronyms=acronyms) for name in fields}
    assert sorted(shown - set(table)) == []


def starters(sentences: Sentences) -> list[tuple[str, str | None]]:
    """Return what the default gallery and its presets say of models, datasets and classes, each with what a language has for it."""
    gallery = load_params(ROOT / "params.yaml").gallery
    titles = dict(gallery.titles)
    for path in (ROOT / "presets" / "long.yaml", ROOT / "presets" / "gpu.yaml"):
        titles |= read_yaml(path)["gallery"]["titles"]
    said = [(gallery.subtitle, sentences.starter_texts("gallery", "subtitle"))]
    said += [(title, sentences.starter_texts("models", model)) for model, title in titles.items()]
    for path in sorted((ROOT / "datasets").glob("*.yaml")):
        card = read_yaml(path)
        said += [
            (card["about"][field], sentences.starter_texts("datasets", path.stem)) for field in ("title", "description")
        ]
        files = (one for part in card.get("works", {}).get("parts", ()) for one in part.get("files", ()))
        said += [(one["label"], sentences.names) for one in files if "label" in one]
    return [(text, known.get(text)) for text, known in said]


def test_the_default_gallery_has_its_chinese():
    """Titles of models and datasets, what datasets are, and the names of their classes."""
    said = starters(load_sentences("zh"))
    assert len(said) > 30
    assert [text for text, chinese in said if not chinese] == []


def test_what_a_person_typed_is_never_translated(tmp_path):
    """A title that another dataset of artpipe's has, a description that reads like a message: they stay as they are."""
    texts = {"title": "Photographs", "description": "Scores", "creator": "unknown", "licence": "Works"}
    (tmp_path / "params.yaml").write_text(json.dumps({
        "format": 2, "seed": 1, "gallery": {"title": "Music", "subtitle": "Texts", "titles": {"mine": "Emoji enlarged"}, "sections": []},
        "models": {"mine": {"kind": "vae", "dataset": "own", "pretrained": "x", "feature_extractor": "mine"}},
        "datasets": {"own": {"medium": "picture", "source": "folder", "path": "x", "about": texts, "ingest": {}, "preprocess": {}}}, "evaluation": {"metrics": []},
    }))  # fmt: skip
    museum = load_museum(tmp_path, load_params(tmp_path / "params.yaml"), MediaStore(), load_sentences("zh"))
    (room,) = museum.rooms
    assert (museum.title, museum.subtitle, room.title, room.gaps[0].title) == ("Music", "Texts", "Photographs", "Emoji enlarged")  # fmt: skip
    assert (room.about.description, room.about.licence) == ("Scores", "Works")


def test_chinese_numbers_and_times():
    """Dates, durations and rooms are written as in Chinese; beyond thirty rooms Roman numerals do."""
    given = Translator([MUSEUM], "zh").filters()
    assert given["date"](1_795_000_000) == "2026年11月18日"
    assert [given["duration"](s) for s in (45, 252, 12_000)] == ["45 秒", "4 分 12 秒", "3 小时 20 分"]
    assert [given["roman"](n) for n in (1, 10, 11, 20, 24, 31)] == ["一", "十", "十一", "二十", "二十四", "XXXI"]
    assert given["number"](math.nan) == "非有限数"


@pytest.mark.parametrize(
    ("message", "chinese"),
    [
        (Message(code="untitled"), "无题"),
        (read_as("asked_for_read_as", requested_class_title("3"), "7"), "三，命题之作；读作七"),
        (read_as("read_as", Message(code="untitled"), "7"), "无题，读作七"),
        (Message(code="walk_between_classes", values={"first": "0", "last": "9"}), "自零至九而复返"),
        (
            Message(code="taken_for", values={"truth": "upright", "predicted": "90° left", "certainty": 0.46}),
            "正立，误认作左转 90°，46% 把握",
        ),
        (Message(code="in_the_manner_of_two", values={"first": "tissue", "second": "dahlia"}), "组织切片与大丽花的混合风格"),
        (Message(code="work_in_the_manner_of", values={"content": "pagoda", "style": "deep space"}), "深空风格的宝塔"),
        (
            Message(code="enlarged_from_half", values={"compared": Message(
                code="compared_with_baseline", values={"ours": 34.1, "baseline": "bicubic", "theirs": 30.2})}),
            "由一半大小复原，34.1 分贝（双三次插值 30.2 分贝）",
        ),
        (Message(code="chorale", values={"key": "E flat major", "length": "0:38"}), "众赞歌（降 E 大调），0:38"),
        (Message(code="chorale", values={"key": "D minor", "length": "0:38"}), "众赞歌（D 小调），0:38"),
        (Message(code="style_reached", values={"share": 0.26}), "仅余照片与其风格之距离的 26%。"),
        (
            Message(code="covers_variety", values={"share": 0.8, "wanted": 0.3}),
            "其变化之丰富达到真实作品的 80%；要求为 30%。",
        ),
        (
            Message(code="recognises_works", values={"share": 0.991, "works": 10000, "guess": 0.12}),
            "10,000 件留出作品中它认出 99.1%；对这么多作品，仅凭猜测就可能达到 12%。",
        ),
        *[(Message.of(text), text) for text in ("<b>{0}</b>", "%(num)s works", "", "A poem of its own", "untitled")],
    ],
)  # fmt: skip
def test_what_records_say_is_said_in_chinese(message, chinese):
    """Findings and captions, messages with messages in them; a plain text is shown as it is."""
    assert load_sentences("zh")(message) == chinese


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(-1e30, 1e30)), max_size=400))
def test_any_curve_is_drawn_inside_its_frame(points):
    """No value, however large, constant or many, breaks the chart or leaves its frame."""
    points = sorted(points, key=lambda point: point[0])
    svg = str(draw_chart(points, 'a "label"'))
    assert "nan" not in svg
    assert "inf" not in svg
    assert len(average_points(points)) <= 120
    assert "style" not in svg
    if svg:
        assert "&#34;label&#34;" in svg


def test_thin_keeps_the_range():
    """Averaging 240 points to 120 keeps each pair's lowest and highest."""
    columns = average_points([(i, float(i % 2)) for i in range(240)])
    assert columns[0] == (1, 0.5, 0.0, 1.0)
    assert len(columns) == 120
    assert [format_tick(v) for v in (1200, 0.05, -3)] == ["1.2k", "0.05", "\u22123"]


def test_small_pictures_keep_every_byte(tmp_path):
    """A tiny PNG is shelved as it is, under its content's name, once, and inlined."""
    from PIL import Image

    Image.new("L", (28, 28), 7).save(tmp_path / "a.png")
    shelf = MediaStore()
    media = shelf.add_picture(tmp_path / "a.png")
    assert shelf.add_picture(tmp_path / "a.png") == media
    assert shelf.files == {media.src: (tmp_path / "a.png").read_bytes()}
    assert media.inline.startswith("data:image/png;base64,")
    assert shelf.make_stylesheet() == b".w28 { --w: 28px; }\n"


def test_the_length_of_a_sound_is_known(tmp_path):
    """A WAV's header says it; a damaged one says nothing and hangs nevertheless."""
    import wave

    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(24_000))
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    assert [MediaStore().add_file(tmp_path / name).seconds for name in ("a.wav", "b.wav")] == [1.5, 0.0]


def test_large_pictures_become_webp(tmp_path):
    """A large noisy picture is kept as the smaller of PNG and WebP."""
    import os

    from PIL import Image

    Image.frombytes("RGB", (200, 150), os.urandom(90_000)).save(tmp_path / "a.png")
    media = MediaStore().add_picture(tmp_path / "a.png")
    assert media.src.endswith(".webp")
    assert (media.width, media.height, media.inline) == (200, 150, "")


def test_large_pictures_have_a_small_copy_for_walls(tmp_path):
    """A picture that hangs among many is not sent whole; a small or exact one has no copy."""
    from PIL import Image

    Image.effect_noise((400, 300), 80).convert("RGB").save(tmp_path / "a.png")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "b.png")
    shelf = MediaStore()
    media = shelf.add_picture(tmp_path / "a.png")
    assert (media.small.width, media.small.height, media.small.exact) == (224, 168, False)
    assert media.small.size < media.size / 2
    assert {media.src, media.small.src} == set(shelf.files)
    assert shelf.add_picture(tmp_path / "b.png").small is None


def test_what_is_no_picture_is_refused(tmp_path):
    """Missing, damaged or exchanged files are corrupt, with the reason."""
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(CorruptError, match="not a picture"):
        MediaStore().add_picture(tmp_path / "a.png")
    with pytest.raises(CorruptError, match="expected 000000000000"):
        MediaStore().add_picture(tmp_path / "a.png", "0" * 64)
    with pytest.raises(CorruptError, match="cannot be read"):
        MediaStore().add_other_file(tmp_path / "b.webm")
