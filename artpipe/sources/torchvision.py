"""Read a dataset of torchvision, by a card, from a folder or downloaded.

Only datasets whose files are read without unpickling and, when they are downloaded, without unpacking an archive.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from artpipe.artifacts.paths import STATE
from artpipe.config.params import About, DatasetEntry, Frozen, read_yaml, validate_as
from artpipe.contracts.source import Candidate, Source
from artpipe.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from PIL import Image

# By torchvision's names: what says which split is wanted, and its value for each of ours. `None`: cannot be downloaded here.
_TRAIN: dict[str, dict[str, Any]] = {"train": {"train": True}, "test": {"train": False}}
_SPLIT: dict[str, dict[str, Any]] = {"train": {"split": "train"}, "test": {"split": "test"}}
DATASETS: dict[str, dict[str, dict[str, Any]]] = {
    "MNIST": _TRAIN,
    "FashionMNIST": _TRAIN,
    "KMNIST": _TRAIN,
    "USPS": _TRAIN,
    "STL10": _SPLIT,
    "DTD": {"train": {"split": "train"}, "validation": {"split": "val"}, "test": {"split": "test"}},
    "FGVCAircraft": {"train": {"split": "train"}, "validation": {"split": "val"}, "test": {"split": "test"}},
    "Flowers102": {"train": {"split": "train"}, "validation": {"split": "val"}, "test": {"split": "test"}},
    "Food101": _SPLIT,
    "OxfordIIITPet": {"train": {"split": "trainval"}, "test": {"split": "test"}},
    "SVHN": _SPLIT,
}
_DOWNLOADABLE = frozenset({"MNIST", "FashionMNIST", "KMNIST", "USPS", "SVHN"})  # single files, no archive to unpack
_PICKLED = frozenset({"CIFAR10", "CIFAR100"})


class TorchvisionCard(Frozen):
    """`datasets/NAME.yaml`."""

    about: About
    dataset: str  # torchvision's name
    root: str = ""  # the folder that torchvision calls `root`; empty: .state/torchvision
    download: bool = False
    splits: tuple[str, ...] = Field(default=("train", "test"), min_length=1)


def read_card(path: Path) -> TorchvisionCard:
    """Read and validate a card.

    Raises:
        UserError: one line with the place: not a card, a dataset that is not read here, a split that it has not.
    """
    if not path.is_file():
        raise UserError(f"{path}: {'not a file' if path.exists() else 'no such card'}")
    card = validate_as(TorchvisionCard, read_yaml(path), file=str(path))
    if card.dataset in _PICKLED:
        raise UserError(f"{path}: `dataset` is {card.dataset}, whose files are pickles, which are never read")
    if card.dataset not in DATASETS:
        raise UserError(
            f"{path}: `dataset` is `{card.dataset}`, not one of {', '.join(DATASETS)}{did_you_mean(card.dataset, DATASETS)}"
        )
    if card.download and card.dataset not in _DOWNLOADABLE:
        place = "torchvision unpacks its archive without limits"
        raise UserError(f"{path}: `download` of {card.dataset}: {place}; unpack it into `root` yourself")
    unknown = next((split for split in card.splits if split not in DATASETS[card.dataset]), None)
    if unknown is not None:
        raise UserError(f"{path}: `splits`: {card.dataset} has no `{unknown}` ({', '.join(DATASETS[card.dataset])})")
    return card


def check(entry: DatasetEntry) -> None:
    """Refuse a card that is invalid, or whose root is missing and not downloaded."""
    card = read_card(Path(entry.path))
    if not card.download and not _root_folder(card).is_dir():
        raise UserError(
            f"{entry.path}: `root` is {str(_root_folder(card))!r}: no such folder; `download: true` fetches it where a network is"
        )


def about(path: Path) -> About:
    """Return what the card says of the dataset."""
    return read_card(path).about


def candidates(entry: DatasetEntry) -> Iterator[Candidate]:
    """Yield the works of each split in torchvision's order.

    As PNG of the pixels it reads.

    Raises:
        UserError: the files are not there, or not whole.
    """
    import torchvision.datasets

    card = read_card(Path(entry.path))
    for split in card.splits:
        options = DATASETS[card.dataset][split]
        try:
            dataset = getattr(torchvision.datasets, card.dataset)(
                str(_root_folder(card)), download=card.download, **options
            )
        except (RuntimeError, OSError) as error:
            reason = " ".join(str(error).split())[:160]
            raise UserError(f"{entry.path}: {card.dataset} in {_root_folder(card)}: {reason}") from None
        names = [str(name) for name in getattr(dataset, "classes", [])]
        for number in range(len(dataset)):
            picture, target = dataset[number]
            label = names[target] if isinstance(target, int) and target < len(names) else str(int(target))
            yield Candidate(f"{card.dataset}-{split}#{number:06d}", _encode_png(picture), label, split)


def _root_folder(card: TorchvisionCard) -> Path:
    return Path(card.root).expanduser() if card.root else STATE / "torchvision"


def _encode_png(picture: "Image.Image") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def fetched_copies(entry: DatasetEntry) -> Iterator[Path]:
    """Yield the folder that torchvision downloads into, where it does."""
    card = read_card(Path(entry.path))
    if card.download and not card.root:
        yield _root_folder(card)


SOURCE = Source(check=check, candidates=candidates, about=about, fetched_copies=fetched_copies)
