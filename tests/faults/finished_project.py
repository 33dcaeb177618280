"""The whole small project as the pipeline left it, to be damaged and put back: stages in this process, DVC, MLflow, a download."""

import contextlib
import hashlib
import http.server
import io
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from artpipe.storage.dvc_cache import read_dvc_file
from artpipe.system.atomic_files import remove_path
from artpipe.system.hashing import sha256_file
from tests.faults.small_project import PARAMS, PATIENCE, ProjectFolder, make_small_project

STOPPED = "  halted: {kind: rnn, dataset: verse, pretrained: data/shards/verse, feature_extractor: halted, steps: 150, evaluate_every_steps: 25, batch_size: 8, save_every_seconds: 0.3, width: 16, embedding: 8, max_tokens: 20}\n"  # fmt: skip
_LARGE = ("weights:", "  eye:", "  painter:", "  hand:")  # 57 MB, hashed in every round
_LEFT_OUT = {".git", "artpipe", "tmp", "damaged", "home", "__pycache__"}
_VOLATILE = {"lock", "durations.json"}
_WHEEL = "poems-1.0-py3-none-any.whl"


def remove_lines(params: str, *starts: str) -> str:
    """Return parameters without the lines that start so."""
    return "".join(line for line in params.splitlines(keepends=True) if not line.startswith(starts))


EVERYTHING = remove_lines(PARAMS, *_LARGE)
LITTLE = remove_lines(EVERYTHING, "  vae:", "  gan:", "  larger:", "  repairer:", "  cantor:")


class CommandResult(NamedTuple):
    """How a command ended in this process; an exception that nobody caught is a traceback."""

    code: int
    text: str

    @property
    def is_clean(self) -> bool:
        """Return whether it ended as documented: 0, or one line and 1, 2 or 75."""
        return "Traceback" not in self.text and self.code in {0, 1, 2, 75}


