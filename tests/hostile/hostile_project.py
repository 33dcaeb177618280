"""A project with things around it that nobody may touch, and the real `artpipe` run in it and measured."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from artpipe.artifacts.works import Record, Works
from artpipe.language.sentences import read_sentence
from artpipe.untrusted.rejection import REASONS
from tests.hostile import pictures as make
from tests.support.artpipe_server import call

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0  # seconds by the clock for one command on a busy machine
LAUNCHER = """
import json, os, subprocess, sys
child = subprocess.Popen(sys.argv[1:])
_, status, used = os.wait4(child.pid, 0)
print("\\n" + json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""  # between us and the command, which would be charged with the most memory that its parent ever had


class CommandResult(NamedTuple):
    """How a command ended, and what it took: core-seconds and the most memory one of its processes had."""

    code: int
    out: str
    error: str
    core_seconds: float
    megabytes: float


class InputOutcome(NamedTuple):
    """What became of one input: ``kept`` or the reason, and the notes or details."""

    outcome: str
    note: str


class HostileProject:
    """`folder` holds the project, a home, a place for temporary files, and a folder ``outside`` with a secret picture."""

    def __init__(self, folder: Path, server: str | None = None) -> None:
        self._server = server  # which is `artpipe` without its imports (tests/support/artpipe_server.py)
        self.folder, self.project, self.outside = folder, folder / "project", folder / "outside"
        self.own = {str(self.project / name) for name in ("data", ".state")}
        for place in (self.project, self.outside, folder / "home", folder / "temporary"):
            place.mkdir(parents=True)
        for name in ("dvc.yaml", "code.yaml"):
            shutil.copy(ROOT / name, self.project / name)
        (self.outside / "secret.png").write_bytes(make.flat((66, 6, 66)))
        self.datasets: dict[str, dict[str, object]] = {}

    def enter_dataset(
        self, name: str, path: str, source: str = "folder", medium: str = "picture", **ingest: object
    ) -> Path:
        """Enter a dataset and return its place."""
        preprocess = {"size": 16, "validation": 0.2, "test": 0.2} if medium == "picture" else {}
        entry = {"medium": medium, "source": source, "path": path, "about": {}, "preprocess": preprocess}
        self.datasets[name] = {**entry, "ingest": {"decode_seconds": 10, **ingest}}
        params = {"format": 2, "seed": 1, "datasets": self.datasets, "models": {}, "evaluation": {"metrics": []}}
        (self.project / "params.yaml").write_text(
            json.dumps({**params, "gallery": {"title": "hostile", "sections": []}})
        )
        return self.project / path

    def run(self, *command: str) -> CommandResult:
        """Run `artpipe` in the project; past all patience it is killed."""
        environment = {**os.environ, "HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "temporary")}
        environment |= {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "200",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if self._server:
            return self._run_by_server(self._server, list(command), environment)
        full = [sys.executable, "-S", "-c", LAUNCHER, sys.executable, "-m", "artpipe", *command]
        process = subprocess.run(
            full,
            cwd=self.project,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
        out, _, measured = process.stdout.rstrip("\n").rpartition("\n")
        code, seconds, kilobytes = json.loads(measured)
        return CommandResult(code, out, process.stderr, seconds, kilobytes / 1024)

    def _run_by_server(self, server: str, command: list[str], environment: dict[str, str]) -> CommandResult:
        said = [self.folder.with_name(name) for name in ("out.txt", "error.txt")]
        with said[0].open("w") as out, said[1].open("w") as error, Path(os.devnull).open() as nothing:
            streams = [stream.fileno() for stream in (nothing, out, error)]
            code, seconds, kilobytes = call(server, command, str(self.project), environment, streams)
        texts = [path.read_text(errors="replace") for path in said]
        return CommandResult(int(code), *texts, seconds, kilobytes / 1024)

    def read_outcomes(self, name: str) -> dict[str, list[InputOutcome]]:
        """Return what became of every input of a dataset, by its name; the books have to balance."""
        record = Record.open(self.project / "data/record" / name)
        rows: dict[str, list[InputOutcome]] = defaultdict(list)
        for row in record.rows():
            rows[row.name].append(InputOutcome("kept", read_sentence(row.notes)))
        for rejected in record.quarantined():
            assert rejected.reason in REASONS
            rows[rejected.name].append(InputOutcome(rejected.reason, read_sentence(rejected.detail)))
        assert sum(map(len, rows.values())) == record.card.inputs
        return rows

    def read_works(self, name: str) -> dict[str, bytes]:
        """Return the bytes of the kept works, by SHA-256."""
        return {work.sha256: data for work, data in Works.open(self.project / "data/works" / name).originals()}

    def list_files(self) -> dict[str, tuple[object, ...]]:
        """Return everything but what artpipe may write (``data``, ``.state``): kind, time and content."""
        # A folder's time tells that something came and went; in the one for temporary files that is right.
        listed: dict[str, tuple[object, ...]] = {}
        folders = [self.folder]
        while folders:
            for entry in os.scandir(folders.pop()):
                about = entry.stat(follow_symlinks=False)
                content = str(Path(entry.path).readlink()) if entry.is_symlink() else ""
                if entry.is_dir(follow_symlinks=False) and entry.path not in self.own:
                    folders.append(entry.path)
                elif stat.S_ISREG(about.st_mode) and about.st_blocks:
                    content = hashlib.sha256(Path(entry.path).read_bytes()).hexdigest()
                plain = stat.S_ISREG(about.st_mode) or (
                    stat.S_ISDIR(about.st_mode) and Path(entry.path) not in {self.project, self.folder / "temporary"}
                )
                listed[entry.path] = (about.st_mode, about.st_mtime_ns if plain else 0, content)
        return {path: state for path, state in listed.items() if path not in self.own}

    def close(self) -> None:
        """Take everything away; Python 3.11 cannot, its folders are too deep."""
        subprocess.run(["rm", "-rf", str(self.folder)], check=True)


def shorten(text: str) -> str:
    """Return any text on one line of a table: control codes and what turns round spelled out, long ones shortened."""
    plain = "".join(
        character if character.isprintable() else character.encode("unicode_escape", "backslashreplace").decode()
        for character in text
    )
    plain = plain.encode(errors="backslashreplace").decode().replace("|", "\\|").replace("`", "'")
    return plain if len(plain) <= 60 else f"{plain[:40]}... ({len(text)} characters)"
