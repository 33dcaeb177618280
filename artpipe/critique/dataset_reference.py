"""How near a dataset's works are to each other: what a picture is held against.

A picture is known where it is no further from the works a model learned from than new works of the dataset are (a conformal
test, Vovk et al. 2005): in the features of its classifier and, since these forget what they need not, in a coarse
layout of its colours, and in its texture and border.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.artifacts import paths
from artpipe.artifacts.shards import ShardSet, Split
from artpipe.artifacts.tensors import load_tensors, save_tensors
from artpipe.errors import ArtpipeError
from artpipe.numerics.nearest_neighbours import find_nearest
from artpipe.numerics.pixels import to_float
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import sha256_bytes
from artpipe.training.data import sample_indices

if TYPE_CHECKING:
    from artpipe.contracts.model import Learner

FORMAT = 4  # of what is kept
SPACES = ("features", "layout", "texture")
SPACE_NAMES = {  # as sentences have them
    "features": "what the classifier looks at",
    "layout": "its layout of light and colour",
    "texture": "its texture and border",
}
TOLERANCE = {"texture": 0.15}  # what resampling alone may change (docs/log.md)
STRANGE = 0.01  # share of new works that may be called strange, in each space
MOST_TRAINING, MOST_HELD_OUT = 20_000, 1_000  # works
FEWEST_HELD_OUT = 10
_LAYOUT_SIDE = 16  # pixels
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)  # of steepness
_SCALES = 4  # each of twice the size
_FAINT = 8.0  # levels of 255 that resampling leaves on plain ground; fainter differences hardly count
_ROWS = 512  # at once
_FOLDER = paths.STATE / "critique"


@dataclass(frozen=True)
class DatasetReference:
    """Vectors of training works by space, and what held-out works are like.

    `distances` are those of held-out works to the nearest training work, by space, sorted. `certainty` and `is_right`
    are the classifier's on labelled held-out works.
    """

    rows: Tensor  # of the training split
    vectors: dict[str, Tensor]  # (N, D)
    distances: dict[str, Tensor]  # (M,)
    certainty: Tensor  # (L,)
    is_right: Tensor  # (L,) bool
    commonest: float  # share of the commonest class among labelled held-out works
    held_out: int  # works that the distances are of; each may have several tiles

    def measure(self, space: str, vectors: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return distances and rows ``(k,)`` of the training works nearest to ``(1, D)``."""
        distances, places = find_nearest(vectors, self.vectors[space], k)
        return distances[0], self.rows[places[0]]

    def strangeness(self, space: str, distance: float) -> float:
        """Return the share of held-out works that are at least as far, in (0, 1]."""
        known = self.distances[space]
        return (1 + int((known >= distance - TOLERANCE.get(space, 0.0)).sum())) / (1 + len(known))

    def is_strange(self, space: str, distance: float) -> bool:
        """Return whether a picture is further than nearly all held-out works."""
        count = len(self.distances[space])
        return self.held_out >= FEWEST_HELD_OUT and self.strangeness(space, distance) <= max(STRANGE, 1 / (1 + count))

    def bound(self, space: str) -> float | None:
        """Return the largest distance that is not strange; None with too few works."""
        known = self.distances[space]
        if self.held_out < FEWEST_HELD_OUT:
            return None
        least = next(distance for distance in known.flip(0) if not self._is_beyond(space, float(distance)))
        return float(least) + TOLERANCE.get(space, 0.0)

    def _is_beyond(self, space: str, distance: float) -> bool:
        """Return whether a distance is strange where nothing is tolerated."""
        return self.is_strange(space, distance + TOLERANCE.get(space, 0.0))


def make_vectors(space: str, images: Tensor, learner: "Learner[Any] | None") -> Tensor:
    """Return ``(N, D)`` of pictures ``(N, C, H, W)`` in [-1, 1]."""
    if space == "layout":
        return F.adaptive_avg_pool2d(images, min(_LAYOUT_SIDE, *images.shape[2:])).flatten(1)
    if space == "texture":
        return _measure_texture(images)
    model: Any = learner
    return torch.as_tensor(model.features(images)).flatten(1).float()


def _measure_texture(images: Tensor) -> Tensor:
    """Return ``(N, 13)``: steepness by quantile, detail by scale, the border.

    All in logarithms of levels of 255, beyond faint ones, but the border's colour, which is in steps of 32 levels.
    """
    grey = images.mean(1, keepdim=True) * 127.5
    steps = (grey[:, :, 1:, 1:] - grey[:, :, :-1, 1:]).abs() + (grey[:, :, 1:, 1:] - grey[:, :, 1:, :-1]).abs()
    quantiles = torch.quantile(steps.flatten(1), torch.tensor(_QUANTILES, device=images.device), dim=1).T
    scales = []
    for _ in range(_SCALES):
        small = F.avg_pool2d(grey, 2, ceil_mode=True)
        scales.append((grey - F.interpolate(small, grey.shape[2:])).square().mean((1, 2, 3)).sqrt())
        grey = small
    edge = images * 127.5
    border = torch.cat([edge[:, :, 0], edge[:, :, -1], edge[:, :, :, 0], edge[:, :, :, -1]], 2)
    border_mean = border.mean(2).expand(-1, 3) / 32
    spread = border.std(2).mean(1, keepdim=True)
    levels = torch.cat([quantiles, torch.stack(scales, 1), spread], 1)
    return torch.cat([(levels / _FAINT).log1p(), border_mean], 1)


