"""One file per part of a gallery page; each exports SECTION.

What a section may look at are the views below.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from artpipe.artifacts.report import ReportCard
from artpipe.artifacts.run import RunCard
from artpipe.artifacts.training_cost import TrainingCost
from artpipe.config.params import About
from artpipe.contracts.dataset_summary import Collection
from artpipe.contracts.gallery_work import SAMPLE, GalleryWork, Media, RealWork
from artpipe.contracts.generation_facts import SourceType
from artpipe.contracts.live_room import LiveLabels, LiveScript
from artpipe.contracts.plugin_info import WallText, choose_source_type
from artpipe.contracts.run_status import RunStatus
from artpipe.contracts.site_language import SiteLanguage
from artpipe.contracts.training_record import Curve, Frame

GapReason = Literal["no run", "withdrawn", "no report", "another checkpoint", "damaged", "not readable"]
ViewT = TypeVar("ViewT")


@dataclass(frozen=True)
class Artist:
    """A model whose report and run are of the same checkpoint, with its works."""

    name: str
    title: str
    kind: str
    params: Mapping[str, Any]
    report: ReportCard
    run: RunCard
    works: Sequence[GalleryWork]  # samples first
    frames: Sequence[Frame] = ()
    losses: Sequence[Curve] = ()
    validation: Sequence[Curve] = ()
    events: Sequence[tuple[int, str]] = ()  # rollbacks and the like, by step
    champion: bool = False  # this checkpoint counts among the models of its kind in its room
    rival: str = ""  # the model of which another checkpoint counts instead, if there is one
    kind_title: str = ""
    learns: bool = True  # else its steps made the pictures themselves
    accepted: Sequence[str] = ()  # stages whose results were accepted under newer code: "train", "evaluate", ...
    wall_texts: Mapping[str, WallText] = field(default_factory=dict)  # by role of its works
    terms: Sequence[str] = ()  # what measures mean that its report has, a sentence each
    card: Media | None = None  # a text about it, to take away
    cost: TrainingCost | None = None  # of its training
    mlflow_page: str = ""  # address of its training's run, where a server is named
    live: LiveScript | None = None

    @property
    def cost_per_work(self) -> TrainingCost | None:
        """Return each hung work's share of the training."""
        return self.cost and self.cost.share(len(self.works)) if self.works else None

    @property
    def step(self) -> int:
        """Return the step whose weights made what hangs."""
        return self.run.steps if self.report.step is None else self.report.step

    def source_type(self, work: GalleryWork) -> SourceType:
        """Return what IPTC calls a work.

        It is as its kind declares, else by whether it was made of given works.
        """
        return choose_source_type([self.wall_texts.get(work.role)], has_sources=bool(work.sources))

    def is_own(self, work: GalleryWork) -> bool:
        """Return whether a work was made without a given work."""
        return work.role == SAMPLE or (work.role in self.wall_texts and self.wall_texts[work.role].own)


@dataclass(frozen=True)
class Gap:
    """A model that cannot be hung, and why."""

    model: str
    title: str
    reason: GapReason


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
    card: Media | None = None  # a text about the dataset, to take away
    withdrawn: Sequence[str] = ()  # the days on which works were withdrawn from it, one for each, the first one first

    @property
    def licences(self) -> Sequence[str]:
        """Return the licences of its works, the most frequent first.

        Without a record they are what params.yaml says.
        """
        said = [tally.name for tally in self.collection.licences] if self.collection else []
        return [self.about.licence] if said in ([], ["unknown"]) else said

    @property
    def is_not_started(self) -> bool:
        """Return whether nothing of it has been made yet, or not again."""
        unmade = {"no run", "withdrawn"}
        return self.collection is None and not self.artists and all(gap.reason in unmade for gap in self.gaps)


@dataclass(frozen=True)
class GalleryCredentials:
    """By whom the files of the gallery are signed, and how many are."""

    certificates: str  # path in the gallery, PEM
    subject: str
    fingerprint: str  # SHA-256 of the signer's certificate, in hexadecimal
    until: str  # the last day it counts
    is_own: bool  # made by artpipe, so nobody else vouches for it
    signed: int  # files
    unsigned: Sequence[str] = ()  # forms that are offered and cannot carry any: webm, mid ...


