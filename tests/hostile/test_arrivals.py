"""`artpipe dataset add` of what no folder of pictures should be, and killed on its way: nothing half stays."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artpipe.artifacts.works import Record
from artpipe.ingest import ingest_dataset
from tests.conftest import draw_shapes
from tests.unit.project.test_add_remove import tree

ADD = ("dataset", "add", "--no-plan", "--models", "")


def make_deep(folder: Path, count: int) -> None:
    """Make folders in one another, by handles: the path may be longer than the system takes."""
    handle = os.open(folder, os.O_RDONLY)
    for _ in range(count):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)


@pytest.mark.parametrize("count", [101, 1200, 3000])
def test_a_folder_that_is_too_deep_is_refused(studio, pictures, artpipe, count):
    """One line before anything is copied; also where the path is longer than a path may be."""
    make_deep(pictures, count)
    before = tree()
    try:
        code, _, err = artpipe(*ADD, pictures, "--name", "deep")
        assert (code, err.count("\n")) == (2, 1)
        assert "more than 100 folders deep" in err
        assert tree() == before
    finally:
        subprocess.run(["rm", "-rf", str(pictures)], check=True)


@pytest.mark.nightly
def test_what_is_as_deep_as_allowed_comes_in(studio, pictures, artpipe):
    """100 folders in one another, and the picture at their end."""
    make_deep(pictures, 99)
    end = pictures.joinpath(*"d" * 99)
    shutil.copy(pictures / "circle/000.png", end / "last.png")
    code, _, err = artpipe(*ADD, pictures, "--name", "deep")
    assert (code, err) == (0, "")
    assert Path("datasets/deep").joinpath(*"d" * 99, "last.png").is_file()


@pytest.mark.nightly
def test_a_loop_of_links_ends(studio, pictures, artpipe):
    """Links stay behind, wherever they lead."""
    (pictures / "again").symlink_to(".")
    (pictures / "up").symlink_to("../..")
    (pictures / "self").symlink_to("self")
    code, out, err = artpipe(*ADD, pictures, "--name", "looped")
    assert (code, err) == (0, "")
    assert "3 links, special files or names that are not UTF-8 stayed behind" in out
    assert sum(path.is_file() for path in Path("datasets/looped").rglob("*")) == 24


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (".", "this project lies in that folder"),
        ("..", "this project lies in that folder"),
        ("datasets", "this project lies in that folder"),
        ("data/reports", "`data` is the project's own; copy what you want of it to a folder of its own first"),
        (".state/contact", "`.state` is the project's own"),
        (".dvc/cache", "`.dvc` is the project's own"),
        ("link", "`data` is the project's own"),
    ],
)
def test_the_projects_own_is_no_dataset(studio, artpipe, place, line):
    """What it lies in, what it keeps and what it made, by whatever way it is named."""
    draw_shapes(Path("data/reports"))
    for folder in (".state/contact", ".dvc/cache"):
        Path(folder).mkdir(parents=True)
    Path("link").symlink_to("data/reports")
    before = tree()
    code, _, err = artpipe(*ADD, place, "--name", "mine")
    assert (code, err.count("\n")) == (2, 1)
    assert line in err
    assert tree() == before


@pytest.mark.nightly
def test_what_was_painted_may_come_back_in(studio, artpipe):
    """`artpipe sample` paints into data/samples."""
    draw_shapes(Path("data/samples/mine"))
    assert artpipe(*ADD, "data/samples/mine", "--name", "painted")[0] == 0


MOMENTS = {
    "copying": lambda: any(Path("datasets").glob("mine.tmp.*/circle/*")),
    "copied": lambda: Path("datasets/mine").is_dir(),
    "tracking": lambda: Path("datasets/mine.dvc").exists(),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.nightly
def test_killed_on_its_way_nothing_half_stays(studio, pictures, artpipe, moment):
    """kill -9 while it copies, when it has copied, while DVC tracks: no half folder, and the same command brings all in."""
    for number in range(600):
        shutil.copy(pictures / "circle/000.png", pictures / f"circle/more-{number}.png")
    command = [sys.executable, "-m", "artpipe", *ADD, str(pictures), "--name", "mine"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not MOMENTS[moment]() and child.poll() is None:
        time.sleep(0.001)
    child.kill()
    child.wait()
    whole = {str(path.relative_to(pictures)) for path in pictures.rglob("*") if path.is_file()}
    if (made := Path("datasets/mine")).exists():
        assert {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()} == whole
    code, _, err = artpipe(*ADD, pictures, "--name", "mine")
    assert (code, err) == (0, "")
    assert {str(path.relative_to("datasets/mine")) for path in made.rglob("*") if path.is_file()} == whole
    assert not [path for path in Path("datasets").iterdir() if ".tmp." in path.name]
    assert not Path(".state/arriving").exists()
    assert all(path.stat().st_nlink == 1 for path in (*made.rglob("*.png"), *pictures.rglob("*.png")))


@pytest.mark.nightly
@pytest.mark.timeout(3000)
def test_a_hundred_thousand_files_come_in(studio, tmp_path):
    """Of which 24 are pictures: through the real command, in less than 1 GiB, each of them in the books."""
    folder = draw_shapes(tmp_path / "many")
    for number in range(100_000):
        (folder / f"{number:06d}.png").touch()
    command = [sys.executable, "-m", "artpipe", *ADD, str(folder), "--name", "many"]
    timed = [sys.executable, "-c", MEASURED, *command]
    done = subprocess.run(timed, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1].split()[0]) < 1 << 20  # KiB
    ingest_dataset("many")
    assert Record.open(Path("data/record/many")).card.inputs == 100_024


MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss, round(used.ru_utime + used.ru_stime, 1))
sys.exit(code)
"""
