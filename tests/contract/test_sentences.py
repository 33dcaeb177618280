"""Every code that the code can give has its sentence in every language, with the same fields; no sentence lacks its code."""

import ast
import functools
import json
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from artpipe.language.message import WRITTEN, Message
from artpipe.language.sentences import list_languages, load_sentences

PACKAGE = Path(__file__).parents[2] / "artpipe"
pytestmark = pytest.mark.xdist_group("sentences")  # they parse all modules once


def texts(node: ast.expr | None) -> list[str]:
    """Return the codes that an argument may be: a literal, one of two, or one of a mapping."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.IfExp):
        return texts(node.body) + texts(node.orelse)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
        return [text for value in node.value.values for text in texts(value)]
    return []


def given() -> Iterator[tuple[str, frozenset[str], str]]:
    """Yield each code with the names of its values, and where it stands, from all calls with `code=` in the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                told = {keyword.arg: keyword.value for keyword in node.keywords}
                values = told.get("values")
                keys = values.keys if isinstance(values, ast.Dict) else []
                fields = frozenset(key.value for key in keys if isinstance(key, ast.Constant)) | added_fields(node)
                yield from ((code, fields, f"{path.name}:{node.lineno}") for code in texts(told.get("code")))


def added_fields(call: ast.Call) -> frozenset[str]:
    """Return what a call adds to the values it is given: a judgement its mark of good, where that is no pass mark too."""
    if not isinstance(call.func, ast.Name) or call.func.id not in {"judge_score", "judge_costs"}:
        return frozenset()
    told = {keyword.arg: ast.dump(keyword.value) for keyword in call.keywords}
    return frozenset() if "good" in told and told["good"] == told.get("passing") else frozenset({"good"})


@functools.cache
def codes() -> dict[str, frozenset[str]]:
    """Return every code with the names of its values."""
    return {code: fields for code, fields, _ in given() if code}


def forms(template: object) -> list[str]:
    """Return a template's forms, one for each plural."""
    return [template] if isinstance(template, str) else [form for key, form in template.items() if key != "by"]


def fields_of(form: str) -> list[tuple[str, str]]:
    """Return the fields of a form with what it says of each."""
    return [(name, spec or "") for _, name, spec, _ in string.Formatter().parse(form) if name is not None]


def test_there_are_codes():
    """The package gives some, so the tests below test something."""
    assert {"copies_training_works", "loss_exploded", "asked_for", "score_kid"} <= set(codes())
    assert {"en", "zh"} <= set(list_languages())


def test_a_code_has_the_same_fields_wherever_it_is_given():
    """Two places that give one code give the same values."""
    assert [(code, place) for code, fields, place in given() if code and fields != codes()[code]] == []


@pytest.mark.parametrize("language", list_languages())
def test_codes_and_sentences_are_the_same_set(language):
    """In every language."""
    known = set(load_sentences(language).templates) - {WRITTEN}
    assert (sorted(known - set(codes())), sorted(set(codes()) - known)) == ([], [])
    assert set(load_sentences(language).templates) == set(own_table(language)) | {WRITTEN}


def own_table(language: str) -> dict:
    """Return what stands in a language's own file, without what English lends."""
    return json.loads((PACKAGE / "language" / "tables" / f"{language}.json").read_text())["sentences"]


@pytest.mark.parametrize("language", list_languages())
def test_sentences_have_the_fields_of_their_codes(language):
    """All of them in each form, but what a plural's one form says in words; a number is written alike everywhere."""
    english = own_table("en")
    wrong = []
    for code, template in own_table(language).items():
        shown = {name for form in forms(template) for name, _ in fields_of(form)}
        known = {field for form in forms(english[code]) for field in fields_of(form)}
        if shown != codes()[code] or not {field for form in forms(template) for field in fields_of(form)} <= known:
            wrong.append(code)
    assert wrong == []


@pytest.mark.parametrize("language", list_languages())
def test_every_sentence_can_be_made(language):
    """From numbers where it shows numbers, from names elsewhere."""
    english, sentences, unmade = own_table("en"), load_sentences(language), []
    for code, names in codes().items():
        specs = {name: spec for form in forms(english[code]) for name, spec in fields_of(form)}
        numbers = {name for name, spec in specs.items() if spec and spec not in {"name", "spoken"}}
        values = {name: 7 if name in numbers else "x" for name in names}
        if sentences(Message(code=code, values=values)).startswith(f"{code}:"):
            unmade.append(code)
    assert unmade == []
