"""What a project has learned: its trained models and the datasets they know."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.shards import ShardSet
from artpipe.artifacts.works import Provenance, Record
from artpipe.config.params import Params, load_params
from artpipe.errors import ArtpipeError
from artpipe.language.message import Message
from artpipe.language.sentences import ENGLISH, load_sentences
from artpipe.system.project_root import find_root_or_none

if TYPE_CHECKING:
    from artpipe.contracts.model import Learner

IMAGES = "images"  # the column of shards that hold pictures


@dataclass(frozen=True)
class TrainedModel:
    """A learner restored from its checkpoint, with the dataset it learned from."""

    name: str
    title: str
    learner: "Learner[Any]"
    shards: ShardSet
    checkpoint: str  # SHA-256


@dataclass
class ProjectModels:
    """The trained picture models of a project; none outside of one.

    `notes` say what could not be asked, and why. Nothing is restored before an observation asks for it.
    """

    params: Params | None
    language: str = ENGLISH  # of titles
    notes: list[Message] = field(default_factory=list)

    @classmethod
    def open(cls, language: str | None = None) -> "ProjectModels":
        """Open the project of the current folder, if there is one.

        Without a language its titles are in that of its gallery.

        Raises:
            UserError: its params.yaml is wrong.
        """
        params = load_params() if find_root_or_none() else None
        return cls(params, language or (params.gallery.language if params else ENGLISH))

    @cached_property
    def picture_datasets(self) -> list[str]:
        """Return the datasets of pictures that are prepared."""
        names = self.params.datasets if self.params else ()
        return [name for name in names if (shards := self.open_shards(name)) and IMAGES in shards.spec.columns]

    @cached_property
    def trained(self) -> list[str]:
        """Return the picture models that have a checkpoint."""
        entries = self.params.models.items() if self.params else ()
        return [
            name
            for name, entry in entries
            if str(entry.get("dataset")) in self.picture_datasets
            and (paths.checkpoint(name) / "checkpoint.json").is_file()
        ]

    def restore(self, method: str) -> list[TrainedModel]:
        """Return the trained models whose learner has a method, such as `reconstruct`."""
        return [
            model
            for name in self.trained
            if _may_have(self._kind(name), method) and (model := self._restore(name)) and hasattr(model.learner, method)
        ]

    def open_shards(self, dataset: str) -> ShardSet | None:
        """Return the tensors of a dataset; None where there are none, or damaged ones."""
        if dataset not in self._shards:
            folder = paths.shards(dataset)
            self._shards[dataset] = None
            if (folder / "shards.json").is_file():
                try:
                    self._shards[dataset] = ShardSet.open(folder)
                except ArtpipeError as error:
                    self._note(dataset, error)
        return self._shards[dataset]

    def dataset_title(self, dataset: str) -> str:
        """Return what a dataset is called, by its record or its name."""
        record = self._open_record(dataset)
        about = self.params.datasets[dataset].about if self.params else None
        title = (record.card.about.title if record else "") or (about.title if about else "") or dataset
        return self.translate("datasets", dataset, title)

    def translate(self, kind: str, name: str, text: str) -> str:
        """Return a text of a built-in dataset or model in the language; others stay."""
        return load_sentences(self.language).starter_texts(kind, name).get(text, text)

    def read_provenance(self, dataset: str, digests: Sequence[str]) -> dict[str, Provenance]:
        """Return what the record says of some works, by SHA-256."""
        record, wanted = self._open_record(dataset), set(digests)
        if record is None:
            return {}
        try:
            return {row.sha256: row for row in record.rows() if row.sha256 in wanted}
        except ArtpipeError as error:
            self._note(dataset, error)
            return {}

    @cached_property
    def _shards(self) -> dict[str, ShardSet | None]:
        return {}

    @cached_property
    def _learners(self) -> dict[str, TrainedModel | None]:
        return {}

    def _kind(self, name: str) -> str:
        return str(self.params.models[name].get("kind")) if self.params else ""

    def _restore(self, name: str) -> TrainedModel | None:
        """Restore a model once; one that cannot be restored is noted."""
        if name not in self._learners:
            self._learners[name] = None
            try:
                self._learners[name] = self._load(name)
            except (ArtpipeError, RuntimeError) as error:  # RuntimeError: weights of other code than is installed
                self._note(name, error)
        return self._learners[name]

    def _load(self, name: str) -> TrainedModel | None:
        from artpipe.training.restore import restore_learner

        params = self.params
        learner, card, sha256 = restore_learner(paths.checkpoint(name))
        shards = self.open_shards(card.spec.dataset)
        if shards is None or params is None or card.shards != shards.sha256:
            self.notes.append(Message(code="model_of_other_data", values={"model": name}))
            return None
        title = self.translate("models", name, params.gallery.titles.get(name) or name)
        return TrainedModel(name, title, learner, shards, sha256)

    def _open_record(self, dataset: str) -> Record | None:
        folder = paths.record(dataset)
        return _open_record(folder) if (folder / "report.json").is_file() else None

    def _note(self, name: str, error: Exception) -> None:
        reason = " ".join(str(error).split())[:200]
        self.notes.append(Message(code="model_not_asked", values={"model": name, "reason": reason}))


@cache
def _open_record(folder: Path) -> Record | None:
    try:
        return Record.open(folder)
    except ArtpipeError:
        return None


def _may_have(kind: str, method: str) -> bool:
    """Return whether learners of a kind may have a method, before one is built."""
    try:
        build = plugins.load_plugin("models", kind).build
    except ArtpipeError:
        return False
    return not isinstance(build, type) or hasattr(build, method)
