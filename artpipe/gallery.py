"""The gallery stage: from reports, runs and records to a static site; what did not change is not written."""

import json
import os
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.gallery_card import GalleryCard, load_gallery, save_gallery
from artpipe.config.params import Params, load_params
from artpipe.errors import UserError, did_you_mean
from artpipe.site.museum import load_museum, translate_museum
from artpipe.storage.leftovers import sweep_removed
from artpipe.system.hashing import sha256_bytes, sha256_file

if TYPE_CHECKING:
    from artpipe.site.pages import Site
    from artpipe.site.translation import Words

_HERE = Path(__file__).parent
_CARD = ("gallery.json", "gallery.json.sha256")
_MEDIUM = re.compile(r"media/[0-9a-f]{16}(?:\.[a-z0-9]+)?")


def build_gallery(root: Path = Path()) -> None:
    """Hang everything the reports and records tell of in ``data/gallery``, and sweep what no entry names any more.

    Raises:
        UserError: params.yaml is wrong, or names a theme or section that does not exist; champions.json is wrong.
    """
    params = load_params(root / "params.yaml")
    theme = _theme(params.gallery.theme)
    sweep_removed(root, params)
    inputs = _fingerprint(root, params, theme)
    gallery = root / paths.gallery()
    standing = load_gallery(gallery)
    if standing and standing.inputs == inputs and _files(gallery) == {*standing.files, *_CARD}:
        return
    files = render(root, params, theme)
    hang(gallery, files)
    save_gallery(gallery, GalleryCard(inputs=inputs, files={path: sha256_bytes(files[path]) for path in sorted(files)}))


def render(root: Path, params: Params, theme: Path) -> dict[str, bytes]:
    """Return every file of the gallery by its path: pages, media, style, script and fonts."""
    from artpipe.site.media_files import Shelf
    from artpipe.site.pages import pages
    from artpipe.site.translation import Words
    from artpipe.site.wall_texts import acronyms

    shelf, words = Shelf(), Words(theme, params.gallery.language, acronyms(params))
    museum = translate_museum(load_museum(root, params, shelf), words.said)
    files = dict(pages(_site(params, theme, words), museum))
    shown = {name for page in files.values() for name in _MEDIUM.findall(page.decode())}
    assets = theme / "assets"
    files |= {f"assets/{path.relative_to(assets).as_posix()}": path.read_bytes() for path in _theme_files(assets)}
    files["assets/pictures.css"] = shelf.stylesheet()
    return files | {name: data for name, data in shelf.files.items() if name in shown}


def hang(gallery: Path, files: Mapping[str, bytes]) -> None:
    """Write what differs, remove what is not in `files`; what stands as it should is not touched."""
    for name in sorted(_files(gallery) - {*files, *_CARD}):
        (gallery / name).unlink()
    for folder in sorted((path for path in gallery.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    for name, data in files.items():
        path = gallery / name
        if not path.is_file() or path.read_bytes() != data:
            _write(path, data)


def _write(path: Path, data: bytes) -> None:
    """Write whole or not at all, without waiting for the disk: the card is written last, and a file that is not what it says is hung again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)


def _site(params: Params, theme: Path, words: "Words") -> "Site":
    from artpipe.site import charts
    from artpipe.site import pages as _site
    from artpipe.site.translation import direction, han, upright

    sections = [(name, plugins.find("sections", name)) for name in params.gallery.sections or plugins.names("sections")]
    filters: dict[str, Any] = {"chart": charts.chart, "reliability": charts.reliability}
    filters |= {"direction": direction, "han": han, "upright": upright, **words.filters()}
    return _site.Site(_site.environment(theme, sections, filters, words.one, words.many), sections)


def _theme(name: str) -> Path:
    themes = sorted(path.name for path in (_HERE / "templates").iterdir() if path.is_dir())
    if name not in themes:
        raise UserError(
            f"params.yaml: `gallery.theme` is `{name}`; there are: {', '.join(themes)}{did_you_mean(name, themes)}"
        )
    return _HERE / "templates" / name


def _theme_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _fingerprint(root: Path, params: Params, theme: Path) -> str:
    """Return the hash of all that the gallery is made from; if it is the same, so is the gallery."""
    from artpipe.site.wall_texts import plugin_words

    parts: list[object] = [
        params.model_dump(mode="json"),
        plugin_words(params),
        {name: _version(name) for name in ("jinja2", "pillow", "pyarrow")},
    ]
    code = [
        _HERE / "gallery.py",
        *_theme_files(theme),
        *sorted(path for folder in ("contracts", "sections", "site") for path in (_HERE / folder).glob("*.py")),
    ]
    parts.append([(path.name, sha256_file(path)) for path in code])
    parts.append(sha256_file(root / paths.CHAMPIONS) if (root / paths.CHAMPIONS).exists() else "")
    for kind, names in (("record", params.datasets), ("runs", params.models), ("reports", params.models)):
        for name in names:
            folder = root / "data" / kind / name
            parts.append([(kind, str(path.relative_to(folder)), sha256_file(path)) for path in _theme_files(folder)])
    return sha256_bytes(json.dumps(parts, sort_keys=True).encode())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _files(gallery: Path) -> set[str]:
    return {str(path.relative_to(gallery)) for path in gallery.rglob("*") if not path.is_dir()}
