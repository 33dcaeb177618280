"""Print the gallery's catalogue into a PDF."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.config.params import load_params
from artpipe.errors import UserError
from artpipe.gallery import write_gallery
from artpipe.project.publish_gallery import collect_published_files
from artpipe.system.atomic_files import write_bytes
from artpipe.system.chromium import CHROMIUM_NAMES, find_chromium, print_pdf
from artpipe.system.plain_text import to_printable
from artpipe.system.units import format_size

_PAGES = ("catalogue/print/index.html", "catalogue/index.html")  # a short catalogue has the second alone


class PrintedCatalogue(NamedTuple):
    """The PDF that was written."""

    file: Path
    bytes: int

    def to_text(self) -> str:
        """Return it in a line."""
        return f"{to_printable(str(self.file))}: the catalogue, {format_size(self.bytes, digits=1)}"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return {"file": str(self.file), "bytes": self.bytes}


def print_catalogue(target: Path) -> PrintedCatalogue:
    """Write the catalogue of what hangs into a PDF.

    Raises:
        UserError: there is no browser to print with, nothing hangs, the gallery has no catalogue, or the file cannot be
            written.
        ArtpipeError: the browser made no PDF.
    """
    shown = to_printable(str(target))
    if target.suffix.lower() != ".pdf" or target.is_dir():
        raise UserError(f"{shown}: no name of a PDF; name a file such as catalogue.pdf")
    chromium = find_chromium()
    if chromium is None:
        names = ", ".join(CHROMIUM_NAMES)
        raise UserError(
            f"no browser to print with: none of {names} is on PATH; install chromium, or name it in CHROMIUM"
        )
    _, files = collect_published_files(Path.cwd(), load_params(Path("params.yaml")))
    page = next((page for page in _PAGES if page in files), None)
    if page is None:
        raise UserError("params.yaml: `gallery.sections` has no `catalogue`; add it")
    with tempfile.TemporaryDirectory(prefix="artpipe-catalogue-") as folder:
        write_gallery(Path(folder) / "gallery", files)
        printed = Path(folder) / "catalogue.pdf"
        print_pdf(chromium, Path(folder) / "gallery" / page, printed)
        data = printed.read_bytes()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, data)
    except OSError as error:
        raise UserError(f"{shown}: {error.strerror}; name a file that can be written") from None
    return PrintedCatalogue(target, len(data))
