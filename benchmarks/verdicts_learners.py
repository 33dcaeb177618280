"""Plant failures in trainings, histories, asked labels and styles, and count which the evaluation finds.

    python benchmarks/verdicts_learners.py data/shards/digits --classifier data/checkpoints/digits-classifier [--seeds 4] [--steps 160]
    python benchmarks/verdicts_learners.py data/shards/paintings --weights data/weights/vgg16 [--seeds 4] [--steps 60]

Trainings are real and short: each failure has a healthy twin of the same steps and seed. Works of asked labels are held-out works. A hit is
a failure of which the finding made for it is failed or weak; a false alarm is a healthy twin that has any of these findings. Even seeds are
reported apart from odd ones; neither is untouched (docs/verdicts.md).
"""

import argparse
import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from _verdict_table import ALL, format_table, write_table
from torch import Tensor

from artpipe import plugins
from artpipe.artifacts.checkpoint import HistoryRow
from artpipe.artifacts.report import Finding
from artpipe.artifacts.shards import ShardSet
from artpipe.config.params import EvaluationParams
from artpipe.contracts.metric import Evidence
from artpipe.contracts.model import Learner, Prompt
from artpipe.evaluation.decide_verdict import decide_verdict
from artpipe.nn.style.perceptual import PerceptualLoss, PerceptualNetwork, StylisedPictures, resize
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.training.data import Batches, BatchSampler, Columns
from artpipe.training.loop import RunningMeans, training_steps
from artpipe.training.restore import build_learner, restore_learner

FAULTS = frozenset({"diverged", "posterior collapsed", "class dropped", "labels ignored", "discriminator dominates"})
STYLE_SCORES = frozenset({"style_left", "content_distance"})
_ROWS = 8  # of a history
CONTENT_LAYERS, STYLE_LAYERS = ("conv3_1",), ("conv1_1", "conv2_1", "conv3_1", "conv4_1")
_GAN: dict[str, Any] = {
    "kind": "gan",
    "generator_width": 32,
    "discriminator_width": 32,
    "least_width": 16,
    "batch_size": 32,
}
_VAE: dict[str, Any] = {"kind": "vae", "latent_dim": 16, "hidden": 128, "prior": "normal", "kl_warmup": 0.0}
_UNRULED: dict[str, Any] = {"r1": 0.0, "r2": 0.0, "critic_steps": 6, "learning_rate": 2.0e-3, "augment": []}
TRAININGS: dict[str, tuple[dict[str, Any], str]] = {
    "gan": (_GAN, ""),
    "gan, nonsaturating": ({**_GAN, "loss": "nonsaturating"}, ""),
    "vae": (_VAE, ""),
    "vae, half the weight of the KL": ({**_VAE, "beta": 0.5}, ""),
    "gan, six steps of an unruled discriminator": ({**_GAN, **_UNRULED}, "discriminator dominates"),
    "gan, the same, nonsaturating": ({**_GAN, **_UNRULED, "loss": "nonsaturating"}, "discriminator dominates"),
    "gan, learning rate 30": ({**_GAN, "learning_rate": 30.0}, "diverged"),
    "vae, learning rate 1000": ({**_VAE, "learning_rate": 1.0e3, "gradient_clip_norm": 1.0e9}, "diverged"),
    "vae, 30 times the weight of the KL": ({**_VAE, "beta": 30.0}, "posterior collapsed"),
    "vae, 100 times the weight of the KL": ({**_VAE, "beta": 100.0}, "posterior collapsed"),
}  # by name: entry, and the fault that is planted


class Trial(NamedTuple):
    """A planted or healthy case, and what the evaluation says of it."""

    name: str
    seed: int
    planted: str  # fault, or the score that is made for it; empty: healthy
    alarms: frozenset[str]


def list_alarms(findings: list[Finding], *, by_score: bool = False) -> frozenset[str]:
    """Return faults, or names of scores, of what is failed or weak."""
    grave = [finding for finding in findings if finding.grade in {"failed", "weak"}]
    return frozenset(f.score for f in grave) & STYLE_SCORES if by_score else frozenset(f.fault for f in grave) & FAULTS


def measure_evidence(evidence: Evidence, *names: str) -> list[Finding]:
    metrics = [plugins.load_plugin("metrics", name) for name in names]
    return decide_verdict([metric.measure(evidence) for metric in metrics if metric.applies(evidence)])[0]


