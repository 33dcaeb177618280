"""What a plugin says of itself is read from its file, which is not run."""

from importlib.metadata import EntryPoint

import pytest

from artpipe import plugins
from artpipe.contracts.plugin_info import MetricInfo, ModelInfo, WallText, metric_info, model_info
from artpipe.errors import UserError


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return a function that writes a kind into the working project."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="mine"):
        path = tmp_path / "plugins/models" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    yield write
    monkeypatch.chdir("/")
    plugins.list_plugins("models")


def test_a_project_s_kind_is_read_without_running_it(own):
    """The file would stop at its first line."""
    own('raise SystemExit\nMODEL_INFO = ModelInfo(title="Mine", wall_texts={"a": WallText(heading="A", own=True)})\n')
    assert model_info("mine") == ModelInfo(title="Mine", wall_texts={"a": WallText(heading="A", own=True)})


def test_a_changed_file_is_read_again(own):
    """What is kept is that of the file as it stands."""
    own('MODEL_INFO = ModelInfo(title="Mine")\n')
    assert model_info("mine").title == "Mine"
    own('MODEL_INFO = ModelInfo(title="Yours, and longer")\n')
    assert model_info("mine").title == "Yours, and longer"


def test_without_a_word_there_are_defaults(own):
    """A file without the constant, and a kind that there is not."""
    own("MODEL = None\n")
    assert model_info("mine") == model_info("no-such-kind") == model_info("../mine") == ModelInfo()


def test_a_replacement_speaks_for_itself(own):
    """A project's file in place of a built-in is what is read."""
    own('REPLACES_BUILT_IN = True\nMODEL_INFO = ModelInfo(title="Own")\n', "gan")
    assert model_info("gan").title == "Own"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\nMODEL_INFO = ModelInfo(\n", r"mine\.py:2: .*never closed"),
        ("x = 1\nMODEL_INFO = {}\n", r"mine\.py:2: `MODEL_INFO` is expected to be `ModelInfo\(name=literal, \.\.\.\)`"),
        ("MODEL_INFO = ModelInfo(\n    title=name)\n", r"mine\.py:2: `MODEL_INFO\.title` .*a literal is expected"),
        ("MODEL_INFO = ModelInfo(**more)\n", r"mine\.py:1: `MODEL_INFO\.\*\*` .*a literal is expected"),
        ("MODEL_INFO = ModelInfo(titel='x')\n", r"mine\.py:1: `MODEL_INFO\.titel` .*did you mean `title`"),
        (
            "MODEL_INFO = ModelInfo(nanoseconds_per_pixel=-1)\n",
            r"mine\.py:1: `MODEL_INFO\.nanoseconds_per_pixel` is -1",
        ),
        ("MODEL_INFO = ModelInfo(wall_texts={'a': WallText()})\n", r"mine\.py:1: `MODEL_INFO\.wall_texts\.a\.heading`"),
    ],
)
def test_what_cannot_be_read_is_one_line(own, text, says):
    """File, line, field and what is expected; other kinds are read."""
    own(text)
    with pytest.raises(UserError, match=says) as error:
        model_info("mine")
    assert "\n" not in str(error.value)
    assert model_info("gan").title


@pytest.mark.parametrize("place", ["studio_kit/measures.py", "studio_kit/measures/__init__.py", "studio_kit.py"])
def test_an_installed_plugin_is_read_too(tmp_path, monkeypatch, place):
    """By the module and the constant that its entry point names, in a package or in a module alone; it is not imported."""
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text('raise SystemExit\nROUGH_INFO = MetricInfo(acronyms=("ab",))\n')
    module = place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    point = EntryPoint("rough", f"{module}:ROUGH", "artpipe.metrics")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugins, "_installed_plugins", lambda group: {"rough": point} if group == "metrics" else {})
    assert metric_info("rough") == MetricInfo(acronyms=("ab",))
