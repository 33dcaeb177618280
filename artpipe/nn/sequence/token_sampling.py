"""Sequences of tokens: what may come next (temperature, nucleus), and how a trained network writes them one by one."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from artpipe.contracts.special_tokens import END, PAD, START, UNKNOWN

Advance = Callable[[Tensor, "State | None"], tuple[Tensor, "State"]]  # tokens (N, L), state -> logits (N, V), state
State = Tensor | tuple[Tensor, Tensor]  # of a GRU, of an LSTM: (layers, N, width)
_ROWS = (
    32  # written at once, always as many: another shape adds up in another order, and one letter changes all after it
)


def nucleus(logits: Tensor, temperature: float, top_p: float) -> tuple[Tensor, Tensor]:
    """Return probabilities ``(N, V)``, falling, and their tokens: the likeliest whose sum reaches `top_p`, no others.

    Holtzman et al. 2020. The likeliest is always kept; temperature 0 keeps it alone.
    """
    if temperature == 0:
        best = torch.zeros_like(logits).scatter_(1, logits.argmax(1, keepdim=True), 1.0)
        return best.sort(dim=1, descending=True, stable=True)
    chances, tokens = (logits.double() / temperature).softmax(1).sort(dim=1, descending=True, stable=True)
    before = chances.cumsum(1) - chances
    kept = torch.where(before < top_p, chances, 0.0)
    return kept / kept.sum(1, keepdim=True), tokens


def picked(logits: Tensor, temperature: float, top_p: float, draws: Tensor) -> Tensor:
    """Return a token ``(N,)`` for each row by its own uniform draw ``(N,)`` in [0, 1)."""
    chances, tokens = nucleus(logits, temperature, top_p)
    places = torch.searchsorted(chances.cumsum(1), draws[:, None].to(chances), right=True)
    last = (chances > 0).sum(1, keepdim=True) - 1  # rounding may leave the sum below 1
    return tokens.gather(1, places.minimum(last))[:, 0]


def write(
    advance: Advance,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[int],
    max_tokens: int,
    temperature: float,
    top_p: float,
) -> list[list[int]]:
    """Return for each prompt (tokens, the start among them) what follows it: up to `max_tokens` tokens, the end left out.

    What a seed writes after a prompt depends on nothing else.
    """
    written: list[list[int]] = []
    for start in range(0, len(seeds), _ROWS):
        some = list(prompts[start : start + _ROWS])
        draws = torch.stack(
            [
                torch.rand(max_tokens, generator=torch.Generator().manual_seed(seed))
                for seed in seeds[start : start + _ROWS]
            ]
        )
        spare = _ROWS - len(some)
        rows = _written(
            advance,
            some + [[START]] * spare,
            torch.cat([draws, draws.new_zeros(spare, max_tokens)]),
            temperature,
            top_p,
        )
        written += rows[: len(some)]
    return written


def _written(
    advance: Advance, prompts: list[Sequence[int]], draws: Tensor, temperature: float, top_p: float
) -> list[list[int]]:
    """Advance all rows by a token at a time: a prompt's as long as it lasts, then those that are drawn."""
    tokens = torch.tensor([prompt[0] for prompt in prompts])
    rows: list[list[int]] = [[] for _ in prompts]
    lengths, max_tokens = [len(prompt) for prompt in prompts], draws.shape[1]
    ended, state = torch.zeros(len(prompts), dtype=torch.bool), None
    for place in range(1, max(lengths) + max_tokens):
        logits, state = advance(tokens[:, None], state)
        logits[:, [PAD, START, UNKNOWN]] = -math.inf
        turn = torch.tensor([place - length for length in lengths])
        drawn = picked(logits, temperature, top_p, draws.gather(1, turn.clamp(0, max_tokens - 1)[:, None])[:, 0])
        given = torch.tensor([prompt[min(place, len(prompt) - 1)] for prompt in prompts])
        tokens = torch.where(turn < 0, given, drawn)
        ended |= (turn >= 0) & ((tokens == END) | (turn >= max_tokens))
        for row, (token, over, number) in enumerate(zip(tokens.tolist(), ended.tolist(), turn.tolist(), strict=True)):
            if number >= 0 and not over:
                rows[row].append(token)
        if bool(ended.all()):
            break
    return rows
