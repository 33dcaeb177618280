"""Commands print JSON by one mechanism: `show_result` of artpipe/cli/command_result.py."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "artpipe"
MECHANISM = PACKAGE / "cli/command_result.py"
# It answers its parent process, which measures training steps; nobody types it.
NO_COMMANDS = {PACKAGE / "project/step_measurement.py"}
FILES = sorted(set(PACKAGE.rglob("*.py")) - {MECHANISM} - NO_COMMANDS)


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call with what is called, such as `json.dumps`."""
    yield from ((ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def options_of(function: ast.FunctionDef) -> set[str]:
    """Return the parameters of a function."""
    return {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}


def functions(file: Path) -> list[ast.FunctionDef]:
    """Return the functions of a file, methods too."""
    return [node for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, ast.FunctionDef)]


def test_no_other_code_prints_json():
    """What is written to stdout is made by no `json.dumps`, in the same function or in the call itself."""
    writers = {"print", "typer.echo", "sys.stdout.write", "console.print", "json.dump"}
    found = []
    for file in FILES:
        for function in functions(file):
            names = {name for name, _ in calls(function)}
            if {"json.dumps", "model_dump_json"} & names and writers & names:
                found.append(f"{file.relative_to(PACKAGE)}: {function.name}")
    assert found == []


def test_only_commands_know_the_option():
    """Below the command line nothing decides between text and JSON."""
    below = [file for file in FILES if file.parent != MECHANISM.parent]
    assert [
        f"{file.name}: {each.name}" for file in below for each in functions(file) if "as_json" in options_of(each)
    ] == []


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.parent == MECHANISM.parent], ids=lambda file: file.stem
)
def test_commands_hand_the_option_over(file):
    """Each command with `--json` shows its result by `show_result(..., as_json=as_json)`, and writes no JSON itself."""
    assert "json" not in {name.partition(".")[0] for name, _ in calls(ast.parse(file.read_bytes()))}
    for function in functions(file):
        if "as_json" in options_of(function):
            shown = [call for name, call in calls(function) if name == "show_result"]
            assert shown, function.name
            assert all("as_json=as_json" in map(ast.unparse, call.keywords) for call in shown), function.name
