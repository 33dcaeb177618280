"""Load an exported network, paint with it, read pictures with it.

`modeling.py` of an exported folder holds these functions beside the network's code; torch and safetensors are all they need, and pillow
where pictures are read.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from artpipe.contracts.exported_network import ExportedNetwork, ExportedPainter
from artpipe.evaluation.fitted_picture import fit_picture
from artpipe.numerics.pixels import to_bytes
from artpipe.training.exhibit_files import encode_png


def load_network(network_class: type[ExportedNetwork], folder: Path) -> ExportedNetwork:
    """Return the network of a folder with `config.json` and `model.safetensors`."""
    network = network_class(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    network.load_state_dict(load_file(folder / "model.safetensors"))
    return network.eval().requires_grad_(requires_grad=False)


def paint(network: ExportedPainter, seeds: Sequence[int], labels: Sequence[int] | None = None) -> Tensor:
    """Return pictures ``(N, C, H, W)`` in [-1, 1], each of its own seed and label."""
    pictures: Tensor = network(**network.prompt_inputs(seeds, labels))
    return pictures


def read_picture(network: ExportedNetwork, path: Path) -> Tensor:
    """Return a picture ``(1, C, H, W)`` in [-1, 1], see `fit_picture`."""
    from PIL import Image

    with Image.open(path) as file:
        return fit_picture(network, file)


def run_on_picture(network: ExportedNetwork, path: Path) -> Tensor:
    """Return what the network makes of a picture file, one row."""
    inputs = {**network.example_inputs(1), "images": read_picture(network, path)}
    output: Tensor = network(**inputs)
    return output


def run_program(network_class: type[ExportedNetwork], folder: Path) -> None:
    """Paint from a seed, or read a picture, as the command line says."""
    parser = argparse.ArgumentParser(description="Run the model of this folder.")
    is_painter = issubclass(network_class, ExportedPainter)
    if is_painter:
        parser.add_argument("--seed", type=int, default=1, help="a picture depends on its seed and label alone")
        parser.add_argument("--label", type=int, help="class number; without it the seed's, seed %% classes")
    else:
        parser.add_argument("file", type=Path, help="a picture")
    parser.add_argument("--out", type=Path, default=Path("picture.png"), help="the picture to write")
    options = parser.parse_args()
    network = load_network(network_class, folder)
    if isinstance(network, ExportedPainter):
        if options.label is not None and not 0 <= options.label < len(network.classes):
            parser.error(f"--label {options.label}: the model has {len(network.classes)} classes, counted from 0")
        output = paint(network, [options.seed], None if options.label is None else [options.label])
    else:
        output = run_on_picture(network, options.file)
    if network.output_name == "logits":
        chances = output.softmax(1)[0].tolist()
        for chance, name in sorted(zip(chances, network.classes, strict=True), reverse=True)[:5]:
            print(f"{chance:.4f} {name}")  # noqa: T201 - the program's answer
    else:
        options.out.write_bytes(encode_png(to_bytes(output)[0]))
