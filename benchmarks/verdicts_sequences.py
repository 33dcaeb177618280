"""Plant failures and healthy sets among real texts and pieces, and count which the evaluation finds.

    python benchmarks/verdicts_sequences.py data/shards/shakespeare data/shards/chorales [--seeds 4] [--works 40]

Works of a dataset are parted by seed into three: what was learned, what is held out, and a pool from which written sets are made.
Healthy sets are works of the pool, whole or shortened; failures are what writers do when they fail. What only a likelihood tells
(letters without sense) is not among them: it takes a model. Even and odd seeds are reported apart; neither is untouched (docs/verdicts.md).
"""

import argparse
import itertools
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from _verdict_table import ALARMS, ALL, format_table, write_table
from torch import Tensor

from artpipe import plugins
from artpipe.artifacts.shards import ShardSet
from artpipe.config.params import EvaluationParams
from artpipe.contracts.metric import Evidence
from artpipe.contracts.special_tokens import PAD
from artpipe.evaluation.decide_verdict import decide_verdict
from artpipe.modalities.music.tokens import STEPS, decode_steps, encode_steps

METRICS = ("copying", "form", "harmony", "repetition")
Work = list[int]  # tokens, without start and end
Writer = Callable[[list[Work], list[Work], random.Random], list[Work]]  # pool, learned works -> written


class Writing:
    """Stands for a learner that writes: what it wrote is planted."""

    def nll(self, tokens: Tensor) -> Tensor:
        """Is not asked."""
        raise NotImplementedError

    def write(self, prompt: Any) -> list[list[int]]:
        """Is not asked."""
        raise NotImplementedError


def circle(pool: list[Work], length: int, at: float) -> list[Work]:
    """Return works that from some place on say the same few tokens for ever."""
    return [work[: (begin := int(at * len(work)))] + (work[begin : begin + length] * len(work))[: len(work) - begin] for work in pool]  # fmt: skip


def one_chord(pool: list[Work]) -> list[Work]:
    """Return pieces that strike their first chord at every step."""
    pieces = []
    for work in pool:
        steps = decode_steps(work)
        first = next(step for step in steps if any(step.cells))
        cells = [cell % 128 for cell in first.cells]
        pieces.append(encode_steps([first._replace(mark=step.mark, cells=cells) for step in steps])[1:-1])
    return pieces


def any_notes(pool: list[Work], chance: random.Random) -> list[Work]:
    """Return pieces whose notes are moved by up to five semitones, each by its own."""
    pieces = []
    for work in pool:
        steps = decode_steps(work)
        moved = [step._replace(cells=[cell and cell + chance.randint(-5, 5) for cell in step.cells]) for step in steps]
        pieces.append(encode_steps(moved)[1:-1])
    return pieces


