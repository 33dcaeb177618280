"""The tree keeps its own rules: plugins are found, files and functions stay short, nothing of this machine is in it."""

import ast
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from artpipe import plugins
from artpipe.code.code_yaml import find_changed_parts, installed_code, recorded_code
from artpipe.config.params import load_params

ROOT = Path(__file__).parents[2]
ROOMS = {
    "models": "MODEL",
    "sources": "SOURCE",
    "metrics": "METRIC",
    "sections": "SECTION",
    "observations": "OBSERVATION",
}
PLUGINS = [(room, name) for room in ROOMS for name in plugins.list_plugins(room)]
MOST_LINES, MOST_MODEL_LINES, MOST_FUNCTION_LINES = 300, 250, 40
MOST_FIRST_LINE_CHARACTERS = 80


def tracked(*patterns: str) -> list[Path]:
    """Return the files git knows or would add."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not in a git repository")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


SOURCES = [path for folder in ("artpipe", "flows") for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize(("room", "name"), PLUGINS, ids=[f"{room}-{name}" for room, name in PLUGINS])
def test_a_plugin_file_has_its_constant(room, name):
    """Every file in a room is a plugin, found by its name, and says in its docstring what it is."""
    plugin = plugins.load_plugin(room, name)
    assert type(plugin).__name__ == ROOMS[room].capitalize()
    path = ROOT / "artpipe" / room / f"{name}.py"
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("name", plugins.list_plugins("models"))
def test_a_kind_s_parameters_have_defaults(name):
    """Beyond what every model has to say, a kind's parameters may all be left out."""
    from artpipe.config.params import TrainParams

    fields = plugins.load_plugin("models", name).params.model_fields
    required = {key for key, field in fields.items() if field.is_required()}
    assert required == {key for key, field in TrainParams.model_fields.items() if field.is_required()}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_short(path):
    """A file has 300 lines at most (a model 250, without what it declares to others), a function 40."""
    text = path.read_text()
    tree, most = ast.parse(text), MOST_MODEL_LINES if path.parent.name == "models" else MOST_LINES
    declared = [
        node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "MODEL_INFO"
    ]
    assert len(text.splitlines()) - sum(node.end_lineno - node.lineno + 1 for node in declared) <= most
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in long.items() if lines > MOST_FUNCTION_LINES} == {}


def test_a_docstring_says_in_80_characters_what_it_does():
    """The first line of every docstring has 80 characters at most; what more there is to say stands below it."""
    long = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first, *_ = [*(ast.get_docstring(node) or "").splitlines(), ""]
                long += [f"{path.relative_to(ROOT)}: {first}"] if len(first) > MOST_FIRST_LINE_CHARACTERS else []
    assert long == []


def test_no_two_modules_or_classes_share_a_name():
    """A name leads to one file; only `Params` is what each kind of model calls its own parameters."""
    modules = [
        path
        for path in SOURCES
        if path.stem != "__init__" and "starters" not in path.parts and path.parts[-2] != "flows"
    ]
    names = Counter(path.stem for path in modules)
    for path in modules:
        names.update(node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == ["Params"]


def test_nothing_of_this_machine_is_in_the_tree():
    """No absolute path of a person's machine, no address of a package registry, no pickle, no extractall."""
    home = re.compile(r"/(home|Users|root)/[a-z]|/work/[a-z]|/opt/[a-z]")
    registry = re.compile("|".join(["py" + r"pi\.org", "python" + r"hosted\.org", "npm" + r"js\.(org|com)"]))
    for path in tracked():
        if path.suffix in {".png", ".webp", ".woff2", ".ico", ".safetensors"}:
            continue
        text = path.read_text(errors="replace")
        assert not registry.search(text), path
        assert not home.search(text), path
    for path in SOURCES:
        if path.name != "pickle_arrays.py":  # the one exception, which its own docstring and tests justify
            assert not re.search(r"\.extractall\(|\bimport pickle\b|pickle\.loads?\(", path.read_text()), path


def test_dvc_lock_is_not_tracked():
    """There is no remote to pull from, so a lock would promise what nobody can deliver."""
    done = subprocess.run(["git", "-C", str(ROOT), "ls-files", "dvc.lock"], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_every_test_states_one_fact():
    """Each test's docstring is a sentence."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                fact = ast.get_docstring(node)
                assert fact, f"{path.name}: {node.name}"
                assert fact.rstrip().endswith((".", "?")), f"{path.name}: {node.name}"


def test_code_yaml_is_up_to_date():
    """The fingerprints of this repository are those of its code; `artpipe upgrade` writes them."""
    params = load_params(ROOT / "params.yaml")
    assert list(find_changed_parts(recorded_code(ROOT), installed_code(params, ROOT))) == []
