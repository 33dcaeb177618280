"""Find secrets in params.yaml, which is published.

It goes into git, run records, MLflow and the gallery.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from artpipe.errors import UserError

_SECRET_NAMES = re.compile(
    r"(?:^|[_-])(?:passwords?|passwd|passphrase|secrets?|credentials?|token|api[_-]?key|(?:access|private|secret|auth|account)[_-]?key|connection[_-]?string)$",
    re.IGNORECASE,
)  # not `tokens` or `key`, which models and music have
_PUBLISHED = "it would be published with every run; take it out, change it, and give it in the environment"
_MIN_CHARACTERS = 6  # characters of a secret
_SECRET_VALUES = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{30,}|\bgithub_pat_\w{30,}|\bglpat-[\w-]{20,}|\bhf_[A-Za-z0-9]{30,}"
    r"|\bsk-[A-Za-z0-9_-]{20,}|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{35}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@]+:[^/\s@]+@"
)


def refuse_secrets(value: Any, file: str, advice: str = _PUBLISHED) -> None:
    """Refuse what looks like a token or a password, by its key or its form.

    The value is never repeated in the message.

    Raises:
        UserError: the place, and where a secret belongs.
    """
    for place in _find_secrets(value, ""):
        raise UserError(f"{file}: `{place}` looks like a secret: {advice} (SECURITY.md)")


def _find_secrets(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            inside = f"{place}.{key}" if place else str(key)
            if isinstance(inner, str) and len(inner) >= _MIN_CHARACTERS and _SECRET_NAMES.search(str(key)):
                yield inside
            yield from _find_secrets(inner, inside)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _find_secrets(inner, f"{place}.{number}")
    elif isinstance(value, str) and _SECRET_VALUES.search(value):
        yield place
