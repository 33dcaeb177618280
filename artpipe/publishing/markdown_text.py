"""Render templates of Markdown in which every value is escaped."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from artpipe.language.sentences import load_sentences
from artpipe.site.translation import clean_line, format_duration, format_number
from artpipe.system.plain_text import hide_passwords
from artpipe.system.terminal import escape_markdown
from artpipe.system.units import format_size

_MAXIMUM_CHARACTERS = 1200  # of one value
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._/+@-]{0,198}[A-Za-z0-9])?")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]{1,500}")
_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Markdown:
    """Text that is Markdown already; any other value of a template is escaped."""

    text: str


def to_markdown(value: object) -> str:
    """Return a value on one line as Markdown in which it is nothing but words.

    A web address is code, and no link.
    """
    if isinstance(value, Markdown):
        return value.text
    if isinstance(value, int | float) and not isinstance(value, bool):
        return format_number(value)
    if value is None:
        return ""
    line = hide_passwords(clean_line(value, _MAXIMUM_CHARACTERS))
    return f"`{line}`" if _ADDRESS.fullmatch(line) else escape_markdown(line)


def make_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Markdown:
    """Return a table; its cells are escaped. There has to be at least one row."""
    lines = [headers, ["---"] * len(headers), *([to_markdown(cell) for cell in row] for row in rows)]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def make_code(text: str) -> Markdown:
    """Return a code span of a name or command; of other text, its words."""
    return Markdown(f"`{text}`" if _NAME.fullmatch(text) else to_markdown(text))


def render_markdown(template: str, **values: Any) -> str:
    """Render a Jinja template; see `to_markdown` for what becomes of its values."""
    return _BLANK_LINES.sub("\n\n", str(_compile(template).render(**values))).strip("\n") + "\n"


@cache
def _compile(template: str) -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(  # noqa: S701 - `finalize` escapes for Markdown, in which HTML is escaped too
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=to_markdown
    )
    environment.filters.update(
        code=make_code,
        plain=Markdown,
        sentence=load_sentences(),
        date=lambda seconds: Markdown(datetime.fromtimestamp(seconds, UTC).date().isoformat()),
        duration=lambda seconds: Markdown(format_duration(seconds)),
        size=lambda size: Markdown(format_size(size)),
        percent=lambda share: Markdown(f"{share:.0%}"),
    )
    return environment.from_string(template)
