"""The documents say what is there: commands, parameters, and examples that run as they stand."""

import ast
import base64
import importlib.util
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from ruamel.yaml import YAML

from artpipe import plugins
from artpipe.config import params
from artpipe.contracts.model import Learner, Model, Prompt
from tests.support.documents import list_commands

ROOT = Path(__file__).parents[2]
READMES = ["README.md", "README.zh-CN.md"]


def commands() -> list[str]:
    """Return every command a person may type, stages apart, which dvc.yaml calls."""
    from artpipe.cli.app import STAGES, app

    mine = [command for command in app.registered_commands if command.rich_help_panel != STAGES]
    found = [f"artpipe {command.name or command.callback.__name__}" for command in mine]
    for group in app.registered_groups:
        names = [command.name for command in group.typer_instance.registered_commands]
        found += [f"artpipe {group.name} {name}" for name in names]
    return found


@pytest.mark.parametrize("readme", READMES)
def test_a_readme_names_every_command(readme):
    """Whatever can be typed is in the README, in both languages."""
    text = (ROOT / readme).read_text()
    assert [command for command in commands() if command not in text] == []


@pytest.mark.parametrize("readme", READMES)
def test_a_readme_s_commands_exist(readme):
    """Whatever the README types can be typed."""
    text = (ROOT / readme).read_text()
    typed = set(re.findall(r"^artpipe ([a-z]+(?: add| remove| restore| inspect| list)?)", text, flags=re.MULTILINE)) - {
        "turns"
    } | set(re.findall(r"`artpipe ([a-z]+)`", text))
    known = {command.removeprefix("artpipe ") for command in commands()}
    assert typed - known == set()


def test_both_readmes_have_the_same_commands():
    """The two languages show the same lines to type, comments and what is quoted apart."""
    blocks = [[re.sub(r'"[^"]*"', "", line) for line in list_commands(ROOT / readme)] for readme in READMES]
    assert blocks[0] == blocks[1]


def test_every_link_between_documents_leads_somewhere():
    """No document points at a file that is not there."""
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            assert target.startswith("https://") or (path.parent / target).exists(), f"{path.name}: {target}"


MODELS = [
    *(value for value in vars(params).values() if isinstance(value, type) and issubclass(value, params.Frozen)),
    *(plugins.load_plugin("models", name).params for name in plugins.list_plugins("models")),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.__module__}-{model.__name__}")
def test_every_group_of_parameters_is_documented(model):
    """A person who turns a number finds a sentence about what it belongs to."""
    assert model.__doc__


def test_every_plugin_is_found_without_importing_its_neighbours(monkeypatch):
    """Finding one kind imports one file of the room."""
    for name in plugins.list_plugins("metrics"):
        monkeypatch.delitem(sys.modules, f"artpipe.metrics.{name}", raising=False)
    plugins.load_plugin("metrics", "kid")
    assert [name for name in plugins.list_plugins("metrics") if f"artpipe.metrics.{name}" in sys.modules] == ["kid"]


