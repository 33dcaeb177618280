"""L-BFGS (Nocedal 1980) for many small problems at once.

Each row of a weight is one problem, with its own curvature and steps.
"""

from collections.abc import Callable

import torch
from torch import Tensor

_FIRST_STEP_SHARE = 0.2  # of `max_step`
_MIN_LENGTH = 1.0e-30  # a gradient of nothing stays a step of nothing
_MIN_CURVATURE = 1.0e-10  # curvature, against the length of the step, below which a pair teaches nothing


class RowLBFGS(torch.optim.Optimizer):
    """Minimises a sum over rows, each of which depends on its own numbers alone.

    One evaluation a step, no line search.

    A step is never longer than `max_step` (root mean square). The first one goes along the gradient, whose length says
    nothing about the step: it is a fifth of `max_step`, so that the picture so far is not lost. All its memory is tensors in
    its state, so a resumed run continues bit by bit.

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
        state = self.state[rows]
        if not state:
            state["steps"] = gradient.new_zeros(0, *gradient.shape)
            state["changes"] = gradient.new_zeros(0, *gradient.shape)
        else:
            for name, new in (("steps", state["move"]), ("changes", gradient - state["gradient"])):
                state[name] = torch.cat([state[name], new[None]])[-group["history"] :]
        move = -_multiply_inverse_hessian(gradient, state["steps"], state["changes"])
        length = move.square().mean(1, keepdim=True).sqrt().clamp_min(_MIN_LENGTH)
        has_curvature = (state["steps"] * state["changes"]).sum(2).gt(0).any(0)[:, None]
        scale = (group["max_step"] / length).clamp_max(1)
        move *= torch.where(has_curvature, scale, _FIRST_STEP_SHARE * group["max_step"] / length)
        state["gradient"], state["move"] = gradient.clone(), move
        rows.add_(move.view_as(rows))
        return value


def _multiply_inverse_hessian(gradient: Tensor, steps: Tensor, changes: Tensor) -> Tensor:
    """Return the inverse Hessian times the gradient, row by row.

    By the two loops of Nocedal & Wright, algorithm 7.4.
    """
    direction, alphas = gradient.clone(), []
    curvature = (steps * changes).sum(2)  # (M, N)
    usable = curvature > _MIN_CURVATURE * (steps.square().sum(2) + changes.square().sum(2))
    rho = torch.where(usable, 1 / curvature, 0.0)
    for i in reversed(range(len(steps))):
        alpha = rho[i] * (steps[i] * direction).sum(1)
        direction -= alpha[:, None] * changes[i]
        alphas.append(alpha)
    scale = gradient.new_ones(len(gradient))
    for i in range(len(steps)):  # that of the newest pair that teaches
        ratio = curvature[i] / changes[i].square().sum(1).clamp_min(1.0e-30)
        scale = torch.where(usable[i], ratio, scale)
    direction *= scale[:, None]
    for i, alpha in zip(range(len(steps)), reversed(alphas), strict=True):
        beta = rho[i] * (changes[i] * direction).sum(1)
        direction += (alpha - beta)[:, None] * steps[i]
    return direction
