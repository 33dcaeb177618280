"""A preset goes over params.yaml and comes off again; the project stays what it was."""

import json
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.parquet import TableWriter
from artpipe.artifacts.works import Work
from artpipe.config.params import Params
from artpipe.orchestration.scheduling.dvc_graph import read_graph
from artpipe.project import add_remove
from artpipe.project.cascade_check import check_cascade
from artpipe.project.preset_budgets import make_budget_overlay
from artpipe.project.presets import IN_FORCE, plan_switch
from artpipe.system.locks import hold_lock

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what DVC imports
MINE = """\
# a quick look
models:
  shapes-classifier: {steps: 1_000}
"""
GAN = """
  shapes-gan:
    kind: gan
    dataset: shapes
    pretrained: data/checkpoints/shapes-classifier
    feature_extractor: shapes-classifier
    steps: 40
    batch_size: 16
"""
ROOM = """\
datasets:
  more: # a room
    medium: picture
    source: folder
    path: datasets/more
    about: {}
    ingest: {}
    preprocess: {size: 16}
models:
  more-gan: {kind: gan, dataset: more, pretrained: data/shards/more, feature_extractor: more-gan}
gallery: {titles: {more-gan: More}}
"""


@pytest.fixture
def project(studio):
    """The small project with a preset of its own."""
    write("mine", MINE)
    return studio


def write(name: str, text: str) -> None:
    Path("presets").mkdir(exist_ok=True)
    Path("presets", f"{name}.yaml").write_text(text)


def text() -> str:
    return Path("params.yaml").read_bytes().decode()


def edit(old: str, new: str) -> None:
    assert old in text()
    Path("params.yaml").write_bytes(text().replace(old, new).encode())


def models() -> dict:
    return YAML(typ="safe").load(text())["models"]


def test_a_preset_of_one_s_own_comes_and_goes(project, artpipe):
    """The table says what changed, the cost what it takes; `default` brings every byte back, code.yaml is not touched."""
    before, code_yaml = text(), Path("code.yaml").read_bytes()
    code, out, _ = artpipe("preset", "mine")
    assert code == 0
    assert ["models.shapes-classifier.steps", "20", "1000"] in [line.split() for line in out.splitlines()]
    assert "mine is in force" in out
    assert "About " in out
    assert text() == before.replace("steps: 20", "steps: 1_000")
    assert artpipe("check")[0] == 0
    code, out, _ = artpipe("preset", "default")
    assert (code, text(), IN_FORCE.exists()) == (0, before, False)
    assert ["models.shapes-classifier.steps", "1000", "20"] in [line.split() for line in out.splitlines()]
    assert Path("code.yaml").read_bytes() == code_yaml


def test_presets_are_listed_and_the_one_in_force_is_marked(project, artpipe):
    """One line each: the first comment of a file, or what the kinds mean by it."""
    lines = artpipe("preset")[1].splitlines()
    assert [line.split()[:2] for line in lines[:4]] == [
        ["*", "default"],
        ["gpu", "what"],
        ["long", "more"],
        ["mine", "a"],
    ]
    assert "in force: default" in lines[-1]
    artpipe("preset", "mine")
    out = artpipe("preset")[1]
    assert "* mine     a quick look\n" in out
    assert "in force: mine" in out


def test_kinds_say_what_long_is(project, artpipe):
    """Without a file of that name each model has more steps, and evaluates as often as before."""
    before = text()
    assert artpipe("preset", "long")[0] == 0
    assert (models()["shapes-classifier"]["steps"], models()["shapes-classifier"]["evaluate_every_steps"]) == (40, 500)
    artpipe("preset", "default")
    assert text() == before


def test_a_file_goes_before_what_a_kind_says(project, artpipe):
    """A model that the file names is left to it; the others have their kind's."""
    edit("    steps: 20\n", "    steps: 20\n" + GAN.removeprefix("\n"))
    write("long", "models: {shapes-classifier: {steps: 50}}\n")
    artpipe("preset", "long")
    assert "evaluate_every_steps" not in models()["shapes-classifier"]
    assert (models()["shapes-classifier"]["steps"], models()["shapes-gan"]["steps"]) == (50, 120)


