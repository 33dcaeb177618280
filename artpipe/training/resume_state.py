"""Resumable training state: nested Python values and tensors, without pickle.

They are stored as safetensors and JSON; two states are kept, every byte is verified.
"""

import contextlib
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from artpipe.artifacts.tensors import load_tensors, save_tensors
from artpipe.contracts.model import Learner
from artpipe.errors import CorruptError
from artpipe.system.atomic_files import remove_stale_temporaries, write_bytes, write_text
from artpipe.system.hashing import sha256_bytes, sha256_prefix

_STATES_TO_KEEP = 2
_LATEST = "LATEST"


@dataclass(frozen=True)
class FlatState:
    """A nested value split into a JSON skeleton and the tensors it names."""

    skeleton: Any
    tensors: dict[str, Tensor] = field(default_factory=dict)


def flatten(value: Any) -> FlatState:
    """Split a nested value into a JSON skeleton and its tensors, copied to the CPU.

    Dicts (any plain keys), lists, tuples, tensors, numbers, text and None may be in it.

    Raises:
        TypeError: something else is in it.
    """
    tensors: dict[str, Tensor] = {}
    return FlatState(_encode(value, tensors), tensors)


def unflatten(flat: FlatState) -> Any:
    """Rebuild what `flatten` split: equal in every bit, type and order.

    Its tensors are new copies.
    """
    return _decode(flat.skeleton, flat.tensors)


def _encode(value: Any, tensors: dict[str, Tensor]) -> Any:
    if value is None or isinstance(value, bool | str) or type(value) is int:
        return value
    if type(value) is float:
        return {"float": value.hex()}  # inf and nan too
    if isinstance(value, Tensor):
        name = f"{len(tensors):06d}"
        tensors[name] = value.detach().cpu().clone(memory_format=torch.preserve_format)
        return {"tensor": name, "channels_last": _is_channels_last(value)}
    if isinstance(value, Mapping):
        return {"dict": [[_encode(key, tensors), _encode(item, tensors)] for key, item in value.items()]}
    if type(value) in {list, tuple}:
        return {type(value).__name__: [_encode(item, tensors) for item in value]}
    raise TypeError(f"{type(value).__name__} cannot be part of a training's state: tensors, numbers and text can")


def _decode(skeleton: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(skeleton, dict):
        return skeleton
    if "float" in skeleton:
        return float.fromhex(skeleton["float"])
    if "tensor" in skeleton:
        tensor = tensors[skeleton["tensor"]].clone()
        return tensor.contiguous(memory_format=torch.channels_last) if skeleton["channels_last"] else tensor
    if "dict" in skeleton:
        return {_decode(key, tensors): _decode(item, tensors) for key, item in skeleton["dict"]}
    if "tuple" in skeleton:
        return tuple(_decode(item, tensors) for item in skeleton["tuple"])
    return [_decode(item, tensors) for item in skeleton["list"]]


def _is_channels_last(tensor: Tensor) -> bool:
    # Optimiser moments follow their weights' strides; a fused kernel may round differently over other strides.
    return tensor.dim() == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)  # noqa: PLR2004


def random_state(device: torch.device) -> dict[str, Any]:
    """Return the state of every global generator: Python, numpy, torch, device."""
    version, words, python_gauss = random.getstate()
    twister: dict[str, Any] = np.random.get_state(legacy=False)  # noqa: NPY002  # learners may use it
    return {
        "python": (version, torch.tensor(words), python_gauss),
        "numpy": {
            **twister,
            "state": {**twister["state"], "key": torch.from_numpy(twister["state"]["key"].astype(np.int64))},
        },
        "torch": torch.get_rng_state(),
        "device": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def load_random_state(state: Mapping[str, Any], device: torch.device) -> None:
    """Restore what `random_state` returned."""
    version, words, python_gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), python_gauss))
    inner = state["numpy"]["state"]
    key = inner["key"].numpy().astype(np.uint32)
    np.random.set_state({**state["numpy"], "state": {**inner, "key": key}})  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if state["device"] is not None:
        torch.cuda.set_rng_state(state["device"], device)


