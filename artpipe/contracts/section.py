"""One file per part of a gallery page; each exports SECTION. What a section may look at are the views below."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from artpipe.artifacts.report import ReportCard
from artpipe.artifacts.run import RunCard
from artpipe.config.params import About
from artpipe.contracts.plugin_info import WallText
from artpipe.contracts.run_status import RunStatus

Page = Literal["index", "model", "work", "dataset"]
GapReason = Literal["no run", "no report", "another checkpoint", "damaged"]
ViewT = TypeVar("ViewT")

SAMPLE = "sample"  # the role of what a model makes where it is given nothing
_FACES = {"video": "poster", "audio": "score"}
_FILMS = frozenset({"mp4", "webm"})
_WAY = re.compile(r"step (\d+)")


@dataclass(frozen=True)
class Media:
    """A file of the gallery, named by its content; `src` is relative to the gallery's root, sizes are in pixels."""

    src: str
    width: int = 0  # 0: not a picture
    height: int = 0
    size: int = 0  # bytes
    exact: bool = True  # every pixel as it was painted, so it is enlarged by whole factors
    inline: str = ""  # the same file as a data: URI, where it is too small to be worth a request
    colour: bool = False  # a picture in colour
    seconds: float = 0.0  # how long it sounds, where that is known
    small: "Media | None" = None  # the same picture for a place among many, where it is worth one


@dataclass(frozen=True)
class RealWork:
    """A work of a dataset as its record tells of it; a digest without a row in the record keeps the word unknown."""

    digest: str
    title: str = ""
    creator: str = "unknown"
    year: str = ""
    licence: str = "unknown"
    origin: str = "unknown"
    picture: Media | None = None
    text: str = ""  # its first lines


@dataclass(frozen=True)
class Near:
    """A training work near a hung one."""

    work: RealWork
    distance: float


@dataclass(frozen=True)
class Work:
    """One thing on the wall."""

    id: str
    title: str
    kind: Literal["image", "video", "audio", "text"]
    role: str
    seed: int | None
    media: Media | None  # None for text
    text: str = ""
    certainty: float = 0.0  # the feature extractor's, that it shows what it is said to show; 0 where it was not asked
    sources: Sequence[RealWork] = ()  # the real works it shows or was made from
    neighbours: Sequence[Near] = ()  # nearest first
    parts: Mapping[str, Media] = field(
        default_factory=dict
    )  # what belongs to it: before, poster, score, midi, step N ...

    @property
    def face(self) -> Media | None:
        """Return the picture that hangs: the work itself, a film's poster, the score of music."""
        return self.media if self.kind == "image" else self.parts.get(_FACES.get(self.kind, ""))

    @property
    def before(self) -> Media | None:
        """Return the picture before, where the work lies on it edge to edge (sides within 2 %)."""
        before, face = self.parts.get("before"), self.face
        if before is None or face is None or self.kind != "image":
            return None
        return before if same_shape(before, face) else None

    @property
    def way(self) -> Sequence[tuple[int, Media]]:
        """Return the pictures on the work's way by step, the first one first."""
        steps = {name: _WAY.fullmatch(name) for name in self.parts}
        return sorted((int(match[1]), self.parts[name]) for name, match in steps.items() if match)

    @property
    def beside(self) -> Mapping[str, Media]:
        """Return the further pictures that hang beside the work, by name."""
        return {name: part for name, part in self._others() if part.width and part not in {self.before, self.face}}

    @property
    def downloads(self) -> Mapping[str, Media]:
        """Return the further files that are no pictures, by name."""
        return {name: part for name, part in self._others() if not part.width and name not in _FILMS}

    @property
    def films(self) -> Mapping[str, Media]:
        """Return a film in each form it has, by suffix, its own first: a browser plays the first that it can."""
        own = {self.media.src.rsplit(".", 1)[-1]: self.media} if self.kind == "video" and self.media else {}
        return own | {name: part for name, part in self.parts.items() if name in _FILMS}

    def _others(self) -> Iterable[tuple[str, Media]]:
        return ((name, part) for name, part in self.parts.items() if not _WAY.fullmatch(name))


@dataclass(frozen=True)
class Frame:
    """What the model made from the same noise at one evaluation point: a picture or a sound, or text."""

    step: int
    media: Media | None
    text: str = ""


