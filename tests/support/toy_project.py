"""Make a project folder with one tiny dataset and one toy model."""

import hashlib
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from artpipe.artifacts.shards import ShardWriter, Spec

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "ARTPIPE_TRACKING": "off", "OMP_NUM_THREADS": "1"}

PARAMS = """\
format: 2
seed: 3
datasets: {{}}
models:
  toy: {{kind: toy, dataset: dots, pretrained: data/shards/dots, feature_extractor: toy, {more}}}
evaluation: {{metrics: []}}
gallery: {{sections: []}}
"""


def make(folder: Path, count: int = 50, **more: object) -> Path:
    """Write `folder` with `count` training works and the toy's parameters `more`."""
    more = {"steps": 60, "batch_size": 16, "evaluate_every_steps": 20, "log_every_steps": 5, **more}
    folder.mkdir(parents=True, exist_ok=True)
    text = PARAMS.format(more=", ".join(f"{key}: {value}" for key, value in more.items()))
    (folder / "params.yaml").write_text(text)
    writer, generator = ShardWriter(folder / "data/shards/dots"), torch.Generator().manual_seed(5)
    for split, number in (("train", count), ("validation", 12), ("test", 12)):
        if number:
            shape = (number, 1, 8, 8)
            images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
            digests = torch.randint(0, 256, (number, 32), dtype=torch.uint8, generator=generator)
            writer.add(split, {"images": images, "labels": torch.arange(number) % 3, "digests": digests})
    spec = Spec(dataset="dots", channels=1, height=8, width=8, classes=("a", "b", "c"), count=count)
    writer.close(spec, works="0" * 64, params={}, mean=[0.5], std=[0.3])
    return folder


def command(name: str = "toy") -> list[str]:
    """Return the command that trains the toy."""
    return [sys.executable, str(HERE / "toy_train.py"), name]


def train(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Train the toy in `folder` to its end and return what it said."""
    env = {**ENVIRONMENT, **environment}
    return subprocess.run(command(), cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def outcome(folder: Path) -> str:
    """Return the hash of the toy's checkpoint: its card has the hashes of the weights."""
    return hashlib.sha256((folder / "data/checkpoints/toy/checkpoint.json").read_bytes()).hexdigest()


class ForkServer:
    """A process that has imported torch and forks trainings; see toy_fork_server.py."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "toy_fork_server.py")],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._process.stdout.readline()
        self._questions = itertools.count()

    def _ask(self, **question: object) -> int:
        """Return the answer to this question, not to one that a test left: a pid of 0 would be killed as our own group."""
        number = next(self._questions)
        self._process.stdin.write(json.dumps({**question, "number": number}) + "\n")
        self._process.stdin.flush()
        while True:
            answered, answer = map(int, self._process.stdout.readline().split())
            if answered == number:
                return answer

    def start(self, folder: Path, under: int = 0) -> int:
        """Start a training and return its pid, or that of the topmost of the `under` processes above it."""
        return self._ask(folder=str(folder), under=under)

    def wait(self, pid: int) -> int:
        """Return the exit code of what `start` returned, negative after a signal."""
        return self._ask(wait=pid)

    def train(self, folder: Path) -> int:
        """Train to the end and return the exit code."""
        return self.wait(self.start(folder))

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
