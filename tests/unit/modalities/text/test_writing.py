"""What is measured of writers: counts by hand, bits per character against them, copies, form, nearest works."""

import math
from itertools import product

import pytest
import torch

from artpipe.artifacts.checkpoint import CheckpointCard
from artpipe.artifacts.shards import Spec
from artpipe.config.params import EvaluationParams
from artpipe.contracts.metric import Evidence
from artpipe.contracts.special_tokens import END, PAD, SPECIAL_TOKENS, START, UNKNOWN
from artpipe.evaluation.text_neighbours import NgramIndex, find_nearest_texts, read_excerpts
from artpipe.metrics import copying, form, likelihood
from artpipe.metrics.copying import share_copied
from artpipe.metrics.form import count_line_lengths
from artpipe.modalities.text.bpe import learn_merges
from artpipe.modalities.text.detokenize import join_rows, to_code_points
from artpipe.nn.sequence.token_exhibits import decode_text
from artpipe.numerics.ngrams import KneserNeyModel, ngram_keys
from artpipe.plugins import load_plugin
from artpipe.preprocessing.token_rows import cut_rows
from artpipe.training.restore import build_learner

LENGTH = 8
POEMS = ["ab ab\nba ba", "ab ba\nab ab", "ba ab\nba ab", "ab ab\nab ba"]
VOCABULARY = (*SPECIAL_TOKENS, "\n", " ", "a", "b", "ab")


def tokens(text):
    """Return a text as tokens of one character each, whole."""
    return [START, *(VOCABULARY.index(letter) for letter in text), END]


def columns(texts):
    """Return rows of a split."""
    rows, places, digests = [], [], []
    for number, text in enumerate(texts):
        cut = cut_rows(tokens(text), LENGTH)
        rows += cut
        places += [(place, 0, len(cut), 1) for place in range(len(cut))]
        digests += [[number] * 32] * len(cut)
    return {
        "tokens": torch.tensor(rows, dtype=torch.int16),
        "places": torch.tensor(places),
        "digests": torch.tensor(digests, dtype=torch.uint8),
    }


@pytest.fixture
def evidence():
    """Return evidence about a writer that finds all nine tokens equally likely."""
    spec = Spec(
        dataset="d", medium="text", length=LENGTH, classes=(), count=8, columns=("tokens",), vocabulary=VOCABULARY
    )
    entry = {"kind": "rnn", "dataset": "d", "pretrained": "u", "feature_extractor": "r", "width": 8, "embedding": 8}
    learner = build_learner("r", entry, spec).eval()
    torch.nn.init.zeros_(learner.embedding.weight)
    card = CheckpointCard.model_construct(spec=spec, params=entry, kind="rnn")
    found = Evidence(learner, card, EvaluationParams(metrics=()), 1, columns(POEMS * 3), {}, columns(POEMS[:3]))
    found.sequences = [tokens(text)[1:-1] for text in ("ab ab\nba ba", "ab", "bb bb\nbb bb", "a")]
    return found


def test_works_come_back_whole_from_their_rows():
    """Rows of a work are joined without the token that each begins with; their characters are the text and an end."""
    found = join_rows(columns(POEMS))
    assert [one for _, one in found] == [tokens(poem) for poem in POEMS]
    assert [digest for digest, _ in found] == [bytes([number] * 32).hex() for number in range(4)]
    text = to_code_points([START, UNKNOWN, 8, END, PAD], VOCABULARY)
    assert text.tolist() == [0xFFFD, ord("a"), ord("b"), 3]


def test_the_unknown_has_its_place_in_a_text():
    """A letter that the vocabulary has not is a hollow square, so that a line keeps its length."""
    assert decode_text([START, 6, UNKNOWN, 7, END, PAD], VOCABULARY) == "a\u25a1b"


def test_unigrams_are_discounted_counts():
    """a a a b: discount 0.5 without pieces met twice; a 2.5 of 4, b 0.5, and both share the 1.0 left over evenly."""
    model = KneserNeyModel([torch.tensor([1, 1, 1, 2])], 1, 2)
    assert (-model.nats(torch.tensor([1, 2]))).exp().tolist() == pytest.approx([0.75, 0.25])


def test_bigrams_fall_back_on_what_follows_many():
    """After x came y twice and z once: discount 1/3, and what is taken away goes to how many contexts each one has."""
    works = [torch.tensor([1, 2]), torch.tensor([1, 2]), torch.tensor([1, 3])]
    model = KneserNeyModel(works, 2, 3)
    # Pieces: .1 three times, 12 twice, 13 once: D = 1 / (1 + 2). Contexts by token: one each, so D = 0.5 below.
    lower = (1 - 0.5) / 3 + 0.5 * 3 / 3 / 3
    expected = (2 - 1 / 3) / 3 + (1 / 3) * 2 / 3 * lower
    assert math.exp(-float(model.nats(torch.tensor([1, 2]))[1])) == pytest.approx(expected)


