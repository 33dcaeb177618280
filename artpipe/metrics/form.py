"""Form: how many generated texts have a form that the works share.

A form is the lengths of lines, such as four lines of five syllables; the model is not told it.
"""

import re
from collections import Counter

from artpipe.artifacts.report import Score
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.evaluation.sequences import writes_text
from artpipe.modalities.text.detokenize import join_rows
from artpipe.nn.sequence.token_exhibits import decode_text
from artpipe.numerics.intervals import share_interval

_BREAK = re.compile(
    "[\\s\\u3000-\\u303f\\uff00-\\uff0f\\uff1a-\\uff1f]+"
)  # blanks, punctuation of Chinese and Japanese
_MAXIMUM_FORMS = 3  # forms; verse that has more is free
_MINIMUM_TRAINING_SHARE = 0.5  # of the training works must have a form for it to be asked of what was written
_MINIMUM_RATIO, _GOOD_RATIO = 0.5, 0.75  # of the share that works have

Form = tuple[int, ...]


def count_line_lengths(text: str) -> Form:
    r"""Return the lengths of a text's lines in characters.

    A line ends with a break or with a full-width mark.

    >>> form_of("床前看月光，疑是地上霜。\n舉頭望山月，低頭思故鄉。")
    (5, 5, 5, 5)
    """
    return tuple(len(line) for line in _BREAK.split(text) if line)


def find_common_forms(evidence: Evidence) -> tuple[set[Form], float]:
    """Return the commonest forms of the training works, and the share that has one."""
    vocabulary = evidence.card.spec.vocabulary
    form_counts = Counter(
        count_line_lengths(decode_text(tokens, vocabulary)) for _, tokens in join_rows(evidence.train)
    )
    common_forms = {form for form, _ in form_counts.most_common(_MAXIMUM_FORMS)}
    return common_forms, sum(form_counts[form] for form in common_forms) / max(1, form_counts.total())


def measure(evidence: Evidence) -> Measurement:
    """Measure the share of generated texts in a form of the training works.

    There is no score where the works have no form.
    """
    common, usual = find_common_forms(evidence)
    if usual < _MINIMUM_TRAINING_SHARE:
        return Measurement()
    vocabulary = evidence.card.spec.vocabulary
    has_form = [count_line_lengths(decode_text(tokens, vocabulary)) in common for tokens in evidence.sequences]
    share = sum(has_form) / len(has_form)
    score = Score(
        name="form",
        value=share,
        n=len(has_form),
        better="higher",
        real=usual,
        code="score_form",
        values={"usual": usual},
    ).with_interval(share_interval(share, len(has_form)))
    finding = judge_score(
        score, passing=_MINIMUM_RATIO * usual, good=_GOOD_RATIO * usual, code="form_kept",
        values={"share": share, "usual": usual, "wanted": _MINIMUM_RATIO * usual},
    )  # fmt: skip
    return Measurement(scores=[score], findings=[finding])


METRIC = Metric(
    applies=lambda evidence: writes_text(evidence) and bool(evidence.sequences), measure=measure, headline=("form",)
)
