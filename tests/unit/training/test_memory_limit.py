"""Too little memory: a step in parts is the step of the whole batch, and what failed leaves no trace."""

import copy

import pytest
import torch

from artpipe.artifacts.shards import Spec
from artpipe.contracts.microbatched import MicroBatchedLearner, count_rows, split_batch
from artpipe.contracts.special_tokens import SPECIAL_TOKENS, START
from artpipe.errors import InsufficientMemoryError
from artpipe.models import inpaint
from artpipe.nn.style.perceptual import PerceptualNetwork
from artpipe.training.loop import training_steps
from artpipe.training.memory_limit import MemoryLimitedStepper, describe_shortage, report_memory_errors
from artpipe.training.restore import build_learner
from tests.support.vgg_weights import write_vgg_weights

ROWS = 32
WORDS = (*SPECIAL_TOKENS, "a", "b", "c")
PICTURES = Spec(dataset="d", channels=3, height=16, width=16, classes=("a", "b", "c"), count=99)
STUDIO = PICTURES.model_copy(update={"height": 32, "width": 32, "classes": ("content", "a", "b")})
TEXT = Spec(dataset="d", medium="text", length=9, classes=(), count=9, columns=("tokens",), vocabulary=WORDS)
CALM = {  # nothing that is drawn part by part
    "classifier": {"width": 4, "dropout": 0},
    "vae": {"width": 4, "hidden": 16, "latent_dim": 5},
    "gan": {"generator_width": 8, "discriminator_width": 8, "least_width": 4, "augment": ()},
    "flow": {"width": 8, "inner_width": 8, "inner_blocks": 1},
    "rnn": {"width": 8, "embedding": 6},
    "faststyle": {"crop": 8, "width": 4, "blocks": 1, "style_layers": ("conv1_1",), "content_layers": ("conv2_1",)},
    "superres": {"width": 4, "blocks": 1, "crop": 8, "adversarial_from_step": 2, "judge_width": 4},
    "inpaint": {"width": 4, "levels": 1, "crop": 8, "brush": 3, "adversarial_from_step": 2, "judge_width": 4},
}
OTHERS = {
    "classifier": {"width": 4, "dropout": 0.4},
    "gan": {"generator_width": 8, "discriminator_width": 8, "least_width": 4, "architecture": "dcgan", "latent_dim": 9},
    "rnn": {"width": 8, "embedding": 6, "dropout": 0.4, "layers": 2},
}


@pytest.fixture(scope="session")
def eye(tmp_path_factory):
    """A network of VGG16's shape with random weights."""
    return PerceptualNetwork.open(write_vgg_weights(tmp_path_factory.mktemp("weights") / "eye"))[0]


def learner(kind, eye=None, **params) -> MicroBatchedLearner:
    """A small one, in training, always the same."""
    torch.manual_seed(0)
    entry = {
        "kind": kind,
        "dataset": "d",
        "pretrained": "data/weights/eye",
        "feature_extractor": "r",
        "steps": 30,
        "batch_size": ROWS,
        **params,
    }
    spec = {"rnn": TEXT, "faststyle": STUDIO}.get(kind, PICTURES)
    made = build_learner("m", entry, spec, eye if kind == "faststyle" else None)
    assert isinstance(made, MicroBatchedLearner)
    if kind == "faststyle":
        works = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
        # A shift before a convolution and instance norm changes nothing: its gradient is rounding, and Adam makes much of it.
        made.optimisers["network"].param_groups[0]["eps"] = 1e-3
        made.prepare_training(
            {"images": works, "labels": torch.tensor([0, 1, 2, 0]), "digests": torch.zeros(4, 32).byte()}
        )
    return made.train()


def batch(seed=1):
    """Pictures with labels, a few without; and rows of tokens of many lengths."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(len(SPECIAL_TOKENS), len(WORDS), (ROWS, 10), generator=generator)
    tokens[:, 0] = START
    for row in range(ROWS):
        tokens[row, 3 + row % 8 :] = 0
    images = torch.rand(ROWS, 3, 16, 16, generator=generator) * 2 - 1
    return {"images": images, "labels": torch.arange(ROWS) % 4 - 1, "tokens": tokens}


def at_rest(made):
    """Let batch statistics and power iterations rest."""
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.utils.parametrizations._SpectralNorm):
            module.eval()
    return made


def descended(made, rows, count):
    """The gradients of the first step, and the weights after `count` steps."""
    first, stepper = {}, MemoryLimitedStepper(rows)
    torch.manual_seed(2)
    for number in range(count):
        losses = stepper.step(made, batch(number))
        made.steps_done += 1
        if not number:
            first = {name: one.grad.clone() for name, one in made.named_parameters() if one.grad is not None}
    return first, {name: one.detach() for name, one in made.named_parameters()}, losses


@pytest.mark.parametrize(
    "kind", [pytest.param(each, marks=[] if each in ("gan", "rnn") else pytest.mark.nightly) for each in CALM]
)
def test_four_parts_are_the_whole(kind, eye, monkeypatch):
    """The same numbers are drawn; gradients agree to rounding, and after 20 steps what was learned, and the losses."""
    monkeypatch.setattr(
        inpaint, "_GUESS_TOLERANCE", 1e-6
    )  # it stops where all rows are good enough, so their company matters
    start = {name: one.detach().clone() for name, one in learner(kind, eye, **CALM[kind]).named_parameters()}
    once, one, losses = descended(at_rest(learner(kind, eye, **CALM[kind])), None, 20)
    drawn = torch.get_rng_state()
    parted, other, others = descended(at_rest(learner(kind, eye, **CALM[kind])), 8, 20)
    assert torch.equal(drawn, torch.get_rng_state())
    assert once.keys() == parted.keys()
    largest = max(float(value.abs().max()) for value in once.values())
    for name, gradient in once.items():
        torch.testing.assert_close(parted[name], gradient, rtol=1e-4, atol=1e-5 * largest, msg=name)
    apart = sum(float((one[name] - other[name]).square().sum()) for name in one)
    moved = sum(float((one[name] - start[name]).square().sum()) for name in one)

    assert apart < 1e-5 * moved
    assert {name: float(loss) for name, loss in others.items()} == pytest.approx(
        {name: float(loss) for name, loss in losses.items()}, rel=1e-4, abs=1e-5
    )


class Narrow:
    """A learner's `accumulate_gradients` with memory for so many rows: it fails in the middle, when half of the work is done."""

    def __init__(self, made, rows, error):
        self.accumulate_gradients, self.rows, self.error, self.failed = made.accumulate_gradients, rows, error, 0

    def __call__(self, part, whole):
        found = self.accumulate_gradients(part, whole)
        torch.rand(3)
        if count_rows(part) > self.rows:
            self.failed += 1
            raise self.error
        return found


