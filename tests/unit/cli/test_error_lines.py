"""A mistake is one line on stderr and exit code 2, whatever a typed name holds."""

import contextlib
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artpipe.__main__ import main
from artpipe.cli import app as app_module
from artpipe.errors import ArtpipeError

CONTROLS = "\n\r\t\x0b\x0c\x1b\x07\x7f\x85\x9b\u2028\u202e\udc9b"
NAMES = st.text(alphabet=CONTROLS + "ab .", min_size=1, max_size=12).filter(lambda name: set(name) & set(CONTROLS))
COMMANDS = [
    ("dataset", "inspect", "{}"), ("dataset", "add", "{}", "--name", "mine"),
    ("dataset", "add", "datasets/shapes", "--name", "{}"), ("dataset", "remove", "{}", "--yes"),
    ("dataset", "restore", "{}"), ("model", "add", "{}", "--kind", "gan", "--dataset", "shapes"),
    ("model", "add", "mine", "--kind", "{}", "--dataset", "shapes"), ("model", "remove", "{}"), ("critique", "{}"),
    ("credentials", "{}"), ("lineage", "{}"), ("card", "{}"), ("preset", "{}"), ("sample", "{}"),
    ("promote", "{}"), ("compare", "{}", "{}"), ("export", "{}", "--to", "onnx", "out"), ("{}",),
]  # fmt: skip


def run(*arguments: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it wrote to stderr."""
    with (
        contextlib.redirect_stderr(io.StringIO()) as errors,
        contextlib.redirect_stdout(io.StringIO()),
        pytest.raises(SystemExit) as end,
    ):
        main(arguments)
    return int(end.value.code or 0), errors.getvalue()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES)
def test_a_name_with_control_characters_makes_one_line(command, name, studio):
    """It is spelled out: nothing breaks the line, or reaches the terminal that it would obey."""
    code, errors = run(*(part.format(name) for part in command))
    assert (code, errors.count("\n")) == (2, 1), errors
    assert errors.endswith("\n")
    assert not set(errors[:-1]) & set(CONTROLS)


def test_details_stand_below_the_line(monkeypatch):
    """What a log said last keeps its lines, each with what a terminal would obey spelled out."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise ArtpipeError("the server did not come up; x.log ends with:", details=["first", "sec\x1bond"])

    monkeypatch.setattr(app_module, "app", fail)
    code, errors = run("doctor")
    assert (code, errors) == (1, "artpipe: the server did not come up; x.log ends with:\n  first\n  sec\\x1bond\n")
