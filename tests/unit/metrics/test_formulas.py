"""The formulas of the metrics against values known by hand and independent implementations."""

import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artpipe.contracts.metric import split_halves
from artpipe.metrics.accuracy import count_confusions, list_confusions
from artpipe.metrics.elbo import active_units, active_units_interval
from artpipe.metrics.fid import fid
from artpipe.metrics.kid import shrink_pictures
from artpipe.metrics.pair_distance import mean_next_distance, share_reached
from artpipe.nn.classifier.rotation_pretext import rotate_quarters
from artpipe.numerics import kernel_distance as kernel_distance_module
from artpipe.numerics import nearest_neighbours, pair_products
from artpipe.numerics.entropy_interval import entropy
from artpipe.numerics.image_quality import laplacian_energy, noise_level
from artpipe.numerics.kernel_distance import kernel_distance
from artpipe.numerics.nearest_neighbours import find_copies, find_nearest, mean_pair_distance
from artpipe.numerics.prdc import PrdcShares, measure_prdc
from artpipe.numerics.set_comparison import compare_sets

sizes = st.integers(8, 40)
seeds = st.integers(0, 2**31)


def cloud(count: int, features: int = 5, seed: int = 0, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, features, generator=generator, dtype=torch.float64) + shift


def test_kid_is_the_naive_double_loop():
    """KID equals its definition, summed pair by pair."""
    x, y = cloud(7, seed=1), cloud(6, seed=2, shift=0.5)

    def k(a, b):
        return (float(a @ b) / 5 + 1) ** 3

    xx = [k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
    yy = [k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j]
    xy = [k(a, b) for a in x for b in y]
    assert kernel_distance(x, y) == pytest.approx(np.mean(xx) + np.mean(yy) - 2 * np.mean(xy), rel=1e-12)


def test_kid_is_torch_fidelity_s():
    """KID equals torch-fidelity's unbiased polynomial MMD on sets of one size."""
    from torch_fidelity.metric_kid import kernel_mmd

    x, y = cloud(60, 16, seed=3), cloud(60, 16, seed=4, shift=0.3)
    options = {
        "kid_kernel": "poly",
        "kid_kernel_poly_degree": 3,
        "kid_kernel_poly_gamma": None,
        "kid_kernel_poly_coef0": 1,
    }
    assert kernel_distance(x, y) == pytest.approx(float(kernel_mmd(x.numpy(), y.numpy(), **options)), rel=1e-9)


def test_kid_in_blocks_is_kid(monkeypatch):
    """The block size changes nothing but memory."""
    x, y = cloud(50, seed=5), cloud(40, seed=6)
    whole = kernel_distance(x, y)
    monkeypatch.setattr(nearest_neighbours, "_BLOCK_ELEMENTS", 100)
    assert kernel_distance(x, y) == pytest.approx(whole, rel=1e-12)


@pytest.fixture
def large_sets(monkeypatch):
    """Small sets are treated as large ones: products of float32, in tiles of 16."""
    monkeypatch.setattr(pair_products, "_EXACT_ROWS", 1)
    monkeypatch.setattr(pair_products, "_TILE_ROWS", 16)


@pytest.mark.parametrize("by_moments", [True, False])
def test_kid_of_large_sets_is_kid(large_sets, monkeypatch, by_moments):
    """Products of float32 and third moments give the same KID as products of float64."""
    x, y = cloud(150, 8, seed=5), cloud(90, 8, seed=6, shift=0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_products, "_EXACT_ROWS", 1000)
        whole = kernel_distance(x, y)
    monkeypatch.setattr(kernel_distance_module, "_MOMENT_NUMBERS", 2**24 if by_moments else 0)
    assert kernel_distance(x, y) == pytest.approx(whole, rel=1e-12 if by_moments else 1e-5)


def test_fid_is_scipy_s():
    """FID equals the textbook formula by scipy's matrix root."""
    from scipy.linalg import sqrtm

    x, y = cloud(300, 6, seed=1) @ cloud(6, 6, seed=9), cloud(200, 6, seed=2, shift=0.7)
    root = sqrtm(np.cov(x.T) @ np.cov(y.T)).real
    means = ((x.mean(0) - y.mean(0)) ** 2).sum()
    truth = float(means) + np.trace(np.cov(x.T) + np.cov(y.T) - 2 * root)
    assert fid(x, y) == pytest.approx(truth, rel=1e-6)


def test_fid_of_two_gaussians():
    """Gaussians N(0, 1) and N(3, 4) in one dimension are at 3^2 + (1 - 2)^2 = 10."""
    x = cloud(400, 1)
    x = (x - x.mean()) / x.std()
    assert fid(x, 2 * x + 3) == pytest.approx(10.0, rel=1e-9)


def test_fid_of_fewer_works_than_features():
    """A singular covariance is no obstacle, and a set is at 0 from itself."""
    x = cloud(5, 20)
    assert fid(x, x) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("n", "m"), [(40, 30), (30, 90), (90, 30)])
