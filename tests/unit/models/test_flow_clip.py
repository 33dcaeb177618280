"""A flow whose words a CLIP text encoder reads, from a folder made here."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from artpipe.artifacts.caption_columns import encode_texts
from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import Prompt
from artpipe.contracts.steered_sampler import NoPathError, Steering
from artpipe.errors import UserError
from artpipe.models.flow import Flow
from artpipe.nn.flow_matching.clip_captions import ClipEncoder
from artpipe.numerics.caption_tokens import tokenise_captions
from artpipe.training.restore import build_learner
from tests.support.clip_folder import write_clip_folder

CAPTIONS = ["a red heart", "a blue star", "", "a green leaf that is far too long for the places of this encoder"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_clip_folder(tmp_path_factory.mktemp("clip") / "encoder")


def build(folder, **changes) -> Flow:
    spec = Spec(dataset="d", channels=3, height=8, width=8, classes=("heart", "star"), count=4)
    entry = {
        "kind": "flow",
        "dataset": "d",
        "pretrained": str(folder),
        "feature_extractor": "s",
        "text_encoder": "clip",
        "width": 8,
    }
    torch.manual_seed(0)
    learner = build_learner("painter", {**entry, "inner_width": 16, "steps": 8, **changes}, spec)
    assert isinstance(learner, Flow)
    return learner


def works():
    texts = torch.from_numpy(encode_texts(CAPTIONS))
    images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
    tokens = torch.from_numpy(tokenise_captions(CAPTIONS))
    return {"images": images, "labels": torch.tensor([0, 1, -1, 0]), "captions": tokens, "caption_texts": texts}


def train(learner: Flow, steps: int = 3) -> Flow:
    for step in range(steps):
        torch.manual_seed(step)
        learner.step(works())
        learner.steps_done += 1
    return learner


def test_vectors_are_those_of_the_network(folder):
    """Each text has the projected vector that transformers computes, of length 1, alone or among others; nothing is 0."""
    from transformers import AutoTokenizer, CLIPTextModelWithProjection

    vectors = ClipEncoder(folder).encode(CAPTIONS)
    network = CLIPTextModelWithProjection.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text, vector in zip(CAPTIONS[:2], vectors, strict=False):
        expected = network(**tokenizer([text], return_tensors="pt")).text_embeds[0].detach()
        assert torch.allclose(vector, expected / expected.norm(), atol=1e-5)
    assert vectors.norm(dim=1).tolist() == pytest.approx([1, 1, 0, 1])
    assert torch.equal(ClipEncoder(folder).encode(CAPTIONS[1:2])[0], vectors[1])  # to the bit, whatever else was asked
    assert torch.equal(vectors[2], torch.zeros(12))


def test_it_learns_and_paints_what_words_say(folder):
    """A trained flow paints otherwise for other words, the same for the same; no weight of the encoder is kept."""
    learner = train(build(folder))
    noise = Prompt([5]).noise(learner.noise_size)
    red, blue, again = (learner.steer(noise, Steering(captions=[text])) for text in ("red", "blue", "red"))
    assert torch.equal(red, again)
    assert not torch.equal(red, blue)
    assert sum(weight.numel() for weight in learner.state_dict().values()) < 300_000
    assert not [name for name in learner.state_dict() if "text_model" in name]


def test_held_out_captions_are_painted_and_measured(folder):
    """The wall asks captions of works in turn; validation reads them too."""
    learner = train(build(folder))
    exhibits = learner.exhibit(Prompt([0, 1], torch.tensor([0, 1]), works()))
    assert [exhibit.caption for exhibit in exhibits] == CAPTIONS[:2]
    assert 0 < learner.validate(works())["velocity_error"] < 10


def test_another_encoder_is_refused(folder, tmp_path):
    """Weights that were trained with one encoder are not read beside another one."""
    weights = train(build(folder)).state_dict()
    copied = shutil.copytree(folder, tmp_path / "copied")
    build(copied).load_state_dict(weights)
    other = write_clip_folder(tmp_path / "other", seed=1)
    with pytest.raises(UserError, match="not the text encoder that the model learned with; train it again"):
        build(other).load_state_dict(weights)


def test_no_page_computes_it(folder):
    """There is no live room with an encoder of that size."""
    with pytest.raises(NoPathError):
        build(folder).path_functions()


def test_what_is_no_encoder_is_refused_in_one_line(folder, tmp_path):
    """An empty folder, one without weights, and one whose weights are a pickle."""
    with pytest.raises(UserError, match=r"no config\.json; the folder of a CLIP text encoder is expected"):
        build(tmp_path)
    pickled = shutil.copytree(folder, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"no model\.safetensors; the folder of a CLIP"):
        build(pickled)


def drop_projection(folder):
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: row for name, row in weights.items() if "projection" not in name or "attn" in name},
        folder / "model.safetensors",
        {"format": "pt"},
    )


def spoil_numbers(folder):
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: row * float("nan") for name, row in weights.items()}, folder / "model.safetensors", {"format": "pt"}
    )


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (drop_projection, "its weights lack `text_projection.weight`, which would be made up"),
        (spoil_numbers, "some of its weights are no numbers"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"cut"), "no CLIP text encoder can be read from it"),
        (lambda folder: (folder / "config.json").write_text("[]"), "no CLIP text encoder can be read from it"),
    ],
    ids=["half of it", "no numbers", "cut short", "no config"],
)
def test_a_damaged_encoder_is_refused_in_one_line(folder, tmp_path, spoil, line):
    """Nothing is made up for what is missing, whatever transformers raises."""
    copied = shutil.copytree(folder, tmp_path / "copied")
    spoil(copied)
    with pytest.raises(UserError) as caught:
        build(copied)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_learned_words_need_no_folder():
    """The default is as it was: words of the dataset's own, no buffer more."""
    learner = build("unused", text_encoder="words")
    assert "encoder_sha256" not in learner.state_dict()
