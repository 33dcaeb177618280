"""Pages of the gallery in `.state/preview` while a run makes it.

They show what hangs already and what is under way.
DVC knows nothing of them. The stage `gallery` makes the gallery that counts, from the same artifacts; when it has, each
early page leads to its page there.
"""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from artpipe.artifacts import paths
from artpipe.config.params import load_params
from artpipe.contracts.gallery_work import Media
from artpipe.contracts.run_status import Activity, RunStatus
from artpipe.contracts.section import IndexView, Museum
from artpipe.gallery import collect_files, make_site, write_gallery, write_unsynced
from artpipe.orchestration.reporting.preview_folder import FOLDER
from artpipe.orchestration.reporting.run_progress import ModelActivity, RunProgress
from artpipe.site.featured_work import choose_featured
from artpipe.site.media_files import MediaStore
from artpipe.site.museum import load_museum
from artpipe.site.pages import render_pages
from artpipe.site.themes import find_theme, list_theme_files, make_translator
from artpipe.system.file_cache import FileCache

_INDEX = "index.html"
_PICTURES = {".png", ".webp", ".jpg"}
_MOVED = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>artpipe</title>'
    '<meta http-equiv="refresh" content="0; url={address}"><a href="{address}">The gallery</a></html>\n'
)


class GalleryPreview:
    """Writes the early pages; what was encoded once is kept for the next time."""

    def __init__(self, root: Path) -> None:
        self._root, self._params = root, load_params(root / "params.yaml")
        self._theme = find_theme(self._params.gallery.theme)
        self._media = MediaStore(FileCache(root / paths.ENCODED))
        self._translator = make_translator(self._params, self._theme)
        self._site = make_site(self._params, self._theme, self._translator)
        self._museum: Museum | None = None
        self._pages, self._written, self._is_stale = dict[str, bytes](), dict[str, bytes](), True

    def reload(self) -> None:
        """Read anew what hangs; the pages are written by `write_pages`."""
        self._museum = load_museum(self._root, self._params, self._media, self._translator.sentences)
        self._pages, self._is_stale = dict(render_pages(self._site, self._museum)), True

    def write_pages(self, progress: RunProgress | None, changed: Sequence[str] = ()) -> None:
        """Write what differs; the entrance says how far the run is, if there is one.

        It names the datasets that `changed` since the run took them in.
        """
        if self._museum is None:
            self.reload()
        assert self._museum is not None  # noqa: S101  # it was loaded just now
        museum = replace(self._museum, run=self._describe(progress, changed)) if progress else self._museum
        entrance = self._site.render_page("index", _INDEX, IndexView(museum, choose_featured(museum)), here="")
        if self._is_stale:
            self._write_all()
        self._write_media(entrance)
        write_unsynced(self._root / FOLDER / _INDEX, entrance)  # last: all that it shows is there

    def _write_all(self) -> None:
        """Write everything but the entrance, which is still the former one."""
        files = collect_files(self._pages, self._theme, self._media)
        for name, path in list_theme_files(self._theme, "early").items():
            files[f"assets/{name}"] = path.read_bytes()
        files["gallery.json"] = b'{"early": true}\n'  # pages lead to the inventory, which comes with the gallery
        folder = self._root / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        former = folder / _INDEX
        write_gallery(folder, files | ({_INDEX: former.read_bytes()} if former.is_file() else {}))
        self._written, self._is_stale = {name: data for name, data in files.items() if name != _INDEX}, False

    def _write_media(self, entrance: bytes) -> None:
        """Write what the entrance alone shows: new sheets, and the widths of all."""
        files = collect_files({_INDEX: entrance}, self._theme, self._media)
        for name, data in files.items():
            if name != _INDEX and self._written.get(name) != data:
                write_unsynced(self._root / FOLDER / name, data)
                self._written[name] = data

    def redirect_pages(self) -> None:
        """Let every early page lead to its page of the gallery.

        Media stay for who has a page open.
        """
        folder = self._root / FOLDER
        for name in self._pages:
            up = "../" * (name.count("/") + len(FOLDER.parts))
            write_unsynced(folder / name, _MOVED.format(address=f"{up}{paths.gallery().as_posix()}/{name}").encode())

    def _describe(self, progress: RunProgress, changed: Sequence[str]) -> RunStatus:
        activities = {model: self._add_sheet(model, activity) for model, activity in progress.activities().items()}
        now, datasets = time.strftime("%H:%M:%S"), tuple(changed)
        return RunStatus(progress.share(), progress.seconds_left(), activities, now, datasets)

    def _add_sheet(self, model: str, activity: ModelActivity) -> Activity:
        sheet = self._find_sheet(model) if activity.doing in {"train", "evaluate"} else None
        return Activity(activity.doing, activity.seconds_left, activity.step, activity.steps, sheet)

    def _find_sheet(self, model: str) -> Media | None:
        """Return the newest picture that a training left at its evaluation points.

        Not that of before the first step, when nothing is learned: the model made nothing of it.
        """
        folders = [self._root / paths.run(model), *(self._root / paths.STATE / "train" / model).glob("*")]
        with contextlib.suppress(OSError, ValueError):  # a stage may take a file away at any moment
            sheets = [
                path
                for folder in folders
                for path in folder.glob("progress/step-*")
                if path.suffix in _PICTURES and int(path.stem.removeprefix("step-"))
            ]
            return self._media.add_picture(max(sheets, key=lambda path: path.stat().st_mtime))
        return None
