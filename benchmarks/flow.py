"""Flow, gan and vae on one dataset, each trained for the same core-seconds of one thread.

    python benchmarks/flow.py [--shards data/shards/digits] [--seconds 200] [--seeds 3] [--out FOLDER]

The gan's and the vae's numbers are those of params.yaml where it has `DATASET-gan` and `DATASET-vae`, else those of a new
entry; the flow's are its defaults. A learner's rate follows its steps, so these are set by a trial of some steps. Features
(KID, coverage) and the judge of the asked class come from two classifiers of other seeds, trained here; without classes
features are small pictures. Where the dataset has captions, a flow is asked for those of held-out works, and a matcher of
another seed picks the asked one among ten (`_caption_matcher.py`); "no words" are pictures that were asked for nothing. "nearest works" is the median distance to the nearest training work, as a
share of that of held-out works: far below 1 are copies. The best snapshot is not chosen: what is measured is the last one.
After each seed a Markdown table of means over seeds is printed, with their standard deviations.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from _caption_matcher import CaptionMatcher, list_texts, measure_matching, train_matcher
from torch import Tensor

from artpipe import plugins
from artpipe.artifacts.shards import ShardSet
from artpipe.config.params import load_params
from artpipe.contracts.feature_source import downscale_to_vectors
from artpipe.contracts.model import Learner, Prompt
from artpipe.contracts.plugin_info import model_info
from artpipe.contracts.steered_sampler import SteeredSampler, Steering, select_rows
from artpipe.numerics.image_quality import laplacian_energy
from artpipe.numerics.kernel_distance import kernel_distance
from artpipe.numerics.nearest_neighbours import find_nearest
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.numerics.prdc import measure_prdc
from artpipe.system.atomic_files import write_bytes
from artpipe.training.data import Batches, BatchSampler, load_columns, sample_indices
from artpipe.training.exhibit_files import compose_grid, encode_png
from artpipe.training.loop import training_steps
from artpipe.training.restore import build_learner

CPU = torch.device("cpu")
TRIAL_STEPS = 24  # by which the cost of a step is told; the first third is not counted
MOST_TRAINING_WORKS = 10_000  # among which nearest works are looked for
KINDS = ("flow", "gan", "vae")
SCORES = ("KID", "coverage", "sharpness", "nearest works", "asked class", "asked caption", "no words")


def make_entry(kind: str, dataset: str) -> dict[str, Any]:
    """Return the numbers of params.yaml, else those of a new entry."""
    stored = load_params().models.get(f"{dataset}-{kind}")
    common = {"kind": kind, "dataset": dataset, "pretrained": "x", "feature_extractor": "x"}
    return {**common, **(stored or model_info(kind).starting_params), "patience": 0}


class Dataset:
    """Columns of a dataset by split."""

    def __init__(self, folder: Path) -> None:
        self.shards = ShardSet.open(folder)
        self.name, self.classes = folder.name, self.shards.spec.classes
        self.test = "test" if self.shards.card.counts["test"] else "validation"

    def columns(self, split: str, kind: str) -> Any:
        """Return the columns that a kind reads."""
        model = plugins.load_plugin("models", kind)
        return load_columns(self.shards, split, model.reads | (model.optional & {*self.shards.spec.columns}), CPU)


def train(kind: str, data: Dataset, seconds: float, seed: int, steps: int = 0) -> Learner[Any]:
    """Train for so many core-seconds, or so many steps; say what came of it."""
    torch.manual_seed(seed)
    learner = build_learner(kind, make_entry(kind, data.name), data.shards.spec)
    columns = data.columns("train", kind)
    batches = Batches(columns, BatchSampler(len(columns), learner.params.batch_size, seed))
    began = time.process_time()
    for _ in training_steps(learner.train(), batches):
        if not steps and learner.steps_done == TRIAL_STEPS // 3:
            began = time.process_time()
        if not steps and learner.steps_done == TRIAL_STEPS:
            cost = (time.process_time() - began) / (TRIAL_STEPS - TRIAL_STEPS // 3)
            return train(kind, data, seconds, seed, max(1, round(seconds / cost)))
        if steps and learner.steps_done == 1:
            learner.params = learner.params.model_copy(update={"steps": steps})
        if steps and learner.steps_done == steps:
            break
    spent = time.process_time() - began
    print(f"{kind}, seed {seed}: {steps} steps of {learner.params.batch_size}, {spent:.0f} core-s", flush=True)
    return learner.eval().requires_grad_(requires_grad=False)


@torch.no_grad()
def paint(learner: Any, data: Dataset, count: int) -> tuple[Tensor, Tensor | None]:
    """Return pictures, uint8, and the labels that they were asked for."""
    held_out = data.columns(data.test, "flow").take(torch.arange(len(data.columns(data.test, "flow"))))
    works = {name: column for name, column in held_out.items() if name.startswith("caption")}
    labels = torch.arange(count) % len(data.classes) if data.classes else None
    if works and "captions" in plugins.load_plugin("models", learner.params.kind).optional:
        labels = held_out["labels"][select_rows(range(count), len(held_out["labels"]))]
    return to_bytes(learner.sample(Prompt(range(count), labels, works))), labels


class Measures:
    """What pictures are measured with: features of works, and a judge of classes where there are some."""

    def __init__(self, data: Dataset, count: int, seconds: float) -> None:
        test = data.columns(data.test, "flow")
        self.real = test.take(sample_indices(len(test), count, 7))
        self.features, self.judge = downscale_to_vectors, None
        if data.classes:
            extractor, self.judge = (train("classifier", data, seconds, seed) for seed in (101, 4242))
            self.features = extractor.features
        works = data.columns("train", "flow")
        rows = sample_indices(len(works), MOST_TRAINING_WORKS, 7)
        self.train_features = torch.cat([self.features(works.take(part)["images"]) for part in rows.split(500)])
        self.real_features = self.features(self.real["images"])
        self.usual_distance = self.nearest_distance(self.real_features)
        self.matcher = None
        if "caption_texts" in self.real:
            self.matcher = train_matcher(works, seconds, 77)

    def nearest_distance(self, features: Tensor) -> Tensor:
        """Return the median distance to the nearest training work."""
        return find_nearest(features, self.train_features, 1)[0].median()

    def measure(self, pictures: Tensor, labels: Tensor | None) -> dict[str, float]:
        """Return KID, coverage, sharpness and nearness beside real works, and the share of asked classes read."""
        generated = to_float(pictures)
        features = self.features(generated)
        scores = {
            "KID": kernel_distance(self.real_features, features),
            "coverage": measure_prdc(self.real_features, features, 5).coverage,
            "sharpness": float(laplacian_energy(generated).mean() / laplacian_energy(self.real["images"]).mean()),
            "nearest works": float(self.nearest_distance(features) / self.usual_distance),
        }
        if self.judge is not None and labels is not None:
            known = labels >= 0
            scores["asked class"] = (
                (self.judge.logits(generated[known]).argmax(1) == labels[known]).double().mean().item()
            )
        return scores

    def measure_works(self) -> dict[str, float]:
        """Return the scores of held-out works themselves."""
        scores = self.measure(to_bytes(self.real["images"]), self.real.get("labels"))
        if self.matcher is not None:
            scores["asked caption"] = measure_matching(self.matcher, self.real["images"], list_texts(self.real))
        return scores


@torch.no_grad()
def match_captions(matcher: CaptionMatcher, learner: Any, data: Dataset, count: int) -> dict[str, float]:
    """Return how often the asked caption is picked: of a steered learner, and where it was asked for nothing."""
    if not isinstance(learner, SteeredSampler):
        return {}
    texts = list_texts(data.columns(data.test, "flow").take(torch.arange(len(data.columns(data.test, "flow")))))
    asked = [texts[row] for row in select_rows(range(count), len(texts))]
    noise = Prompt(range(count)).noise(learner.noise_size)
    shares = {}
    for name, words in (("asked caption", asked), ("no words", [""] * count)):
        shares[name] = measure_matching(matcher, learner.steer(noise, Steering(captions=words)), asked)
    return shares


def main() -> None:
    """Train each kind for the same time, with each seed, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, default=Path("data/shards/digits"))
    parser.add_argument("--seconds", type=float, default=200.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--classifier-seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path, help="a folder for grids of 64 pictures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = Dataset(arguments.shards)
    measures = Measures(data, arguments.samples, arguments.classifier_seconds)
    rows = {"held-out works": [measures.measure_works()]}
    for seed in range(1, arguments.seeds + 1):
        for kind in arguments.kinds:
            learner = train(kind, data, arguments.seconds, seed)
            pictures, labels = paint(learner, data, arguments.samples)
            asked = labels if kind != "vae" else None  # it heeds no label
            scores = measures.measure(pictures, asked)
            if measures.matcher is not None:
                scores |= match_captions(measures.matcher, learner, data, arguments.samples)
            rows.setdefault(kind, []).append(scores)
            if arguments.out:
                grid = encode_png(compose_grid(list(pictures[:64]), 8))
                write_bytes(arguments.out / f"{data.name}-{kind}-{seed}.png", grid)
        print_table(f"{data.name}: {arguments.seconds:.0f} core-seconds, {seed} seeds, n = {arguments.samples}", rows)


def print_table(title: str, rows: dict[str, list[dict[str, float]]]) -> None:
    """Print means over seeds, with their standard deviations."""
    print(f"\n{title}\n\n| | {' | '.join(SCORES)} |\n|---{'|---' * len(SCORES)}|")
    for name, found in rows.items():
        cells = [describe([scores[key] for scores in found if key in scores]) for key in SCORES]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def describe(values: list[float]) -> str:
    """Return a mean with its standard deviation, where there are several."""
    if not values:
        return ""
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{spread}"


if __name__ == "__main__":
    main()
