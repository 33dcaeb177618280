"""Prior samples of our vae against a fully connected 784-400-20 one, trained for equal core-seconds, on one feature extractor.

    python benchmarks/vae_digits.py --shards data/shards/digits [--feature extractor data/checkpoints/digits-classifier] [--grids DIR]

Ours runs first, for the steps of its entry in params.yaml; the other then gets the same process time, the same data in
memory and the same loop. KID is on the feature extractor's features, 2,000 samples against 2,000 works of the test split drawn at
random. Goals: at most 0.7 of the other's KID, and all ten classes among the samples.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from _networks import FullyConnectedVAE
from torch import Tensor

from artpipe.artifacts.shards import ShardSet
from artpipe.config.params import TrainParams, load_params
from artpipe.contracts.model import Learner, Prompt
from artpipe.numerics.kernel_distance import kernel_distance
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.system.atomic_files import write_bytes
from artpipe.training.data import Batches, BatchSampler, Columns, sample_indices
from artpipe.training.exhibit_files import compose_grid, encode_png
from artpipe.training.loop import RunningMeans, training_steps
from artpipe.training.restore import build_learner, restore_learner

SAMPLES = 2000


def train(learner: Learner, columns: dict[str, Tensor], seed: int, done: Callable[[int, float], bool]) -> float:
    """Train until `done(step, core_seconds)`; return the core-seconds."""
    torch.manual_seed(seed)
    batches = Batches(
        Columns(columns, torch.device("cpu")), BatchSampler(len(columns["images"]), learner.params.batch_size, seed)
    )
    start, means = time.process_time(), RunningMeans()
    for losses in training_steps(learner.train(), batches):
        means.add(losses)
        spent = time.process_time() - start
        if learner.steps_done % 500 == 0:
            print(f"  step {learner.steps_done}, {spent:.0f} core-s, {means.take()}", flush=True)
        if done(learner.steps_done, spent):
            break
    learner.eval().requires_grad_(requires_grad=False)
    return spent


def extractor_for(arguments: argparse.Namespace, shards: ShardSet, entry: dict) -> Learner:
    """Restore the feature extractor, or train it as params.yaml says."""
    if arguments.feature_extractor:
        return restore_learner(arguments.feature_extractor)[0]
    torch.manual_seed(arguments.seed)
    learner = build_learner("digits-classifier", entry, shards.spec)
    total = learner.params.steps
    spent = train(learner, shards.load("train", ["images", "labels"]), arguments.seed, lambda step, _: step >= total)
    works = shards.load("test", ["images", "labels"])
    measured = learner.validate({"images": to_float(works["images"]), "labels": works["labels"]})
    print(f"feature_extractor: {spent:.0f} core-s, {measured}")
    return learner


def measured(
    name: str, paint: Callable[[Prompt], Tensor], feature_extractor: Learner, real: Tensor, grids: Path | None
) -> float:
    """Print what the feature extractor says about the samples and return their KID."""
    samples = to_bytes(paint(Prompt(seeds=range(SAMPLES))))
    with torch.no_grad():
        kid = kernel_distance(feature_extractor.features(real), feature_extractor.features(to_float(samples)))
        chances = feature_extractor.logits(to_float(samples)).softmax(1)
    counts = chances.argmax(1).bincount(minlength=chances.shape[1])
    print(f"{name}: KID {kid:.4f}, mean confidence {chances.amax(1).mean():.3f}, samples by class {counts.tolist()}")
    if grids:
        write_bytes(grids / f"{name}.png", encode_png(compose_grid(list(samples[:96]), columns=12)))
    return kid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, default=Path("data/shards/digits"))
    parser.add_argument(
        "--feature-extractor", type=Path, help="checkpoint of a classifier; trained anew where none is given"
    )
    parser.add_argument("--grids", type=Path, help="folder for pictures of the samples")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shards, models = ShardSet.open(arguments.shards), load_params().models
    feature_extractor = extractor_for(arguments, shards, models["digits-classifier"])
    works = shards.load("test", ["images"])["images"]
    real = to_float(works[sample_indices(len(works), SAMPLES, arguments.seed)])
    columns = shards.load("train", ["images"])

    torch.manual_seed(arguments.seed)
    ours = build_learner("digits-vae", models["digits-vae"], shards.spec)
    spent = train(ours, columns, arguments.seed, lambda step, _: step >= ours.params.steps)
    torch.manual_seed(arguments.seed)
    entry = TrainParams(kind="vae", dataset="digits", pretrained="", feature_extractor="", batch_size=128)
    theirs = FullyConnectedVAE(entry, shards.spec)
    train(theirs, columns, arguments.seed, lambda _, seconds: seconds >= spent)

    one, other = (
        measured(name, learner.sample, feature_extractor, real, arguments.grids)
        for name, learner in (("ours", ours), ("784-400-20", theirs))
    )
    print(
        f"{spent:.0f} core-s each, {ours.steps_done} and {theirs.steps_done} steps: KID ratio {one / other:.2f} (goal: at most 0.7)"
    )


if __name__ == "__main__":
    main()
