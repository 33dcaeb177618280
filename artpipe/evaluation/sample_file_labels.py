"""Label and sign what `artpipe sample` writes.

`gallery.labels` and `gallery.credentials` say how. A file depends on what it shows and says alone: the same picture, painted again, has the same bytes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from artpipe import __version__
from artpipe.ai_labels.file_labels import find_suffix, label_file
from artpipe.artifacts import paths
from artpipe.artifacts.checkpoint import CheckpointCard
from artpipe.artifacts.report import OtherModel
from artpipe.artifacts.run import RunCard, RunRecord
from artpipe.artifacts.works import Record
from artpipe.config.params import GalleryParams
from artpipe.contracts.gallery_work import SAMPLE, RealWork
from artpipe.contracts.generation_facts import GenerationFacts, format_moment
from artpipe.contracts.model import Exhibit
from artpipe.contracts.plugin_info import choose_source_type, model_info
from artpipe.credentials.media_signing import MediaSigner
from artpipe.credentials.media_types import MEDIA_TYPES
from artpipe.credentials.native_context import is_installed
from artpipe.credentials.signing_identity import FOLDER, load_identity
from artpipe.errors import ArtpipeError
from artpipe.evaluation.recipes import add_recipe
from artpipe.system.file_cache import FileCache

_KEPT_FILES = 1000  # signed ones, the newest, so that what is painted again has the same bytes


class SampleLabeller:
    """Labels and signs the files of one model.

    `suffixes_without` collects those it could not; `other_models` had a part in all of them.
    """

    def __init__(
        self, gallery: GalleryParams, card: CheckpointCard, checkpoint: str, other_models: Sequence[OtherModel] = ()
    ) -> None:
        self._gallery, self._card, self._checkpoint = gallery, card, checkpoint
        self._other_models = tuple(other_models)
        self._dataset = str(card.params.get("dataset", ""))
        self._run = _open_run(card.name, checkpoint)
        self._works: dict[str, RealWork] = {}
        self._cache = FileCache(FOLDER / "samples")
        is_signed = self._gallery.credentials and is_installed()
        self._signer = MediaSigner(load_identity(Path()), self._cache) if is_signed else None
        self.suffixes_without: set[str] = set()

    def find_sources(self, exhibits: Iterable[Exhibit]) -> None:
        """Look up what the record says of the works that exhibits were made from."""
        digests = {digest for exhibit in exhibits for digest in exhibit.digests}
        self._works = _find_works(paths.record(self._dataset), digests)

    def label(
        self, data: bytes, suffix: str, exhibits: Iterable[Exhibit], recipe: Mapping[str, Any]
    ) -> tuple[bytes, str]:
        """Return a file that shows exhibits, and its suffix.

        It has labels, recipe and credentials.

        Raises:
            CorruptError: it cannot be labelled or signed.
        """
        facts = self._make_facts(list(exhibits), recipe)
        if suffix not in MEDIA_TYPES:
            if self._gallery.labels or self._signer:
                self.suffixes_without.add(suffix)
            return data, suffix
        labels = self._gallery.labels
        labelled, suffix = label_file(data, suffix, facts, labels), find_suffix(suffix, facts, labels)
        whole = add_recipe(labelled, recipe)
        return (self._signer.sign(whole, suffix, facts, facts.title + suffix) if self._signer else whole), suffix

    def finish(self) -> list[str]:
        """Forget the oldest files in the cache.

        Returns the forms that could not be labelled.
        """
        self._cache.forget_oldest(_KEPT_FILES)
        return sorted(self.suffixes_without)

    def _make_facts(self, exhibits: list[Exhibit], recipe: Mapping[str, Any]) -> GenerationFacts:
        run, card, asked = self._run, self._card, recipe.get("recipe", recipe)  # of a live room it is a part
        seed, label = asked.get("seed"), asked.get("label")
        digests = dict.fromkeys(digest for exhibit in exhibits for digest in exhibit.digests)
        sources = [self._works.get(digest) or RealWork(digest) for digest in digests]
        if "like_sha256" in recipe:
            sources.append(RealWork(recipe["like_sha256"], "the picture it began from"))
        parts = [card.name, "" if seed is None else f"seed-{seed}", "" if label is None else f"label-{label}"]
        parts.append(f"n-{recipe['n']}" if "n" in recipe else "")
        texts = model_info(card.kind).wall_texts
        roles = [exhibit.role for exhibit in exhibits] or [SAMPLE]
        return GenerationFacts(
            title="-".join(part for part in parts if part),
            source_type=choose_source_type([texts.get(role) for role in roles], has_sources=bool(sources)),
            model=card.name,
            kind=card.kind,
            artpipe=__version__,
            publisher=self._gallery.publisher or self._gallery.title,
            created=format_moment(run.ended) if run else "",
            dataset=self._dataset,
            dataset_sha256=card.shards,
            checkpoint=self._checkpoint,
            step=card.steps.get("best"),
            run=run.run_id if run else "",
            commit=run.commit if run else None,
            dirty=bool(run and run.dirty),
            seed=seed,
            prompt=str(asked.get("prompt") or ""),
            sources=tuple(sources),
            shares=exhibits[0].shares if len(exhibits) == 1 else (),
            other_models=self._other_models,
        )


def _open_run(name: str, checkpoint: str) -> RunCard | None:
    """Return the run that made a checkpoint.

    None where its record is missing or of another one.
    """
    try:
        card = RunRecord.open(paths.run(name)).card
    except ArtpipeError:
        return None
    return card if card.checkpoint == checkpoint else None


def _find_works(folder: Path, digests: Collection[str]) -> dict[str, RealWork]:
    """Return what a record says of works, by digest.

    Nothing where it is missing or damaged.
    """
    if not digests:
        return {}
    try:
        rows = [row for row in Record.open(folder).rows() if row.sha256 in digests]
    except ArtpipeError:
        return {}
    return {
        row.sha256: RealWork(
            row.sha256,
            row.title or "",
            creator=row.creator,
            year=row.year or "",
            licence=row.licence,
            origin=row.origin,
        )
        for row in rows
    }
