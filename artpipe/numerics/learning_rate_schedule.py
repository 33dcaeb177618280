"""The learning rate schedule of every training: linear warm-up, then a cosine."""

import torch


def scheduled_rate(base: float, step: int, steps: int, warmup_steps: int = 0, final_share: float = 1.0) -> float:
    """Return the learning rate of a step, of `steps` in all.

    It rises linearly to `base` within `warmup_steps`, then falls along half a cosine (Loshchilov & Hutter 2017) to
    `final_share` of it; with a share of 1 it stays.
    """
    if step < warmup_steps:
        return base * (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    cosine = 0.5 * (1 + torch.cos(torch.tensor(min(1.0, done) * torch.pi, dtype=torch.float64)).item())
    return base * (final_share + (1 - final_share) * cosine)
