"""The recurrent network: likelihood by hand, what may be drawn, what a seed writes, and that it goes on bit for bit."""

import math

import pytest
import torch

from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import Prompt, SequenceModel
from artpipe.contracts.special_tokens import END, PAD, SPECIAL_TOKENS, START, UNKNOWN
from artpipe.modalities.text.tokenizer import Tokenizer, split_pieces
from artpipe.models.rnn import RNN
from artpipe.nn.sequence.token_exhibits import trim_unfinished
from artpipe.nn.sequence.token_sampling import nucleus_probabilities, pick_tokens, write_sequences
from artpipe.training.restore import build_learner
from tests.conftest import assert_resumes

LETTERS = (*SPECIAL_TOKENS, "a", "b", "\n")
A, B, LINE = 4, 5, 6


def learner(vocabulary=LETTERS, **changes) -> RNN:
    """Return a small network over a few letters."""
    torch.manual_seed(0)
    spec = Spec(
        dataset="d", medium="text", length=8, classes=(), count=9, columns=("tokens",), vocabulary=tuple(vocabulary)
    )
    entry = {
        "kind": "rnn",
        "dataset": "d",
        "pretrained": "u",
        "feature_extractor": "r",
        "steps": 60,
        "width": 8,
        "embedding": 6,
    }
    found = build_learner("r", {**entry, **changes}, spec)
    assert isinstance(found, RNN)
    return found


def indifferent(**changes) -> RNN:
    """Return one that finds every token of the vocabulary equally likely."""
    found = learner(**changes)
    torch.nn.init.zeros_(found.embedding.weight)
    return found.eval()


def rows(*rows) -> dict[str, torch.Tensor]:
    """Return a batch."""
    return {"tokens": torch.tensor(rows, dtype=torch.int16)}


def test_bits_per_character_of_an_even_guess():
    """Seven tokens equally likely: each costs log 7; the end costs as well and is no character; padding costs nothing."""
    found, batch = indifferent(), rows([START, A, B, END, PAD, PAD])
    assert found.nll(batch["tokens"])[0].tolist() == pytest.approx([math.log(7)] * 3 + [0, 0])
    measured = found.validate(batch)
    assert measured["nll"] == pytest.approx(math.log(7))
    assert measured["bits_per_character"] == pytest.approx(3 * math.log2(7) / 2)


def test_a_token_counts_as_the_characters_it_is():
    """A syllable of three letters is three characters, the unknown is one."""
    found = indifferent(vocabulary=(*SPECIAL_TOKENS, "the", " a"))
    measured = found.validate(rows([START, 4, 5, UNKNOWN, END]))
    assert measured["bits_per_character"] == pytest.approx(4 * math.log2(6) / 6)


