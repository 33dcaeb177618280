"""How often the 95 % intervals of scores hold the truth, by simulation.

    python benchmarks/intervals.py [--populations 8] [--draws 100] [--works 100] [--samples 200] [--metrics fid ...] [--processes 1]

A population is a source of pictures and a model of it that is more or less off. From each, sets of held-out works and samples are drawn again and
again, and the metrics measure them as an evaluation does. The truth of a score is its mean over all draws of a population: what it is
at these counts, since scores of different counts are never compared. Shares, means and ratios of known sources have their truth in
closed form. Goal: 93 to 97 % of the intervals hold it.
"""

import argparse
import math
import os
from collections import defaultdict
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from _verdict_table import write_table
from torch import Tensor

from artpipe import plugins
from artpipe.artifacts.report import Score
from artpipe.config.params import EvaluationParams
from artpipe.contracts.metric import Evidence
from artpipe.numerics.entropy_interval import entropy, entropy_interval
from artpipe.numerics.intervals import Interval, mean_interval, positive_mean_interval, ratio_interval, share_interval
from artpipe.numerics.pixels import to_bytes

SIDE, RANK, CLUSTERS = 8, 6, 5
METRICS = ("kid", "fid", "coverage", "pair_distance", "memorisation", "blends", "sharpness", "structure")
LOW, HIGH = 0.93, 0.97


class Population:
    """A source of pictures, and a model of it that is `off` by a share."""

    def __init__(self, seed: int, off: float) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.patches = torch.randn(RANK, SIDE * SIDE, generator=generator) * 0.25
        self.centres = torch.randn(CLUSTERS, RANK, generator=generator)
        self.shift, self.off = off * torch.randn(RANK, generator=generator), off

    def draw(self, count: int, generator: torch.Generator, *, is_model: bool) -> Tensor:
        """Return pictures ``(N, 1, 8, 8)``, uint8; those of the model are shifted and vary less."""
        codes = self.centres[torch.randint(0, CLUSTERS, (count,), generator=generator)]
        codes = (
            codes
            + torch.randn(count, RANK, generator=generator) * (1 - 0.4 * self.off * is_model)
            + self.shift * is_model
        )
        noise = 0.05 * torch.randn(count, SIDE * SIDE, generator=generator)
        return to_bytes((codes @ self.patches + noise).tanh().view(-1, 1, SIDE, SIDE))


def measure_draw(population: Population, seed: int, works: int, samples: int, metrics: tuple[str, ...]) -> list[Score]:
    """Return the scores of one draw."""
    generator = torch.Generator().manual_seed(seed)
    train, held_out = ({"images": population.draw(works, generator, is_model=False)} for _ in range(2))
    evidence = Evidence(
        learner=None, card=None, params=EvaluationParams(metrics=()), seed=1, train=train, held_out=held_out,
        samples=population.draw(samples, generator, is_model=True),
    )  # fmt: skip
    return [score for name in metrics for score in plugins.load_plugin("metrics", name).measure(evidence).scores]


def simulate_population(task: tuple[int, int, int, int, tuple[str, ...]]) -> dict[str, tuple[int, int, int]]:
    """Return how many intervals of each score were too low, held the truth, and were too high."""
    number, draws, works, samples, metrics = task
    torch.set_num_threads(1)
    population = Population(number, off=[0.0, 0.1, 0.2, 0.35, 0.5, 0.7][number % 6])
    scores: dict[str, list[Score]] = defaultdict(list)
    for draw in range(draws):
        for score in measure_draw(population, 1000 * number + draw, works, samples, metrics):
            scores[score.name].append(score)
    return {
        name: count_misses([s.value for s in found], [s.interval for s in found])
        for name, found in scores.items()
        if found[0].interval
    }


def count_misses(values: list[float], intervals: list[Interval], truth: float | None = None) -> tuple[int, int, int]:
    """Return how many lie below the truth, hold it, and lie above; the truth is the mean where none is given."""
    truth = math.fsum(values) / len(values) if truth is None else truth
    below, above = sum(one.high < truth for one in intervals), sum(one.low > truth for one in intervals)
    return below, len(values) - below - above, above


