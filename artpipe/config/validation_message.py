"""Describe a pydantic error as one line.

File, dotted place, what was found, what was expected, the nearest name.
"""

import re
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from artpipe.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_CHARACTERS = 200  # characters of a value that is shown
_EXPECTED = {  # by the beginning of a message of pydantic
    "Input should be a valid integer": "a whole number",
    "Input should be a valid number": "a number",
    "Input should be a valid boolean": "`true` or `false`",
    "Input should be a valid string": "text; put it in quotes",
    "Input should be a valid list": "a list, such as [1, 2]",
    "Input should be a valid tuple": "a list, such as [1, 2]",
    "Input should be a valid dictionary": "a mapping of names to values",
}


def describe_first_mistake(model: type[BaseModel], error: ValidationError, file: str, place: str) -> str:
    """Return one line about the first mistake.

    An unknown key comes first, as it explains the key that is missing.
    """
    mistakes = sorted(error.errors(include_url=False), key=lambda mistake: mistake["type"] != "extra_forbidden")
    first: Mapping[str, Any] = mistakes[0]
    parts = [_on_one_line(str(part)) for part in first["loc"] if part != "[key]"]
    where = ".".join([*([place] if place else []), *parts])
    if first["type"] == "extra_forbidden":
        names = _fields_at(model, first["loc"][:-1])
        return f"{file}: `{where}` is not a parameter{did_you_mean(parts[-1], names) or _list_names(names)}"
    if first["type"] == "missing":
        return f"{file}: `{where}` is missing{_advise_defaults(model, first['loc'])}"
    message = _to_yaml_terms(first["msg"])
    if first["type"] == "value_error" and where and isinstance(first["input"], dict):
        return f"{file}: `{where}`: {message}"
    if not where:
        return (
            f"{file}: {message}" if first["input"] else f"{file}: empty; it needs {', '.join(_required_fields(model))}"
        )
    return f"{file}: `{where}` is {_format_value(first['input'])}: {message[0].lower()}{message[1:]}{_advise_number(first['input'])}"


def _to_yaml_terms(message: str) -> str:
    """Return a message of pydantic in the terms of YAML."""
    for beginning, expected in _EXPECTED.items():
        if message.startswith(beginning):
            return f"expected {expected}"
    return message.removeprefix("Value error, ").replace("tuple", "list").replace(" after validation", "")


def _required_fields(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]


def _on_one_line(text: str) -> str:
    """Escape what would break the line of a message, and shorten it.

    A key may hold anything.
    """
    return _shorten(text if text.isprintable() else repr(text)[1:-1])


def _format_value(value: Any) -> str:
    if value is None:
        return "empty"
    return _shorten(repr(value)) if isinstance(value, str | int | float) else f"a {type(value).__name__}"


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}..."


def _advise_number(value: Any) -> str:
    """Return advice for `1e3` where an integer is expected.

    Some readers of YAML take it for text.
    """
    exponent = isinstance(value, str) and re.fullmatch(r"[+-]?[0-9.]+e\+?[0-9]", value, flags=re.IGNORECASE)
    return f"; write `{int(float(value))}`" if exponent and float(value).is_integer() else ""


def _advise_defaults(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Return what to write for a missing section that may be left at its defaults."""
    kind = _model_at(model, location)
    optional = kind is not None and all(not field.is_required() for field in kind.model_fields.values())
    return f"; write `{location[-1]}: {{}}` for its defaults" if optional else ""


def _list_names(names: list[str]) -> str:
    return f" (there are: {', '.join(sorted(names))})" if names else ""


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    nested_model = _model_at(model, location)
    return list(nested_model.model_fields) if nested_model else []


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Return the model that stands at `location`, None where something else does.

    A mapping's key is one step.
    """
    current: Any = model
    for part in location:
        if isinstance(current, type) and issubclass(current, BaseModel):
            current = current.model_fields[str(part)].annotation if part in current.model_fields else None
        else:
            current = next(iter(get_args(current)[1:]), None)
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None
