"""Run the observations on pictures, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from artpipe import plugins
from artpipe.contracts.observation import Observation, ObservationResult
from artpipe.critique.colour_names import colour_name, name_colours
from artpipe.critique.critiqued_picture import CritiquedPicture, shrink
from artpipe.critique.picture_files import RefusedPicture, count_pictures, decode_pictures
from artpipe.critique.project_models import ProjectModels
from artpipe.errors import UserError
from artpipe.language.message import Message, decode_value
from artpipe.numerics.colour_space import to_oklab
from artpipe.system.plain_text import to_printable

if TYPE_CHECKING:
    from PIL import Image

_SHOWN_SIDE = 900  # pixels
_LEAST_MARGIN, _LEAST_TRANSPARENT = 0.01, 0.005  # of the surface


@dataclass(frozen=True)
class ObservedSection:
    """What one observation said of a picture."""

    name: str
    heading: Message
    results: Sequence[ObservationResult]


@dataclass(frozen=True)
class PictureCritique:
    """All that is said of a picture; `facts` are about the file."""

    name: str
    sha256: str
    width: int
    height: int
    shown: "Image.Image"
    facts: Sequence[Message]
    sections: Sequence[ObservedSection]


@dataclass(frozen=True)
class Critique:
    """Critiques of pictures, files that are none, and what could not be asked."""

    pictures: Sequence[PictureCritique]
    refused: Sequence[RefusedPicture]
    notes: Sequence[Message]


class Critic:
    """The observations, with what the project has learned."""

    def __init__(self, models: ProjectModels) -> None:
        self.models = models

    @cached_property
    def observations(self) -> list[tuple[str, Observation]]:
        """Return the observations by name, in the order of the page."""
        found = [(name, plugins.load_plugin("observations", name)) for name in plugins.list_plugins("observations")]
        return sorted(found, key=lambda item: (item[1].position, item[0]))

    def critique(self, picture: CritiquedPicture) -> PictureCritique:
        """Return all that the observations have to say of a picture."""
        sections = [
            ObservedSection(name, Message(code=observation.code), results)
            for name, observation in self.observations
            if (results := observation.observe(picture, self.models))
        ]
        width, height = picture.image.size
        shown = shrink(picture.whole, _SHOWN_SIDE)
        return PictureCritique(picture.name, picture.sha256, width, height, shown, _state_facts(picture), sections)


def critique_path(path: Path, models: ProjectModels, max_megapixels: float) -> Critique:
    """Return the critique of a picture, or of all pictures of a folder.

    Raises:
        UserError: the picture, or each of the folder's, cannot be read.
    """
    count_pictures(path)
    critic, critiques, refused = Critic(models), [], []
    for picture in decode_pictures(path, max_megapixels):
        if isinstance(picture, RefusedPicture):
            refused.append(picture)
        else:
            critiques.append(critic.critique(picture))
    if not critiques:
        place = to_printable(str(path))
        first = refused[0]
        of = (
            ""
            if not path.is_dir()
            else f": none of its {len(refused)} pictures can be read; {to_printable(first.name)}"
        )
        raise UserError(f"{place}{of}: {to_printable(first.describe('en'))}")
    return Critique(critiques, refused, _list_notes(models))


def _list_notes(models: ProjectModels) -> list[Message]:
    """Return what could not be asked, each once."""
    if models.params is None:
        return [Message(code="no_project")]
    notes = list(dict.fromkeys(note.encode() for note in models.notes))
    nothing = [] if models.trained else [Message(code="nothing_trained")]
    return nothing + [Message.decode(note) for note in notes]


def _state_facts(picture: CritiquedPicture) -> list[Message]:
    width, height = picture.image.size
    facts = [Message(code="picture_size", values={"width": width, "height": height})]
    if (share := picture.margin_share) >= _LEAST_MARGIN:
        name = colour_name(int(name_colours(to_oklab(picture.margin_pixel[None]))[0]))
        facts.append(Message(code="picture_margin", values={"colour": name, "share": share}))
    if (share := picture.transparent_share) >= _LEAST_TRANSPARENT:
        facts.append(Message(code="picture_transparent", values={"share": share}))
    return facts + [Message(code="picture_was_changed", values={"note": decode_value(note)}) for note in picture.notes]
