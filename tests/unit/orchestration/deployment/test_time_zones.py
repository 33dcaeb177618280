"""Schedules run in the machine's own time, whatever it is called and however it was set."""

import time
from pathlib import Path

import pytest

from artpipe.errors import UserError
from artpipe.orchestration.deployment import serve_deployments, time_zones

DEPLOYMENT = "deployments: [{{name: gallery, entrypoint: x:y, schedules: [{{cron: '{cron}'{more}}}]}}]\n"


@pytest.fixture
def clock(monkeypatch):
    """Set this process's clock as TZ does."""

    def set_to(zone):
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield set_to
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":Asia/Tokyo", "Asia/Tokyo"),
        ("/usr/share/zoneinfo/Asia/Kolkata", "Asia/Kolkata"),
        ("CST-8", "Etc/GMT-8"),
        ("<+05>-5", "Etc/GMT-5"),
        ("UTC", "UTC"),
        ("UTC0", "Etc/UTC"),
    ],
)
def test_every_form_of_tz_is_read(clock, given, name):
    """A name, a file and a rule of POSIX."""
    clock(given)
    assert time_zones.find_local_timezone() == name


@pytest.mark.parametrize("given", ["CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0", "<+0545>-5:45"])
def test_a_rule_becomes_a_zone_with_the_same_clock(clock, given):
    """Today, in half a year and in two."""
    clock(given)
    offset = time_zones._find_offsets(time_zones.find_local_timezone())
    for days in (0, 182, 365, 547, 730):
        at = int(time.time()) + days * 86_400
        assert offset(at) == time.localtime(at).tm_gmtoff


def test_what_the_clock_does_counts_and_not_its_name(clock, monkeypatch):
    """A host's /etc/localtime mounted over a link that says UTC."""
    clock("Asia/Shanghai")
    monkeypatch.setattr(time_zones, "_candidate_names", lambda _: ["Etc/UTC", ""])
    assert time_zones.find_local_timezone() == "Asia/Shanghai"


def test_without_a_localtime_etc_timezone_is_read(clock, monkeypatch, tmp_path):
    """Slim images have it alone."""
    clock("UTC0")
    monkeypatch.delenv("TZ")
    (tmp_path / "timezone").write_text("Europe/Vienna\n")
    monkeypatch.setattr(time_zones, "_LOCALTIME", tmp_path / "localtime")
    monkeypatch.setattr(time_zones, "_TIMEZONE", tmp_path / "timezone")
    assert time_zones.find_local_timezone() == "Europe/Vienna"
    (tmp_path / "timezone").write_bytes(b"\xff")
    assert time_zones.find_local_timezone() == "UTC"


@pytest.mark.parametrize("given", ["Europe/Berln", "Mars/Phobos", "../etc/passwd"])
def test_an_unknown_zone_is_named(clock, given):
    """The C library would take it for UTC without a word."""
    clock(given)
    with pytest.raises(UserError, match=f"TZ: there is no time zone `{given}`"):
        time_zones.find_local_timezone()


@pytest.mark.parametrize(
    ("cron", "more", "line"),
    [
        ("0 3 * * *", "", "every night at 03:00 Asia/Tokyo"),
        ("30 14 * * *", "", "every day at 14:30 Asia/Tokyo"),
        ("0 3 * * 1", "", "0 3 * * 1 Asia/Tokyo"),
        ("0 3 * * *", ", timezone: Europe/Vienna", "every night at 03:00 Europe/Vienna"),
    ],
)
def test_the_zone_is_printed_where_a_schedule_is_served(clock, tmp_path, monkeypatch, cron, more, line):
    """What prefect.yaml says goes before the machine's own."""
    clock("Asia/Tokyo")
    monkeypatch.chdir(tmp_path)
    Path("prefect.yaml").write_text(DEPLOYMENT.format(cron=cron, more=more))
    assert list(serve_deployments.describe_deployments()) == [f"gallery: {line}, by hand"]


def test_an_unknown_zone_in_prefect_yaml_is_named(tmp_path, monkeypatch):
    """With its place and the nearest name, before anything is served."""
    monkeypatch.chdir(tmp_path)
    Path("prefect.yaml").write_text(DEPLOYMENT.format(cron="0 3 * * *", more=", timezone: Europe/Viena"))
    with pytest.raises(UserError, match=r"gallery: `timezone`: there is no time zone .*did you mean `Europe/Vienna`"):
        list(serve_deployments.describe_deployments())


def test_every_zone_that_is_printed_is_one_prefect_takes():
    """The names come from the same table."""
    from prefect.client.schemas.schedules import construct_schedule

    for name in ("Etc/GMT-8", "Asia/Shanghai", "UTC", "Etc/UTC"):
        assert construct_schedule(cron="0 3 * * *", timezone=name).timezone == name