def seed_everything(seed: int) -> None:
    """Seed every global generator."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)  # the device's too


class StateStore:
    """A folder of states ``NUMBER-HASH.json`` and ``.safetensors``.

    HASH is of the JSON, which contains the hashes of all other files.

    LATEST names the newest and is moved last; a state that fails its hash is passed over for the one before.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damage_messages: list[str] = []  # what `load` had to pass over, and why
        folder.mkdir(parents=True, exist_ok=True)
        remove_stale_temporaries(folder)

    def save(self, flat: FlatState) -> str:
        """Write a state, point LATEST at it, remove all but two; return its name."""
        number = 1 + max((int(name.partition("-")[0]) for name in self.names()), default=0)
        tensors = self.folder / f"{number:06d}.safetensors"
        named = [tensors.name, save_tensors(tensors, flat.tensors)]
        card = {"format": 1, "tensors": named, "beside": self._companion_hashes(), "skeleton": flat.skeleton}
        data = json.dumps(card, separators=(",", ":")).encode()
        name = f"{number:06d}-{sha256_bytes(data)[:16]}"
        write_bytes(self.folder / f"{name}.json", data)
        write_text(self.folder / _LATEST, name + "\n")
        self._prune(name)
        return name

    def load(self) -> FlatState | None:
        """Return the newest intact state, or None; `damage_messages` names the others."""
        for name in self.names():
            try:
                return self._load_state(name)
            except CorruptError as error:
                self.damage_messages.append(str(error))
        return None

    def names(self) -> list[str]:
        """Return the names of the states: LATEST's first, then the newest first."""
        names = sorted((path.stem for path in self.folder.glob("[0-9]*-*.json")), reverse=True)
        pointer = self.folder / _LATEST
        latest = pointer.read_text(errors="replace").strip() if pointer.exists() else ""
        return sorted(names, key=lambda name: name != latest)

    def _load_state(self, name: str) -> FlatState:
        path = self.folder / f"{name}.json"
        data = path.read_bytes()
        if not name.endswith(sha256_bytes(data)[:16]):
            raise CorruptError(f"{path}: its bytes are not what was written")
        card = json.loads(data)
        for companion, (size, sha256) in card.get("beside", {}).items():
            if sha256_prefix(self.folder / companion, size) != sha256:
                raise CorruptError(f"{self.folder / companion}: its bytes are not what was written")
        file, sha256 = card["tensors"]
        return FlatState(card["skeleton"], load_tensors(self.folder / file, sha256))

    def _companion_hashes(self) -> dict[str, tuple[int, str]]:
        """Return size and SHA-256 of the journal and the progress sheets.

        They are published with a training and stand beside its states.
        """
        files = [self.folder / "journal.jsonl", *sorted((self.folder / "progress").glob("step-*"))]
        sizes = {path: path.stat().st_size for path in files if path.is_file() and ".tmp." not in path.name}
        return {str(path.relative_to(self.folder)): (size, sha256_prefix(path, size)) for path, size in sizes.items()}

    def _prune(self, newest: str) -> None:
        names_to_keep = [newest, *(name for name in self.names() if name != newest)][:_STATES_TO_KEEP]
        numbers = {name.partition("-")[0] for name in names_to_keep}
        for path in sorted(self.folder.glob("[0-9]*.*")):  # a card before its tensors: no kill leaves one without them
            if path.name[:6] not in numbers and ".tmp." not in path.name:
                path.unlink()


@contextlib.contextmanager
def evaluation_mode(learner: Learner[Any], seed: int) -> Iterator[None]:
    """Evaluate a learner without changing it: eval mode, no gradients, seeded.

    Generators, gradients and mode are restored afterwards.
    """
    device = next(learner.parameters()).device
    generators = random_state(device)
    modes = {module: module.training for module in learner.modules()}
    gradients = {parameter: parameter.grad for parameter in learner.parameters()}
    for parameter in gradients:
        parameter.grad = None
    try:
        seed_everything(seed)
        with torch.no_grad():
            learner.eval()
            yield
    finally:
        for parameter, gradient in gradients.items():
            parameter.grad = gradient
        for module, mode in modes.items():
            module.training = mode
        load_random_state(generators, device)
