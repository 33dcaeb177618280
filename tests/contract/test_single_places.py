"""What has one place has no second one: DVC's graph, the command `dvc`, signals and the end of processes, one error's name."""

import ast
import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("single places")  # they parse all modules once
PATHS = {
    path.relative_to(ROOT).as_posix(): path
    for folder in ("artpipe", "flows")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
PROCESSES, DVC_COMMAND, DVC_GRAPH = (
    "artpipe/system/processes.py",
    "artpipe/storage/dvc_command.py",
    "artpipe/orchestration/scheduling/dvc_graph.py",
)


@functools.cache
def parse_sources() -> dict[str, ast.Module]:
    """Return the syntax tree of every module, by its path."""
    return {name: ast.parse(path.read_text()) for name, path in PATHS.items()}


def named(path: str) -> str:
    """Return a module's path, made sure that it is there: a place that moved is named here anew."""
    assert path in PATHS
    return path


def dotted(node: ast.expr) -> str:
    """Return `os.kill` for the expression of that name."""
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else getattr(node, "id", "?")


def ends_processes(tree: ast.AST) -> Iterator[str]:
    """Yield what of a module sends signals, handles them or ends a process."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            name = dotted(node)
            if name in {"os.kill", "os.killpg", "signal.signal", "signal.pthread_kill"} or node.attr == "prctl":
                yield name
            if node.attr in {"terminate", "send_signal"}:
                yield name
        if isinstance(node, ast.Call) and dotted(node.func).endswith(".kill") and not node.args:
            yield f"{dotted(node.func)}()"
        if isinstance(node, ast.ImportFrom) and node.module in {"os", "signal"}:
            yield from (alias.name for alias in node.names if alias.name in {"kill", "killpg", "signal"})


def runs_dvc(tree: ast.AST) -> Iterator[int]:
    """Yield the lines in which a module spells a command line of `dvc`, as a list of words or as a path to it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple) and node.elts:
            first = node.elts[0]
            words = [leaf.value for leaf in ast.walk(first) if isinstance(leaf, ast.Constant)]
            if words == ["dvc"] and not isinstance(first, ast.Tuple | ast.List):
                yield node.lineno
        if isinstance(node, ast.BinOp) and "sys.executable" in ast.unparse(node) and "'dvc'" in ast.unparse(node):
            yield node.lineno


def imports_dvc(tree: ast.AST) -> Iterator[int]:
    """Yield the lines in which a module imports DVC."""
    for node in ast.walk(tree):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else names
        if any(name.partition(".")[0] == "dvc" for name in names):
            yield node.lineno


@pytest.mark.parametrize(
    ("place", "found_in"), [(PROCESSES, ends_processes), (DVC_COMMAND, runs_dvc), (DVC_GRAPH, imports_dvc)]
)
def test_one_module_does_it(place, found_in):
    """One module ends processes and handles signals, one runs `dvc`, one imports it: no other."""
    assert list(found_in(parse_sources()[named(place)]))
    assert {
        path: found for path, tree in parse_sources().items() if path != place and (found := list(found_in(tree)))
    } == {}


@pytest.mark.parametrize(
    ("text", "found_in"),
    [
        ("import os\nos.killpg(1, 9)", ends_processes),
        ("import signal\nsignal.signal(15, print)", ends_processes),
        ("from signal import signal", ends_processes),
        ("child.terminate()", ends_processes),
        ("process.send_signal(2)", ends_processes),
        ("ctypes.CDLL(None).prctl(1, 9)", ends_processes),
        ("run(['dvc', 'status'])", runs_dvc),
        ("run([*('dvc',), 'status'])", runs_dvc),
        ("run([str(bin / 'dvc'), 'repro'])", runs_dvc),
        ("dvc = Path(sys.executable).parent / 'dvc'", runs_dvc),
        ("def f():\n    from dvc.repo import Repo", imports_dvc),
        ("import dvc.api as api", imports_dvc),
    ],
)
def test_a_second_place_is_seen(text, found_in):
    """Each way to do it elsewhere is found."""
    assert list(found_in(ast.parse(text)))


def test_an_error_has_one_class():
    """No two classes that are raised share a name."""
    errors = Counter(
        node.name
        for tree in parse_sources().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error") and not node.name.startswith("_")
    )
    assert {name for name, count in errors.items() if count > 1} == set()
