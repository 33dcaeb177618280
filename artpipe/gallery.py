"""Build the gallery, a static site, from reports, runs and records.

Files that did not change are not written.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.cross_references import read_checkpoint_card
from artpipe.artifacts.curation import load_curation
from artpipe.artifacts.gallery_card import GalleryCard, load_gallery, save_gallery
from artpipe.artifacts.mlflow_run_ids import load_mlflow_run_ids
from artpipe.code.accepted_results import read_accepted
from artpipe.config.params import Params, load_params
from artpipe.language.sentences import list_languages, load_sentences, load_words
from artpipe.publishing.licence_check import open_record, require_licences
from artpipe.site.museum import load_museum, remove_drafts
from artpipe.site.themes import find_theme, list_theme_files, make_translator
from artpipe.storage.leftovers import remove_leftovers
from artpipe.system.file_cache import FileCache
from artpipe.system.hashing import sha256_bytes, sha256_file
from artpipe.system.locks import hold_lock
from artpipe.system.plain_text import to_printable

if TYPE_CHECKING:
    from artpipe.artifacts.curation import BredWork
    from artpipe.contracts.section import Artist, Museum
    from artpipe.credentials.signing_identity import SigningIdentity
    from artpipe.site.curated_walls import PaintBred
    from artpipe.site.media_files import MediaStore
    from artpipe.site.pages import Site
    from artpipe.site.translation import Translator

_PACKAGE_FOLDER = Path(__file__).parent
_CARD_FILES = ("gallery.json", "gallery.json.sha256")
_WAIT_SECONDS, _NOTICE_SECONDS = 900.0, 2.0  # for another rendering of the same project
_MEDIA_FILE = re.compile(r"media/[0-9a-f]{16}(?:\.[a-z0-9]+)?")


def build_gallery(root: Path = Path()) -> None:
    """Write the gallery into ``data/gallery`` and remove leftovers of former entries.

    Raises:
        UserError: params.yaml is wrong, or names a theme or section that does not exist; champions.json is wrong; the
            key or the certificates to sign with are.
        BusyError: another command has been rendering it for a quarter of an hour.
    """
    with hold_rendering(root):
        params = load_params(root / "params.yaml")  # of now: what was added while this waited is no leftover
        theme = find_theme(params.gallery.theme)
        remove_leftovers(root, params)
        require_chosen_licences(root, params)
        identity = open_identity(root, params)
        inputs = fingerprint_inputs(root, params, theme, identity)
        gallery = root / paths.gallery()
        if is_up_to_date(gallery, inputs):
            return
        files = render_gallery(root, params, theme, identity)
        write_gallery(gallery, files)
        save_gallery(gallery, make_card(inputs, files))


@contextmanager
def hold_rendering(root: Path) -> Iterator[None]:
    """Render a project's gallery alone; who comes second waits, and finds it made.

    Raises:
        BusyError: see `build_gallery`.
    """
    lock = root / paths.STATE / "gallery.lock"
    with hold_lock(lock, wait_seconds=_WAIT_SECONDS, notice_seconds=_NOTICE_SECONDS, doing="rendering the gallery"):
        yield


def require_chosen_licences(root: Path, params: Params) -> None:
    """Refuse works whose licence does not allow it, where params.yaml asks for that.

    Raises:
        UserError: there are some.
    """
    if params.gallery.require_licence:
        require_licences({name: open_record(root / paths.record(name)) for name in params.datasets})


def is_up_to_date(gallery: Path, inputs: str) -> bool:
    """Return whether a gallery was made from these inputs and is whole."""
    card = load_gallery(gallery)
    return card is not None and card.inputs == inputs and _list_files(gallery) == {*card.files, *_CARD_FILES}


def make_card(inputs: str, files: Mapping[str, bytes]) -> GalleryCard:
    """Return the card of a gallery's files."""
    from artpipe.site.work_records import summarise_models, summarise_works

    hashes = {path: sha256_bytes(files[path]) for path in sorted(files)}
    return GalleryCard(inputs=inputs, models=summarise_models(files), works=summarise_works(files), files=hashes)


