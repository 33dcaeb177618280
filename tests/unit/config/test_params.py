"""params.yaml becomes typed, or one line that says what is wrong."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from artpipe.config.params import Params, load_params, read_yaml, validate_as
from artpipe.errors import UserError

ROOT = Path(__file__).parents[3]


def test_the_default_params_are_valid():
    """What is shipped validates."""
    assert set(load_params(ROOT / "params.yaml").datasets) >= {"digits", "emoji", "studio"}


def test_params_are_frozen():
    """Nothing changes a parameter once it is read."""
    params = load_params(ROOT / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        params.seed = 2


def load(tmp_path: Path, text: str) -> Params:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return load_params(path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "empty; it needs format, seed, datasets, models, evaluation, gallery"),
        ("- 1\n", "expected a mapping of names to values"),
        ("a: 1\na: 2\n", "not YAML: found duplicate key"),
        ("a: [1\n", "not YAML"),
        ("\0", "not YAML"),
        ("fromat: 1\n", "`fromat` is not a parameter, did you mean `format`?"),
        ("format: 2\nseed: 1e1\ndatasets: {}\nmodels: {}\n", "`evaluation` is missing"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, text, line):
    """Place, found, expected, in a single line."""
    with pytest.raises(UserError) as error:
        load(tmp_path, text)
    assert line.lower() in str(error.value).lower()
    assert "\n" not in str(error.value)


_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{here}: &{here} [{', '.join([f'*{before}'] * 10)}]\n" for before, here in pairwise("abcdefghi")
)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("text", "line"),
    (
        bombs := {
            "deep": ("[" * 20_000, "1:65: not YAML: maximum depth"),
            "laughs": (_LAUGHS, "not YAML: aliases that stand for more than 1,000,000 values"),
            "merged": (
                _LAUGHS.replace("[x,", "[{x: 1},").replace("&i [", "&i {<<: [").replace("]\n", "]}\n"),
                "not YAML",
            ),
            "itself": ("a: &a [*a]\n", "1:4: not YAML: an alias of what it stands in"),
            "itself, of a mapping": ("a: &a {b: {c: *a}}\n", "not YAML: an alias of what it stands in"),
            "no month": ("a: 2001-99-99\n", "not YAML: month must be in 1..12"),
            "no number": ("a: !!int x\n", "not YAML: invalid literal"),
            "no truth": ("a: !!bool x\n", "not YAML"),
            "long": (f"seed: {'9' * 5000}\n", "1:7: not YAML: a number of 5,000 digits"),
            "long, in hex": (f"seed: 0x{'f' * 5000}\n", "1:7: not YAML: a number of 5,002 digits"),
            "half a character": ('"\\ud800": 1\n', "1:1: not YAML: half a character"),
            "a long word": (f"format: {'x' * 100_000}\n", "`format` is 'xxx"),
            "a long name": (f"? {'x' * 100_000}\n: 1\n", "xxx...` is not a parameter"),
        }
    ).values(),
    ids=bombs,
)
def test_a_bomb_is_one_line(tmp_path, text, line):
    """What grows without end, or is read and cannot be written, ends at once and in a line that can be read."""
    with pytest.raises(UserError) as error:
        load(tmp_path, text)
    assert line in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_an_alias_is_welcome(tmp_path):
    """What DVC understands is understood here: an anchor, an alias, a merge."""
    path = tmp_path / "some.yaml"
    path.write_text("a: &a {b: 1}\nc: {<<: *a, d: *a}\n")
    assert read_yaml(path) == {"a": {"b": 1}, "c": {"b": 1, "d": {"b": 1}}}


def test_bytes_that_are_no_text_are_one_line(tmp_path):
    """A binary file is refused like any other mistake."""
    (tmp_path / "params.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        load_params(tmp_path / "params.yaml")


@given(st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.text()), lambda inner: st.one_of(
    st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)), max_leaves=8))  # fmt: skip
@example({"\n": None})
def test_no_value_gets_a_traceback(value):
    """Whatever stands in the file, it is valid or one line."""
    said = ""
    try:
        validate_as(Params, value, file="params.yaml")
    except UserError as error:
        said = str(error)
    assert "\n" not in said


def test_a_dataset_may_be_called_like_a_parameter():
    """A dataset named `ingest` gets the listing of a dataset, not of its ingest section."""
    value = {**read_yaml(ROOT / "params.yaml"), "datasets": {"ingest": {"sourc": "folder"}}}
    with pytest.raises(UserError, match=r"`datasets.ingest.sourc` is not a parameter, did you mean `source`\?"):
        validate_as(Params, value, file="params.yaml")


def test_numbers_with_an_exponent():
    """`1e-3` and `1.0e-3` are the same number; `1e3` for a whole number is told how to be written."""
    value = read_yaml(ROOT / "params.yaml")
    value["datasets"]["digits"]["ingest"] = {"max_megapixels": "1e-3"}
    assert validate_as(Params, value, file="p").dataset("digits").ingest.max_megapixels == 0.001
    value["datasets"]["digits"]["ingest"]["decode_megabytes"] = "1e2"
    with pytest.raises(UserError, match="; write `100`"):
        validate_as(Params, value, file="p")


def test_a_name_that_is_not_there_is_told_the_nearest():
    """Both lookups suggest."""
    params = load_params(ROOT / "params.yaml")
    with pytest.raises(UserError, match=r"no dataset `digit`, did you mean `digits`\?"):
        params.dataset("digit")
    with pytest.raises(UserError, match=r"no model `digits-gna`, did you mean `digits-gan`\?"):
        params.model("digits-gna")


def test_what_was_read_is_the_reader_s_own(tmp_path):
    """The same text is parsed once, and who changes what was read changes it for nobody else."""
    path = tmp_path / "lock.yaml"
    path.write_text("stages: {a: [1]}\n")
    read_yaml(path)["stages"]["a"].append(2)
    assert read_yaml(path) == {"stages": {"a": [1]}}
    path.write_text("stages: {a: [3]}\n")
    assert read_yaml(path) == {"stages": {"a": [3]}}
