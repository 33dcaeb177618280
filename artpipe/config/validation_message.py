"""What pydantic finds wrong, as one line: file, dotted place, what was found, what was expected, the nearest name."""

import re
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from artpipe.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 200  # characters of a value that is shown


def first_mistake(model: type[BaseModel], error: ValidationError, file: str, place: str) -> str:
    """Return one line about the first mistake; an unknown key comes first, as it explains the key that is missing."""
    found = sorted(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    first: Mapping[str, Any] = found[0]
    parts = [_on_one_line(str(part)) for part in first["loc"] if part != "[key]"]
    where = ".".join([*([place] if place else []), *parts])
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, first["loc"][:-1])
        return f"{file}: `{where}` is not a parameter{did_you_mean(parts[-1], known) or _listing(known)}"
    if first["type"] == "missing":
        return f"{file}: `{where}` is missing{_example(model, first['loc'])}"
    message = _plain(first["msg"])
    if first["type"] == "value_error" and where and isinstance(first["input"], dict):
        return f"{file}: `{where}`: {message}"
    if not where:
        return f"{file}: {message}" if first["input"] else f"{file}: empty; it needs {', '.join(_required(model))}"
    return f"{file}: `{where}` is {_shown(first['input'])}: {message[0].lower()}{message[1:]}{_number(first['input'])}"


def _plain(message: str) -> str:
    """Return what pydantic says in the words of YAML."""
    return message.removeprefix("Value error, ").replace("tuple", "list").replace(" after validation", "")


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]


def _on_one_line(text: str) -> str:
    """Spell out what would break the line of a message, and cut it short: a key may hold anything."""
    return _cut(text if text.isprintable() else repr(text)[1:-1])


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    return _cut(repr(value)) if isinstance(value, str | int | float) else f"a {type(value).__name__}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _number(value: Any) -> str:
    """Return advice for `1e3` where a whole number is wanted: some readers of YAML take it for text."""
    exponent = isinstance(value, str) and re.fullmatch(r"[+-]?[0-9.]+e\+?[0-9]", value, flags=re.IGNORECASE)
    return f"; write `{int(float(value))}`" if exponent and float(value).is_integer() else ""


def _example(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Return what to write for a missing section that may be left at its defaults."""
    kind = _model_at(model, location)
    optional = kind is not None and all(not field.is_required() for field in kind.model_fields.values())
    return f"; write `{location[-1]}: {{}}` for its defaults" if optional else ""


def _listing(known: list[str]) -> str:
    return f" (there are: {', '.join(sorted(known))})" if known else ""


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    found = _model_at(model, location)
    return list(found.model_fields) if found else []


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Return the model that stands at `location`, None where something else does; a mapping's key is one step."""
    current: Any = model
    for part in location:
        if isinstance(current, type) and issubclass(current, BaseModel):
            current = current.model_fields[str(part)].annotation if part in current.model_fields else None
        else:
            current = next(iter(get_args(current)[1:]), None)
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None
