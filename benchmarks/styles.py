"""Style transfer: coarse to fine against one size, and the fast network against the one of pytorch/examples.

    python benchmarks/styles.py [--pictures DIR] [--fast NAME]       (after `artpipe run studio-style`)

First a photograph in a style, by our entry in params.yaml and by torch's L-BFGS at the full size alone, for equal process
time: distances to content and style. Then pictures of 512 pixels per core-second of both networks, in turn. Last,
where a trained model of the kind faststyle is named, on held-out photographs: how far one pass is above what optimisation
reaches, the ratio of ``alpha content + beta style``.
"""

import argparse
import time
from pathlib import Path

import torch
from _networks import JohnsonNetwork
from torch import Tensor

from artpipe.artifacts import paths
from artpipe.artifacts.shards import ShardSet
from artpipe.config.params import load_params
from artpipe.models.faststyle import FastStyleNetwork
from artpipe.models.style import Style
from artpipe.nn.style.perceptual import PerceptualLoss, open_perceptual_network
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.system.atomic_files import write_bytes
from artpipe.training.exhibit_files import compose_grid, encode_png
from artpipe.training.restore import build_learner, restore_learner

CONTENT, STYLE = "pagoda", "tissue"


def coarse_to_fine(entry: dict, works: dict, spec, network, pair) -> tuple[Style, float]:
    """Paint by our entry, one pair."""
    learner = build_learner("style", {**entry, "paint": {pair[0]: [pair[1]]}, "keep": 0}, spec, network)
    learner.prepare_training(works)
    start = time.process_time()
    for _ in range(learner.params.steps):
        learner.step({})
        learner.steps_done += 1
    return learner, time.process_time() - start


def one_size(learner: Style, seconds: float) -> Tensor:
    """Gatys as it is usually written: torch's L-BFGS on the full size from the photograph, for as long."""
    content, style = to_float(learner.contents), to_float(learner.styles)
    eye, p = learner.perceptual_loss, learner.params
    wanted = eye.content_features(content), eye.style_grams(style)
    canvas = content.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([canvas], max_iter=1, history_size=p.lbfgs_history)
    start = time.process_time()

    def closure() -> Tensor:
        optimiser.zero_grad()
        far, strange = eye.distances(canvas, *wanted)
        loss = (p.alpha * far + p.beta * strange).sum()
        loss.backward()
        return loss

    while time.process_time() - start < seconds:
        optimiser.step(closure)
    return canvas.detach().clamp(-1, 1)


def judged(eye: PerceptualLoss, pictures: Tensor, contents: Tensor, styles: Tensor) -> tuple[float, float]:
    """Return content and style distance."""
    with torch.no_grad():
        found = eye.distances(pictures, eye.content_features(contents), eye.style_grams(styles))
    return found[0].mean().item(), found[1].mean().item()


def speed(networks: dict, size: int, rounds: int) -> dict[str, float]:
    """Return pictures per core-second, the networks in turn."""
    image, spent = torch.rand(1, 3, size, size) * 2 - 1, dict.fromkeys(networks, 0.0)
    for number in range(rounds + 1):
        for name, paint in networks.items():
            start = time.process_time()
            with torch.no_grad():
                paint(image)
            spent[name] += time.process_time() - start if number else 0.0  # the first round warms up
    return {name: rounds / seconds for name, seconds in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--fast", help="a trained model of the kind faststyle")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    entries = load_params().models
    network, _ = open_perceptual_network(paths.weights("vgg16"))
    shards = ShardSet.open(paths.shards("studio"))
    works = shards.load("train")
    learner, seconds = coarse_to_fine(entries["studio-style"], works, shards.spec, network, (CONTENT, STYLE))
    made = learner.stylise({})
    single = one_size(learner, seconds)
    print(f"{CONTENT} in the manner of {STYLE}, {seconds:.0f} core-s each: content distance, style distance")
    for name, picture in (("photograph", made.contents), ("coarse to fine", made.pictures), ("one size", single)):
        print("  {}: {:.3f} {:.4f}".format(name, *judged(learner.perceptual_loss, picture, made.contents, made.styles)))
    ours = FastStyleNetwork(styles=3, width=32, blocks=4).eval()
    found = speed({"ours": lambda x: ours(x, torch.eye(3)[:1]), "pytorch/examples": JohnsonNetwork().eval()}, 512, 5)
    ratio = found["ours"] / found["pytorch/examples"]
    print(f"pictures of 512 pixels per core-second: {found}, ratio {ratio:.2f} (goal 2)")
    if arguments.fast:
        fast, _, _ = restore_learner(paths.checkpoint(arguments.fast), pretrained=network)
        beside(arguments, fast, shards, network, entries["studio-style"])
    if arguments.pictures:
        sheet = torch.cat([made.contents, made.pictures, single])
        write_bytes(arguments.pictures / "one-size.png", encode_png(compose_grid(list(to_bytes(sheet)), 3)))


def beside(arguments, fast, shards, network, entry) -> None:
    """Print the ratio of losses on held-out photographs, each in each style."""
    held_out, train = shards.load("test"), shards.load("train")
    works = {name: torch.cat([held_out[name], train[name]]) for name in train}
    rows, p = [], fast.params
    for row in range(len(held_out["images"])):
        quick = fast.stylise({"images": to_float(held_out["images"][[row]])})
        for number, style in enumerate(fast.names):
            name = shards.spec.classes[int(held_out["labels"][row])]
            slow, seconds = coarse_to_fine(entry, works, shards.spec, network, (name, style))
            pictures = quick.pictures[[number]], slow.stylise({}).pictures
            both = [
                judged(slow.perceptual_loss, one, quick.contents[[number]], quick.styles[[number]]) for one in pictures
            ]
            losses = [p.alpha * far + p.beta * strange for far, strange in both]
            rows.append((losses[0] / losses[1], *pictures))
            told = ", ".join(f"{far:.3f} {strange:.4f}" for far, strange in both)
            print(
                f"  {name} in the manner of {style}: ours, optimised ({seconds:.0f} core-s): {told}; {rows[-1][0]:.2f}"
            )
    print(f"loss of one pass against optimisation, mean of {len(rows)}: {sum(row[0] for row in rows) / len(rows):.2f}")
    if arguments.pictures:
        sheet = torch.cat([picture for row in rows for picture in row[1:]])
        write_bytes(arguments.pictures / "beside.png", encode_png(compose_grid(list(to_bytes(sheet)), 4)))


if __name__ == "__main__":
    main()