def test_fid_of_few_works_is_that_of_features(n, m):
    """The smaller side of products of works gives what covariances of features give."""
    x, y = cloud(n, 40, seed=1), cloud(m, 40, seed=2, shift=0.2)
    covariances = [torch.cov(side.T) for side in (x, y)]
    values, vectors = torch.linalg.eigh(covariances[0])
    root = vectors * values.clamp(min=0).sqrt()
    cross = torch.linalg.eigvalsh(root.T @ covariances[1] @ root).clamp(min=0).sqrt().sum()
    truth = (x.mean(0) - y.mean(0)).square().sum() + sum(one.trace() for one in covariances) - 2 * cross
    assert fid(x, y) == pytest.approx(float(truth), rel=1e-7)


def test_fid_of_many_features_is_torch_fidelity_s():
    """FID equals torch-fidelity's where covariances are cut into blocks, and where one feature never varies."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    x, y = (cloud(700, 300, seed=seed) @ cloud(300, 300, seed=9) for seed in (1, 2))
    for lost in (None, 7):
        if lost is not None:
            x[:, lost] = 1.0
        statistics = [fid_features_to_statistics(side) for side in (x, y)]
        truth = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
        assert fid(x, y) == pytest.approx(truth, rel=1e-6)


def test_four_are_prdc_s():
    """Precision, recall, density and coverage are those of the authors' package."""
    from prdc import compute_prdc

    real, painted = cloud(150, 4, seed=1), cloud(120, 4, seed=2, shift=0.8)
    truth = compute_prdc(real_features=real.numpy(), fake_features=painted.numpy(), nearest_k=5)
    found = measure_prdc(real, painted, 5)
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(found, name) == pytest.approx(float(truth[name]), abs=1e-12)


def measure_prdc_naively(real, fake, k):
    """Return the four from whole matrices of distances."""

    def distances(x, y):
        return torch.cdist(x.double(), y.double(), compute_mode="donot_use_mm_for_euclid_dist")

    radii = [distances(x, x).fill_diagonal_(math.inf).kthvalue(k, dim=1).values for x in (real, fake)]
    between = distances(real, fake)
    inside = between < radii[0][:, None]
    recalled = (between < radii[1]).any(1)
    precision, recall, coverage = (float(hits.double().mean()) for hits in (inside.any(0), recalled, inside.any(1)))
    return PrdcShares(precision, recall, float(inside.sum()) / (k * len(fake)), coverage)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(n=sizes, m=sizes, k=st.integers(1, 5), offset=st.sampled_from([0, 3, 1000]), repeats=sizes, seed=seeds)
