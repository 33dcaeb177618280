"""A project whose stages are stand-ins: the real dvc.yaml, small files, a stub `artpipe` first on PATH."""

import contextlib
import functools
import json
import operator
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from unittest import mock

import pytest
from ruamel.yaml import YAML

from artpipe.system.processes import end_child, start_child
from tests.conftest import draw_shapes
from tests.support.artpipe_server import DVC, EVERY_STAGE, write_command
from tests.support.made_once import list_command, make_once, start_once

ROOT = Path(__file__).parents[2]
STUB = Path(__file__).with_name("stub_artpipe.py")
BUSY_S = 60.0  # how long Prefect may answer that its database is locked
PARAMS = """\
format: 2
seed: 1
datasets:
  digits: {medium: picture, source: package, path: datasets/digits.yaml, about: {}, ingest: {}, preprocess: {size: 28}}
  emoji: {medium: picture, source: folder, path: datasets/emoji, about: {}, ingest: {}, preprocess: {}}
models:
  ruler: {kind: classifier, dataset: digits, pretrained: data/shards/digits, feature_extractor: ruler, title: r1}
  gan: {kind: gan, dataset: digits, pretrained: data/checkpoints/ruler, feature_extractor: ruler, title: g1}
  vae: {kind: vae, dataset: digits, pretrained: data/shards/digits, feature_extractor: ruler, title: v1, beta: 1.0}
  second: {kind: classifier, dataset: emoji, pretrained: data/shards/emoji, feature_extractor: second, title: s1}
evaluation: {metrics: [], samples: 8}
gallery: {title: artpipe, sections: []}
"""


