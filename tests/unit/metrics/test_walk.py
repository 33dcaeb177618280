"""The walk: a loop that passes its anchors, in steps that look alike, as a film that is the same twice."""

import math
import subprocess

import pytest
import torch

from artpipe.artifacts.caption_columns import encode_texts
from artpipe.artifacts.checkpoint import CheckpointCard
from artpipe.artifacts.shards import Spec
from artpipe.config.params import EvaluationParams, WalkParams
from artpipe.contracts.metric import Evidence, Measurement
from artpipe.contracts.model import Exhibit, LatentWalker, Prompt
from artpipe.evaluate import write_exhibits
from artpipe.evaluation import latent_path, video
from artpipe.language.sentences import make_sentence
from artpipe.metrics import walk
from artpipe.models import gan, vae

SPEC = Spec(dataset="any", channels=1, height=8, width=8, classes=("a", "b", "c"), count=40)
CARD = CheckpointCard(
    name="any", kind="any", params={}, seed=1, shards="", pretrained=None, spec=SPEC,
    steps={"final": 1, "best": 1}, selection=None, history=(), files={},
)  # fmt: skip
ENTRY = {"kind": "any", "dataset": "any", "pretrained": "x", "feature_extractor": "any"}


class Fake:
    """Paints its noise; certain of a sample's class by the height of its second code."""

    noise_size = 64

    def sample(self, prompt):
        return torch.tanh(prompt.noise(64)).view(-1, 1, 8, 8)

    def walk(self, noise, mix):
        assert mix.shape == (len(noise), 3)
        return torch.tanh(noise).view(-1, 1, 8, 8)

    def exhibit(self, prompt):
        return []

    def features(self, images):
        return images.flatten(1)

    def logits(self, images):
        return images.flatten(1)[:, :3] * 4


def evidence(labels=None, feature_extractor=True, **given) -> Evidence:
    prompt = Prompt(range(30), labels)
    params = EvaluationParams(metrics=(), walk={"seconds": 1, "fps": 12, "side": 32, **given})
    samples = walk.to_bytes(Fake().sample(prompt))
    return Evidence(
        learner=Fake(), card=CARD, params=params, seed=1, train={}, held_out={"images": samples}, prompt=prompt, samples=samples,
        feature_extractor=Fake() if feature_extractor else None, extractor_classes=SPEC.classes if feature_extractor else (),
    )  # fmt: skip


def test_the_spline_passes_its_anchors_and_closes():
    """At each anchor's time it is the anchor, nowhere shorter than the codes around it, and without a seam."""
    codes = torch.randn(5, 16, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(latent_path.interpolate_spline(codes, torch.arange(5) / 5), codes, atol=1e-5)
    times = torch.linspace(0, 1, 1001)[:-1]
    path = latent_path.interpolate_spline(codes, times)
    assert path.norm(dim=1).min() >= codes.norm(dim=1).min() - 1e-4
    steps = (path - path.roll(-1, 0)).norm(dim=1)
    assert float(steps[-1]) < 1.2 * float(steps[-2])


def test_shares_are_blended_linearly():
    """Halfway between two anchors each has half; the last one leads back to the first."""
    found = latent_path.interpolate_linear(torch.eye(2), torch.tensor([0.0, 0.25, 0.5, 0.75]))
    assert found.tolist() == [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.5, 0.5]]


def test_steps_become_even():
    """A loop that hurries and dawdles by 10 to 1 is walked in even steps; what stands still stays as it is."""

    def hurried(times):
        angle = 2 * math.pi * (times + 0.13 * torch.sin(2 * math.pi * times))
        return torch.stack([angle.cos(), angle.sin()], 1)

    looks = [lambda frames: frames]
    assert latent_path.even_out_steps(hurried, looks, 48, 1)[1] > 1.7
    assert latent_path.even_out_steps(hurried, looks, 48, 12)[1] < 1.02
    frames, ratio = latent_path.even_out_steps(lambda times: torch.zeros(len(times), 2), looks, 8, 3)
    assert (len(frames), ratio) == (8, 1.0)


def test_what_is_even_enough_is_not_painted_again():
    """The rounds end with the first whose largest step is small enough."""
    painted = []

    def hurried(times):
        painted.append(times)
        angle = 2 * math.pi * (times + 0.13 * torch.sin(2 * math.pi * times))
        return torch.stack([angle.cos(), angle.sin()], 1)

    _, ratio = latent_path.even_out_steps(hurried, [lambda frames: frames], 48, 12, enough=1.1)
    assert ratio <= 1.1
    assert 1 < len(painted) < 6


