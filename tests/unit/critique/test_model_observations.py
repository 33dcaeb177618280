"""What trained models say of pictures: a class they know, nothing of others, whose works are near."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.shards import ShardSet
from artpipe.critique.class_activation import explain_class
from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.critique.dataset_reference import DatasetReference, load_reference, make_vectors
from artpipe.critique.project_models import ProjectModels
from artpipe.numerics.pixels import to_float
from tests.unit.critique.conftest import picture_of


def observe(name, image, models=None):
    """Return the results of an observation in the current project."""
    picture = CritiquedPicture("x.png", "0" * 64, image)
    return plugins.load_plugin("observations", name).observe(picture, models or ProjectModels.open())


def said(results):
    """Return the sentences' values by code."""
    return {sentence.code: sentence.values for result in results for sentence in result.sentences}


def stranger():
    """Return a picture unlike any blob: bright stripes."""
    return Image.fromarray(
        np.repeat(np.kron(np.arange(32) % 2 * 255, np.ones((32, 1)))[:, :, None], 3, 2).astype(np.uint8)
    )


@pytest.mark.parametrize("label", [0, 1])
def test_a_class_it_knows_is_named_where_it_looked(trained, label):
    """With its certainty, how often it was right when as sure, and the side of the blob."""
    results = observe("recognition", picture_of(label))
    named = said(results)["class_named"]
    assert (named["class"], named["model"], named["count"]) == (("left", "right")[label], "A reader of blobs", 100)
    assert named["certainty"] > 0.5
    assert named["right"] > 90
    assert results[0].figures[0].image.shape[2] == 3


def test_nothing_is_named_of_what_it_does_not_know(trained):
    """Stripes are no blob, however sure the network's last layer is."""
    results = said(observe("recognition", stranger()))
    assert set(results) <= {"nothing_it_knows"}
    assert results


def test_the_nearest_work_is_the_work_itself_with_its_licence(trained):
    """A training work is told as such; title, creator and licence stand below."""
    image = ShardSet.open(paths.shards("blobs")).load("train")["images"][7]
    (result,) = observe("nearest_works", Image.fromarray(image.permute(1, 2, 0).numpy()))
    assert result.sentences[0].code == "is_a_work"
    assert [line.values.get("title") or line.values.get("licence") or line.values["creator"] for line in result.figures[0].credits] == [
        "Blob 7", "Ada", "CC0-1.0",
    ]  # fmt: skip


def test_a_stranger_is_unlike_the_collection(trained):
    """It is said beside its distance."""
    assert "unlike_collection" in said(observe("nearest_works", stranger()))
    assert "unlike_collection" not in said(observe("nearest_works", picture_of(1)))


def test_an_autoencoder_is_asked_of_what_it_can_know(trained):
    """Of a blob it loses as much as of other blobs; what it loses of stripes says nothing of them."""
    assert "can_be_painted_again" in said(observe("lost_by_autoencoder", picture_of(0)))
    assert observe("lost_by_autoencoder", stranger()) == []


def test_each_style_paints_the_picture(trained):
    """In colour, of sides the network can halve, with whose picture the style is."""
    (result,) = observe("painted_in_styles", picture_of(0).resize((70, 50)))
    assert [figure.image.shape for figure in result.figures] == [(48, 68, 3)] * 2
    assert [figure.credits[0].values["title"] for figure in result.figures] == ["Blob 0", "Blob 1"]


def test_a_classifier_that_only_guesses_is_not_asked(trained):
    """Its accuracy stands beside what guessing can reach."""
    models = ProjectModels.open()
    (model,) = models.restore("logits")
    with torch.no_grad():
        model.learner.head.weight.zero_()
    assert set(said(observe("recognition", picture_of(0), models))) == {"classifier_without_skill"}


def test_a_damaged_model_is_noted_and_the_others_go_on(trained):
    """One line names it."""
    path = paths.checkpoint("blobs-reader") / "best.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    models = ProjectModels.open()
    assert observe("recognition", picture_of(0), models) == []
    assert observe("lost_by_autoencoder", picture_of(0), models)
    assert [note.values["model"] for note in models.notes] == ["blobs-reader"]


def test_a_reference_is_kept_and_a_damaged_one_made_again(trained):
    """The second time it is read; a flipped byte costs the time of the first."""
    (model,) = ProjectModels.open().restore("logits")
    first = load_reference(model.shards, model.learner, model.checkpoint)
    (kept,) = (paths.STATE / "critique").glob("*.safetensors")
    kept.write_bytes(kept.read_bytes()[:-1] + b"\x55")
    again = load_reference(model.shards, model.learner, model.checkpoint)
    for space in first.vectors:
        torch.testing.assert_close(first.vectors[space], again.vectors[space])


def test_new_works_are_called_strange_as_seldom_as_promised():
    """One in a hundred at most, of as many as one likes, from the same distribution."""
    generator = torch.Generator().manual_seed(0)
    works, held_out, new = (torch.randn(count, 4, generator=generator) for count in (400, 500, 2000))
    distances = {name: torch.cdist(part, works).min(1).values for name, part in (("held", held_out), ("new", new))}
    empty = torch.empty(0)
    reference = DatasetReference(
        torch.arange(400), {"layout": works}, {"layout": distances["held"].sort().values}, empty, empty, 0.0, 400
    )
    strange = [reference.is_strange("layout", float(distance)) for distance in distances["new"]]
    assert sum(strange) / len(strange) < 0.02
    assert reference.is_strange("layout", 100.0)
    bound = reference.bound("layout")
    assert [reference.is_strange("layout", bound), reference.is_strange("layout", bound + 1e-3)] == [False, True]


@pytest.mark.parametrize("side", [56, 100, 280])
def test_an_enlarged_picture_has_the_texture_of_its_work(side):
    """A stroke on plain ground, drawn larger and shrunk again, is nearer to itself than what resampling may change."""
    large = Image.new("L", (224, 224))
    ImageDraw.Draw(large).line((64, 48, 152, 64, 96, 176), fill=255, width=24)
    small = large.resize((28, 28), Image.Resampling.BOX)
    twin = small.resize((side, side), Image.Resampling.BICUBIC).resize((28, 28), Image.Resampling.LANCZOS)
    work, drawn = (
        make_vectors("texture", to_float(torch.tensor(np.asarray(image))[None, None]), None) for image in (small, twin)
    )
    stripes = torch.ones(1, 1, 28, 28)
    stripes[..., ::2] = -1
    assert float((work - drawn).norm()) < 0.3  # 1.1 where levels of 1 count as much as those of 8
    assert float((work - make_vectors("texture", stripes, None)).norm()) > 5.0


def test_with_few_works_nothing_is_called_strange():
    """Nine held-out works are too few to tell."""
    vectors, empty = torch.zeros(9, 1), torch.empty(0)
    reference = DatasetReference(torch.arange(9), {"layout": vectors}, {"layout": torch.ones(9)}, empty, empty, 0.0, 9)
    assert (reference.is_strange("layout", 1e9), reference.bound("layout")) == (False, None)


def test_the_heat_lies_where_the_answer_comes_from():
    """A network that looks at the left column alone looks there."""

    class LeftReader(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.maps = torch.nn.Conv2d(1, 2, 1, bias=False)
            torch.nn.init.ones_(self.maps.weight)

        def logits(self, images):
            return self.maps(images)[:, :, :, 0].mean(2)

    images = torch.zeros(1, 1, 4, 4)
    images[..., 0] = 1
    heat = explain_class(LeftReader(), images, 1)
    assert heat.shape == (4, 4)
    assert heat[:, 0].min() > 0
    assert heat[:, 1:].max() == 0