def test_four_of_large_sets(large_sets, n, m, k, offset, repeats, seed):
    """Products of float32 decide nothing that rounding could turn, among copies and far from the origin either."""
    real, fake = (cloud(size, 6, seed=seed + size).float() + offset for size in (n, m))
    real, fake = torch.cat([real, real[:repeats]]), torch.cat([fake, real[: repeats // 2], fake[:1].repeat(repeats, 1)])
    assert measure_prdc(real, fake, k) == measure_prdc_naively(real, fake, k)


def test_one_comparison_gives_kid_and_the_four(large_sets):
    """KID and the four are the same by one pass as each alone."""
    real, fake = cloud(60, 6, seed=1).float(), cloud(40, 6, seed=2, shift=0.4).float()
    comparison = compare_sets(real, fake, 4)
    assert comparison.kernel_distance == pytest.approx(kernel_distance(real, fake), rel=1e-6)
    assert comparison.shares == measure_prdc(real, fake, 4)


def test_four_of_tiny_sets():
    """k shrinks with the sets, down to two works each."""
    real = torch.tensor([[0.0], [1.0]])
    found = measure_prdc(real, torch.tensor([[0.1], [0.9]]), 5)
    assert (found.precision, found.coverage) == (1.0, 1.0)


def test_total_collapse_has_precision_without_coverage():
    """A thousand times the same good picture: precision 1, coverage next to nothing."""
    real = cloud(200, 3)
    found = measure_prdc(real, real[:1].repeat(200, 1), 5)
    assert found.precision == 1.0
    assert found.coverage < 0.1


@settings(max_examples=25, deadline=None)
@given(n=sizes, m=sizes, seed=seeds)
def test_order_changes_no_measure(n, m, seed):
    """All set measures are blind to the order of the works."""
    x, y = cloud(n, seed=seed), cloud(m, seed=seed + 1, shift=0.5)
    p, q = x[torch.randperm(n)], y[torch.randperm(m)]
    assert kernel_distance(x, y) == pytest.approx(kernel_distance(p, q), rel=1e-9)
    assert fid(x, y) == pytest.approx(fid(p, q), rel=1e-6, abs=1e-8)
    assert measure_prdc(x, y, 3) == measure_prdc(p, q, 3)
    assert mean_pair_distance(x) == pytest.approx(mean_pair_distance(p), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(n=sizes, seed=seeds)
def test_a_set_is_at_no_distance_from_itself(n, seed):
    """FID is 0 and all of a set is covered when it is compared with itself; KID, unbiased, is at most 0."""
    x = cloud(n, seed=seed)
    assert fid(x, x) == pytest.approx(0.0, abs=1e-6)
    assert measure_prdc(x, x, 3).coverage == measure_prdc(x, x, 3).precision == 1.0
    assert kernel_distance(x, x) <= 1e-9


@settings(max_examples=25, deadline=None)
@given(n=sizes, m=sizes, k=st.integers(1, 12), block=st.integers(1, 500), seed=seeds)
def test_nearest_is_a_sorted_cdist(n, m, k, block, seed):
    """The nearest neighbours are those of the full distance matrix, whatever the block size."""
    x, y = cloud(n, seed=seed), cloud(m, seed=seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest_neighbours, "_BLOCK_ELEMENTS", block)
        found, rows = find_nearest(x, y, k)
    truth, indices = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").sort(dim=1)
    assert found.shape == (n, min(k, m))
    assert torch.allclose(found, truth[:, :k])
    assert torch.equal(rows, indices[:, :k])


def test_exact_copy_is_at_zero():
    """A copy far from the origin is found at exactly 0, where the fast expansion alone is off by rounding."""
    works = cloud(30).float() + 1000
    found, rows = find_nearest(works[7:8].clone(), works, 2)
    assert found[0, 0] == 0
    assert rows[0, 0] == 7


def test_a_work_is_not_its_own_neighbour():
    """Within one set a row's neighbours are the others."""
    found, rows = find_nearest(
        torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[0.0], [1.0], [3.0]]), 1, skip_self=True
    )
    assert rows.flatten().tolist() == [1, 0, 1]
    assert found.flatten().tolist() == [1.0, 1.0, 2.0]


def test_pair_distance_of_a_square():
    """The corners of a unit square are (4 * 1 + 2 * sqrt 2) / 6 apart on average, and 1 from the next."""
    square = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert mean_pair_distance(square) == pytest.approx((4 + 2 * math.sqrt(2)) / 6, rel=1e-6)
    assert mean_next_distance(square) == 1.0


def test_pair_distance_of_one_work():
    """One work has no pair."""
    assert mean_pair_distance(torch.zeros(1, 3)) == 0.0


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_entropy_of_even_classes(classes):
    """Even classes have log K nats."""
    assert entropy(torch.full((classes,), 7)) == pytest.approx(math.log(classes))


def test_entropy_by_hand():
    """Shares 1/2, 1/4, 1/4, 0 have 1.5 bits."""
    assert entropy(torch.tensor([2, 1, 1, 0])) == pytest.approx(1.5 * math.log(2))


def test_entropy_of_one_class():
    """One class alone has no entropy."""
    assert entropy(torch.tensor([0, 9])) == 0.0


def test_active_units_by_hand():
    """A dimension whose mean varies by more than 0.01 counts; constant ones and faint ones do not."""
    step = torch.tensor([-1.0, 1.0])
    means = torch.stack([step, 0.1001 * step, 0.0999 * step, torch.full((2,), 5.0)], 1)
    assert active_units(means) == 2


def test_active_units_of_few_works_are_uncertain():
    """Two dimensions of variance 1 are active and two of 0.0001 are not, surely; of 0.01 itself nobody knows. Many works tell 0.015."""
    deviations = torch.tensor([1.0, 1.0, 0.01, 0.01, 0.1])
    normal = torch.randn(200, 5, generator=torch.Generator().manual_seed(1))
    normal = (normal - normal.mean(0)) / normal.std(0, correction=0)
    assert tuple(active_units_interval(normal * deviations)) == (2, 3)
    assert tuple(active_units_interval(normal.repeat(50, 1) * torch.tensor([1.0, 1.0, 0.01, 0.01, 0.1225]))) == (3, 3)


def test_copies_by_hand():
    """A copy is nearer than half of the way to the second nearest, or nearer than the bound whatever the second."""
    near = torch.tensor([[0.9, 2.0], [1.1, 2.0], [0.01, 0.01]])
    assert find_copies(near, 0.5, 0.05).tolist() == [True, False, True]


def test_works_reached_by_hand():
    """Two draws from two works name 1.5 of them on average; all of one work among thousands is next to nothing."""
    assert share_reached(torch.tensor([0, 1]), 2) == pytest.approx(2 / 1.5)
    assert share_reached(torch.tensor([7] * 2000), 57_000) == pytest.approx(1 / 1965.4, rel=1e-3)
    assert share_reached(torch.tensor([], dtype=torch.long), 5) == 0.0


def test_sharpness_of_a_checkerboard():
    """On a checkerboard of -1 and 1 each inner pixel differs from its four neighbours by 2: (4 * 2)^2 = 64."""
    board = torch.tensor([[(i + j) % 2 * 2.0 - 1 for j in range(6)] for i in range(6)])
    assert laplacian_energy(board[None, None]).item() == 64.0
    assert laplacian_energy(torch.full((1, 3, 6, 6), 0.3)).item() == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_noise_is_told_on_plain_ground(level):
    """Grey under Gaussian noise of a known deviation, a share of the range, gives it back; a disc on it does not change that."""
    noise = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(3)) * 2 * level
    assert noise_level(noise).mean().item() == pytest.approx(level, rel=0.05)
    square = torch.zeros(16, 3, 32, 32)
    square[:, :, 8:20, 8:20] = 0.6
    assert noise_level(square).tolist() == [0.0] * 16
    assert noise_level(square + noise).mean().item() == pytest.approx(level, rel=0.2)


def test_shrunk_by_hand():
    """Four pixels of a side become one, the mean, spread out again: halves of black and white keep only a smooth step."""
    image = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    image[..., 4:] = 200
    assert shrink_pictures(image, 1).unique().tolist() == [100]
    assert shrink_pictures(image, 2)[0, 0, 0].tolist() == [0, 0, 25, 75, 125, 175, 200, 200]
    assert shrink_pictures(image, 8).tolist() == image.tolist()
    assert shrink_pictures(image[..., 4:], 1).shape == (1, 1, 8, 4)


def test_confusion_by_hand():
    """Rows are what it is, columns what it was seen as; the commonest mistake comes first."""
    table = count_confusions(torch.tensor([0, 0, 1, 2, 2, 2]), torch.tensor([0, 1, 1, 0, 0, 2]), 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [2, 0, 1]]
    assert list_confusions(table, ("a", "b", "c")) == [
        {"is": "c", "seen": "a", "count": 2},
        {"is": "a", "seen": "b", "count": 1},
    ]


def test_quarter_turns_by_hand():
    """One turn to the left brings the right column to the top; four make a circle."""
    image = torch.tensor([[1, 2], [3, 4]])[None, None]
    turned, turns = rotate_quarters(image.repeat(4, 1, 1, 1), torch.arange(4))
    assert turned[:, 0].tolist() == [[[1, 2], [3, 4]], [[2, 4], [1, 3]], [[4, 3], [2, 1]], [[3, 1], [4, 2]]]
    assert turns.tolist() == [0, 1, 2, 3]


def test_halves_are_equal_and_apart():
    """Two halves share no row; an odd one is left over."""
    first, second = split_halves(torch.arange(5))
    assert (first.tolist(), second.tolist()) == ([0, 1], [2, 3])


@given(rows=st.integers(0, 10**6), columns=st.integers(0, 10**5))
def test_blocks_are_bounded_and_leave_nothing_out(rows, columns):
    """Blocks follow each other without a gap, and none has more than 2^23 distances (or is a single row)."""
    found = list(nearest_neighbours.iterate_blocks(rows, columns))[:100]
    assert [block.start for block in found[1:]] == [block.stop for block in found[:-1]]
    assert all((block.stop - block.start) * columns <= 2**23 or block.stop - block.start == 1 for block in found)
    assert sum(block.stop - block.start for block in found) == rows or len(found) == 100
