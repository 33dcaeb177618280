"""Turn traced operations into those of the live room's interpreter.

The interpreter (`assets/interpreter.js`) knows a dozen operations on contiguous float32 arrays; every picture operation that
is not in `_LOWERINGS` is refused by its name, and a model that needs it has no live room.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from artpipe.evaluation.live_program import ProgramBuilder, Value
from artpipe.evaluation.operation_trace import Operation, Trace
from artpipe.evaluation.program_encoding import UnsupportedOperationError

_UNARY = ("relu", "tanh", "sigmoid", "silu", "exp", "neg", "gelu", "rsqrt", "sin", "cos")
_BINARY = ("add", "sub", "mul", "div", "rsub")
_SAME = ("clone", "contiguous", "_to_copy", "alias", "detach", "lift_fresh")
_VIEWS = ("pixel_shuffle", "pixel_unshuffle", "upsample_nearest2d")  # as strides can say them, though torch copies


class Lowering:
    """Lowers one trace after the other into a builder."""

    def __init__(self, builder: ProgramBuilder) -> None:
        self.builder = builder
        self._values: dict[int, Value] = {}

    def lower_trace(self, trace: Trace, inputs: Sequence[Value]) -> Value:
        """Return the value of a trace's output.

        Raises:
            UnsupportedOperationError: the painter has no such operation.
        """
        self._values = {id(tensor): value for tensor, value in zip(trace.inputs, inputs, strict=True)}
        for operation in trace.operations:
            name = operation.name.partition("::")[2]
            results = self._lower(name, operation)
            made = operation.result if isinstance(operation.result, list | tuple) else [operation.result]
            self._values.update((id(tensor), value) for tensor, value in zip(made, results, strict=False))
        return self._values[id(trace.output)]

    def read(self, tensor: Any) -> Value:
        """Return the value of a tensor or number; one that nothing led to is a weight."""
        if isinstance(tensor, Tensor):
            return self._values.get(id(tensor)) or self.builder.add_weight(tensor)
        return self.builder.add_weight(torch.tensor(float(tensor)))

    def _lower(self, name: str, operation: Operation) -> Sequence[Value]:
        if operation.function._schema.is_mutable:  # noqa: SLF001 - as torch's own tracers read it
            raise UnsupportedOperationError(operation.name)
        if operation.options.get("rounding_mode") or operation.options.get("approximate", "none") != "none":
            raise UnsupportedOperationError(f"{operation.name} with rounding or an approximation")
        if name in _SAME:
            return [self.read(operation.arguments[0])]
        if name in _VIEWS or operation.function.is_view or name == "_unsafe_view":
            return self._lower_views(name, operation)
        if name in _UNARY:
            return [self.builder.add_unary(name, self.read(operation.arguments[0]))]
        if name in _BINARY:
            return [self._lower_binary(name, operation)]
        lowering = _LOWERINGS.get(name)
        if lowering is None:
            raise UnsupportedOperationError(operation.name)
        return [lowering(self, operation)]

    def _lower_binary(self, name: str, operation: Operation) -> Value:
        first, second = map(self.read, operation.arguments[:2])
        factor = operation.options.get("alpha", 1)
        if factor != 1:
            second = self.builder.add_binary("mul", second, self.read(factor))
        return self.builder.add_binary(name, first, second)

    def _lower_views(self, name: str, operation: Operation) -> list[Value]:
        """Lower whatever only moves elements, by what it does to their numbers."""
        source = self.read(operation.arguments[0])
        places = torch.arange(source.size).view(source.shape)
        if name in _VIEWS:
            moved: Any = _VIEW_STRIDES[name](places, operation)
        else:
            moved = operation.function(places, *operation.arguments[1:], **operation.options)
        made = moved if isinstance(moved, list | tuple) else [moved]
        shapes = operation.result if isinstance(operation.result, list | tuple) else [operation.result]
        return [
            self.builder.add_copy(source, view.storage_offset(), view.shape, view.stride()).reshape(result.shape)
            for view, result in zip(made, shapes, strict=True)
        ]


def _shuffle_strides(places: Tensor, operation: Operation) -> Tensor:
    factor = operation.arguments[1]
    count, channels, height, width = places.shape
    return places.view(count, channels // factor**2, factor, factor, height, width).permute(0, 1, 4, 2, 5, 3)


def _unshuffle_strides(places: Tensor, operation: Operation) -> Tensor:
    factor = operation.arguments[1]
    count, channels, height, width = places.shape
    folded = places.view(count, channels, height // factor, factor, width // factor, factor)
    return folded.permute(0, 1, 3, 5, 2, 4)


def _nearest_strides(places: Tensor, operation: Operation) -> Tensor:
    (height, width), (up, across) = places.shape[2:], operation.result.shape[2:]
    if up % height or across % width:
        raise UnsupportedOperationError(f"{operation.name} by {up / height:.3g}")
    factors = up // height, across // width
    return places[:, :, :, None, :, None].expand(-1, -1, -1, factors[0], -1, factors[1])


_VIEW_STRIDES: Mapping[str, Callable[[Tensor, Operation], Tensor]] = {
    "pixel_shuffle": _shuffle_strides,
    "pixel_unshuffle": _unshuffle_strides,
    "upsample_nearest2d": _nearest_strides,
}


def _lower_linear(lowering: Lowering, operation: Operation) -> Value:
    """Lower ``bias + x @ w`` of rows of x, or ``x @ w``."""
    *bias, x, weight = operation.arguments[:3]
    product = _multiply(lowering, x, weight)
    return lowering.builder.add_binary("add", product, lowering.read(bias[0])) if bias else product


def _multiply(lowering: Lowering, x: Tensor, weight: Tensor) -> Value:
    first, second = lowering.read(x), lowering.read(weight)
    if second.is_weight:
        return lowering.builder.add_linear(first, weight.detach().t())
    return lowering.builder.add_product(first, second)


def _lower_product(lowering: Lowering, operation: Operation) -> Value:
    return lowering.builder.add_product(*map(lowering.read, operation.arguments[:2]))


def _lower_convolution(lowering: Lowering, operation: Operation) -> Value:
    x, weight, bias, stride, padding, dilation, transposed, _, groups = operation.arguments
    value, kernel = lowering.read(x), weight.detach()
    if set(dilation) != {1} or groups != 1 or not lowering.read(weight).is_weight:
        raise UnsupportedOperationError(f"{operation.name} with groups or dilation")
    if operation.result.shape[0] != 1:
        raise UnsupportedOperationError(f"{operation.name} of several pictures")
    if transposed:  # zeros between the pixels, then a convolution with the kernel turned round
        value = lowering.builder.add_dilation(value, stride, operation.result.shape[2:], kernel.shape[2:], padding)
        kernel, stride, padding = kernel.flip(2, 3).transpose(0, 1), (1, 1), (0, 0)
    return lowering.builder.add_convolution(
        value, kernel, None if bias is None else bias.detach(), stride, padding, operation.result.shape
    )


def _lower_leaky_relu(lowering: Lowering, operation: Operation) -> Value:
    slope = operation.arguments[1] if len(operation.arguments) > 1 else 0.01
    return lowering.builder.add_unary("leaky", lowering.read(operation.arguments[0]), slope)


def _lower_concatenation(lowering: Lowering, operation: Operation) -> Value:
    axis = operation.arguments[1] if len(operation.arguments) > 1 else 0
    values = [value for value in map(lowering.read, operation.arguments[0]) if value.size]
    return values[0] if len(values) == 1 else lowering.builder.add_concatenation(values, axis, operation.result.shape)


def _lower_padding(lowering: Lowering, operation: Operation) -> Value:
    value, (pads, filler) = lowering.read(operation.arguments[0]), (*operation.arguments[1:], 0)[:2]
    if filler or any(pad < 0 for pad in pads):
        raise UnsupportedOperationError(f"{operation.name} with other than zeros")
    shape = operation.result.shape
    starts = [0] * len(shape)
    for i, pad in enumerate(pads[::2]):
        starts[-1 - i] = pad
    return lowering.builder.add_placement(value, starts, shape)


def _lower_replication(lowering: Lowering, operation: Operation) -> Value:
    source = lowering.read(operation.arguments[0])
    places = torch.arange(source.size, dtype=torch.float64).view(source.shape)  # padding knows no whole numbers
    moved = operation.function(places, operation.arguments[1])
    return lowering.builder.add_gather(source, moved.long().flatten().tolist(), moved.shape)


def _lower_bilinear(lowering: Lowering, operation: Operation) -> Value:
    if operation.arguments[2]:
        raise UnsupportedOperationError(f"{operation.name} with aligned corners")
    return lowering.builder.add_bilinear(lowering.read(operation.arguments[0]), operation.result.shape)


def _lower_fold(lowering: Lowering, operation: Operation) -> Value:
    x, size, kernel, dilation, padding, stride = operation.arguments
    if (*dilation, *stride) != (1, 1, 1, 1):
        raise UnsupportedOperationError(f"{operation.name} with strides")
    shape = (1, operation.result.shape[-3], *size)
    return lowering.builder.add_fold(lowering.read(x), kernel, padding, shape).reshape(operation.result.shape)


def _lower_gather(lowering: Lowering, operation: Operation) -> Value:
    """Lower ``x[:, numbers]`` with numbers that are weights."""
    x, indices = operation.arguments[:2]
    source = lowering.read(x)
    places = torch.arange(source.size).view(source.shape)
    moved = operation.function(places, indices)
    return lowering.builder.add_gather(source, moved.flatten().tolist(), moved.shape)


def _lower_softmax(lowering: Lowering, operation: Operation) -> Value:
    x, axis = operation.arguments[:2]
    if axis not in {-1, x.dim() - 1}:
        raise UnsupportedOperationError(f"{operation.name} over axis {axis}")
    return lowering.builder.add_softmax(lowering.read(x))


def _lower_batch_norm(lowering: Lowering, operation: Operation) -> Value:
    x, weight, bias, mean, variance = operation.arguments[:5]
    scale = (variance + operation.arguments[-1]).rsqrt() * (1 if weight is None else weight)
    shift = (0 if bias is None else bias) - mean * scale
    return _scale_and_shift(lowering, lowering.read(x), scale, shift, x.dim())


def _lower_group_norm(lowering: Lowering, operation: Operation) -> Value:
    x, weight, bias, _, _, _, groups, epsilon = operation.arguments
    normal = lowering.builder.add_normalisation(lowering.read(x), groups, epsilon)
    return normal if weight is None else _scale_and_shift(lowering, normal, weight, bias, x.dim())


def _lower_layer_norm(lowering: Lowering, operation: Operation) -> Value:
    x, shape, weight, bias, epsilon = operation.arguments
    normal = lowering.builder.add_normalisation(lowering.read(x), x.numel() // math.prod(shape), epsilon)
    return normal if weight is None else _scale_and_shift(lowering, normal, weight, bias, len(shape) + 1)


def _scale_and_shift(lowering: Lowering, value: Value, scale: Tensor, shift: Tensor, axes: int) -> Value:
    """Multiply and add by channel, or by element of what a layer norm spans."""
    spread = scale.shape if scale.dim() > 1 or axes == 2 else (-1, *[1] * (axes - 2))  # noqa: PLR2004 - rows and channels
    scaled = lowering.builder.add_binary("mul", value, lowering.builder.add_weight(scale.detach().reshape(spread)))
    return lowering.builder.add_binary("add", scaled, lowering.builder.add_weight(shift.detach().reshape(spread)))


def _lower_attention(lowering: Lowering, operation: Operation) -> Value:
    """Lower scaled dot-product attention ``(1, heads, L, D)`` without a mask."""
    query, key, value = operation.arguments[:3]
    if any(operation.arguments[3:]) or operation.options.get("attn_mask") is not None:
        raise UnsupportedOperationError(f"{operation.name} with a mask")
    scale = operation.options.get("scale") or query.shape[-1] ** -0.5
    builder = lowering.builder
    turned = lowering.read(key)
    heads, length, depth = turned.shape[1:]
    keys = builder.add_copy(turned, 0, (1, heads, depth, length), (0, length * depth, 1, depth))
    scores = builder.add_binary("mul", builder.add_product(lowering.read(query), keys), lowering.read(scale))
    return builder.add_product(builder.add_softmax(scores), lowering.read(value))


_LOWERINGS: Mapping[str, Callable[[Lowering, Operation], Value]] = {
    "addmm": _lower_linear,
    "mm": lambda lowering, operation: _multiply(lowering, *operation.arguments[:2]),
    "bmm": _lower_product,
    "convolution": _lower_convolution,
    "leaky_relu": _lower_leaky_relu,
    "cat": _lower_concatenation,
    "constant_pad_nd": _lower_padding,
    "replication_pad2d": _lower_replication,
    "upsample_bilinear2d": _lower_bilinear,
    "col2im": _lower_fold,
    "index": _lower_gather,
    "_softmax": _lower_softmax,
    "native_batch_norm": _lower_batch_norm,
    "_native_batch_norm_legit_no_training": _lower_batch_norm,
    "native_group_norm": _lower_group_norm,
    "native_layer_norm": _lower_layer_norm,
    "_scaled_dot_product_flash_attention_for_cpu": _lower_attention,
}
