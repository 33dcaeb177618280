"""Show a critique in a terminal, or to programs as JSON."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.contracts.observation import MeasuredNumber, ObservationResult
from artpipe.critique.critique_pictures import Critique, PictureCritique
from artpipe.language.message import Message
from artpipe.language.sentences import Sentences, load_sentences
from artpipe.system.plain_text import to_printable

_FORMAT = 1  # of the JSON
_WIDTH = 100  # characters


class CritiqueReport(NamedTuple):
    """A critique, for `artpipe critique`; `page` is where it was written, if it was."""

    critique: Critique
    language: str
    page: Path | None

    def to_text(self) -> str:
        """Return it for a terminal, or how many pictures are on the page."""
        if self.page is None:
            return _format_text(self.critique, self.language)
        return f"{to_printable(str(self.page))}: {len(self.critique.pictures)} critiqued"

    def to_json(self) -> dict[str, Any]:
        """Return codes with values, their sentences, numbers."""
        return _describe_critique(self.critique, self.language)


def _format_text(critique: Critique, language: str) -> str:
    say = load_sentences(language)
    lines = [line for picture in critique.pictures for line in _list_lines(picture, say)]
    lines += [say(note) for note in critique.notes]
    return "\n".join(lines)


def _list_lines(picture: PictureCritique, say: Sentences) -> Iterator[str]:
    yield to_printable(picture.name)
    yield from _wrap([say(fact) for fact in picture.facts], 2)
    for section in picture.sections:
        yield ""
        yield f"  {say(section.heading)}"
        for result in section.results:
            yield from _wrap([say(sentence) for sentence in result.sentences], 4)
            yield from _wrap(_list_numbers(result, say), 6)
    yield ""


def _list_numbers(result: ObservationResult, say: Sentences) -> list[str]:
    """Return the colours and the numbers of a result, each on one line."""
    separator = say.numbers["list"]
    swatches = [f"{say.translate_name(swatch.name)} {swatch.share:.0%}" for swatch in result.swatches]
    numbers = [f"{say(number.name)} {format_number_with_bound(number, say)}" for number in result.numbers]
    credited = [
        f"{say(figure.caption)}: {separator.join(say(line) for line in figure.credits)}"
        for figure in result.figures
        if figure.credits
    ]
    measured = say(Message(code="critique_measured"))
    return [
        *([separator.join(swatches)] if swatches else []),
        *([f"{measured}: {separator.join(numbers)}"] if numbers else []),
        *credited,
    ]


def format_number_with_bound(number: MeasuredNumber, say: Sentences) -> str:
    """Return a number as it is written, with the bound it was held against."""
    value = say.format_value(number.value, number.format)
    if number.bound is None:
        return value
    return f"{value} ({say(Message(code='critique_bound'))} {say.format_value(number.bound, number.format)})"


def _wrap(texts: list[str], indent: int) -> Iterator[str]:
    space = " " * indent
    for text in texts:
        yield from textwrap.wrap(text, _WIDTH, initial_indent=space, subsequent_indent=space) or [""]


def _describe_critique(critique: Critique, language: str) -> dict[str, Any]:
    say = load_sentences(language)
    return {
        "format": _FORMAT,
        "language": language,
        "pictures": [_describe_picture(picture, say) for picture in critique.pictures],
        "refused": [{"name": refused.name, "reason": refused.describe(language)} for refused in critique.refused],
        "notes": [_describe_message(note, say) for note in critique.notes],
    }


def _describe_picture(picture: PictureCritique, say: Sentences) -> dict[str, Any]:
    return {
        "name": picture.name,
        "sha256": picture.sha256,
        "width": picture.width,
        "height": picture.height,
        "facts": [_describe_message(fact, say) for fact in picture.facts],
        "observations": [
            {
                "name": section.name,
                "heading": say(section.heading),
                "results": [_describe_result(result, say) for result in section.results],
            }
            for section in picture.sections
        ],
    }


def _describe_result(result: ObservationResult, say: Sentences) -> dict[str, Any]:
    numbers = [
        {
            "code": number.code,
            "values": dict(number.values),
            "name": say(number.name),
            "value": number.value,
            "bound": number.bound,
        }
        for number in result.numbers
    ]
    colours = [
        {"name": swatch.name, "rgb": "#{:02x}{:02x}{:02x}".format(*swatch.rgb), "share": swatch.share}
        for swatch in result.swatches
    ]
    figures = [
        {"caption": say(figure.caption), "credits": [say(line) for line in figure.credits]} for figure in result.figures
    ]
    sentences = [_describe_message(sentence, say) for sentence in result.sentences]
    return {"sentences": sentences, "numbers": numbers, "colours": colours, "figures": figures}


def _describe_message(message: Message, say: Sentences) -> dict[str, Any]:
    return {**message.model_dump(mode="json"), "sentence": say(message)}