def test_no_look_is_forgotten():
    """Two looks that disagree share the steps: neither sees one much larger than the mean."""

    def bent(times):
        t = 2 * math.pi * times
        return torch.stack([t.cos(), t.sin(), (t + 0.8 * torch.sin(t)).cos(), (t + 0.8 * torch.sin(t)).sin()], 1)

    looks = [lambda frames: frames[:, :2], lambda frames: frames[:, 2:]]
    assert latent_path.even_out_steps(bent, looks[:1], 64, 8)[1] < 1.01
    assert 1.01 < latent_path.even_out_steps(bent, looks, 64, 12)[1] < 1.5


@pytest.mark.parametrize(
    ("shape", "side", "large"),
    [((1, 28, 28), 448, (448, 448)), ((3, 64, 48), 448, (448, 336)), ((3, 33, 20), 100, (66, 40)), ((1, 301, 200), 100, (602, 400))],
)  # fmt: skip
def test_films_grow_by_whole_even_factors(shape, side, large):
    """Every pixel stays a square, both sides are even, colour has three channels."""
    frames = torch.arange(math.prod(shape)).remainder(251).to(torch.uint8).view(1, *shape)
    found = video.enlarge_frames(frames, side)
    assert found.shape[1:] == (3, *large)
    factor = large[0] // shape[1]
    assert torch.equal(found[:, :1, ::factor, ::factor], frames[:, :1])


def test_films_of_shrunken_works_are_enlarged_softly():
    """As their pictures on the walls: between a dark and a light pixel there are others; of pixel art there are not."""
    frames = torch.tensor([[0, 200], [0, 200]], dtype=torch.uint8).expand(1, 3, 2, 2)
    assert video.enlarge_frames(frames, 8).unique().tolist() == [0, 200]
    soft = video.enlarge_frames(frames, 8, soft=True)
    assert soft.shape == (1, 3, 8, 8)
    assert len(soft.unique()) > 3


