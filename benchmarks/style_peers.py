"""Style transfer beside other people's own code, on the same pictures, with the same trained weights.

    python benchmarks/style_peers.py gatys DIR [--pair pagoda tissue] [--seconds 20 60] [--pictures DIR]
    python benchmarks/style_peers.py johnson DIR [--size 256] [--batch 4] [--seconds 180] [--pictures DIR]

`gatys`: DIR is gordicaleksa/pytorch-neural-style-transfer (a244dc6; needs opencv-python-headless). Its L-BFGS on VGG16 with
its default weights, looked at after so many core-seconds, beside our entry. `johnson`: DIR is
pytorch/examples (77f55b9). Its fast_neural_style trained for one style beside our trained studio-faststyle, on held-out
photographs. Both are judged by our criterion and by theirs. Needs `artpipe run studio-style studio-faststyle`; torchvision's
weights are handed over instead of downloaded. Nothing of theirs is kept.
"""

import argparse
import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
import torchvision
from styles import coarse_to_fine, judged, speed
from torch import Tensor, nn

from artpipe.artifacts import paths
from artpipe.artifacts.shards import ShardSet
from artpipe.artifacts.weights_card import load_weights
from artpipe.config.params import load_params
from artpipe.extractors.vgg16 import _PLACES
from artpipe.nn.style.perceptual import open_perceptual_network
from artpipe.nn.style.style_images import find_first_works
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.system.atomic_files import write_bytes
from artpipe.training.exhibit_files import compose_grid, encode_png
from artpipe.training.restore import restore_learner

Criterion = Callable[[Tensor], tuple[float, ...]]  # of (1, 3, H, W) in [-1, 1]: the whole, content, style


vgg16 = torchvision.models.vgg16  # before it is replaced, for the peer alone


class EnoughError(Exception):
    """The peer has had its core-seconds."""


def unheard() -> contextlib.redirect_stdout:
    """Let what a peer says of every step go nowhere."""
    return contextlib.redirect_stdout(io.StringIO())


def with_our_weights(**unused: object) -> SimpleNamespace:
    """Stand for `torchvision.models.vgg16`, whose weights cannot be downloaded everywhere; they are the same ones."""
    del unused
    network = vgg16().features
    tensors = load_weights(paths.weights("vgg16"))[1]
    for layer, place in _PLACES.items():
        network[place].load_state_dict({part: tensors[f"{layer}.{part}"] for part in ("weight", "bias")})
    return SimpleNamespace(features=network)


class Studio:
    """Our side: works, weights, entries."""

    def __init__(self) -> None:
        self.shards = ShardSet.open(paths.shards("studio"))
        train, test = self.shards.load("train"), self.shards.load("test")
        self.works = {name: torch.cat([test[name], train[name]]) for name in train}
        self.held_out = [self.shards.spec.classes[label] for label in test["labels"].tolist()]
        self.train = train["images"]
        self.entry = load_params().models["studio-style"]
        self.network, _ = open_perceptual_network(paths.weights("vgg16"))

    def image(self, name: str) -> Tensor:
        """Return the first work of a class ``(3, H, W)`` uint8."""
        return self.works["images"][find_first_works(self.works, self.shards.spec, name)[0]]

    def paint(self, pair: tuple[str, str]):
        """Return our learner at the end, and its core-seconds."""
        return coarse_to_fine(self.entry, self.works, self.shards.spec, self.network, pair)


def told(name: str, learner, picture: Tensor, theirs: Criterion) -> None:
    """Print one picture's losses by both criteria."""
    p, made = learner.params, learner.stylise({})
    far, strange = judged(learner.perceptual_loss, picture, made.contents, made.styles)
    whole = p.alpha * far + p.beta * strange
    other = "{:.3e} ({:.3e} {:.3e})".format(*theirs(picture))
    print(f"  {name}: ours {whole:.3f} (content {far:.3f}, style {strange:.4f}); theirs {other}", flush=True)