def load_reference(shards: ShardSet, learner: "Learner[Any] | None", checkpoint: str) -> DatasetReference:
    """Return the reference of a dataset, made once and kept in `.state/critique`.

    Args:
        shards: the dataset.
        learner: its classifier; None where it has none.
        checkpoint: the classifier's hash, empty where there is none.
    """
    key = sha256_bytes(f"{FORMAT} {shards.sha256} {checkpoint} {MOST_TRAINING} {MOST_HELD_OUT}".encode())[:32]
    path = _FOLDER / f"{key}.safetensors"
    checksum = path.with_suffix(".sha256")
    try:
        return _unpack(load_tensors(path, checksum.read_text("ascii").strip()))
    except (ArtpipeError, OSError, ValueError, KeyError):
        tensors = _make_reference(shards, learner)
    try:
        _FOLDER.mkdir(parents=True, exist_ok=True)
        write_text(checksum, save_tensors(path, tensors) + "\n")
    except OSError:
        pass  # a project that cannot be written to is asked again next time
    return _unpack(tensors)


def _unpack(tensors: dict[str, Tensor]) -> DatasetReference:
    spaces = [space for space in SPACES if f"vectors.{space}" in tensors]
    return DatasetReference(
        rows=tensors["rows"],
        vectors={space: tensors[f"vectors.{space}"] for space in spaces},
        distances={space: tensors[f"distances.{space}"] for space in spaces},
        certainty=tensors["certainty"],
        is_right=tensors["is_right"],
        commonest=float(tensors["commonest"]),
        held_out=int(tensors["held_out"]),
    )


@torch.no_grad()
def _make_reference(shards: ShardSet, learner: "Learner[Any] | None") -> dict[str, Tensor]:
    training = shards.load("train", ("images",))["images"]
    rows = sample_indices(len(training), MOST_TRAINING, seed=0).sort().values
    images, labels, digests = _load_held_out(shards)
    is_new = len(images) > 0
    if not is_new:  # each of its own works against the others
        images, labels = training[rows[:MOST_HELD_OUT]], torch.empty(0)
        digests = shards.load("train", ("digests",))["digests"][rows[:MOST_HELD_OUT]]
    spaces = SPACES if learner is not None else SPACES[1:]
    tensors = {"rows": rows, "held_out": torch.tensor(len({*map(tuple, digests.tolist())}))}
    for space in spaces:
        vectors = _embed(space, training[rows], learner)
        held_out = _embed(space, images, learner) if is_new else vectors
        distances = find_nearest(held_out, vectors, 1, skip_self=not is_new)[0][:MOST_HELD_OUT].flatten()
        tensors[f"vectors.{space}"], tensors[f"distances.{space}"] = vectors, distances.sort().values
    return tensors | _ask_classifier(images, labels, learner)


def _embed(space: str, images: Tensor, learner: "Learner[Any] | None") -> Tensor:
    return torch.cat([make_vectors(space, to_float(part), learner) for part in torch.split(images, _ROWS)])


def _load_held_out(shards: ShardSet) -> tuple[Tensor, Tensor, Tensor]:
    """Return works that no training saw, their labels and digests."""
    splits: tuple[Split, ...] = ("validation", "test")
    names = ("images", "labels", "digests")
    columns = [shards.load(split, names) for split in splits if shards.card.counts[split]]
    if not columns:
        return torch.empty(0), torch.empty(0), torch.empty(0)
    images, labels, digests = (torch.cat([column[name] for column in columns]) for name in names)
    chosen = sample_indices(len(images), MOST_HELD_OUT, seed=0)
    return images[chosen], labels[chosen], digests[chosen]


def _ask_classifier(images: Tensor, labels: Tensor, learner: "Learner[Any] | None") -> dict[str, Tensor]:
    """Return how certain a classifier is of labelled works, and whether it is right."""
    model: Any = learner
    rows = (labels >= 0).nonzero().flatten()
    if learner is None or not learner.spec.classes or not len(rows):
        empty = torch.empty(0)
        return {"certainty": empty, "is_right": empty.bool(), "commonest": torch.zeros(1)}
    probabilities = torch.cat([model.logits(to_float(part)).softmax(1) for part in torch.split(images[rows], _ROWS)])
    certainty, predicted = probabilities.max(1)
    counts = torch.bincount(labels[rows])
    return {
        "certainty": certainty,
        "is_right": predicted == labels[rows],
        "commonest": (counts.max() / counts.sum()).reshape(1),
    }
