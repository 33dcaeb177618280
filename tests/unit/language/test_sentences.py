"""A message becomes a sentence of the language asked for."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from artpipe.artifacts.report import Finding, SavedExhibit, Score
from artpipe.code.stage_fingerprints import installed_fingerprints
from artpipe.language.message import Message
from artpipe.language.sentences import Sentences, load_sentences, make_sentence

COPIES = Message(code="copies_training_works", values={"share": 0.123, "usual": 0.0})
PLUGIN = '''"""A metric."""
import a_package_that_is_not_there
SENTENCES = {
    "en": {"too_bright": "It is {share:.0%} brighter than real works."},
    "zh": {"too_bright": "它比真实作品亮 {share:.0%}。"},
    "fr": {"unheard": "Rien."},
}
'''


def german(template, **more) -> Sentences:
    """Return the sentences of a language that writes its numbers otherwise."""
    numbers = {"decimal": ",", "group": ".", "list": " und "}
    parts = {
        "plural": {"one": [1]},
        "numbers": numbers,
        "digits": [],
        "names": {"cat": "Katze"},
        "starters": {},
        **more,
    }
    return Sentences(templates={"it": template}, **parts)


def test_a_finding_is_said_in_each_language():
    """The same code and numbers; where nothing is asked for, in English."""
    english = "12% of its pictures are copies of training works; of new works 0% look so."
    assert [make_sentence(COPIES), make_sentence(COPIES, "en")] == [english, english]
    assert make_sentence(COPIES, "zh") == "其图画有 12% 抄自训练藏品；新作品中看似如此者有 0%。"


def test_a_language_that_has_no_table_is_english():
    """Whatever is asked for, something is said."""
    assert make_sentence(COPIES, "tlh") == make_sentence(COPIES)


@pytest.mark.parametrize(
    ("template", "values", "said"),
    [
        ("{share:.1%}", {"share": 0.1234}, "12,3%"),
        ("{works:,}", {"works": 70000}, "70.000"),
        ("{classes:name}", {"classes": ("cat", "dog")}, "Katze und dog"),
        ({"by": "works", "one": "ein Werk", "other": "{works} Werke"}, {"works": 1}, "ein Werk"),
        ({"by": "works", "one": "ein Werk", "other": "{works} Werke"}, {"works": 3}, "3 Werke"),
    ],
)
def test_numbers_lists_and_plurals_are_the_language_s_own(template, values, said):
    """Marks of a number, what stands between names, and which count takes which form."""
    assert german(template)(Message(code="it", values=values)) == said


@pytest.mark.parametrize(
    ("value", "spec", "said"),
    [
        (0.996, ".0%", "99%"),
        (0.9999, ".1%", "99.9%"),
        (1.0, ".0%", "100%"),
        (1.02, ".0%", "102%"),
        (0.994, ".0%", "99%"),
    ],
)
def test_all_are_said_of_all_alone(value, spec, said):
    """A share below 1 is not rounded up to 100%."""
    assert load_sentences("en").format_value(value, spec) == said


def test_messages_stand_in_messages():
    """A caption says what was asked for and what was read; digits are words."""
    asked = Message(code="asked_for", values={"label": "3"})
    read = Message(code="asked_for_read_as", values={"work": asked, "label": "7"})
    assert (make_sentence(read), make_sentence(read, "zh")) == (
        "three, asked for; read as seven",
        "三，命题之作；读作七",
    )


def test_what_a_stranger_wrote_is_no_template():
    """Braces in a value stay what they are, whichever way it comes."""
    for text in ("{0}", "{share.__class__}", "%(num)s", "<b>{</b>"):
        assert make_sentence(Message.of(text), "zh") == text
        assert (
            make_sentence(Message(code="classes_never_named", values={"classes": (text,)})) == f"It never says {text}."
        )


def test_a_code_without_a_sentence_shows_what_it_knows():
    """A report whose plugin is gone is no error; nor is one with other values than its sentence has."""
    assert make_sentence(Message(code="gone", values={"share": 0.5, "name": "x"})) == "gone: share 0.5, name x"
    assert make_sentence(Message(code="copies_training_works")) == "copies_training_works"


def test_a_plugin_brings_its_sentences_in_its_file(tmp_path, monkeypatch):
    """It is read and not imported; a language it has not is English; a changed file counts at once."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "plugins" / "metrics" / "bright.py"
    path.parent.mkdir(parents=True)
    bright = Message(code="too_bright", values={"share": 0.25})
    assert make_sentence(bright) == "too_bright: share 0.25"
    path.write_text(PLUGIN)
    assert [make_sentence(bright), make_sentence(bright, "zh")] == [
        "It is 25% brighter than real works.",
        "它比真实作品亮 25%。",
    ]
    path.write_text(PLUGIN.replace('"zh"', '"it"'))
    assert make_sentence(bright, "zh") == "It is 25% brighter than real works."
    for broken in ("SENTENCES = {", "SENTENCES = {1: 2}", "SENTENCES = dict()", "SENTENCES = [1]", "\0"):
        path.write_text(broken)
        assert make_sentence(bright) == "too_bright: share 0.25"


