"""Sampling of token sequences: temperature, nucleus, token by token."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from artpipe.contracts.special_tokens import END, PAD, START, UNKNOWN

Advance = Callable[[Tensor, "State | None"], tuple[Tensor, "State"]]  # tokens (N, L), state -> logits (N, V), state
State = Tensor | tuple[Tensor, Tensor]  # of a GRU, of an LSTM: (layers, N, width)
_BATCH_ROWS = (
    32  # written at once, always as many: another shape adds up in another order, and one letter changes all after it
)
_FIRST_TOKENS = 192  # the likeliest, tried alone first


def nucleus_probabilities(logits: Tensor, temperature: float, top_p: float) -> tuple[Tensor, Tensor]:
    """Return the nucleus: probabilities ``(N, V)``, descending, and their tokens.

    It is the likeliest tokens whose sum reaches `top_p` (Holtzman et al. 2020). The likeliest is always kept;
    temperature 0 keeps it alone.
    """
    if temperature == 0:
        best = torch.zeros_like(logits).scatter_(1, logits.argmax(1, keepdim=True), 1.0)
        return best.sort(dim=1, descending=True, stable=True)
    probabilities, tokens = _sort_likeliest((logits.double() / temperature).softmax(1), top_p)
    mass_before = probabilities.cumsum(1) - probabilities
    nucleus_mass = torch.where(mass_before < top_p, probabilities, 0.0)
    return nucleus_mass / nucleus_mass.sum(1, keepdim=True), tokens


def _sort_likeliest(probabilities: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """Return the likeliest tokens and their probabilities, descending.

    Sorting a whole vocabulary takes longer than the network does for a token. So of a row whose first tokens have the mass
    `top_p` these are all that count; after them stand zeros, where another row has more.
    """
    if probabilities.shape[1] <= 2 * _FIRST_TOKENS:
        return probabilities.sort(dim=1, descending=True, stable=True)
    first, tokens = probabilities.topk(_FIRST_TOKENS, dim=1)
    has_ties = (first[:, 1:] == first[:, :-1]).any(1)
    long = has_ties | (first.cumsum(1)[:, -2] < top_p)
    if not bool(long.any()):
        return first, tokens
    every, every_token = torch.zeros_like(probabilities), torch.zeros_like(probabilities, dtype=torch.int64)
    every[:, :_FIRST_TOKENS], every_token[:, :_FIRST_TOKENS] = first, tokens
    every[long], every_token[long] = probabilities[long].sort(dim=1, descending=True, stable=True)
    return every, every_token


def pick_tokens(logits: Tensor, temperature: float, top_p: float, draws: Tensor) -> Tensor:
    """Return a token ``(N,)`` for each row by its own uniform draw ``(N,)`` in [0, 1)."""
    probabilities, tokens = nucleus_probabilities(logits, temperature, top_p)
    places = torch.searchsorted(probabilities.cumsum(1), draws[:, None].to(probabilities), right=True)
    last = (probabilities > 0).sum(1, keepdim=True) - 1  # rounding may leave the sum below 1
    return tokens.gather(1, places.minimum(last))[:, 0]


def write_sequences(
    advance: Advance,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[int],
    max_tokens: int,
    temperature: float,
    top_p: float,
) -> list[list[int]]:
    """Return what follows each prompt: up to `max_tokens` tokens, without the end.

    A prompt is its tokens, the start among them.

    What a seed writes after a prompt depends on nothing else.
    """
    sequences: list[list[int]] = []
    for start in range(0, len(seeds), _BATCH_ROWS):
        batch = list(prompts[start : start + _BATCH_ROWS])
        draws = torch.stack(
            [
                torch.rand(max_tokens, generator=torch.Generator().manual_seed(seed))
                for seed in seeds[start : start + _BATCH_ROWS]
            ]
        )
        spare = _BATCH_ROWS - len(batch)
        rows = _write_rows(
            advance,
            batch + [[START]] * spare,
            torch.cat([draws, draws.new_zeros(spare, max_tokens)]),
            temperature,
            top_p,
            len(batch),
        )
        sequences += rows
    return sequences


def _write_rows(
    advance: Advance, prompts: list[Sequence[int]], draws: Tensor, temperature: float, top_p: float, wanted: int
) -> list[list[int]]:
    """Advance all rows token by token: those of the prompt, then sampled ones.

    Return the first `wanted` of them; the others only fill the batch.
    """
    tokens = torch.tensor([prompt[0] for prompt in prompts])
    rows: list[list[int]] = [[] for _ in prompts]
    lengths, max_tokens = [len(prompt) for prompt in prompts], draws.shape[1]
    ended, state = torch.zeros(len(prompts), dtype=torch.bool), None
    for place in range(1, max(lengths) + max_tokens):
        logits, state = advance(tokens[:, None], state)
        logits[:, [PAD, START, UNKNOWN]] = -math.inf
        turn = torch.tensor([place - length for length in lengths])
        sampled_tokens = pick_tokens(
            logits, temperature, top_p, draws.gather(1, turn.clamp(0, max_tokens - 1)[:, None])[:, 0]
        )
        prompt_tokens = torch.tensor([prompt[min(place, len(prompt) - 1)] for prompt in prompts])
        tokens = torch.where(turn < 0, prompt_tokens, sampled_tokens)
        ended |= (turn >= 0) & ((tokens == END) | (turn >= max_tokens))
        for row, (token, over, number) in enumerate(zip(tokens.tolist(), ended.tolist(), turn.tolist(), strict=True)):
            if number >= 0 and not over:
                rows[row].append(token)
        if bool(ended[:wanted].all()):
            break
    return rows[:wanted]
