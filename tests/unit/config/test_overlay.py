"""An overlay goes over params.yaml and comes off again: not one byte is another one."""

import contextlib
import io
import json
import string
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from artpipe.config.overlay import apply_overlay, merge, remove_overlay, value_at
from artpipe.config.safe_yaml import parse_yaml
from artpipe.config.yaml_tree import YamlTree
from artpipe.errors import UserError
from tests.conftest import scale_examples

ROOT = Path(__file__).parents[3]
OVERLAY = """\
models:
  digits-gan: {steps: 9_000, width: 1.0e-3, policies: [a, "b: c"]}
  verses:
    prompts: ['x', "y, z"]
  mine: # of the overlay
    kind: gan   # its own comment
    text: |
      two
      lines
gallery: {titles: {mine: "Mine, own"}, new: x}
weights: {vgg16: {path: weights/vgg16.yaml}}
"""
TEXTS = {
    "empty sections": "models: {} # none yet\ngallery:\n  titles: { } # of models\nz: 1",
    "json": '{"models": {"digits-gan":{"steps":1}}, "gallery": {}}',
    "windows": "\ufeffmodels:   {} # c\r\ngallery: {titles: {a: b}}\r\n",
    "old macs": "models:\r  digits-gan:\r    steps: 1 # c\rgallery: {}\r",
    "wide": "models:\n    digits-gan:\n        steps:    300    # c\n        policies:\n        - 1 # k\n        - 2\n        # tail\n\n\n# end\n",
    "merges": "base: &b {steps: 1}\nmodels:\n  digits-gan:\n    <<: *b\n    width: !!float 3\ngallery: {titles: {},}\n",
    "aliases": "a: &a 3\nmodels: {digits-gan: {steps: *a, width: *a}, verses: {prompts: [1,\n   2]}}",
    "folded": "models:\n  digits-gan:\n    steps: >-\n      7\n\n\n  verses:\n    prompts: |\n      a\n      b\n# end",
    "next line": "models:\n  digits-gan:\n    steps:\n      300 # c\n    width:\n  verses:\n    prompts: # beginnings\n    - ''\n    - 'a'\n",
    "the default": (ROOT / "params.yaml").read_text(),
}


@pytest.mark.parametrize("name", TEXTS)
def test_on_and_off_again_is_the_same_text(name):
    """The content is that of both together, and what was there comes back byte for byte."""
    text, overlay = TEXTS[name], parse_yaml(OVERLAY, "overlay")
    edited, changes = apply_overlay(text, overlay, OVERLAY)
    assert parse_yaml(edited, "edited") == merge(parse_yaml(text, "text"), overlay)
    removal = remove_overlay(edited, changes)
    assert (removal.text, removal.left) == (text, ())


NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=3)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(string.printable, max_size=5)
VALUES = st.recursive(LEAVES | st.lists(LEAVES, max_size=3), lambda inner: st.dictionaries(NAMES, inner, max_size=3))
MAPPINGS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=4)


@settings(max_examples=scale_examples(60))
@example({"a": None}, {"a": {"a": ":0"}}, False, None)  # ruamel writes `a: {a: :0}`, which it cannot read
@given(MAPPINGS, MAPPINGS, st.booleans(), st.sampled_from([None, 2]))
@example(content={"a": None}, overlay={"a": ":0"}, flow=False, indent=2)
def test_any_content_comes_back(content, overlay, flow, indent):
    """Whatever is merged into what, written as lines or in brackets."""
    yaml, stream = YAML(), io.StringIO()
    yaml.default_flow_style = flow
    yaml.dump(content, stream)
    texts = [json.dumps(content, indent=indent)]
    with contextlib.suppress(UserError):  # ruamel writes what it cannot read: `{a: ?.A}`
        parse_yaml(stream.getvalue(), "text")
        texts.append(stream.getvalue())
    for text in texts:
        edited, changes = apply_overlay(text, overlay)
        assert parse_yaml(edited, "edited") == merge(parse_yaml(text, "text"), overlay)
        assert remove_overlay(edited, changes).text == text


def test_an_overlay_s_own_writing_is_taken_over():
    """Numbers, quotes and comments stand as its file has them; a comment beside a changed value stays."""
    edited, _ = apply_overlay(TEXTS["wide"], parse_yaml(OVERLAY, "overlay"), OVERLAY)
    assert "        steps:    9_000    # c\n" in edited
    assert "        width: 1.0e-3\n" in edited
    assert "    mine: # of the overlay\n      kind: gan   # its own comment\n" in edited


def test_what_a_person_changed_is_left_alone():
    """Other values come back; what was edited or taken out is named, and edits elsewhere stay."""
    text = "models:\n  a: {steps: 1, width: 2}\n  b: {steps: 3}\n"
    edited, changes = apply_overlay(text, {"models": {"a": {"steps": 10, "width": 20}, "b": {"steps": 30}}})
    edited = edited.replace("width: 20", "width: 25").replace("  b: {steps: 30}\n", "  c: {steps: 5} # new\n")
    removal = remove_overlay(edited, changes)
    assert removal.text == "models:\n  a: {steps: 1, width: 25}\n  c: {steps: 5} # new\n"
    assert removal.left == (
        (("models", "a", "width"), "was changed since"),
        (("models", "b", "steps"), "is not there any more"),
    )


def test_an_entry_that_was_added_goes_with_its_lines():
    """Neighbours that came meanwhile stay; a section that is left empty is written as before."""
    text = "models: { }   # none\nseed: 1\n"
    edited, changes = apply_overlay(text, {"models": {"a": {"steps": 1}}})
    assert edited == "models:   # none\n  a:\n    steps: 1\nseed: 1\n"
    grown = edited.replace("seed", "  b: {steps: 2}\nseed")
    assert remove_overlay(grown, changes).text == "models:   # none\n  b: {steps: 2}\nseed: 1\n"
    assert remove_overlay(edited, changes).text == text
    assert remove_overlay(edited, changes, {("models", "a")}).text == edited


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models:\n  a: &a {steps: 1}\n  b: *a\n", "params.yaml:3: `models.b` is an alias"),
        ("models: {b: {steps: &s 3}, c: *s}", "beyond artpipe"),
    ],
)
def test_what_cannot_be_edited_is_refused(text, message):
    """An alias shares what it stands for, an anchor is needed elsewhere."""
    with pytest.raises(UserError, match=message):
        apply_overlay(text, {"models": {"b": {"steps": 9}}})


def test_merging_changes_neither():
    """Mappings are merged, lists and numbers replaced."""
    content = {"a": {"x": 1, "y": [1, 2]}, "b": 2}
    assert merge(content, {"a": {"y": [3]}, "c": None}) == {"a": {"x": 1, "y": [3]}, "b": 2, "c": None}
    assert content == {"a": {"x": 1, "y": [1, 2]}, "b": 2}
    assert value_at(content, ("a", "x", "z")) is None


def test_a_line_is_that_of_the_deepest_key_there_is():
    """A mistake in what is missing is told of what it is missing in."""
    tree = YamlTree("a: 1\nb:\n  c:\n    d: 2\n")
    assert [tree.find_line(place.split(".")) for place in ("a", "b.c.d", "b.c.x", "b.y", "z")] == [1, 4, 3, 2, 1]
