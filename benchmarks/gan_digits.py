"""The digits GAN of params.yaml against a plain DCGAN (pytorch/examples) trained for the same CPU time of one thread.

    python benchmarks/gan_digits.py [--shards data/shards/digits] [--feature extractor data/checkpoints/digits-classifier] [--out FOLDER]

Features (KID, coverage) come from the feature extractor: the checkpoint if it is there, else one trained here. Whether a picture
is the asked digit is judged by a classifier of another seed, always trained here. Prints a Markdown table.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from artpipe import plugins
from artpipe.artifacts.shards import ShardSet
from artpipe.config.params import load_params
from artpipe.contracts.model import Learner, Prompt
from artpipe.numerics.kernel_distance import kernel_distance
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.numerics.prdc import measure_prdc
from artpipe.system.atomic_files import write_bytes
from artpipe.training.data import Batches, BatchSampler, first_rows, load_columns, sample_indices
from artpipe.training.exhibit_files import compose_grid, encode_png
from artpipe.training.loop import training_steps
from artpipe.training.restore import build_learner, restore_learner

CPU = torch.device("cpu")


class PlainGenerator(nn.Sequential):
    """The generator of pytorch/examples/dcgan at 28 pixels: 7 -> 14 -> 28."""

    def __init__(self) -> None:
        super().__init__(
            nn.ConvTranspose2d(100, 128, 7, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )


class PlainDiscriminator(nn.Sequential):
    """The discriminator of pytorch/examples/dcgan at 28 pixels: 28 -> 14 -> 7."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 64, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(64, 128, 4, 2, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(128, 1, 7, bias=False),
            nn.Flatten(0),
        )


def start(layer: nn.Module) -> None:
    """Initialise as the example does."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)


def plain_dcgan(batches: Batches, seconds: float) -> tuple[nn.Module, int]:
    """Train the example's loop (two passes, binary cross-entropy, Adam 2e-4, beta1 0.5) for so much CPU time."""
    generator, discriminator = PlainGenerator().apply(start), PlainDiscriminator().apply(start)
    of_generator, of_discriminator = (
        torch.optim.Adam(player.parameters(), lr=2e-4, betas=(0.5, 0.999)) for player in (generator, discriminator)
    )
    began, done = time.process_time(), 0
    while time.process_time() - began < seconds:
        real = batches.draw()["images"]
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        discriminator.zero_grad()
        F.binary_cross_entropy_with_logits(discriminator(real), ones).backward()
        fake = generator(torch.randn(len(real), 100, 1, 1))
        F.binary_cross_entropy_with_logits(discriminator(fake.detach()), zeros).backward()
        of_discriminator.step()
        generator.zero_grad()
        F.binary_cross_entropy_with_logits(discriminator(fake), ones).backward()
        of_generator.step()
        done += 1
    return generator, done


def trained(
    name: str, entry: dict[str, Any], shards: ShardSet, seed: int, feature_extractor: Any = None
) -> tuple[Any, float]:
    """Train an entry of params.yaml in artpipe's own loop, keep the best snapshot; return it with its CPU time."""
    torch.manual_seed(seed)
    learner: Learner[Any] = build_learner(name, entry, shards.spec, feature_extractor)
    reads = plugins.load_plugin("models", entry["kind"]).reads
    columns = load_columns(shards, "train", reads, CPU)
    held_out = load_columns(shards, "validation", reads, CPU)
    works = held_out.take(sample_indices(len(held_out), 1000, seed))
    batches = Batches(columns, BatchSampler(len(columns), learner.params.batch_size, seed))
    measure, best, weights = learner.selection_measure, float("inf"), learner.state_dict()
    began = time.process_time()
    for losses in training_steps(learner.train(), batches):
        done = learner.steps_done
        if done % learner.params.evaluate_every_steps == 0 or done == learner.params.steps:
            score = learner.eval().validate(works)
            numbers = {key: round(float(value), 4) for key, value in {**losses, **score}.items()}
            print(f"{name} step {done}, {time.process_time() - began:.0f} core-s: {numbers}", flush=True)
            if measure and (worth := score[measure[0]] * (1 if measure[1] == "min" else -1)) < best:
                best, weights = worth, {key: value.clone() for key, value in learner.state_dict().items()}
            learner.train()
        if done == learner.params.steps:
            break
    spent = time.process_time() - began
    learner.load_state_dict(weights)
    return learner.eval().requires_grad_(requires_grad=False), spent


