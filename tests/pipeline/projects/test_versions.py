"""One project under several versions of artpipe, each built as a wheel and installed: an upgrade runs what changed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.conftest import draw_shapes
from tests.pipeline.conftest import Project

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[3]
MODELS = """\
models:
  reader: {kind: classifier, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: reader, steps: 10, batch_size: 8, width: 8, max_width: 16}
  gan: {kind: gan, dataset: shapes, pretrained: data/checkpoints/reader, feature_extractor: reader, steps: 4, batch_size: 8, latent_dim: 8, generator_width: 16, discriminator_width: 16, least_width: 8, validation_samples: 16}
  vae: {kind: vae, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: reader, steps: 4, batch_size: 8, latent_dim: 4, width: 8, hidden: 16, plane: 3}
evaluation: {metrics: [kid], samples: 24, reference: 24, exhibits: 2}
"""  # fmt: skip
NAMES = ["reader", "gan", "vae"]
BUILD = "from setuptools.build_meta import build_wheel; build_wheel('dist')"


class Versions:
    """Versions of artpipe in folders of their own; the project uses one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def build(self, name: str, *changes: tuple[str, str, str]) -> None:
        """Build and install a wheel of this tree with some texts replaced: file, old, new."""
        tree = self.folder / "trees" / name
        wanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / "artpipe", tree / "artpipe", symlinks=False, ignore=wanted)
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / file, tree)
        for file, old, new in changes:
            text = (tree / "artpipe" / file).read_text()
            assert old in text, f"{file}: no `{old}`"
            (tree / "artpipe" / file).write_text(text.replace(old, new, 1))
        subprocess.run([sys.executable, "-c", BUILD], cwd=tree, check=True, capture_output=True)
        (wheel,) = (tree / "dist").glob("*.whl")
        shutil.unpack_archive(wheel, self.folder / name, "zip")

    def use(self, project: Project, name: str) -> None:
        """Let `artpipe` be that version, in the project's commands and in the stages that DVC runs."""
        script = self.folder / "bin/artpipe"
        script.parent.mkdir(exist_ok=True)
        drop = "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in getattr(f, '__module__', '')]"
        start = f"import sys; sys.path[0:1] = ['{self.folder / name}']; {drop}; from artpipe.__main__ import main; sys.exit(main())"
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{start}" "$@"\n')
        script.chmod(0o755)
        path = [str(script.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
        project.environment |= {"PATH": os.pathsep.join(path), "PYTHONPATH": str(self.folder / name)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project that a first version has made, and the versions."""
    folder = tmp_path_factory.mktemp("versions")
    versions = Versions(folder)
    versions.build("first")
    project = Project(folder / "my studio")
    project.folder.mkdir()
    versions.use(project, "first")
    project.folder.rmdir()
    subprocess.run(
        ["artpipe", "new", str(project.folder), "--from", "pictures"],
        cwd=folder,
        env=project.environment,
        check=True,
        capture_output=True,
    )
    draw_shapes(folder / "shapes", count=48)
    project.run("artpipe", "dataset", "add", str(folder / "shapes"), "--name", "shapes", "--size", "16")
    params = (project.folder / "params.yaml").read_text()
    text = re.sub(r"^models:.*?(?=^gallery:)", MODELS, params, flags=re.DOTALL | re.MULTILINE)
    (project.folder / "params.yaml").write_text(text)
    project.run("artpipe", "upgrade")
    project.dvc("repro", "--quiet")
    return versions, project


@pytest.fixture
def project(made, tmp_path):
    """A copy of the project."""
    shutil.copytree(made[1].folder, tmp_path / "my studio", symlinks=True)
    copied = Project(tmp_path / "my studio")
    copied.environment.pop("ARTPIPE_CHECKED")
    made[0].use(copied, "first")
    return copied


def stale(project) -> set[str]:
    """What DVC calls stale, by the version in use."""
    out = project.dvc("status", "--json").stdout
    return set(YAML(typ="safe").load(out))


def test_a_comment_makes_nothing_stale(made, project):
    """A version with another comment and docstring is the same code."""
    versions = made[0]
    versions.build("comment", ("train.py", '"""', '"""Another first line. '), ("models/gan.py", "# gamma:", "# so:"))
    versions.use(project, "comment")
    assert "no code changed" in project.run("artpipe", "upgrade").stdout
    assert stale(project) == set()


def test_a_kind_that_changed_is_trained_again_alone(made, project):
    """Without `artpipe upgrade` its stage refuses to run; with it the others stay as they are."""
    versions = made[0]
    change = ("models/gan.py", "upsampling: Literal", "unused: int = 0\n    upsampling: Literal")
    versions.build("kind", change)
    versions.use(project, "kind")
    refused = project.dvc("repro", "--force", "--single-item", "train@gan", check=False)
    assert refused.returncode
    refused_run = project.run("artpipe", "run", check=False)
    assert refused_run.returncode == 2
    for message in (refused.stdout + refused.stderr, refused_run.stderr):
        assert "models.gan" in message
        assert "artpipe upgrade" in message
    told = project.run("artpipe", "upgrade").stdout
    assert "train@gan  (" in told
    assert "train@vae" not in told
    ran = set(re.findall(r"Running stage '([^']+)'", project.dvc("repro").stdout))
    assert ran == {"train@gan", "evaluate@gan", "gallery"}
    assert stale(project) == set()


ENGINE = ("train.py", "_RANKS_GRACE_SECONDS = 12.0", "_RANKS_GRACE_SECONDS = 13.0")


def test_an_engine_with_equal_results_is_accepted(made, project, tmp_path):
    """The version's table says that the earlier engine makes the same bytes: no training runs."""
    versions = made[0]
    versions.build("equal", ENGINE)
    trial = Project(shutil.copytree(project.folder, tmp_path / "trial", symlinks=True))
    versions.use(trial, "equal")
    trial.run("artpipe", "upgrade")
    earlier, later = engine_code(project), engine_code(trial)
    assert earlier != later
    table = versions.folder / "equal/artpipe/code/equal_results.yaml"
    table.write_text(f"code: {{train: {{train: {{'{earlier}': '{later}'}}}}}}\nfiles: []\n")
    versions.use(project, "equal")
    told = project.run("artpipe", "upgrade").stdout
    assert "byte for byte" in told
    assert re.findall(r"^  (\w+@\w+)  ", told, re.MULTILINE) == []
    assert stale(project) == set()


def test_an_engine_that_changed_is_listed_with_its_cost_and_run(made, project):
    """Nothing vouches for it, so every training is listed with what it took last time, and runs."""
    versions = made[0]
    versions.build("engine", ENGINE)
    versions.use(project, "engine")
    plan = project.run("artpipe", "upgrade", "--plan").stdout
    assert re.findall(r"^  (train@\w+)  \(.* last time\)$", plan, re.MULTILINE) == [f"train@{name}" for name in NAMES]
    assert stale(project) == set()
    project.run("artpipe", "upgrade", "--keep", "train@vae")
    assert {name for name in stale(project) if name.startswith("train@")} == {"train@reader", "train@gan"}
    ran = re.findall(r"Running stage '(train@[^']+)'", project.dvc("repro").stdout)
    assert sorted(ran) == ["train@gan", "train@reader"]
    assert stale(project) == set()


def engine_code(project) -> str:
    """The fingerprint of the engine in code.yaml."""
    return YAML(typ="safe").load(project.folder / "code.yaml")["code"]["train"]
