"""Bits per character of our rnn against the word language model of pytorch/examples, trained for equal core-seconds.

    python benchmarks/rnn_text.py --shards data/shards/shakespeare [--seconds 60] [--model shakespeare-rnn]

The other is that example's LSTM with its defaults (two layers of 200, dropout 0.2, rows of 35 with the state carried on,
20 of them at once, SGD at rate 20, gradients clipped to 0.25; the rate is quartered when a look at validation works shows
nothing better), over the characters of the same works, and once more over our syllables. All read the same test works, in
whole. A 5-gram model that only counts stands beside them. Goal: 0.9 of the bits of the example over characters.
"""

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.shards import ShardSet
from artpipe.config.params import load_params
from artpipe.contracts.model import Learner
from artpipe.contracts.special_tokens import START
from artpipe.modalities.text.detokenize import join_rows, to_code_points
from artpipe.numerics.ngrams import KneserNeyModel
from artpipe.training.data import Batches, BatchSampler, Columns
from artpipe.training.loop import training_steps
from artpipe.training.restore import build_learner

ROWS, LENGTH, RATE, CLIP = 20, 35, 20.0, 0.25
LOOKS = 8  # at validation works


class Example(nn.Module):
    """Embedding, two layers, a linear layer."""

    def __init__(self, kinds: int, size: int = 200, layers: int = 2, dropout: float = 0.2) -> None:
        super().__init__()
        self.drop, self.encoder = nn.Dropout(dropout), nn.Embedding(kinds, size)
        self.rnn, self.decoder = nn.LSTM(size, size, layers, dropout=dropout), nn.Linear(size, kinds)
        for weight in (self.encoder.weight, self.decoder.weight):
            nn.init.uniform_(weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, tokens: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return logits ``(L, N, V)`` and the state after ``(L, N)``."""
        out, state = self.rnn(self.drop(self.encoder(tokens)), state)
        return self.decoder(self.drop(out)), state


def nats(model: Example, stream: Tensor) -> float:
    """Return what a stream costs after its first token, read in one row with the state carried on."""
    model.eval()
    state, total = None, 0.0
    with torch.no_grad():
        for start in range(0, len(stream) - 1, 2000):
            part = stream[start : start + 2001]
            logits, state = model(part[:-1, None], state)
            total += float(F.cross_entropy(logits[:, 0], part[1:], reduction="sum"))
    model.train()
    return total


def train_example(train: Tensor, validation: Tensor, kinds: int, seconds: float) -> Example:
    """Train the example; the looks at validation works are not counted."""
    model, rate, best, state, place, step, looks = Example(kinds), RATE, math.inf, None, 0, 0, 0
    columns = train[: len(train) // ROWS * ROWS].view(ROWS, -1).T.contiguous()
    spent, look = 0.0, seconds / LOOKS
    while spent < seconds:
        start = time.process_time()
        if place + 1 >= len(columns):
            place, state = 0, None
        part = columns[place : place + LENGTH + 1]
        state = None if state is None else tuple(one.detach() for one in state)
        logits, state = model(part[:-1], state)
        model.zero_grad()
        F.cross_entropy(logits.flatten(0, 1), part[1:].flatten()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(weight.grad, alpha=-rate)
        place, step = place + LENGTH, step + 1
        spent += time.process_time() - start
        if spent > look * (looks + 1):
            looks, now = looks + 1, nats(model, validation)
            best, rate = (now, rate) if now < best else (best, rate / 4)
            print(
                f"  step {step}, {spent:.0f} core-s, {now / max(1, len(validation) - 1):.3f} nats a token", flush=True
            )
    return model.eval()


def train_ours(shards: ShardSet, entry: dict, seconds: float, seed: int) -> Learner:
    """Train our entry for as many steps as fit; its schedule is told them beforehand by a short trial."""
    columns = shards.load("train", ["tokens"])
    for share in (0.04, 1.0):
        torch.manual_seed(seed)
        learner = build_learner("rnn", entry, shards.spec).train()
        batches = Batches(
            Columns(columns, torch.device("cpu")), BatchSampler(len(columns["tokens"]), learner.params.batch_size, seed)
        )
        start = time.process_time()
        for _ in training_steps(learner, batches):
            spent = time.process_time() - start
            if spent >= share * seconds or learner.steps_done >= learner.params.steps:
                break
        entry = entry | {"steps": max(1, round(learner.steps_done * seconds / spent))}
    return learner.eval()


def streams(shards: ShardSet, split: str, *, spelled: bool) -> Tensor:
    """Return the works of a split behind each other, as code points or as tokens; each begins with a start."""
    works, start = join_rows(shards.load(split)), torch.tensor([START])
    parts = [
        torch.cat([start, to_code_points(one, shards.spec.vocabulary).long()]) if spelled else torch.tensor(one)
        for _, one in works
    ]
    return torch.cat(parts)


def numbered(*every: Tensor) -> tuple[Sequence[Tensor], int]:
    """Return streams with the tokens of the first numbered from 1, all others 0; and how many numbers there are."""
    known = torch.unique(every[0])
    places = [torch.searchsorted(known, one).clamp(max=len(known) - 1) for one in every]
    return [torch.where(known[at] == one, at + 1, 0) for at, one in zip(places, every, strict=True)], len(known) + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, default=Path("data/shards/shakespeare"))
    parser.add_argument("--model", default="shakespeare-rnn")
    parser.add_argument("--seconds", type=float, default=60.0, help="core-seconds for each")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shards, vocabulary = ShardSet.open(arguments.shards), ShardSet.open(arguments.shards).spec.vocabulary
    test = [to_code_points(one, vocabulary) for _, one in join_rows(shards.load("test"))]
    letters = math.log(2) * sum(len(one) - 1 for one in test)
    learned = [to_code_points(one, vocabulary) for _, one in join_rows(shards.load("train"))]
    counting = KneserNeyModel(learned, 5, len(torch.unique(torch.cat(learned))) + 1)
    bits = {"5-gram": sum(float(counting.nats(one).sum()) for one in test) / letters}

    ours = train_ours(shards, load_params().models[arguments.model], arguments.seconds, arguments.seed)
    bits["ours"] = float(ours.nll(shards.load("test", ["tokens"])["tokens"]).double().sum()) / letters
    for name, spelled in (("example, characters", True), ("example, syllables", False)):
        torch.manual_seed(arguments.seed)
        parts, kinds = numbered(*(streams(shards, split, spelled=spelled) for split in ("train", "validation", "test")))
        print(f"{name}: {kinds} kinds", flush=True)
        bits[name] = nats(train_example(parts[0], parts[1][:40_000], kinds, arguments.seconds), parts[2]) / letters
    for name, value in bits.items():
        print(f"{name}: {value:.3f} bits per character, ratio of ours {bits['ours'] / value:.2f}")


if __name__ == "__main__":
    main()