def example(room: str):
    """Import the worked example of a room out of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    name, code = re.search(rf"```python\n# artpipe/{room}/(\w+)\.py\n(.*?)```", text, flags=re.DOTALL).groups()
    spec = importlib.util.spec_from_loader(f"example_{name}", loader=None)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    exec(compile(code, f"CONTRIBUTING.md:{name}", "exec"), module.__dict__)  # noqa: S102  # our own document
    return module


def test_the_model_of_contributing_learns():
    """A few steps bring the distance down, and a picture depends on its own seed alone."""
    from artpipe.artifacts.shards import Spec

    torch.manual_seed(0)
    model: Model = example("models").MODEL
    spec = Spec(dataset="d", channels=1, height=8, width=8, classes=(), count=64)
    entry = {"kind": "patchwork", "dataset": "d", "pretrained": "x", "feature_extractor": "m"}
    learner: Learner = model.build(model.params.model_validate(entry), spec, None)
    batch = {"images": torch.linspace(-1, 1, 64).view(1, 1, 8, 8).repeat(64, 1, 1, 1)}
    losses = [float(learner.step(batch)["distance"]) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]
    both, alone = learner.sample(Prompt(seeds=[1, 2])), learner.sample(Prompt(seeds=[2]))
    torch.testing.assert_close(both[1:], alone)


def test_the_source_of_contributing_keeps_and_rejects(tmp_path):
    """A good line is a candidate, a bad one is rejected, and the rest goes on."""
    path = tmp_path / "letters.txt"
    path.write_text(f"a\t{base64.b64encode(b'picture').decode()}\nb\t???\nc\t{base64.b64encode(b'last').decode()}\n")
    source = example("sources").SOURCE
    entry = SimpleNamespace(path=str(path))
    source.check(entry)
    found = list(source.candidates(entry))
    assert [(one.name, one.data, one.rejected) for one in found] == [
        ("a", b"picture", None),
        ("b", b"", "unreadable"),
        ("c", b"last", None),
    ]


def test_the_metric_of_contributing_measures():
    """Black samples against white works are one whole range darker."""
    pictures = {"samples": torch.zeros(3, 1, 2, 2), "held_out": torch.full((5, 1, 2, 2), 255.0)}
    score = example("metrics").METRIC.measure(SimpleNamespace(pictures=pictures.__getitem__)).scores[0]
    assert (score.value, score.n) == (-1.0, 3)


def test_the_section_of_contributing_fills():
    """It counts steps times batch size."""
    artist = SimpleNamespace(run=SimpleNamespace(steps=10), params={"batch_size": 32})
    section = example("sections").SECTION
    assert section.page == "model"
    assert section.fill(SimpleNamespace(artist=artist)) == {"pictures": 320}


@pytest.mark.parametrize(("size", "code"), [((30, 40), "stands"), ((40, 30), "lies"), ((40, 40), "square")])
def test_the_observation_of_contributing_observes(size, code):
    """It says whether a picture stands, lies or is square, in its own words."""
    from PIL import Image

    from artpipe.critique.critiqued_picture import CritiquedPicture

    module = example("observations")
    picture = CritiquedPicture("x.png", "", Image.effect_noise(size, 90))
    (result,) = module.OBSERVATION.observe(picture, None)
    assert [sentence.code for sentence in result.sentences] == [code]
    assert {code, module.OBSERVATION.code, result.numbers[0].code} <= set(module.SENTENCES["en"])


def defined_names(*modules: str) -> set[str]:
    """Return every name that is defined in a module or below a folder of artpipe: functions, classes, fields, constants."""
    names: set[str] = set()
    for module in modules:
        base = ROOT / "artpipe" / module
        for path in base.rglob("*.py") if base.is_dir() else [base.with_suffix(".py")]:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    names.add(node.name)
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


ROWS = re.findall(r"^\| ([a-z_/, ]+) \| (.*→.*) \|$", (ROOT / "docs" / "renamed.md").read_text(), flags=re.MULTILINE)
RENAMED = [row for row in ROWS if row[0] not in {"folder", "module"}]


@pytest.mark.parametrize(("modules", "pairs"), RENAMED, ids=[row[0] for row in RENAMED])
def test_what_was_renamed_is_there_under_its_present_name(modules, pairs):
    """Every name that docs/renamed.md gives as the present one is defined in the folders of its row."""
    defined = defined_names(*modules.split(", "))
    present = [name.strip() for pair in pairs.split(";") for name in pair.partition("→")[2].split(",")]
    assert [name for name in present if not set(name.split(".")) <= defined] == []


def test_the_entry_of_a_source_in_contributing_is_complete():
    """Written by hand as it stands there, it is a dataset's entry."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (entry,) = re.findall(r"```yaml\n# params.yaml, below `datasets:`\n(.*?)```", text, flags=re.DOTALL)
    content = YAML(typ="safe").load(entry)["letters"]
    assert params.DatasetEntry.model_validate(content).source == content["source"]
