"""Perceptual weights: every way in, what is refused, and what the artifact holds."""

import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from artpipe import weights
from artpipe.artifacts.weights_card import load_weights
from artpipe.config.params import load_params
from artpipe.errors import UserError
from artpipe.evaluation.pretrained_weights import check_weights
from artpipe.nn.pretrained import vgg16_layout
from tests.support.vgg_weights import make_random_state

CARD = """\
about: {title: Tiny, creator: somebody, licence: CC0-1.0, origin: here}
package: {project: some, file: some-1.0.tar.gz, sha256: SHA}
member: some-1.0/weights.ckpt
branch: VGG16_0
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose only entry is of weights; returns a function that writes the entry."""
    monkeypatch.chdir(tmp_path)

    def write(entry: str) -> None:
        text = f"format: 2\nseed: 1\ndatasets: {{}}\nweights:\n  eye: {entry}\nmodels: {{}}\n"
        Path("params.yaml").write_text(text + "evaluation: {metrics: []}\ngallery: {sections: []}\n")

    return write


def as_torchvision(state):
    """The same weights under torchvision's names, with a head that nobody wants."""
    named = {
        f"features.{place}.{part}": state[f"{layer}.{part}"]
        for layer, place in vgg16_layout._PLACES.items()
        for part in ("weight", "bias")
    }
    return {**named, "classifier.6.bias": torch.zeros(3)}


def pin(arrays) -> None:
    """Put a file of the package index where downloads are kept, and write its pin card."""
    data, buffer = pickle.dumps(arrays, protocol=3), io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("some-1.0/weights.ckpt")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    path = Path(".state/downloads") / sha256
    path.parent.mkdir(parents=True)
    path.write_bytes(buffer.getvalue())
    Path("weights").mkdir()
    Path("weights/eye.yaml").write_text(CARD.replace("SHA", sha256))


def as_flax(state):
    """The same weights as arrays, kernels (height, width, in, out)."""
    branch = {}
    for number, layer in enumerate(vgg16_layout.LAYERS):
        kernel = state[f"{layer}.weight"].permute(2, 3, 1, 0).contiguous().numpy()
        branch[f"Conv_{number}"] = {"kernel": kernel, "bias": state[f"{layer}.bias"].numpy()}
    return {"VGG16_0": branch, "NetLinLayer_0": {"Conv_0": {"kernel": np.zeros((1, 1, 64, 1), np.float32)}}}


@pytest.mark.parametrize(
    "way", ["index", *(pytest.param(each, marks=pytest.mark.nightly) for each in ("safetensors", "torchvision"))]
)
def test_every_way_in_gives_the_same_tensors(project, way):
    """A pickle of the index, a safetensors file and torchvision's state dict: same weights, same bytes."""
    state = make_random_state()
    if way == "index":
        pin(as_flax(state))
        project("{path: weights/eye.yaml}")
    elif way == "safetensors":
        save_file(state, "eye.safetensors")
        project("{path: eye.safetensors}")
    else:
        torch.save(as_torchvision(state), "eye.pth")
        project("{path: eye.pth}")
    weights.make_weights("eye")
    card, tensors, _ = load_weights(Path("data/weights/eye"))
    assert set(tensors) == set(state)
    assert all(torch.equal(tensors[name], state[name]) for name in state)
    assert card.layers == vgg16_layout.LAYERS
    assert card.about.licence == ("CC0-1.0" if way == "index" else "unknown")


def test_shapes_are_those_of_the_paper():
    """Simonyan and Zisserman's column D: 13 convolutions with 14,714,688 weights."""
    count = sum(out * into * height * width + out for out, into, height, width in vgg16_layout.SHAPES.values())
    assert (len(vgg16_layout.LAYERS), count) == (13, 14_714_688)
    assert vgg16_layout.SHAPES["conv3_1"] == (256, 128, 3, 3)


