"""A message is a code with values.

The sentence is made where it is shown (`artpipe.language.sentences`).
"""

import json
import math
from collections.abc import Sequence
from typing import Any, Self, TypeAlias

from pydantic import Field, ValidationError, field_validator

from artpipe.config.params import Frozen

CODE = r"[a-z][a-z0-9_]*"
WRITTEN = "written"  # the code of a text that is shown as it stands, in every language
Value: TypeAlias = "int | float | str | tuple[str, ...] | Message"


class Message(Frozen):
    """A stable code with the values of its sentence, by name.

    Values are numbers, names and other messages.
    """

    code: str = Field(pattern=f"^{CODE}$")
    values: dict[str, Value] = Field(default_factory=dict)

    @field_validator("values", mode="before")
    @classmethod
    def _in_json(cls, values: Any) -> Any:
        """Write numbers and characters that JSON has not as words."""
        if not isinstance(values, dict):
            return values
        return {name: _to_json_value(value) for name, value in values.items()}

    @classmethod
    def of(cls, text: "str | Message") -> "Message":
        """Return a message; a text is one that is shown as it stands."""
        return text if isinstance(text, Message) else Message(code=WRITTEN, values={"text": text})

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the message that `encode` wrote.

        Any other text, as records had before, is shown as it stands.
        """
        try:
            return cls.model_validate(json.loads(text))
        except (ValueError, ValidationError, RecursionError):
            return cls(code=WRITTEN, values={"text": text})

    def encode(self) -> str:
        """Return it in one line, for a column of text; the same message is the same line."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False)


def _to_json_value(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()  # a lone surrogate, of a file's name, is spelled out
    if isinstance(value, tuple | list):
        return tuple(map(_to_json_value, value))
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def decode_value(text: str) -> "str | Message":
    """Return a column's text as a value of another message.

    It is a message, or the plain text.
    """
    message = Message.decode(text)
    return text if message.code == WRITTEN else message


def join_texts(texts: Sequence[str]) -> str:
    """Return texts of a column, messages or plain, as one.

    Plain ones have `; ` between them.
    """
    if not texts:
        return ""
    values = [decode_value(text) for text in texts]
    if all(isinstance(value, str) for value in values):
        return "; ".join(texts)
    first, *rest = values
    for value in rest:
        first = Message(code="both", values={"first": first, "second": value})
    return first if isinstance(first, str) else first.encode()


def upgrade_text_field(fields: Any, name: str) -> Any:
    """Return the fields of a message, a plain text under `name` as a value.

    Files had such texts before there were codes.
    """
    if not isinstance(fields, dict) or name not in fields:
        return fields
    text, rest = fields[name], {key: value for key, value in fields.items() if key != name}
    return {**rest, "code": WRITTEN, "values": {"text": text}}
