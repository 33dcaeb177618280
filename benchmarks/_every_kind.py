"""Write a small project with every kind of model, of random rows, without files."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import torch

from artpipe.artifacts import paths
from artpipe.artifacts.shards import SPLITS, ShardWriter
from artpipe.artifacts.weights_card import WeightsCard, save_weights
from artpipe.config.params import About
from artpipe.contracts.sample_rows import RowsRequest, SampleRows
from artpipe.extractors import vgg16
from artpipe.modalities.music.random_scores import make_rows as make_scores
from artpipe.modalities.picture.random_pictures import make_rows as make_pictures
from artpipe.modalities.text.random_texts import make_rows as make_texts

ROOT = Path(__file__).parents[1]
STEPS, ROWS = 50, 64
_DATASETS = {
    "forms": (make_pictures, {"size": 32, "channels": 3, "tiles": 0}, ("circle", "square")),
    "large": (make_pictures, {"size": 64, "channels": 3, "tiles": 0}, ()),
    "verse": (make_texts, {"length": 48, "merges": 60}, ()),
    "hymns": (make_scores, {"grid": 1, "length": 64}, ()),
}
_SHARDS, _EYE = "data/shards/{dataset}", "data/weights/eye"
_LAYERS = {"style_layers": ["conv1_1", "conv2_1"], "content_layers": ["conv2_1"]}
# By name: kind, dataset, what it reads beside its shards, and its own parameters.
KINDS = {
    "reader": ("classifier", "forms", _SHARDS, {"width": 8, "max_width": 16, "explanations": 4}),
    "vae": ("vae", "forms", _SHARDS, {"latent_dim": 4, "width": 8, "hidden": 16}),
    "gan": (
        "gan",
        "forms",
        "data/checkpoints/reader",
        {
            "latent_dim": 8,
            "generator_width": 16,
            "discriminator_width": 16,
            "least_width": 8,
            "validation_samples": 16,
        },
    ),
    "dcgan": ("gan", "forms", _SHARDS, {"architecture": "dcgan", "generator_width": 16, "discriminator_width": 16}),
    "flow": ("flow", "forms", _SHARDS, {"width": 8, "inner_width": 8, "inner_blocks": 1, "sampling_steps": 2}),
    "superres": (
        "superres",
        "forms",
        _SHARDS,
        {"blocks": 1, "width": 8, "crop": 16, "adversarial_from_step": 12, "judge_width": 8},
    ),
    "inpaint": ("inpaint", "forms", _SHARDS, {"width": 8, "levels": 1, "crop": 16, "brush": 4}),
    "style": ("style", "forms", _EYE, {"paint": {"circle": ["square"]}, **_LAYERS}),
    "faststyle": ("faststyle", "forms", _EYE, {"styles": ["square"], "crop": 16, "width": 4, "blocks": 1, **_LAYERS}),
    "poet": ("rnn", "verse", _SHARDS, {"width": 16, "embedding": 8, "max_tokens": 20}),
    "cantor": ("rnn", "hymns", _SHARDS, {"width": 16, "embedding": 8, "max_tokens": 40, "transpose": 2, "pieces": 1}),
}


def random_rows(dataset: str, rows: int = ROWS) -> SampleRows:
    """Return random rows of one of the datasets above."""
    function, params, classes = _DATASETS[dataset]
    voices = 4 if dataset == "hymns" else 0
    return function(RowsRequest(dataset, SimpleNamespace(**params), voices, classes, rows, rows))


def make_entry(name: str, device: str) -> dict:
    """Return a model's entry, whose state is written after every step."""
    kind, dataset, pretrained, more = KINDS[name]
    return {
        "kind": kind,
        "dataset": dataset,
        "pretrained": pretrained.format(dataset=dataset),
        "feature_extractor": "reader",
        "steps": STEPS,
        "evaluate_every_steps": 20,
        "batch_size": 8,
        "save_every_seconds": 0.001,
        "log_every_steps": 1,
        "device": device,
        **more,
    }


def make_large_entry(device: str, batch_size: int, width: int) -> dict:
    """Return the entry of a gan of 64 pixels that is to run out of memory."""
    entry = make_entry("gan", device) | {"dataset": "large", "pretrained": "data/shards/large", "steps": 3}
    widths = {"generator_width": width, "discriminator_width": width, "latent_dim": 64, "r1": 0.0, "r2": 0.0}
    return entry | widths | {"batch_size": batch_size, "precision": "fp32", "save_every_seconds": 600.0}


def make_project(folder: Path, entries: dict[str, dict]) -> Path:
    """Write shards, weights of VGG16's shapes, params.yaml and the record of the code."""
    for dataset in _DATASETS:
        spec, columns = random_rows(dataset)
        writer = ShardWriter(folder / paths.shards(dataset))
        for split in SPLITS:
            writer.add(split, columns if split == "train" else {name: rows[:12] for name, rows in columns.items()})
        shares = [0.5] * spec.channels
        writer.close(spec, works="0" * 64, params={}, mean=shares, std=shares)
    _write_weights(folder / paths.weights("eye"))
    params = {"format": 2, "seed": 1, "datasets": {}, "models": entries, "evaluation": {"metrics": []}}
    (folder / "params.yaml").write_text(json.dumps(params | {"gallery": {"sections": []}}, indent=1))
    for name in ("dvc.yaml", "code.yaml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def _write_weights(folder: Path) -> None:
    generator, state = torch.Generator().manual_seed(0), {}
    for layer, shape in vgg16.SHAPES.items():
        fan_in = shape[1] * shape[2] * shape[3]
        state[f"{layer}.weight"] = torch.randn(*shape, generator=generator) * (2 / fan_in) ** 0.5
        state[f"{layer}.bias"] = torch.zeros(shape[0])
    card = WeightsCard(
        name="eye", network="vgg16", layers=vgg16.LAYERS, mean=(0.5,) * 3, std=(0.25,) * 3, about=About(), file=""
    )
    save_weights(folder, card, state)
