"""What DVC compares: the headline numbers of the metrics that ran, curves without gaps, a sheet of pictures."""

import math

import pytest
import torch
from dvc.utils.diff import diff

from artpipe.artifacts.checkpoint import HistoryRow
from artpipe.artifacts.report import Finding, ReportCard, Score
from artpipe.config.params import EvaluationParams
from artpipe.contracts.model import Exhibit
from artpipe.evaluation.dvc_reports import make_curve_rows, make_sample_sheet, select_headline_scores, summarise_report


class Evidence:
    """As much of an Evidence as a sheet looks at."""

    def __init__(self, samples=None, exhibits=()):
        self.samples, self.params = samples, EvaluationParams(metrics=(), exhibits=4)
        self.exhibits = list(exhibits)

    def pictures(self, part):
        return self.samples

    def compute_once(self, key, make):
        return self.exhibits


def report(*names: str) -> ReportCard:
    verdict = Finding(verdict="healthy", score="x", value=1, bound=1, sentence="")
    return ReportCard(
        model="one", kind="vae", dataset="d", checkpoint="", shards="", feature_extractor=None, verdict=verdict, findings=(),
        scores=tuple(Score(name=name, value=index, n=1) for index, name in enumerate(names)), exhibits=(),
    )  # fmt: skip


def test_headlines_are_the_scores_their_metrics_name():
    """Of all scores those that a metric calls a headline, a pattern included, with grade and fault before them."""
    found = select_headline_scores(
        report("steps", "kid", "kid_real", "held_out_loss", "elbo"), ["training", "kid", "held_out"]
    )
    key = Score(name="any", value=0, n=1).comparison_key
    assert found == {"grade": "fair", "fault": "", "kid": {key: 1}, "held_out_loss": {key: 3}}


def test_a_summary_has_two_scores_below_their_keys():
    """Grade, and two scores by name and comparison key; the decisive one first, then a headline; never the steps."""
    plain = report("steps", "pairs", "kid")
    decided = plain.model_copy(
        update={
            "scores": (
                *plain.scores[:2],
                plain.scores[2].model_copy(update={"decides": True}),
                *report("coverage").scores,
            )
        }
    )
    key = plain.scores[0].comparison_key
    assert summarise_report(decided, ["kid", "coverage"]) == {"grade": "fair", "kid": {key: 2}, "coverage": {key: 0}}
    assert list(summarise_report(plain, [])) == ["grade", "pairs", "kid"]


def test_a_fault_stands_in_a_summary_where_there_is_one():
    """Of a model without one there is no such column."""
    collapsed = Finding(grade="weak", fault="collapsed", score="x", value=1, bound=1, code="no_measure_speaks")
    assert summarise_report(report().model_copy(update={"verdict": collapsed}), [])["fault"] == "collapsed"
    assert "fault" not in summarise_report(report(), [])


@pytest.mark.parametrize(
    "change", [{}, {"extractor": "s" * 64}, {"n": 99}, {"basis": "other"}, {"settings": "samples=9"}]
)
def test_dvc_compares_only_what_may_be_compared(change):
    """A difference of scores of one extractor, of the same works, size and count; of others there is none."""
    scores = [
        Score(
            **{
                "name": "kid",
                "n": 100,
                "extractor": "r" * 64,
                "basis": "works",
                "settings": "samples=8",
                "value": value,
                **more,
            }
        )
        for value, more in ((0.3, {}), (0.25, change))
    ]
    for summarise in (
        summarise_report,
        select_headline_scores,
    ):  # data/metrics/NAME.json, and scores.json of the report
        old, new = (summarise(report().model_copy(update={"scores": (score,)}), ["kid"]) for score in scores)
        changes = diff({"m.json": {"data": old}}, {"m.json": {"data": new}})["m.json"]
        differences = [row["diff"] for row in changes.values() if "diff" in row]
        assert differences == ([] if change else [pytest.approx(-0.05)])
    assert (scores[0].describe_difference(scores[1]) == "") == (not change)


def test_curves_have_a_row_per_number_and_step():
    """Validation comes first; what is no number is left out."""
    history = [
        HistoryRow(step=0, losses={}, validation={"kid": 2.0}),
        HistoryRow(step=5, losses={"g": math.nan, "d": 1.0}, validation={"kid": 1.0}),
    ]
    assert [tuple(row.values()) for row in make_curve_rows(history)] == [
        ("validation/kid", 0, 2.0),
        ("validation/kid", 5, 1.0),
        ("losses/d", 5, 1.0),
    ]


def test_a_sheet_enlarges_small_samples_and_keeps_to_what_hangs():
    """Four of five samples of 20 pixels stand three times as large, unblurred, two in a row."""
    samples = torch.arange(5, dtype=torch.uint8).mul(50)[:, None, None, None].expand(5, 1, 20, 20)
    made = make_sample_sheet(Evidence(samples))
    assert made.shape == (1, 122, 122)
    assert [int(made[0, y, x]) for y in (0, 62) for x in (0, 62)] == [0, 50, 100, 150]


def test_a_sheet_without_samples_shows_pictures_and_scores():
    """Exhibits that are pictures, or have a score, stand on it, large ones made smaller; texts leave none."""
    picture, score = torch.zeros(3, 400, 200), torch.ones(1, 30, 160)
    shown = [Exhibit("image", picture, ""), Exhibit("audio", b"RIFF", "", parts={"score": score})]
    assert make_sample_sheet(Evidence(exhibits=shown)).shape == (3, 160, 322)
    assert make_sample_sheet(Evidence(exhibits=[Exhibit("text", "a poem", "")])) is None