ERRORS = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of ..."),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1073741824 bytes. Error code 12"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize(
    "error", [ERRORS[0], pytest.param(ERRORS[1], marks=pytest.mark.nightly)], ids=["memory", "cuda"]
)
def test_what_failed_leaves_no_trace(kind, error):
    """Halved twice in the first step, all weights, statistics, moments and generators are those of parts from the start."""
    narrow, roomy = learner(kind, **OTHERS[kind]), learner(kind, **OTHERS[kind])
    narrow.accumulate_gradients, told = Narrow(narrow, 8, error), []
    roomy.accumulate_gradients = Narrow(roomy, 99, error)
    stepper = MemoryLimitedStepper(on_halved=lambda rows, of, why: told.append((rows, of, why)))
    for made, steps_of in ((roomy, MemoryLimitedStepper(8)), (narrow, stepper)):
        torch.manual_seed(4)
        for number in range(3):
            steps_of.step(made, batch(number))
            made.steps_done += 1
        made.drawn = torch.get_rng_state()
    assert [row[:2] for row in told] == [(16, 32), (8, 32)]
    assert narrow.accumulate_gradients.failed == 2
    assert torch.equal(narrow.drawn, roomy.drawn)
    for one, other in zip(narrow.state_dict().values(), roomy.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    for name, optimiser in narrow.optimisers.items():
        moments = roomy.optimisers[name].state_dict()["state"]
        for key, row in optimiser.state_dict()["state"].items():
            assert all(torch.equal(row[which], moments[key][which]) for which in row)


@pytest.mark.nightly
def test_not_one_row():
    """Halved down to one row; then one line, and no gradient, statistic or number drawn is left of it."""
    made, told = learner("classifier", **OTHERS["classifier"]), []
    before, made.accumulate_gradients = copy.deepcopy(made.state_dict()), Narrow(made, 0, ERRORS[2])
    stepper = MemoryLimitedStepper(on_halved=lambda rows, *_: told.append(rows))
    torch.manual_seed(4)
    drawn = torch.get_rng_state()
    with pytest.raises(
        InsufficientMemoryError, match=r"^a single row of a batch does not fit into memory: 1\.0 GiB more was"
    ) as found:
        stepper.step(made, batch())
    assert "lower the dataset's `size`" in str(found.value)
    assert "\n" not in str(found.value)
    assert found.value.exit_code == 75
    assert told == [16, 8, 4, 2, 1]
    assert torch.equal(drawn, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in made.state_dict().items())
    assert all(one.grad is None for one in made.parameters())


def test_a_kind_that_has_no_parts_says_what_helps(monkeypatch):
    """Style transfer learns whole pictures: one line with its own advice."""
    entry = {
        "kind": "style",
        "dataset": "d",
        "pretrained": "data/weights/eye",
        "feature_extractor": "r",
        "paint": {"content": ("b",)},
    }
    made = build_learner("s", entry, STUDIO)
    monkeypatch.setattr(made, "step", lambda _batch: (_ for _ in ()).throw(ERRORS[1]))
    with pytest.raises(
        InsufficientMemoryError,
        match=r"2\.5 GiB more was asked for, .* is free; lower the dataset's `size`, or `paint`",
    ):
        next(training_steps(made, type("Batches", (), {"draw": lambda _self: batch()})()))


@pytest.mark.parametrize("error", ERRORS)
def test_a_shortage_is_told(error):
    """Every way in which torch says it is understood."""
    assert "asked for" in describe_shortage(error)
    with pytest.raises(InsufficientMemoryError, match="this does not fit into memory"), report_memory_errors("this"):
        raise error


def test_other_errors_are_no_shortage():
    """Whatever else is wrong goes its way."""
    for error in (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("out of memory")):
        assert describe_shortage(error) is None
        with pytest.raises(type(error)), report_memory_errors("this"):
            raise error


def test_parts_by_hand():
    """Of nearly equal length, none empty; one part is the batch itself."""
    whole = {"a": torch.arange(5), "b": torch.arange(5) * 2}
    assert [part["b"].tolist() for part in split_batch(whole, 2)] == [[0, 2, 4], [6, 8]]
    assert [count_rows(part) for part in split_batch(whole, 9)] == [1] * 5
    assert next(split_batch(whole, 1)) is whole
    assert [count_rows(part) for part in split_batch({"a": torch.empty(0)}, 3)] == [0]
