"""What a page needs where a visitor paints with a model."""

from collections.abc import Sequence
from dataclasses import dataclass

from artpipe.artifacts.report import LivePath
from artpipe.contracts.gallery_work import Media


@dataclass(frozen=True)
class LiveLabels:
    """What a picture carries that a visitor saves in a live room.

    A packet with places to fill in, and a strip that hangs below it.
    """

    packet: str
    strip: str  # a PNG as an address; empty where people need not see a mark in the file


@dataclass(frozen=True)
class LiveScript:
    """What a page loads so that a visitor can paint with a model."""

    script: Media
    width: int  # of its pictures
    height: int
    classes: Sequence[str]  # that can be asked for
    works: int  # that a picture is compared with
    side: int  # fields across, in which they are compared
    path: LivePath | None = None  # of a model that words steer
