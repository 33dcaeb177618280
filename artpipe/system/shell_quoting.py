"""Quote words for a shell, so that a printed command can be pasted as it stands."""

import os
import re
import shlex

from artpipe.system.plain_text import to_printable


def quote_for_shell(word: str) -> str:
    """Return a word as bash and zsh read it.

    Plain, in quotes, or ``$'..'`` where it has unprintable characters.
    """
    if to_printable(word) == word:
        return shlex.quote(word)
    plain = re.compile(rb"[\w./ -]")
    quoted = (bytes([byte]) if plain.match(bytes([byte])) else b"\\%03o" % byte for byte in os.fsencode(word))
    return f"$'{b''.join(quoted).decode()}'"


def quote_folder(path: str) -> str:
    """Return a relative or absolute path as an argument of `cd`.

    `cd` takes a leading dash for an option.
    """
    return quote_for_shell(f"./{path}" if path.startswith("-") else path)
