"""Which written works hang: whole ones, by hand-made rows."""

from types import SimpleNamespace

import pytest

from artpipe.contracts.model import Prompt
from artpipe.evaluation import whole_works
from artpipe.evaluation.whole_works import choose_whole, count_whole, find_whole
from artpipe.modalities.music.key_detection import ends_on_tonic
from artpipe.modalities.music.tokens import Step, encode_steps

SCALE = [Step(0, [pitch]) for pitch in (60, 62, 64, 65, 67, 65, 64, 62)]
MINOR = Step(0, [65, 62, 50])  # D minor
CADENCE = [Step(0, [67, 62, 55]), Step(0, [64, 60, 48])]


class Written:
    """What the choice looks at: rows written, and the lengths of real works."""

    def __init__(self, sequences):
        self.sequences, self.test = sequences, {}

    def compute_once(self, key, make):
        return make()


@pytest.fixture
def music(monkeypatch):
    """Music, whose real works are ten steps long, all but the shortest of forty."""
    real = [encode_steps((SCALE + CADENCE)[:length]) for length in [2, *[10] * 39]]
    monkeypatch.setattr(whole_works, "writes_music", lambda evidence: True)
    monkeypatch.setattr(whole_works, "join_pieces", lambda columns: SimpleNamespace(tolist=lambda: real))


def test_a_piece_ends_on_its_tonic_by_hand():
    """C in the bass of C major, not that of D minor; silence ends on nothing; the name of the key is what counts."""
    assert ends_on_tonic(SCALE + CADENCE)
    assert not ends_on_tonic([*SCALE, *CADENCE, MINOR])
    assert not ends_on_tonic([])
    assert not ends_on_tonic([*SCALE, Step(0, [0, 0])])


def test_scraps_and_pieces_that_do_not_end_are_not_whole(music):
    """A scrap, and a piece that stops on another chord, do not hang; silence at the end is no end."""
    whole, scrap = SCALE + CADENCE, CADENCE
    broken, silent = [*SCALE, *CADENCE, MINOR], [*SCALE, *CADENCE, Step(0, [0, 0])]
    written = Written([encode_steps(steps) for steps in (scrap, whole, broken, silent)])
    assert find_whole(written) == [1, 3]
    assert list(choose_whole(written, Prompt(range(100, 104))).seeds) == [101, 103]
    assert count_whole(written).model_dump() == {"whole": 2, "written": 4}


def test_where_nothing_is_whole_the_first_ones_hang(music):
    """A failure is seen, and nothing is said of whole works."""
    written = Written([encode_steps(CADENCE)] * 3)
    prompt = Prompt(range(5, 8))
    assert choose_whole(written, prompt) is prompt
    assert count_whole(written) is None
