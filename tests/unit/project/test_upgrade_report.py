"""What `artpipe upgrade` tells, in lines and for programs."""

import json

from artpipe.project.upgrade_report import StaleStage, UpgradeReport
from artpipe.system.units import format_duration

REPORT = UpgradeReport(
    migration=("params.yaml: format 1 -> 2",),
    changed=("code.train.stage",),
    equal=(),
    stale=(StaleStage("train@vae", 120.0, measured=True), StaleStage("gallery", 60.0, measured=False)),
    is_written=False,
)


def test_a_program_reads_what_a_person_reads():
    """Both name each stage that runs again, its cost and whether that was measured."""
    lines = REPORT.to_text().splitlines()
    assert lines[:2] == ["params.yaml: format 1 -> 2", "changed: code.train.stage"]
    assert [line.split("  (")[1] for line in lines[2:4]] == [
        f"{format_duration(120)} last time)",
        f"about {format_duration(60)})",
    ]
    told = json.loads(json.dumps(REPORT.to_json()))
    assert told["stale"][0] == {"stage": "train@vae", "core_seconds": 120.0, "measured": True}
    assert (told["changed"], told["is_written"]) == (["code.train.stage"], False)


def test_nothing_to_do_is_one_line():
    """Where no code changed, nothing is listed."""
    line = UpgradeReport((), (), (), (), is_written=True).to_text()
    assert line == "code.yaml is up to date: no code changed that decides a result"
