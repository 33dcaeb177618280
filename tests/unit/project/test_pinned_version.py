"""The artpipe that pyproject.toml asks for, beside the one that is installed."""

import pytest

from artpipe.project.pinned_version import explain_other_version, pin_installed_version

PROJECT = '[project]\nname = "x"\nversion = "0"\ndependencies = ["numpy", "{}"]  # mine\n'


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """Let 1.4.2 be installed."""
    monkeypatch.setattr("artpipe.project.pinned_version.__version__", "1.4.2")


@pytest.mark.parametrize(
    "requirement", ["artpipe==1.4.*", "artpipe>=1", "Artpipe", "artpipe-extra==9", "artpipe ~= 1.2", "?"]
)
def test_nothing_is_said_where_it_fits(tmp_path, requirement):
    """Whatever form the requirement has."""
    (tmp_path / "pyproject.toml").write_text(PROJECT.format(requirement))
    assert explain_other_version(tmp_path) == pin_installed_version(tmp_path) == ""


@pytest.mark.parametrize(
    "text", [None, "", "[broken", "[project]\ndependencies = 3\n", "project = 1\n", "[project]\ndependencies=[1]\n"]
)
def test_a_file_of_another_kind_is_no_matter(tmp_path, text):
    """It is the business of the tools that read it."""
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    assert explain_other_version(tmp_path) == pin_installed_version(tmp_path) == ""


def test_an_older_pin_is_named_and_renewed(tmp_path):
    """`check` says it, `upgrade --plan` too, `upgrade` writes it and leaves the rest of the file as it is."""
    file = tmp_path / "pyproject.toml"
    file.write_text(PROJECT.format("artpipe==1.3.*"))
    assert explain_other_version(tmp_path).startswith("pyproject.toml asks for `artpipe==1.3.*`, installed is 1.4.2: ")
    expected = "pyproject.toml: artpipe==1.3.* -> artpipe==1.4.*"
    assert pin_installed_version(tmp_path, only_plan=True) == expected
    assert file.read_text() == PROJECT.format("artpipe==1.3.*")
    assert pin_installed_version(tmp_path) == expected
    assert file.read_text() == PROJECT.format("artpipe==1.4.*")
    assert explain_other_version(tmp_path) == ""


def test_a_requirement_of_another_form_is_left(tmp_path):
    """A person's own range is theirs."""
    file = tmp_path / "pyproject.toml"
    file.write_text(PROJECT.format("artpipe>=1.2,<1.4"))
    assert (
        pin_installed_version(tmp_path)
        == "pyproject.toml: `artpipe>=1.2,<1.4` excludes the installed 1.4.2; change it by hand"
    )
    assert file.read_text() == PROJECT.format("artpipe>=1.2,<1.4")
