"""Build the program with which the live room paints.

It has operations, places in one array of floats, and weights. Python decides all places and shapes here, so that the painter in the page has loops and nothing else.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from artpipe.evaluation.array_layout import ALIGNMENT, merge_axes, place_buffers, round_up
from artpipe.evaluation.program_encoding import Program, UnsupportedOperationError

_ROW_PANEL, _COLUMN_PANEL = 4, 8  # of the kernel's matrices: see kernel.wat
_NUMBERS = 4  # values of a weight that is kept as numbers of full precision


@dataclass(frozen=True)
class Value:
    """An array of floats: a buffer of the program, or a weight. It is contiguous."""

    shape: tuple[int, ...]
    buffer: int = -1  # number of the buffer; -1: a weight
    weight: Tensor | None = None

    @property
    def size(self) -> int:
        """Return the number of elements."""
        return math.prod(self.shape)

    @property
    def is_weight(self) -> bool:
        """Return whether it is the same in every picture."""
        return self.weight is not None

    def reshape(self, shape: Sequence[int]) -> "Value":
        """Return the same elements in another shape."""
        weight = None if self.weight is None else self.weight.reshape(*shape)
        return replace(self, shape=tuple(shape), weight=weight)


@dataclass(frozen=True)
class _Step:
    """An operation: its name, what it writes and reads, and further numbers."""

    name: str
    result: int
    operands: Sequence[Value | None]
    numbers: Sequence[Any]


@dataclass
class ProgramBuilder:
    """Collects the steps of a function; `build` gives every buffer its place."""

    sizes: list[int] = field(default_factory=list)  # of the buffers
    steps: list[_Step] = field(default_factory=list)
    scratch: int = 0  # floats that a convolution needs beside its operands

    def add_buffer(self, shape: Sequence[int]) -> Value:
        """Return a new buffer that nothing has written yet."""
        self.sizes.append(math.prod(shape))
        return Value(tuple(shape), len(self.sizes) - 1)

    def add_weight(self, tensor: Tensor) -> Value:
        """Return a weight; it takes room where a step reads it."""
        return Value(tuple(tensor.shape), weight=tensor.detach().float())

    def add_unary(self, name: str, value: Value, number: float = 0.0) -> Value:
        """Apply a function to each element."""
        return self._add_step("unary", value.shape, [value], [name, value.size, number])

    def add_binary(self, name: str, first: Value, second: Value) -> Value:
        """Combine two arrays element by element, broadcast as torch does."""
        shape = np.broadcast_shapes(first.shape, second.shape)
        strides = [torch.empty(value.shape).expand(shape).stride() for value in (first, second)]
        sizes, (one, other) = merge_axes(shape, strides)
        return self._add_step("binary", shape, [first, second], [name, sizes, one, other])

    def add_copy(self, source: Value, start: int, shape: Sequence[int], strides: Sequence[int]) -> Value:
        """Copy what strides of a contiguous array reach; all of it in order is no copy."""
        sizes, (steps,) = merge_axes(shape, [strides])
        if (start, sizes, steps) == (0, [source.size], [1]):
            return source.reshape(shape)
        return self._add_step("copy", shape, [source], [sizes, steps, start])

    def add_placement(self, source: Value, starts: Sequence[int], shape: Sequence[int]) -> Value:
        """Put an array into zeros of a shape, beginning at `starts`."""
        strides = torch.empty(tuple(shape)).stride()
        start = sum(place * stride for place, stride in zip(starts, strides, strict=True))
        return self._place(source, strides, start, shape)

    def add_dilation(
        self, source: Value, stride: Sequence[int], output: Sequence[int], kernel: Sequence[int], padding: Sequence[int]
    ) -> Value:
        """Spread pixels ``(1, C, H, W)`` over zeros, as a transposed convolution does."""
        margins = [k - 1 - p for k, p in zip(kernel, padding, strict=True)]
        if min(margins) < 0:
            raise UnsupportedOperationError("a transposed convolution with more padding than its kernel")
        height, width = (size + k - 1 for size, k in zip(output, kernel, strict=True))
        strides = (0, height * width, stride[0] * width, stride[1])
        return self._place(source, strides, margins[0] * width + margins[1], (1, source.shape[1], height, width))

    def _place(self, source: Value, strides: Sequence[int], start: int, shape: Sequence[int]) -> Value:
        sizes, (steps,) = merge_axes(source.shape, [strides])
        return self._add_step("place", shape, [source], [sizes, steps, start, math.prod(shape)])

    def add_concatenation(self, values: Sequence[Value], axis: int, shape: Sequence[int]) -> Value:
        """Join arrays along an axis, one after the other; all before it are of size 1."""
        if math.prod(shape[: axis % len(shape)]) != 1:
            raise UnsupportedOperationError(f"aten::cat over axis {axis}")
        return self._add_step("join", shape, list(values), [[value.size for value in values]])

    def add_convolution(
        self,
        value: Value,
        kernel: Tensor,
        bias: Tensor | None,
        stride: Sequence[int],
        padding: Sequence[int],
        shape: Sequence[int],
    ) -> Value:
        """Convolve ``(1, C, H, W)``; its rows are the kernel's panels."""
        outputs, channels, rows, columns = kernel.shape
        _, _, height, width = value.shape
        pixels, depth = round_up(math.prod(shape[2:]), _COLUMN_PANEL), channels * rows * columns
        self.scratch = max(self.scratch, (depth + round_up(outputs, _ROW_PANEL)) * pixels)
        operands = [
            value,
            self.add_weight(pack_rows(kernel.reshape(outputs, depth))),
            None if bias is None else self.add_weight(bias),
        ]
        geometry = [channels, height, width, outputs, rows, columns, *stride, *padding, *shape[2:]]
        return self._add_step("convolution", shape, operands, geometry)

    def add_linear(self, value: Value, weight: Tensor) -> Value:
        """Multiply rows ``(R, K)`` by a weight ``(M, K)``."""
        rows, depth = value.shape
        return self._add_step(
            "linear", (rows, len(weight)), [value, self.add_weight(weight)], [rows, depth, len(weight)]
        )

    def add_product(self, first: Value, second: Value) -> Value:
        """Multiply matrices ``(..., M, K)`` by ``(..., K, N)``."""
        *batch, rows, depth = first.shape
        columns = second.shape[-1]
        return self._add_step(
            "product", (*batch, rows, columns), [first, second], [math.prod(batch), rows, depth, columns]
        )

    def add_bilinear(self, value: Value, shape: Sequence[int]) -> Value:
        """Resize ``(1, C, H, W)`` bilinearly, corners not aligned."""
        return self._add_step("bilinear", shape, [value], [*value.shape[1:], *shape[2:]])

    def add_fold(self, value: Value, kernel: Sequence[int], padding: Sequence[int], shape: Sequence[int]) -> Value:
        """Add up the taps of overlapping blocks, as `torch.nn.functional.fold` does."""
        return self._add_step("fold", shape, [value], [*shape[1:], *kernel, *padding])

    def add_gather(self, value: Value, places: Sequence[int], shape: Sequence[int]) -> Value:
        """Pick elements by their numbers."""
        return self._add_step("gather", shape, [value], [list(places)])

    def add_softmax(self, value: Value) -> Value:
        """Apply softmax to the last axis."""
        return self._add_step("softmax", value.shape, [value], [value.size // value.shape[-1], value.shape[-1]])

    def add_normalisation(self, value: Value, groups: int, epsilon: float) -> Value:
        """Bring each group of consecutive elements to mean 0 and variance 1."""
        return self._add_step("normalise", value.shape, [value], [groups, value.size // groups, epsilon])

    def _add_step(
        self, name: str, shape: Sequence[int], operands: Sequence[Value | None], numbers: Sequence[Any]
    ) -> Value:
        result = self.add_buffer(shape)
        self.steps.append(_Step(name, result.buffer, operands, numbers))
        return result

    def build(self, inputs: Sequence[Value], output: Value) -> "Function":
        """Return the function that leads from the inputs to the output."""
        reads = [[value.buffer for value in step.operands if value and not value.is_weight] for step in self.steps]
        numbers = [value.buffer for value in inputs]
        places, end = place_buffers(
            self.sizes, [step.result for step in self.steps], reads, numbers, output.buffer, 0
        )  # fmt: skip
        return Function(self.steps, places, end, self.scratch, inputs, output)


@dataclass(frozen=True)
class Function:
    """Steps from inputs to an output.

    `places` of buffers begin at 0, `end` is where the last one ends.
    """

    steps: Sequence[_Step]
    places: Mapping[int, int]
    end: int
    scratch: int
    inputs: Sequence[Value]
    output: Value

    def describe(self, start: int, locate: Callable[[Value], int]) -> dict[str, Any]:
        """Return what the interpreter runs.

        Buffers begin at `start`, `locate` says where weights are.
        """

        def find(operand: Value | None) -> int:
            if operand is None:
                return -1
            return locate(operand) if operand.is_weight else start + self.places[operand.buffer]

        return {
            "scratch": start + self.end,
            "inputs": [[find(value), value.size] for value in self.inputs],
            "output": [find(self.output), *self.output.shape[1:]],
            "operations": [
                [step.name, start + self.places[step.result], *map(find, step.operands), *step.numbers]
                for step in self.steps
            ],
        }


def join_functions(functions: Sequence[Function]) -> Program:
    """Return the program of functions.

    They share their weights and, one after the other, the rest of the array.
    """
    weights = _WeightTable()
    for value in (value for function in functions for step in function.steps for value in step.operands):
        if value is not None and value.weight is not None:
            weights.add(value.weight)
    numbers_at = round_up(weights.size, ALIGNMENT)
    start = round_up(numbers_at + len(weights.numbers), ALIGNMENT)

    def locate(operand: Value) -> int:
        table, place = weights.add(operand.weight)  # type: ignore[arg-type]  # a weight has one
        return place if table == "halves" else numbers_at + place

    return Program(
        weights=torch.cat(weights.halves) if weights.halves else torch.empty(0),
        description={
            "heap": start + max(function.end + function.scratch for function in functions) + ALIGNMENT,
            "numbers_at": numbers_at,
            "numbers": weights.numbers,
            "functions": [function.describe(start, locate) for function in functions],
        },
    )


class _WeightTable:
    """The weights that steps read, each content once."""

    def __init__(self) -> None:
        self.halves: list[Tensor] = []
        self.numbers: list[float] = []
        self.size = 0
        self._known: dict[bytes, tuple[str, int]] = {}

    def add(self, tensor: Tensor) -> tuple[str, int]:
        """Return in which table a weight stands, and where."""
        flat = tensor.contiguous().flatten()
        key = flat.numpy().tobytes()
        if key not in self._known:
            if len(flat) <= _NUMBERS:
                self._known[key] = ("numbers", len(self.numbers))
                self.numbers += flat.tolist()
            else:
                self._known[key] = ("halves", self.size)
                self.halves.append(flat)
                self.size += len(flat)
        return self._known[key]


def pack_rows(matrix: Tensor) -> Tensor:
    """Return a matrix ``(M, K)`` in panels of rows, ``(M / 4, K, 4)``, zeros below it."""
    rows, depth = matrix.shape
    padded = torch.zeros(round_up(rows, _ROW_PANEL), depth)
    padded[:rows] = matrix
    return padded.view(-1, _ROW_PANEL, depth).transpose(1, 2).contiguous()
