"""params.yaml keeps its rights, its link and its read-only state."""

import stat
from pathlib import Path

import pytest

from artpipe.errors import UserError
from artpipe.project.params_file import require_writable_params, write_params


@pytest.fixture(autouse=True)
def params(tmp_path, monkeypatch):
    """Stand in a folder that has a params.yaml."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("old\n")


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_the_rights_stay(mode):
    """What nobody else may read stays so."""
    Path("params.yaml").chmod(mode)
    require_writable_params()
    write_params("new\n")
    assert (Path("params.yaml").read_text(), stat.S_IMODE(Path("params.yaml").stat().st_mode)) == ("new\n", mode)


def test_a_link_is_followed(tmp_path):
    """The file it leads to is written, and the link stays one."""
    (tmp_path / "shared").mkdir()
    Path("params.yaml").rename("shared/params.yaml")
    Path("params.yaml").symlink_to("shared/params.yaml")
    write_params("new\n")
    assert Path("params.yaml").is_symlink()
    assert Path("shared/params.yaml").read_text() == "new\n"


def test_a_read_only_file_is_refused():
    """For root too, whom no rights stop."""
    Path("params.yaml").chmod(0o444)
    with pytest.raises(UserError, match=r"^params.yaml: read-only.*`chmod u\+w params.yaml`$"):
        require_writable_params()
