"""What showing trainings in MLflow while they run costs: the follower's core-seconds, by how many trainings it follows.

    python benchmarks/follower.py [--trainings 1 4] [--seconds 25]

Stand-ins for trainings, one after the other: each holds its lock and writes a journal of as many rows as seconds.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from artpipe.artifacts.paths import STATE
from artpipe.artifacts.run import Journal, RunStart
from artpipe.system.atomic_files import write_json
from artpipe.system.locks import hold_lock

FOLLOW = "from artpipe.tracking.follower import follow_trainings; follow_trainings(grace_seconds=10)"


@contextlib.contextmanager
def begun_training(project: Path, name: str) -> Iterator[Path]:
    """Hold a training's lock and yield its state folder."""
    folder = project / STATE / "train" / name
    with hold_lock(folder / "lock"):
        params: dict[str, object] = {"steps": 1_000_000}
        start = RunStart(
            run_id=name.rjust(32, "0"), model=name, kind="gan", dataset="digits", stage=f"train@{name}", params=params, seed=1,
            shards="d" * 64, pretrained=None, started=time.time(), sessions=1, host="h", platform="p", versions={}, threads=1,
            device="cpu", precision="fp32", commit=None, dirty=False, flow_run=None,
        )  # fmt: skip
        write_json(folder / "state/run-live.json", start.model_dump(mode="json"))
        yield folder / "state"


def core_seconds(trainings: int, seconds: int) -> float:
    """Return the core-seconds of the follower of several trainings, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "params.yaml").write_text("format: 2\n")
        follower = subprocess.Popen([sys.executable, "-c", FOLLOW], cwd=project)
        for number in range(trainings):
            with begun_training(project, f"model{number}") as state:
                for step in range(seconds):
                    time.sleep(1)
                    row = {"step": step, "time": time.time(), "losses": {"x": 1 / (step + 1), "y": 2.0}}
                    Journal(state / "journal.jsonl").append(row)
        _, _, usage = os.wait4(follower.pid, 0)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainings", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--seconds", type=int, default=25)
    options = parser.parse_args()
    print("| trainings | core-seconds of their follower |\n|---|---|")
    for trainings in options.trainings:
        print(f"| {trainings} | {core_seconds(trainings, options.seconds):.1f} |", flush=True)


if __name__ == "__main__":
    main()
