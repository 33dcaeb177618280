"""Plant failures and healthy sets in real works, and count which the evaluation finds.

    python benchmarks/verdicts.py data/shards/digits data/shards/emoji [--seeds 4]
    python benchmarks/verdicts.py data/shards/emoji --weights data/weights/vgg16 --checkpoints data/checkpoints --cache /tmp/features
    python benchmarks/verdicts.py data/shards/digits data/shards/emoji --copies --seeds 26 --works 60

What was learned is drawn by seed from the training works; what is held out, and a pool from which painted sets are made, from the others. Without
`--weights` and `--checkpoints` pixels and edges judge alone; with them a pretrained network and DATASET-classifier, as in an evaluation. Healthy
sets are works of the pool, as they are or hardly changed; failures are what models do when they fail. A hit is a failure that is graded
failed or weak, a false alarm a healthy set that is. Detectors are named by their scores; for each, its hits are counted among the
failures it is made for. Even and odd seeds are reported apart; detectors were added after misses on either.
"""

import argparse
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

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
from artpipe.evaluation.extractor_skill import measure_skill
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.training.restore import restore_learner

METRICS = ("kid", "coverage", "pair_distance", "memorisation", "blends", "sharpness", "structure", "class_certainty")
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


def move(works: Tensor, generator: torch.Generator) -> Tensor:
    """Return each work moved by up to an eighth of its side; what enters repeats its border."""
    reach = works.shape[2] // 8
    places = torch.randint(0, 2 * reach + 1, (len(works), 2), generator=generator).tolist()
    padded = F.pad(works, [reach] * 4, mode="replicate")
    height, width = works.shape[2:]
    parts = [work[:, top : top + height, left : left + width] for work, (top, left) in zip(padded, places, strict=True)]
    return torch.stack(parts)


def turn(works: Tensor, generator: torch.Generator) -> Tensor:
    """Return each work turned by one, two or three right angles."""
    turns = torch.randint(1, 4, (len(works),), generator=generator).tolist()
    return torch.stack([work.rot90(number, (1, 2)) for work, number in zip(works, turns, strict=True)])


