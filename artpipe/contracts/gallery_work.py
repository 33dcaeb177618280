"""What hangs in the gallery: media, real works, works that a model made."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from artpipe.artifacts.report import OtherModel

SAMPLE = "sample"  # the role of what a model makes where it is given nothing
LARGE_EVERY = 11  # of so many works on a wall, one hangs large
_FACE_PARTS = {"video": "poster", "audio": "score"}
_FILMS = frozenset({"mp4", "webm"})
_STEP_PART = re.compile(r"step (\d+)")


@dataclass(frozen=True)
class Media:
    """A file of the gallery, named by its content.

    `src` is relative to the gallery's root, sizes are in pixels.
    """

    src: str
    width: int = 0  # 0: not a picture
    height: int = 0
    size: int = 0  # bytes
    exact: bool = True  # every pixel as it was painted, so it is enlarged by whole factors
    is_soft: bool = False  # its works were shrunk, so it is enlarged without squares
    inline: str = ""  # the same file as a data: URI, where it is too small to be worth a request
    colour: bool = False  # a picture in colour
    seconds: float = 0.0  # how long it sounds, where that is known
    sha256: str = ""  # of the file, in full
    light: "Media | None" = None  # the same sound in fewer bytes
    sizes: "Sequence[Media]" = ()  # the same photograph in fewer pixels, the smallest first
    small: "Media | None" = None  # the same picture for a place among many, where it is worth one

    @property
    def classes(self) -> str:
        """Return the theme's classes that say how the picture is enlarged."""
        return "smooth" if not self.exact else "pixel soft" if self.is_soft else "pixel"


@dataclass(frozen=True)
class RealWork:
    """A work of a dataset, with what its record says.

    Without a row in the record its creator, licence and origin are "unknown".
    """

    digest: str
    title: str = ""
    caption: str = ""  # where it says more than the title
    creator: str = "unknown"
    year: str = ""
    licence: str = "unknown"
    origin: str = "unknown"
    picture: Media | None = None
    text: str = ""  # its first lines


@dataclass(frozen=True)
class NearWork:
    """A training work near a hung one."""

    work: RealWork
    distance: float


@dataclass(frozen=True)
class GalleryWork:
    """One thing on the wall."""

    id: str
    title: str
    kind: Literal["image", "video", "audio", "text"]
    role: str
    seed: int | None
    media: Media | None  # None for text
    text: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)  # the same title by language; none where a person gave it
    caption_names: Sequence[str] = ()  # what its caption names, classes of the dataset among them
    recipe: str = ""  # its name in curation.yaml, which no training changes
    place: int = 0  # where a person hung it, from 1; 0: nobody did
    certainty: float = 0.0  # the feature extractor's, that it shows what it is said to show; 0 where it was not asked
    sources: Sequence[RealWork] = ()  # the real works it shows or was made from
    shares: Sequence[float] = ()  # of it that come from each source, where they are known
    other_models: Sequence[OtherModel] = ()  # that had a part in it
    neighbours: Sequence[NearWork] = ()  # nearest first
    parts: Mapping[str, Media] = field(
        default_factory=dict
    )  # what belongs to it: before, poster, score, midi, step N ...
    offered: Media | None = None  # the file to take away, labelled and signed as params.yaml says; None: there is none

    @property
    def other_titles(self) -> Sequence[str]:
        """Return its title in the other languages, for who searches in them."""
        return [title for title in dict.fromkeys(self.titles.values()) if title != self.title]

    @property
    def merit(self) -> float:
        """Return how much speaks for it among the works of its model, more being better.

        It is how sure the feature extractor is, else how near it lies to a real work; 0 where neither is known.
        """
        return self.certainty or (1 / (1 + self.neighbours[0].distance) if self.neighbours else 0.0)

    @property
    def face(self) -> Media | None:
        """Return the picture that hangs.

        It is the work itself, a film's poster or the score of music.
        """
        return self.media if self.kind == "image" else self.parts.get(_FACE_PARTS.get(self.kind, ""))

    @property
    def input_picture(self) -> Media | None:
        """Return the picture before, where it has the same shape within 2 %."""
        before, face = self.parts.get("before"), self.face
        if before is None or face is None or self.kind != "image":
            return None
        return before if have_same_shape(before, face) else None

    @property
    def intermediate_pictures(self) -> Sequence[tuple[int, Media]]:
        """Return the pictures on the work's way by step, the first one first."""
        steps = {name: _STEP_PART.fullmatch(name) for name in self.parts}
        return sorted((int(match[1]), self.parts[name]) for name, match in steps.items() if match)

    @property
    def further_pictures(self) -> Mapping[str, Media]:
        """Return the further pictures that hang beside the work, by name."""
        return {
            name: part
            for name, part in self._list_other_parts()
            if part.width and part not in {self.input_picture, self.face}
        }

    @property
    def downloads(self) -> Mapping[str, Media]:
        """Return the further files that are no pictures, by name."""
        return {name: part for name, part in self._list_other_parts() if not part.width and name not in _FILMS}

    @property
    def films(self) -> Mapping[str, Media]:
        """Return the film in each form it has, by suffix, the original first.

        A browser plays the first that it can.
        """
        original = {self.media.src.rsplit(".", 1)[-1]: self.media} if self.kind == "video" and self.media else {}
        return original | {name: part for name, part in self.parts.items() if name in _FILMS}

    def _list_other_parts(self) -> Iterable[tuple[str, Media]]:
        return ((name, part) for name, part in self.parts.items() if not _STEP_PART.fullmatch(name))


def put_best_first(works: Sequence[GalleryWork]) -> list[GalleryWork]:
    """Return works in their order, but the best of each eleven first: it hangs large.

    The eleven are of one role and kind.
    """
    groups = [list(group) for _, group in groupby(works, key=lambda work: (work.role, work.kind))]
    turns = (group[i : i + LARGE_EVERY] for group in groups for i in range(0, len(group), LARGE_EVERY))
    return [work for turn in turns for work in _move_best(turn)]


def _move_best(works: Sequence[GalleryWork]) -> Sequence[GalleryWork]:
    if any(work.place for work in works):  # a person chose
        return works
    best = max(works, key=lambda work: work.merit)
    return [best, *(work for work in works if work is not best)]


def have_same_shape(first: Media, second: Media) -> bool:
    """Return whether two pictures have the same proportions within 2 %."""
    sides = first.width * second.height, second.width * first.height
    return min(sides) > 0.98 * max(sides) > 0