def test_the_nucleus_is_the_likeliest_until_the_share_is_reached():
    """Of 0.5, 0.25, 0.15, 0.1 a share of 0.75 keeps two, one above it three; what is kept sums to 1."""
    logits = torch.tensor([[0.15, 0.5, 0.1, 0.25]]).log()
    for share, kept in ((0.1, [0.5]), (0.74, [0.5, 0.25]), (0.76, [0.5, 0.25, 0.15]), (1.0, [0.5, 0.25, 0.15, 0.1])):
        chances, tokens = nucleus_probabilities(logits, 1.0, share)
        assert tokens[0].tolist() == [1, 3, 0, 2]
        expected = [one / sum(kept) for one in kept] + [0.0] * (4 - len(kept))
        assert chances[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_of_a_large_vocabulary_the_nucleus_is_the_same():
    """The likeliest tokens alone give what sorting all of them gives, also where the nucleus of some rows is larger than those."""
    torch.manual_seed(0)
    for spread in (4.0, 0.1, torch.tensor([[4.0], [0.1], [4.0], [0.1], [4.0]])):
        logits = spread * torch.randn(5, 1000)
        chances, tokens = nucleus_probabilities(logits, 0.8, 0.9)
        likeliest = (logits.double() / 0.8).softmax(1).sort(dim=1, descending=True, stable=True)
        inside = likeliest.values.cumsum(1) - likeliest.values < 0.9
        assert (chances > 0).sum(1).tolist() == inside.sum(1).tolist()
        for row in range(5):
            count = int(inside[row].sum())
            assert torch.equal(tokens[row, :count], likeliest.indices[row, :count])
            expected = likeliest.values[row, :count] / likeliest.values[row, :count].sum()
            assert torch.allclose(chances[row, :count], expected, rtol=1e-12)


def test_rows_that_fill_a_batch_are_not_waited_for():
    """Writing ends with the last sequence that was asked for."""
    calls = []

    def advance(tokens, state):
        calls.append(len(tokens))
        logits = torch.zeros(len(tokens), 8)
        logits[0, END] = 100.0  # the one that was asked for ends at once, the others never
        logits[1:, 7] = 100.0
        return logits, state

    assert write_sequences(advance, [[START]], [0], 50, 1.0, 1.0) == [[]]
    assert len(calls) == 1


def test_temperature_sharpens_and_flattens():
    """Temperature 0 always takes the likeliest, 1/2 squares the odds, a very high one makes all alike."""
    logits = torch.tensor([[0.8, 0.2]]).log()
    assert nucleus_probabilities(logits, 0.0, 1.0)[0].tolist() == [[1.0, 0.0]]
    assert nucleus_probabilities(logits, 0.5, 1.0)[0][0].tolist() == pytest.approx([16 / 17, 1 / 17])
    assert nucleus_probabilities(logits, 1e6, 1.0)[0][0].tolist() == pytest.approx([0.5, 0.5], abs=1e-5)


def test_a_draw_falls_where_its_share_is():
    """Each row by its own draw; the largest draw takes the last token that may come, never one beyond."""
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log().repeat(4, 1)
    draws = torch.tensor([0.0, 0.49, 0.51, 1 - 2**-24])
    assert pick_tokens(logits, 1.0, 1.0, draws).tolist() == [0, 0, 1, 2]
    assert pick_tokens(logits, 1.0, 0.6, draws).tolist() == [0, 0, 0, 1]


def test_what_a_seed_writes_depends_on_nothing_else():
    """Among others or alone, the same tokens; no marks among them; prompts in turn by seed, and they come first."""
    found = indifferent(max_tokens=40, prompts=("", "ab\n"), temperature=1.0, top_p=1.0)
    assert isinstance(found, SequenceModel)
    alone, among = found.write(Prompt(seeds=[7])), found.write(Prompt(seeds=[5, 6, 7]))
    assert alone[0] == among[2]
    assert among[0] != among[1]
    assert min(token for row in among for token in row) >= len(SPECIAL_TOKENS)
    shown = found.exhibit(Prompt(seeds=range(40)))
    assert all(one.data.startswith("ab") for one in shown[1::2])
    assert {one.seed for one in shown} == set(range(40))


def test_an_end_ends_and_a_long_text_is_cut_where_a_part_is_whole():
    """The end is left out; what was cut off goes back to its last paragraph, or line, where half of it is left."""
    found = indifferent(max_tokens=40, temperature=0.0)
    with torch.no_grad():
        found.bias[END] = 9.0
    assert found.write(Prompt(seeds=[1, 2])) == [[], []]
    assert found.exhibit(Prompt(seeds=[1]))[0].data == ""
    assert trim_unfinished("One.\nTwo.\n\nThr") == "One.\nTwo."
    assert trim_unfinished("A\n\nlong line\nand cut") == "A\n\nlong line"


@pytest.mark.parametrize("changes", [{}, {"cell": "gru"}, {"layers": 2, "width": 6}])
def test_it_learns_and_its_state_goes_round(changes):
    """It learns a rhythm; a second one with the first one's state takes the same next step, bit for bit."""
    batch = rows(*[[START, *[A, B] * 3, END, PAD]] * 4)
    first, second = (learner(dropout=0.1, learning_rate=0.03, warmup_steps=5, **changes).train() for _ in range(2))
    before = float(first.step(batch)["nll"])
    for _ in range(59):
        first.steps_done += 1
        after = float(first.step(batch)["nll"])
    assert after < before / 2
    assert_resumes(first, second, batch)


def test_text_becomes_the_longest_tokens_that_fit_within_words():
    """Longest first, from left to right, never across a word's end; what the vocabulary has not is unknown."""
    encoder = Tokenizer((*SPECIAL_TOKENS, "t", "h", "e", " t", "the", " the", " "))
    assert list(split_pieces("the then\n\n'tis")) == ["the", " then", "\n\n", "'tis"]
    assert encoder("the then") == [8, 9, UNKNOWN]
    assert Tokenizer(SPECIAL_TOKENS)("ab") == [UNKNOWN] * 2
