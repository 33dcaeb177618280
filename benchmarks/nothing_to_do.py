"""What a command takes that finds nothing to do, beside `dvc repro`: core-seconds, which do not depend on who else is busy.

    python benchmarks/nothing_to_do.py [--rounds 5]

The default museum, its results made by stand-ins. Prints a table, the least of all rounds.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
sys.modules["tests"] = ModuleType("tests")  # else a package of that name among the installed ones is found first
sys.modules["tests"].__path__ = [str(ROOT / "tests")]

from tests.pipeline.conftest import Project, write_stub  # noqa: E402

COPIED = ("params.yaml", "dvc.yaml", "code.yaml", "champions.json", "prefect.yaml", ".dvcignore", ".gitignore")
COMMANDS = (("dvc", "repro", "--quiet"), ("artpipe", "check"), ("artpipe", "plan"), ("artpipe", "run"))


def make_museum(folder: Path) -> Project:
    """Make the default museum with stand-ins for its stages."""
    folder.mkdir()
    write_stub(folder.parent / "bin")
    for name in COPIED:
        shutil.copy(ROOT / name, folder / name)
    for name in ("datasets", "weights"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp", "config.local"))
    project = Project(folder)
    project.run("git", "init", "-q")
    project.dvc("repro", "--quiet")
    return project


def core_seconds(command: tuple[str, ...], folder: Path, env: dict[str, str]) -> float:
    """Return the CPU time of a command and all it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = make_museum(Path(folder) / "project")
        env = {key: value for key, value in project.environment.items() if not key.startswith("ARTPIPE_")}
        env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        core_seconds(("artpipe", "run"), project.folder, env)  # what is done once: the check, MLflow's store
        print("| command | core-seconds |\n|---|---|")
        for command in COMMANDS:
            least = min(core_seconds(command, project.folder, env) for _ in range(options.rounds))
            print(f"| `{' '.join(command)}` | {least:.2f} |")


if __name__ == "__main__":
    main()