@torch.no_grad()
def scores(
    painted: Tensor, asked: Tensor | None, reference: Tensor, feature_extractor: Any, judge: Any
) -> dict[str, float]:
    """Return KID and coverage on the feature extractor's features, and the share of asked digits for the judge."""
    painted = to_float(to_bytes(painted))
    real, fake = feature_extractor.features(reference), feature_extractor.features(painted)
    features = {"KID": kernel_distance(real, fake), "coverage": measure_prdc(real, fake, 5).coverage}
    if asked is not None:
        features["asked"] = (judge.logits(painted[:1000]).argmax(1) == asked[:1000]).double().mean().item()
    return features


def main() -> None:
    """Train both for the same CPU time and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, default=Path("data/shards/digits"))
    parser.add_argument("--feature-extractor", type=Path, default=Path("data/checkpoints/digits-classifier"))
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--judge-steps", type=int, default=600)
    parser.add_argument("--out", type=Path, help="a folder for the two grids")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shards, params = ShardSet.open(arguments.shards), load_params()
    classifier = {**params.model("digits-classifier"), "steps": arguments.judge_steps}
    judge, _ = trained("judge", classifier, shards, 4242)
    stored = (arguments.feature_extractor / "checkpoint.json").is_file()
    feature_extractor: Any = (
        restore_learner(arguments.feature_extractor)[0]
        if stored
        else trained("feature_extractor", classifier, shards, params.seed)[0]
    )
    gan, seconds = trained("digits-gan", dict(params.model("digits-gan")), shards, params.seed, feature_extractor)

    columns = load_columns(shards, "train", {"images"}, CPU)
    torch.manual_seed(params.seed)
    plain, plain_steps = plain_dcgan(Batches(columns, BatchSampler(len(columns), 64, params.seed)), seconds)

    test = load_columns(shards, "test", {"images", "labels"}, CPU)
    reference = test.take(sample_indices(len(test), arguments.samples, 7))
    options = torch.arange(arguments.samples) % 10
    ours = gan.sample(Prompt(range(arguments.samples), options))
    torch.manual_seed(0)
    with torch.no_grad():
        theirs = plain.eval()(torch.randn(arguments.samples, 100, 1, 1))
    rows = {
        "artpipe digits-gan": (gan.params.steps, scores(ours, options, reference["images"], feature_extractor, judge)),
        "plain DCGAN": (plain_steps, scores(theirs, None, reference["images"], feature_extractor, judge)),
        "held-out digits": (0, scores(reference["images"], reference["labels"], test.take(sample_indices(len(test), 4000, 7)[2000:])["images"], feature_extractor, judge)),
    }  # fmt: skip
    print(f"\n{seconds:.0f} core-seconds each, one thread, n = {arguments.samples}\n")
    print("| | steps | KID | coverage | asked digit, other judge, n = 1000 |\n|---|---|---|---|---|")
    for name, (count, found) in rows.items():
        asked_share = f"{found['asked']:.1%}" if "asked" in found else "not conditional"
        print(f"| {name} | {count} | {found['KID']:.4f} | {found['coverage']:.3f} | {asked_share} |")
    for name, pictures in (("artpipe", ours), ("plain", theirs)) if arguments.out else ():
        write_bytes(
            arguments.out / f"{name}.png",
            encode_png(compose_grid(list(to_bytes(first_rows({"x": pictures}, 100)["x"])), 10)),
        )


if __name__ == "__main__":
    main()
