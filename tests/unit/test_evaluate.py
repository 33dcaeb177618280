"""Planted painters get the verdicts they deserve; the report holds what was scored, byte for byte the same twice."""

import functools
import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from artpipe import evaluate
from artpipe.artifacts import paths
from artpipe.artifacts.checkpoint import CheckpointCard, HistoryRow, save_checkpoint
from artpipe.artifacts.report import PASSING, Finding, Score, load_report
from artpipe.artifacts.shards import ShardSet, ShardWriter, Spec
from artpipe.config.params import EvaluationParams, TrainParams, load_params
from artpipe.contracts.feature_source import FeatureSource
from artpipe.contracts.grading import grade_interval, judge_score
from artpipe.contracts.metric import Evidence, ExtractorSkill, Measurement
from artpipe.contracts.model import Exhibit, Learner, Prompt
from artpipe.errors import UserError
from artpipe.evaluate import draw_rows, evaluate_model, gather_evidence, measure_metrics, write_exhibits
from artpipe.evaluation.decide_verdict import decide_verdict
from artpipe.evaluation.generated_samples import generate_samples
from artpipe.language.sentences import make_sentence
from artpipe.metrics import kid, sharpness, structure
from artpipe.numerics.intervals import Interval, share_interval
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.system.hashing import sha256_file
from artpipe.training.exhibit_files import make_thumbnail
from artpipe.training.restore import build_learner

METRICS = ("training", "accuracy", "kid", "fid", "coverage", "class_entropy", "pair_distance", "memorisation", "blends", "elbo", "sharpness", "structure", "class_certainty", "held_out")  # fmt: skip
CLASSES = ("north", "east", "south", "west")
SIDE = 12
SPEC = Spec(dataset="blobs", channels=1, height=SIDE, width=SIDE, classes=CLASSES, count=600)
BARE = TrainParams(kind="fake", dataset="blobs", pretrained="", feature_extractor="")


