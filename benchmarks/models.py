"""Every model of params.yaml that was evaluated: its kind's own measure beside its baseline, and what it took.

    python benchmarks/models.py [--root .]

Reads data/reports and data/runs as the pipeline left them, so the figures are those of the gallery. Baselines stand in the
reports where they can be measured on the same held-out works (bicubic, harmonic fill, 5-gram counts, chains of notes, two
sets of real works); those that need a training of their own have a script each: gan_digits.py, vae_digits.py,
rnn_text.py, rnn_music.py, styles.py. Prints a Markdown table.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from artpipe.artifacts import paths
from artpipe.artifacts.report import ReportCard, Score, load_report
from artpipe.artifacts.run import RunRecord
from artpipe.config.params import load_params
from artpipe.errors import ArtpipeError

# Measures by their names in a report: ours, then the baseline's; the first pair that is there stands for the model.
PAIRS = (
    ("psnr", "psnr_bicubic"),
    ("psnr", "psnr_harmonic_fill"),
    ("bits_per_character", "bits_per_character_5_gram"),
    ("nll_per_step", "nll_per_step_chain"),
    ("style_left", None),
    ("accuracy", None),
    ("kid", "kid_real"),
)
_OF_ITSELF = {"style_left": "1, the photograph itself", "accuracy": "guessing"}


def row(name: str, report: ReportCard, core_seconds: float) -> str:
    """Return one line of the table."""
    scores = {score.name: score for score in report.scores}
    ours, theirs = next(
        (pair for pair in PAIRS if pair[0] in scores and (pair[1] is None or pair[1] in scores)), ("", None)
    )
    baseline = (
        f"{told(scores, theirs)} ({theirs.removeprefix(f'{ours}_').replace('_', ' ')})"
        if theirs
        else _OF_ITSELF.get(ours, "")
    )
    cells = (name, report.kind, ours, baseline, told(scores, ours), f"{core_seconds:,.0f}", report.verdict.grade)
    return f"| {' | '.join(cells)} |"


def told(scores: Mapping[str, Score], name: str) -> str:
    """Return a score with its spread and sample count."""
    if name not in scores:
        return ""
    score = scores[name]
    spread = "" if score.spread is None else f" +- {score.spread:.2g}"
    return f"{score.value:.4g}{spread} {score.unit}".rstrip() + f", n = {score.n:,}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path())
    root = parser.parse_args().root
    print("| model | kind | measure | baseline | ours | core-seconds | verdict |\n|---|---|---|---|---|---|---|")
    whole = 0.0
    for name in load_params(root / "params.yaml").models:
        try:
            report, run = load_report(root / paths.report(name))[0], RunRecord.open(root / paths.run(name)).card
        except ArtpipeError as error:
            print(f"| {name} | | {error} | | | | |")
            continue
        whole += run.core_seconds
        print(row(name, report, run.core_seconds))
    print(f"\nAll trainings together: {whole:,.0f} core-seconds.")


if __name__ == "__main__":
    main()
