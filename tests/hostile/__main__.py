"""`python tests/hostile` plants everything and prints the outcome of every single case as a table; `--write`: into docs/hostile.md."""

import argparse
import platform
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path

import PIL

package = types.ModuleType("tests")  # a library installs a package of that name
package.__path__ = [str(Path(__file__).parents[1])]
sys.modules["tests"] = package

from tests.hostile.hostile_project import HostileProject, shorten  # noqa: E402
from tests.hostile.run_trial import Trial, run_archive_trials, run_folder_trial, run_other_trials, run_refusals  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs/hostile.md"
BEGUN, END = "<!-- hostile -->\n", "<!-- end of hostile -->\n"  # around the tables in it


def main() -> int:
    """Print the tables; the exit code is 1 where an outcome is not the expected one."""
    parser = argparse.ArgumentParser(prog="python tests/hostile", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/hostile.md")
    write = parser.parse_args().write
    ground = HostileProject(Path(tempfile.mkdtemp(prefix="artpipe-hostile-")) / "ground")
    try:
        trials = [run_folder_trial(ground), *run_other_trials(ground), *run_archive_trials(ground)]
        refused, wrong = _refused(ground)
    finally:
        ground.close()
    wrong += sum(row is None for trial in trials for _, row in trial.outcomes())
    count = sum(len(trial.cases) for trial in trials) + len(refused)
    summary = (
        f"{count} cases in {len(trials)} datasets and {len(refused)} places that are none, {wrong} with another outcome than expected; "
        f"most memory of one process {max(trial.ran.megabytes for trial in trials):.0f} MiB, most core-seconds of one run "
        f"{max(trial.ran.core_seconds for trial in trials):.1f} (Python {platform.python_version()}, Pillow {PIL.__version__}). "
        "Plain works are left out of the tables.\n"
    )
    tables = "".join(f"{line}\n" for trial in trials for line in _table(trial, ground))
    heading = "\n## Refused as a whole\n\n| input | how it is made | the line |\n|---|---|---|\n"
    text = f"{summary}{tables}{heading}" + "".join(f"{line}\n" for line in refused)
    sys.stdout.write(text)
    if write:
        before, _, rest = PAGE.read_text().partition(BEGUN)
        PAGE.write_text(f"{before}{BEGUN}\n{text}\n{END}{rest.partition(END)[2]}")
    return bool(wrong)


def _table(trial: Trial, ground: HostileProject) -> Iterator[str]:
    inputs = sum(map(len, trial.found.values()))
    yield (
        f"\n## {trial.how[0].upper()}{trial.how[1:]}: {inputs:,} inputs, {trial.ran.core_seconds:.1f} core-s, "
        f"{trial.ran.megabytes:.0f} MiB, {len(trial.touched)} things touched around it\n"
    )
    yield "| input | how it is made | outcome | said |\n|---|---|---|---|"
    for case, row in trial.outcomes():
        if row and case.how.startswith("a plain"):
            continue
        outcome, note = row or (f"**not {case.outcome}**", str(trial.found.get(case.name)))
        name = shorten(case.name.replace(str(ground.folder), ""))
        yield f"| {name} | {shorten(case.how)} | {outcome} | {shorten(note)} |"


def _refused(ground: HostileProject) -> tuple[list[str], int]:
    rows, wrong = [], 0
    for name, how, line, ran in run_refusals(ground):
        wrong += not (ran.code == 2 and line in ran.error and ran.error.count("\n") == 1)
        rows.append(f"| {name} | {how} | {ran.error.strip().removeprefix('artpipe: ')} |")
    return rows, wrong


if __name__ == "__main__":
    sys.exit(main())