def blobs(seeds, labels) -> Tensor:
    """Paint one bright blob per seed into the asked quarter: place, width and brightness vary, so each is its own."""
    grid = torch.arange(SIDE) + 0.5
    pictures = []
    for seed, label in zip(seeds, labels.tolist(), strict=True):
        x, y, width, bright = torch.rand(4, generator=torch.Generator().manual_seed(int(seed))).tolist()
        across = ((grid - SIDE * (0.15 + 0.2 * x + 0.5 * (label % 2))) / (0.8 + 1.2 * width)).square()
        down = ((grid - SIDE * (0.15 + 0.2 * y + 0.5 * (label // 2))) / (0.8 + 1.2 * width)).square()
        pictures.append((0.6 + 0.4 * bright) * (-down[:, None] - across[None]).exp())
    return torch.stack(pictures)[:, None] * 2 - 1


def works(count: int, first: int) -> dict[str, Tensor]:
    seeds, labels = range(first, first + count), torch.arange(count) % len(CLASSES)
    digests = torch.tensor([list(seed.to_bytes(32)) for seed in seeds], dtype=torch.uint8)
    images = to_bytes(blobs(seeds, labels)) if count else torch.empty(0, 1, SIDE, SIDE, dtype=torch.uint8)
    return {"images": images, "labels": labels, "digests": digests}


TRAIN, HELD_OUT = works(600, 1_000), works(300, 5_000)


class Fake(Learner[TrainParams]):
    """A learner that shows nothing of itself."""

    def __init__(self, paint_with=None, weight: float = 0.0):
        super().__init__(BARE, SPEC)
        self.paint_with = paint_with
        self.weight = torch.nn.Parameter(torch.tensor(weight))

    def step(self, batch):
        return {}

    def exhibit(self, prompt):
        return [Exhibit("text", "a poem", "a poem", role="poem")]


class Painter(Fake):
    def sample(self, prompt: Prompt) -> Tensor:
        return self.paint_with(prompt)


class Judge(Fake):
    """A feature extractor: small pictures as features, quarters as classes."""

    def features(self, images: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(images, 2).flatten(1)

    def logits(self, images: Tensor) -> Tensor:
        return 10 * torch.nn.functional.adaptive_avg_pool2d(images, 2).flatten(1)


def card(history=(), rollbacks: int = 0) -> CheckpointCard:
    return CheckpointCard(
        name="fake", kind="fake", params={"rollbacks": 3}, seed=1, shards="", pretrained=None, spec=SPEC,
        steps={"final": 100, "best": 100}, selection="kid", history=tuple(history), rollbacks=rollbacks, files={},
    )  # fmt: skip


def evidence(learner, samples: int = 300, **changes) -> Evidence:
    params = EvaluationParams(metrics=METRICS, samples=samples, reference=300, exhibits=4, batch_size=100)
    found = Evidence(
        learner=learner, card=card(), params=params, seed=1, train=TRAIN, held_out=HELD_OUT, test=HELD_OUT,
        feature_extractor=Judge(), extractor_sha256="f" * 64, extractor_classes=CLASSES,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(found, name, value)
    if isinstance(learner, Painter):
        generate_samples(found)
    return found


def verdict(learner, **changes) -> Finding:
    return decide_verdict(measure_metrics(evidence(learner, **changes)))[1]


def score(found: Evidence, name: str) -> float:
    return next(score.value for one in measure_metrics(found) for score in one.scores if score.name == name)


def fresh(prompt: Prompt) -> Tensor:
    """Paint new works of the asked labels, or of labels by seed."""
    labels = prompt.labels if prompt.labels is not None else torch.tensor([seed % 4 for seed in prompt.seeds])
    return blobs(prompt.seeds, labels)


def by_seed(prompt: Prompt) -> Tensor:
    return fresh(Prompt(prompt.seeds))


def noise_like(pictures: Tensor, scale: float) -> Tensor:
    return scale * torch.randn(pictures.shape, generator=torch.Generator().manual_seed(3))


def replay(prompt: Prompt, only: int = 600) -> Tensor:
    pictures = to_float(TRAIN["images"][[seed % only for seed in prompt.seeds]])
    return pictures + noise_like(pictures, 0.01)


def test_real_works_posing_as_samples_are_good():
    """New works of the real source are good: no metric mistakes them for copies, repeats or a lack of classes."""
    found = evidence(Painter(by_seed))
    findings, verdict = decide_verdict(measure_metrics(found))
    assert {finding.grade for finding in findings} == {"good"}
    assert verdict.grade == "good"
    assert abs(score(found, "kid")) < 0.01
    assert score(found, "copies") < 0.15  # blobs have four dimensions, so 0.5^4 of new works are this near by chance
    assert score(found, "pair_distance") == pytest.approx(1, abs=0.1)
    assert score(found, "sharpness") == pytest.approx(1, abs=0.15)


def test_one_picture_for_all_seeds_is_collapsed():
    """A constant picture, however good, is a total collapse."""
    assert verdict(Painter(lambda prompt: fresh(Prompt([5]))[[0] * len(prompt.seeds)])).fault == "collapsed"


@pytest.mark.nightly
def test_a_faintly_noised_constant_is_collapsed():
    """Noise on top does not hide the collapse."""

    def one(prompt):
        pictures = fresh(Prompt([5]))[[0] * len(prompt.seeds)]
        return pictures + noise_like(pictures, 0.02)

    assert verdict(Painter(one)).fault == "collapsed"


def test_ten_pictures_in_turn_are_collapsed():
    """Ten pictures of all classes over and over have the pair distance of real works; the next one gives them away."""
    found = evidence(Painter(lambda prompt: fresh(Prompt([seed % 10 for seed in prompt.seeds]))))
    finding = decide_verdict(measure_metrics(found))[1]
    assert finding.fault == "collapsed"
    assert score(found, "pair_distance") > 0.8


def test_one_class_for_all_is_a_dropped_class():
    """New pictures of one class alone drop the other three, and they are named."""
    finding = verdict(Painter(lambda prompt: blobs(prompt.seeds, torch.zeros(len(prompt.seeds), dtype=torch.long))))
    assert finding.fault == "class dropped"
    assert "east, south, west" in make_sentence(finding)


def test_an_asked_class_that_is_never_painted_is_dropped():
    """A conditional painter that answers `south` with `north` drops `south`, and agrees three times in four."""
    learner = Painter(lambda prompt: fresh(Prompt(prompt.seeds, prompt.labels * (prompt.labels != 2))))
    found = evidence(learner)
    assert found.prompt.labels is not None
    assert score(found, "asked_agreement") == 0.75
    assert "south" in make_sentence(decide_verdict(measure_metrics(found))[1])


@pytest.mark.nightly
def test_labels_that_change_nothing_of_use_are_ignored():
    """Good pictures of other classes than those asked for are a failure; of those asked for they are good."""
    next_class = Painter(lambda prompt: fresh(Prompt(prompt.seeds, (prompt.labels + 1) % 4)))
    finding = decide_verdict(measure_metrics(evidence(next_class)))[1]
    assert (finding.grade, finding.fault, finding.value) == ("failed", "labels ignored", 0.0)
    marks = (
        "recognised as the class that was asked for, of real works 100%, by chance 25%; pass mark 62%, good from 85%."
    )
    assert marks in make_sentence(finding)
    findings = decide_verdict(measure_metrics(evidence(Painter(fresh))))[0]
    assert [finding.grade for finding in findings if finding.score == "asked_agreement"] == ["good"]


def test_replayed_training_works_are_memorised():
    """A painter that replays its training works, faintly noised, has KID and coverage of real works and is found out."""
    found = evidence(Painter(replay))
    finding = decide_verdict(measure_metrics(found))[1]
    assert (finding.fault, finding.score) == ("memorised", "copies")
    assert score(found, "copies") > 0.95
    assert abs(score(found, "kid")) < 0.01
    pair = next(
        one.tables["memorisation"]["pairs"][0] for one in measure_metrics(found) if "memorisation" in one.tables
    )
    assert pair["digest"] == bytes(TRAIN["digests"][pair["seed"] % 600].tolist()).hex()


@pytest.mark.parametrize(("painted", "expected"), [(24, "memorised"), (6, "collapsed")])
@pytest.mark.nightly
def test_all_of_few_works_are_memorised_some_of_them_collapsed(painted, expected):
    """With 24 training works a painter can but repeat them: all of them over and over is memory, six of them collapse."""
    few = {name: column[:24] for name, column in TRAIN.items()}
    found = evidence(Painter(lambda prompt: replay(prompt, painted)), train=few)
    assert score(found, "next_distance") < 0.2
    assert decide_verdict(measure_metrics(found))[1].fault == expected


def test_one_copy_in_five_is_memorised():
    """A fifth of copies among new works is found, and counted."""

    def some(prompt):
        copies = torch.tensor([seed % 5 == 0 for seed in prompt.seeds])[:, None, None, None]
        return torch.where(copies, replay(prompt), by_seed(prompt))

    found = evidence(Painter(some))
    assert decide_verdict(measure_metrics(found))[1].fault == "memorised"
    assert score(found, "copies") == pytest.approx(0.2 + 0.8 * 0.5**4, abs=0.04)


def test_two_works_over_each_other_are_memorised():
    """Means of two training works are no copy of either, and found; new works are called so as seldom as they say."""

    def lay_over(prompt):
        return (
            replay(prompt) + replay(Prompt([seed + 7 * (1 + seed % 3) for seed in prompt.seeds], prompt.labels))
        ) / 2

    found = evidence(Painter(lay_over))
    [finding] = [finding for finding in decide_verdict(measure_metrics(found))[0] if finding.score == "blends"]
    assert (finding.grade, finding.fault) == ("failed", "memorised")
    assert score(found, "blends") > 0.9
    assert score(found, "copies") < 0.2
    assert score(evidence(Painter(by_seed)), "blends") < 0.1


def test_noise_is_under_trained():
    """What an untrained network paints covers nothing, and its imagined classes are not read."""
    noise = Painter(lambda prompt: torch.stack([torch.randn(1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) for seed in prompt.seeds]))  # fmt: skip
    findings, gravest = decide_verdict(measure_metrics(evidence(noise)))
    assert (gravest.grade, gravest.fault) == ("failed", "under-trained")
    assert [finding.value for finding in findings if finding.score == "coverage"] == [0.0]


@pytest.mark.nightly
def test_an_early_painter_is_under_trained_not_collapsed():
    """Faint differences between pictures unlike any work are a beginning; no difference at all is a collapse."""

    def early(prompt):
        return -by_seed(prompt).mean((2, 3), keepdim=True) + 0.2 * by_seed(prompt)

    found = evidence(Painter(early))
    assert 0.05 < score(found, "pair_distance") < 0.35
    assert decide_verdict(measure_metrics(found))[1].fault == "under-trained"
    assert verdict(Painter(lambda prompt: torch.full((len(prompt.seeds), 1, SIDE, SIDE), 0.3))).fault == "collapsed"


def test_blurs_are_under_trained():
    """Means over 7 by 7 pixels have hardly any of the detail of works, whatever the feature extractor makes of them."""
    found = evidence(Painter(lambda prompt: torch.nn.functional.avg_pool2d(by_seed(prompt), 7, 1, 3)))
    findings, gravest = decide_verdict(measure_metrics(found))
    assert gravest.grade == "failed"
    finding = next(one for one in findings if one.score == "sharpness")
    assert finding.value == score(found, "sharpness") < finding.bound == 0.2
    assert "of the fine detail of real works; pass mark 20%, good from 50%." in make_sentence(finding)


@pytest.mark.nightly
def test_what_is_further_than_shrunk_works_is_under_trained():
    """Faint works under noise are sharp enough: their distance is shown beside that of works of 3 pixels a side."""

    def faint(prompt):
        pictures = by_seed(prompt)
        return (pictures + 1) * 0.15 - 1 + noise_like(pictures, 0.1)

    found = evidence(Painter(faint))
    finding = next(one for one in decide_verdict(measure_metrics(found))[0] if one.score == "kid")
    assert (finding.value, finding.bound) == (score(found, "kid"), score(found, "kid_shrunk"))
    assert finding.value > finding.bound > 0
    assert score(found, "kid_reduced") <= finding.good < finding.bound
    assert "shrunk to 3 pixels a side" in make_sentence(finding)


@pytest.mark.nightly
def test_a_feature_extractor_that_cannot_tell_shrunk_works_asks_for_no_distance():
    """A feature extractor of mean brightness alone sees as much in shrunk works as in works, so no distance is too large for it."""
    dull = Judge()
    dull.features = lambda images: images.mean((2, 3))
    found = evidence(Painter(lambda prompt: by_seed(prompt) + 0.3), feature_extractor=dull)
    assert score(found, "kid") > score(found, "kid_shrunk")
    assert not [one for one in decide_verdict(measure_metrics(found))[0] if one.score == "kid"]


def test_pictures_that_are_no_numbers_are_diverged():
    """A painter whose pictures are NaN has diverged, and no score of the report is NaN."""
    found = evidence(Painter(lambda prompt: by_seed(prompt) * math.nan))
    assert decide_verdict(measure_metrics(found))[1].fault == "diverged"


def test_weights_that_are_no_numbers_are_diverged():
    """A NaN weight is a divergence even where the pictures hide it."""
    assert verdict(Painter(by_seed, weight=math.nan)).fault == "diverged"


def rows(losses, kids=None):
    kids = kids or [None] * len(losses)
    return [
        HistoryRow(step=i, losses=loss, validation={} if kid is None else {"kid": kid})
        for i, (loss, kid) in enumerate(zip(losses, kids, strict=True))
    ]


@pytest.mark.parametrize(
    ("history", "rollbacks", "expected"),
    [
        (rows([{"loss": 1.0}] * 7 + [{"loss": 5_000.0}]), 0, "diverged"),
        (rows([{"loss": 1.0}] * 7 + [{"loss": math.inf}]), 0, "diverged"),
        (rows([{"loss": 1.0}] * 8), 3, ""),  # taken back as often as allowed, and went on
        (rows([{"generator": 9.0, "discriminator": 0.01}] * 8), 0, "discriminator dominates"),
        (rows([{"loss": 1.0e17}] * 8), 0, "diverged"),  # at the first step
        (rows([{"generator": 2.0, "discriminator": 0.4}] * 8), 0, ""),
        (rows([{"discriminator": 0.09, "d_real": 4.9, "d_fake": -4.1}] * 8), 0, "discriminator dominates"),
        (rows([{"discriminator": 0.16, "d_real": 5.8, "d_fake": 3.8}] * 8), 0, ""),  # relativistic and early
        (rows([{"generator": 9.0, "discriminator": -3.0}] * 8), 0, ""),  # a Wasserstein critic
        (rows([{}] * 8, [1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.6, 0.3]), 0, "under-trained"),
        (rows([{}] * 8, [1.0, 0.5, 0.2, 0.1, 0.1, 0.09, 0.08, 0.07]), 0, ""),
        (rows([{}] * 3, [1.0, 0.9, 0.1]), 0, ""),  # too few points for a trend
    ],
)
def test_history_decides(history, rollbacks, expected):
    """Explosions, too many rollbacks, a discriminator without loss and a steep end are read from the history."""
    by_history = EvaluationParams(metrics=METRICS[:1], samples=8, reference=300, exhibits=4)
    found = evidence(Painter(by_seed), samples=8, card=card(history, rollbacks), params=by_history)
    assert decide_verdict([*measure_metrics(found), *measure_fault_free_painter()])[1].fault == expected


@functools.cache
def measure_fault_free_painter() -> tuple[Measurement, ...]:
    """Return what all metrics but the history's say of new works of the real source."""
    found = evidence(Painter(by_seed))
    found.params = found.params.model_copy(update={"metrics": METRICS[1:]})
    return tuple(measure_metrics(found))


def test_a_training_that_was_given_up_has_diverged():
    """Its weights are those of its last good point, so only the mark in its card tells."""
    given_up = card(rows([{"loss": 1.0}] * 8), 3).model_copy(update={"diverged": True})
    assert verdict(Painter(by_seed), card=given_up).fault == "diverged"


def test_few_works_decide_nothing():
    """A painter that would be healthy beside 300 held-out works is undecided beside 15: every ball reaches everything."""
    few = evidence(Painter(by_seed))
    few.held_out = {name: column[:15] for name, column in few.held_out.items()}
    findings, verdict = decide_verdict(measure_metrics(few))
    assert not any(finding.grade in {"failed", "weak"} for finding in findings)
    assert verdict.grade == "cannot tell"
    few = next(finding for finding in findings if finding.score == "held_out_works")
    assert (few.grade, few.value, few.bound) == ("cannot tell", 15, 50)


def skill(right: int, works: int = 57, guess: float = 0.54) -> ExtractorSkill:
    return ExtractorSkill(right / works, guess, works, share_interval(right / works, works))


@pytest.mark.parametrize(("right", "expected"), [(37, "cannot tell"), (55, "good")])
def test_a_feature_extractor_that_guesses_speaks_for_nobody(right, expected):
    """65 % of 57 works, where guessing gives 54 %, may be luck: what such a feature extractor covers is no praise."""
    gravest = decide_verdict(measure_metrics(evidence(Painter(by_seed), extractor_skill=skill(right))))[1]
    assert gravest.grade == expected
    told = "recognises 65% of 57 held-out works (52% to 76%), where guessing gives 54%"
    assert (told in make_sentence(gravest)) == (right == 37)


@pytest.mark.parametrize(("right", "names"), [(37, {"kid"}), (55, {"kid", "kid_by_own_network"})])
def test_a_pretrained_network_judges_beside_a_skilful_classifier_and_alone_without(right, names):
    """It decides; the dataset's own classifier stands beside it only where its skill is shown."""
    network = FeatureSource("vgg16", "v" * 64, lambda images: images.flatten(1), most_pictures=100)
    found = evidence(Painter(by_seed), extractor_skill=skill(right), pretrained=(network,))
    kids = {one.name: one for one in kid.measure(found).scores if one.name in {"kid", "kid_by_own_network"}}
    assert set(kids) == names
    assert (kids["kid"].extractor, kids["kid"].n, kids["kid"].decides) == ("v" * 64, 100, True)
    assert not any(one.decides for name, one in kids.items() if name != "kid")


def test_one_template_a_label_in_many_colours_has_collapsed():
    """Edges do not change with colours, so a painter of four templates is found whatever the feature extractor sees."""

    def templates(prompt):
        pictures = fresh(Prompt([5] * len(prompt.seeds), torch.tensor([seed % 4 for seed in prompt.seeds])))
        tones = torch.rand(len(pictures), 1, 1, 1, generator=torch.Generator().manual_seed(3))
        return (pictures + 1) * (0.3 + 0.7 * tones) - tones

    finding = next(
        one for one in structure.measure(evidence(Painter(templates))).findings if one.score == "next_structure"
    )
    assert (finding.grade, finding.fault) == ("failed", "collapsed")


def test_one_work_is_no_ground_for_a_grade():
    """A score of a single work has no interval, so nobody can tell."""
    finding = judge_score(
        Score(name="style_left", value=0.1, n=1), passing=0.5, good=0.3, wanted="most", code="style_remains",
        values={"share": 0.1, "wanted": 0.5},
    )  # fmt: skip
    assert finding.grade == "cannot tell"
    assert make_sentence(finding).endswith("Too few works to tell: 1; more of them, held out or made, would tell.")


def test_what_is_not_surely_good_is_fair_and_says_so():
    """A number beyond the mark of good whose interval reaches back over it is fair; a share is said in per cent."""
    score = Score(name="content_distance", value=0.74, n=4, low=0.57, high=0.91)
    finding = judge_score(
        score, passing=0.95, good=0.8, wanted="most", code="content_lost", values={"share": 0.74, "wanted": 0.95}
    )
    assert finding.grade == "fair"
    assert make_sentence(finding).endswith(
        "Fair, not good: with 95 % certainty it is between 57% and 91%, so not surely good."
    )
    raw = judge_score(
        score, passing=0.95, good=0.8, wanted="most", code="form_kept", values={"usual": 1.0, "wanted": 0.95}
    )
    assert raw.code == "not_surely_good"


def noisy(level):
    return lambda prompt: by_seed(prompt) + noise_like(by_seed(prompt), 2 * level)


def test_noise_on_plain_ground_is_weak_and_a_little_is_good():
    """Of works without noise, on black that cuts off half of it: 1 % of the range is good, 6 % fair, and 20 % weak."""
    grades = {}
    for level in (0.01, 0.06, 0.2):
        measured = sharpness.measure(evidence(Painter(noisy(level))))
        grades[level] = next(one.grade for one in measured.findings if one.score == "noise_level")
    assert grades == {0.01: "good", 0.06: "fair", 0.2: "weak"}


@pytest.mark.parametrize(
    ("value", "low", "high", "remedy"),
    [
        (1.5, -0.5, 3.5, "About 8 measured works in place of 4 would tell."),  # 2 beyond 1.5: 16 / 9 times as many
        (1.5, -0.001, 3.1, "About 5 measured works in place of 4 would tell."),
        (0.1, -2.0, 2.2, "It is so near its pass mark that more works alone would hardly tell."),
        (-1.0, -3.0, 1.0, "About 16 measured works in place of 4 would tell."),
    ],
)
def test_what_cannot_be_told_says_what_would_tell(value, low, high, remedy):
    """So many works that the interval, which narrows with their root, ends at the pass mark."""
    score = Score(name="psnr_gain", value=value, n=4, low=low, high=high)
    finding = judge_score(
        score, passing=0.0, good=0.5, code="style_remains", values={"share": value, "wanted": 0.0}
    )  # fmt: skip
    assert finding.grade == "cannot tell"
    assert make_sentence(finding).endswith(remedy)


@pytest.mark.parametrize(
    ("low", "high", "grade"),
    [(0.0, 0.05, "failed"), (0.1, 0.2, "weak"), (0.2, 0.4, "cannot tell"), (0.35, 0.9, "fair"), (0.7, 0.9, "good")],
)
def test_an_interval_has_to_lie_on_one_side_of_the_pass_mark(low, high, grade):
    """Beyond the good mark it is good; where it reaches over the pass mark nobody can tell; the same mirrored."""
    marks = {"failing": 0.1, "passing": 0.3, "good": 0.6}
    assert grade_interval(Interval(low, high), **marks) == grade
    mirrored = {name: -mark for name, mark in marks.items()}
    assert grade_interval(Interval(-high, -low), wanted="most", **mirrored) == grade


def test_a_poor_feature_extractor_hides_no_fault():
    """A painter of noise stays under-trained, whoever looks."""
    painter = Painter(lambda prompt: by_seed(prompt) * 0 + torch.rand(len(prompt.seeds), 1, SIDE, SIDE) * 2 - 1)
    found = decide_verdict(measure_metrics(evidence(painter, extractor_skill=skill(37))))[1]
    assert (found.grade, found.fault) == ("failed", "under-trained")


class Coder(Fake):
    """An autoencoder that says `nats` about each work, in as many active dimensions as `active` of four."""

    def __init__(self, nats: float, active: int):
        super().__init__()
        self.nats, self.active = nats, active

    def posterior(self, images):
        means = images.flatten(1)[:, 40:44] * (torch.arange(4) < self.active) + 3
        return means + images.mean((1, 2, 3))[:, None] * (torch.arange(4) < self.active), torch.zeros_like(means)

    def reconstruct(self, images):
        return images

    def elbo_terms(self, images):
        return {"reconstruction": torch.full((len(images),), 7.0), "kl": torch.full((len(images),), self.nats)}


def test_an_ignored_code_is_a_posterior_collapse():
    """A code that says nothing is a collapse, whatever the reconstruction term; one that says something is healthy."""
    assert verdict(Coder(0.01, 0)).fault == "posterior collapsed"
    assert verdict(Coder(3.0, 3)).grade == "good"


def test_a_code_that_holds_more_than_a_picture_has_diverged():
    """All bytes of a picture tell ln 256 nats each; no code of it that learns costs more."""
    most = HELD_OUT["images"][0].numel() * math.log(256)
    assert verdict(Coder(0.9 * most, 3)).grade == "good"
    assert verdict(Coder(1.1 * most, 3)).fault == "diverged"


def test_elbo_by_hand():
    """The ELBO is minus reconstruction minus KL, and active units are those whose mean moves."""
    found = evidence(Coder(3.0, 3))
    assert score(found, "elbo") == -10.0
    assert score(found, "active_units") == 3


def test_a_judge_is_scored_on_the_whole_test_split():
    """The feature extractor of the blobs is always right on all 300 of them, though only 50 were drawn for the others."""
    found = evidence(Judge(), held_out=draw_rows(HELD_OUT, 50, 1))
    accuracy = next(one for m in measure_metrics(found) for one in m.scores if one.name == "accuracy")
    assert (accuracy.value, accuracy.n) == (1.0, 300)
    assert decide_verdict(measure_metrics(found))[1].grade == "good"


def test_guessing_is_under_trained():
    """A judge that always says the same is no better than guessing, and the classes it never says are named."""
    learner = Judge()
    learner.logits = lambda images: torch.eye(4)[[1] * len(images)]
    findings, gravest = decide_verdict(measure_metrics(evidence(learner)))
    assert [finding.grade for finding in findings] == ["failed", "cannot tell"]
    assert findings[0].fault == "class dropped"
    assert "north, south, west" in make_sentence(gravest)


def test_a_judge_of_rotations_is_asked_about_rotations():
    """Where there are no classes, the lesson is the quarter turn: a perfect eye for it scores 1."""
    upright = torch.zeros(40, 1, 8, 8, dtype=torch.uint8)
    upright[:, :, 0] = 255
    learner = Judge()
    learner.logits = lambda images: 9 * torch.stack([images[:, 0, 0].mean(1), images[:, 0, :, 0].mean(1), images[:, 0, -1].mean(1), images[:, 0, :, -1].mean(1)], 1)  # fmt: skip
    bare = card().model_copy(update={"spec": SPEC.model_copy(update={"classes": ()})})
    found = evidence(learner, card=bare, test={"images": upright}, held_out={"images": upright}, extractor_classes=())
    (measured,) = [one for one in measure_metrics(found) if "accuracy" in one.tables]
    accuracy = next(one for one in measured.scores if one.name == "accuracy")
    assert (accuracy.value, accuracy.n) == (1.0, 40)  # each work is turned every way, and counts once
    assert measured.tables["accuracy"]["confusion"] == (40 * torch.eye(4, dtype=torch.int64)).tolist()
    assert measured.tables["accuracy"]["lesson"] == "turns"
    assert make_sentence(measured.findings[0]) == (
        "Gets the rotation right 100.0% of the time, on 40 held-out works; pass mark 25%, which guessing gives, good from 62%."
    )


def test_twenty_held_out_works_are_enough_for_a_report():
    """A hundred paintings: counts shrink, k shrinks, what cannot be told is left out, and nothing fails."""
    small = {"train": works(80, 1_000), "held_out": works(20, 5_000), "test": works(20, 5_000)}
    found = evidence(Painter(by_seed), samples=40, **small)
    half = next(one for m in measure_metrics(found) for one in m.scores if one.name == "kid_real")
    assert (half.n, half.low is None) == (10, False)
    assert decide_verdict(measure_metrics(found))[1].grade == "cannot tell"


@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.nightly
def test_hardly_any_held_out_work(count):
    """Down to no held-out work at all there is a report."""
    assert verdict(Painter(by_seed), held_out=works(count, 5_000), test=works(count, 5_000)).grade


def test_without_a_feature_extractor_small_pictures_measure():
    """Without a feature extractor the extractor is named `pixels`; a collapse and a copy are found all the same."""
    bare = {"feature_extractor": None, "extractor_sha256": None, "extractor_classes": ()}
    assert evidence(Painter(by_seed), **bare).extractor_id == "pixels"
    assert verdict(Painter(by_seed), **bare).grade in PASSING
    assert verdict(Painter(replay), **bare).fault == "memorised"


def test_a_feature_extractor_of_other_classes_reads_none():
    """A feature extractor that tells other classes measures distances, but its readings are left out."""
    found = evidence(Painter(by_seed), extractor_classes=("a", "b"))
    names = {score.name for one in measure_metrics(found) for score in one.scores}
    assert "kid" in names
    assert "class_entropy" not in names


def test_what_a_learner_measures_itself_is_its_score():
    """A kind that is neither painter nor judge brings its own measure; infinite values are no score."""
    learner = Fake()
    learner.validate = lambda _: {"nll": 4.5, "bad": math.inf}
    assert [one.name for m in measure_metrics(evidence(learner)) for one in m.scores] == ["steps", "held_out_nll"]


def test_labels_are_asked_where_they_are_heeded():
    """A painter that ignores labels is not asked for any, so no agreement is invented for it."""
    assert evidence(Painter(by_seed)).prompt.labels is None
    assert evidence(Painter(fresh)).prompt.labels[:5].tolist() == [0, 1, 2, 3, 0]


def test_the_gravest_finding_is_the_verdict():
    """Findings are ordered by gravity, not by the order of the metrics."""
    some = [Finding(verdict=v, score="s", value=1, bound=0, sentence="") for v in ("under-trained", "collapsed", "memorised")]  # fmt: skip
    findings, gravest = decide_verdict([Measurement(findings=some)])
    assert [finding.fault for finding in findings] == ["collapsed", "memorised", "under-trained"]
    assert gravest.fault == "collapsed"


def test_draw_is_a_function_of_the_seed():
    """The same seed draws the same works, another seed others, and never one twice."""
    first, again, other = (draw_rows(HELD_OUT, 50, seed)["digests"].tolist() for seed in (1, 1, 2))
    assert first == again != other
    assert len({tuple(row) for row in first}) == 50


def test_thumbnail_keeps_small_pictures_and_shapes():
    """A small picture stays as it is; a large one keeps its proportions."""
    small, large = torch.zeros(3, 20, 10, dtype=torch.uint8), torch.full((3, 200, 100), 7, dtype=torch.uint8)
    assert make_thumbnail(small, 64) is small
    assert make_thumbnail(large, 64).shape == (3, 64, 32)
    assert make_thumbnail(large, 64).unique().tolist() == [7]


PARAMS = """\
format: 2
seed: 1
datasets:
  blobs: {medium: picture, source: folder, path: datasets/blobs, about: {}, ingest: {}, preprocess: {}}
models:
  judge: {kind: classifier, dataset: blobs, pretrained: data/shards/blobs, feature_extractor: judge, width: 4, max_width: 8}
  coder: {kind: vae, dataset: blobs, pretrained: data/shards/blobs, feature_extractor: judge, width: 4, max_width: 4, hidden: 8, latent_dim: 2, plane: 3}
  painter: {kind: gan, dataset: blobs, pretrained: data/shards/blobs, feature_extractor: judge, latent_dim: 4, generator_width: 4, discriminator_width: 4, least_width: 4}
  lost: {kind: vae, dataset: blobs, pretrained: data/shards/blobs, feature_extractor: coder, width: 4, max_width: 4, hidden: 8, latent_dim: 2}
evaluation:
  metrics: [training, accuracy, kid, fid, coverage, class_entropy, pair_distance, memorisation, elbo, sharpness, held_out]
  samples: 40
  reference: 30
  exhibits: 6
  importance_samples: 2
gallery: {sections: []}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with blobs as shards and three untrained checkpoints, made the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    writer = ShardWriter(paths.shards("blobs"))
    writer.add("train", TRAIN)
    writer.add("test", {name: column[:60] for name, column in HELD_OUT.items()})
    shards = writer.close(SPEC, works="", params={}, mean=(0.1,), std=(0.2,))
    torch.manual_seed(1)
    for name, entry in load_params().models.items():
        learner = build_learner(name, entry, SPEC)
        weights = learner.state_dict()
        made = card().model_copy(
            update={"name": name, "kind": entry["kind"], "params": learner.params.model_dump(mode="json"), "shards": shards}
        )  # fmt: skip
        paths.checkpoint(name).mkdir(parents=True)
        save_checkpoint(paths.checkpoint(name), made, {"final": weights, "best": weights})
    return tmp_path


def test_the_skill_of_a_feature_extractor_is_measured_on_held_out_works(project):
    """How often it is right, beside how often the commonest class comes."""
    skill = gather_evidence("painter", load_params(), ShardSet.open(paths.shards("blobs")))[0].extractor_skill
    assert (skill.works, skill.guess) == (30, pytest.approx(0.25, abs=0.15))
    assert skill.interval.contains(skill.share)
    assert not skill.is_shown


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def compared_bytes(name: str) -> dict[str, bytes]:
    return {**folder_bytes(paths.plots(name)), "metrics": paths.metrics(name).read_bytes()}


@pytest.mark.parametrize(
    "name", ["painter", *(pytest.param(each, marks=pytest.mark.nightly) for each in ("judge", "coder"))]
)
def test_report_is_the_same_twice(project, name, capsys):
    """Two evaluations write the same bytes, and the report holds hashes of all that lies beside it."""
    evaluate_model(name)
    first, compared = folder_bytes(paths.report(name)), compared_bytes(name)
    evaluate_model(name)
    assert folder_bytes(paths.report(name)) == first
    assert compared_bytes(name) == compared
    report, _ = load_report(paths.report(name))
    kept = {exhibit.file: exhibit.sha256 for exhibit in report.exhibits} | report.works
    kept |= {report.live.file: report.live.sha256} if report.live else {}
    assert {file: sha256_file(paths.report(name) / file) for file in kept} == kept
    assert set(first) == {*kept, "report.json", "report.json.sha256", "scores.json"}
    assert f"{name}: {report.verdict.grade}" in capsys.readouterr().out
    assert report.checkpoint == sha256_file(paths.checkpoint(name) / "checkpoint.json")
    assert report.feature_extractor == sha256_file(paths.checkpoint("judge") / "checkpoint.json")


def test_what_was_scored_is_what_hangs(project):
    """The hung samples have consecutive seeds, and their pixels are those the checkpoint paints for these seeds."""
    from PIL import Image

    evaluate_model("coder")
    report, _ = load_report(paths.report("coder"))
    hung = [exhibit for exhibit in report.exhibits if exhibit.role == "sample"]
    assert [exhibit.seed for exhibit in hung] == list(range(200_000, 200_006))  # params.yaml says seed 1
    learner, _, _ = evaluate.restore_learner(paths.checkpoint("coder"))
    painted = to_bytes(learner.sample(Prompt([exhibit.seed for exhibit in hung])))
    for exhibit, picture in zip(hung, painted, strict=True):
        pixels = torch.tensor(list(Image.open(paths.report("coder") / exhibit.file).tobytes()), dtype=torch.uint8)
        assert (pixels.int() - picture.flatten().int()).abs().max() <= 1
    assert all(len(exhibit.neighbours) == 4 for exhibit in hung)
    assert all(0 < exhibit.certainty <= 1 for exhibit in hung)
    assert all(list(e.neighbours) == sorted(e.neighbours, key=lambda near: near.distance) for e in hung)


def test_other_roles_hang_too(project):
    """Reconstructions, planes, explanations and the nearest pairs hang beside the samples, with the works they show."""
    evaluate_model("coder")
    evaluate_model("judge")
    report, _ = load_report(paths.report("coder"))
    assert {exhibit.role for exhibit in report.exhibits} == {"sample", "reconstruction", "plane", "nearest pair"}
    shown = next(exhibit for exhibit in report.exhibits if exhibit.role == "reconstruction")
    assert f"works/{shown.digests[0][:16]}.png" in report.works
    report, _ = load_report(paths.report("judge"))
    assert {exhibit.role for exhibit in report.exhibits} >= {"explanation"}


def test_report_is_plain_json_without_a_clock(project):
    """Nothing volatile stands in a report: no time, no host, no path of this machine."""
    evaluate_model("painter")
    text = (paths.report("painter") / "report.json").read_text()
    assert str(project) not in text
    assert "time" not in json.loads(text)


def test_a_feature_extractor_that_cannot_measure_is_refused(project):
    """A feature extractor that is no classifier is one clear line, and no report is left behind."""
    with pytest.raises(UserError, match=r"`models\.lost\.feature_extractor` is 'coder', a vae that measures nothing"):
        evaluate_model("lost")
    assert not paths.report("lost").exists()


def test_a_checkpoint_of_other_works_is_refused(project):
    """A checkpoint that learned from other shards is not measured against these."""
    writer = ShardWriter(paths.shards("blobs"))
    writer.add("train", works(50, 9_000))
    writer.add("test", works(10, 9_500))
    writer.close(SPEC, works="", params={}, mean=(0.1,), std=(0.2,))
    with pytest.raises(UserError, match="learned from other works"):
        evaluate_model("coder")


@pytest.mark.parametrize(
    ("counts", "found"),
    [({"train": 9, "validation": 3, "test": 4}, 4), ({"train": 9, "validation": 3, "test": 1}, 3),
     ({"train": 9, "validation": 1, "test": 1}, 2), ({"train": 9}, 9)],
)  # fmt: skip
def test_a_tiny_test_split_falls_back(tmp_path, counts, found):
    """Fewer than two test works: validation works serve, then both, then the training works themselves."""
    writer = ShardWriter(tmp_path)
    for split, count in counts.items():
        writer.add(split, works(count, 1_000))
    writer.close(SPEC, works="", params={}, mean=(0.1,), std=(0.2,))
    assert len(evaluate._load_held_out_split(ShardSet.open(tmp_path))["images"]) == found


def test_parts_are_written_beside_their_exhibit(tmp_path):
    """What belongs to an exhibit becomes a file of its own, named after both, with its hash in the report."""

    class Mender(Fake):
        def exhibit(self, prompt):
            before, after = (torch.full((1, 2, 2), value) for value in (-1.0, 1.0))
            return [Exhibit("image", after, "mended", role="repair", parts={"before": before, "midi": b"MThd"})]

    (hung,) = write_exhibits(evidence(Mender()), [], tmp_path)
    assert hung.file == "exhibits/repair-000.png"
    assert {name: part.file for name, part in hung.parts.items()} == {
        "before": "exhibits/repair-000-before.png",
        "midi": "exhibits/repair-000-midi.mid",
    }
    for part in (hung, *hung.parts.values()):
        assert sha256_file(tmp_path / part.file) == part.sha256
