"""Every test runs beside nobody: no telemetry, no settings of this machine's user, one thread, its own homes."""

import copy
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

from tests.support.artpipe_server import DVC
from tests.support.made_once import find_shared_folder, list_command, remove_shared_folder

ROOT = Path(__file__).parents[1]
_HOME = Path(tempfile.mkdtemp(prefix="artpipe-tests-"))

os.environ.update(
    {
        "ARTPIPE_MEASURE": "off",  # ten core-seconds for each new kind of entry; a test that measures sets it
        "DO_NOT_TRACK": "1",
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(_HOME / "dvc"),
        "DVC_SITE_CACHE_DIR": str(_HOME / "dvc-cache"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
        "PREFECT_HOME": str(_HOME / "prefect"),
        "XDG_CACHE_HOME": str(find_shared_folder() / "cache"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        **{f"GIT_{who}_{what}": "artpipe" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
)
for name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL", "PYTHONDONTWRITEBYTECODE"):  # a test that wants one sets it
    os.environ.pop(name, None)


def scale_examples(count: int) -> int:
    """Return how many examples of `count` a property is tried with: all in `make nightly`, a quarter in `make test`."""
    return count if os.environ.get("ARTPIPE_EXAMPLES") == "all" else max(10, count // 4)


settings.register_profile("beside others", deadline=None, max_examples=scale_examples(100))  # a busy machine is no bug
settings.load_profile("beside others")


# The groups that take longest begin first, so that no core is left alone with one of them at the end; seconds by the clock decide.
LONGEST_FIRST = (
    "tests/pipeline/flow/",
    "tests/pipeline/servers/",
    "tests/browser/",
    "tests/pipeline/",
    "tests/hostile/",
    "tests/faults/",
    "tests/unit/",
)


def _shares_fixture(item: pytest.Item) -> bool:
    """Return whether a test uses a fixture of these tests that is made once for many."""
    made = getattr(item, "_fixtureinfo", None)
    definitions = made.name2fixturedefs.items() if made else ()
    return any(
        name in item.fixturenames and each[-1].scope != "function" and each[-1].baseid.startswith("tests")
        for name, each in definitions
    )


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups, and pytest at the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep tests that share a fixture in one process, begin with the groups that take longest, mark properties."""
    ranks = {}
    for item in items:
        file = item.nodeid.partition("::")[0]
        if _shares_fixture(item) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(file))
        if getattr(getattr(item, "function", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.property)
        folder = next((rank for rank, name in enumerate(LONGEST_FIRST) if file.startswith(name)), len(LONGEST_FIRST))
        ranks[item] = (item.get_closest_marker("xdist_group") is None, folder)
    if config.getoption("loadgroup", default=False):
        items.sort(key=ranks.__getitem__)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: those of an archive hold the time, and would be another name in each worker."""
    return argname if isinstance(val, bytes) else None


def pytest_unconfigure() -> None:
    """Take the homes away."""
    shutil.rmtree(_HOME, ignore_errors=True)
    remove_shared_folder()


PARAMS = """\
# A small project; this comment has to survive.
format: 2
seed: 1

datasets:
  shapes:  # circles and squares
    medium: picture
    source: folder
    path: datasets/shapes
    about: {}
    ingest: {}
    preprocess: {size: 16, validation: 0.2, test: 0.2}

models:
  shapes-classifier:
    kind: classifier
    dataset: shapes
    pretrained: data/shards/shapes
    feature_extractor: shapes-classifier
    steps: 20

evaluation:
  metrics: [kid]
  samples: 32
  reference: 32
  exhibits: 4

gallery: {title: shapes, sections: []}
"""


def load_module(path: Path) -> ModuleType:
    """Import a helper by its file, once: the folders of tests are no packages."""
    if path.stem not in sys.modules:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[path.stem])
    return sys.modules[path.stem]


def assert_resumes(first, second, batch) -> None:
    """Assert that a learner with the state of another, one step old, takes the same next step, bit for bit."""
    import torch

    first.step(batch)
    second.load_training_state(copy.deepcopy(first.training_state()))
    for learner in (first, second):
        torch.manual_seed(5)
        learner.step(batch)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def draw_shapes(folder: Path, count: int = 24, side: int = 24) -> Path:
    """Draw `count` pictures of two classes, no two alike: circles and squares on grounds of many colours."""
    from PIL import Image, ImageDraw

    for number in range(count):
        kind = ("circle", "square")[number % 2]
        picture = Image.new("RGB", (side, side), (number * 7 % 256, number * 13 % 256, 255 - number * 5 % 256))
        corner = 2 + number % 5
        box = (corner, corner, side - 4 + number % 3, side - 4 + number % 3)
        pen = ImageDraw.Draw(picture)
        (pen.ellipse if kind == "circle" else pen.rectangle)(box, fill=(255 - number * 9 % 256, number * 11 % 256, 30))
        (folder / kind).mkdir(parents=True, exist_ok=True)
        picture.save(folder / kind / f"{number:03d}.png")
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return a folder outside the project with 24 small pictures of two classes."""
    return draw_shapes(tmp_path / "elsewhere" / "shapes")


@pytest.fixture
def forked_dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have artpipe's `dvc` forked from a process that has imported it: it is DVC all the same, a second sooner."""
    command = "artpipe.storage.dvc_command.dvc_command"
    monkeypatch.setattr(command, lambda *arguments: [*list_command("dvc", DVC), *arguments])


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forked_dvc: None) -> Path:
    """Return a small project, made the working directory: its own params.yaml, the real dvc.yaml, 24 pictures."""
    folder = tmp_path / "studio"
    draw_shapes(folder / "datasets" / "shapes")
    (folder / "params.yaml").write_text(PARAMS)
    for name in ("dvc.yaml", "code.yaml", "champions.json", "curation.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def artpipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Return a function that runs one command in this process and returns exit code, stdout and stderr."""
    from artpipe.__main__ import main
    from artpipe.cli import command_result

    monkeypatch.setattr(command_result, "SLOW_SECONDS", 600.0)  # a busy machine makes any command slow

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["artpipe", *(str(argument) for argument in arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return run
