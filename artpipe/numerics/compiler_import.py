"""Keep torch's compiler out of processes that compile nothing."""

import functools
from collections.abc import Callable
from typing import Any

import torch


def skip_compiler_import() -> None:
    """Keep optimisers from importing `torch._dynamo`, which costs 3 to 6 core-s.

    Torch (2.15) imports its compiler at the first use of any optimiser, to mark where it may not trace: methods of `Optimizer`
    by a decorator that remembers its mark, `step` by one that does not. A marked method is called as it is, and `step` runs
    under the same gradient mode without the marks. What a plugin compiles is its forward pass, which calls neither.
    """
    for method in vars(torch.optim.Optimizer).values():
        if getattr(method, "__module__", "") == torch.optim.Optimizer.__module__:
            call_as_it_is(method)
    for optimiser in torch.optim.Optimizer.__subclasses__():
        step = vars(optimiser).get("step")
        if getattr(getattr(step, "__code__", None), "co_name", "") == "_use_grad":
            optimiser.step = _without_graph_breaks(step.__wrapped__)  # type: ignore[method-assign,union-attr]


def call_as_it_is(method: Any) -> None:
    """Call a method that torch marked as not to be traced without its mark."""
    plain = getattr(method, "__wrapped__", None)
    if plain is not None:
        plain.__dict__.setdefault("__dynamo_disable", plain)


def _without_graph_breaks(step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    def run_step(self: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> Any:
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            return step(self, *args, **kwargs)

    return run_step
