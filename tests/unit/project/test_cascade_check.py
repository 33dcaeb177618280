"""Whether an enlarger can enlarge what another model paints, before anything runs."""

import pytest

from artpipe import plugins
from artpipe.config.params import Params
from artpipe.errors import UserError
from artpipe.project.cascade_check import check_cascade


def check(side, *, large=128, scale=4, kind="flow", channels=3, pretrained="data/checkpoints/painter"):
    sizes = {"small": {"size": side, "channels": channels}, "large": {"size": large}}
    dataset = {"medium": "picture", "source": "folder", "path": "datasets/works", "about": {}, "ingest": {}}
    painter = {"kind": kind, "dataset": "small", "pretrained": "data/shards/small", "feature_extractor": "painter"}
    enlarger = {"kind": "superres", "dataset": "large", "pretrained": pretrained, "feature_extractor": "enlarger",
                "scale": scale}  # fmt: skip
    params = Params.model_validate(
        {
            "format": 2,
            "seed": 1,
            "datasets": {name: {**dataset, "preprocess": preprocess} for name, preprocess in sizes.items()},
            "models": {"painter": painter, "enlarger": enlarger},
            "evaluation": {"metrics": []},
            "gallery": {"title": "t", "sections": []},
        }
    )
    check_cascade(params, "enlarger", plugins.load_plugin("models", "superres").params.model_validate(enlarger))


@pytest.mark.parametrize(("side", "large", "scale"), [(32, 128, 4), (32, 128, 2), (8, 128, 4), (64, 128, 2)])
def test_powers_of_the_scale_fit(side, large, scale):
    """In one pass or in several."""
    check(side, large=large, scale=scale)


def test_shards_are_no_painter():
    """An enlarger that enlarges works alone is not asked."""
    check(100, pretrained="data/shards/large")


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (
            {"side": 64},
            "paints pictures of 64 pixels; to enlarge them 4 times to the 128 of `large`, 32 or 8 are wanted",
        ),
        (
            {"side": 128, "scale": 2},
            "paints pictures of 128 pixels; to enlarge them 2 times to the 128 of `large`, 64 or",
        ),
        ({"side": 32, "large": 90}, "to the 90 of `large`, no size will do; change one of the two"),
        ({"side": 32, "channels": 1}, "paints 1 channels, and `large` has 3"),
        ({"side": 32, "kind": "classifier"}, "a classifier that paints nothing to enlarge"),
    ],
)
def test_another_painter_is_refused(wrong, line):
    """Its size, its colours, or that it paints nothing: what it is, and what is wanted."""
    with pytest.raises(UserError) as error:
        check(**wrong)
    assert str(error.value).startswith("params.yaml: `models.enlarger.pretrained` is `data/checkpoints/painter`, ")
    assert line in str(error.value)