def broken(**changes):
    """Weights of which some are replaced, or left out where None stands."""
    return {name: value for name, value in {**make_random_state(), **changes}.items() if value is not None}


WRONG = {
    "a missing layer": (broken(**{"conv4_2.bias": None}), "no tensor `conv4_2.bias`; the 13 convolutions"),
    "a wrong shape": (
        broken(**{"conv1_2.weight": torch.zeros(64, 3, 3, 3)}),
        "`conv1_2.weight` has shape (64, 3, 3, 3), (64, 64, 3, 3) is wanted",
    ),
    "no numbers": (broken(**{"conv1_1.bias": torch.full((64,), torch.nan)}), "values that are no finite numbers"),
    "whole numbers": (broken(**{"conv1_1.bias": torch.zeros(64, dtype=torch.int64)}), "that are no finite numbers"),
    "random weights": (
        {name: torch.randn_like(value) for name, value in make_random_state().items()},
        "as random numbers are",
    ),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_wrong_weights_are_one_line(project, case):
    """A file that does not hold this network is refused with what is wrong, and nothing is left behind."""
    state, line = case
    save_file(state, "eye.safetensors")
    project("{path: eye.safetensors}")
    with pytest.raises(UserError) as refused:
        weights.make_weights("eye")
    assert str(refused.value).startswith("eye.safetensors: ")
    assert line in str(refused.value)
    assert not list(Path("data").rglob("*.*"))


def test_a_wrong_hash_is_one_line(project):
    """What params.yaml pins is what is read."""
    save_file(make_random_state(), "eye.safetensors")
    project(f"{{path: eye.safetensors, sha256: {'a' * 64}}}")
    for refuse in (lambda: weights.make_weights("eye"), lambda: check_weights(load_params().weights["eye"])):
        with pytest.raises(UserError, match=r"^eye.safetensors: SHA-256 is \w{12}, params.yaml expects aaaaaaaaaaaa$"):
            refuse()
    assert not Path("data").exists()


def test_an_entry_of_another_name_is_one_line(project):
    """The nearest name is said."""
    project("{path: eye.safetensors}")
    with pytest.raises(UserError, match="no weights `eyes`, did you mean `eye`"):
        weights.make_weights("eyes")


class Touch:
    """Pickles as a call that leaves a file."""

    def __reduce__(self):
        return (open, ("owned", "w"))


@pytest.mark.parametrize(
    ("name", "write"), [("eye.pth", pickle.dumps(Touch())), ("eye.safetensors", b"none"), ("eye.pth", b"")]
)
def test_a_malicious_or_damaged_file_is_one_line(project, name, write):
    """No code of a weights file runs."""
    Path(name).write_bytes(write)
    project(f"{{path: {name}}}")
    with pytest.raises(UserError, match=f"^{name}: (refused|not safetensors)"):
        weights.make_weights("eye")
    assert not Path("owned").exists()


def test_a_malicious_file_of_the_index_is_one_line(project):
    """The same for a pickle that comes with the right checksum."""
    pin({"VGG16_0": Touch()})
    project("{path: weights/eye.yaml}")
    with pytest.raises(
        UserError, match=r"some-1.0.tar.gz: `some-1.0/weights.ckpt`: refused, it holds a call of `_?io.open`"
    ):
        weights.make_weights("eye")
    assert not Path("owned").exists()
    assert not Path("data/weights/eye").exists()


def test_without_a_network_the_path_is_used(project, monkeypatch, capsys):
    """`download: true` asks torchvision's server first; where none answers, the entry's own file is taken."""
    from urllib.error import URLError

    from torchvision.models import VGG16_Weights

    def nobody(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr(VGG16_Weights, "get_state_dict", nobody)
    save_file(make_random_state(), "eye.safetensors")
    project("{path: eye.safetensors, download: true}")
    weights.make_weights("eye")
    assert "cannot be reached" in capsys.readouterr().err
    assert Path("data/weights/eye/weights.json").exists()