def train(learner: Learner[Any], columns: dict[str, Tensor], steps: int, seed: int) -> tuple[HistoryRow, ...]:
    """Train a few steps and return the means of its losses, eight times."""
    batches = Batches(
        Columns(columns, torch.device("cpu")), BatchSampler(len(columns["images"]), learner.params.batch_size, seed)
    )
    means, history = RunningMeans(), list[HistoryRow]()
    for losses in training_steps(learner.train(), batches):
        means.add(losses)
        if learner.steps_done % (steps // _ROWS) == 0:
            history.append(HistoryRow(step=learner.steps_done, losses=means.take(), validation={}))
        if learner.steps_done >= steps:
            break
    learner.eval().requires_grad_(requires_grad=False)
    return tuple(history)


def try_trainings(shards: ShardSet, seeds: int, steps: int) -> Iterator[Trial]:
    """Train healthy and ill-set models and judge histories and codes."""
    columns = shards.load("train", ["images", "labels"])
    held_out = {name: column[:300] for name, column in shards.load("test", ["images", "labels"]).items()}
    for seed in range(seeds):
        for name, (entry, planted) in TRAININGS.items():
            torch.manual_seed(seed)
            whole = {"dataset": "digits", "pretrained": "", "feature_extractor": "", "steps": steps, **entry}
            learner = build_learner(name, whole, shards.spec)
            history = train(learner, columns, steps, seed)
            card = SimpleNamespace(spec=shards.spec, history=history, diverged=False, rollbacks=0, params={}, selection=None, steps={})  # fmt: skip
            params = EvaluationParams(metrics=(), importance_works=2, importance_samples=2)
            evidence = Evidence(
                learner=learner, card=card, params=params, seed=1, train=columns, held_out=held_out
            )  # fmt: skip
            yield Trial(name, seed, planted, list_alarms(measure_evidence(evidence, "training", "elbo")))
            for times in () if planted else (1.0e4, torch.nan):
                card.history = explode(history, times)
                alarms = list_alarms(measure_evidence(evidence, "training"))
                yield Trial(f"{name}, at the end times {times:g}", seed, "diverged", alarms)


def explode(rows: tuple[HistoryRow, ...], times: float) -> tuple[HistoryRow, ...]:
    """Return a history whose last losses are many times what they were."""
    last = rows[-1].model_copy(update={"losses": {name: value * times for name, value in rows[-1].losses.items()}})
    return (*rows[:-1], last)


Painter = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor | None]]  # works, labels -> works, asked


def drop_class(works: Tensor, labels: Tensor, lost: int, *, is_asked: bool) -> tuple[Tensor, Tensor | None]:
    """Return works of all classes but one, which is answered with others where it was asked for."""
    rest = (labels != lost).nonzero()[:, 0]
    rows = torch.arange(len(labels))
    rows[labels == lost] = rest[: int((labels == lost).sum())]
    return works[rows], labels if is_asked else None


LABELS: dict[str, tuple[Painter, str]] = {
    "as asked": (lambda works, labels, _: (works, labels), ""),
    "as asked, nothing asked": (lambda works, _, __: (works, None), ""),
    "as asked, a little noise": (lambda works, labels, g: (add_noise(works, g), labels), ""),
    "one in twenty at random": (lambda works, labels, g: (works, shuffle(labels, 0.05, g)), ""),
    "an asked class never painted": (
        lambda works, y, g: drop_class(works, y, any_class(y, g), is_asked=True),
        "class dropped",
    ),
    "a class never painted": (
        lambda works, y, g: drop_class(works, y, any_class(y, g), is_asked=False),
        "class dropped",
    ),
    "labels at random": (lambda works, labels, g: (works, shuffle(labels, 1.0, g)), "labels ignored"),
    "19 of 20 labels at random": (lambda works, labels, g: (works, shuffle(labels, 0.95, g)), "labels ignored"),
    "the next class": (lambda works, labels, _: (works, (labels + 1) % (int(labels.max()) + 1)), "labels ignored"),
}


def any_class(labels: Tensor, generator: torch.Generator) -> int:
    return int(torch.randint(int(labels.max()) + 1, (1,), generator=generator))


def add_noise(works: Tensor, generator: torch.Generator) -> Tensor:
    return to_bytes((to_float(works) + 0.05 * torch.randn(works.shape, generator=generator)).clamp(-1, 1))


