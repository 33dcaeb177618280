"""`python tests/hostile` plants everything and prints the outcome of every single case as a table."""

import sys
import tempfile
import types
from pathlib import Path

package = types.ModuleType("tests")  # a library installs a package of that name
package.__path__ = [str(Path(__file__).parents[1])]
sys.modules["tests"] = package


def main() -> int:
    """Print the table; the exit code is 1 where an outcome is not the expected one."""
    from tests.hostile.ground import Ground, shown
    from tests.hostile.trial import folder_trial, pack_trials, refusals

    ground = Ground(Path(tempfile.mkdtemp(prefix="artpipe-hostile-")) / "ground")
    wrong = 0
    try:
        trials = [folder_trial(ground), *pack_trials(ground)]
        for trial in trials:
            inputs = sum(map(len, trial.found.values()))
            print(
                f"\n### {trial.how[0].upper()}{trial.how[1:]}: {inputs:,} inputs, {trial.ran.core_seconds:.1f} core-s, {trial.ran.megabytes:.0f} MiB, {len(trial.touched)} things touched around it\n"
            )
            print("| input | how it is made | outcome | said |\n|---|---|---|---|")
            for case, found in trial.outcomes():
                wrong += found is None
                outcome, note = found or (f"**not {case.outcome}**", str(trial.found.get(case.name)))
                print(
                    f"| {shown(case.name.replace(str(ground.folder), ''))} | {shown(case.how)} | {outcome} | {shown(note)} |"
                )
        print("\n### Refused as a whole\n\n| input | how it is made | the line |\n|---|---|---|")
        for name, how, line, ran in refusals(ground):
            wrong += not (ran.code == 2 and line in ran.error and ran.error.count("\n") == 1)
            print(f"| {name} | {how} | {ran.error.strip().removeprefix('artpipe: ')} |")
        print(f"\n{sum(len(trial.cases) for trial in trials)} cases in {len(trials)} datasets, {wrong} with another outcome than expected; "
              f"most memory of one process {max(trial.ran.megabytes for trial in trials):.0f} MiB, most core-seconds of one run {max(trial.ran.core_seconds for trial in trials):.1f}")  # fmt: skip
    finally:
        ground.close()
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
