"""The number that decided a grade, in words: its name, value, unit and bound."""

from artpipe.artifacts.finding_bound import wanted_side
from artpipe.artifacts.report import ReportCard
from artpipe.language.sentences import make_sentence


def describe_deciding_number(report: ReportCard) -> str:
    """Return such as `held out works 15, at least 50 asked` or `psnr gain 1.2 dB`.

    The bound is told where the number is on its wrong side.
    """
    verdict = report.verdict
    unit = next((score.unit for score in report.scores if score.name == verdict.score), "")
    unit_text = unit if isinstance(unit, str) else make_sentence(unit)
    number = f"{verdict.score.replace('_', ' ')} {verdict.value:.3g}{f' {unit_text}' if unit_text else ''}"
    side = "" if verdict.is_passing else wanted_side(verdict)
    words = {"least": f", at least {verdict.bound:.3g} asked", "most": f", at most {verdict.bound:.3g} allowed"}
    return number + words.get(side, "")