def gatys(arguments, studio: Studio) -> list[Tensor]:
    """Print what L-BFGS of the peer and ours reach after equal core-seconds."""
    import neural_style_transfer as peer

    content, style = (studio.image(name) for name in arguments.pair)
    seen: list[tuple[float, Tensor]] = []
    start = [0.0]

    def look(canvas: Tensor, *unused: object, **more: object) -> None:
        del unused, more
        spent = time.process_time() - start[0]
        if spent >= arguments.seconds[len(seen)]:
            mean = torch.tensor(peer.utils.IMAGENET_MEAN_255).view(1, 3, 1, 1)
            seen.append((spent, ((canvas.detach() + mean) / 127.5 - 1).clamp(-1, 1)))
        if len(seen) == len(arguments.seconds):
            raise EnoughError

    peer.utils.save_and_maybe_display = look
    with tempfile.TemporaryDirectory() as folder, unheard(), contextlib.suppress(EnoughError):
        config = {
            "content_images_dir": folder, "content_img_name": "content.png", "style_images_dir": folder,
            "style_img_name": "style.png", "output_img_dir": folder, "height": content.shape[1], "model": "vgg16",
            "optimizer": "lbfgs", "init_method": "content", "saving_freq": -1, "img_format": (4, ".png"),
            "content_weight": 1e5, "style_weight": 3e4, "tv_weight": 1.0,
        }  # fmt: skip
        for name, image in (("content", content), ("style", style)):
            (Path(folder) / f"{name}.png").write_bytes(encode_png(image))
        theirs = gatys_criterion(peer, config, to_float(content)[None], to_float(style)[None])
        start[0] = time.process_time()
        peer.neural_style_transfer(config)
    print(f"{arguments.pair[0]} in the manner of {arguments.pair[1]}, {content.shape[1]} pixels")
    learner, seconds = studio.paint(arguments.pair)
    ours = learner.stylise({}).pictures
    told("photograph", learner, to_float(content)[None], theirs)
    told(f"ours, {seconds:.0f} core-s", learner, ours, theirs)
    for spent, picture in seen:
        told(f"theirs, {spent:.0f} core-s", learner, picture, theirs)
    return [to_float(content), to_float(style), ours[0], *(picture[0] for _, picture in seen)]


def gatys_criterion(peer: ModuleType, config: dict, content: Tensor, style: Tensor) -> Criterion:
    """Return the peer's loss of any picture."""
    network, (content_at, _), (style_at, _) = peer.utils.prepare_model("vgg16", torch.device("cpu"))
    mean = torch.tensor(peer.utils.IMAGENET_MEAN_255).view(1, 3, 1, 1)
    with torch.no_grad():
        seen = [network((image + 1) * 127.5 - mean) for image in (content, style)]
    grams = [peer.utils.gram_matrix(maps) for maps in seen[1]]
    wanted = [seen[0][content_at].squeeze(0), grams]

    def criterion(picture: Tensor) -> tuple[float, ...]:
        with torch.no_grad():
            found = peer.build_loss(network, (picture + 1) * 127.5 - mean, wanted, content_at, style_at, config)
        weighted = (1.0, config["content_weight"], config["style_weight"])
        return tuple(weight * float(value) for weight, value in zip(weighted, found[:3], strict=True))

    return criterion


