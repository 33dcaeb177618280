"""A stranger's checkpoint, state or shards, whose hash is right because the stranger wrote that too: nothing in it is run."""

import os
import pickle

import pytest
import torch

from artpipe.artifacts.tensors import load_tensors
from artpipe.errors import CorruptError
from artpipe.system.hashing import sha256_file


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, made):
        self.made = made

    def __reduce__(self):
        """Return what a pickle runs."""
        return os.mkdir, (str(self.made),)


@pytest.mark.parametrize("writes", [lambda what, path: path.write_bytes(pickle.dumps(what)), torch.save])
def test_a_pickle_is_not_tensors(tmp_path, writes):
    """A plain one and torch's own, under the name and the hash that the card tells: one line."""
    path, made = tmp_path / "weights.safetensors", tmp_path / "owned"
    writes({"weight": Attack(made)}, path)
    with pytest.raises(CorruptError, match="not safetensors") as raised:
        load_tensors(path, sha256_file(path))
    assert "\n" not in str(raised.value)
    assert not made.exists()
    run, values = Attack(made).__reduce__()  # what whoever reads the pickle does
    run(*values)
    assert made.is_dir()
