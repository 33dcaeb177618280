"""Choose works from all over a dataset's files, and measure how large they are."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING

from artpipe import plugins
from artpipe.config.params import DatasetEntry
from artpipe.contracts.modality import find_medium
from artpipe.contracts.plugin_info import medium_info
from artpipe.layout.input_files import FolderFiles, make_archive_limits, walk_files
from artpipe.project.forgetting.work_facts import compute_facts
from artpipe.untrusted.magic_bytes import SIGNATURE_BYTES

if TYPE_CHECKING:
    from artpipe.contracts.source import Source

_MEASURED = 24  # works whose sides are measured
_PLANE_AXES = 2


def choose_spread_works(entry: DatasetEntry, count: int) -> Iterator[bytes]:
    """Yield about `count` works from all over a folder.

    Of an archive, all works in their order.
    """
    source: Source = plugins.load_plugin("sources", entry.source)
    path = Path(entry.path)
    if (
        path.is_dir()
        and source.part is not None
        and not FolderFiles(path, make_archive_limits(entry.ingest)).has_shards
    ):
        files = sum(1 for _ in walk_files(path))
        candidates = source.part(entry, 0, max(1, files // count))
    else:
        candidates = source.candidates(entry)
    matches = find_medium(entry).matches
    for candidate in candidates:
        if candidate.rejected is None and matches(candidate.data[:SIGNATURE_BYTES], candidate.name):
            yield candidate.data


def measure_short_side(entry: DatasetEntry) -> int:
    """Return the shorter side that half of the works have at least, in pixels.

    A few works are decoded, in a worker; 0 of what is no picture, or cannot be read.
    """
    if medium_info(entry.medium).axes != _PLANE_AXES:
        return 0
    inputs = (("", data) for data in islice(choose_spread_works(entry, _MEASURED), _MEASURED))
    sides = [min(facts.width, facts.height) for _, facts in compute_facts(entry, inputs) if facts is not None]
    return median_low(sides) if sides else 0
