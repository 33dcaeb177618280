"""The program of a live room: what is recorded, where it stands, and the kernel that multiplies."""

import base64
import importlib.util
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from artpipe.evaluation.array_layout import merge_axes
from artpipe.evaluation.live_program import ProgramBuilder, join_functions, pack_rows
from artpipe.evaluation.operation_lowering import Lowering
from artpipe.evaluation.operation_trace import trace_operations
from artpipe.evaluation.program_encoding import UnsupportedOperationError, encode_program, round_halves

MAKER = Path(__file__).parents[2] / "golden/make_live_kernel.py"


def lower(function, *shapes):
    """Return the program of a function of tensors of these shapes."""
    inputs = [torch.randn(shape) for shape in shapes]
    builder = ProgramBuilder()
    values = [builder.add_buffer(shape) for shape in shapes]
    built = builder.build(values, Lowering(builder).lower_trace(trace_operations(function, inputs), values))
    return join_functions([built])


def names(program):
    return [operation[0] for operation in program.description["functions"][0]["operations"]]


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_live_kernel", MAKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_kernel_in_the_page_is_that_of_its_source(maker):
    """Assembled again, kernel.wat has the bytes that interpreter.js carries."""
    (inlined,) = maker.LINE.findall(maker.INTERPRETER.read_text())
    assert base64.b64decode(inlined) == maker.assemble()


def test_the_kernel_multiplies(maker):
    """Panels of 8 x 5 by 5 x 24 give numpy's product."""
    store = wasmtime.Store()
    exports = wasmtime.Instance(store, wasmtime.Module(store.engine, maker.assemble()), []).exports(store)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(8, 5)).astype(np.float32), rng.normal(size=(5, 24)).astype(np.float32)
    panels = np.ascontiguousarray(b.reshape(5, 3, 8).transpose(1, 0, 2))
    exports["memory"].write(store, pack_rows(torch.from_numpy(a)).numpy().tobytes(), 0)
    exports["memory"].write(store, panels.tobytes(), 1024)
    exports["multiply"](store, 0, 1024, 4096, 8, 5, 24)
    product = np.frombuffer(exports["memory"].read(store, 4096, 4096 + 8 * 24 * 4), np.float32).reshape(8, 24)
    np.testing.assert_allclose(product, a @ b, rtol=1e-5, atol=1e-6)


def test_what_depends_on_no_input_is_computed_beforehand():
    """A weight's own arithmetic is no operation of the program."""
    weight = nn.Parameter(torch.randn(6, 4))
    program = lower(lambda x: torch.tanh(x @ (weight.exp() * 2).t()), (1, 4))
    assert names(program) == ["linear", "unary"]
    torch.testing.assert_close(program.weights, (weight.exp() * 2).detach().flatten())


def test_a_layer_that_is_used_twice_has_its_weights_once():
    """The same weights in two steps take room once."""
    layer = nn.Linear(8, 8)
    assert len(lower(lambda x: layer(layer(x)), (1, 8)).weights) == 8 * 8 + 8


def test_all_in_order_is_no_copy():
    """Reshaping costs nothing; a part, a turn and a pixel shuffle are one copy each."""
    assert names(lower(lambda x: x.view(1, 4, 2, 2).flatten(1).relu(), (1, 16))) == ["unary"]
    shuffled = lower(lambda x: F.pixel_shuffle(x, 2)[:, :, :3].transpose(2, 3).exp(), (1, 4, 2, 2))
    assert names(shuffled) == ["copy", "copy", "copy", "unary"]


def test_folding_is_one_copy():
    """Folding pixels into channels walks over the picture once; a margin that repeats the edge is picked."""
    assert names(lower(lambda x: F.pixel_unshuffle(x, 2).exp(), (1, 1, 4, 4))) == ["copy", "unary"]
    padded = lower(lambda x: F.pad(x, (0, 1, 0, 0), mode="replicate").exp(), (1, 1, 2, 2))
    assert names(padded) == ["gather", "unary"]
    assert padded.description["functions"][0]["operations"][0][3] == [0, 1, 1, 2, 3, 3]


def test_an_operation_that_the_page_lacks_is_named():
    """The error has the operator's name."""
    with pytest.raises(UnsupportedOperationError, match="aten::cumsum"):
        lower(lambda x: x.cumsum(1), (1, 4))


