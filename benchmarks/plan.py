"""What a plan said beside what the run took: a table of stages, in core-seconds.

    artpipe plan --json > plan.json   # before the run
    artpipe run
    python benchmarks/plan.py plan.json [--save]   # in the project; with --save its numbers go to plan-result.json

Trainings are read from their run records, other stages from `.state/durations.json`. The sum of the plan has DVC's own
time in it, which nothing measures, so it is left out of both sides.
"""

import argparse
import json
import sys
from pathlib import Path

from artpipe.artifacts import paths
from artpipe.artifacts.run import RunRecord
from artpipe.errors import ArtpipeError
from artpipe.project.estimates import load_durations


def read_measured(root: Path, stage: str) -> float | None:
    """Return the core-seconds that a stage took last, None where that is not known."""
    verb, _, name = stage.partition("@")
    if verb != "train":
        duration = load_durations(root).get(stage)
        return duration.core_seconds if duration else None
    try:
        return RunRecord.open(root / paths.run(name)).card.core_seconds
    except ArtpipeError:
        return None


def main() -> None:
    """Print the table, and the ratio of the sums by kind of stage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("--save", action="store_true")
    arguments = parser.parse_args()
    stages = json.loads(arguments.plan.read_text("utf-8"))["stages"]
    predicted = {stage["stage"]: float(stage["cost"]["core_seconds"]) for stage in stages}
    measured = {stage: seconds for stage in predicted if (seconds := read_measured(Path(), stage)) is not None}
    groups: dict[str, tuple[float, float]] = {}
    lines = ["| stage | plan | run | ratio |", "|---|---|---|---|"]
    for stage, seconds in measured.items():
        for group in (stage.partition("@")[0], "all"):
            plan, run = groups.get(group, (0.0, 0.0))
            groups[group] = plan + predicted[stage], run + seconds
        lines.append(
            f"| {stage} | {predicted[stage]:.1f} | {seconds:.1f} | {predicted[stage] / max(seconds, 0.1):.2f} |"
        )
    lines += [
        f"| {name} together | {plan:.0f} | {run:.0f} | {plan / max(run, 0.1):.2f} |"
        for name, (plan, run) in groups.items()
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    if arguments.save:
        Path("plan-result.json").write_text(json.dumps({"plan": predicted, "run": measured}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