@pytest.mark.parametrize(("colours", "channels", "soft"), [(200, 3, True), (4, 3, False), (200, 1, False)])
def test_works_of_many_colours_make_soft_films(colours, channels, soft):
    """Grey works are shown as squares, as on the walls."""
    works = torch.randint(colours, (5, channels, 16, 16), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    assert walk.are_shrunk(works) is soft
    assert not walk.are_shrunk(torch.empty(0))


def test_a_film_passes_what_was_asked_for_in_words():
    """Each anchor of the loop is all of its sample's caption."""
    seen = []

    class Worded(Fake):
        def walk_captions(self, noise, captions, shares):
            seen.append((captions, shares))
            return self.walk(noise, torch.zeros(len(noise), 3))

    given = evidence(feature_extractor=False, anchors=3)
    given.learner, given.prompt = (
        Worded(),
        Prompt(range(30), None, {"caption_texts": torch.from_numpy(encode_texts(["a", "b"]))}),
    )
    frames = walk._render_frames(given, [(0, None), (9, None), (20, None)], torch.arange(6) / 6)
    assert len(frames) == 6
    ((captions, shares),) = seen
    assert captions == ["a", "b", "a"]
    assert torch.allclose(shares[::2], torch.eye(3))


def test_anchors_are_the_surest_of_each_class_in_turn():
    """As many of each class as there is room for, in the order of the classes; without a feature extractor spread over what hangs."""
    given = evidence()
    judged = given.class_probabilities("samples")
    stops = walk.choose_waypoints(given, 5)
    assert [label for _, label in stops] == [0, 0, 1, 1, 2]
    assert stops[0][0] == max((i for i in range(30) if judged[i].argmax() == 0), key=lambda i: judged[i, 0])
    assert len(set(stops)) == 5
    asked = evidence(torch.tensor([2, 1, 0] * 10))
    assert all(asked.prompt.labels[row] == label for row, label in walk.choose_waypoints(asked, 3))
    assert walk.choose_waypoints(evidence(feature_extractor=False), 4) == [(0, None), (6, None), (12, None), (18, None)]


def test_a_film_is_the_same_twice_and_as_asked():
    """The same bytes; H.264, yuv420p, enlarged, of the asked length."""
    first, second = walk.measure(evidence()), walk.measure(evidence())
    assert first == second
    (exhibit,) = first.exhibits
    assert (exhibit.kind, exhibit.role, make_sentence(exhibit.caption)) == ("video", "walk", "from a to c and back")
    assert first.exhibits[0].parts["webm"] == second.exhibits[0].parts["webm"]
    assert first.scores[0].name == "walk_evenness"
    assert 1 <= first.scores[0].value <= 1.5
    said = subprocess.run(
        [video.find_ffmpeg(), "-i", "-", "-f", "null", "-"], check=False, input=exhibit.data, capture_output=True
    ).stderr
    assert b"h264" in said
    assert b"yuv420p" in said
    assert b"32x32" in said
    assert b"frame=   12" in said
    assert exhibit.parts["poster"].startswith(b"\x89PNG")


def test_films_come_in_both_forms():
    """Some browsers play only one of them: the first asked for is the work, the other a part of it."""
    (exhibit,) = walk.measure(evidence()).exhibits
    assert exhibit.data[4:8] == b"ftyp"
    assert exhibit.parts["webm"].startswith(b"\x1aE\xdf\xa3")
    (exhibit,) = walk.measure(evidence(forms=("webm",))).exhibits
    assert exhibit.data.startswith(b"\x1aE\xdf\xa3")
    assert list(exhibit.parts) == ["poster"]


def test_without_ffmpeg_it_is_measured_and_said(monkeypatch, capsys):
    """A machine without ffmpeg has the score, no film, and one line."""
    monkeypatch.setattr(video, "find_ffmpeg", lambda: None)
    measured = walk.measure(evidence())
    assert (len(measured.scores), len(measured.exhibits)) == (1, 0)
    assert "no ffmpeg here" in capsys.readouterr().err


def test_a_failing_ffmpeg_is_one_line(monkeypatch, capsys):
    """What it says is passed on, and evaluation goes on."""
    monkeypatch.setitem(video._CODECS, "mp4", ["-c:v", "no-such-codec"])
    (exhibit,) = walk.measure(evidence()).exhibits
    assert exhibit.data.startswith(b"\x1aE\xdf\xa3")
    assert capsys.readouterr().err.startswith("artpipe: ffmpeg made no mp4 of the walk")


def test_it_applies_to_who_can_walk():
    """No film of no seconds, of a learner without codes, or of two samples."""
    assert walk.METRIC.applies(evidence())
    assert not walk.METRIC.applies(evidence(seconds=0))
    bare = evidence()
    bare.learner = object()
    assert not walk.METRIC.applies(bare)
    few = evidence()
    few.samples = few.samples[:2]
    assert not walk.METRIC.applies(few)


@pytest.mark.parametrize(
    "wrong", [{"seconds": -1}, {"anchors": 2}, {"fps": 0}, {"truncation": 0}, {"forms": ["gif"]}, {"forms": []}]
)
def test_a_walk_nobody_can_make_is_refused(wrong):
    """Numbers out of range are the person's mistake."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        WalkParams.model_validate(wrong)


@pytest.mark.parametrize("model", [gan.MODEL, vae.MODEL])
def test_painters_walk_where_they_paint(model):
    """At a sample's own noise and class the walk shows the sample; in between it shows something between."""
    torch.manual_seed(1)
    learner = model.build(model.params.model_validate(ENTRY), SPEC, None).eval()
    assert isinstance(learner, LatentWalker)
    prompt = Prompt(range(6), torch.tensor([0, 1, 2, 0, 1, 2]))
    noise = prompt.noise(learner.noise_size)
    mix = torch.nn.functional.one_hot(prompt.labels, 3).float()
    assert torch.allclose(learner.walk(noise, mix), learner.sample(prompt), atol=1e-5)


def test_a_gan_without_labels_walks_too():
    """The classic generator heeds no label and takes any shares."""
    entry = {**ENTRY, "architecture": "dcgan"}
    learner = gan.MODEL.build(gan.MODEL.params.model_validate(entry), SPEC, None).eval()
    assert learner.walk(torch.randn(2, learner.noise_size), torch.zeros(2, 3)).shape == (2, 1, 8, 8)


def test_what_a_metric_made_hangs(tmp_path):
    """An exhibit of a metric is written with its parts."""
    made = Exhibit("video", b"\x1aE\xdf\xa3film", "a walk", "walk", 3, parts={"poster": b"\x89PNG"})
    (hung,) = write_exhibits(evidence(), [Measurement(exhibits=[made])], tmp_path)[-1:]
    assert (hung.file, hung.seed, hung.parts["poster"].file) == (
        "exhibits/walk-000.webm",
        3,
        "exhibits/walk-000-poster.png",
    )
    assert (tmp_path / hung.file).read_bytes() == made.data
