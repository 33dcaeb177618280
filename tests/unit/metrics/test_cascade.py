"""The cascade: what gan, vae and flow paint at 8 pixels, enlarged to 16 and measured against works of 16 pixels."""

from pathlib import Path

import pytest
import torch

from artpipe.artifacts import paths
from artpipe.artifacts.caption_columns import make_caption_columns
from artpipe.artifacts.shards import Spec
from artpipe.config.params import EvaluationParams
from artpipe.contracts.metric import Evidence
from artpipe.errors import UserError
from artpipe.language.sentences import make_sentence
from artpipe.metrics import cascade
from artpipe.nn.restoration.resize import resize_bicubic
from artpipe.numerics.pixels import to_bytes, to_float
from tests.support.untrained_models import make_untrained_model, save_untrained_model

COMMON = {"dataset": "blocks", "feature_extractor": "m"}
PAINTERS = {
    "flow": {"width": 8, "inner_width": 8, "inner_blocks": 1, "sampling_steps": 2},
    "gan": {"latent_dim": 4, "generator_width": 8, "discriminator_width": 8, "least_width": 8},
    "vae": {"latent_dim": 2, "hidden": 8},
}
WORDS = {name: torch.from_numpy(rows) for name, rows in make_caption_columns(["a red cup", "a blue bird"] * 10).items()}


def make_spec(side):
    return Spec(
        dataset="blocks",
        channels=3,
        height=side,
        width=side,
        classes=(),
        count=8,
        columns=("images", "labels", "digests"),
    )


def make_painter(kind, spec):
    entry = COMMON | {"kind": kind, "pretrained": "data/shards/blocks"} | PAINTERS.get(kind, {})
    return save_untrained_model(Path(), "painter", entry, spec)


def gather(pretrained, held_out, scale=2, path=None, side=16):
    entry = COMMON | {"kind": "superres", "pretrained": path or str(paths.checkpoint("painter")), "scale": scale,
                      "blocks": 1, "width": 4}  # fmt: skip
    learner, card = make_untrained_model("enlarger", entry, make_spec(side), pretrained)
    params = EvaluationParams(metrics=(), exhibits=3, extractor_pictures=12, batch_size=5)
    columns = {"images": held_out, "labels": torch.full((len(held_out),), -1), **WORDS}
    return Evidence(learner=learner, card=card, params=params, seed=1, train={}, held_out=columns)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def random_works(side=16):
    return torch.randint(0, 256, (20, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("kind", sorted(PAINTERS))
def test_every_painter_is_enlarged(kind):
    """Two scores of the larger size; a label that names both models, and the plain enlargement beside the picture."""
    evidence = gather(make_painter(kind, make_spec(8)), random_works())
    assert cascade.METRIC.applies(evidence)
    samples = cascade.paint_enlarged(evidence, 12)
    assert samples.enlarged.shape == samples.baseline.shape == (12, 3, 16, 16)
    small = to_float(samples.painter.pictures("samples"))
    assert torch.equal(samples.baseline, to_bytes(resize_bicubic(small, 16, 16).clamp(-1, 1)))
    # the works themselves are what the model makes of the pictures: then it is nearer, and they hang
    nearer = gather(evidence.card.pretrained, samples.enlarged.repeat(2, 1, 1, 1)[:20])
    measured = cascade.measure(nearer)
    assert [score.name for score in measured.scores] == ["cascade_kid", "cascade_kid_bicubic"]
    assert measured.scores[0].value < measured.scores[1].value
    assert [exhibit.data.shape for exhibit in measured.exhibits] == [(3, 16, 16)] * 3
    assert [(other.name, other.kind, other.checkpoint) for other in measured.other_models] == [
        ("painter", kind, evidence.card.pretrained)
    ]
    sentence = make_sentence(measured.exhibits[0].caption)
    assert sentence.endswith("painted at 8 pixels by painter, enlarged by enlarger")
    assert ("cup" in sentence or "bird" in sentence) == (kind == "flow")
    assert torch.equal(measured.exhibits[0].parts["before"], to_float(samples.baseline[0]))


def test_nothing_hangs_where_it_is_no_nearer():
    """Works that are the plain enlargements leave the model nothing to win."""
    evidence = gather(make_painter("vae", make_spec(8)), random_works())
    plain = cascade.paint_enlarged(evidence, 12).baseline
    measured = cascade.measure(gather(evidence.card.pretrained, plain.repeat(2, 1, 1, 1)[:20]))
    assert measured.scores[0].value > measured.scores[1].value
    assert measured.exhibits == []


def test_several_passes():
    """From 8 to 32 pixels a network that doubles goes twice."""
    evidence = gather(make_painter("vae", make_spec(8)), random_works(32), side=32)
    assert cascade.paint_enlarged(evidence, 2).enlarged.shape == (2, 3, 32, 32)


def test_it_applies_to_enlargers_with_a_painter_alone():
    """Shards as `pretrained`, the default, are no painter."""
    assert not cascade.METRIC.applies(gather(None, random_works(), path="data/shards/blocks"))


@pytest.mark.parametrize(
    ("kind", "side", "changed", "message"),
    [
        ("vae", 12, False, "makes (3, 24, 24) of it; its own works are (3, 16, 16)"),
        ("vae", 16, False, "its own works are (3, 16, 16): smaller pictures are wanted"),
        ("classifier", 8, False, "a classifier that paints nothing to enlarge; name a model that paints from noise"),
        ("vae", 8, True, "learned beside another painter; train it again"),
    ],
)
def test_what_cannot_be_enlarged(kind, side, changed, message):
    """A painter of another shape, none at all, or one that was trained again: a line that says so."""
    sha256 = make_painter(kind, make_spec(side))
    evidence = gather("0" * 64 if changed else sha256, random_works())
    with pytest.raises(UserError) as error:
        cascade.paint_enlarged(evidence, 2)
    assert message in str(error.value)
