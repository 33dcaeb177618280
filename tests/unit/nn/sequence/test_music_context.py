"""The musical context of the kind rnn: its features, what may follow, other keys; keys and harmony by hand."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import Prompt
from artpipe.contracts.special_tokens import END, PAD, START
from artpipe.language.sentences import make_sentence
from artpipe.metrics.harmony import list_passages
from artpipe.metrics.nll_per_step import VoiceMarkovChain
from artpipe.modalities.music.key_detection import Key, detect_key, share_dissonant, share_in_key
from artpipe.modalities.music.rendering import count_steps, cut_at_last_phrase, join_rows
from artpipe.modalities.music.tokens import BAR, FERMATA, HELD, VOCABULARY, Step, decode_steps, encode_steps
from artpipe.models.rnn import RNN, Params
from artpipe.nn.layers.dropout import apply_dropout
from artpipe.nn.sequence.music_context import MusicContext, transpose
from artpipe.nn.sequence.music_state import MusicState, RecalledPhrase
from artpipe.preprocessing.token_rows import cut_rows
from artpipe.training.exhibit_files import encode_sheet

SPEC = Spec(dataset="d", medium="music", height=2, grid=2, length=16, classes=(), count=4, vocabulary=VOCABULARY)
PIECE = [Step(0, [67, 60]), Step(0, [67 + HELD, 59]), Step(BAR, [65, 0]), Step(FERMATA, [64, 60])]
SCALE = [60, 62, 64, 65, 67, 69, 71, 72]


def small(**changes):
    """Return a small network for music of two voices."""
    torch.manual_seed(0)
    given = {"width": 16, "embedding": 16, "transpose": 3, "max_tokens": 60, "temperature": 1.0, "top_p": 1.0}
    common = {"kind": "rnn", "dataset": "d", "pretrained": "", "feature_extractor": ""}
    return RNN(Params(**common, **{**given, **changes}), SPEC)


def test_what_a_state_knows():
    """Before the lower voice's second note: its note before (60), the note just heard (67), no bar yet; then the bar."""
    now = MusicState()
    for token in encode_steps(PIECE)[:5]:
        now = now.advance(token)
    assert (now.previous_cells, now.cells, now.steps_since_bar) == ((67, 60), (67 + HELD,), 1)
    assert (now.previous_note, now.last_note) == (60 - 21, 67 - 21)
    for token in encode_steps(PIECE)[5:7]:
        now = now.advance(token)
    assert (now.previous_cells, now.cells, now.steps_since_bar) == ((67 + HELD, 59), (), 0)


def test_listening_goes_on_where_it_stopped():
    """Token by token the features are those in one go; so are the outputs of the whole network."""
    net = small().eval()
    tokens = torch.tensor([encode_steps(PIECE)])
    whole = net.ear.extract_features(tokens)
    moments, rows = None, []
    for place in range(tokens.shape[1]):
        heard = net.ear.extract_features(tokens[:, place : place + 1], moments)
        moments = heard.states
        rows.append(heard.rows)
    assert torch.equal(torch.cat(rows, 1), whole.rows)
    state, logits = None, []
    for place in range(tokens.shape[1] - 1):
        found, state = net._advance(tokens[:, place : place + 1], state)
        logits.append(found.log_softmax(1))
    nats = net.nll(tokens)
    allowed = -torch.stack(logits, 1).gather(2, tokens[:, 1:, None])[..., 0]
    assert bool((allowed <= nats + 1e-4).all())  # what cannot follow has no chance, so the rest has more


def test_what_followed_before_is_recalled():
    """Of two places that end with the same two steps, the one with more before it in common; note by note, while it holds."""
    a, b, c, d = (60,), (62, 55), (64,), (65,)
    assert RecalledPhrase.find([a, b, c, d, a, b]) == RecalledPhrase(c, 2)
    assert RecalledPhrase.find([d, a, b, c, a, b, d, a, b]) == RecalledPhrase(c, 3)
    assert RecalledPhrase.find([a, b, b]) == RecalledPhrase.find([a]) == RecalledPhrase.find([]) == RecalledPhrase()
    found = RecalledPhrase(b, 2)
    assert found.advance([62]) is found
    assert found.advance([63]) == RecalledPhrase()


def test_a_passage_is_recalled_once():
    """Its second time is offered up to its end, where its own beginning would follow; a third time is not offered."""
    passage = [(pitch,) for pitch in (60, 62, 64, 65, 67)]
    assert RecalledPhrase.find([*passage, (72,), *passage[:4]]) == RecalledPhrase((67,), 4)
    assert RecalledPhrase.find([*passage, *passage]) == RecalledPhrase()
    assert RecalledPhrase.find([*passage, (72,), *passage, (74,), *passage[:3]]) == RecalledPhrase((65,), 3)
    assert RecalledPhrase.find([*passage, (72,), *passage, (74,), *passage[:4]]) == RecalledPhrase()
    assert RecalledPhrase.find([(60,)] * 4) == RecalledPhrase((60,), 3)  # a short one goes on


