"""Datasets of torchvision: real files in its own layout, official splits, and what is refused."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from artpipe.config.params import DatasetEntry
from artpipe.errors import UserError
from artpipe.sources.torchvision import SOURCE

PIXELS = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


@pytest.fixture
def card(tmp_path, monkeypatch):
    """Return a function that writes a card and gives its entry."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        (tmp_path / "card.yaml").write_text(f"about: {{title: T}}\n{text}")
        return DatasetEntry.model_validate(
            {
                "medium": "picture",
                "source": "torchvision",
                "path": "card.yaml",
                "about": {},
                "ingest": {},
                "preprocess": {},
            }
        )

    return write


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def test_works_come_with_classes_and_splits(card, tmp_path):
    """Fashion-MNIST's four files as torchvision keeps them: pixels, class names, train and test."""
    raw = tmp_path / "here/FashionMNIST/raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 5), ("t10k", 2)):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(PIXELS[:count]))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(count, dtype=np.uint8)))
    entry = card("dataset: FashionMNIST\nroot: here\n")
    SOURCE.check(entry)
    found = list(SOURCE.candidates(entry))
    assert [one.split for one in found] == ["train"] * 5 + ["test"] * 2
    assert (found[0].label, found[6].label, found[6].name) == ("T-shirt/top", "Trouser", "FashionMNIST-test#000001")
    assert (np.asarray(Image.open(io.BytesIO(found[3].data))) == PIXELS[3]).all()
    assert SOURCE.about(tmp_path / "card.yaml").title == "T"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dataset: CIFAR10\n", "pickles, which are never read"),
        ("dataset: FashonMNIST\n", "did you mean `FashionMNIST`"),
        ("dataset: Food101\ndownload: true\n", "unpack it into `root` yourself"),
        ("dataset: MNIST\nsplits: [dev]\n", "has no `dev`"),
        ("dataset: MNIST\nroot: nowhere\n", "no such folder; `download: true`"),
    ],
)
def test_what_is_refused_is_one_line(card, text, words):
    """Pickles, unknown names and splits, archives that torchvision would unpack, a root that is not there."""
    with pytest.raises(UserError) as caught:
        SOURCE.check(card(text))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_are_one_line(card, tmp_path):
    """An empty root is a person's mistake, not a traceback."""
    (tmp_path / "here").mkdir()
    with pytest.raises(UserError, match="MNIST in here: Dataset not found"):
        list(SOURCE.candidates(card("dataset: MNIST\nroot: here\n")))
