"""Write and read the captions of works, `captions.parquet` beside the works.

The file is there only where a work has a caption, so that works without any stay as they are, byte for byte.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from artpipe.artifacts.parquet import TableWriter

CAPTIONS_FILE = "captions.parquet"


class WorkCaption(NamedTuple):
    """One row of `captions.parquet`, in the order of the works."""

    sha256: str
    caption: str


class CaptionWriter:
    """Write the captions; memory does not grow with their number."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / CAPTIONS_FILE
        self.table = TableWriter(self.path, WorkCaption)
        self.has_captions = False

    def add(self, sha256: str, caption: str | None, substitute: str | None) -> None:
        """Add a work's caption; `substitute` is its caption where others have one."""
        self.has_captions = self.has_captions or bool(caption)
        if text := caption or substitute:
            self.table.add((sha256, text))

    def close(self) -> tuple[str, ...]:
        """Return the names of the files that stay: none where no work has a caption."""
        self.table.close()
        if self.has_captions:
            return (CAPTIONS_FILE,)
        self.path.unlink()
        return ()

    def release(self) -> None:
        """Close the file, whatever is in it."""
        self.table.release()


def align_captions(rows: Iterable[WorkCaption], digests: Iterable[str]) -> Iterator[str]:
    """Yield the caption of each work, by SHA-256 in the order of the rows.

    It is empty where a work has none.
    """
    remaining = iter(rows)
    row = next(remaining, None)
    for digest in digests:
        if row is not None and row.sha256 == digest:
            yield row.caption
            row = next(remaining, None)
        else:
            yield ""
