"""What works cost a model, beside what they cost one that only counts."""

from collections.abc import Mapping

from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.grading import judge_score
from artpipe.language.message import Value
from artpipe.numerics.intervals import ratio_interval


def score_costs(name: str, costs: Tensor, sizes: Tensor, *, unit: str, decides: bool, code: str) -> Score:
    """Divide the sum of costs by that of sizes, both by work ``(N,)``."""
    score = Score(
        name=name, value=float(costs.sum() / sizes.sum()), n=len(sizes), better="lower", unit=unit, decides=decides,
        code=code,
    )  # fmt: skip
    return score.with_interval(ratio_interval(costs, sizes))


def judge_costs(
    scores: tuple[Score, Score], costs: tuple[Tensor, Tensor], *, good: float, code: str, values: Mapping[str, Value]
) -> Finding:
    """Judge what the model needs as a share of what counting needs, on the same works.

    It passes where it needs less; `good` is the share from which on it is good. The model's score and costs ``(N,)``
    come first.
    """
    model, counted = scores
    ratio = Score(name=model.name, value=model.value / counted.value, n=model.n)
    ratio = ratio.with_interval(ratio_interval(*costs))
    good_cost = good * counted.value
    values = {"good": good_cost, **values}
    finding = judge_score(ratio, passing=1.0, good=good, wanted="most", code=code, values=values)
    said = dict[str, Value](finding.values)
    for name in ("low", "high"):  # in the unit of the sentence, not as a share
        if isinstance(end := said.get(name), float):
            said[name] = end * counted.value
    marks = {"value": model.value, "bound": counted.value, "good": good_cost}
    return finding.model_copy(update={**marks, "values": said})