class Project:
    """A folder with params.yaml, dvc.yaml and a stub `artpipe`; commands run in it as a person would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("COV")},
            "PATH": os.pathsep.join([str(folder.parent / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "ARTPIPE_TRACKING": "off",
            "ARTPIPE_CHECKED": "1",  # stand-ins would not pass `artpipe check`
        }

    def run(self, *command: str, check: bool = True, **more) -> subprocess.CompletedProcess[str]:
        process = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, **more
        )
        if check and process.returncode:
            pytest.fail(f"{' '.join(command)} ended with {process.returncode}:\n{process.stdout}\n{process.stderr}")
        return process

    def dvc(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of DVC, forked from a process that has imported it."""
        return self.run(*list_command("dvc", DVC), *arguments, check=check)

    @contextlib.contextmanager
    def repo(self):
        """DVC in this process, as if started in the folder: its import alone takes longer than most of these runs."""
        from dvc.repo import Repo

        with contextlib.ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            stack.enter_context(mock.patch.dict(os.environ, self.environment))
            stack.enter_context(contextlib.chdir(self.folder))
            yield stack.enter_context(Repo(str(self.folder)))

    def stale(self) -> set[str]:
        """What DVC calls stale, by name."""
        with self.repo() as repo:
            return set(repo.status())

    def commit(self) -> None:
        """Commit everything to git, dvc.lock included."""
        self.run("git", "add", "--all")
        self.run("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "all")

    def repro(self) -> list[str]:
        """Reproduce; return the stages that were run, in order (not those from the run cache)."""
        (self.folder / ".state/calls.txt").unlink(missing_ok=True)
        with self.repo() as repo:
            repo.reproduce()
        return self.calls()

    def flow(self, *arguments: str, **more) -> subprocess.CompletedProcess[str]:
        """Run the flow; its environment says that the project (made of stand-ins) was checked."""
        return self.run(sys.executable, "-m", "flows.gallery", *arguments, **more)

    def calls(self) -> list[str]:
        """The stages the stub has run since `calls.txt` was last removed, in the order they ended."""
        calls = self.folder / ".state/calls.txt"
        return [line.split()[0] for line in calls.read_text().splitlines()] if calls.exists() else []

    def edit_code(self, *keys: str) -> None:
        """Change one fingerprint of code.yaml, as `artpipe upgrade` does when that code has changed."""
        yaml = YAML()
        content = yaml.load(self.folder / "code.yaml")
        *above, last = ("code", *keys)
        functools.reduce(operator.getitem, above, content)[last] = "0123456789abcdef"
        yaml.dump(content, self.folder / "code.yaml")

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


def write_stub(bin_folder: Path) -> None:
    bin_folder.mkdir()
    script = bin_folder / "artpipe"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {STUB} "$@"\n')
    script.chmod(0o755)


def make_project(folder: Path) -> Project:
    folder.mkdir()
    write_stub(folder.parent / "bin")
    for name in (
        "dvc.yaml",
        "code.yaml",
        "champions.json",
        "curation.yaml",
        ".dvcignore",
        ".gitignore",
        ".dvc/config",
        ".dvc/.gitignore",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots")
    (folder / "params.yaml").write_text(PARAMS)
    (folder / "datasets/emoji").mkdir(parents=True)
    (folder / "datasets/digits.yaml").write_text("file: x\n")
    for name in "ab":
        (folder / f"datasets/emoji/{name}.png").write_text(name)
    project = Project(folder)
    project.run("git", "init", "-q")
    with project.repo() as repo:
        repo.add("datasets/emoji")
    return project


def make_real_project(
    folder: Path, params: str, count: int, change: Callable[[Path], None] | None = None, server: str | None = None
) -> Project:
    """A folder with our own stages, `params.yaml` and `count` drawn pictures in datasets/shapes, tracked by DVC.

    `change` may do something to the pictures first. With a `server` the stages are its (tests/support/artpipe_server.py).
    """
    if server:
        commands = folder.parent / "bin"
        commands.mkdir(parents=True)
        write_command(commands, server)
    pictures = draw_shapes(folder / "datasets/shapes", count=count)
    if change:
        change(pictures)
    (folder / "params.yaml").write_text(params)
    for name in ("dvc.yaml", "code.yaml", "champions.json", "curation.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    project = Project(folder)
    project.run("git", "init", "-q")
    with project.repo() as repo:
        repo.add("datasets/shapes")
    return project


@pytest.fixture(scope="session")
def artpipe_server():
    """A process that has imported all stages and forks them, shared by all processes of the tests; its socket."""
    return start_once("artpipe", EVERY_STAGE)


@pytest.fixture(scope="session")
def reproduced() -> Project:
    """One project that `dvc repro` has made; copied by `project`, never changed."""
    folder = make_once("reproduced", lambda folder: make_project(folder / "project").repro())
    return Project(folder / "project")


@pytest.fixture
def project(reproduced, tmp_path) -> Project:
    """A copy of the reproduced project."""
    for name in ("project", "bin"):
        shutil.copytree(reproduced.folder.parent / name, tmp_path / name, symlinks=True)
    (tmp_path / "project/.state/calls.txt").unlink()
    return Project(tmp_path / "project")


@pytest.fixture(scope="session")
def prefect_database():
    """Have Prefect's migrations make its empty database once; each new home gets a copy, as a user's do."""

    def make(folder: Path) -> None:
        command = "from artpipe.orchestration.services.prefect_database import prepare_database; prepare_database()"
        environment = {**os.environ, "PREFECT_HOME": str(folder / "home")}
        subprocess.run([sys.executable, "-c", command], env=environment, cwd=ROOT, check=True)

    make_once("prefect", make)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory, prefect_database):
    """A Prefect server for all tests of this process, on a home of its own; yields its environment."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_SERVER_UI_ENABLED": "false", "DO_NOT_TRACK": "1"}
    env = {**os.environ, **quiet, "PREFECT_HOME": str(home)}
    command = ["-m", "artpipe", "serve", "--only", "server", "--port", str(port)]
    with (home / "server.log").open("w") as log:
        server = start_child([sys.executable, *command], env=env, stdout=log)
    url = f"http://127.0.0.1:{port}/api"
    try:
        deadline = time.monotonic() + 400  # 15 s alone; many minutes of others' work may be in between
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310 (our own server)
                break
            time.sleep(0.2)
        else:
            pytest.fail((home / "server.log").read_text())
        yield {**quiet, "PREFECT_HOME": str(home), "PREFECT_API_URL": url}
    finally:
        end_child(server)


def get(url: str, body: object = None, method: str | None = None):
    """Ask Prefect's API, again while its database is locked: it then answers 503 and has done nothing."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"}, method=method)  # noqa: S310
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 (our own server)
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                raise
        time.sleep(1)
