"""How fine detail and noise, against those of works, become grades."""

from artpipe.artifacts.report import Finding, Score
from artpipe.config.verdict_bounds import VerdictBounds
from artpipe.contracts.grading import judge_score


def judge_detail(sharpness: Score, bounds: VerdictBounds, *, can_fail: bool = True) -> Finding:
    """Judge mere blurs, which a feature extractor may take for works, and noise.

    The score is the energy of fine detail, 1 as in works. Too little is weak at worst where it cannot fail, since what was lost may be noise.
    """
    if sharpness.value > 1:
        return judge_score(
            sharpness, passing=bounds.noisy_sharpness, good=(1 + bounds.noisy_sharpness) / 2, wanted="most",
            code="detail_beyond", values={"times": sharpness.value, "wanted": bounds.noisy_sharpness},
        )  # fmt: skip
    return judge_score(
        sharpness, failing=bounds.failed_sharpness if can_fail else None, passing=bounds.under_trained_sharpness, good=bounds.good_sharpness,
        code="detail_kept", values={"share": sharpness.value, "wanted": bounds.under_trained_sharpness},
    )  # fmt: skip


def judge_noise(level: Score, bounds: VerdictBounds) -> Finding:
    """Judge noise on plain ground beyond that of works, which is the score's anchor.

    The score is a share of the range of brightness.
    """
    real = level.real or 0.0
    passing = real + bounds.noise
    return judge_score(
        level, passing=passing, good=real + bounds.good_noise, wanted="most", code="noise_beside_works",
        values={"share": level.value, "real": real, "wanted": passing},
    )  # fmt: skip
