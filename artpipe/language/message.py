"""A message is a code with values; the sentence is made where it is shown (`artpipe.language.sentences`)."""

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
    """What is to be said: a stable code, and by name the numbers, names and messages that its sentence holds."""

    code: str = Field(pattern=f"^{CODE}$")
    values: dict[str, Value] = Field(default_factory=dict)

    @field_validator("values", mode="before")
    @classmethod
    def _in_json(cls, values: Any) -> Any:
        """Write numbers and characters that JSON has not as words."""
        if not isinstance(values, dict):
            return values
        return {name: _in_json(value) for name, value in values.items()}

    @classmethod
    def of(cls, text: "str | Message") -> "Message":
        """Return a message; a text is one that is shown as it stands."""
        return text if isinstance(text, Message) else Message(code=WRITTEN, values={"text": text})

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the message that `encode` wrote; any other text, as records had before, is shown as it stands."""
        try:
            return cls.model_validate(json.loads(text))
        except (ValueError, ValidationError, RecursionError):
            return cls(code=WRITTEN, values={"text": text})

    def encode(self) -> str:
        """Return it in one line, for a column of text; the same message is the same line."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False)


def _in_json(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()  # a lone surrogate, of a file's name, is spelled out
    if isinstance(value, tuple | list):
        return tuple(map(_in_json, value))
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def as_value(text: str) -> "str | Message":
    """Return what stands in a column of text, as a value of another message: a message, or the plain text."""
    message = Message.decode(text)
    return text if message.code == WRITTEN else message


def join_texts(texts: Sequence[str]) -> str:
    """Return texts of a column, messages or plain, as one; plain ones with `; ` between."""
    if not texts:
        return ""
    values = [as_value(text) for text in texts]
    if all(isinstance(value, str) for value in values):
        return "; ".join(texts)
    first, *rest = values
    for value in rest:
        first = Message(code="both", values={"first": first, "second": value})
    return first if isinstance(first, str) else first.encode()


def take_text(fields: Any, name: str) -> Any:
    """Return the fields of a message in which a plain text may stand under `name`, as in what was written before codes."""
    if not isinstance(fields, dict) or name not in fields:
        return fields
    text, rest = fields[name], {key: value for key, value in fields.items() if key != name}
    return {**rest, "code": WRITTEN, "values": {"text": text}}
