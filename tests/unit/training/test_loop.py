"""Means, divergence and pictures, with values known by hand."""

import io
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from artpipe.contracts.model import Exhibit
from artpipe.language.sentences import make_sentence
from artpipe.training.device import choose_device, choose_precision, cpu_flags
from artpipe.training.exhibit_files import compose_grid, detect_suffix, encode_content, encode_png, encode_sheet
from artpipe.training.loop import RunningMeans, describe_divergence, find_nonfinite_weight, training_steps


def test_steps_count_what_is_done():
    """Inside the first step `steps_done` is 0; when its losses are yielded it is 1."""

    class Counting:
        steps_done, memory_advice = 0, ""

        def step(self, batch):
            return {"seen": torch.tensor(float(self.steps_done)), "batch": batch}

    class Batches:
        def draw(self):
            return torch.tensor(7.0)

    learner = Counting()
    for number, losses in zip(range(3), training_steps(learner, Batches()), strict=False):
        assert (losses["seen"].item(), learner.steps_done) == (number, number + 1)


def test_means_of_losses_that_come_at_times():
    """A loss that comes every other step is averaged over the steps it came with; `take` begins anew."""
    means = RunningMeans()
    for number in range(4):
        means.add({"a": torch.tensor(float(number)), **({"b": torch.tensor(10.0)} if number % 2 else {})})
    assert means.take() == {"a": 1.5, "b": 10.0}
    assert means.take() == {}


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20), st.integers(0, 20))
def test_means_do_not_depend_on_when_they_are_settled(values, place):
    """Sums in between, for a display or a saved state, change no bit of the mean."""
    one, other = RunningMeans(), RunningMeans()
    for number, value in enumerate(values):
        if number == place:
            fresh = RunningMeans()
            fresh.load_state(one.state())
            one = fresh
        one.add({"a": torch.tensor(value)})
        other.add({"a": torch.tensor(value)})
    assert one.take() == other.take()


@pytest.mark.parametrize(
    ("losses", "usual", "expected"),
    [
        ({"a": 1.0}, {}, None),
        ({"a": math.nan}, {}, "loss `a` is nan"),
        ({"a": -math.inf}, {}, "loss `a` is -inf"),
        ({"a": 999.0}, {"a": 0.01}, None),
        ({"a": -1001.0}, {"a": 0.01}, "loss `a` is -1e+03, 1000 times what it was"),
        ({"a": 4000.0}, {"a": 5.0}, None),
        ({"a": 1.0e9}, {}, None),
    ],
)
def test_trouble(losses, usual, expected):
    """Not finite, or a thousand times its largest magnitude (at least 1) so far; before a first point only the former."""
    found = describe_divergence(losses, usual, 1000.0)
    assert (found and make_sentence(found)) == expected


def test_broken_weight_is_named():
    """The first weight that is not finite is named; integer buffers and infinite sums of finite weights are fine."""
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert find_nonfinite_weight(net) is None
    with torch.no_grad():
        net[0].weight.fill_(3e38)
        assert find_nonfinite_weight(net) is None
        net[1].bias[1] = math.nan
    assert make_sentence(find_nonfinite_weight(net)) == "weight `1.bias` is not finite"


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_is_read_by_pillow(channels):
    """Our PNG holds, byte for byte, the pixels it was given (pillow is the oracle)."""
    import numpy as np
    from PIL import Image

    image = torch.randint(0, 256, (channels, 5, 7), dtype=torch.uint8)
    read = np.array(Image.open(io.BytesIO(encode_png(image)))).reshape(5, 7, channels)
    assert torch.equal(torch.from_numpy(read).permute(2, 0, 1), image)


def test_grid_by_hand():
    """Three pictures of one pixel stand two by two, two white pixels apart, the last place empty."""
    pictures = [torch.full((1, 1, 1), value, dtype=torch.uint8) for value in (10, 20, 30)]
    sheet = compose_grid(pictures, columns=8, gap=2)
    assert sheet.tolist() == [[[10, 255, 255, 20], [255] * 4, [255] * 4, [30, 255, 255, 255]]]


def test_a_picture_stands_in_the_shortest_column():
    """Of four pictures the first is three pixels high: what follows fills the column beside it."""
    pictures = [torch.full((1, height, 1), 10 * height, dtype=torch.uint8) for height in (3, 1, 1, 2)]
    sheet = compose_grid(pictures, gap=1, background=0)[0].tolist()
    assert sheet == [[30, 0, 10], [30, 0, 0], [30, 0, 10], [0, 0, 0], [20, 0, 0], [20, 0, 0]]


def test_grid_of_64_is_8_by_8():
    """64 pictures of 28 pixels make a sheet of 238: 8 * 28 + 7 * 2."""
    assert compose_grid([torch.zeros(1, 28, 28, dtype=torch.uint8)] * 64).shape == (1, 238, 238)


def test_sheets_of_every_kind():
    """Pictures become one PNG, poems one text, a film or a song its own file."""
    picture = Exhibit("image", torch.zeros(3, 4, 4), "")
    assert encode_sheet([picture] * 3)[0] == ".png"
    assert encode_sheet([Exhibit("text", "one", ""), Exhibit("text", "two", "")]) == (".txt", b"one\n\ntwo\n")
    assert encode_sheet([Exhibit("audio", b"RIFF....WAVE", "")]) == (".wav", b"RIFF....WAVE")
    assert encode_sheet([]) is None
    assert encode_content("poem") == (".txt", b"poem")
    assert encode_content(picture.data)[1].startswith(b"\x89PNG")
    assert detect_suffix(b"\x00\x00\x00\x18ftypmp42") == ".mp4"


def test_precision_is_what_the_cpu_says(tmp_path):
    """bf16 is chosen by the CPU's flag alone; what was asked for wins."""
    told, cpu = tmp_path / "cpuinfo", torch.device("cpu")
    told.write_text("processor : 0\nflags\t\t: fpu avx512f avx512_bf16\n")
    assert choose_precision("auto", cpu, told) == "bf16"
    assert choose_precision("fp32", cpu, told) == "fp32"
    told.write_text("flags : fpu avx512f\n")
    assert choose_precision("auto", cpu, told) == "fp32"
    assert choose_precision("bf16", cpu, told) == "bf16"
    assert cpu_flags(tmp_path / "absent") == set()
    assert choose_device("cpu") == cpu