def test_a_change_in_place_is_refused():
    """The painter's values never change."""
    with pytest.raises(UnsupportedOperationError, match="aten::add_"):
        lower(lambda x: x.mul(2).add_(1), (1, 4))


def test_axes_that_go_on_are_one():
    """Strides of a whole array merge, those of a part do not, axes of size 1 vanish."""
    assert merge_axes((2, 1, 3, 4), [(12, 12, 4, 1)]) == ([24], [[1]])
    assert merge_axes((2, 3), [(3, 1), (0, 1)]) == ([2, 3], [[3, 1], [0, 1]])


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.data())
def test_merged_axes_reach_the_same_elements(sizes, data):
    """Whatever the strides, the elements and their order stay."""
    strides = [data.draw(st.integers(0, 4)) for _ in sizes]
    memory = torch.arange(100)
    merged, (steps,) = merge_axes(sizes, [strides])
    assert memory.as_strided(merged, steps).flatten().tolist() == memory.as_strided(sizes, strides).flatten().tolist()


def test_a_place_is_taken_again_and_never_too_early():
    """A long chain needs few places, and no operation writes over what is still to be read."""
    program = lower(lambda x: sum(x.mul(i).tanh() for i in range(2, 12)) + x, (1, 40))
    description = program.description["functions"][0]
    assert description["scratch"] < 40 * 8
    (first, size), _ = description["inputs"][0], None
    for operation in description["operations"]:
        place, operands = operation[1], [number for number in operation[2:4] if isinstance(number, int)]
        assert not first < place < first + size
        assert place not in operands
        assert place != first


def test_digits_are_rounded():
    """With two digits of the fraction 1.3 is 1.25, -1.4 is -1.5; with ten a half is a half."""
    assert round_halves(torch.tensor([1.3, -1.4, 0.0]), 2).tolist() == [1.25, -1.5, 0.0]
    values = torch.randn(100)
    assert torch.equal(round_halves(values, 10), values.half())


def test_weights_lose_digits_until_they_fit():
    """A program that is too large gets smaller; one that never fits is refused by the number of its weights."""
    program = lower(nn.Linear(100, 100), (1, 100))
    whole = encode_program(program, 10**6)
    assert len(encode_program(program, len(whole) * 3 // 4)) <= len(whole) * 3 // 4
    with pytest.raises(UnsupportedOperationError, match="10,100 weights"):
        encode_program(program, 1000)


def test_encoded_weights_are_halves_by_planes():
    """The page reads a length, a description, all high bytes, all low bytes."""
    layer = nn.Linear(3, 2)
    data = zlib.decompress(encode_program(lower(layer, (1, 3)), 10**6))
    length = int.from_bytes(data[:4], "little")
    description, planes = json.loads(data[4 : 4 + length]), data[4 + length :]
    count = description["weights"]
    halves = np.frombuffer(bytes(b for pair in zip(planes[count:], planes[:count], strict=True) for b in pair), "<f2")
    torch.testing.assert_close(torch.from_numpy(halves.copy()), layer.weight.detach().flatten().half())
    torch.testing.assert_close(torch.tensor(description["numbers"]), layer.bias.detach())


def test_the_interpreter_stays_small(maker):
    """What every room loads before its model has 12 kB at most, the kernel included."""
    assert maker.INTERPRETER.stat().st_size <= 12_000


def test_functions_share_weights_and_places():
    """Two functions of one layer have its weights once, and begin at the same place."""
    layer = nn.Linear(8, 8)
    builders = [ProgramBuilder() for _ in range(2)]
    functions = []
    for builder, function in zip(builders, (layer, lambda x: layer(x).tanh()), strict=True):
        value = builder.add_buffer((1, 8))
        trace = trace_operations(function, [torch.randn(1, 8)])
        functions.append(builder.build([value], Lowering(builder).lower_trace(trace, [value])))
    program = join_functions(functions)
    assert len(program.weights) == 8 * 8 + 8
    first, second = program.description["functions"]
    assert first["inputs"] == second["inputs"]
    assert program.description["heap"] >= max(first["scratch"], second["scratch"])
