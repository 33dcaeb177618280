"""What samples are asked to be: classes in turn, or captions of held-out works."""

from types import SimpleNamespace

import torch

from artpipe.artifacts.caption_columns import decode_texts, make_caption_columns
from artpipe.evaluation.generated_samples import generate_samples

SEED = 4


class Painter:
    """Paints white where it has a caption, else black."""

    noise_size = 1

    def __init__(self):
        self.asked = []

    def sample(self, prompt):
        self.asked.append(prompt)
        said = bool(prompt.works.get("captions", torch.zeros(1)).any())
        return torch.full((len(prompt.seeds), 1, 2, 2), float(said))

    def steer(self, noise, steering):
        raise NotImplementedError


def evidence(learner, **held_out):
    params = SimpleNamespace(samples=7, batch_size=3)
    card = SimpleNamespace(spec=SimpleNamespace(classes=("a", "b")))
    return SimpleNamespace(learner=learner, params=params, card=card, seed=SEED, held_out=held_out)


def test_captions_of_held_out_works_are_asked_for_in_turn():
    """Each seed asks for the same caption in whatever block, and the samples have the labels of these works."""
    columns = {name: torch.from_numpy(column) for name, column in make_caption_columns(["cat", "dog", "hen"]).items()}
    found = evidence(Painter(), labels=torch.tensor([0, 1, 1]), images=torch.zeros(3), **columns)
    generate_samples(found)
    rows = [seed % 3 for seed in found.prompt.seeds]
    assert found.prompt.labels.tolist() == [[0, 1, 1][row] for row in rows]
    assert decode_texts(found.learner.asked[-2].works["caption_texts"].tolist()) == ["cat", "dog", "hen"]
    assert [len(prompt.seeds) for prompt in found.learner.asked][-3:] == [3, 3, 1]
    assert found.samples.shape == (7, 1, 2, 2)


def test_without_labels_or_with_gaps_samples_have_none():
    """Where a held-out work has no label, nobody knows what the samples are."""
    columns = {name: torch.from_numpy(column) for name, column in make_caption_columns(["cat", "dog"]).items()}
    for labels in ({}, {"labels": torch.tensor([-1, 1])}):
        found = evidence(Painter(), **labels, **columns)
        generate_samples(found)
        assert found.prompt.labels is None
        assert "captions" in found.prompt.works


def test_without_captions_classes_come_in_turn_where_they_change_something():
    """A painter that does not heed labels is asked for none."""
    found = evidence(Painter(), images=torch.zeros(3))
    generate_samples(found)
    assert found.prompt.labels is None
    assert found.prompt.works == {}
