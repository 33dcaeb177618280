"""The early gallery: what hangs and what is under way, in a folder that DVC does not know."""

import os
import re
import shutil
from pathlib import Path

import pytest

from artpipe.artifacts import paths
from artpipe.gallery import build_gallery
from artpipe.orchestration.reporting import gallery_preview, preview_folder, run_watch
from artpipe.orchestration.reporting.gallery_preview import GalleryPreview
from artpipe.orchestration.reporting.run_progress import RunProgress
from artpipe.orchestration.scheduling.dvc_graph import Stage
from artpipe.system.processes import find_process
from tests.conftest import load_module
from tests.support.museums import find_museum

make = load_module(Path(__file__).parents[3] / "browser" / "make_museum.py")

MODEL, SHEET = "digits-gan", "progress/step-00000100.png"


@pytest.fixture(scope="module")
def finished():
    """A project whose models have all been judged."""
    return find_museum()


@pytest.fixture
def root(finished, tmp_path, monkeypatch):
    """A copy of it in which one model is still to be trained."""
    shutil.copytree(finished, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    for cached in (run_watch._preview, run_watch._open_once):
        cached.cache_clear()
    for folder in (paths.run(MODEL), paths.report(MODEL)):
        folder.rename(tmp_path / folder.parent.name)
    return Path()


@pytest.fixture
def progress():
    stages = [
        Stage(f"train@{MODEL}", (), True, 130.0, seconds=100.0),
        Stage(f"evaluate@{MODEL}", (f"train@{MODEL}",), True, 30.0, seconds=25.0, appeal=1.0),
        Stage("gallery", (f"evaluate@{MODEL}",), True, 5.0, seconds=5.0),
    ]
    return RunProgress(stages, 2)


def entrance(root: Path) -> str:
    return (root / preview_folder.FOLDER / "index.html").read_text()


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_what_is_under_way_is_named_with_its_time(root, progress):
    """The model to come, what is done for it, when it hangs; what it made at its newest evaluation point."""
    preview = GalleryPreview(root)
    preview.write_pages(progress)
    assert "waits for its turn, hangs in about 2 min" in entrance(root)
    assert "about 2 min left" in entrance(root)
    progress.on_start(f"train@{MODEL}")
    progress.on_step(f"train@{MODEL}", 300, 1200)
    (root / ".state/train" / MODEL / "hash/progress").mkdir(parents=True)
    (root / ".state/train" / MODEL / "hash" / SHEET).write_bytes(make.png(28, 1, 1))
    preview.write_pages(progress)
    assert "in training, step 300 of 1,200" in entrance(root)
    assert "easel" in entrance(root)


def test_what_nothing_was_learned_for_is_not_shown(root, progress):
    """The sheet of before the first step is noise, or the works as they were given."""
    preview = GalleryPreview(root)
    progress.on_start(f"train@{MODEL}")
    folder = root / ".state/train" / MODEL / "hash/progress"
    folder.mkdir(parents=True)
    (folder / "step-00000000.png").write_bytes(make.png(28, 1, 1))
    preview.write_pages(progress)
    assert "easel" not in entrance(root)


def test_early_pages_alone_look_again(root, progress):
    """The entrance has the script and the right to ask its own server; no other page has, and the gallery never."""
    GalleryPreview(root).write_pages(progress)
    assert "early.js" in entrance(root)
    assert "connect-src 'self'" in entrance(root)
    others = [page for page in (root / preview_folder.FOLDER).rglob("*/*/index.html") if "early" in page.read_text()]
    assert others == []
    build_gallery(root)
    gallery = files(root / paths.gallery())
    assert not any("early" in name or b"data-early" in data for name, data in gallery.items())


def test_an_early_gallery_changes_no_byte_of_the_gallery(root, progress, finished, tmp_path):
    """Made beside an early one, which was shown twice meanwhile, it is the same as made alone."""
    preview = GalleryPreview(root)
    preview.write_pages(progress)
    for folder in (paths.run(MODEL), paths.report(MODEL)):
        (tmp_path / folder.parent.name).rename(folder)
    preview.reload()
    preview.write_pages(progress)
    build_gallery(root)
    shutil.copytree(finished, tmp_path / "alone")
    shutil.copytree(root / ".state/credentials", tmp_path / "alone/.state/credentials", dirs_exist_ok=True)
    build_gallery(tmp_path / "alone")
    assert files(root / paths.gallery()) == files(tmp_path / "alone" / paths.gallery())


def test_what_was_judged_hangs_after_a_reload(root, progress, tmp_path):
    """Its page is there, and every medium that the entrance names."""
    preview = GalleryPreview(root)
    preview.write_pages(progress)
    assert f"models/{MODEL}/index.html" not in entrance(root)
    for folder in (paths.run(MODEL), paths.report(MODEL)):
        (tmp_path / folder.parent.name).rename(folder)
    preview.reload()
    preview.write_pages(progress)
    folder = root / preview_folder.FOLDER
    assert f"models/{MODEL}/index.html" in entrance(root)
    assert (folder / f"models/{MODEL}/index.html").is_file()
    media = set(re.findall(r'"(media/[^"]+)"', entrance(root)))
    assert media
    assert all((folder / name).is_file() for name in media)


@pytest.mark.nightly
def test_in_the_end_every_page_leads_to_the_gallery(root, progress):
    """A bookmark of an early page goes on to the page that stays; each address is there."""
    preview = GalleryPreview(root)
    preview.write_pages(progress)
    build_gallery(root)
    preview.redirect_pages()
    pages = list((root / preview_folder.FOLDER).rglob("index.html"))
    assert len(pages) > 10
    for page in pages:
        address = re.search(r'href="([^"]+)"', page.read_text())[1]
        assert (page.parent / address).is_file(), page


@pytest.mark.nightly
def test_nothing_changed_writes_nothing(root, progress, monkeypatch):
    """A page shown again is written again only where it differs; pictures are encoded once."""
    preview = GalleryPreview(root)
    preview.write_pages(progress)
    before = {path: path.stat().st_mtime_ns for path in (root / preview_folder.FOLDER).rglob("*.*")}
    monkeypatch.setattr(gallery_preview.MediaStore, "_encode", lambda *_: pytest.fail("encoded twice"))
    preview.reload()
    preview.write_pages(progress)
    after = {path: path.stat().st_mtime_ns for path in (root / preview_folder.FOLDER).rglob("*.*")}
    changed = {path.name for path in before if before[path] != after[path]}
    assert changed <= {"index.html"}


def test_a_run_shows_its_gallery_and_lets_go(root, progress, capsys):
    """The address is printed first; while the run goes on the folder is filled, and at its end nobody is said to fill it."""
    with run_watch.watch_run(list(progress._stages.values()), 2) as watch:
        assert f"file://{Path.cwd()}/.state/preview/index.html" in capsys.readouterr().out
        assert preview_folder.is_being_filled(root)
        watch.on_start(f"train@{MODEL}")
        watch.on_end(f"train@{MODEL}", ok=False)
    assert not preview_folder.is_being_filled(root)
    assert "data-early" not in entrance(root)
    assert "Digits" in entrance(root)


def test_a_gallery_that_hangs_takes_over(root, progress):
    """When the last stage is done, the early pages lead to it."""
    with run_watch.watch_run(list(progress._stages.values()), 2) as watch:
        watch.on_start("gallery")
        build_gallery(root)
        watch.on_end("gallery", ok=True)
    assert "../../data/gallery/index.html" in entrance(root)


def test_what_cannot_be_shown_fails_no_run(root, progress, capsys):
    """A theme that is not there, or a disk that is full, is a remark."""
    text = (root / "params.yaml").read_text()
    (root / "params.yaml").write_text(text.replace("theme: museum", "theme: castle"))
    with run_watch.watch_run(list(progress._stages.values()), 2) as watch:
        watch.on_start("gallery")
        watch.on_end("gallery", ok=True)
    assert "the early gallery is not shown: UserError" in capsys.readouterr().out


def test_of_two_runs_one_fills_the_folder(root, progress):
    """The second leaves it alone."""
    stages = list(progress._stages.values())
    with run_watch.watch_run(stages, 2), run_watch.watch_run(stages, 2) as second:
        assert second._preview is None


def test_a_killed_run_fills_nothing(root):
    """Its process is gone, or its number is another's by now."""
    preview_folder.claim(root)
    assert preview_folder.is_being_filled(root)
    owner = root / ".state/preview.json"
    owner.write_text(owner.read_text().replace(str(find_process(os.getpid()).started), "1"))
    assert not preview_folder.is_being_filled(root)
    owner.write_text("torn")
    assert not preview_folder.is_being_filled(root)
