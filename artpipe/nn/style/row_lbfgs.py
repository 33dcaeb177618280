"""L-BFGS (Nocedal 1980) for many small problems at once: each row of a weight is one, with its own curvature and steps."""

from collections.abc import Callable

import torch
from torch import Tensor

_FIRST = 0.2  # of `max_step`
_SHORTEST = 1.0e-30  # a gradient of nothing stays a step of nothing
_FLATTEST = 1.0e-10  # curvature, against the length of the step, below which a pair teaches nothing


class RowLBFGS(torch.optim.Optimizer):
    """Minimises a sum over rows, each of which depends on its own numbers alone; one evaluation a step, no line search.

    A step is never longer than `max_step` (root mean square). The first one, along the gradient, tells nothing of its length:
    it is a fifth of that, so that what was painted before is not lost. All it knows are tensors in its state, so it goes
    on bit by bit where it was stopped.

    Args:
        rows: the one weight ``(N, ...)``.
        history: pairs of step and change of gradient that are remembered.
        max_step: the longest step.
    """

    def __init__(self, rows: torch.nn.Parameter, history: int, max_step: float) -> None:
        super().__init__([rows], {"history": history, "max_step": max_step})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move every row by one step; `closure` fills the gradient."""
        (group,) = self.param_groups
        (rows,) = group["params"]
        with torch.enable_grad():
            value = None if closure is None else closure()
        gradient = rows.grad.flatten(1)
        known = self.state[rows]
        if not known:
            known["steps"] = gradient.new_zeros(0, *gradient.shape)
            known["changes"] = gradient.new_zeros(0, *gradient.shape)
        else:
            for name, new in (("steps", known["move"]), ("changes", gradient - known["gradient"])):
                known[name] = torch.cat([known[name], new[None]])[-group["history"] :]
        move = -_solved(gradient, known["steps"], known["changes"])
        length = move.square().mean(1, keepdim=True).sqrt().clamp_min(_SHORTEST)
        taught = (known["steps"] * known["changes"]).sum(2).gt(0).any(0)[:, None]
        shorter = (group["max_step"] / length).clamp_max(1)
        move *= torch.where(taught, shorter, _FIRST * group["max_step"] / length)
        known["gradient"], known["move"] = gradient.clone(), move
        rows.add_(move.view_as(rows))
        return value


def _solved(gradient: Tensor, steps: Tensor, changes: Tensor) -> Tensor:
    """Return the inverse Hessian times the gradient, by the two loops (Nocedal & Wright, algorithm 7.4), row by row."""
    found, shares = gradient.clone(), []
    curvature = (steps * changes).sum(2)  # (M, N)
    teaches = curvature > _FLATTEST * (steps.square().sum(2) + changes.square().sum(2))
    weight = torch.where(teaches, 1 / curvature, 0.0)
    for i in reversed(range(len(steps))):
        share = weight[i] * (steps[i] * found).sum(1)
        found -= share[:, None] * changes[i]
        shares.append(share)
    scale = gradient.new_ones(len(gradient))
    for i in range(len(steps)):  # that of the newest pair that teaches
        ratio = curvature[i] / changes[i].square().sum(1).clamp_min(1.0e-30)
        scale = torch.where(teaches[i], ratio, scale)
    found *= scale[:, None]
    for i, share in zip(range(len(steps)), reversed(shares), strict=True):
        back = weight[i] * (changes[i] * found).sum(1)
        found += (share - back)[:, None] * steps[i]
    return found
