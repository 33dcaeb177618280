"""What Prefect, DVC and MLflow cost by themselves, without a line of artpipe: the least that orchestrating a run can cost.

    python benchmarks/orchestration_floor.py [--stages 30] [--trainings 8] [--compare COMMAND]

In an empty folder and with empty homes: a Prefect server until it answers, a flow of so many tasks that do nothing, so many
`dvc repro --single-item` of stages that write one word, and so many MLflow runs of 30 rows in a new store of SQLite. Prints
core-seconds of each, children included. With `--compare` it then runs that command, in the present folder, and prints what it took.
"""

import argparse
import os
import resource
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

SERVER_AND_FLOW = """
import sys
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

@task(cache_policy=NO_CACHE)
def stage(number): pass

@flow
def pipeline(count):
    for number in range(count): stage(number)

pipeline(int(sys.argv[1]))
"""
RUNS = """
import sys, time
from mlflow import MlflowClient
from mlflow.entities import Metric
client = MlflowClient(sys.argv[2])
experiment = client.create_experiment("bare")
for number in range(int(sys.argv[1])):
    run = client.create_run(experiment).info.run_id
    for step in range(30): client.log_batch(run, [Metric("loss", 1.0, int(time.time()), step)])
    client.set_terminated(run)
"""


def measure(*commands: list[str], folder: Path, **variables: str) -> float:
    """Return the core-seconds of commands that run one after the other, and of their children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for command in commands:
        subprocess.run(command, cwd=folder, env={**os.environ, **variables}, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write_stages(folder: Path, count: int) -> None:
    """Make a project of DVC with stages that each write one word."""
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        subprocess.run(command, cwd=folder, check=True)
    stages = "".join(f"  s{number}:\n    cmd: echo x > o{number}\n    outs: [o{number}]\n" for number in range(count))
    (folder / "dvc.yaml").write_text(f"stages:\n{stages}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", type=int, default=30)
    parser.add_argument("--trainings", type=int, default=8)
    parser.add_argument("--compare", type=shlex.split, default=[])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        home = {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        home |= {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300", "PREFECT_LOGGING_LEVEL": "ERROR"}
        write_stages(folder, options.stages)
        flow = [sys.executable, "-c", SERVER_AND_FLOW, str(options.stages)]
        repros = [["dvc", "repro", "--single-item", f"s{number}"] for number in range(options.stages)]
        runs = [sys.executable, "-c", RUNS, str(options.trainings), f"sqlite:///{folder}/mlflow.db"]
        rows = {
            f"Prefect: server and a flow of {options.stages} tasks": measure(flow, folder=folder, **home),
            f"DVC: {options.stages} stages": measure(*repros, folder=folder, DVC_NO_ANALYTICS="1"),
            f"MLflow: {options.trainings} runs": measure(runs, folder=folder, MLFLOW_DISABLE_TELEMETRY="true"),
        }
    rows["all three"] = sum(rows.values())
    if options.compare:
        rows[shlex.join(options.compare)] = measure(options.compare, folder=Path.cwd())
    print("| what | core-seconds |\n|---|---|")
    for name, seconds in rows.items():
        print(f"| {name} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
