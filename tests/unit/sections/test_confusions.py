"""What the section on confusions makes of a report's table: by hand, hostile and damaged."""

import re
from types import SimpleNamespace

import pytest
import torch
from jinja2 import Environment, StrictUndefined

from artpipe.artifacts.report import Score
from artpipe.language.sentences import load_sentences, make_sentence
from artpipe.modalities.picture.captions import requested_class_title
from artpipe.nn.classifier.calibration import expected_calibration_error
from artpipe.nn.classifier.calibration import reliability_diagram as bins_of
from artpipe.sections.confusions import SECTION
from artpipe.site.charts import draw_reliability
from artpipe.site.translation import clean_line, format_number

HOSTILE = '<script>alert(1)</script> "q" \u202egnp'
TABLE = {"classes": ["a", "b", "c"], "confusion": [[8, 2, 0], [0, 10, 0], [1, 0, 99]]}
BINS = [{"confidence": 0.5, "accuracy": 0.25, "count": 4}, {"confidence": 1.0, "accuracy": 1.0, "count": 16}]


def _fill(table, scores=()):
    tables = {} if table is None else {"accuracy": table}
    return SECTION.fill(SimpleNamespace(artist=SimpleNamespace(report=SimpleNamespace(tables=tables, scores=scores))))


def _html(table, scores=()):
    made = Environment(autoescape=True, undefined=StrictUndefined, extensions=["jinja2.ext.i18n"])
    many = lambda one, other, n: one if n == 1 else other  # noqa: E731
    made.install_gettext_callables(lambda text: text, many, newstyle=True)
    made.filters.update(name=str, clean=clean_line, number=format_number, reliability=draw_reliability)
    return made.from_string(SECTION.html).render(_fill(table, scores))


def test_the_heat_map_by_hand():
    """A right cell is shaded by its share of the row, a wrong one against the worst share; none has shade 0."""
    grid = _fill(TABLE)["grid"]
    # a: 0.8 right -> ceil(6 sqrt 0.8) = 6, the worst 0.2 -> 6; c: 0.01 of 0.2 -> ceil(6 sqrt 0.05) = 2
    assert [row["cells"] for row in grid] == [
        [(8, 6), (2, 6), (0, 0)],
        [(0, 0), (10, 6), (0, 0)],
        [(1, 2), (0, 0), (99, 6)],
    ]
    assert [row["share"] for row in grid] == [0.8, 1.0, 0.99]


def test_the_commonest_confusions_in_words():
    """Two works are twice, one is once; what is never confused is not named."""
    html = _html(TABLE)
    told = re.findall(r"<li><span>(.*?)</span><span class=\"count\">(.*?)</span>", html)
    assert told == [("a taken for b", "2 times"), ("c taken for a", "once")]


def test_the_table_is_one_for_a_reader_of_the_screen():
    """It has a caption, a scope on every header, and says 0 where the eye sees nothing."""
    html = _html(TABLE)
    assert (html.count('scope="col"'), html.count('scope="row"'), html.count("<caption")) == (4, 3, 1)
    assert html.count('<span class="unseen">0</span>') == 4
    assert "style=" not in html


def test_hostile_labels_are_text():
    """A label is escaped and stands on one line, in the map and in words."""
    html = _html({"classes": [HOSTILE, "b"], "confusion": [[1, 3], [0, 4]]})
    assert "<script" not in html
    assert "\u202e" not in html
    assert html.count("&lt;script&gt;") == 3


@pytest.mark.parametrize(
    "table",
    [
        *[None, [], "text", {}, {"classes": [], "confusion": []}, {"classes": ["a"], "confusion": [[0]]}],
        *[{"classes": ["a", "b"], "confusion": [[1, 2]]}, {"classes": ["a"], "confusion": [["<b>"]]}],
        *[{"classes": ["a"], "confusion": [[-1]]}, {"classes": ["a"], "confusion": [[0.5]]}, {"classes": ["a"]}],
    ],
)
def test_nothing_is_shown_without_a_table(table):
    """No table, or one that is none: the section is left out."""
    assert _fill(table) is None


def test_a_lesson_without_labels_is_told():
    """Where it learned turns instead of classes, the page says so."""
    assert "learned a lesson that needs none" in _html({**TABLE, "lesson": "turns"})
    assert "learned a lesson that needs none" not in _html({**TABLE, "lesson": "classes"})


def test_one_class_and_an_unseen_class():
    """One class confuses nothing; a class without works has no share."""
    assert "confused nothing" in _html({"classes": ["only"], "confusion": [[5]]})
    assert _fill({"classes": ["a", "b"], "confusion": [[3, 0], [0, 0]]})["grid"][1]["share"] is None


def test_many_classes_are_told_in_words():
    """Beyond forty classes there is no map, and what was confused is still named."""
    rows = [[int(j == (i + 1) % 41) for j in range(41)] for i in range(41)]
    html = _html({"classes": [f"class {i}" for i in range(41)], "confusion": rows})
    assert "<table" not in html
    assert html.count("once") == 8


def test_the_diagram_by_hand():
    """(0.5, 0.25) lies at x = 58 + 105 and y = 12 + 157.5, a quarter of the works have half of the radius."""
    html = _html(TABLE | {"calibration": BINS}, [Score(name="ece", value=0.05, n=20)])
    assert re.findall(r'<circle class="dot" cx="(.*?)" cy="(.*?)" r="(.*?)"', html) == [
        ("163.0", "169.5", "4.0"),
        ("268.0", "12.0", "8.0"),
    ]
    assert "0.0500" in html


@pytest.mark.parametrize("found", [None, "text", [None], [{"confidence": 2, "accuracy": 0, "count": 1}], [{}]])
def test_no_diagram_without_bins(found):
    """A report without calibration, or with a damaged one, shows its map alone."""
    assert "<svg" not in _html(TABLE | {"calibration": found})


def test_the_gaps_sum_to_the_calibration_error():
    """The bins' gaps, weighted by their works, are the ECE; every work is in one bin."""
    generator = torch.Generator().manual_seed(3)
    probabilities = torch.randn(200, 4, generator=generator).softmax(1)
    labels = torch.randint(4, (200,), generator=generator)
    bins = bins_of(probabilities, labels, 15)
    gaps = sum(one["count"] * abs(one["accuracy"] - one["confidence"]) for one in bins) / 200
    assert gaps == pytest.approx(expected_calibration_error(probabilities, labels, 15))
    assert sum(one["count"] for one in bins) == 200


def test_bins_by_hand():
    """Two works at 0.8, one of them right, are one bin; the one at 0.6 is another."""
    bins = bins_of(torch.tensor([[0.8, 0.2], [0.2, 0.8], [0.6, 0.4]]).double(), torch.tensor([0, 0, 0]), 10)
    assert bins == [
        {"confidence": pytest.approx(0.6), "accuracy": 1.0, "count": 1},
        {"confidence": pytest.approx(0.8), "accuracy": 0.5, "count": 2},
    ]


def test_digits_are_spoken():
    """A digit is a word, every other name stays; nothing is no digit."""
    assert [load_sentences().spell_name(name) for name in ("7", "0", "12", "Flags", "")] == [
        "seven",
        "zero",
        "12",
        "Flags",
        "",
    ]
    assert make_sentence(requested_class_title("7")) == "seven, asked for"
