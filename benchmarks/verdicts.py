"""Plant failures and healthy sets in real works, and count which the evaluation finds.

    python benchmarks/verdicts.py data/shards/digits data/shards/emoji [--seeds 3] [--weights data/weights/vgg16]

Works of a dataset are parted by seed into three: what was learned, what is held out, and a pool from which painted sets are made. Healthy
sets are works of the pool, as they are or hardly changed; failures are what models do when they fail. A hit is a failure that is graded
failed or weak, a false alarm a healthy set that is. Detectors are named by their scores; for each, its hits are counted among the
failures it is made for. Even seeds are those that bounds were chosen on, odd ones are reported beside them.
"""

import argparse
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from _verdict_table import ALARMS, ALL, format_table, write_table
from torch import Tensor
from torch.nn import functional as F

from artpipe import plugins
from artpipe.artifacts.extractor_card import load_extractor_weights
from artpipe.artifacts.shards import ShardSet
from artpipe.config.params import EvaluationParams
from artpipe.contracts.feature_source import FeatureSource
from artpipe.contracts.metric import Evidence
from artpipe.evaluation.decide_verdict import decide_verdict
from artpipe.numerics.pixels import to_bytes, to_float

METRICS = ("kid", "coverage", "pair_distance", "memorisation", "sharpness", "structure")
Painter = Callable[[Tensor, Tensor, torch.Generator], Tensor]  # pool, learned works (both in [-1, 1]) -> painted


