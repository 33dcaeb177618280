"""The commands and snippets of a document, as a reader of it would copy them."""

import re
import shlex
from pathlib import Path

_BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_FILE_NAME = re.compile(r"# (\S+\.py)\n")


def read_blocks(document: Path) -> list[tuple[str, str]]:
    """Return language and text of each block of `sh` and `python`, in their order."""
    return _BLOCK.findall(document.read_text(encoding="utf-8"))


def list_commands(document: Path) -> list[str]:
    """Return the lines to type, without comments and empty lines."""
    lines = [line for language, text in read_blocks(document) if language == "sh" for line in text.splitlines()]
    return [line for line in (re.sub(r"(^|\s+)#.*", "", line) for line in lines) if line]


def list_snippets(document: Path) -> dict[str, str]:
    """Return the python files that a reader saves, by the names that their first lines give."""
    snippets = [text for language, text in read_blocks(document) if language == "python"]
    return {_FILE_NAME.match(text).group(1): text for text in snippets}


def make_script(document: Path) -> str:
    """Return what a reader does from top to bottom, as a script for bash."""
    parts = ["set -e"]
    for language, text in read_blocks(document):
        if language == "python":
            name = _FILE_NAME.match(text).group(1)
            parts.append(f"cat > {shlex.quote(name)} <<'END OF SNIPPET'\n{text}END OF SNIPPET")
        else:
            parts.append(text)
    return "\n".join(parts) + "\n"
