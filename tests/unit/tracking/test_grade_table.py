"""The table of grades at a pipeline run."""

from types import SimpleNamespace

from artpipe.tracking.grade_table import format_grade_table


def make_run(name, status="FINISHED", **tags):
    tags = {f"artpipe.{key.replace('_', '.')}": value for key, value in tags.items()}
    return SimpleNamespace(info=SimpleNamespace(run_name=name, status=status), data=SimpleNamespace(tags=tags))


def test_table_by_hand():
    """A grade stands with its number; a training without one with its status."""
    runs = [
        make_run("a", grade="fair", grade_score="kid", grade_value="0.123456789"),
        make_run("b", "RUNNING"),
    ]
    head = "| model | grade | decided by |\n|---|---|---|"
    assert format_grade_table(runs, 500) == f"{head}\n| a | fair | kid 0.12345 |\n| b | running |   |"


def test_a_long_table_counts_what_it_leaves_out():
    """It stays within its space, and no training is forgotten."""
    runs = [make_run(f"model-{number:04}", grade="fair") for number in range(2000)]
    table = format_grade_table(runs, 7500)
    *rows, last = table.splitlines()[2:]
    assert len(table) <= 7500
    assert last == f"| and {2000 - len(rows):,} more | | |"
