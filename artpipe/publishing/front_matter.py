"""The YAML block at the head of a card, which the Hub reads."""

import io
import math
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from artpipe.site.translation import clean_line

_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9 ._<+-]*[A-Za-z0-9+])?")
_BOOLEANS = frozenset(
    {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
)  # to one version of YAML or the other


def make_front_matter(fields: Mapping[str, Any]) -> str:
    """Return fields between two lines of dashes; empty ones are left out.

    Texts are on one line. They are quoted unless YAML 1.1 and 1.2 read them alike, since the Hub reads with the former.
    """
    yaml, stream = YAML(), io.StringIO()
    yaml.Representer = _BlockRepresenter
    yaml.width, yaml.allow_unicode = 1 << 20, True  # a folded line could begin with the dashes
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(_quote({name: value for name, value in fields.items() if value not in ("", None, [], {})}), stream)
    return f"---\n{stream.getvalue()}---\n"


class _BlockRepresenter(RoundTripRepresenter):
    """Writes equal values twice instead of once and by its name."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _write_float(writer: Any, value: float) -> Any:
    """Write a number so that YAML 1.1 reads it as one: `1e-07` is a text there."""
    mantissa, sign, exponent = repr(value).partition("e")
    text = f"{mantissa}{'' if '.' in mantissa else '.0'}{sign}{exponent}" if math.isfinite(value) else f".{value}"
    return writer.represent_scalar("tag:yaml.org,2002:float", text.replace(".-inf", "-.inf"))


_BlockRepresenter.add_representer(float, _write_float)


def _quote(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _quote(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_quote(item) for item in value]
    if isinstance(value, str):
        line = clean_line(value)
        return line if _PLAIN.fullmatch(line) and line.lower() not in _BOOLEANS else DoubleQuotedScalarString(line)
    return value
