"""A language in which the gallery is to be read."""

from collections.abc import Mapping
from typing import NamedTuple

_TAGS: Mapping[str, str] = {"zh": "zh-CN"}  # of languages whose code alone says too little


class SiteLanguage(NamedTuple):
    """A language of the gallery, and where its pages stand."""

    code: str
    name: str  # in itself
    prefix: str  # the folder of its pages, with a slash; empty: the root

    @property
    def tag(self) -> str:
        """Return its name as browsers know it (BCP 47)."""
        return _TAGS.get(self.code, self.code)
