"""Errors have one line and one exit code each."""

import pytest

from artpipe import errors


@pytest.mark.parametrize(
    ("kind", "code"),
    [(errors.UserError, 2), (errors.BusyError, 75), (errors.StoppedError, 75), (errors.CorruptError, 1)],
)
def test_exit_codes(kind, code):
    """A user's mistake is 2, what works later is 75, the rest 1."""
    assert kind.exit_code == code
    assert issubclass(kind, errors.ArtpipeError)


@pytest.mark.parametrize(("name", "hint"), [("gama", ", did you mean `gamma`?"), ("xyz", ""), ("", "")])
def test_the_nearest_name(name, hint):
    """A near name is suggested, a far one is not."""
    assert errors.did_you_mean(name, ["beta", "gamma"]) == hint
