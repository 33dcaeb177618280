"""Two models side by side: what may be compared, with which interval, and why something may not."""

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champion, ChampionHistory, Champions, save_champions
from artpipe.artifacts.report import Finding, ReportCard, Score
from artpipe.artifacts.shards import Spec
from artpipe.language.sentences import make_sentence
from artpipe.tracking.score_comparison import Measured, compare_scores, estimate_difference
from tests.support import toy_comparison

SPEC = Spec(dataset="d", channels=1, height=8, width=8, classes=(), count=9)
FINDING = Finding(verdict="healthy", score="kid", value=0.5, bound=0.3, sentence="So it is.")


def kid(value: float, spread: float | None = 0.01, **more) -> Score:
    told = {"name": "kid", "n": 100, "better": "lower", "extractor": "r" * 64, "code": "", **more}
    return Score(value=value, spread=spread, **told)


def measured(label: str, *scores: Score, shards: str = "d" * 64, spec: Spec = SPEC, dataset: str = "d") -> Measured:
    report = ReportCard(
        model=label, kind="gan", dataset=dataset, checkpoint="c", shards=shards, feature_extractor=None, verdict=FINDING,
        findings=(), scores=scores, exhibits=(),
    )  # fmt: skip
    return Measured(label, report, spec)


def test_an_interval_by_hand():
    """Spreads 3 and 4 make 5; the difference 10 lies between 10 - 9.8 and 10 + 9.8, so it leaves zero: of a distance, worse."""
    first, second = kid(20.0, 3.0), kid(30.0, 4.0)
    interval = estimate_difference(first, second)
    assert (interval.low, interval.high) == (pytest.approx(0.2002, abs=1e-4), pytest.approx(19.7998, abs=1e-4))
    (pair,) = compare_scores(measured("a", first), measured("b", second))
    assert (pair.outcome, pair.refusal) == ("worse", None)
    (pair,) = compare_scores(measured("a", kid(20.0, 3.0)), measured("b", kid(29.0, 4.0)))
    assert (pair.outcome, pair.difference) == ("unclear", 9)
    (pair,) = compare_scores(measured("a", kid(20.0, None)), measured("b", second))
    assert (pair.difference, pair.low, pair.outcome) == (10, None, "")


@given(*[st.floats(-1e6, 1e6)] * 2, *[st.floats(0, 1e3)] * 2, st.sampled_from(["lower", "higher"]))
def test_the_order_of_two_models_does_not_matter(value, other, spread, other_spread, better):
    """The other way round the difference has the other sign, the same width, and better is worse."""
    first, second = (
        measured(name, kid(number, width, better=better))
        for name, number, width in (("a", value, spread), ("b", other, other_spread))
    )
    (there,), (back,) = compare_scores(first, second), compare_scores(second, first)
    assert there.difference == -back.difference
    assert math.isclose(there.low, -back.high, abs_tol=1e-6)
    assert {there.outcome, back.outcome} in ({"better", "worse"}, {"unclear"})


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        (measured("b", kid(1.0, extractor="s" * 64)), "other feature extractors: rrrrrrrr and ssssssss"),
        (measured("b", kid(1.0), spec=SPEC.model_copy(update={"width": 16})), "other sizes: 8×8×1 and 16×8×1"),
        (measured("b", kid(1.0), shards="e" * 64), "other works: d dddddddd and d eeeeeeee"),
        (measured("b", kid(1.0, basis="f" * 16)), "other works: eeeeeeee and ffffffff"),
        (measured("b", kid(1.0, basis="e" * 16, settings="samples=9")), "other settings: samples=8 and samples=9"),
        (measured("b", kid(1.0, basis="e" * 16, settings="samples=8", n=1_000)), "other numbers of samples: 100 and 1,000"),
        (measured("b", kid(1.0, settings="samples=8")), "b has it from before scores said which works"),
        (measured("b", kid(1.0, basis="e" * 16)), "b has it from before scores said with which settings"),
        (measured("b", kid(1.0), dataset="e", spec=SPEC.model_copy(update={"width": 16})), "other datasets: d and e"),
        (measured("b"), "Only a has this score"),
    ],
)  # fmt: skip
def test_what_does_not_compare_says_why(second, sentence):
    """Another extractor, size, split or number of samples: no difference is told, in either language."""
    (pair,) = compare_scores(measured("a", kid(2.0, basis="e" * 16, settings="samples=8")), second)
    assert sentence in make_sentence(pair.refusal)
    assert re.search(r"[\u3400-\u9fff]", make_sentence(pair.refusal, "zh"))
    assert (pair.difference, pair.low, pair.outcome) == (None, None, "")