@pytest.mark.parametrize("order", [1, 3, 5])
def test_chances_of_all_tokens_sum_to_one(order):
    """After any context, met or not, and whatever the order."""
    generator = torch.Generator().manual_seed(order)
    model = KneserNeyModel([torch.randint(0, 4, (60,), generator=generator) for _ in range(3)], order, 4)
    for context in product(range(4), repeat=2):
        chances = [math.exp(-float(model.nats(torch.tensor([*context, token]))[-1])) for token in range(4)]
        assert sum(chances) == pytest.approx(1)


def test_bits_per_character_stand_beside_those_of_counting(evidence):
    """Nine even tokens cost log2 9 bits each; three poems of 11 letters have 12 tokens; counting knows more."""
    measured = likelihood.measure(evidence)
    ours, counted = measured.scores
    assert ours.value == pytest.approx(math.log2(9) * 12 / 11)
    assert (ours.n, ours.high - ours.low) == (3, pytest.approx(0, abs=1e-6))
    assert 0 < counted.value < 1.5
    assert [finding.grade for finding in measured.findings] == ["weak"]
    assert measured.findings[0].bound == counted.value


def test_who_knows_more_than_counts_is_praised(evidence):
    """A writer that is certain of every token costs next to nothing."""
    evidence.learner.nll = lambda rows: torch.where(rows[:, 1:] == PAD, 0.0, 0.01)
    measured = likelihood.measure(evidence)
    assert measured.findings[0].grade == "good"
    assert measured.findings[0].value == pytest.approx(0.01 * 12 / 11 / math.log(2))


def test_copies_are_letters_in_a_row_that_stand_in_a_work():
    """Of 20 letters in a row, taken from a work of 18 and two more, three pieces of 16 stand in it and two do not."""
    work = torch.arange(18)
    written = torch.cat([work, torch.tensor([90, 91])])
    known = torch.unique(ngram_keys(work, 16))
    assert share_copied([written, torch.arange(5)], known).tolist() == pytest.approx([3 / 5])


def test_a_copier_has_memorised(evidence):
    """Long copies of one training work, where new works share nothing with it."""
    long = "a b aa bb aaa bbb ab abb aab ba"
    evidence.train, evidence.test = columns([long, *POEMS]), columns(["b" * 31])
    evidence.sequences = [tokens(long)[1:-1]] * 3
    measured = copying.measure(evidence)
    assert measured.scores[0].value == 1
    assert [finding.fault for finding in measured.findings] == ["memorised"]


def test_the_form_is_that_of_most_works(evidence):
    """All poems are two and two letters on each line; one of four written ones keeps that with other letters."""
    assert count_line_lengths("床前看月光，疑是地上霜。\n舉頭望山月，低頭思故鄉。") == (5, 5, 5, 5)
    measured = form.measure(evidence)
    assert measured.scores[0].value == 0.5
    assert [finding.grade for finding in measured.findings] == ["cannot tell"]
    evidence.sequences = evidence.sequences[1::2] * 10
    assert [finding.grade for finding in form.measure(evidence).findings] == ["weak"]
    evidence.train = columns(["a" * count for count in range(1, 9)])
    assert not form.measure(evidence).scores


def test_metrics_of_writers_leave_painters_alone(evidence):
    """They apply to texts alone."""
    for name in ("likelihood", "copying", "form"):
        assert load_plugin("metrics", name).applies(evidence)
    evidence.card = CheckpointCard.model_construct(spec=evidence.card.spec.model_copy(update={"medium": "picture"}))
    for name in ("likelihood", "copying", "form"):
        assert not load_plugin("metrics", name).applies(evidence)


def test_the_nearest_work_shares_the_rare_pieces():
    """A piece that all works have says little; one that a single work has points at it."""
    common, rare = list(range(8)), list(range(50, 60))
    works = [torch.tensor(common + [70 + i] * 8) for i in range(4)] + [torch.tensor(common + rare)]
    ((number, distance),) = NgramIndex(works).find_nearest(torch.tensor(common + [99] * 6 + rare[:7]), 2)
    assert number == 4
    assert 0 < distance < 1
    assert NgramIndex(works).find_nearest(torch.tensor(common + rare), 1) == [(4, pytest.approx(0))]
    assert NgramIndex(works).find_nearest(torch.tensor([1]), 3) == []


def test_nearest_texts_are_named_and_shown_by_their_first_lines():
    """By digest, with the distance; an excerpt is the beginning of the work."""
    train = columns(POEMS)
    ((first, *_),) = find_nearest_texts([tokens("ba ab\nba")[1:-1]], train, VOCABULARY, 4)
    assert first.digest == bytes([2] * 32).hex()
    assert list(read_excerpts(train, VOCABULARY, {first.digest})) == [(POEMS[2], first.digest)]


def test_syllables_are_what_stands_together_most():
    """Merges by hand: l o met 7 times, then lo w 7 times, then e r 6 times; nothing met once is a token."""
    words = {"low": 5, "lower": 2, "newer": 4, "wider": 0}
    assert learn_merges(words, 3) == ["lo", "low", "er"]
    assert learn_merges({"abc": 1, "xy": 1}, 5) == []
    assert "low" not in learn_merges(words, 1)