class FinishedProject:
    """A project whose every stage has run; `restore` makes it again what it was."""

    def __init__(self, folder: Path, params: str) -> None:
        self.ground: ProjectFolder = make_small_project(folder, params)
        self.root = self.ground.project
        self.params = params
        self.pin = self._make_download()

    # -- made once ---------------------------------------------------------------------------------------------------

    def make(self) -> None:
        """Run every stage, hand it to DVC, stop a training in its middle, tell MLflow, and remember all of it."""
        with self.inside():
            from dvc.repo import Repo

            with Repo(".") as repo:
                repo.add([f"datasets/{name}" for name in self.datasets()])
                order = [stage for stage in self._order(repo) if "@" in stage or stage == "gallery"]
                for stage in order:
                    self.require_success(*stage.split("@"))
                for stage in order:
                    repo.commit(stage, force=True)
        self.stop_a_training()
        with self.inside():
            self.require_success("sync")
        self.ground.execute("git", "add", "-A")
        self.ground.execute("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "all")
        shutil.copytree(self.root, self.ground.folder / "as-made", symlinks=True)
        self.before = self.hash_files()
        self.numbers = self.read_mlflow_metrics()
        self.undisturbed = self.finish_training(fresh=True)
        self.restore()

    def finish_training(self, *, fresh: bool = False) -> dict[str, str]:
        """Train what was stopped to its end, with `fresh` from its beginning; return the SHA-256 of its checkpoint's files."""
        if fresh:
            remove_path(self.root / ".state/train/halted")
        self.write_params(STOPPED)
        with self.inside():
            self.require_success("train", "halted")
        return {
            name: sha256 for name, sha256 in self.hash_files().items() if name.startswith("data/checkpoints/halted/")
        }

    def read_mlflow_metrics(self) -> list[tuple[object, ...]]:
        """Return every number that MLflow's store has, with run and step."""
        query = "select r.name, m.key, m.step, m.value from metrics m join runs r using (run_uuid) order by 1, 2, 3, 4"
        with contextlib.closing(sqlite3.connect(self.root / ".state/mlflow/mlflow.db")) as store:
            return store.execute(query).fetchall()

    def datasets(self) -> list[str]:
        """Return the names of the datasets."""
        return sorted(path.name for path in (self.root / "datasets").iterdir() if path.is_dir())

    def _order(self, repo: object) -> list[str]:
        import networkx as nx

        graph = nx.relabel_nodes(repo.index.graph, lambda stage: stage.addressing)  # type: ignore[attr-defined]
        return list(nx.lexicographical_topological_sort(graph.reverse()))

    def stop_a_training(self) -> None:
        """Leave the states of a training that was stopped, by a real SIGTERM, after some points."""
        self.write_params(STOPPED)
        command = [sys.executable, "-m", "artpipe", "train", "halted"]
        with (self.ground.folder / "halted.log").open("w") as log:
            child = subprocess.Popen(command, cwd=self.root, env=self.ground.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        points = (self.root / ".state/train/halted").glob
        while child.poll() is None and time.monotonic() < deadline and len(list(points("*/progress/step-*"))) < 3:
            time.sleep(0.01)
        child.send_signal(signal.SIGTERM)
        if child.wait(PATIENCE) != 75:
            raise RuntimeError((self.ground.folder / "halted.log").read_text())
        self.write_params("")

    def write_params(self, entry: str) -> None:
        """Write params.yaml with another model, or without one."""
        (self.root / "params.yaml").write_text(self.params.replace("models:\n", f"models:\n{entry}"))

    def _make_download(self) -> dict[str, str]:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(zipfile.ZipInfo("poems/one.txt"), "the moon sleeps\n" * 40)
        sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        for path in (self.root / ".state/downloads" / sha256, self.ground.folder / "index" / _WHEEL):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(buffer.getvalue())
        return {"project": "poems", "file": _WHEEL, "sha256": sha256}

    # -- asked, again and again ----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Be in the project, with its environment."""
        logging.getLogger("dvc").setLevel(logging.ERROR)
        with (
            contextlib.chdir(self.root),
            mock.patch.dict(os.environ, self.ground.environment),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield

    def run_here(self, *command: str) -> CommandResult:
        """Run `artpipe COMMAND` in this process: its imports take longer than most of what is asked here."""
        from artpipe.__main__ import main

        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output), mock.patch.object(sys, "argv", ["artpipe", *command]):  # fmt: skip
            try:
                main()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
            except BaseException:  # noqa: BLE001  # what a person would see
                traceback.print_exc(file=output)
                code = 1
        return CommandResult(code, output.getvalue())

    def require_success(self, *command: str) -> None:
        """Run a command that has to succeed.

        Raises:
            RuntimeError: it did not.
        """
        result = self.run_here(*command)
        if result.code:
            raise RuntimeError(f"{command}: {result}")

    def fetch_again(self) -> None:
        """Fetch the download from a package index on this machine."""
        from artpipe.untrusted.downloads import PinnedFile, fetch_pinned_file

        with serve_index(self.ground.folder / "index") as url, mock.patch.dict(os.environ, {"PIP_INDEX_URL": url}):
            fetch_pinned_file(PinnedFile(**self.pin))

    def hash_files(self) -> dict[str, str]:
        """Return the SHA-256 of every file that is somebody's business."""
        hashes = {}
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name not in _LEFT_OUT]
            for name in files:
                if name == "dvc.lock" or (not name.endswith((".lock", ".log")) and name not in _VOLATILE):
                    hashes[str(Path(folder, name).relative_to(self.root))] = sha256_file(Path(folder, name))
        return hashes

    def list_differences(self) -> list[str]:
        """Return what is not as it was made."""
        now = self.hash_files()
        changed = sorted(name for name in now.keys() | self.before.keys() if now.get(name) != self.before.get(name))
        return [name for name in changed if name != "dvc.lock" or not self._has_same_lock()]

    def _has_same_lock(self) -> bool:
        """Return whether dvc.lock says what it said; its stages stand in the order in which they were last run."""
        original = read_dvc_file(self.ground.folder / "as-made/dvc.lock")
        return (self.root / "dvc.lock").exists() and read_dvc_file(self.root / "dvc.lock") == original

    def restore(self) -> None:
        """Make everything again as it was made: bytes, times and rights."""
        remove_path(self.root / ".state/damaged")
        for name in {*self.list_differences(), "dvc.lock"}:
            path, original = self.root / name, self.ground.folder / "as-made" / name
            remove_path(path)
            if original.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(original, path)


@contextlib.contextmanager
def serve_index(folder: Path) -> Iterator[str]:
    """Serve a package index of one project on loopback; yields its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer with the project's page, or with a file."""
            file = folder / self.path.rpartition("/")[2]
            is_file = file.is_file()
            data = file.read_bytes() if is_file else f'<a href="/files/{_WHEEL}">{_WHEEL}</a>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream" if is_file else "text/html")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple/"
        server.shutdown()
