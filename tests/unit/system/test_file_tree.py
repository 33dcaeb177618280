"""What changed while it was read is not taken for read."""

import pytest

from artpipe import ingest
from artpipe.errors import BusyError
from artpipe.system.file_tree import require_unchanged


def test_what_holds_still_is_read(tmp_path):
    """Reading changes nothing."""
    (tmp_path / "a").write_text("a")
    with require_unchanged(tmp_path):
        assert (tmp_path / "a").read_text() == "a"


@pytest.mark.parametrize("change", ["came", "grew", "gone"])
def test_what_moves_is_read_again(tmp_path, change):
    """Whatever comes, grows or goes meanwhile, the error asks for another try."""
    picture = tmp_path / "a"
    picture.write_text("a")
    changes = {"came": (tmp_path / "b").touch, "grew": lambda: picture.write_text("ab"), "gone": picture.unlink}
    with pytest.raises(BusyError, match="changed while it was read"), require_unchanged(tmp_path):
        changes[change]()


def test_a_picture_that_comes_while_ingest_reads_fails_it(studio, artpipe, monkeypatch):
    """The stage ends with 75, so DVC records nothing and the flow tries it again."""
    say = ingest._print_summary

    def late(card):
        say(card)
        (studio / "datasets/shapes/late.png").write_bytes(b"late")

    monkeypatch.setattr(ingest, "_print_summary", late)
    code, _, told = artpipe("ingest", "shapes")
    assert code == 75
    assert "datasets/shapes: changed while it was read" in told
    monkeypatch.setattr(ingest, "_print_summary", say)
    assert artpipe("ingest", "shapes")[0] == 0