def test_the_recalled_note_is_leant_on():
    """When two steps sound again, what followed them is added to, note by note, until another sounds."""
    first, second, third = Step(0, [67, 60]), Step(0, [65, 59]), Step(BAR, [64, 60])
    piece = [first, second, third, first, second, Step(0, [64, 57])]
    tokens = torch.tensor([encode_steps(piece)])
    ear = MusicContext(SPEC, 4, 4, 0.0)
    with torch.no_grad():
        for layer in (ear.intervals, ear.going_on, ear.coming_again):
            layer.weight.zero_()
            layer.bias.zero_()
        ear.coming_again.bias.fill_(3.0)
    logits = ear.logit_offsets(torch.zeros(1, tokens.shape[1], 4), ear.extract_features(tokens))[0].detach()
    places = logits.any(1).nonzero()[:, 0].tolist()
    leant = [(at, VOCABULARY[token], float(logits[at, token])) for at in places for token in logits[at].nonzero()[:, 0]]
    assert leant == [(15, "64", 3.0), (16, "60", 3.0)]


def test_dropout_keeps_the_mean():
    """A quarter is dropped and the others are 4/3; nothing happens when nothing is to be learned."""
    torch.manual_seed(0)
    ones = torch.ones(100, 100)
    found = apply_dropout(ones, 0.25, training=True)
    assert found.unique().tolist() == pytest.approx([0, 4 / 3])
    assert float(found.mean()) == pytest.approx(1, abs=0.02)
    assert apply_dropout(ones, 0.25, training=False) is ones
    assert not apply_dropout(ones, 1.0, training=True).any()


def test_an_interval_leads_to_its_note_in_every_key():
    """What is said of an interval is added at the note so far from the anchor, and nowhere else."""
    ear = MusicContext(SPEC, 4, 4, 0.0)
    with torch.no_grad():
        for layer in (ear.intervals, ear.going_on):
            layer.weight.zero_()
            layer.bias.zero_()
        ear.intervals.bias[24 + 2] = 1.0  # two semitones up from the voice's own note
        ear.going_on.bias.fill_(0.5)
    tokens = torch.tensor([encode_steps(PIECE)[:4]])  # the upper voice's second note comes next
    logits = ear.logit_offsets(torch.zeros(1, 4, 4), ear.extract_features(tokens))[0, -1].detach()
    assert {VOCABULARY[int(i)]: float(logits[i]) for i in logits.nonzero()} == {"69": 1.0, "67_": 0.5}


@given(st.integers(0, 11), st.integers(0, 2**31 - 1))
def test_transposition_moves_notes_alone(most, seed):
    """All notes of a row move by the same interval, marks and rests stay, nothing leaves the piano."""
    torch.manual_seed(seed)
    low, high = [Step(0, [21, 0])], [Step(0, [108 + HELD, 100]), Step(BAR, [108, 50])]
    rows = torch.tensor([(encode_steps(piece) + [PAD] * 9)[:9] for piece in (PIECE[:2], low, high)])
    moved = transpose(rows, most)
    before, after = (
        [cell % HELD for step in decode_steps(row) for cell in step.cells]
        for row in (rows[0].tolist(), moved[0].tolist())
    )
    assert len({one - other for one, other in zip(before, after, strict=True)}) == 1
    assert torch.equal(moved < 9, rows < 9)
    assert 0 <= int(moved[1][1]) - int(rows[1][1]) <= most
    assert 0 <= int(rows[2][1]) - int(moved[2][1]) <= most
    assert torch.equal(moved >= 9 + 88, rows >= 9 + 88)


def test_whatever_is_written_is_music():
    """An untrained network too writes steps of two voices; what goes on goes on from the voice's own note."""
    for row in small().eval().write(Prompt(range(3))):
        steps = decode_steps([START, *row])
        assert all(len(cells) == 2 for _, cells in steps[:-1])
        for before, (_, cells) in pairwise(steps[:-1]):
            assert all(cell < HELD or cell - HELD == was % HELD for was, cell in zip(before.cells, cells, strict=True))


def test_what_hangs_is_a_wav_with_its_score_and_midi():
    """The exhibit is heard, seen and read; a sheet of several shows their scores."""
    exhibits = small(max_tokens=40).eval().exhibit(Prompt(range(2)))
    assert [exhibit.kind for exhibit in exhibits] == ["audio", "audio"]
    assert exhibits[0].data[:4] == b"RIFF"
    assert exhibits[0].parts["midi"][:4] == b"MThd"
    assert exhibits[0].parts["score"].shape == (3, 360, 1200)
    assert make_sentence(exhibits[0].caption).startswith("Chorale in ")
    assert encode_sheet(exhibits)[0] == ".png"


