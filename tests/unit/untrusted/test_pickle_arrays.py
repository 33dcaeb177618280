"""Arrays out of a pickle: what numpy wrote comes back, and whatever else a pickle can do is refused before it is done."""

import os
import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest

from artpipe.errors import UserError
from artpipe.untrusted.pickle_arrays import read_arrays


class Call:
    """Pickles as a call of anything."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_of_nested_dicts_come_back(protocol):
    """Names, shapes and every bit are as they were, in each protocol that keeps arrays whole."""
    kernel = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7
    bias = np.array([1.5, -2], dtype=np.float64)
    data = pickle.dumps({"net": {"first": {"kernel": kernel, "bias": bias}}}, protocol=protocol)
    if protocol == 2:  # bytes are written as a call of `_codecs.encode` there
        with pytest.raises(UserError, match=r"a call of `_codecs.encode`"):
            read_arrays(data, "file")
        return
    found = read_arrays(data, "file")
    assert list(found) == ["net/first/kernel", "net/first/bias"]
    assert np.array_equal(found["net/first/kernel"], kernel)
    assert found["net/first/kernel"].dtype == np.float32
    assert np.array_equal(found["net/first/bias"], bias)


ATTACKS = {
    "a shell": (Call(os.system, "touch owned"), "a call of `posix.system`"),
    "eval": (Call(eval, "open('owned', 'w')"), "a call of `builtins.eval`"),
    "a way in by attributes": (Call(getattr, "", "join"), "a call of `builtins.getattr`"),
    "numpy's own loader": (Call(np.load, "owned", None, True), "a call of `numpy.load`"),
    "a file on the way": ({"a": Call(open, "owned", "w")}, f"a call of `{open.__module__}.open`"),
    "an array of objects": ({"a": np.array([Call(os.system, "touch owned")], dtype=object)}, "an array of 'O8'"),
    "fields": ({"a": np.zeros(2, dtype=[("x", "f4")])}, "an array of 'V4'"),
    "big endian": ({"a": np.zeros(2, dtype=">f4")}, "in another order"),
    "column by column": ({"a": np.asfortranarray(np.zeros((2, 3), np.float32))}, "row by row"),
    "a huge array": ({"a": Call(np.ndarray, (1 << 60,))}, "a call of `ndarray`"),
    "text": ({"a": "weights"}, "a str at `a`"),
    "numbers as names": ({1: np.zeros(2, np.float32)}, "a dict at ``"),
    "a changed name": (Call(np.dtype, "f4", state=(3, ">", None, None, None, -1, -1, 0)), "in another order"),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_anything_else_is_refused_and_not_done(attack, tmp_path, monkeypatch):
    """One line says what the file tried; nothing was called, nothing was written."""
    monkeypatch.chdir(tmp_path)
    thing, line = attack
    with pytest.raises(UserError) as refused:
        read_arrays(pickle.dumps(thing, protocol=3), "weights.ckpt")
    assert str(refused.value).startswith("weights.ckpt: refused, it holds ")
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not Path("owned").exists()


def test_the_names_themselves_cannot_be_changed():
    """BUILD sets attributes of whatever stands on the stack; of ours it sets none."""
    attack = b"\x80\x03cnumpy\ndtype\n}X\x05\x00\x00\x00_makeNsb."
    assert "BUILD" in [code.name for code, _, _ in pickletools.genops(attack)]
    with pytest.raises(UserError, match="a change of a name"):
        read_arrays(attack, "file")
    assert read_arrays(pickle.dumps({"a": np.ones(1, np.float32)}, protocol=3), "file")["a"] == 1


def test_an_array_that_lies_about_its_size_is_refused():
    """Fewer bytes than the shape needs never become an array."""
    data = pickle.dumps({"a": np.zeros(4, np.float32)}, protocol=3)
    assert data.count(b"K\x04\x85") == 1
    with pytest.raises(UserError, match="of another size than it says"):
        read_arrays(data.replace(b"K\x04\x85", b"K\x05\x85"), "file")


def test_dicts_that_hold_each_other_end():
    """A dict that holds itself, and one whose copies would fill the memory, are refused."""
    itself = {}
    itself["a"] = itself
    laughs = {"a": np.zeros(1, np.float32)}
    for _ in range(60):
        laughs = {"a": laughs, "b": laughs}
    for thing in (itself, laughs):
        with pytest.raises(UserError, match="deeper than"):
            read_arrays(pickle.dumps(thing, protocol=3), "file")


@pytest.mark.parametrize("data", [b"", b"no pickle", b"\x80\x03", b"\x80\x03}q\x00X\xff\xff\xff\x7f"])
def test_damage_is_one_line(data):
    """A file that ends in the middle is the person's to know about, not a traceback."""
    with pytest.raises(UserError, match=r"^file: not arrays in a pickle, or damaged"):
        read_arrays(data, "file")