@pytest.mark.nightly
def test_a_changed_sentence_makes_the_gallery_stale_alone(tmp_path, monkeypatch):
    """No definition that a metric can reach holds it; the gallery reads it with what the metric says of itself."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "plugins" / "metrics" / "bright.py"
    path.parent.mkdir(parents=True)
    known = []
    for words in ("brighter than", "lighter than"):
        path.write_text(f"{PLUGIN}METRIC = None\n".replace("brighter than", words))
        known.append(installed_fingerprints(tmp_path))
    assert {place for place, value in known[0].items() if known[1][place] != value} == {"metrics_info.bright"}


FINDING = {"verdict": "memorised", "score": "copies", "value": 0.5, "bound": 0.1}


def test_a_finding_has_a_code():
    """A stable identifier, and values that JSON has; a number that is none is a word."""
    for wrong in (
        {},
        {"code": "Not a code"},
        {"code": "a", "values": {"x": {"y": 1}}},
        {"code": "a", "values": {"x": None}},
    ):
        with pytest.raises(ValidationError):
            Finding.model_validate(FINDING | wrong)
    found = Finding.model_validate(FINDING | {"code": "loss_not_a_number", "values": {"loss": "kl", "value": math.nan}})
    assert found.values["value"] == "nan"
    assert Finding.model_validate_json(found.model_dump_json()) == found


def test_plain_sentences_are_shown_as_written():
    """In the form that findings, scores and exhibits had before, or that a plugin gives."""
    finding = Finding.model_validate(FINDING | {"sentence": "So it is."})
    score = Score(name="kid", value=1.0, n=1, explanation="How far.")
    exhibit = SavedExhibit(file="a.png", kind="image", role="sample", caption="three, asked for")
    assert [make_sentence(one, "zh") for one in (finding, score, exhibit.caption)] == [
        "So it is.",
        "How far.",
        "three, asked for",
    ]
    assert make_sentence(Score(name="kid", value=1.0, n=1)) == ""


VALUES = st.recursive(
    st.one_of(st.integers(-(2**53), 2**53), st.floats(), st.text(), st.lists(st.text(), max_size=3).map(tuple)),
    lambda inner: st.builds(Message, code=st.just("asked_for"), values=st.dictionaries(st.just("label"), inner)),
    max_leaves=3,
)


@given(
    st.sampled_from(sorted(load_sentences().templates)),
    st.dictionaries(st.text(), VALUES),
    st.sampled_from(["en", "zh"]),
)
def test_any_message_can_be_said_and_kept(code, values, language):
    """No value breaks a sentence; what is written into a column is the same message when it is read."""
    message = Message(code=code, values=values)
    assert isinstance(make_sentence(message, language), str)
    assert Message.decode(json.dumps(json.loads(message.encode()))) == message


@given(st.text())
def test_any_text_is_a_message(text):
    """A column of records before codes."""
    assert isinstance(make_sentence(Message.decode(text)), str)
