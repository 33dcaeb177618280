"""What decides an output is a dependency of its stage: every function that ran is in the stage's fingerprint."""

from functools import cache
from pathlib import Path

import pytest

from artpipe import plugins
from artpipe.code.boundaries import BOUNDARIES, DECIDING
from artpipe.code.code_yaml import stages_with_code
from artpipe.code.fingerprints import PackageCode, package_files
from artpipe.code.module_code import WHOLE_MODULE
from artpipe.code.stage_fingerprints import STAGES
from artpipe.config.params import load_params
from tests.faults.small_project import make_small_project

pytestmark = pytest.mark.nightly  # every stage of every kind, with a profiler: four minutes

ROOT = Path(__file__).parents[3]
CALLS = ROOT / "tests/support/calls"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Return the project and, by stage, the definitions that ran in it; every stage and kind runs once, DVC aside."""
    ground = make_small_project(tmp_path_factory.mktemp("code"))
    calls = {}
    for stage, _ in stages_with_code(load_params(ground.project / "params.yaml")):
        verb, _, name = stage.partition("@")
        file = ground.folder / f"{stage}.calls"
        done = ground.run(
            verb,
            *[name] * bool(name),
            PYTHONPATH=f"{CALLS}:{ROOT}",
            CALLS_FILE=str(file),
            CALLS_ENTRY=":".join(STAGES[verb]),
        )
        assert done.code == 0, f"{stage}\n{done.said[-3000:]}"
        calls[stage] = {tuple(line.split(":")) for line in file.read_text().splitlines()}
    return ground.project, calls


def entries(parts):
    """Return where the code of these keys of code.yaml begins; a theme and what a plugin says of itself is no code."""
    for part in parts:
        if part.removesuffix(".stage") in STAGES:
            yield STAGES[part.removesuffix(".stage")]
        elif ".themes." not in part and "_info." not in part:
            yield plugins.locate_plugin(*part.split(".")[-2:])


def within_stage(stage):
    """Return the boundaries that decide this stage's result."""
    return DECIDING.get(stage.partition("@")[0], ())


@cache
def behind_boundaries(stage):
    """Return what the boundaries of this stage call: it decides as little as they do."""
    places = (place.partition(":") for place in BOUNDARIES.keys() - set(within_stage(stage)))
    files = package_files("artpipe", ROOT / "artpipe")
    return PackageCode(files).reachable([(module, name or WHOLE_MODULE) for module, _, name in places])


def known_besides(stage):
    """Yield what runs in a stage and is not in its fingerprint, as docs/log.md says.

    ingest asks every medium whether a file is one of its works; a training and an evaluation compute features with the
    classifier whose checkpoint they read, which is made anew when its code changes.
    """
    if stage.startswith("ingest@"):
        yield from (plugins.locate_plugin("modalities", name) for name in plugins.list_plugins("modalities"))
    if stage.startswith(("train@", "evaluate@")):
        yield plugins.locate_plugin("models", "classifier")


def test_whatever_runs_in_a_stage_is_in_its_fingerprint(ran):
    """In tiny stages of every medium and kind no function runs that the stage's keys of code.yaml do not reach."""
    project, calls = ran
    code = PackageCode(package_files("artpipe", ROOT / "artpipe"), BOUNDARIES)
    missed = {
        stage: sorted(
            calls[stage]
            - code.reachable([*entries(parts), *known_besides(stage)], within_stage(stage))
            - behind_boundaries(stage)
        )
        for stage, parts in stages_with_code(load_params(project / "params.yaml"))
    }
    assert not any(missed.values()), "\n".join(f"{stage}: {names}" for stage, names in missed.items() if names)
    assert all(len(names) > 10 for names in calls.values())
