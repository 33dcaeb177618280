"""What DVC cannot read in a person's own folder is named before DVC touches it."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from artpipe.errors import UserError
from artpipe.orchestration.deployment import dataset_watcher
from artpipe.project.trackable_paths import require_trackable

HERE = "datasets/shapes"


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def make_device(path):
    try:
        os.mknod(path, 0o20666, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        pytest.skip("only root makes devices")


def make_deep(path):
    """Make 1,200 folders in one another: by a handle, as no path is that long everywhere."""
    handle = os.open(path.parent, os.O_RDONLY)
    for name in [path.name, *"d" * 1200]:
        os.mkdir(name, dir_fd=handle)
        inner = os.open(name, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)


def make_sparse(path):
    with path.open("wb") as stream:
        stream.truncate(100 << 30)


FAULTS = {
    "pipe": (os.mkfifo, f"a pipe (FIFO), which DVC cannot read as a file; move it out of {HERE}"),
    "socket": (make_socket, f"a socket, which DVC cannot read as a file; move it out of {HERE}"),
    "device": (make_device, f"a device, which DVC cannot read as a file; move it out of {HERE}"),
    "nowhere": (lambda path: path.symlink_to("gone"), "a link to nothing, on which DVC fails; remove it"),
    "loop": (lambda path: path.symlink_to(path.name), "a link to nothing, on which DVC fails; remove it"),
    "zero": (
        lambda path: path.symlink_to("/dev/zero"),
        f"a link out of {HERE}, and DVC would copy what it points at into its cache; copy it in or remove it",
    ),
    "secret": (
        lambda path: path.symlink_to("../../.dvc/config"),
        f"a link out of {HERE}, and DVC would copy what it points at into its cache; copy it in or remove it",
    ),
    "sparse": (
        make_sparse,
        f"a file of 100.0 GiB that is all but empty on disk, and DVC would read all of it; move it out of {HERE}",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_dvc_cannot_read_is_named(studio, artpipe, name):
    """The file, what it is, what to do; before DVC has hung, died, or copied what a stranger's link points at."""
    make, line = FAULTS[name]
    make(Path(HERE, name))
    assert artpipe("check") == (2, "", f"artpipe: {HERE}/{name}: {line}\n")


def test_what_is_too_deep_is_named(studio, artpipe):
    """DVC did not come to the end of 600 folders in one another within a minute."""
    make_deep(Path(HERE, "deep"))
    try:
        code, _, err = artpipe("check")
        assert code == 2
        assert err.endswith("more than 100 folders deep, which DVC does not come to the end of; move it further up\n")
    finally:
        subprocess.run(["rm", "-rf", f"{HERE}/deep"], check=True)  # Python's own way down is not that deep


def test_names_reach_the_terminal_spelled_out(studio, artpipe):
    """A name that is not UTF-8, which DVC cannot record; one with a terminal's commands and a new line."""
    odd = Path(os.fsdecode(os.fsencode(HERE) + b"/\xff"))
    odd.touch()
    assert artpipe("check")[2] == (
        f"artpipe: {HERE}/\\udcff: its name is not UTF-8, which DVC cannot record; rename it\n"
    )
    odd.unlink()
    os.mkfifo(Path(HERE, "\x1b[2J\n\u202egnp"))
    assert artpipe("check")[2].startswith(f"artpipe: {HERE}/\\x1b[2J\\n\\u202egnp: a pipe (FIFO)")


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.nightly
def test_what_may_not_be_read_is_named(studio, kind):
    """DVC would leave it out without a word, or die of it."""
    path = Path(HERE, "locked")
    path.mkdir() if kind == "folder" else path.touch()
    path.chmod(0)
    command = [sys.executable, "-m", "artpipe", "check"]
    if os.getuid() == 0:  # root may read everything, until it gives that up
        if not shutil.which("setpriv"):
            pytest.skip("root, and no setpriv to give its rights up")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"artpipe: {HERE}/locked: no permission to read it")


def test_links_within_the_folder_may_stay(studio):
    """DVC reads what they point at; the same links one folder further up lead out and are refused."""
    Path(HERE, "twin.png").symlink_to("circle/000.png")
    Path(HERE, "again").symlink_to(".")
    require_trackable(Path(HERE))
    Path(HERE, "again").unlink()
    Path(HERE, "again").symlink_to("..")
    with pytest.raises(UserError, match=f"^{HERE}/again: "):
        require_trackable(Path(HERE))


def test_what_watches_the_datasets_does_not_wait_on_a_pipe(studio):
    """It says so and asks DVC nothing."""
    os.mkfifo(Path(HERE, "pipe"))
    watcher, sources = dataset_watcher.DatasetWatcher(), {"shapes": Path(HERE)}
    still = [watcher.find_stable(sources), watcher.find_stable(sources)][1]

    class PrefectApi:
        def accepts_events(self):
            return True

    with pytest.raises(UserError, match="a pipe"):
        dataset_watcher._report_changes(still, sources, watcher, PrefectApi())
