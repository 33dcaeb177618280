"""Record the tensor operations of a function, as a list without Python around it.

What depends on no input is computed while recording, so that a trace has only what changes from call to call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from artpipe.numerics.compiler_import import call_as_it_is

_SHAPE_ONLY = frozenset(
    {"new_zeros", "new_ones", "new_full", "new_empty", "zeros_like", "ones_like", "full_like", "empty_like"}
)


@dataclass(frozen=True)
class Operation:
    """One call of an ATen operator, its arguments and results as they were."""

    name: str  # such as `aten::addmm`
    function: Any  # the operator with its overload
    arguments: Sequence[Any]
    options: dict[str, Any]
    result: Any  # a tensor, or several


@dataclass
class Trace:
    """The operations that lead from the inputs to the output, in order."""

    inputs: Sequence[Tensor]
    output: Tensor
    operations: Sequence[Operation] = field(default_factory=list)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps each call that reads an input, or what came of one."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self._alive = list(inputs)  # an id is a name only as long as its tensor lives
        self._dependent = {id(tensor) for tensor in inputs}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator; keep the call where its result depends on an input."""
        del types
        options = kwargs or {}
        result = func(*args, **options)
        read, _ = tree_flatten((args, options))
        if func._schema.name.partition("::")[2] in _SHAPE_ONLY:  # noqa: SLF001 - as torch's own tracers read it
            return result
        if any(isinstance(value, Tensor) and id(value) in self._dependent for value in read):
            made = [value for value in tree_flatten(result)[0] if isinstance(value, Tensor)]
            self._alive += made
            self._dependent |= {id(tensor) for tensor in made}
            self.operations.append(Operation(func._schema.name, func, args, options, result))  # noqa: SLF001 - as torch's own tracers read it
        return result


call_as_it_is(_Recorder.__torch_dispatch__)


@torch.no_grad()
def trace_operations(function: Callable[..., Tensor], inputs: Sequence[Tensor]) -> Trace:
    """Run a function on inputs and return the operations that it took."""
    with _Recorder(inputs) as recorder:
        output = function(*inputs)
    return Trace(inputs, output, recorder.operations)