@pytest.mark.nightly
def test_one_preset_after_the_other_goes_over_default(project, artpipe):
    """What the first changed and the second does not is as before; twice the same is once."""
    before = text()
    artpipe("preset", "long")
    artpipe("preset", "mine")
    assert models()["shapes-classifier"]["steps"] == 1000
    assert "evaluate_every_steps" not in models()["shapes-classifier"]
    code, out, _ = artpipe("preset", "mine")
    assert code == 0
    assert "params.yaml has these values already" in out
    artpipe("preset", "default")
    assert text() == before
    assert "params.yaml has these values already" in artpipe("preset", "default")[1]


def test_an_edit_in_between_is_left_alone_and_told(project, artpipe):
    """What a person wrote meanwhile is theirs; all else comes back."""
    artpipe("preset", "long")
    edit("steps: 40", "steps: 44")
    edit("# A small", "# My small")
    out = artpipe("preset", "default")[1]
    assert "models.shapes-classifier.steps stays as it is: was changed since" in out
    assert models()["shapes-classifier"]["steps"] == 44
    assert "evaluate_every_steps" not in models()["shapes-classifier"]
    assert text().startswith("# My small")


def test_whole_entries_come_and_go(project, artpipe):
    """A room more: its dataset, its model and its title; what is at datasets/ stays."""
    before = text()
    shutil.copytree("datasets/shapes", "datasets/more")
    write("room", ROOM)
    code, out, err = artpipe("preset", "room")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["datasets.more", "models.more-gan", "gallery.titles"]
    assert "  more: # a room\n    medium: picture\n" in text()
    assert "gallery: {title: shapes, sections: [], titles: {more-gan: More}}" in text()
    artpipe("preset", "default")
    assert text() == before
    assert Path("datasets/more").is_dir()


@pytest.mark.nightly
def test_an_entry_that_others_need_stays(project, artpipe):
    """A model of one's own on a preset's model keeps it, and what that needs."""
    write("room", "models:" + GAN + GAN.replace("shapes-gan", "shapes-reader").replace("kind: gan", "kind: classifier"))
    artpipe("preset", "room")
    artpipe("model", "add", "own", "--kind", "vae", "--dataset", "shapes", "-P", "feature_extractor=shapes-reader")
    out = artpipe("preset", "default")[1]
    assert "models.shapes-reader stays as it is: `own` needs it" in out
    assert set(models()) == {"shapes-classifier", "shapes-reader", "own"}
    assert artpipe("check")[0] == 0


@pytest.mark.nightly
def test_other_commands_go_between(project, artpipe, pictures):
    """Datasets and models that came meanwhile stay, and so does what `upgrade` wrote."""
    before = text()
    artpipe("preset", "mine")
    artpipe("dataset", "add", "--no-plan", pictures, "--name", "own", "--models", "vae")
    artpipe("model", "add", "second", "--kind", "vae", "--dataset", "shapes")
    artpipe("upgrade")
    artpipe("preset", "default")
    assert set(models()) == {"shapes-classifier", "own-vae", "second"}
    artpipe("model", "remove", "second")
    artpipe("dataset", "remove", "own", "--yes")
    assert text() == before
    artpipe("preset", "long")
    artpipe("model", "remove", "shapes-classifier")
    out = artpipe("preset", "default")[1]
    assert "models.shapes-classifier.steps stays as it is: is not there any more" in out


