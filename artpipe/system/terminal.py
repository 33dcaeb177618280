"""What reaches a terminal, or a page that reads Markdown: strangers' names and words stay words."""

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

from artpipe.system.plain_text import plain, plain_lines
from artpipe.system.streams import SPELLED

_MARKS = re.compile(r"^(\d+)(?=[.)])|^(?=[#+=-])|(?=[\\`*_\[\]!|~])|(?=://)|(?<=www)(?=\.)", re.IGNORECASE)


class PlainConsole(Console):
    """A console whose colours and movements are its own: nothing that is printed can bring any along."""

    def render_str(self, text: str, **styles: Any) -> Text:
        """Return words as signs the output has; before a table is laid out, so that its columns stay in line."""
        return super().render_str(text.encode(self.encoding, SPELLED).decode(self.encoding), **styles)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of what is printed, their text spelled out."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=plain_lines(segment.text))


class _PlainStream(TextIOBase):
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Say what the signs become: of this rich chooses between lines and ASCII."""
        return self._stream.encoding

    def write(self, text: str, /) -> int:
        """Write the text, spelled out."""
        return self._stream.write(plain_lines(text))

    def flush(self) -> None:
        """Pass it on."""
        self._stream.flush()


@contextmanager
def spoken_plainly() -> Iterator[None]:
    """Spell out whatever is written to the standard output."""
    with redirect_stdout(_PlainStream(sys.stdout)):
        yield


def in_markdown(text: str) -> str:
    r"""Return words as a page that reads Markdown may have them, on one line: no tag, no picture, no link in them.

    >>> in_markdown("a_b <i>, ![](https://x)")
    'a\\_b &lt;i&gt;, \\!\\[\\](https\\://x)'
    """
    return _MARKS.sub(r"\1\\", html.escape(plain(text).strip(), quote=False))