def test_steps_learn_a_piece():
    """A piece that is read again and again is expected soon."""
    tokens = torch.tensor([(encode_steps(PIECE) + [PAD] * 17)[:17]] * 4, dtype=torch.int16)
    net = small(transpose=0, learning_rate=0.02, warmup_steps=0)
    first = float(net.step({"tokens": tokens})["nll"])
    for _ in range(30):
        last = float(net.step({"tokens": tokens})["nll"])
    assert last < first / 2


def test_whole_pieces_are_put_together_and_counted():
    """Rows of two pieces, mixed up: whole again; steps are the marks and the beginning; validation knows nats per step."""
    one, other = encode_steps(PIECE), encode_steps(PIECE[:2])
    first, *rest = cut_rows(one, 6)
    rows = [*rest, *cut_rows(other, 6), first]
    places = [*range(1, len(rest) + 1), 0, 0]
    columns = {
        "tokens": torch.tensor(rows),
        "digests": torch.tensor([[1] * 32] * len(rest) + [[2] * 32, [1] * 32], dtype=torch.uint8),
        "places": torch.tensor([[place, 0, 1, 1] for place in places]),
    }
    whole = join_rows(columns)
    found = sorted([token for token in row if token != PAD] for row in whole.tolist())
    assert found == sorted([one, other])
    assert sorted(count_steps(whole).tolist()) == [2, 4]
    measured = small().eval().validate(columns)
    assert measured["nll_per_step"] == pytest.approx(measured["nll"] * (len(one) + len(other) - 2) / 6)


def test_a_piece_without_its_end_stops_at_a_phrase():
    """After the last fermata of its second half, with what goes on from it."""
    steps = [Step(0, [60])] * 8 + [Step(FERMATA, [62]), Step(0, [62 + HELD]), Step(0, [64]), Step(0, [65])]
    assert cut_at_last_phrase(steps, 2) == steps[:10]
    assert cut_at_last_phrase(steps[:8], 2) == steps[:8]


# -- keys and harmony --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0, 3, 7, 11])
def test_the_key_of_a_scale(shift):
    """A scale is in its own major key; with the natural third and sixth lowered and the tonic long, in minor."""
    names = {0: "C major", 3: "E flat major", 7: "G major", 11: "B major"}
    scale = [Step(0, [pitch + shift]) for pitch in [*SCALE, 60, 64, 67]]
    assert detect_key(scale).name == names[shift]
    assert share_in_key(scale) == 1
    minor = [Step(0, [pitch + shift]) for pitch in (60, 62, 63, 65, 67, 68, 71, 72, 60, 63, 67)]
    assert detect_key(minor) == Key(shift % 12, major=False)
    assert share_in_key([*scale, Step(0, [61 + shift])]) == pytest.approx(11 / 12)


def test_dissonant_chords_are_counted_on_the_beat():
    """A triad and a dominant seventh are none, a cluster is one; between the beats anything may sound."""
    chords = [[60, 64, 67], [60, 61], [55, 59, 62, 65], [61, 62], [60, 61, 62], [60]]
    assert share_dissonant([Step(0, chord) for chord in chords], 2) == pytest.approx(1 / 3)
    assert share_dissonant([Step(0, [])], 1) == 0


def test_passages_are_the_same_in_every_key():
    """A piece of five beats has two passages of four; three semitones higher they are the same, with another note not."""
    piece = [Step(0, [60 + at, 48]) for at in range(5)]
    higher = [Step(0, [cell + 3 for cell in cells]) for _, cells in piece]
    assert len(list(list_passages(piece, 1))) == 2
    assert list(list_passages(piece, 1)) == list(list_passages(higher, 1))
    assert list(list_passages(piece, 1)) != list(list_passages([*piece[:3], Step(0, [70, 48]), piece[4]], 1))


def test_the_chain_is_a_distribution():
    """Over all tokens the chances of one place sum to one, after a note that was counted and after one that was not."""
    chain = VoiceMarkovChain(torch.tensor([encode_steps(PIECE)]), len(VOCABULARY))
    for place, own in ((0, 46), (1, 5), (2, -1)):
        assert math.fsum(chain._probability(place, own, token) for token in range(len(VOCABULARY))) == pytest.approx(1)
    assert chain.nats(encode_steps(PIECE)) < 0.8 * (len(encode_steps(PIECE)) - 1) * math.log(len(VOCABULARY))


def test_forbidden_is_what_no_piece_has():
    """With one of two voices there no mark may come; with both no note, and the piece may end."""
    ear = MusicContext(SPEC, 4, 4, 0.0)
    wrong = ear.forbidden_tokens(
        [MusicState(previous_cells=(60, 48), cells=(62,)), MusicState(previous_cells=(60, 48), cells=(62, 50))]
    )
    allowed = [{VOCABULARY[int(i)] for i in (~row).nonzero()} for row in wrong]
    assert {"r", "48_", "48", "60"} <= allowed[0]
    assert not {"60_", ".", "<end>"} & allowed[0]
    assert allowed[1] == {".", "|", "^", "^|", VOCABULARY[END]}