def test_an_unknown_name_is_told_with_the_nearest(project, artpipe):
    """One line, and nothing changed; `default` cannot be a file of one's own."""
    before = text()
    for command in (["preset", "lnog"], ["preset", "lnog", "--plan"], ["plan", "--preset", "lnog"]):
        code, _, err = artpipe(*command)
        assert (code, err) == (
            2,
            "artpipe: there is no preset `lnog`, did you mean `long`?; one of your own is a file presets/NAME.yaml\n",
        )
    write("default", "models: {}\n")
    code, _, err = artpipe("preset", "mine")
    assert code == 2
    assert "presets/default.yaml: `models` is not a parameter" in err
    assert text() == before


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        (
            "models:\n  shapes-classifier:\n    stepz: 3\n",
            "3: `models.shapes-classifier.stepz` is not a parameter, did you mean `steps`?",
        ),
        (
            "models: {shapes-clasifier: {steps: 3}}\n",
            "1: `models.shapes-clasifier` is not in params.yaml, did you mean `shapes-classifier`?",
        ),
        ("\nmodles: {}\n", "2: `modles` is not a parameter, did you mean `models`?"),
        (
            "models:\n  shapes-classifier: {steps: many}\n",
            "2: `models.shapes-classifier.steps` is 'many': expected a whole number",
        ),
        (
            "datasets:\n  shapes:\n    path: datasets/shape\n",
            "3: `datasets.shapes.path`: datasets/shape: no such file or folder, did you",
        ),
        ("gallery:\n  sections: [wal]\n", "2: `gallery.sections` is `wal`, which does not exist"),
        ("format: 2\n", "1: `format` is that of params.yaml; take it out"),
        ("models: [\n", "2:1: not YAML"),
        ("- 1\n", " a part of params.yaml is expected"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(project, artpipe, overlay, message):
    """`check` and `preset` say it in one line, and nothing is written."""
    before = text()
    write("mine", overlay)
    for command in (["check"], ["preset", "mine"]):
        code, _, err = artpipe(*command)
        assert code == 2
        assert err.startswith(f"artpipe: presets/mine.yaml:{message}")
        assert err.count("\n") == 1
    assert (text(), IN_FORCE.exists()) == (before, False)


def test_presets_that_passed_are_not_checked_again(project, artpipe):
    """Until a preset, params.yaml or the code changes."""
    assert artpipe("check")[0] == 0
    stamp = Path(".state/checked-presets").stat().st_mtime_ns
    assert artpipe("check")[0] == 0
    assert Path(".state/checked-presets").stat().st_mtime_ns == stamp
    write("mine", "models: {shapes-classifier: {steps: -1}}\n")
    assert artpipe("check")[0] == 2


def test_a_plan_writes_nothing(project, artpipe):
    """The cost is told as if the preset were in force: of its steps, and of its entries."""
    before = text()
    write("room", "models:" + GAN)
    short = json.loads(artpipe("plan", "--json")[1])
    long = json.loads(artpipe("plan", "--preset", "mine", "--json")[1])
    assert long["seconds"] > short["seconds"]
    planned = [stage["stage"] for stage in json.loads(artpipe("plan", "--preset", "room", "--json")[1])["stages"]]
    assert "train@shapes-gan" in planned
    code, out, _ = artpipe("preset", "mine", "--plan")
    assert code == 0
    assert "nothing was written" in out
    assert (text(), IN_FORCE.exists()) == (before, False)
    assert artpipe("preset", "--plan")[0] == 2


@pytest.mark.nightly
def test_dvc_notices_the_values_and_nothing_else(project, artpipe):
    """Its status after `default` is that of before, and the note about the preset is nothing to it."""
    before = read_graph().changes
    switched = read_graph(params_text=plan_switch("long").text).changes
    artpipe("preset", "long")
    assert read_graph().changes == switched
    artpipe("preset", "default")
    assert read_graph().changes == before


def test_two_changes_of_params_exclude_each_other(project, artpipe, monkeypatch):
    """While another command changes params.yaml it is refused, as `model add` is; a run is not in its way."""
    monkeypatch.setattr(add_remove, "_WAIT_SECONDS", 0.0)
    with hold_lock(paths.STATE / "project.lock", doing="a change of params.yaml"):
        code, _, err = artpipe("preset", "mine")
    assert (code, "a change of params.yaml" in err) == (75, True)
    assert "steps: 20" in text()


def test_a_kill_between_the_writes_is_mended_by_the_same_command(project, artpipe):
    """The note is there and params.yaml as before: the preset goes on, and comes off."""
    before = text()
    artpipe("preset", "mine")
    Path("params.yaml").write_bytes(before.encode())
    artpipe("preset", "mine")
    assert models()["shapes-classifier"]["steps"] == 1000
    artpipe("preset", "default")
    assert text() == before


def test_pictures_grow_where_the_works_are_as_large(project):
    """`gpu` trains on 128 pixels if half of the works have them, and does not enlarge the others."""
    content = YAML(typ="safe").load(text())
    assert "datasets" not in make_budget_overlay("gpu", content, {}, Path())
    for side, expected in ((127, None), (128, {"shapes": {"preprocess": {"size": 128}}})):
        paths.works("shapes").mkdir(parents=True, exist_ok=True)
        table = TableWriter(paths.works("shapes") / "works.parquet", Work)
        for number in range(3):
            table.add((str(number), None, None, 200, side - number + 1, "", "a", 0, 1))
        table.close()
        assert make_budget_overlay("gpu", content, {}, Path()).get("datasets") == expected
    assert "datasets" not in make_budget_overlay("gpu", content, {"datasets": {"shapes": {}}}, Path())
    assert "datasets" not in make_budget_overlay("long", content, {}, Path())


def plan_museum_switch(name):
    """Lay a preset of this repository over its own params.yaml, in an empty project."""
    for folder in ("datasets", "weights", "presets"):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(ROOT / folder, folder, ignore=shutil.ignore_patterns("default.yaml"))
    IN_FORCE.unlink(missing_ok=True)
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    return plan_switch(name)


@pytest.mark.parametrize(("name", "model", "dataset"), [
    ("long", "portraits-gan", "portraits"), ("gpu", "portraits-gan", "portraits"), ("emoji3d", "emoji3d-flow", "emoji3d"),
])  # fmt: skip
def test_the_museum_s_presets_come_off_to_the_byte(studio, name, model, dataset):
    """On this repository's own params.yaml; every model of theirs is one there is."""
    switch = plan_museum_switch(name)
    assert switch.default == switch.before == (ROOT / "params.yaml").read_bytes().decode()
    assert switch.changes
    assert YAML(typ="safe").load(switch.text)["models"][model]["dataset"] == dataset


def test_the_emoji_are_enlarged_that_their_flow_paints(studio):
    """The enlarger of the preset `emoji3d` learns from the same files with the same splits, and reaches its works' size by passes."""
    params = Params.model_validate(YAML(typ="safe").load(plan_museum_switch("emoji3d").text))
    small, large = params.datasets["emoji3d"], params.datasets["emoji3d-large"]
    assert (small.path, small.source) == (large.path, large.source)
    assert {**small.preprocess, "size": 128} == large.preprocess
    entry = params.models["emoji3d-superres"]
    assert entry["pretrained"] == "data/checkpoints/emoji3d-flow"
    check_cascade(params, "emoji3d-superres", plugins.load_plugin("models", "superres").params.model_validate(entry))


@pytest.mark.parametrize("name", ["long", "gpu"])
def test_the_museum_s_presets_train_no_model_for_less(name):
    """Every model of the default is in them, with as many steps at least; whole entries have their titles."""
    default, preset = (YAML(typ="safe").load(ROOT / file) for file in ("params.yaml", f"presets/{name}.yaml"))
    for model, entry in default["models"].items():
        assert preset["models"][model]["steps"] >= entry["steps"], model
    added = preset["models"].keys() - default["models"].keys()
    assert (
        added
        == preset["gallery"]["titles"].keys()
        == {
            "emoji-classifier",
            "portraits-classifier",
            "portraits-gan",
            "studio-faststyle",
            "photos-superres",
            "photos-inpaint",
        }
    )