def johnson(arguments, studio: Studio) -> list[Tensor]:
    """Print what both networks reach on held-out photographs, against optimisation, and their speed."""
    import neural_style as peer

    style, steps = arguments.pair[1], [0]
    network, start = peer.TransformerNet(), time.process_time()

    class Timed(torch.optim.Adam):
        def step(self, *more: object) -> None:
            super().step(*more)
            steps[0] += 1
            if time.process_time() - start >= arguments.seconds[0]:
                raise EnoughError

    peer.Adam, peer.TransformerNet = Timed, lambda: network
    with tempfile.TemporaryDirectory() as folder, unheard(), contextlib.suppress(EnoughError):
        (Path(folder) / "works" / "all").mkdir(parents=True)
        for number, image in enumerate(studio.train):
            (Path(folder) / "works" / "all" / f"{number}.png").write_bytes(encode_png(image))
        (Path(folder) / "style.png").write_bytes(encode_png(studio.image(style)))
        config = SimpleNamespace(
            accel=False, seed=42, image_size=arguments.size, dataset=f"{folder}/works", batch_size=arguments.batch,
            lr=1e-3, style_image=f"{folder}/style.png", style_size=None, epochs=10**6, content_weight=1e5,
            style_weight=1e10, log_interval=10, checkpoint_model_dir=None,
        )  # fmt: skip
        peer.train(config)
    print(
        f"theirs: {steps[0]} steps of {arguments.batch} pictures of {arguments.size} pixels, {arguments.seconds[0]:.0f} core-s"
    )
    fast, _, _ = restore_learner(paths.checkpoint("studio-faststyle"), pretrained=studio.network)
    chosen = torch.eye(len(fast.names))[[fast.names.index(style)]]
    networks = {"theirs": network.eval(), "ours": lambda image: fast.network(image, chosen)}
    sheet = []
    for name in studio.held_out:
        learner, seconds = studio.paint((name, style))
        made = learner.stylise({})
        theirs = johnson_criterion(peer, made.contents, made.styles)
        with torch.no_grad():
            other = (network((made.contents + 1) * 127.5) / 127.5 - 1).clamp(-1, 1)
        pictures = {"photograph": made.contents, "theirs": other, "ours": fast.paint(made.contents, chosen)}
        print(f"{name} in the manner of {style}")
        for kind, picture in {**pictures, f"optimised by us, {seconds:.0f} core-s": made.pictures}.items():
            told(kind, learner, picture, theirs)
            sheet.append(picture[0])
    print("pictures of 512 pixels per core-second:", speed(networks, 512, 5))
    return sheet


def johnson_criterion(peer: ModuleType, content: Tensor, style: Tensor) -> Criterion:
    """Return the peer's loss of any picture, with its default weights."""
    vgg, mse = peer.Vgg16(requires_grad=False), nn.MSELoss()

    def seen(picture: Tensor) -> list[Tensor]:
        with torch.no_grad():
            return vgg(peer.utils.normalize_batch((picture + 1) * 127.5))

    grams = [peer.utils.gram_matrix(maps) for maps in seen(style)]
    wanted = seen(content).relu2_2

    def criterion(picture: Tensor) -> tuple[float, ...]:
        found = seen(picture)
        far = 1e5 * float(mse(found.relu2_2, wanted))
        pairs = zip(found, grams, strict=True)
        strange = 1e10 * float(sum(mse(peer.utils.gram_matrix(maps), gram) for maps, gram in pairs))
        return far + strange, far, strange

    return criterion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=["gatys", "johnson"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pair", nargs=2, default=("pagoda", "tissue"), metavar=("CONTENT", "STYLE"))
    parser.add_argument("--seconds", nargs="+", type=float)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torchvision.models.vgg16 = with_our_weights
    places = {"gatys": "", "johnson": "fast_neural_style/neural_style"}
    sys.path[0] = str(arguments.folder / places[arguments.peer])  # not beside ours: `models` is a name of theirs too
    arguments.seconds = arguments.seconds or {"gatys": [20, 60], "johnson": [180]}[arguments.peer]
    sheet = {"gatys": gatys, "johnson": johnson}[arguments.peer](arguments, Studio())
    if arguments.pictures:
        data = encode_png(
            compose_grid(list(to_bytes(torch.stack(sheet))), len(sheet) // 2 if arguments.peer == "johnson" else 3)
        )
        write_bytes(arguments.pictures / f"{arguments.peer}.png", data)


if __name__ == "__main__":
    main()
