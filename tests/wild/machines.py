"""Machines and places that a project is put into; the input is always the same twelve pictures."""

import atexit
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.wild.case import Case, Machine, classes, make_pictures
from tests.wild.layouts import tree

PICTURES = {**make_pictures("cat/{}.png", 6), **make_pictures("dog/{}.png", 6)}
BOTH = classes("cat", "dog")
ordinary = tree(PICTURES)
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the one other file system that each Linux has
NO_HARD_LINKS = """
import errno, os
def refuse(*arguments, **options):
    raise OSError(errno.ENOSYS, "Function not implemented")
os.link = refuse
"""


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder."""
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def configure(text: str):
    """Return what adds lines to DVC's configuration of the project."""
    return lambda project: (project / ".dvc/config.local").write_text(text)


def in_monorepo(project: Path) -> None:
    """Make the repository that of the folder above, as `dvc init --subdir` has it."""
    subprocess.run(["rm", "-rf", str(project / ".git")], check=True)
    git(project.parent, "init", "--quiet")


def in_worktree(project: Path) -> None:
    """Make the project a linked worktree, whose `.git` is a file."""
    main = project.parent / "main"
    project.rename(main)
    git(main, "add", "--all")
    git(main, "commit", "--quiet", "--message", "Begin")
    git(main, "worktree", "add", "--quiet", str(project), "-b", "side")


def other_disk() -> Path:
    """Return a new folder on a file system of its own, which goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="artpipe-wild-", dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def on_other_disk(folder: Path) -> Path:
    """Put the pictures on a file system of its own."""
    del folder
    return ordinary(other_disk())


def cache_on_other_disk(project: Path) -> None:
    """Put DVC's cache on a file system of its own, where no hard link leads."""
    (project / ".dvc/config.local").write_text(f"[cache]\n    dir = {other_disk()}\n    type = hardlink,copy\n")


def machine_case(name: str, source: str, right: str, machine: Machine, make=ordinary) -> Case:
    """Return a case whose input is ordinary and whose machine is not."""
    return Case(name, "machine", source, right, make, kept=12, classes=BOTH, machine=machine)


AFTER = (("check",), ("verify",))
CASES = [
    machine_case("no-hard-links", "treeverse/dvc #6963: Function not implemented when trying to hardlink (Colab, Google Drive)", "copied instead", Machine(site=NO_HARD_LINKS)),
    machine_case("monorepo", "treeverse/dvc #9698: support monorepo/subrepos", "works in a folder of a larger repository", Machine("apps/art", in_monorepo, commands=AFTER)),
    machine_case("worktree", "ingydotnet/git-subrepo #361: not working with git worktree", "works where .git is a file", Machine(prepare=in_worktree, commands=AFTER)),
    machine_case("no-home", "vatlab/sos #951: creates $HOME/.sos in a container", "works without a home", Machine(environment={"HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere"})),
    machine_case("ascii-output", "Textualize/rich #212: output is not configured as utf-8", "plain characters, exit 0", Machine(environment={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}, commands=(("check",),))),
    machine_case("other-disk", "rachis-org/rachis #255: Invalid cross-device link", "copied", Machine(), on_other_disk),
    machine_case("cache-on-other-disk", "treeverse/dvc #3510: cache directory elsewhere", "copied where no link leads", Machine(prepare=cache_on_other_disk, commands=AFTER)),
    machine_case("path-of-signs", "openalm/Extension-UtilitiesPack #80: square brackets in the path; castdrian/OSAC #15", "everything in the project", Machine("it's 100% [art] #1 & co; (a)", commands=AFTER)),
    machine_case("path-of-braces", "castdrian/OSAC #15: special characters in the path; DVC 3.67 ends with an AttributeError there", "works, or one line that says so", Machine("set {x}", commands=AFTER))._replace(or_line="{x}"),
    machine_case("shared-cache", "treeverse/dvc #2287: permissions for users in a group", "works with a cache shared by a group", Machine(prepare=configure("[cache]\n    shared = group\n"), commands=AFTER)),
]  # fmt: skip