def blur(works: Tensor, pixels: int) -> Tensor:
    """Return means over squares of an odd side."""
    return F.avg_pool2d(F.pad(works, [pixels // 2] * 4, mode="replicate"), pixels, 1)


def repeat(works: Tensor, modes: int, count: int) -> Tensor:
    return works[:modes].repeat(-(-count // modes), 1, 1, 1)[:count]


def noise(works: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    return (works + strength * torch.randn(works.shape, generator=generator)).clamp(-1, 1)


def mix_in(pool: Tensor, learned: Tensor, every: int) -> Tensor:
    """Return works of the pool, each third or so replaced by a learned one."""
    is_copy = (torch.arange(len(pool)) % every == 0)[:, None, None, None]
    return torch.where(is_copy, learned[: len(pool)], pool)


def lay_over(works: Tensor, generator: torch.Generator) -> Tensor:
    """Return means of each work and another one."""
    return (works + works.roll(int(torch.randint(1, len(works), (1,), generator=generator)), 0)) / 2


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
    "one in three a copy": (lambda pool, learned, _: mix_in(pool, learned, 3), ("copies", "varied_copies")),
    "blur of 5 pixels": (lambda pool, _, __: blur(pool, 5), ("sharpness", "kid")),
    "noise 0.6": (lambda pool, _, g: noise(pool, g, 0.6), ("noise_level", "sharpness", "kid", "coverage", "precision")),
    "noise alone": (
        lambda pool, _, g: torch.rand(pool.shape, generator=g) * 2 - 1,
        ("noise_level", "coverage", "precision"),
    ),
    "fog of 4 components": (lambda pool, learned, g: components(pool, learned, 4, g), ("sharpness", "kid", "coverage")),
    "means of two works": (
        lambda pool, learned, g: lay_over(learned[: len(pool)], g),
        ("blends",),
    ),
    "one grey": (lambda pool, _, __: torch.full_like(pool, 0.1), ("pair_distance", "coverage")),
}


COPIES: dict[str, tuple[Painter, tuple[str, ...]]] = {
    **{name: failure for name, failure in FAILURES.items() if "varied_copies" in failure[1]},
    "copies moved": (lambda pool, learned, g: move(learned[: len(pool)], g), ("varied_copies",)),
    "copies turned": (lambda pool, learned, g: turn(learned[: len(pool)], g), ("varied_copies",)),
}
Columns = dict[str, Tensor]


class Judges(NamedTuple):
    """What an evaluation of a dataset measures with, beside pixels and edges."""

    spec: Any
    pretrained: tuple[FeatureSource, ...] = ()
    classifier: Any = None
    classifier_sha256: str | None = None
    classes: tuple[str, ...] = ()


def load_works(shards: ShardSet, seed: int, most: int) -> tuple[Columns, Columns, Tensor]:
    """Return learned works, held-out ones and the pictures of a pool, uint8, drawn by seed."""
    columns, counts = ["images", "labels"], shards.card.counts
    others = [shards.load(split, columns) for split in ("validation", "test") if counts.get(split)]
    rest = {name: torch.cat([part[name] for part in others]) for name in others[0]}
    train = shards.load("train", columns)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(rest["images"]), generator=generator)[: 2 * most]
    learned = torch.randperm(len(train["images"]), generator=generator)[: len(rows) // 2]
    held_out, pool = rows.tensor_split(2)
    return {k: v[learned] for k, v in train.items()}, {k: v[held_out] for k, v in rest.items()}, rest["images"][pool]


def open_judges(shards: ShardSet, weights: Path | None, checkpoints: Path | None, cache: Path | None) -> Judges:
    """Return a pretrained network and the dataset's own classifier, where they are named and there."""
    pretrained: tuple[FeatureSource, ...] = ()
    if weights is not None:
        card, tensors, digest = load_extractor_weights(weights)
        network = plugins.load_plugin("extractors", card.network).build(card, tensors)
        source = FeatureSource(card.network, digest, lambda works: network.features(works.expand(-1, 3, -1, -1)), 300)
        pretrained = (replace(source, compute=partial(compute_once, source, cache)),)
    folder = checkpoints / f"{shards.spec.dataset}-classifier" if checkpoints else None
    if folder is None or not folder.is_dir():
        return Judges(shards.spec, pretrained)
    learner, checkpoint, digest = restore_learner(folder)
    return Judges(shards.spec, pretrained, learner, digest, checkpoint.spec.classes)


def compute_once(source: FeatureSource, cache: Path | None, works: Tensor) -> Tensor:
    """Return features of a batch, kept over calls of this program where there is a folder for them."""
    name = sha256(source.sha256.encode() + works.contiguous().numpy().tobytes()).hexdigest()[:32]
    path = cache / f"{name}.pt" if cache else None
    if path is not None and path.is_file():
        return torch.load(path, weights_only=True)
    features = source.compute(works)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(features, path)
    return features


def grade_set(
    painted: Tensor, learned: Columns, held_out: Columns, judges: Judges, names: Sequence[str] = METRICS
) -> tuple[str, set[str]]:
    """Return the grade of a painted set and the scores that raise an alarm."""
    card: Any = SimpleNamespace(spec=judges.spec)
    evidence = Evidence(
        learner=None, card=card, params=EvaluationParams(metrics=()), seed=1, train=learned, held_out=held_out,
        samples=to_bytes(painted), pretrained=judges.pretrained, feature_extractor=judges.classifier,
        extractor_sha256=judges.classifier_sha256, extractor_classes=judges.classes,
    )  # fmt: skip
    evidence.extractor_skill = measure_skill(evidence)
    metrics = [plugins.load_plugin("metrics", name) for name in names]
    findings, verdict = decide_verdict([metric.measure(evidence) for metric in metrics if metric.applies(evidence)])
    return verdict.grade, {finding.score for finding in findings if finding.grade in ALARMS}


def run_trials(
    shards: ShardSet,
    seeds: int,
    most: int,
    judges: Judges,
    failures: Mapping[str, tuple[Painter, tuple[str, ...]]],
    names: Sequence[str],
) -> Iterator[tuple[str, int, str, set[str]]]:
    """Yield name, seed, grade and alarms of every set."""
    for seed in range(seeds):
        learned, held_out, pool = load_works(shards, seed, most)
        for name, painter in {**HEALTHY, **{name: painter for name, (painter, _) in failures.items()}}.items():
            painted = painter(to_float(pool), to_float(learned["images"]), torch.Generator().manual_seed(seed))
            yield (name, seed, *grade_set(painted, learned, held_out, judges, names))


def is_of(detector: str, score: str) -> bool:
    """Return whether a score is a detector's, by the network that decides or one beside it."""
    return score == detector or score.startswith(f"{detector}_by_")


def name_table(arguments: argparse.Namespace) -> str:
    """Return between which marks of a page the table stands."""
    if arguments.copies:
        return "copies"
    if arguments.checkpoints:
        return "pictures by networks"
    return "pictures by a pretrained network" if arguments.weights else "pictures"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--works", type=int, default=100, help="of each of the three parts, at most")
    parser.add_argument("--weights", type=Path, help="of a pretrained network, which judges too")
    parser.add_argument("--checkpoints", type=Path, help="a folder with DATASET-classifier, which judge too")
    parser.add_argument("--cache", type=Path, help="a folder for features of the pretrained network")
    parser.add_argument(
        "--copies", action="store_true", help="only copies, which are looked for alone: more seeds in the same time"
    )
    parser.add_argument("--write", type=Path, help="a page whose table is written anew")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    counts: dict[tuple[str, int, bool], list[bool]] = defaultdict(list)
    failures, names = (COPIES, ("memorisation",)) if arguments.copies else (FAILURES, METRICS)
    detectors = {score for _, scores in failures.values() for score in scores}
    for folder in arguments.shards:
        shards = ShardSet.open(folder)
        judges = open_judges(shards, arguments.weights, arguments.checkpoints, arguments.cache)
        for name, seed, grade, alarms in run_trials(shards, arguments.seeds, arguments.works, judges, failures, names):
            counts[ALL, seed % 2, name in failures].append(grade in ALARMS)
            for detector in failures[name][1] if name in failures else detectors:
                counts[detector, seed % 2, name in failures].append(any(map(partial(is_of, detector), alarms)))
            print(f"{folder.name:12}{seed:3}  {name:28}{grade:12} {', '.join(sorted(alarms))}", flush=True)
    table = format_table(counts)
    print(f"\n{table}")
    if arguments.write:
        write_table(arguments.write, name_table(arguments), table)


if __name__ == "__main__":
    main()
