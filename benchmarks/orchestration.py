"""What the flow costs over plain `dvc repro`: the same pipeline of small trainings, and a run that has nothing to do.

    python benchmarks/orchestration.py [--seconds 20] [--rounds 2]

A project of four trainings that each take `--seconds` (they sleep: what is measured is the orchestration), stage after stage by
both: `dvc repro`, and the flow with one slot, against a server that stays and with one of its own. Then the same commands
with nothing to do. Prints a table; the share is the flow's time beyond that of `dvc repro`, and cores are not its advantage here.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
sys.modules["tests"] = ModuleType("tests")  # else a package of that name among the installed ones is found first
sys.modules["tests"].__path__ = [str(ROOT / "tests")]

from artpipe.system.processes import end_child, start_child  # noqa: E402
from tests.pipeline.conftest import Project, make_project  # noqa: E402

PORT = 4291


def timed(project: Project, *command: str, **environment: str) -> float:
    """Return how long a command took, seconds."""
    began = time.perf_counter()
    subprocess.run(
        command, cwd=project.folder, env={**project.environment, **environment}, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - began


def change(project: Project, number: int, seconds: float) -> None:
    """Make every training stale, each to take so long."""
    text = (project.folder / "params.yaml").read_text()
    for name in ("r", "g", "v", "s"):
        text = text.replace(
            f"title: {name}{number}" + (f", stub: {{sleep: {seconds}}}" if number > 1 else ""),
            f"title: {name}{number + 1}, stub: {{sleep: {seconds}}}",
        )
    (project.folder / "params.yaml").write_text(text)


@contextlib.contextmanager
def server(home: Path):
    """A Prefect server that stays; yields its environment."""
    env = {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(PORT)]
    child = start_child(command, env={**os.environ, **env}, stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/health", timeout=5):
                break
            time.sleep(0.5)
        yield {**env, "PREFECT_API_URL": f"http://127.0.0.1:{PORT}/api"}
    finally:
        end_child(child)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of each of the four trainings")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    dvc, flow = ("dvc", "repro", "-q"), (sys.executable, "-m", "artpipe", "run", "--slots", "1")
    rows: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, server(Path(folder) / "home") as stays:
        project = make_project(Path(folder) / "project")
        project.repro()
        own = {"PREFECT_HOME": str(Path(folder) / "own")}
        timed(project, *flow, **own)  # a new home is migrated once
        number = 1
        for _ in range(options.rounds):
            for name, command, environment in (
                ("dvc repro", dvc, {}),
                ("flow, a server that stays", flow, stays),
                ("flow, a server of its own", flow, own),
            ):
                change(project, number, options.seconds)
                number += 1
                full = timed(project, *command, **environment)
                rows.setdefault(name, []).append((full, timed(project, *command, **environment)))
    best = {name: (min(full for full, _ in all_), min(idle for _, idle in all_)) for name, all_ in rows.items()}
    base = best["dvc repro"][0]
    print("| how | four trainings, s | beyond dvc repro | nothing to do, s |\n|---|---|---|---|")
    for name, (full, idle) in best.items():
        print(f"| {name} | {full:.1f} | {100 * (full - base) / base:+.1f}% | {idle:.1f} |")


if __name__ == "__main__":
    main()
