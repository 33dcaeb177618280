"""Notes on datasets of which too few works will be held out to judge likeness by."""

import math
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.works import Works
from artpipe.config.params import DatasetEntry, Params, SplitParams
from artpipe.contracts.plugin_info import medium_info
from artpipe.errors import ArtpipeError
from artpipe.layout.folder_words import parse_split
from artpipe.layout.input_files import walk_files

_PLANE_AXES = 2  # of a medium whose works are pictures
_MAX_TEST_SHARE = 0.5


def note_few_held_out(params: Params, datasets: Collection[str], root: Path = Path()) -> Iterator[str]:
    """Yield a line for each dataset with too few works to judge its pictures by.

    Of `datasets`, those with a model that makes pictures.
    """
    fewest = params.evaluation.verdicts.fewest_works
    for name in datasets:
        entry = params.datasets[name]
        share = float(entry.preprocess.get("test", SplitParams().test))
        count = _count_held_out(name, entry, share, fewest, root)
        if count is None or count >= fewest or not _is_judged_by_likeness(params, name):
            continue
        yield f"{name}: about {count} works will be held out, too few to judge likeness by ({fewest}){_advise(name, entry, share, fewest, root)}"


def _count_held_out(name: str, entry: DatasetEntry, share: float, fewest: int, root: Path) -> int | None:
    """Return about how many works will be held out, None where nobody knows yet."""
    works, test = _count_works(name, entry, share, fewest, root)
    if test is not None or works is None:
        return test
    return round(works * share)


def _count_works(
    name: str, entry: DatasetEntry, share: float, fewest: int, root: Path
) -> tuple[int | None, int | None]:
    """Return the number of works and, where they bring a test split, of those in it.

    Before the ingest the files of a folder are counted, as many as matter.
    """
    try:
        card = Works.open(root / paths.works(name)).card
    except ArtpipeError:
        folder = root / entry.path
        if not folder.is_dir() or not share:
            return None, None
        count = sum(1 for _ in islice(walk_files(folder), math.ceil(fewest / share) + 1))
        return count, _count_test_files(folder, fewest) if entry.ingest.splits == "keep" else None
    return card.count, card.splits.get("test") if entry.ingest.splits == "keep" else None


def _count_test_files(folder: Path, most: int) -> int | None:
    """Return how many files a folder's test works are, None where none are given."""
    folders = [path for path in folder.iterdir() if parse_split(path.name) == "test" and path.is_dir()]
    return sum(1 for path in folders for _ in islice(walk_files(path), most)) if folders else None


def _is_judged_by_likeness(params: Params, dataset: str) -> bool:
    """Return whether a model of a dataset makes pictures out of nothing.

    It imports the kinds.
    """
    if medium_info(params.datasets[dataset].medium).axes != _PLANE_AXES:
        return False
    from artpipe.contracts.model import Sampler  # with torch

    kinds = {str(entry.get("kind")) for entry in params.models.values() if entry.get("dataset") == dataset}
    builds = [plugins.load_plugin("models", kind).build for kind in kinds]
    return any(isinstance(build, type) and issubclass(build, Sampler) for build in builds)


def _advise(name: str, entry: DatasetEntry, share: float, fewest: int, root: Path) -> str:
    works, test = _count_works(name, entry, share, fewest, root)
    if test is not None or not works or not share:
        return "; with `ingest: {splits: ignore}` artpipe holds works out itself" if test is not None else ""
    wanted_share = math.ceil(20 * fewest / works) / 20  # a multiple of 0.05
    by_share = f" or, with these, `test: {wanted_share:g}`" if share < wanted_share <= _MAX_TEST_SHARE else ""
    return f"; {math.ceil(fewest / share)} works in all would do{by_share}"
