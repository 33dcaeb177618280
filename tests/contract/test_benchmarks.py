"""The benchmark of a GPU says what it lacks and what fails, and goes on."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def gpu_trials(monkeypatch):
    """The module `_gpu_trials`, imported as the script does."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import _gpu_trials

    return _gpu_trials


def run_gpu(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `gpu.py` in a Python of its own."""
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.nightly
def test_no_gpu_is_one_line():
    """Without a GPU it says so in one line and ends with 2."""
    done = run_gpu(CUDA_VISIBLE_DEVICES="")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "no GPU" in done.stderr


def test_a_missing_package_is_named_before_anything_runs(tmp_path):
    """What is not installed is named in one line."""
    hide = "import importlib.util as u\nfind = u.find_spec\nu.find_spec = lambda name, *a: None if name == 'typer' else find(name, *a)\n"
    (tmp_path / "sitecustomize.py").write_text(hide)
    done = run_gpu("--device", "cpu", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("gpu.py: not installed: typer;")


def test_the_operation_that_forbids_determinism_is_named(gpu_trials):
    """It is named as torch names it; any other failure by its last line."""
    said = "Traceback\nRuntimeError: upsample_bilinear2d_backward_out_cuda does not have a deterministic implementation, but"
    assert gpu_trials.describe_failure(said, 1).endswith(": upsample_bilinear2d_backward_out_cuda")
    assert gpu_trials.describe_failure("a\nartpipe: no such model\n\n", 2) == "exit 2: artpipe: no such model"


def test_a_failed_subject_leaves_the_others(gpu_trials, tmp_path):
    """A failed one has its reason in its row, and the others have theirs."""

    def train(name):
        if name == "b":
            raise gpu_trials.PartError("why")
        return "done"

    rows = list(gpu_trials.Trials(tmp_path, "cpu", 60).each(train, ["a", "b", "c"], "kinds"))
    assert [(row["subject"], row["ok"], row["figure"]) for row in rows] == [
        ("a", True, "done"),
        ("b", False, "why"),
        ("c", True, "done"),
    ]


def test_a_command_ends_with_the_time_for_all(gpu_trials, tmp_path, monkeypatch):
    """What is not done by then is killed and told."""
    monkeypatch.setattr(gpu_trials, "LEAST_SECONDS", 0.5)
    trials = gpu_trials.Trials(tmp_path, "cpu", 0.1)
    with pytest.raises(gpu_trials.PartError, match="time for all parts"):
        trials.run(tmp_path, "-c", "import time; time.sleep(60)")