def simulate_closed_forms(draws: int) -> dict[str, tuple[int, int, int]]:
    """Return the same for shares, means and ratios whose truth is known."""
    generator = torch.Generator().manual_seed(1)

    def repeat(draw: Callable[[], tuple[float, Interval]], truth: float | None) -> tuple[int, int, int]:
        found = [draw() for _ in range(draws)]
        return count_misses([value for value, _ in found], [interval for _, interval in found], truth)

    def draw_share(truth: float, count: int) -> tuple[float, Interval]:
        share = float((torch.rand(count, generator=generator) < truth).double().mean())
        return share, share_interval(share, count)

    def draw_mean(count: int, interval: Callable[[Tensor], Interval]) -> tuple[float, Interval]:
        values = torch.randn(count, generator=generator).mul(0.5).exp()
        return float(values.mean()), interval(values)

    def draw_entropy(weights: Tensor, count: int) -> tuple[float, Interval]:
        drawn = torch.multinomial(weights, count, replacement=True, generator=generator)
        counts = torch.bincount(drawn, minlength=len(weights))
        return entropy(counts), entropy_interval(counts)

    def draw_ratio(count: int) -> tuple[float, Interval]:
        sizes = 50 + 400 * torch.rand(count, generator=generator)
        parts = sizes * (2 + 0.3 * torch.randn(count, generator=generator))
        return float(parts.sum() / sizes.sum()), ratio_interval(parts, sizes)

    shares = {
        f"share {p} of {n}": repeat(lambda p=p, n=n: draw_share(p, n), p) for p in (0.05, 0.3, 0.65) for n in (57, 300)
    }
    means = {
        f"{name} of {n}": repeat(lambda n=n, interval=interval: draw_mean(n, interval), math.exp(0.125))
        for name, interval, counts in (
            ("mean", mean_interval, (20, 96)),
            ("positive mean", positive_mean_interval, (4, 20)),
        )
        for n in counts
    }
    entropies = {
        f"entropy of {n}, {name}": repeat(lambda n=n, weights=weights: draw_entropy(weights, n), None)
        for name, weights in (
            ("ten even classes", torch.ones(10)),
            ("ten uneven ones", torch.arange(1.0, 11.0)),
            ("two even ones", torch.ones(2)),
        )
        for n in (60, 300)
    }
    return {**shares, **means, **entropies, "ratio of 76": repeat(lambda: draw_ratio(76), 2.0)}


def format_intervals(counts: dict[str, tuple[int, int, int]]) -> str:
    """Return each score's share of intervals that hold the truth, with the interval of that share."""
    rows = [
        "| score | intervals | hold % | 95 % | too low % | too high % | 93 to 97 not excluded |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (below, held, above) in counts.items():
        total = below + held + above
        low, high = share_interval(held / total, total)
        is_within = high >= LOW and low <= HIGH
        shares = [f"{100 * part / total:.1f}" for part in (held, below, above)]
        rows.append(
            f"| {name} | {total} | {shares[0]} | {100 * low:.1f} to {100 * high:.1f} | {shares[1]} | {shares[2]} | {'yes' if is_within else 'no'} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--populations", type=int, default=8)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--works", type=int, default=100)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--metrics", nargs="+", default=METRICS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--write", type=Path, help="a page whose table is written anew")
    arguments = parser.parse_args()
    tasks = [
        (number, arguments.draws, arguments.works, arguments.samples, tuple(arguments.metrics))
        for number in range(arguments.populations)
    ]
    with get_context("spawn").Pool(arguments.processes) as pool:
        results = pool.map(simulate_population, tasks, chunksize=1)
    counts = {name: tuple(map(sum, zip(*(result[name] for result in results), strict=True))) for name in results[0]}
    print(
        f"{arguments.populations} populations, {arguments.draws} draws each, {arguments.works} works, {arguments.samples} samples"
    )
    table = format_intervals({**counts, **simulate_closed_forms(1000)})
    print(table)
    if arguments.write:
        write_table(arguments.write, "intervals", table)


if __name__ == "__main__":
    main()
