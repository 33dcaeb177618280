"""The sentence of a message in a language.

Templates stand by code in one table per language.
"""

import ast
import json
import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from artpipe import plugins
from artpipe.errors import UserError, did_you_mean
from artpipe.language.message import WRITTEN, Message, Value, decode_value

ENGLISH = "en"
_TABLE_PARTS = ("name", "words", "sentences", "names", "digits", "plural", "numbers", "starters")
TABLES = Path(__file__).with_name("tables")
SENTENCES_CONSTANT = "SENTENCES"  # of a plugin's file: {language: {code: template}}
Template = (
    str | Mapping[str, str]
)  # with plurals: `by` names the value that decides, `one`, `other` and so on the forms


@dataclass(frozen=True)
class Sentences:
    """The sentences of one language.

    English ones stand in for those it lacks.
    """

    templates: Mapping[str, Template]
    names: Mapping[str, str]  # words for names that artpipe or its own datasets give
    digits: Sequence[str]
    plural: Mapping[str, Sequence[int]]  # form -> the counts that take it; `other` for all else
    numbers: Mapping[str, str]  # `decimal` and `group` of a number, `list` between names
    starters: Mapping[str, Mapping[str, Mapping[str, str]]]  # what artpipe's own datasets and models are called
    name: str = ""  # of the language, in itself
    former: Mapping[str, Template] = field(default_factory=dict)  # of codes, or their values, that older reports have

    def __call__(self, message: Message) -> str:
        """Return the sentence of a message.

        It is code and values where the code has no template, or one with other fields.
        """
        for templates in (self.templates, self.former):
            template = self._choose_form(templates.get(message.code, ""), message.values)
            with suppress(KeyError, ValueError, IndexError, AttributeError):
                if template:
                    return _FieldFormatter(self).vformat(template, (), message.values)
        return self._format_bare(message)

    def translate_name(self, name: str | Message) -> str:
        """Return what the language calls a name; one that it does not know stays."""
        return self(name) if isinstance(name, Message) else self.names.get(name, name)

    def read_text(self, text: str) -> str:
        """Return what a column of text says.

        It is a message, or a text of artpipe's own by its name.
        """
        return self.translate_name(decode_value(text))

    def starter_texts(self, kind: str, name: str) -> Mapping[str, str]:
        """Return the translations of a built-in dataset or model, by English text.

        There are none for others.
        """
        return self.starters[kind].get(name, {})

    def spell_name(self, name: str) -> str:
        """Return a class's name as it is said: `seven` for `7`, any other by `name`."""
        return self.digits[int(name)] if name in set(string.digits) else self.translate_name(name)

    def format_value(self, value: Value, spec: str) -> str:
        """Return a value in the format that its field asks for.

        It is a number's format, `name` or `spoken`.
        """
        if isinstance(value, Message):
            return self(value)
        if isinstance(value, tuple):
            return self.numbers["list"].join(self.format_value(item, spec) for item in value)
        if isinstance(value, str):
            return (
                self.spell_name(value) if spec == "spoken" else self.translate_name(value) if spec == "name" else value
            )
        marks = {",": self.numbers["group"], ".": self.numbers["decimal"]}
        return "".join(marks.get(mark, mark) for mark in _format_number(value, spec))

    def _choose_form(self, template: Template, values: Mapping[str, Value]) -> str:
        if isinstance(template, str):
            return template
        count = values.get(template["by"])
        forms = (form for form, counts in self.plural.items() if form in template and count in counts)
        return template[next(forms, "other")]

    def _format_bare(self, message: Message) -> str:
        values = ", ".join(f"{name} {self.format_value(value, '')}" for name, value in message.values.items())
        return f"{message.code}: {values}" if values else message.code


def _format_number(value: float, spec: str) -> str:
    """Return a number by its format; a share below 1 is never called 100%."""
    text = format(value, spec)
    if spec.endswith("%") and value < 1 and text.startswith("100"):
        return text.replace("100", "99").replace("0", "9")
    return text


class _FieldFormatter(string.Formatter):
    """Fills the fields of a template; a value is never read as a template."""

    def __init__(self, sentences: Sentences) -> None:
        self.sentences = sentences

    def format_field(self, value: Any, format_spec: str) -> str:
        return self.sentences.format_value(value, format_spec)


def make_sentence(finding: Message, language: str = ENGLISH) -> str:
    """Return what a finding, or any other message, says."""
    return load_sentences(language)(finding)


def read_sentence(text: str, language: str = ENGLISH) -> str:
    """Return what stands in a column of text: the sentence of a message, or the text."""
    return load_sentences(language).read_text(text)


