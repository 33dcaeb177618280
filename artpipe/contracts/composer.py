"""What a learner is that composes pictures of the pixels of works."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from artpipe.numerics.source_map import Composition


@runtime_checkable
class Composer(Protocol):
    """A learner each of whose pixels has its source.

    It is scored by what it copies and by its joints.
    """

    def compositions(self) -> Sequence[Composition]:
        """Return its pictures with their works and source maps."""
        ...