def open_identity(root: Path, params: Params) -> "SigningIdentity | None":
    """Return what the works are signed with; None where they are not."""
    from artpipe.credentials.native_context import is_installed
    from artpipe.credentials.signing_identity import load_identity

    return load_identity(root) if params.gallery.credentials and is_installed() else None


def render_gallery(
    root: Path, params: Params, theme: Path, identity: "SigningIdentity | None" = None, *, drafts: bool = True
) -> dict[str, bytes]:
    """Return every file of the gallery by its path.

    Pages, media, style, script and fonts, and the works to take away, signed where there is an identity. Without `drafts`
    no model that does not hang yet is named.
    """
    from artpipe.publishing.gallery_cards import add_cards
    from artpipe.publishing.offered_files import OfferedFiles
    from artpipe.publishing.ro_crate import METADATA_FILE, make_ro_crate
    from artpipe.site.languages import adopt_files, choose_language, list_site_languages, share_files
    from artpipe.site.media_files import MediaStore
    from artpipe.site.pages import collect_pages, render_pages

    media, languages = MediaStore(FileCache(root / paths.ENCODED)), list_site_languages(params)
    load = make_museum_loader(root, params, media, drafts=drafts)
    offered = OfferedFiles(root, params.gallery, identity, media)
    museum = offered.prepare_museum(replace(add_cards(load(params), root, params, media), languages=languages))
    offered.add_iiif_files(museum)
    museum = offered.finish(museum)
    pages = collect_pages(render_pages(make_site(params, theme, make_translator(params, theme)), museum))
    for language in languages[1:]:
        spoken = choose_language(params, language.code)
        site = make_site(spoken, theme, make_translator(spoken, theme))
        further = collect_pages(render_pages(site, adopt_files(load(spoken), museum)))
        pages = collect_pages([*pages.items(), *share_files(further, language.prefix)])
    files = collect_files(pages, theme, media)
    files |= offered.files
    media.forget_unused()
    return {**files, METADATA_FILE: make_ro_crate(museum, files)}


def make_museum_loader(
    root: Path, params: Params, media: "MediaStore", *, drafts: bool
) -> "Callable[[Params], Museum]":
    """Return what loads the curated museum in the language of some parameters.

    What waits to hang is told on stderr, once.
    """
    from artpipe.site.curated_walls import curate_museum

    curation, paint = load_curation(root), make_bred_painter(root)

    def load(spoken: Params) -> "Museum":
        museum = load_museum(root, spoken, media, load_sentences(spoken.gallery.language))
        museum, waiting = curate_museum(museum, curation, media, paint)
        for line in waiting if spoken is params else ():
            sys.stderr.write(f"{paths.CURATION}: {to_printable(line)}\n")
        return museum if drafts else remove_drafts(museum)

    return load


def make_bred_painter(root: Path) -> "PaintBred":
    """Return what paints the bred works of a model, each once."""
    painted: dict[str, Sequence[bytes]] = {}

    def paint(artist: "Artist", bred: "Sequence[BredWork]") -> "Sequence[bytes]":
        from artpipe.evaluation.bred_pictures import paint_bred  # torch, where a person bred something

        if artist.name not in painted:
            painted[artist.name] = paint_bred(root / paths.checkpoint(artist.name), bred, artist.report.checkpoint)
        return painted[artist.name]

    return paint


def collect_files(pages: Mapping[str, bytes], theme: Path, media: "MediaStore") -> dict[str, bytes]:
    """Return the pages with all that they show: the theme's assets, and media."""
    shown = {name for page in pages.values() for name in _MEDIA_FILE.findall(page.decode())}
    scripts = [media.files[name] for name in shown if name.endswith(".js")]  # live rooms, which show works too
    shown |= {name for script in scripts for name in _MEDIA_FILE.findall(script.decode())}
    files = {f"assets/{name}": path.read_bytes() for name, path in list_theme_files(theme, "assets").items()}
    files["assets/pictures.css"] = media.make_stylesheet()
    return {**pages, **files, **{name: data for name, data in media.files.items() if name in shown}}