def load_sentences(language: str = ENGLISH) -> Sentences:
    """Return the sentences of a language, those of plugins included.

    Plugins may be the project's or installed.
    """
    files = [*plugins.foreign_files(), *plugins.language_files().values()]
    return _load_tables(language, tuple((path, path.stat().st_mtime_ns) for path in files if path.is_file()))


def load_own_sentences(language: str = ENGLISH) -> Sentences:
    """Return the sentences of a language that artpipe has itself."""
    return _load_tables(language, ())


def list_languages() -> list[str]:
    """Return the languages that have a table."""
    return list(dict.fromkeys([*list_own_languages(), *plugins.language_files()]))


def list_own_languages() -> list[str]:
    """Return the languages that artpipe has itself."""
    return [path.stem for path in list_tables()]


def load_words(language: str) -> Mapping[str, str]:
    """Return the words of the gallery's pages that a project brings for a language."""
    words: Mapping[str, str] = _read_project_table(language).get("words", {})
    return words


def list_tables() -> list[Path]:
    """Return the tables, one file for each language."""
    return sorted(TABLES.glob("*.json"))


@lru_cache(maxsize=16)
def _load_tables(language: str, files: tuple[tuple[Path, int], ...]) -> Sentences:
    english = json.loads((TABLES / f"{ENGLISH}.json").read_text("utf-8"))
    table = english
    if language in list_own_languages():
        table = json.loads((TABLES / f"{language}.json").read_text("utf-8"))
    elif files:
        own = _read_project_table(language)
        table = {**english, "name": language, **own}
        for part in ("names", "numbers", "plural"):  # what a file leaves out is English
            table[part] = {**english[part], **own.get(part, {})}
        table["starters"] = {**{kind: {} for kind in english["starters"]}, **own.get("starters", {})}
    plugin_tables = list(_read_plugin_tables(path for path, _ in files if path.suffix == ".py"))
    templates: dict[str, Template] = dict(english["sentences"])
    for table_language in (ENGLISH, language):
        templates |= table.get("sentences", {}) if table_language == language else {}
        for by_language in plugin_tables:
            templates |= by_language.get(table_language, {})
    templates[WRITTEN] = "{text}"
    parts = {key: table[key] for key in ("names", "digits", "plural", "numbers", "starters")}
    return Sentences(templates=templates, former=table.get("former", {}), name=table.get("name", ""), **parts)


def _read_project_table(language: str) -> Mapping[str, Any]:
    """Return what a project's file says of a language.

    Raises:
        UserError: it is no table.
    """
    path = plugins.language_files().get(language)
    if path is None:
        return {}
    try:
        table: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    wrong = [key for key in table if key not in _TABLE_PARTS] if isinstance(table, dict) else [str(table)[:20]]
    if wrong:
        raise UserError(
            f"{path}: `{wrong[0]}` is no part of a language{did_you_mean(wrong[0], _TABLE_PARTS)}; there are {', '.join(_TABLE_PARTS)}"
        )
    if misshaped := _find_misshaped(table):
        raise UserError(f"{path}: {misshaped} is not in the form of artpipe/language/tables/en.json")
    return dict(table)


def _find_misshaped(table: Mapping[str, Any]) -> str | None:
    """Return the first part of a language's table that has another form than English."""
    for part, content in table.items():
        expected: type = {"name": str, "digits": list}.get(part, dict)
        if not isinstance(content, expected):
            return f"`{part}`"
        for key, value in content.items() if isinstance(content, dict) else ():
            plural = (
                isinstance(value, dict) and isinstance(value.get("by"), str) and isinstance(value.get("other"), str)
            )
            fits = {"plural": isinstance(value, list), "starters": isinstance(value, dict)}
            if not fits.get(part, isinstance(value, str) or (part == "sentences" and plural)):
                return f"`{part}.{key}`"
    return None


def _read_plugin_tables(files: Iterator[Path]) -> Iterator[Mapping[str, Mapping[str, Template]]]:
    """Yield the tables of plugins, which are literals, without importing them."""
    for path in files:
        try:
            statements = ast.parse(path.read_bytes()).body
        except (OSError, SyntaxError, ValueError):
            continue  # who uses the plugin is told of it
        for statement in statements:
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            if any(isinstance(target, ast.Name) and target.id == SENTENCES_CONSTANT for target in targets):
                yield from _read_literal(statement)


def _read_literal(statement: Any) -> Iterator[Mapping[str, Mapping[str, Template]]]:
    try:
        value = ast.literal_eval(statement.value)
    except ValueError:
        return
    if isinstance(value, dict) and all(isinstance(by_code, dict) for by_code in value.values()):
        yield value
