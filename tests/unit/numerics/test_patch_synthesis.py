"""Patches: nearest ones against a table of all distances, source maps by hand, what stays and what a seed changes."""

import pytest
import torch
from scipy.spatial.distance import cdist

from artpipe.numerics.patch_search import PatchFeatures, PatchGrid, match_all, refine_matches
from artpipe.numerics.patch_synthesis import (
    PatchSettings,
    average_patches,
    build_source_level,
    choose_source_pixels,
    copy_source_pixels,
    list_level_sizes,
    locate_source_pixels,
    match_patches,
    synthesise,
)

ALL = PatchSettings(patch=5, components=75)


def noise(count=1, height=16, width=16, channels=3, seed=0):
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_a_work_that_is_its_own_guess_comes_back_unchanged():
    """Each of its patches is its own nearest one, and the source map counts its pixels."""
    works = noise()
    picture, source_map = synthesise(works, works[0], [(16, 16)], seed=0, settings=ALL)
    assert torch.equal(picture, works[0])
    assert torch.equal(source_map, torch.arange(256).view(16, 16))


def test_the_source_map_names_the_second_work():
    """A guess cut out of the second of two works, three rows down and two columns to the right."""
    works = noise(2)
    guess = works[1, :, 3:15, 2:12]
    picture, source_map = synthesise(works, guess, [(16, 16)], seed=0, settings=PatchSettings(5, 1e6, 75))
    work, row, column = locate_source_pixels(source_map, (16, 16))
    assert torch.equal(picture, guess)
    assert work.unique().tolist() == [1]
    assert row[0, 0] == 3
    assert column[0, 0] == 2


def test_a_picture_is_its_source_map():
    """Every pixel of a picture of any format is a pixel of a work."""
    works = noise(2, 24, 24)
    picture, source_map = synthesise(works, noise(1, 12, 24, seed=4)[0], [(12, 12), (24, 24)], 1, ALL)
    assert picture.shape == (3, 24, 48)
    assert torch.equal(picture, copy_source_pixels(works, source_map))
    assert torch.equal(picture[:, 7, 30], works.permute(0, 2, 3, 1).reshape(-1, 3)[source_map[7, 30]])


def test_a_checkerboard_stays_a_checkerboard():
    """Under noise it comes back whole; out of noise alone fields alternate, but where two beginnings meet."""
    rows, columns = torch.arange(20)[:, None], torch.arange(20)[None, :]
    board, settings = (((rows + columns) % 2) * 2.0 - 1).expand(1, 1, 20, 20), PatchSettings(5, 1e6, 25)
    grain = noise(1, 20, 20, 1, seed=5)[0]
    assert torch.equal(synthesise(board, board[0] + 0.7 * grain, [(20, 20)], 0, settings)[0], board[0])
    picture, _ = synthesise(board, grain, [(20, 20)], 0, settings, 30)
    assert (picture[:, 1:] != picture[:, :-1]).float().mean() > 0.9
    assert (picture[:, :, 1:] != picture[:, :, :-1]).float().mean() > 0.9


def test_the_seed_decides():
    """The same seed makes the same picture, another one another, where matches are searched for at random."""
    works, guess = noise(1, 40, 40), noise(1, 20, 20, seed=7)[0]
    settings = PatchSettings(patch=5, search_all=300)
    pictures = [synthesise(works, guess, [(20, 20), (40, 40)], seed, settings)[0] for seed in (1, 1, 2)]
    assert torch.equal(pictures[0], pictures[1])
    assert not torch.equal(pictures[0], pictures[2])


@pytest.mark.parametrize("alpha", [0.01, 1e9])
def test_all_matches_are_those_of_scipy(alpha):
    """With a large alpha the nearest key, with a small one the nearest relative to the key's own nearest query."""
    queries, keys = torch.randn(50, 12), torch.randn(70, 12)
    table = cdist(queries.double(), keys.double(), "sqeuclidean")
    numbers, distances = match_all(queries, keys, alpha)
    best = (table / (alpha + table.min(0))).argmin(1) if alpha < 1 else table.argmin(1)
    assert numbers.tolist() == best.tolist()
    torch.testing.assert_close(distances.double(), torch.from_numpy(table[range(50), best]), rtol=1e-4, atol=1e-5)


def test_principal_components_keep_distances():
    """With all of them the square distance is the mean square difference of two patches."""
    works = noise(1, 12, 12)
    rows = PatchFeatures(works, 5, 75).project(works)
    expected = (works[0, :, 0:5, 0:5] - works[0, :, 2:7, 3:8]).square().mean()
    assert float((rows[0] - rows[2 * 8 + 3]).square().sum()) == pytest.approx(float(expected), rel=1e-4)


def test_refining_never_makes_a_match_worse():
    """And finds the right one where a neighbour has it already."""
    works = noise(1, 24, 24)
    grid, rows = PatchGrid(1, (24, 24), 5), PatchFeatures(works, 5, 75).project(works)
    right = torch.arange(grid.patches).view(20, 20)
    wrong = torch.zeros_like(right)
    wrong[10, 10] = right[10, 10]
    queries = rows.view(20, 20, -1)
    generator = torch.Generator().manual_seed(0)
    better, distances = refine_matches(grid, queries, rows, wrong, generator)
    assert bool((distances <= (queries - rows[wrong]).square().sum(2)).all())
    assert better[10, 10] == right[10, 10]
    assert better[10, 6:15].tolist() == right[10, 6:15].tolist()


def test_numbers_of_patches_by_hand():
    """Two works of 6 x 5 pixels have 4 x 3 patches of 3 each; what lies outside is moved to the border."""
    grid = PatchGrid(2, (6, 5), 3)
    assert (grid.shape, grid.patches) == ((4, 3), 24)
    assert [int(part) for part in grid.places(torch.tensor(17))] == [1, 1, 2]
    assert int(grid.numbers(torch.tensor(1), torch.tensor(-4), torch.tensor(9))) == 12 + 2


def test_levels_by_hand():
    """Halves of 64 pixels down to 16; the coarsest is no shorter than asked."""
    assert list_level_sizes((64, 128), 16, 2.0) == [(16, 32), (32, 64), (64, 128)]
    assert list_level_sizes((64, 64), 33, 2.0) == [(64, 64)]


def test_averages_of_two_values():
    """Patches of a black and of a white work meet in grey, and the pixels that are copied are black or white."""
    works = torch.stack([torch.full((1, 8, 8), -1.0), torch.full((1, 8, 8), 1.0)])
    matches = torch.zeros(6, 6, dtype=torch.long)
    matches[:, 3:] = 36
    average = average_patches(works, matches, 3)
    assert average[0, :, :3].unique().tolist() == [-1.0]
    assert -1 < float(average[0, 4, 4]) < 1
    picture = copy_source_pixels(works, choose_source_pixels(works, matches, 3))
    assert sorted(picture.unique().tolist()) == [-1.0, 1.0]


def test_an_enlarged_guess_is_compared_with_blurred_works():
    """The work enlarged from half its size finds itself again, with no difference at all."""
    source = build_source_level(noise(1, 16, 16), (16, 16), (8, 8))
    generator = torch.Generator().manual_seed(0)
    matches, distance = match_patches(source, source.blurred[0], None, generator, ALL, enlarged=True)
    assert matches.flatten().tolist() == list(range(144))
    assert distance == pytest.approx(0, abs=1e-6)
