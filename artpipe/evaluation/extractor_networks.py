"""Open the pretrained networks that measure pictures; cache features."""

import contextlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.extractor_card import load_extractor_weights
from artpipe.artifacts.shards import Spec
from artpipe.artifacts.tensors import load_tensors, save_tensors
from artpipe.artifacts.weights_card import WEIGHTS_CARD
from artpipe.code.code_yaml import CODE_FILE
from artpipe.config.own_weights import list_own_pins
from artpipe.config.params import Params, WeightsEntry
from artpipe.contracts.extractor import Extractor, FeatureNetwork
from artpipe.contracts.feature_source import FeatureSource
from artpipe.errors import CorruptError, UserError, did_you_mean
from artpipe.evaluation.pretrained_weights import check_weights, write_weights
from artpipe.system.atomic_files import write_folder, write_text
from artpipe.system.hashing import sha256_file
from artpipe.system.locks import hold_lock

COLOURS = 3  # channels of the pictures that such networks know
_CACHE = paths.STATE / "features"
_MOST_KEPT = 24  # files of features
_HASHED = 512  # pictures at a time


def open_extractors(params: Params, spec: Spec) -> Iterator[FeatureSource]:
    """Yield the networks of `evaluation.extractors`, for colour pictures.

    Raises:
        UserError: no weights of a name; a file that does not hold the network.
        UnreachableError: their file is not here and cannot be fetched.
        CorruptError: bytes on disk are not what was written.
    """
    for name in params.evaluation.extractors if spec.channels == COLOURS else ():
        network, sha256 = open_network(name, params)
        yield FeatureSource(name, sha256, network.features, params.evaluation.extractor_pictures, load_or_compute)


def open_network(name: str, params: Params) -> tuple[FeatureNetwork, str]:
    """Return a pretrained network, and the hash of its weights.

    Raises:
        UserError, UnreachableError, CorruptError: see `open_extractors`.
    """
    return _load_network(_find_weights(name, params))


def find_weights_entry(name: str, params: Params) -> WeightsEntry:
    """Return the entry of weights; artpipe's own pin stands in where there is none.

    Raises:
        UserError: neither is there.
    """
    if name in params.weights:
        return params.weights[name]
    pins = list_own_pins()
    if name not in pins:
        nearest = did_you_mean(name, [*params.weights, *pins])
        raise UserError(f"params.yaml: `evaluation.extractors`: no weights `{name}`{nearest}")
    return WeightsEntry(path=str(pins[name]), network=name.replace("-", "_"))


def _find_weights(name: str, params: Params) -> Path:
    """Return the folder of weights.

    What the stage `weights` made, else what is made here, once.
    """
    entry = find_weights_entry(name, params)
    check_weights(entry)
    folder = paths.weights(name)
    if (folder / WEIGHTS_CARD).is_file():
        return folder
    source = sha256_file(Path(entry.path))
    folder = paths.STATE / "weights" / f"{name}-{source[:16]}"
    with hold_lock(folder.parent / f"{folder.name}.lock", wait_seconds=600.0, doing="reading weights"):
        if not (folder / WEIGHTS_CARD).is_file():
            with write_folder(folder) as temporary:
                write_weights(name, entry, temporary)
    return folder


@lru_cache(maxsize=4)
def _load_network(folder: Path) -> tuple[FeatureNetwork, str]:
    card, tensors, sha256 = load_extractor_weights(folder)
    extractor: Extractor = plugins.load_plugin("extractors", card.network)
    return extractor.build(card, tensors), sha256


def load_or_compute(extractor: str, pictures: Tensor, compute: Callable[[], Tensor]) -> Tensor:
    """Return the features of pictures, computed once.

    They are kept in `.state/features`, the last `_MOST_KEPT`. A file's name is a hash of the extractor, the pictures and
    the code as `code.yaml` has it; what is damaged is computed again.
    """
    path = _CACHE / f"{_name_features(extractor, pictures)}.safetensors"
    checksum = path.with_suffix(".sha256")
    try:
        return load_tensors(path, checksum.read_text("ascii"))["features"]
    except (OSError, UserError, CorruptError, ValueError, KeyError):
        features = compute()
    with contextlib.suppress(OSError):  # what cannot be kept is computed again
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(checksum, save_tensors(path, {"features": features}))
        _remove_oldest()
    return features


def _name_features(extractor: str, pictures: Tensor) -> str:
    code_file = Path(CODE_FILE)
    code = sha256_file(code_file) if code_file.is_file() else ""
    digest = sha256(f"{extractor} {code} {pictures.dtype} {tuple(pictures.shape)} ".encode())
    for batch in torch.split(pictures, _HASHED):  # not all bytes a second time
        digest.update(batch.contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def _remove_oldest() -> None:
    """Remove what was kept longest, beyond what is kept."""
    times = dict[Path, float]()
    for file in _CACHE.glob("*.sha256"):
        with contextlib.suppress(OSError):  # another evaluation removed it
            times[file] = file.stat().st_mtime
    for file in sorted(times, key=times.__getitem__, reverse=True)[_MOST_KEPT:]:
        for part in (file, file.with_suffix(".safetensors")):
            part.unlink(missing_ok=True)
