"""A damaged thing, and what repairs it."""

from collections.abc import Callable
from typing import NamedTuple

from artpipe.artifacts import paths

REPAIR = "`artpipe verify --repair`"
DAMAGED_FOLDER = str(paths.STATE / "damaged")  # of what is moved aside


class Damage(NamedTuple):
    """One thing that is not what was written."""

    place: str
    what: str
    mend: str  # a sentence for a person
    act: Callable[[], None] | None = None  # what --repair does; None: only a person can