def test_what_is_measured_of_real_works_alone_is_no_score_of_a_model():
    """An anchor is left out, whatever it is called, and so are the steps of a training; it stands beside the scores."""
    anchor = kid(1.0).model_copy(update={"name": "kid_real", "is_anchor": True})
    steps = kid(900.0).model_copy(update={"name": "steps"})
    (pair,) = compare_scores(*(measured(name, kid(1.0, real=0.5), anchor, steps) for name in "ab"))
    assert (pair.name, pair.real_works) == ("kid", [0.5])
    (pair,) = compare_scores(measured("a", kid(1.0, real=0.5)), measured("b", kid(1.0, real=0.25)))
    assert pair.real_works == [0.5, 0.25]


def test_a_difference_that_may_be_none_is_told_of_every_score():
    """Also of one that is neither good nor bad; where that leaves zero, it is a difference without a word."""
    (pair,) = compare_scores(*(measured(name, kid(1.0, better="neither")) for name in "ab"))
    assert pair.outcome == "unclear"
    (pair,) = compare_scores(measured("a", kid(1.0, better="neither")), measured("b", kid(9.0, better="neither")))
    assert pair.outcome == ""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A project with two small trained models on drawn pictures, evaluated in name."""
    return toy_comparison.make(tmp_path_factory.mktemp("compare") / "project")


def test_two_models_are_put_side_by_side(made, monkeypatch, artpipe, tmp_path):
    """As text, as JSON and as one page that asks for no other file; samples come from the same seeds."""
    monkeypatch.chdir(made)
    code, out, _ = artpipe("compare", "small", "large", "--samples", "3", "--page", tmp_path / "beside.html")
    assert code == 0
    assert re.search(r"latent_dim +2 +3", out)
    assert re.search(
        r"kid +0\.300 \[0\.280, 0\.320\] +0\.200 \[0\.180, 0\.220\] +- +-0\.100 \[-0\.128, -0\.072\] better", out
    )
    assert "small: vae on shapes; " in out
    assert "not compared: Measured on other numbers of samples: 9 and 10." in out
    assert re.search(
        r"steps +- +-\n +core_seconds +600 +900\n +peak_memory_gib +1 +1\n +energy_wh +2\.10 +3\.10\n", out
    )
    page = (tmp_path / "beside.html").read_text()
    assert page.index("2.10 Wh") < page.index("3.10 Wh")
    assert page.count("<img") == 6
    assert [
        word
        for word in re.findall(r'(?:src|href)="([^"]*)|url\("?([^)"]*)', page)
        if not "".join(word).startswith("data:")
    ] == []
    assert "http" not in re.sub(r"http-equiv", "", re.sub(r"base64,[^\"')]*", "", page))
    told, turned = (
        json.loads(artpipe("compare", *names, "--samples", "2", "--json")[1])
        for names in (("small", "large"), ("large", "small"))
    )
    assert {row["name"] for row in told["parameters"]} == {"latent_dim"}
    assert told["cost"][3] == {"name": "energy_wh", "first": pytest.approx(2.1), "second": pytest.approx(3.1)}
    assert [row["seed"] for row in told["samples"]] == [1, 2]
    assert all(row["first"] == other["second"] for row, other in zip(told["samples"], turned["samples"], strict=True))


def test_a_model_is_not_compared_with_itself(made, monkeypatch, artpipe):
    """Of one checkpoint there is no difference to say, whatever it is called."""
    monkeypatch.chdir(made)
    code, out, err = artpipe("compare", "small", "small")
    assert (code, out) == (2, "")
    assert re.fullmatch(
        r"artpipe: small and small are one checkpoint, \w{12}; name another model, or this one .*\n", err
    )


def test_a_champion_is_a_model_of_its_dataset_and_kind(made, monkeypatch, artpipe):
    """The champion that is the model itself differs in nothing."""
    monkeypatch.chdir(made)
    report = json.loads((paths.report("small") / "report.json").read_text())
    champion = Champion(
        model="small", run_id="1", checkpoint=report["checkpoint"], report="", shards="", score=None, dvc={}
    )
    save_champions(Path(), Champions(champions={"shapes": {"vae": ChampionHistory(champion=champion)}}))
    told = json.loads(artpipe("compare", "large", "large@champion", "--samples", "0", "--json")[1])
    assert (told["second"]["model"], told["second"]["label"]) == ("small", "large@champion")


@pytest.mark.parametrize(
    ("second", "line"),
    [
        ("smal", "did you mean `small`"),
        ("small@nowhere", "no revision of git, nor `champion`"),
        ("small@--output=x", "no revision of git"),
        ("other@champion", "there is no champion"),
        ("other", "no checkpoint"),
    ],
)
def test_what_is_no_model_is_one_line(made, monkeypatch, artpipe, second, line):
    """Neither a name, a revision nor a champion: exit code 2."""
    monkeypatch.chdir(made)
    code, out, err = artpipe("compare", "small", second)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert line in err
