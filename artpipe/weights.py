"""Weights: from where the trained weights of a measuring network are to an artifact, checked and converted once."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from artpipe.artifacts import paths
from artpipe.artifacts.weights_card import WeightsCard, save_weights
from artpipe.config.params import About, Frozen, WeightsEntry, load_params, read_yaml, validated
from artpipe.errors import UserError, did_you_mean
from artpipe.system.atomic_files import sweep, written_folder
from artpipe.system.hashing import sha256_file
from artpipe.untrusted.archives.archive_reader import ArchiveLimits
from artpipe.untrusted.downloads import PinnedFile, read_pinned_member
from artpipe.untrusted.pickle_arrays import read_arrays

# VGG16's convolutions (Simonyan & Zisserman 2014, table 1, column D) in their order, with channels in and out.
_WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
LAYERS = tuple(f"conv{stage}_{i}" for stage, widths in enumerate(_WIDTHS, 1) for i in range(1, len(widths) + 1))
_OUT = [width for widths in _WIDTHS for width in widths]
SHAPES = {layer: (out, into, 3, 3) for layer, into, out in zip(LAYERS, [3, *_OUT], _OUT, strict=False)}
# Places of the convolutions in torchvision's `vgg16().features`: each has a ReLU behind it, each stage a pooling.
_PLACES = dict(zip(LAYERS, (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), strict=True))
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, in [0, 1]
_SHORTEST_TAILS = 3.5
_CARDS = frozenset({".yaml", ".yml"})
_FILES = frozenset({".safetensors", ".pth", ".pt"})


class WeightsPin(Frozen):
    """`weights/NAME.yaml`."""

    about: About
    package: PinnedFile
    member: str
    branch: str


def make_weights(name: str) -> None:
    """Write `data/weights/NAME`.

    Raises:
        UserError: no such entry; the file is missing, of another hash, or does not hold this network's weights.
        CorruptError, ArtpipeError: see `fetch_pinned_file`.
    """
    params = load_params()
    if name not in params.weights:
        raise UserError(f"params.yaml: no weights `{name}`{did_you_mean(name, params.weights)}")
    entry = params.weights[name]
    check_weights(entry)
    folder = paths.weights(name)
    sweep(folder.parent)
    tensors, about = _read(entry)
    card = WeightsCard(
        name=name, network=entry.network, layers=LAYERS, mean=_MEAN, std=_STD, about=about, file=""
    )  # save_weights knows the hash
    with written_folder(folder) as temporary:
        save_weights(temporary, card, tensors)
    sys.stdout.write(f"{name}: {entry.network}, {len(LAYERS)} convolutions; {about.licence}\n")


def check_weights(entry: WeightsEntry) -> None:
    """Refuse a path that is neither a pin card nor a file of weights, or a file of another hash; nothing is downloaded.

    Raises:
        UserError: one line that says so.
    """
    path = Path(entry.path)
    if path.suffix in _CARDS:
        _pin(path)
    elif path.suffix not in _FILES:
        raise UserError(f"{path}: a pin card (.yaml) or a file of weights (.safetensors, .pth) is wanted")
    elif not path.is_file():
        raise UserError(f"{path}: no such file")
    elif not entry.download:  # else it may never be read
        _check_hash(path, entry)


def _check_hash(path: Path, entry: WeightsEntry) -> None:
    if entry.sha256 and (found := sha256_file(path)) != entry.sha256:
        raise UserError(f"{path}: SHA-256 is {found[:12]}, params.yaml expects {entry.sha256[:12]}")


def _pin(path: Path) -> WeightsPin:
    return validated(WeightsPin, read_yaml(path), file=str(path))


def _read(entry: WeightsEntry) -> tuple[dict[str, Tensor], About]:
    path = Path(entry.path)
    if entry.download and (delivered := _downloaded()) is not None:
        return delivered
    if path.suffix in _CARDS:
        pin = _pin(path)
        member = read_pinned_member(pin.package, pin.member, ArchiveLimits())
        arrays = read_arrays(member.data, f"{pin.package.name}: `{pin.member}`")
        return _from_flax(arrays, pin), pin.about
    _check_hash(path, entry)
    about = About(title=path.name, origin=str(path))
    return _checked(_named(_opened(path)), str(path)), about


def _downloaded() -> tuple[dict[str, Tensor], About] | None:
    """Return torchvision's own weights, None where its server cannot be reached."""
    from urllib.error import URLError

    from torchvision.models import VGG16_Weights

    weights = VGG16_Weights.IMAGENET1K_V1
    try:
        state = weights.get_state_dict(
            model_dir=str(paths.STATE / "downloads"), progress=False, check_hash=True, weights_only=True
        )
    except (URLError, OSError) as error:
        sys.stderr.write(f"torchvision's server cannot be reached ({error}); the entry's `path` is used\n")
        return None
    about = About(
        title="VGG16, trained on ImageNet", creator="the PyTorch project", licence="BSD-3-Clause", origin=weights.url
    )
    return _checked(_named(state), weights.url), about


