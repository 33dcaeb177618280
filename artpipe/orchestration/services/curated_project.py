"""What `artpipe curate` shows of a project.

Every work, with what was decided of it.
"""

import base64
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from artpipe.artifacts import paths
from artpipe.artifacts.curation import BredWork, Curation, ModelCuration, WorkDecision
from artpipe.config.params import load_params
from artpipe.contracts.gallery_work import GalleryWork
from artpipe.contracts.section import Artist, Museum
from artpipe.errors import UserError, did_you_mean
from artpipe.gallery import make_bred_painter
from artpipe.project.curation_file import CurationFile
from artpipe.site.curated_walls import curate_museum
from artpipe.site.media_files import MediaStore
from artpipe.site.museum import load_museum
from artpipe.site.themes import find_theme, make_translator
from artpipe.system.file_cache import FileCache

_LITTER = 8  # pictures near a work that are offered at once


class CuratedProject:
    """A project's works and decisions; pictures stay in memory."""

    def __init__(self, root: Path) -> None:
        self._root, self._params = root, load_params(root / "params.yaml")
        self._media = MediaStore(FileCache(root / paths.ENCODED))
        self._file, self._paint_anew = CurationFile(root), make_bred_painter(root)
        self._painted: dict[tuple[str, str, str], bytes] = {}  # bred pictures by model, checkpoint and recipe
        self._painting = Lock()
        translator = make_translator(self._params, find_theme(self._params.gallery.theme))
        self.language, self.sentences = self._params.gallery.language, translator.sentences
        self._museum = load_museum(root, self._params, self._media, translator.sentences)

    @property
    def media(self) -> Mapping[str, bytes]:
        """Return the pictures and sounds by their path."""
        return self._media.files

    def describe(self) -> dict[str, Any]:
        """Return rooms with models and works, and what waits.

        Hidden works are among them.

        Raises:
            UserError: curation.yaml is no curation.
        """
        curation = self._file.load()
        shown = curation.model_copy(update={"models": {name: _show_all(one) for name, one in curation.models.items()}})
        museum, _ = curate_museum(self._museum, shown, self._media, self._paint)
        _, waiting = curate_museum(self._museum, curation, self._media, self._paint)
        return {"waiting": waiting, "models": list(_describe_models(museum, curation))}

    def decide(self, model: str, recipe: str, decision: WorkDecision) -> None:
        """Write what was decided of a work that hangs.

        Raises:
            UserError: no such work.
        """
        self._require_recipe(model, recipe)
        self._file.decide(model, recipe, decision)

    def order(self, model: str, recipes: Sequence[str]) -> None:
        """Hang works first, in this order.

        Raises:
            UserError: no such work.
        """
        for recipe in recipes:
            self._require_recipe(model, recipe)
        self._file.order(model, recipes)

    def breed(self, model: str, near: int) -> list[dict[str, Any]]:
        """Return pictures near a work, with what keeps each.

        Raises:
            UserError: no such work, or nothing can be near it.
        """
        artist = self._find_artist(model)
        label = next((exhibit.label for exhibit in artist.report.exhibits if exhibit.seed == near), None)
        litter = [BredWork(seed=secrets.randbelow(2**31), near=near, label=label) for _ in range(_LITTER)]
        pictures = self._paint(artist, litter)
        return [
            {**one.model_dump(exclude_none=True), "picture": f"data:image/png;base64,{base64.b64encode(data).decode()}"}
            for one, data in zip(litter, pictures, strict=True)
        ]

    def keep(self, model: str, bred: BredWork) -> None:
        """Hang a bred picture from now on.

        Raises:
            UserError: no such model, or it cannot be painted.
        """
        self._paint(self._find_artist(model), [bred])
        self._file.add_bred(model, bred)

    def _paint(self, artist: Artist, bred: Sequence[BredWork]) -> Sequence[bytes]:
        """Return bred pictures, each painted once."""
        keys = [(artist.name, artist.report.checkpoint, one.model_dump_json()) for one in bred]
        with self._painting:
            missing = {key: one for key, one in zip(keys, bred, strict=True) if key not in self._painted}
            if missing:
                pictures = self._paint_anew(artist, list(missing.values()))
                self._painted |= dict(zip(missing, pictures, strict=True))
        return [self._painted[key] for key in keys]

    def _find_artist(self, model: str) -> Artist:
        artists = {artist.name: artist for _, artist in self._museum.artists}
        if model not in artists:
            raise UserError(f"`{model}` hangs nothing{did_you_mean(model, artists)}")
        return artists[model]

    def _require_recipe(self, model: str, recipe: str) -> None:
        artist = self._find_artist(model)
        bred = self._file.load().models.get(model, ModelCuration()).bred
        known = {*(work.recipe for work in artist.works), *(one.recipe for one in bred)}
        if recipe not in known:
            raise UserError(f"{model} hangs no `{recipe}`{did_you_mean(recipe, known)}")


def _show_all(curation: ModelCuration) -> ModelCuration:
    works = {recipe: one.model_copy(update={"hidden": False}) for recipe, one in curation.works.items()}
    return curation.model_copy(update={"works": works})


def _describe_models(museum: Museum, curation: Curation) -> Sequence[dict[str, Any]]:
    return [
        {
            "name": artist.name,
            "title": artist.title,
            "room": room.title,
            "works": [_describe_work(artist, work, curation) for work in artist.works],
        }
        for room, artist in museum.artists
    ]


def _describe_work(artist: Artist, work: GalleryWork, curation: Curation) -> dict[str, Any]:
    decision = curation.models.get(artist.name, ModelCuration()).works.get(work.recipe, WorkDecision())
    face = work.face and (work.face.small or work.face)
    return {
        "recipe": work.recipe,
        "title": work.title,
        "own": decision.title,
        "hidden": decision.hidden,
        "place": work.place,
        "role": work.role,
        "seed": work.seed if work.kind == "image" and artist.report.live else None,
        "picture": face.src if face else "",
        "exact": bool(face and face.exact),
        "sound": (work.media.light or work.media).src if work.kind == "audio" and work.media else "",
        "text": "\n".join(work.text.split("\n")[:6]),
    }
