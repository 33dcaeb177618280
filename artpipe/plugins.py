"""Plugins are files: the file's name is the registration, one upper-case constant is the plugin."""

import importlib
import pkgutil
from typing import Any

from artpipe.errors import UserError, did_you_mean

_CONSTANT = {"media": "MEDIUM", "sources": "SOURCE", "models": "MODEL", "metrics": "METRIC", "sections": "SECTION"}


def names(room: str) -> list[str]:
    """Return the sorted plugin names of a room: ``media``, ``sources``, ``models``, ``metrics`` or ``sections``."""
    package = importlib.import_module(f"artpipe.{room}")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_"))


def find(room: str, name: str) -> Any:
    """Import `name` from a room and return its plugin; only this one file is imported.

    Raises:
        UserError: there is no such file in the room.
    """
    known = names(room)
    if name not in known:
        message = f"`{name}` is not one of artpipe's {room} ({', '.join(known)}){did_you_mean(name, known)}"
        raise UserError(message)
    return getattr(importlib.import_module(f"artpipe.{room}.{name}"), _CONSTANT[room])