HEALTHY: dict[str, Writer] = {
    "as they are": lambda pool, _, __: pool,
    "first half": lambda pool, _, __: [work[: len(work) // 2] for work in pool],
    "second half": lambda pool, _, __: [work[len(work) // 2 :] for work in pool],
}
BOTH: dict[str, tuple[Writer, tuple[str, ...]]] = {
    "one work again and again": (lambda pool, _, __: [pool[0]] * len(pool), ("repeated_elsewhere",)),
    "four works in turn": (lambda pool, _, __: (pool[:4] * len(pool))[: len(pool)], ("repeated_elsewhere",)),
    "works by heart": (
        lambda pool, learned, _: learned[: len(pool)],
        ("copied_16_grams", "copied_passages"),
    ),
    "halves of works by heart": (
        lambda _, learned, __: [a[: len(a) // 2] + b[len(b) // 2 :] for a, b in itertools.pairwise(learned)],
        ("copied_16_grams", "copied_passages"),
    ),
}  # fmt: skip
TEXT: dict[str, tuple[Writer, tuple[str, ...]]] = {
    **BOTH,
    "a line for ever": (lambda pool, _, __: circle(pool, 12, 0), ("repeated_within",)),
    "a circle from the middle on": (lambda pool, _, __: circle(pool, 12, 0.5), ("repeated_within",)),
    "a word for ever": (lambda pool, _, __: circle(pool, 2, 0.1), ("repeated_within",)),
}
MUSIC: dict[str, tuple[Writer, tuple[str, ...]]] = {
    **BOTH,
    "one chord for ever": (lambda pool, _, __: one_chord(pool), ("repeated_within",)),
    "two bars for ever": (lambda pool, _, __: circle(pool, 80, 0), ("repeated_within",)),
    "notes by chance": (lambda pool, _, chance: any_notes(pool, chance), ("in_key", "dissonant")),
}


def list_works(columns: dict[str, Tensor], *, is_music: bool) -> list[Work]:
    from artpipe.modalities.music import rendering
    from artpipe.modalities.text import detokenize

    if is_music:
        return [[token for token in piece if token != PAD][1:-1] for piece in rendering.join_rows(columns).tolist()]
    return [tokens[1:-1] for _, tokens in detokenize.join_rows(columns)]


def make_columns(works: Sequence[Work]) -> dict[str, Tensor]:
    """Return a row for each work, as a split has them."""
    longest = max(map(len, works)) + 2
    rows = [[1, *work, 2] + [PAD] * (longest - 2 - len(work)) for work in works]
    places = torch.zeros(len(works), 3, dtype=torch.int64)
    digests = torch.arange(len(works))[:, None].expand(-1, 32) % 256
    return {"tokens": torch.tensor(rows), "places": places, "digests": digests.to(torch.uint8)}


def grade_set(spec: Any, written: list[Work], learned: list[Work], held_out: list[Work]) -> tuple[str, set[str]]:
    """Return the grade of what was written and the scores that raise an alarm."""
    evidence = Evidence(
        learner=Writing(), card=SimpleNamespace(spec=spec), params=EvaluationParams(metrics=()), seed=1,
        train=make_columns(learned), held_out={}, test=make_columns(held_out), sequences=written,
    )  # fmt: skip
    metrics = [plugins.load_plugin("metrics", name) for name in METRICS]
    findings, verdict = decide_verdict([metric.measure(evidence) for metric in metrics if metric.applies(evidence)])
    return verdict.grade, {finding.score for finding in findings if finding.grade in ALARMS}


def run_trials(folder: Path, seeds: int, most: int) -> Iterator[tuple[str, int, tuple[str, ...] | None, str, set[str]]]:
    """Yield name, seed, the detectors of a failure, grade and alarms of every set."""
    shards = ShardSet.open(folder)
    is_music = set(STEPS) <= set(shards.spec.vocabulary)
    works = [
        work
        for split, count in shards.card.counts.items()
        if count
        for work in list_works(shards.load(split), is_music=is_music)
    ]
    for seed in range(seeds):
        chance = random.Random(seed)  # noqa: S311
        chosen = chance.sample(works, min(len(works), 4 * most))
        pool, held_out, learned = chosen[:most], chosen[most : 2 * most], chosen[2 * most :]
        for name, writer in HEALTHY.items():
            yield (name, seed, None, *grade_set(shards.spec, writer(pool, learned, chance), learned, held_out))
        for name, (writer, detectors) in (MUSIC if is_music else TEXT).items():
            yield (name, seed, detectors, *grade_set(shards.spec, writer(pool, learned, chance), learned, held_out))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument(
        "--works", type=int, default=40, help="of the pool and of those held out; the others were learned"
    )
    parser.add_argument("--write", type=Path, help="a page whose table is written anew")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    counts: dict[tuple[str, int, bool], list[bool]] = defaultdict(list)
    for folder in arguments.shards:
        for name, seed, detectors, grade, alarms in run_trials(folder, arguments.seeds, arguments.works):
            is_failure = detectors is not None
            counts[ALL, seed % 2, is_failure].append(grade in ALARMS)
            counts["by a detector made for it", seed % 2, is_failure].append(
                bool(alarms & set(detectors)) if detectors else bool(alarms)
            )
            print(f"{folder.name:12}{seed:3}  {name:30}{grade:12} {', '.join(sorted(alarms))}", flush=True)
    table = format_table(counts)
    print(f"\n{table}")
    if arguments.write:
        write_table(arguments.write, "sequences", table)


if __name__ == "__main__":
    main()