def _opened(path: Path) -> Mapping[str, Any]:
    """Return what a file of weights holds, by name; of a pickle only tensors, as torch's restricted reader knows them."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise UserError(f"{path}: not safetensors: {error}") from None
    except Exception as error:  # noqa: BLE001 - a damaged or malicious file fails in every way there is
        reason = str(error).partition("\n")[0][:100]
        raise UserError(f"{path}: refused, not a state dict of tensors alone: {reason}") from None
    if not isinstance(found, Mapping):
        raise UserError(f"{path}: a {type(found).__name__}, not a state dict of tensors by name")
    return found


def _named(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return weights by our names, whether they came by these or by torchvision's."""
    theirs = {
        f"features.{place}.{part}": f"{layer}.{part}" for layer, place in _PLACES.items() for part in ("weight", "bias")
    }
    return {theirs.get(name, name): value for name, value in found.items()}


def _from_flax(arrays: Mapping[str, Any], pin: WeightsPin) -> dict[str, Tensor]:
    """Name the arrays of convolutions `Conv_0`, `Conv_1` ... and turn (height, width, in, out) into (out, in, height, width)."""
    found = {}
    for number, layer in enumerate(LAYERS):
        for theirs, ours in (("kernel", "weight"), ("bias", "bias")):
            array = arrays.get(f"{pin.branch}/Conv_{number}/{theirs}")
            if array is not None:
                turned = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array  # noqa: PLR2004
                found[f"{layer}.{ours}"] = torch.from_numpy(turned.copy())
    return _checked(found, f"{pin.package.name}: `{pin.member}`")


def _checked(found: Mapping[str, Any], place: str) -> dict[str, Tensor]:
    """Return the tensors of all convolutions, float32; what else is in the file (a classifier's head) is left.

    Raises:
        UserError: one is missing, has another shape, or numbers that are none.
    """
    wanted: dict[str, tuple[int, ...]] = {f"{layer}.weight": shape for layer, shape in SHAPES.items()}
    wanted |= {f"{layer}.bias": shape[:1] for layer, shape in SHAPES.items()}
    tensors = {}
    for name, shape in wanted.items():
        tensor = found.get(name)
        if not isinstance(tensor, Tensor):
            raise UserError(f"{place}: no tensor `{name}`; the 13 convolutions of VGG16 are wanted")
        if tuple(tensor.shape) != shape:
            raise UserError(f"{place}: `{name}` has shape {tuple(tensor.shape)}, VGG16's has {shape}")
        if not tensor.is_floating_point() or not tensor.isfinite().all():
            raise UserError(f"{place}: `{name}` has values that are no finite numbers")
        tensors[name] = tensor.float()
    _refuse_random(tensors, place)
    return tensors


def _refuse_random(tensors: Mapping[str, Tensor], place: str) -> None:
    """Refuse an untrained network: under it the style loss falls even lower than under a trained one, and no style comes over.

    Training leaves long tails: the kurtosis of the layers of VGG16 is 3.7 to 9.1, 3 for a normal and 1.8 for a uniform draw.
    """
    tails = [_kurtosis(tensors[f"{layer}.weight"]) for layer in LAYERS]
    if (found := sorted(tails)[len(tails) // 2]) < _SHORTEST_TAILS:
        message = f"its weights are spread as random numbers are (kurtosis {found:.1f}, trained ones have above 4)"
        raise UserError(f"{place}: {message}; untrained, it lowers the style loss and transfers no style")


def _kurtosis(values: Tensor) -> float:
    centred = values.double() - values.double().mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2)
