"""The bytes of a live program: a description, and weights in half precision."""

import json
import zlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_DIGITS = range(10, 1, -1)  # of the fraction of a half
_INFINITE_HALF = 0x7C00


class UnsupportedOperationError(Exception):
    """What the page cannot compute."""


@dataclass(frozen=True)
class Program:
    """What the painter runs; `weights` stand at the beginning of its array."""

    weights: Tensor  # flat float32
    description: dict[str, Any]  # JSON


def encode_program(program: Program, largest: int) -> bytes:
    """Return the compressed bytes that the painter loads, at most `largest` of them.

    Weights are halves; where they are too many, they lose digits until the bytes are few enough.

    Raises:
        UnsupportedOperationError: with so few digits it would paint other pictures.
    """
    for digits in _DIGITS:
        halves = round_halves(program.weights, digits)
        text = json.dumps({**program.description, "weights": len(halves)}, separators=(",", ":")).encode()
        planes = halves.view(torch.uint8).view(-1, 2).flip(1).t().contiguous().numpy().tobytes()
        packed = zlib.compress(len(text).to_bytes(4, "little") + text + planes, 9)
        if len(packed) <= largest:
            return packed
    raise UnsupportedOperationError(f"{len(program.weights):,} weights within `evaluation.live_kilobytes`")


def round_halves(weights: Tensor, digits: int) -> Tensor:
    """Return weights in half precision, with so many binary digits of its fraction."""
    lost = 10 - digits
    bits = weights.half().view(torch.int16).int() & 0xFFFF
    magnitude = ((bits & 0x7FFF) + ((1 << lost) >> 1)) >> lost << lost
    return (magnitude | (bits & 0x8000)).where(magnitude < _INFINITE_HALF, bits).to(torch.int16).view(torch.float16)