@dataclass(frozen=True)
class Curve:
    """A number by step, in the order written."""

    name: str
    points: Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Artist:
    """A model whose report and run are about the same checkpoint, with everything it hangs."""

    name: str
    title: str
    kind: str
    params: Mapping[str, Any]
    report: ReportCard
    run: RunCard
    works: Sequence[Work]  # samples first
    frames: Sequence[Frame] = ()
    losses: Sequence[Curve] = ()
    validation: Sequence[Curve] = ()
    events: Sequence[tuple[int, str]] = ()  # rollbacks and the like, by step
    champion: bool = False  # this checkpoint counts among the models of its kind in its room
    rival: str = ""  # the model of which another checkpoint counts instead, if there is one
    kind_title: str = ""
    wall_texts: Mapping[str, WallText] = field(default_factory=dict)  # by role of its works

    @property
    def step(self) -> int:
        """Return the step whose weights made what hangs."""
        return self.run.steps if self.report.step is None else self.report.step

    def is_own(self, work: Work) -> bool:
        """Return whether a work is what the model makes of itself; the others it makes of given works."""
        return work.role == SAMPLE or (work.role in self.wall_texts and self.wall_texts[work.role].own)


@dataclass(frozen=True)
class Gap:
    """A model that cannot be hung, and why."""

    model: str
    title: str
    reason: GapReason


@dataclass(frozen=True)
class Tally:
    """How many works share a value."""

    name: str
    count: int


@dataclass(frozen=True)
class Refusal:
    """An input that was quarantined, and why."""

    name: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Collection:
    """What the record of a dataset says, all works together."""

    kept: int
    quarantined: int
    licences: Sequence[Tally] = ()  # the most frequent first
    creators: Sequence[Tally] = ()
    origins: Sequence[Tally] = ()
    labels: Sequence[Tally] = ()
    splits: Sequence[Tally] = ()
    reasons: Sequence[Tally] = ()  # of quarantine
    notes: Sequence[Tally] = ()  # what was done to works on the way in
    refusals: Sequence[Refusal] = ()  # the first of them


@dataclass(frozen=True)
class Room:
    """A dataset with its models."""

    number: int  # from 1
    name: str
    title: str
    about: About
    collection: Collection | None  # None: its record is missing or damaged
    artists: Sequence[Artist]
    gaps: Sequence[Gap]
    seen: Sequence[RealWork] = ()  # the real works of which there is a picture

    @property
    def ahead(self) -> bool:
        """Return whether nothing of it has been made yet."""
        return self.collection is None and not self.artists and all(gap.reason == "no run" for gap in self.gaps)


@dataclass(frozen=True)
class Museum:
    """The whole gallery."""

    title: str
    subtitle: str
    rooms: Sequence[Room]
    run: RunStatus | None = None


@dataclass(frozen=True)
class IndexView:
    """What the sections of the entrance see."""

    museum: Museum


@dataclass(frozen=True)
class DatasetView:
    """What the sections of a dataset's page see."""

    museum: Museum
    room: Room


@dataclass(frozen=True)
class ModelView:
    """What the sections of a model's page see."""

    museum: Museum
    room: Room
    artist: Artist


@dataclass(frozen=True)
class WorkView:
    """What the sections of a work's page see; `previous` and `next` are its neighbours on the wall."""

    museum: Museum
    room: Room
    artist: Artist
    work: Work
    previous: Work | None = None
    next: Work | None = None


@dataclass(frozen=True)
class Section(Generic[ViewT]):
    """What a file in `sections/` exports as SECTION.

    `fill` takes the view of its page and returns what the fragment needs, or None where there is nothing to show.
    `html` is a Jinja fragment, always autoescaped; a theme's `sections/NAME.html` takes its place. It sees what `fill`
    returned, `view`, `root` (the way back to the gallery's root), the theme's macros and `_()` for words.
    """

    page: Page
    fill: Callable[[ViewT], Mapping[str, Any] | None]
    html: str


def same_shape(one: Media, other: Media) -> bool:
    """Return whether two pictures can lie one on the other: the same proportions within 2 %."""
    sides = one.width * other.height, other.width * one.height
    return min(sides) > 0.98 * max(sides) > 0


def always(view: object) -> Mapping[str, Any]:
    """Fill a fragment that needs nothing but the view."""
    del view
    return {}