def recolour(works: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """Return each work with its channels mixed at random."""
    channels = works.shape[1]
    mixing = 0.5 * strength * torch.randn(len(works), channels, channels, generator=generator) + torch.eye(channels) * (
        1 - 0.4 * strength
    )
    return (
        torch.einsum("nij,njhw->nihw", mixing, works)
        + 0.3 * strength * torch.randn(len(works), channels, 1, 1, generator=generator)
    ).clamp(-1, 1)


def crop(works: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return a part of each work at a place by chance, enlarged."""
    height, width = works.shape[2:]
    rows, columns = round(height * share), round(width * share)
    down, across = (
        torch.randint(0, size - part + 1, (len(works),), generator=generator).tolist()
        for size, part in ((height, rows), (width, columns))
    )
    parts = [
        work[:, top : top + rows, left : left + columns] for work, top, left in zip(works, down, across, strict=True)
    ]
    return F.interpolate(torch.stack(parts), (height, width), mode="bilinear", align_corners=False)


def blur(works: Tensor, pixels: int) -> Tensor:
    """Return means over squares of an odd side."""
    return F.avg_pool2d(F.pad(works, [pixels // 2] * 4, mode="replicate"), pixels, 1)


def repeat(works: Tensor, modes: int, count: int) -> Tensor:
    return works[:modes].repeat(-(-count // modes), 1, 1, 1)[:count]


def noise(works: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    return (works + strength * torch.randn(works.shape, generator=generator)).clamp(-1, 1)


def components(works: Tensor, learned: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Return draws of a Gaussian of few components: fog."""
    flat = learned.flatten(1)
    _, scales, axes = torch.pca_lowrank(flat, number, niter=2)
    codes = torch.randn(len(works), number, generator=generator) * scales / len(flat) ** 0.5
    return (flat.mean(0) + codes @ axes.T).view_as(works).clamp(-1, 1)


HEALTHY: dict[str, Painter] = {
    "as they are": lambda pool, _, __: pool,
    "mirrored": lambda pool, _, __: pool.flip(3),
    "noise 0.02": lambda pool, _, g: noise(pool, g, 0.02),
    "recoloured a little": lambda pool, _, g: recolour(pool, g, 0.1),
    "moved by a pixel": lambda pool, _, __: pool.roll((1, 1), (2, 3)),
}
# By name: the painter, and the scores that are made to find it.
FAILURES: dict[str, tuple[Painter, tuple[str, ...]]] = {
    "one picture": (lambda pool, _, g: noise(repeat(pool, 1, len(pool)), g, 0.02), ("pair_distance", "next_structure")),
    "4 pictures": (lambda pool, _, g: noise(repeat(pool, 4, len(pool)), g, 0.02), ("next_distance", "next_structure")),
    "10 pictures": (
        lambda pool, _, g: noise(repeat(pool, 10, len(pool)), g, 0.02),
        ("next_distance", "next_structure"),
    ),
    "4 templates in many colours": (lambda pool, _, g: recolour(repeat(pool, 4, len(pool)), g), ("next_structure",)),
    "copies": (lambda pool, learned, g: noise(learned[: len(pool)], g, 0.01), ("copies", "varied_copies")),
    "copies mirrored": (lambda pool, learned, _: learned[: len(pool)].flip(3), ("varied_copies",)),
    "copies recoloured": (lambda pool, learned, g: recolour(learned[: len(pool)], g), ("varied_copies",)),
    "copies cropped to 0.9": (lambda pool, learned, g: crop(learned[: len(pool)], 0.9, g), ("varied_copies",)),
    "blur of 5 pixels": (lambda pool, _, __: blur(pool, 5), ("sharpness", "kid")),
    "noise 0.6": (lambda pool, _, g: noise(pool, g, 0.6), ("sharpness", "kid", "coverage", "precision")),
    "noise alone": (lambda pool, _, g: torch.rand(pool.shape, generator=g) * 2 - 1, ("coverage", "precision")),
    "fog of 4 components": (lambda pool, learned, g: components(pool, learned, 4, g), ("sharpness", "kid", "coverage")),
    "means of two works": (
        lambda pool, _, g: (pool + pool[torch.randperm(len(pool), generator=g)]) / 2,
        ("kid", "precision"),
    ),
    "one grey": (lambda pool, _, __: torch.full_like(pool, 0.1), ("pair_distance", "coverage")),
}


def load_works(folder: Path, seed: int, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return learned works, held-out ones and a pool, uint8, parted by seed."""
    shards = ShardSet.open(folder)
    images = torch.cat([shards.load(split)["images"] for split, count in shards.card.counts.items() if count])
    rows = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[: 3 * most]
    size = len(rows) // 3
    return images[rows[:size]], images[rows[size : 2 * size]], images[rows[2 * size : 3 * size]]


def open_weights(folder: Path | None, channels: int) -> tuple[FeatureSource, ...]:
    if folder is None or channels != 3:
        return ()
    card, tensors, sha256 = load_extractor_weights(folder)
    network = plugins.load_plugin("extractors", card.network).build(card, tensors)
    return (FeatureSource(card.network, sha256, network.features, 300),)


def grade_set(
    painted: Tensor, learned: Tensor, held_out: Tensor, sources: tuple[FeatureSource, ...]
) -> tuple[str, set[str]]:
    """Return the grade of a painted set and the scores that raise an alarm."""
    evidence = Evidence(
        learner=None, card=None, params=EvaluationParams(metrics=()), seed=1, train={"images": learned},
        held_out={"images": held_out}, samples=to_bytes(painted), pretrained=sources,
    )  # fmt: skip
    measured = [plugins.load_plugin("metrics", name).measure(evidence) for name in METRICS]
    findings, verdict = decide_verdict(measured)
    return verdict.grade, {finding.score for finding in findings if finding.grade in ALARMS}


def run_trials(
    folder: Path, seeds: int, most: int, weights: Path | None
) -> Iterator[tuple[str, int, bool, str, set[str]]]:
    """Yield name, seed, whether it is a failure, grade and alarms of every set."""
    for seed in range(seeds):
        learned, held_out, pool = load_works(folder, seed, most)
        sources = open_weights(weights, learned.shape[1])
        painters = {**HEALTHY, **{name: painter for name, (painter, _) in FAILURES.items()}}
        for name, painter in painters.items():
            painted = painter(to_float(pool), to_float(learned), torch.Generator().manual_seed(seed))
            yield (name, seed, name in FAILURES, *grade_set(painted, learned, held_out, sources))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--works", type=int, default=100, help="of each of the three parts, at most")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--write", type=Path, help="a page whose table is written anew")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    counts: dict[tuple[str, int, bool], list[bool]] = defaultdict(list)
    for folder in arguments.shards:
        for name, seed, is_failure, grade, alarms in run_trials(
            folder, arguments.seeds, arguments.works, arguments.weights
        ):
            counts[ALL, seed % 2, is_failure].append(grade in ALARMS)
            wanted = FAILURES[name][1] if is_failure else ()
            for detector in {score for _, scores in FAILURES.values() for score in scores}:
                if detector in wanted or not is_failure:
                    counts[detector, seed % 2, is_failure].append(detector in alarms)
            print(f"{folder.name:12}{seed:3}  {name:28}{grade:12} {', '.join(sorted(alarms))}", flush=True)
    table = format_table(counts)
    print(f"\n{table}")
    if arguments.write:
        write_table(arguments.write, "pictures by networks" if arguments.weights else "pictures", table)


if __name__ == "__main__":
    main()
