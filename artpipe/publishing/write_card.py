"""Find whose card is asked for, and write it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.artifacts import paths
from artpipe.config.params import NAME_PATTERN
from artpipe.errors import UserError, did_you_mean
from artpipe.publishing.card_artifacts import load_dataset_artifacts, load_model_artifacts
from artpipe.publishing.croissant import VERSION, make_croissant
from artpipe.publishing.hub_dataset_card import make_dataset_card
from artpipe.publishing.hub_model_card import make_model_card
from artpipe.system.atomic_files import write_text

_CARD_FILE, _CROISSANT_FILE = "README.md", "croissant.json"  # as the Hub has it
_MARKS = {_CARD_FILE: "<!-- Written by `artpipe card`", _CROISSANT_FILE: VERSION}
_MODELS, _DATASETS = "models", "datasets"


class WrittenCard(NamedTuple):
    """A card, and the file that has it, if one was asked for."""

    name: str
    group: str  # models or datasets
    text: str
    file: Path | None = None

    def to_text(self) -> str:
        """Return the card itself, or a line about its file."""
        return self.text.rstrip("\n") if self.file is None else f"{self.file}: written"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return {**self._asdict(), "file": None if self.file is None else str(self.file)}


def write_card(name: str, to: Path | None = None, *, croissant: bool = False, root: Path = Path()) -> WrittenCard:
    """Make the card of a model or dataset, and write it where a place is named.

    Args:
        name: of a model or dataset; `models/NAME` or `datasets/NAME` where both have it.
        to: a file, or a folder, which gets a `README.md` (or `croissant.json`).
        croissant: Croissant's JSON-LD of a dataset instead.
        root: of the project.

    Raises:
        UserError: nothing of that name, nothing made of it yet, or a file is in the way that is no card.
        CorruptError: an artifact is damaged.
    """
    group, name = _find_subject(root, name)
    if croissant and group == _MODELS:
        raise UserError(f"--croissant: `{name}` is a model; Croissant describes datasets")
    path = None if to is None else _choose_file(to, _CROISSANT_FILE if croissant else _CARD_FILE)
    if group == _MODELS:
        text = make_model_card(load_model_artifacts(root, name))
    elif croissant:
        text = make_croissant(load_dataset_artifacts(root, name), root if path is None else path.parent, root)
    else:
        text = make_dataset_card(load_dataset_artifacts(root, name))
    if path is not None:
        write_text(path, text)
    return WrittenCard(name, group, text, path)


def _find_subject(root: Path, name: str) -> tuple[str, str]:
    """Return whether a name is a model's or a dataset's, and the name."""
    group, _, inner = name.rpartition("/")
    names = {_MODELS: set(_list_names(root, "runs", "reports")), _DATASETS: set(_list_names(root, "record"))}
    groups = [candidate for candidate in names if inner in names[candidate] and group in {"", candidate}]
    if len(groups) > 1:
        raise UserError(f"`{name}` is a model and a dataset; type `{_MODELS}/{name}` or `{_DATASETS}/{name}`")
    if not groups:
        known = sorted(names[_MODELS] | names[_DATASETS])
        advice = f"there are: {', '.join(known)}" if known else "`artpipe run` makes some, `dvc pull` brings them"
        raise UserError(f"data: nothing was made of a model or dataset `{name}`; {advice}{did_you_mean(inner, known)}")
    return groups[0], inner


def _list_names(root: Path, *folders: str) -> Iterator[str]:
    for folder in folders:
        for path in (root / paths.works("").parent / folder).glob("*"):
            if path.is_dir() and NAME_PATTERN.fullmatch(path.name):
                yield path.name


def _choose_file(to: Path, name: str) -> Path:
    """Return the file to write: `to`, or `name` in it where it is a folder.

    Raises:
        UserError: it is there already and was not written by this command.
    """
    path = to / name if to.is_dir() or not to.suffix else to
    if path.is_dir() or (path.is_file() and _MARKS[name].encode() not in path.read_bytes()):
        raise UserError(f"--to {path}: is there already and is no card; name another file, or move it away")
    return path
