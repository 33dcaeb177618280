"""Escape text for a terminal, or for a page that reads Markdown."""

import html
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import TextIOBase
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from artpipe.system.plain_text import to_printable, to_printable_lines
from artpipe.system.streams import ESCAPE_HANDLER

_MARKDOWN = re.compile(r"^(\d+)(?=[.)])|^(?=[#+=-])|(?=[\\`*_\[\]!|~])|(?=://)|(?<=www)(?=\.)", re.IGNORECASE)


class PlainConsole(Console):
    """A console that prints no control characters but its own."""

    def render_str(self, text: str, **styles: Any) -> Text:
        """Return text in the output's own characters.

        Before a table is laid out, so that its columns stay in line.
        """
        return super().render_str(text.encode(self.encoding, ESCAPE_HANDLER).decode(self.encoding), **styles)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of what is printed, their text escaped."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=to_printable_lines(segment.text))


class _PlainStream(TextIOBase):
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return the output's encoding; rich chooses between lines and ASCII by it."""
        return self._stream.encoding

    def write(self, text: str, /) -> int:
        """Write the text, escaped."""
        return self._stream.write(to_printable_lines(text))

    def flush(self) -> None:
        """Pass it on."""
        self._stream.flush()


@contextmanager
def escape_stdout() -> Iterator[None]:
    """Escape whatever is written to standard output while the body runs."""
    with redirect_stdout(_PlainStream(sys.stdout)):
        yield


def escape_markdown(text: str) -> str:
    r"""Return text as one line of Markdown without tags, pictures or links.

    >>> escape_markdown("a_b <i>, ![](https://x)")
    'a\\_b &lt;i&gt;, \\!\\[\\](https\\://x)'
    """
    return _MARKDOWN.sub(r"\1\\", html.escape(to_printable(text).strip(), quote=False))
