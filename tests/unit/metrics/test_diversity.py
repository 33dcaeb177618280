"""MS-SSIM and LPIPS of pairs: samples that repeat each other are told from samples as different as works."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from artpipe.config.params import EvaluationParams
from artpipe.contracts.metric import Evidence
from artpipe.contracts.model import Restoration
from artpipe.errors import UnreachableError
from artpipe.metrics import lpips, ms_ssim, restoration
from artpipe.metrics.elbo import binarise
from artpipe.nn.pretrained.lpips_network import COMPARED_LAYERS, LpipsNetwork
from artpipe.nn.pretrained.vgg16_layout import list_shapes


def pictures(count: int, seed: int, side: int = 16, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 256, (count, channels, 4, 4), generator=generator, dtype=torch.uint8)
    return coarse.repeat_interleave(side // 4, 2).repeat_interleave(side // 4, 3)


def evidence(samples: torch.Tensor, held_out: torch.Tensor, labels: torch.Tensor | None = None, **more) -> Evidence:
    """What both metrics ask for; `labels` are those of samples and works alike."""
    spec = SimpleNamespace(classes=() if labels is None else ("a", "b"))
    works = {"images": held_out} | ({} if labels is None else {"labels": labels})
    return Evidence(
        learner=None, card=SimpleNamespace(spec=spec), params=EvaluationParams(metrics=()), seed=1, train={}, held_out=works,
        samples=samples, prompt=SimpleNamespace(labels=labels), **more,
    )  # fmt: skip


@given(
    st.lists(st.integers(2, 30), min_size=1, max_size=5),
    st.integers(1, 40),
    st.integers(0, 2**31),
)
def test_pairs_are_of_one_class_and_use_no_row_twice(sizes, wanted, seed):
    """Every class has as many pairs, and together they are not more than asked for, but for one of each class."""
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    classes = [torch.arange(start, start + size) for start, size in zip(starts, sizes, strict=True)]
    pairs = ms_ssim.pair_within_classes(classes, wanted, seed)
    rows = pairs.flatten().tolist()
    assert len(set(rows)) == len(rows)
    kinds = [next(i for i in reversed(range(len(sizes))) if first >= starts[i]) for first in pairs[:, 0].tolist()]
    assert all(second in classes[kind] for kind, second in zip(kinds, pairs[:, 1].tolist(), strict=True))
    assert {kinds.count(kind) for kind in range(len(sizes))} == {len(pairs) // len(sizes)}
    assert len(pairs) <= max(wanted, len(sizes))


def test_ms_ssim_sees_a_class_that_is_painted_once():
    """Among labels each class is one picture: 1 beside works that differ; with the classes unknown, it is less."""
    works, labels = pictures(40, 1), torch.arange(40) % 2
    same = pictures(2, 2)[labels]
    (score,) = ms_ssim.measure(evidence(same, works, labels)).scores
    assert (score.value, score.n, score.extractor) == (pytest.approx(1), 20, "ms-ssim-1-of-class")
    assert score.real < 0.5
    (score,) = ms_ssim.measure(evidence(same, works)).scores
    assert score.value < 0.9
    (score,) = ms_ssim.measure(evidence(works.flip(0), works)).scores
    assert score.low < score.real < score.high


def make_network() -> LpipsNetwork:
    """A network of these shapes with weights by seed."""
    generator = torch.Generator().manual_seed(0)
    shapes = list_shapes()
    scales = {f"{layer}.scale": shapes[f"{layer}.bias"] for layer in COMPARED_LAYERS}
    tensors = {
        name: torch.rand(shape, generator=generator) - (0.5 if len(shape) > 1 else 0)
        for name, shape in {**shapes, **scales}.items()
    }
    return LpipsNetwork(tensors, (0.5,) * 3, (0.25,) * 3)


def test_lpips_diversity_is_nothing_where_all_samples_are_one(tmp_path, monkeypatch):
    """And as that of works where samples are as they are; larger pictures are shrunk to 64 pixels; works are measured once."""
    monkeypatch.chdir(tmp_path)
    network, works, asked = make_network(), pictures(8, 1), []

    def open_network(name):
        asked.append(name)
        return network, "f" * 64

    shared = {"open_network": open_network, "pretrained": (None,)}
    collapsed = evidence(works[:1].expand(8, -1, -1, -1), works, **shared)
    assert lpips.METRIC.applies(collapsed)
    (score,) = lpips.measure(collapsed).scores
    assert (score.value, score.n, score.extractor) == (pytest.approx(0, abs=1e-6), 4, "f" * 64)
    assert asked == ["lpips-vgg16"]
    monkeypatch.setattr(lpips, "_measure_pairs", lambda *_: torch.ones(4))
    assert lpips.measure(collapsed).scores[0].real == score.real > 0.01
    assert not lpips.METRIC.applies(evidence(works, works))
    assert not lpips.METRIC.applies(evidence(works[:, :1], works[:, :1], **shared))


def test_lpips_of_restored_works_is_that_of_the_window_where_most_was_lost():
    """As the network says of the windows, the baseline further off; a work that lost nothing is left out."""
    network = make_network()
    images = torch.rand(3, 3, 40, 20, generator=torch.Generator().manual_seed(1)) * 2 - 1
    mask = torch.zeros(3, 1, 40, 20, dtype=torch.bool)
    mask[:2, :, 30:36, 4:8] = True
    restored, baseline = images + 0.1 * mask, images + 0.4 * mask
    windows = restoration.cut_windows(Restoration(images, baseline, restored, baseline, mask), 1, 16)
    assert torch.equal(windows[0], images[:2, :, 24:, :16])
    found = evidence(images, images, open_network=lambda _: (network, "f" * 64))
    found.params = EvaluationParams(metrics=(), extractors=("vgg16",))
    scores = restoration._score_lpips(found, "blur", [windows])
    expected = network.distances(restored[:2, :, 24:, :16], images[:2, :, 24:, :16])
    assert [score.name for score in scores] == ["lpips", "lpips_blur"]
    assert (scores[0].n, scores[0].better, scores[0].extractor) == (2, "lower", "f" * 64)
    assert scores[0].value == pytest.approx(float(expected.double().mean()), rel=1e-5)
    assert scores[1].value > scores[0].value > 0


def test_lpips_of_restored_works_is_silent_without_weights():
    """Where they cannot be fetched, where no networks are asked for, and of pictures in grey."""

    def fail(name):
        raise UnreachableError(name)

    windows = torch.zeros(3, 2, 3, 16, 16)
    found = evidence(windows[0], windows[0], open_network=fail)
    assert restoration._score_lpips(found, "blur", [windows]) == []
    found.params = EvaluationParams(metrics=(), extractors=("vgg16",))
    assert restoration._score_lpips(found, "blur", [windows]) == []
    assert restoration._score_lpips(found, "blur", [windows[:, :, :1]]) == []


def test_binarised_works_are_black_and_white_by_brightness():
    """Of black nothing is white, of white all, of a grey as many as it is bright; the same by the same seed."""
    images = torch.tensor([-1.0, 1.0, 0.5]).view(3, 1, 1, 1).expand(3, 1, 100, 100)
    drawn = binarise(images, 1)
    assert set(drawn.unique().tolist()) == {-1.0, 1.0}
    assert (drawn == 1).double().mean((1, 2, 3)).tolist() == pytest.approx([0, 1, 0.75], abs=0.02)
    assert torch.equal(drawn, binarise(images, 1))
