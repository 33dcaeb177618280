"""The table of grades in Markdown that hangs at a pipeline run in MLflow."""

from collections.abc import Sequence
from typing import Any

_HEAD = "| model | grade | decided by |\n|---|---|---|"
_REST_CHARACTERS = 40  # of the row that counts what is left out


def format_grade_table(runs: Sequence[Any], max_characters: int) -> str:
    """Return a table with a row for each MLflow run of a training.

    There are as many as there is space for; the last row counts the others.
    """
    table = _HEAD
    for number, run in enumerate(runs):
        row = _format_row(run)
        if len(table) + len(row) + _REST_CHARACTERS > max_characters:
            return f"{table}\n| and {len(runs) - number:,} more | | |"
        table += f"\n{row}"
    return table


def _format_row(run: Any) -> str:
    grade, score, value = (run.data.tags.get(f"artpipe.grade{part}", "") for part in ("", ".score", ".value"))
    return f"| {run.info.run_name} | {grade or run.info.status.lower()} | {score} {value[:7]} |"