def shuffle(labels: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return labels of which a share is drawn anew from all."""
    is_drawn = torch.rand(len(labels), generator=generator) < share
    return torch.where(is_drawn, labels[torch.randperm(len(labels), generator=generator)], labels)


def try_labels(shards: ShardSet, classifier: Path, seeds: int) -> Iterator[Trial]:
    """Show held-out works for asked labels, those or others."""
    reader, card, sha256 = restore_learner(classifier)
    train_works, test = (shards.load(split, ["images", "labels"]) for split in ("train", "test"))
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randperm(len(test["labels"]), generator=generator)[:800]
        held_out, pool = ({name: column[part] for name, column in test.items()} for part in rows.chunk(2))
        for name, (painter, planted) in LABELS.items():
            works, asked = painter(pool["images"], pool["labels"], torch.Generator().manual_seed(seed))
            evidence = Evidence(
                learner=reader, card=SimpleNamespace(spec=shards.spec), params=EvaluationParams(metrics=()), seed=1,
                train={column: rows[:1000] for column, rows in train_works.items()}, held_out=held_out, samples=works,
                prompt=Prompt(range(len(works)), labels=asked), feature_extractor=reader, extractor_sha256=sha256,
                extractor_classes=card.spec.classes,
            )  # fmt: skip
            yield Trial(name, seed, planted, list_alarms(measure_evidence(evidence, "class_entropy")))


def transfer_style(loss: PerceptualLoss, contents: Tensor, styles: Tensor, steps: int) -> Tensor:
    """Return pictures optimised for both distances (Gatys et al. 2016)."""
    content, style = loss.content_features(contents), loss.style_grams(styles)
    pictures = contents.clone().requires_grad_()
    optimiser = torch.optim.Adam([pictures], lr=0.05)
    for _ in range(steps):
        optimiser.zero_grad()
        of_content, of_style = loss.distances(pictures, content, style)
        (of_content.sum() + 5.0 * of_style.sum()).backward()
        optimiser.step()
        with torch.no_grad():
            pictures.clamp_(-1, 1)
    return pictures.detach()


class FixedStyles:
    """Stands for a learner of styles: what it painted is planted."""

    def __init__(self, loss: PerceptualLoss, stylised: StylisedPictures) -> None:
        self.perceptual_loss, self.stylised = loss, stylised

    def stylise(self, works: Mapping[str, Tensor]) -> StylisedPictures:
        """Return what was planted."""
        del works
        return self.stylised


STYLES: dict[str, tuple[Callable[[StylisedPictures, torch.Generator], Tensor], str]] = {
    "transferred": (lambda s, _: s.pictures, ""),
    "transferred, a little noise": (lambda s, g: s.pictures + 0.02 * torch.randn(s.pictures.shape, generator=g), ""),
    "nothing changed": (lambda s, _: s.contents, "style_left"),
    "nothing but noise added": (lambda s, g: s.contents + 0.05 * torch.randn(s.contents.shape, generator=g), "style_left"),
    "a tenth of the style mixed in": (lambda s, _: 0.9 * s.contents + 0.1 * s.styles, "style_left"),
    "only its colours": (lambda s, _: s.contents - s.contents.mean((2, 3), keepdim=True) + s.styles.mean((2, 3), keepdim=True), "style_left"),
    "the style itself": (lambda s, _: s.styles, "content_distance"),
    "noise alone": (lambda s, g: torch.rand(s.contents.shape, generator=g) * 2 - 1, "content_distance"),
    "other contents": (lambda s, _: s.pictures.roll(1, 0), "content_distance"),
}  # fmt: skip


def try_styles(shards: ShardSet, weights: Path, seeds: int, steps: int) -> Iterator[Trial]:
    """Give pictures of a real transfer, and of transfers that failed."""
    loss = PerceptualLoss(PerceptualNetwork.open(weights)[0], CONTENT_LAYERS, STYLE_LAYERS)
    images = shards.load("train", ["images"])["images"]
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        works = to_float(images[torch.randperm(len(images), generator=generator)[:12]])
        contents, styles = resize(works, (64, 64)).clamp(-1, 1).chunk(2)
        stylised = StylisedPictures(transfer_style(loss, contents, styles, steps), contents, styles)
        for name, (paint, planted) in STYLES.items():
            pictures = paint(stylised, torch.Generator().manual_seed(seed)).clamp(-1, 1)
            learner: Any = FixedStyles(loss, replace(stylised, pictures=pictures))
            evidence = Evidence(
                learner=learner, card=SimpleNamespace(spec=shards.spec), params=EvaluationParams(metrics=()), seed=1, train={}, held_out={}
            )  # fmt: skip
            yield Trial(name, seed, planted, list_alarms(measure_evidence(evidence, "stylisation"), by_score=True))


def count_trials(trials: Iterator[Trial]) -> dict[tuple[str, int, bool], list[bool]]:
    """Return by detector, half of the seeds and whether one was planted, which were alarms."""
    counts: dict[tuple[str, int, bool], list[bool]] = defaultdict(list)
    for trial in trials:
        print(f"{trial.seed:3}  {trial.name:46}{trial.planted or 'healthy':26}{', '.join(sorted(trial.alarms))}", flush=True)  # fmt: skip
        half = trial.seed % 2
        is_alarm = trial.planted in trial.alarms if trial.planted else bool(trial.alarms)
        if trial.planted:
            counts[trial.planted, half, True].append(is_alarm)
        for detector in () if trial.planted else sorted(FAULTS | STYLE_SCORES):
            counts[detector, half, False].append(detector in trial.alarms)
        counts[ALL, half, bool(trial.planted)].append(is_alarm)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--classifier", type=Path, help="of the shards; labels and trainings are tried")
    parser.add_argument("--weights", type=Path, help="VGG16; styles are tried")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--write", type=Path, help="a page whose table is written anew")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shards = ShardSet.open(arguments.shards)

    trials: dict[str, list[Iterator[Trial]]] = {}
    if arguments.classifier:
        labels = try_labels(shards, arguments.classifier, arguments.seeds)
        trials["learners"] = [labels, try_trainings(shards, arguments.seeds, arguments.steps)]
    if arguments.weights:
        trials["styles"] = [try_styles(shards, arguments.weights, arguments.seeds, arguments.steps)]
    for name, parts in trials.items():
        table = format_table(count_trials(itertools.chain.from_iterable(parts)))
        print(f"\n{table}")
        if arguments.write:
            write_table(arguments.write, name, table)


if __name__ == "__main__":
    main()