def write_gallery(gallery: Path, files: Mapping[str, bytes]) -> None:
    """Write files that differ and remove those that are not in `files`.

    Others are not touched.
    """
    for name in sorted(_list_files(gallery) - {*files, *_CARD_FILES}):
        (gallery / name).unlink()
    for folder in sorted((path for path in gallery.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    for name, data in files.items():
        path = gallery / name
        if not path.is_file() or path.read_bytes() != data:
            write_unsynced(path, data)


def write_unsynced(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, without waiting for the disk.

    The card is written last, and a file that differs from it is written again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)


def make_site(params: Params, theme: Path, translator: "Translator") -> "Site":
    """Return the theme with the sections that params.yaml chooses."""
    from artpipe.site import charts, pages
    from artpipe.site.site_map import page_address
    from artpipe.site.translation import is_chinese, is_vertical_verse, text_direction

    sections = [
        (name, plugins.load_plugin("sections", name))
        for name in params.gallery.sections or plugins.list_plugins("sections")
    ]
    filters: dict[str, Any] = {"chart": charts.draw_chart, "reliability": charts.draw_reliability}
    filters["address"] = lambda path, museum: page_address(museum, path)
    filters |= {"direction": text_direction, "han": is_chinese, "upright": is_vertical_verse, **translator.filters()}
    return pages.Site(
        pages.make_environment(theme, sections, filters, translator.translate, translator.translate_plural), sections
    )


def _list_folder(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def fingerprint_inputs(root: Path, params: Params, theme: Path, identity: "SigningIdentity | None") -> str:
    """Return the hash of all that the gallery is made from.

    If it is the same, so is the gallery.
    """
    from artpipe.site.wall_texts import dump_plugin_infos

    parts: list[object] = [
        params.model_dump(mode="json"),
        dump_plugin_infos(params),
        {name: _installed_version(name) for name in ("c2pa-python", "imageio-ffmpeg", "jinja2", "pillow", "pyarrow")},
        identity.fingerprint if identity else "",
    ]
    code = [
        _PACKAGE_FOLDER / "gallery.py",
        *list_theme_files(theme).values(),
        *sorted(
            path
            for folder in ("ai_labels", "contracts", "credentials", "language", "publishing", "sections", "site")
            for path in (_PACKAGE_FOLDER / folder).glob("*.py")
        ),
    ]
    parts.append([(path.name, sha256_file(path)) for path in code])
    languages = list_languages()  # titles and manifests are in all of them
    parts += [(asdict(load_sentences(language)), dict(load_words(language))) for language in languages]
    parts.append(read_accepted(root))
    parts.append(sha256_file(root / paths.CHAMPIONS) if (root / paths.CHAMPIONS).exists() else "")
    parts.append(load_mlflow_run_ids(root) if params.gallery.mlflow_url else {})  # its pages lead there
    curation = load_curation(root)
    parts.append(curation.model_dump(mode="json"))
    bred = [name for name, decided in curation.models.items() if decided.bred]
    parts.append([(name, read_checkpoint_card(root / paths.checkpoint(name))[1]) for name in bred])  # they paint them
    for kind, names in (("record", params.datasets), ("runs", params.models), ("reports", params.models)):
        for name in names:
            folder = root / "data" / kind / name
            parts.append([(kind, str(path.relative_to(folder)), sha256_file(path)) for path in _list_folder(folder)])
    return sha256_bytes(json.dumps(parts, sort_keys=True).encode())


def _installed_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _list_files(gallery: Path) -> set[str]:
    return {str(path.relative_to(gallery)) for path in gallery.rglob("*") if not path.is_dir()}