@dataclass(frozen=True)
class Museum:
    """The whole gallery."""

    title: str
    subtitle: str
    rooms: Sequence[Room]
    run: RunStatus | None = None
    credentials: GalleryCredentials | None = None
    labels: Sequence[str] = ()  # the laws by which works are labelled: eu, cn, us-ca
    publisher: str = ""  # who answers for the works
    base_url: str = ""  # where it is published, with a slash at its end; empty where nobody said
    language: str = "en"
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # its media, by their `src`
    languages: Sequence[SiteLanguage] = ()  # in which its pages are to be read; empty: in its own alone

    def embed(self, media: Media) -> str:
        """Return a picture of `files` as an address that holds it."""
        data = base64.b64encode(self.files[media.src]).decode()
        return f"data:image/{media.src.rpartition('.')[2]};base64,{data}"

    @property
    def here(self) -> SiteLanguage:
        """Return its own language among those of the gallery."""
        return next((one for one in self.languages if one.code == self.language), SiteLanguage(self.language, "", ""))

    @property
    def pages_address(self) -> str:
        """Return where its pages stand; empty without an address."""
        return self.base_url and self.base_url + self.here.prefix

    @property
    def media_address(self) -> str:
        """Return where its media stand, from its pages if there is no address."""
        return self.base_url or "../" * self.here.prefix.count("/")

    @property
    def artists(self) -> Sequence[tuple[Room, Artist]]:
        """Return every model that hangs, with its room."""
        return [(room, artist) for room in self.rooms for artist in room.artists]


class FeaturedWork(NamedTuple):
    """The work in the light of the entrance, with its room and model."""

    room: Room
    artist: Artist
    work: GalleryWork


@dataclass(frozen=True)
class IndexView:
    """What the sections of the entrance see."""

    museum: Museum
    featured: FeaturedWork | None

    @property
    def preview(self) -> Media | None:
        """Return the picture that stands for the page where it is linked."""
        return self.featured.work.face if self.featured else None


@dataclass(frozen=True)
class ProvenanceView:
    """What the sections of the page on provenance see."""

    museum: Museum


@dataclass(frozen=True)
class DatasetView:
    """What the sections of a dataset's page see."""

    museum: Museum
    room: Room
    attribution: str  # a line for each creator, licence and source; empty without a record

    @property
    def preview(self) -> Media | None:
        """Return the first picture that a model of the room hangs."""
        return _find_face(work for artist in self.room.artists for work in artist.works)


@dataclass(frozen=True)
class ModelView:
    """What the sections of a model's page see."""

    museum: Museum
    room: Room
    artist: Artist
    live_labels: LiveLabels | None  # of what its live room paints, where a law asks for some

    @property
    def preview(self) -> Media | None:
        """Return the first picture that the model hangs."""
        return _find_face(self.artist.works)


@dataclass(frozen=True)
class WorkView:
    """What the sections of a work's page see.

    `previous` and `next` are its neighbours on the wall.
    """

    museum: Museum
    room: Room
    artist: Artist
    work: GalleryWork
    previous: GalleryWork | None = None
    next: GalleryWork | None = None

    @property
    def preview(self) -> Media | None:
        """Return its own picture."""
        return self.work.face


def _find_face(works: Iterable[GalleryWork]) -> Media | None:
    return next((work.face for work in works if work.face), None)


@dataclass(frozen=True)
class GalleryPage:
    """A page to be rendered, and the files beside it."""

    path: str  # in the gallery, with slashes
    view: Any  # what its sections see
    here: str = ""  # the dataset in whose room it is
    root: str | None = None  # the way back to the gallery's root; None: by its path
    files: Mapping[str, bytes] = field(default_factory=dict)  # by their path in the gallery
    shared: Mapping[str, bytes] = field(default_factory=dict)  # likewise, the same in every language of the gallery
    is_single: bool = False  # there is one for all languages, in the gallery's own


@dataclass(frozen=True)
class Section(Generic[ViewT]):
    """What a file in `sections/` exports as SECTION.

    `fill` takes the view of its page and returns what the fragment needs, or None where there is nothing to show.
    `html` is a Jinja fragment, always autoescaped; a theme's `sections/NAME.html` takes its place. It sees what `fill`
    returned, `view`, `root` (the way back to the gallery's root), the theme's macros and `_()` for words. `scripts` are
    files of the theme's assets that its page runs where there is something to show, and `policy` what they need of the
    page's Content-Security-Policy, by directive.

    A section may bring pages of a kind of its own: `page` names the kind, `list_pages` returns its pages, which the
    theme's `PAGE.html` frames, else its `page.html`. `link` is the word under which every page leads to the first one.
    """

    page: str
    fill: Callable[[ViewT], Mapping[str, Any] | None]
    html: str
    scripts: Sequence[str] = ()
    policy: Mapping[str, str] = field(default_factory=dict)
    list_pages: Callable[[Museum], Iterable[GalleryPage]] | None = None
    link: str = ""


def fill_nothing(view: object) -> Mapping[str, Any]:
    """Fill a fragment that needs nothing but the view."""
    del view
    return {}
