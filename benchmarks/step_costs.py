"""What a step of every model costs that a new project may have: the numbers by which a first run is ordered.

    python benchmarks/step_costs.py [--rounds 3] [--write]

Measures the models of the museum and of its preset `long` in an empty project, with nothing else running. The least of
all rounds counts. Prints a table; `--write` puts the costs into `artpipe/project/shipped_step_costs.json`, which belong to
two cores with AVX2 and without bf16.
"""

import argparse
import os
import tempfile
from pathlib import Path

from artpipe.config.params import Params, parse_params
from artpipe.project.machine_costs import SHIPPED_COSTS, MachineCosts, StepCost, load_costs
from artpipe.project.new_project import create_project
from artpipe.project.presets import plan_switch
from artpipe.project.step_costs import measure_missing
from artpipe.system.atomic_files import write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    os.environ.pop("ARTPIPE_MEASURE", None)
    with tempfile.TemporaryDirectory(prefix="artpipe-costs-") as folder:
        create_project(Path(folder) / "project", "museum")
        os.chdir(Path(folder) / "project")
        entries = [parse_params(Path("params.yaml").read_text("utf-8")), parse_params(plan_switch("long").text)]
        rounds = [_measure(entries, Path(folder) / f"cache-{number}") for number in range(asked.rounds)]
        os.chdir("/")
    least = _take_least(rounds)
    for key, cost in least.steps.items():
        print(f"{key}  step {cost.step:.4f}  start {cost.start:.2f}  sheet {cost.sheet:.2f}  of each round:", *(
            f"{machine.steps[key].step:.4f}" for machine in rounds))  # fmt: skip
    print(f"imports {least.imports:.2f}")
    if asked.write:
        write_text(SHIPPED_COSTS, least.model_dump_json(indent=1) + "\n")


def _measure(projects: list[Params], cache: Path) -> MachineCosts:
    """Measure what all trainings of the projects cost, with an empty cache."""
    os.environ["XDG_CACHE_HOME"] = str(cache)
    for params in projects:
        measure_missing(Path(), params, params.models)
    return load_costs()


def _take_least(rounds: list[MachineCosts]) -> MachineCosts:
    steps = {
        key: StepCost(
            **{
                name: round(min(getattr(machine.steps[key], name) for machine in rounds), 5)
                for name in StepCost.model_fields
                if name not in {"precision", "device"}
            },
            precision=rounds[0].steps[key].precision,
            device=rounds[0].steps[key].device,
        )
        for key in sorted(rounds[0].steps)
    }
    return MachineCosts(imports=round(min(machine.imports for machine in rounds), 2), steps=steps)


if __name__ == "__main__":
    main()
