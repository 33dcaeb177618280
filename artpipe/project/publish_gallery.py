"""Publish the gallery as a checked copy.

It is for a web server, a host or a USB stick. Everything is rendered and checked in memory; nothing is written where anything is wrong.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.artifacts import paths
from artpipe.artifacts.gallery_card import GalleryCard, load_gallery, save_gallery
from artpipe.config.params import Params, load_params
from artpipe.errors import ArtpipeError, UserError
from artpipe.gallery import (
    fingerprint_inputs,
    hold_rendering,
    is_up_to_date,
    make_card,
    open_identity,
    render_gallery,
    require_chosen_licences,
    write_unsynced,
)  # fmt: skip
from artpipe.project.private_texts import collect_private_texts
from artpipe.site.themes import find_theme
from artpipe.site_check.checks import CheckResult, check_site
from artpipe.site_check.published_site import Fault, PublishedSite
from artpipe.system.atomic_files import write_folder
from artpipe.system.plain_text import to_printable
from artpipe.system.units import format_size

_CARD = "gallery.json"
_OWN_MARKS = frozenset({_CARD, f"{_CARD}.sha256", ".nojekyll"})  # beside the files that the card lists
_MOST_SHOWN = 40  # faults; more of them are counted
_HOSTS_OWN = frozenset(
    {".git", ".nojekyll", "CNAME", ".github", ".gitattributes", ".gitignore", ".well-known", ".htaccess"}
)


class PublishedCopy(NamedTuple):
    """A copy that was written, and what the checks told without stopping it."""

    folder: str
    entrance: str  # its address, or the file where nobody said where it will stand
    pages: int
    files: int
    bytes: int
    notes: Sequence[Fault]

    def to_text(self) -> str:
        """Return what it is in a line."""
        size = format_size(self.bytes, digits=1)
        return f"{to_printable(self.folder)}: {self.pages} pages, {size}, checked; its entrance: {to_printable(self.entrance)}"

    def to_json(self) -> dict[str, Any]:
        """Return the same for programs."""
        return {"published": True, **self._asdict(), "faults": [], "notes": list_places(self.notes)}


class FaultyGalleryError(UserError):
    """The checks found faults; nothing was written."""

    def __init__(self, message: str, result: CheckResult) -> None:
        super().__init__(message)
        self.result = result

    def to_json(self) -> dict[str, Any]:
        """Return what they found for programs."""
        faults, notes = list_places(self.result.faults), list_places(self.result.hints)
        return {"published": False, "faults": faults, "notes": notes}


def list_places(faults: Sequence[Fault]) -> list[dict[str, str]]:
    """Return faults for programs."""
    return [fault._asdict() for fault in faults]


def publish_gallery(folder: Path, base_url: str | None = None, accepted: Sequence[str] = ()) -> PublishedCopy:
    """Write a checked copy of the gallery into a folder.

    A folder with an earlier copy is brought up to date; what a host keeps there (`.git`, `CNAME`) stays.

    Raises:
        UserError: nothing hangs, or the folder holds something else.
        FaultyGalleryError: a check found faults, which are printed.
    """
    root = Path.cwd()
    former = _require_own_folder(folder, root)
    params = _apply_base_url(load_params(root / "params.yaml"), base_url)
    require_chosen_licences(root, params)
    inputs, files = collect_published_files(root, params)
    card = make_card(inputs, files)
    inventory = (card.model_dump_json(indent=2) + "\n").encode()
    site = PublishedSite({**files, _CARD: inventory}, params.gallery.base_url, params.gallery.labels)
    result = check_site(site, collect_private_texts(root), accepted)
    _print_result(result)
    try:
        _write_copy(folder, site, card, former)
    except OSError as error:
        raise UserError(f"{to_printable(str(folder))}: {error.strerror}; the copy is not whole") from None
    entrance = params.gallery.base_url or f"{folder}/index.html"
    size = sum(map(len, site.files.values()))
    return PublishedCopy(str(folder), entrance, len(site.pages), len(site.files), size, result.hints)


def _apply_base_url(params: Params, base_url: str | None) -> Params:
    """Return the parameters with another address of the gallery, if one is given."""
    if base_url is None:
        return params
    try:
        gallery = type(params.gallery).model_validate({**params.gallery.model_dump(), "base_url": base_url})
    except ValueError:
        raise UserError(
            f"--base-url {to_printable(base_url)}: expected the address of a folder, such as https://example.org/art/"
        ) from None
    return params.model_copy(update={"gallery": gallery})


def collect_published_files(root: Path, params: Params) -> tuple[str, dict[str, bytes]]:
    """Return the hash of what a gallery without drafts is made from, and its files.

    They are those in `data/gallery` where these are the same.

    Raises:
        UserError: no model hangs yet.
    """
    theme = find_theme(params.gallery.theme)
    identity, gallery = open_identity(root, params), root / paths.gallery()
    with hold_rendering(root):
        inputs = fingerprint_inputs(root, params, theme, identity)
        card = load_gallery(gallery) if is_up_to_date(gallery, inputs) else None
        if card is not None and not _misses_model(card, params):
            return inputs, {path: (gallery / path).read_bytes() for path in card.files}
        files = render_gallery(root, params, theme, identity, drafts=False)
    if not any(path.startswith("works/") for path in files):
        raise UserError("no model hangs yet, so there is nothing to publish; `artpipe run` makes the gallery")
    return inputs, files


def _misses_model(card: GalleryCard, params: Params) -> bool:
    """Return whether a gallery names what does not hang.

    That is a model, or a dataset without any.
    """
    hung = set(card.models)
    datasets = {str(params.models[name].get("dataset")) for name in hung & params.models.keys()}
    return hung != params.models.keys() or datasets != params.datasets.keys()


def _require_own_folder(folder: Path, root: Path) -> GalleryCard | None:
    """Return the card of the copy in a folder, None where the folder is new or empty.

    Raises:
        UserError: the folder holds something else, or is the project's own.
    """
    shown, full = to_printable(str(folder)), folder.absolute().resolve()
    if root.resolve().is_relative_to(full) or any(
        full.is_relative_to((root / name).resolve()) for name in ("data", ".dvc", ".git", ".state", "datasets")
    ):
        raise UserError(f"{shown}: belongs to the project; name a folder that holds nothing else")
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise UserError(f"{shown}: a file; name a folder that is empty, or not there yet")
    names = {path.name for path in folder.iterdir()} - _HOSTS_OWN
    if not names:
        return None
    if _CARD not in names:
        raise UserError(
            f"{shown}: holds other files ({to_printable(min(names))}); name a folder that is empty, or not there yet"
        )
    try:
        return GalleryCard.model_validate_json((folder / _CARD).read_bytes())
    except (ValueError, OSError):
        raise UserError(f"{shown}/{_CARD}: damaged; remove the folder, and publish again") from None


def _print_result(result: CheckResult) -> None:
    """Print what the checks said.

    Raises:
        FaultyGalleryError: they found faults.
    """
    for hint in result.hints:
        sys.stderr.write(f"note: {_format_fault(hint)}\n")
    for fault in result.faults[:_MOST_SHOWN]:
        sys.stderr.write(f"{_format_fault(fault)}\n")
    count = len(result.faults)
    if count:
        more = f" ({count - _MOST_SHOWN} more than are shown)" if count > _MOST_SHOWN else ""
        counted = f"{count} {'fault' if count == 1 else 'faults'}"
        raise FaultyGalleryError(f"{counted} in the gallery{more}; nothing was written", result)


def _format_fault(fault: Fault) -> str:
    return to_printable(f"{fault.place}: {fault.message}")


def _write_copy(folder: Path, site: PublishedSite, card: GalleryCard, former: GalleryCard | None) -> None:
    """Write the files, or bring a former copy up to date.

    Each is written whole, the card last.

    Raises:
        ArtpipeError: a file of somebody else stands where one of ours belongs.
    """
    if not folder.exists():
        with write_folder(folder) as temporary:
            _write_files(temporary, site, card)
        return
    owned = {*(former.files if former else ()), *_OWN_MARKS}
    taken = next(
        (path for path, data in site.files.items() if path not in owned and _differs(folder / path, data)), None
    )
    if taken is not None:
        raise UserError(
            f"{to_printable(str(folder / taken))}: not of the copy that stood here; remove it, and publish again"
        )
    # Until the last file is written the card names old and new ones, so that the same command goes on after any end.
    under_way = card.model_copy(update={"files": {**(former.files if former else {}), **card.files}})
    write_unsynced(folder / _CARD, under_way.model_dump_json().encode())
    _write_files(folder, site, card)
    for path in sorted(owned - _OWN_MARKS - site.files.keys()):
        _remove_file(folder, path)


def _differs(target: Path, data: bytes) -> bool:
    return target.exists() and not (target.is_file() and target.read_bytes() == data)


def _write_files(folder: Path, site: PublishedSite, card: GalleryCard) -> None:
    for path, data in site.files.items():
        target = folder / path
        if path != _CARD and (not target.exists() or _differs(target, data)):
            write_unsynced(target, data)
    (folder / ".nojekyll").write_bytes(b"")  # GitHub Pages shall serve the files as they are
    save_gallery(folder, card)


def _remove_file(folder: Path, path: str) -> None:
    """Remove a file of the former copy, and the folders that this empties."""
    target = folder / path
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise ArtpipeError(
            f"{_CARD}: names `{to_printable(path)}`, which lies outside; remove the folder, and publish again"
        )
    target.unlink(missing_ok=True)
    for parent in target.parents:
        if parent == folder or any(parent.iterdir()):
            break
        parent.rmdir()
