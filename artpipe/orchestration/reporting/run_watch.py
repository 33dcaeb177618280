"""Watch a run: progress in the terminal, and the gallery that fills."""

import contextlib
import functools
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from artpipe.artifacts.paths import LAST_STAGE
from artpipe.errors import BusyError
from artpipe.orchestration.reporting import console
from artpipe.orchestration.reporting.dataset_changes import DatasetChanges, describe_changes
from artpipe.orchestration.reporting.gallery_preview import GalleryPreview
from artpipe.orchestration.reporting.preview_folder import FOLDER, claim, is_being_filled, preview_address, release
from artpipe.orchestration.reporting.run_progress import RunProgress
from artpipe.orchestration.scheduling.dvc_graph import Stage
from artpipe.orchestration.services.addresses import read_addresses
from artpipe.system.locks import hold_lock

_TICK_SECONDS = 1.0
_SERVED_SECONDS, _FILED_SECONDS = 3.0, 10.0  # between two looks of a page that loads itself; of one that a person loads
_COST = 40.0  # how many times the core time that the pages took nothing is written, at least
_END_SECONDS = 10.0  # for the last pages


class RunWatch:
    """Hears of stages from the dispatcher, and shows them."""

    def __init__(self, progress: RunProgress, preview: GalleryPreview | None, changes: DatasetChanges) -> None:
        self.progress, self._preview, self._changes = progress, preview, changes
        self.seconds: dict[str, float] = {}  # of each stage that has ended
        self._started: dict[str, float] = {}
        self._over, self._news = threading.Event(), threading.Event()
        self._next_page, self._is_hung = 0.0, False
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def on_start(self, name: str) -> None:
        """Hear that a stage started."""
        self._started[name] = time.monotonic()
        self.progress.on_start(name)

    def on_end(self, name: str, *, ok: bool) -> None:
        """Hear that a stage ended; what it made is to be seen within seconds."""
        self.seconds[name] = time.monotonic() - self._started.get(name, time.monotonic())
        self.progress.on_end(name, ok=ok)
        if ok:
            self._changes.on_end(name)
        self._is_hung |= name == LAST_STAGE and ok
        if name.startswith(("evaluate@", "ingest@", "train@")):
            self._news.set()

    def close(self) -> None:
        """Show the end, and nothing after it."""
        self._over.set()
        self._thread.join(_END_SECONDS)
        if changed := self._changes.look_again():
            console.print_note(describe_changes(changed))

    def _run(self) -> None:
        with console.show_progress(self.progress):
            while not self._over.is_set():
                self._write_pages()
                self._over.wait(_TICK_SECONDS)
        if self._preview:
            release(Path())
            with _never_failing():
                self._preview.redirect_pages() if self._is_hung else self._preview.write_pages(None)

    def _write_pages(self) -> None:
        now = time.monotonic()
        if self._preview is None or not (self._news.is_set() or now >= self._next_page):
            return
        begun = time.thread_time()  # beside much other work the clock would make a page wait for minutes
        with _never_failing():
            if self._news.is_set():
                self._news.clear()
                self._preview.reload()
            self._preview.write_pages(self.progress, self._changes.find())
        pause = _SERVED_SECONDS if read_addresses() else _FILED_SECONDS
        self._next_page = time.monotonic() + max(pause, _COST * (time.thread_time() - begun))


@contextlib.contextmanager
def watch_run(stages: Sequence[Stage], slots: int) -> Iterator[RunWatch]:
    """Show a run while the body dispatches its stages.

    However it ends, the last page says that no run is under way.
    """
    open_gallery(stages, slots)
    with contextlib.ExitStack() as stack:
        preview = _preview() if stages else None
        try:
            stack.enter_context(hold_lock(FOLDER.with_suffix(".lock"), wait_seconds=0, doing="showing a run"))
        except BusyError:  # another run fills it
            preview = None
        else:
            claim(Path())
        watch = RunWatch(RunProgress(stages, slots), preview, DatasetChanges.of_project(stages))
        stack.callback(watch.close)
        yield watch


@functools.cache
def _open_once() -> threading.Event:
    return threading.Event()


def open_gallery(stages: Sequence[Stage], slots: int) -> None:
    """Write the first page, and print where it is; once in a process."""
    if not stages or _open_once().is_set():
        return
    _open_once().set()
    with _never_failing():
        if (preview := _preview()) and not is_being_filled(Path()):
            claim(Path())
            preview.write_pages(RunProgress(stages, slots))
    console.print_address(preview_address(Path()))


@functools.cache
def _preview() -> GalleryPreview | None:
    """Return the project's preview; None where params.yaml cannot be shown."""
    try:
        return GalleryPreview(Path())
    except Exception as error:  # noqa: BLE001  # see `_never_failing`
        console.print_note(f"the early gallery is not shown: {type(error).__name__}: {error}")
    return None


@contextlib.contextmanager
def _never_failing() -> Iterator[None]:
    """Print why the early gallery could not be shown; the run is not concerned."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # whatever is read may change or go at any moment
        console.print_note(f"the early gallery is not shown for now: {type(error).__name__}: {error}")
