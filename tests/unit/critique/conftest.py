"""A small project with trained models: bright blobs on the left or on the right of a dark ground."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.checkpoint import CheckpointCard, save_checkpoint
from artpipe.artifacts.shards import ShardSet, ShardWriter, Spec
from artpipe.artifacts.works import Provenance, RecordWriter, WorksCard
from artpipe.config.params import About
from artpipe.numerics.pixels import to_float
from artpipe.system.hashing import sha256_bytes

SIDE = 32
CLASSES = ("left", "right")
PARAMS = """\
format: 2
seed: 1
datasets:
  blobs:
    medium: picture
    source: folder
    path: datasets/blobs
    about: {title: Blobs, creator: Ada, licence: CC0-1.0}
    ingest: {}
    preprocess: {size: 32, channels: 3, background: black}
models:
  blobs-reader: {kind: classifier, dataset: blobs, pretrained: data/shards/blobs, feature_extractor: blobs-reader}
  blobs-vae: {kind: vae, dataset: blobs, pretrained: data/shards/blobs, feature_extractor: blobs-reader}
  blobs-style: {kind: faststyle, dataset: blobs, pretrained: data/weights/vgg16, feature_extractor: blobs-style}
evaluation: {metrics: [kid]}
gallery: {title: blobs, sections: [], titles: {blobs-reader: A reader of blobs}}
"""


def blob(rng: np.random.Generator, label: int) -> np.ndarray:
    """Return a picture uint8 ``(3, 32, 32)`` of a class."""
    y, x = np.mgrid[:SIDE, :SIDE]
    centre = (8 + 16 * label + rng.normal(0, 1), 16 + rng.normal(0, 2))
    light = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * rng.uniform(3, 5) ** 2))
    colour = rng.uniform(150, 250, (3, 1, 1))
    return (20 + light * colour + rng.normal(0, 4, (3, SIDE, SIDE))).clip(0, 255).astype(np.uint8)


def write_dataset(counts: dict[str, int]) -> ShardSet:
    """Write shards and the record of the works in them."""
    rng, folder, record = np.random.default_rng(0), paths.shards("blobs"), paths.record("blobs")
    for path in (folder, record):
        path.mkdir(parents=True)
    writer, rows = ShardWriter(folder), []
    for split, count in counts.items():
        labels = np.arange(count) % 2
        images = np.stack([blob(rng, int(label)) for label in labels])
        digests = [sha256_bytes(image.tobytes()) for image in images]
        columns = {
            "images": images,
            "labels": labels,
            "digests": np.array([list(bytes.fromhex(d)) for d in digests], np.uint8),
        }
        writer.add(split, columns)
        rows += digests
    spec = Spec(dataset="blobs", channels=3, height=SIDE, width=SIDE, classes=CLASSES, count=counts["train"])
    writer.close(
        spec,
        works="0" * 64,
        params={"size": SIDE, "channels": 3, "background": "black"},
        mean=(0.2,) * 3,
        std=(0.2,) * 3,
    )
    with RecordWriter(record) as written:
        for number, digest in enumerate(rows):
            written.add_work(
                Provenance(digest, f"{number}.png", f"Blob {number}", "Ada", None, "CC0-1.0", "here", ""), ()
            )
        card = WorksCard(dataset="blobs", count=len(rows), labels={}, unlabelled=0, splits={}, files={})
        written.close(About(title="Blobs", creator="Ada", licence="CC0-1.0"), card, "0" * 64)
    return ShardSet.open(folder)


def train(name: str, kind: str, shards: ShardSet, steps: int, **params) -> None:
    """Take a few steps and write the checkpoint."""
    model = plugins.load_plugin("models", kind)
    entry = {
        "kind": kind,
        "dataset": "blobs",
        "pretrained": "data/weights/vgg16",
        "feature_extractor": name,
        "steps": max(1, steps),
    }
    settings = model.params.model_validate(entry | params)
    torch.manual_seed(0)
    learner, columns = model.build(settings, shards.spec, None), shards.load("train")
    for step in range(steps):
        rows = torch.randint(len(columns["images"]), (32,))
        learner.step({"images": to_float(columns["images"][rows]), "labels": columns["labels"][rows]})
        learner.steps_done = step + 1
    weights = learner.state_dict()
    card = CheckpointCard(
        name=name, kind=kind, params=settings.model_dump(mode="json"), seed=1, shards=shards.sha256, pretrained=None,
        spec=shards.spec, steps={"final": steps, "best": steps}, selection=None, history=(), files={},
    )  # fmt: skip
    paths.checkpoint(name).mkdir(parents=True)
    save_checkpoint(paths.checkpoint(name), card, {"final": weights, "best": weights})


@pytest.fixture(scope="session")
def _trained_folder(tmp_path_factory):
    """Train once; tests get copies."""
    folder, before = tmp_path_factory.mktemp("trained"), Path.cwd()
    os.chdir(folder)
    try:
        Path("params.yaml").write_text(PARAMS)
        Path("dvc.yaml").write_text("stages: {}\n")
        shards = write_dataset({"train": 160, "validation": 60, "test": 60})
        train(
            "blobs-reader",
            "classifier",
            shards,
            60,
            width=8,
            max_width=16,
            noise_std=0.1,
            erase=0.0,
            grey=0.1,
            blur=0.2,
        )
        train(
            "blobs-vae",
            "vae",
            shards,
            120,
            width=8,
            max_width=16,
            hidden=32,
            latent_dim=6,
            prior="normal",
            learning_rate=0.02,
            warmup_steps=5,
            beta=0.02,
            scale=0.2,
        )
        train("blobs-style", "faststyle", shards, 0, crop=32, width=8, blocks=1, styles=["left", "right"])
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def trained(tmp_path, monkeypatch, _trained_folder):
    """Return a copy of the project, made the working directory."""
    folder = tmp_path / "blobs"
    shutil.copytree(_trained_folder, folder)
    monkeypatch.chdir(folder)
    return folder


def picture_of(label: int, seed: int = 99) -> Image.Image:
    """Return a picture of a class that no training saw."""
    return Image.fromarray(blob(np.random.default_rng(seed), label).transpose(1, 2, 0))
