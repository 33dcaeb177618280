"""Whether a Prefect server is named, without asking Prefect."""

import pytest

from artpipe.orchestration.services.addresses import is_prefect_named

PROFILES = """
active = "{active}"
[profiles.here]
PREFECT_SERVER_ALLOW_EPHEMERAL_MODE = "true"
[profiles.team]
PREFECT_API_URL = "http://127.0.0.1:4200/api"
"""


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()


@pytest.mark.parametrize(("active", "named"), [("here", False), ("team", True), ("gone", False)])
def test_the_active_profile_may_name_one(tmp_path, active, named):
    """What another profile says is nothing."""
    assert not is_prefect_named()
    (tmp_path / "home/profiles.toml").write_text(PROFILES.format(active=active))
    assert is_prefect_named() is named


def test_the_environment_goes_first(tmp_path, monkeypatch):
    """A server in it, or another profile; a torn file of profiles names none; other settings in the folder may."""
    (tmp_path / "home/profiles.toml").write_text(PROFILES.format(active="here"))
    monkeypatch.setenv("PREFECT_PROFILE", "team")
    assert is_prefect_named()
    (tmp_path / "home/profiles.toml").write_text("[")
    assert not is_prefect_named()
    (tmp_path / "prefect.toml").touch()
    assert is_prefect_named()
    (tmp_path / "prefect.toml").unlink()
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    assert is_prefect_named()
