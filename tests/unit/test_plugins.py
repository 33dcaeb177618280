"""A file in a room is a plugin by its name alone."""

import importlib
import sys
from importlib.metadata import EntryPoint

import pytest

from artpipe import plugins
from artpipe.code import stage_fingerprints
from artpipe.errors import UserError


def test_private_helpers_are_no_plugins(monkeypatch, tmp_path):
    """A file that starts with `_` is not listed; others are, sorted."""
    for name in ("zeta.py", "alpha.py", "_help.py", "notes.txt"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(plugins, "folders", lambda group: [tmp_path])
    assert plugins.list_plugins("metrics") == ["alpha", "zeta"]


def test_an_unknown_name_is_told_what_there_is():
    """The line lists the room and suggests."""
    with pytest.raises(UserError, match=r"`gna` is not one of artpipe's models \(.*gan.*\), did you mean `gan`\?"):
        plugins.load_plugin("models", "gna")


def test_a_path_is_no_name():
    """A name cannot reach out of its room."""
    for name in ("../errors", "artpipe.errors", "__init__", "", "_words"):
        with pytest.raises(UserError):
            plugins.load_plugin("sections", name)


METRIC = "from artpipe.contracts.metric import Metric, has_samples\nMETRIC = Metric(applies=has_samples, measure=lambda evidence: 1)\n"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return a function that writes a plugin into the working project."""
    monkeypatch.chdir(tmp_path)

    def write(group, name, text):
        path = tmp_path / "plugins" / group / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    yield write
    monkeypatch.chdir("/")
    plugins.list_plugins("metrics")


def test_a_project_s_file_is_a_plugin(own):
    """`plugins/metrics/mine.py` is found beside artpipe's own, and gone with the project."""
    own("metrics", "mine", METRIC)
    assert {"mine", "kid"} <= set(plugins.list_plugins("metrics"))
    assert plugins.load_plugin("metrics", "mine").measure(None) == 1
    assert plugins.load_plugin("metrics", "kid")


def test_each_project_has_its_own_plugins(own, tmp_path, monkeypatch):
    """A file of the same name in another project is another plugin."""
    own("metrics", "mine", METRIC)
    assert plugins.load_plugin("metrics", "mine").measure(None) == 1
    other = tmp_path / "other/plugins/metrics/mine.py"
    other.parent.mkdir(parents=True)
    other.write_text(METRIC.replace(": 1", ": 2"))
    monkeypatch.chdir(tmp_path / "other")
    assert plugins.load_plugin("metrics", "mine").measure(None) == 2
    monkeypatch.chdir(tmp_path / "other/plugins")
    assert "mine" not in plugins.list_plugins("metrics")


def test_a_built_in_s_name_is_replaced_only_on_purpose(own):
    """A file named like one of artpipe's is refused unless it says that it replaces it."""
    own("metrics", "kid", METRIC)
    with pytest.raises(UserError, match=r"plugins/metrics/kid.py: artpipe has metrics of that name; .*REPLACES"):
        plugins.load_plugin("metrics", "kid")
    assert plugins.load_plugin("metrics", "fid")


def test_a_replacement_takes_the_built_in_s_place(own):
    """With REPLACES_BUILT_IN the project's file is what is found."""
    own("metrics", "kid", "REPLACES_BUILT_IN = True\n" + METRIC)
    assert plugins.load_plugin("metrics", "kid").measure(None) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\ny = x +\n", r"plugins/metrics/mine.py:2: invalid syntax"),
        ("x = 1\n\nnothing()\n", r"plugins/metrics/mine.py:3: NameError: name 'nothing' is not defined"),
        ("import no_such_package\n", r"plugins/metrics/mine.py:1: ModuleNotFoundError"),
        ("x = 1\n", r"plugins/metrics/mine.py: `METRIC` is wanted, a Metric; no such name in it"),
        ("import sys\nsys.exit(0)\n", r"plugins/metrics/mine.py:2: SystemExit: 0"),
        ("METRIC = {}\n", r"plugins/metrics/mine.py: `METRIC` is wanted, a Metric; it is a dict"),
    ],
)
def test_a_broken_plugin_is_one_line_for_who_uses_it(own, text, says):
    """File, line and what is wrong; the other plugins work."""
    own("metrics", "mine", text)
    with pytest.raises(UserError, match=says):
        plugins.load_plugin("metrics", "mine")
    assert plugins.load_plugin("metrics", "kid")


def test_a_package_is_a_plugin_and_may_be_broken(own, tmp_path):
    """A folder with `__init__.py` is read as a file is; an error in it is one line."""
    own("metrics", "pack/__init__", METRIC)
    assert plugins.load_plugin("metrics", "pack").measure(None) == 1
    (tmp_path / "plugins/metrics/pack/__init__.py").write_text("import no_such_package\n")
    plugins._unload_modules("metrics", {"pack"})
    with pytest.raises(UserError, match=r"plugins/metrics/pack/__init__.py:1: ModuleNotFoundError"):
        plugins.load_plugin("metrics", "pack")


def test_files_that_an_editor_leaves_are_no_plugins(own, tmp_path):
    """A lock that is a link to nothing and a hidden file are not listed."""
    own("metrics", "mine", METRIC)
    (tmp_path / "plugins/metrics/.#mine.py").symlink_to("someone@somewhere")
    assert not [name for name in plugins.list_plugins("metrics") if "#" in name]
    assert all(path.is_file() for path in plugins.foreign_files())


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that makes a module importable and announces a metric in it as entry point."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def announce(name, text):
        (tmp_path / "site").mkdir(exist_ok=True)
        (tmp_path / "site/own_metric_module.py").write_text(text)
        monkeypatch.delitem(sys.modules, "own_metric_module", raising=False)
        importlib.invalidate_caches()
        point = EntryPoint(name, "own_metric_module:METRIC", "artpipe.metrics")
        monkeypatch.setattr(plugins, "_installed_plugins", lambda group: {name: point} if group == "metrics" else {})

    return announce


@pytest.mark.nightly
def test_an_installed_module_is_a_plugin_whose_edit_is_seen(installed, own):
    """A module without a package counts too; the project's file of the same name comes first, also in its code."""
    installed("mine", METRIC)
    assert plugins.load_plugin("metrics", "mine").measure(None) == 1
    before = stage_fingerprints._compute_fingerprints("1")["metrics.mine"]
    installed("mine", METRIC.replace(": 1", ": 2"))
    assert stage_fingerprints._compute_fingerprints("2")["metrics.mine"] != before
    own("metrics", "mine", METRIC.replace(": 1", ": 3"))
    assert plugins.load_plugin("metrics", "mine").measure(None) == 3
    assert plugins.locate_plugin("metrics", "mine") == ("artpipe.metrics.mine", "METRIC")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("kid", METRIC, r"entry point `kid = own_metric_module:METRIC`.*artpipe has metrics of that name"),
        ("mine", "import no_such_package\n", r"own_metric_module.py:1: ModuleNotFoundError"),
        ("mine", "x = 1\n", r"entry point `mine = .*`METRIC` is wanted"),
    ],
)
def test_a_broken_installed_plugin_is_one_line(installed, name, text, says):
    """It cannot take a built-in's place in silence, and what it raises is told with its place."""
    installed(name, text)
    with pytest.raises(UserError, match=says):
        plugins.load_plugin("metrics", name)
