"""`artpipe deploy`: start the runs of what prefect.yaml deploys, without a work pool and a worker.

Needs a server, named by PREFECT_API_URL. A schedule that a person has paused stays paused.
"""

import asyncio
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.config.params import read_yaml
from artpipe.errors import UserError
from artpipe.orchestration.deployment.time_zones import local_timezone, require_zone

FILE = Path("prefect.yaml")
_KEYS = {
    "name", "description", "entrypoint", "tags", "parameters", "schedules", "triggers",
    "work_pool",  # read by `prefect deploy` only
}  # fmt: skip

_DAILY = re.compile(r"(\d{1,2})\s+(\d{1,2})\s+\*\s+\*\s+\*")  # of cron: a minute and an hour of each day
_MORNING = 6  # o'clock


class Paused(NamedTuple):
    """What a person has paused of a deployment."""

    whole: bool = False
    schedules: frozenset[str] = frozenset()  # their slugs


def entries() -> list[Mapping[str, Any]]:
    """Return the deployments of prefect.yaml as they are written.

    Raises:
        UserError: the file is missing or holds none, or an entry has a key that is not known.
    """
    if not FILE.is_file():
        raise UserError(f"{FILE}: no such file; it says when the flow runs, and stands beside params.yaml")
    found = (read_yaml(FILE) or {}).get("deployments") or []
    if not found:
        raise UserError(f"{FILE}: no `deployments`")
    for entry in found:
        for key in set(entry) - _KEYS:
            raise UserError(f"{FILE}: `{key}` of a deployment is not served; known are {', '.join(sorted(_KEYS))}")
    return list(found)


def deployments(paused: Mapping[str, Paused]) -> Iterator[Any]:
    """Yield what Prefect serves; `paused` has what stays paused, by flow and deployment.

    Raises:
        UserError: see `entries`, or Prefect does not take an entry.
    """
    from prefect.exceptions import PrefectException
    from prefect.flows import load_flow_from_entrypoint
    from pydantic import ValidationError

    for entry in entries():
        try:
            flow: Any = load_flow_from_entrypoint(entry["entrypoint"])
            yield _deployment(flow, entry, paused.get(f"{flow.name}/{entry['name']}", Paused()))
        except (ImportError, KeyError, OSError, PrefectException, TypeError, ValueError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{FILE}: deployment {entry.get('name', '?')}: {reason}") from error


def _deployment(flow: Any, entry: Mapping[str, Any], paused: Paused) -> Any:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import construct_schedule
    from prefect.events import DeploymentEventTrigger
    from prefect.types.entrypoint import EntrypointType

    schedules = []
    for number, given in enumerate(entry.get("schedules") or []):
        slug = given.get("slug") or f"schedule-{number}"
        when = {key: value for key, value in given.items() if key not in {"slug", "active"}}
        schedule = construct_schedule(**{**when, "timezone": _zone(entry, given)})
        active = bool(given.get("active", True)) and slug not in paused.schedules
        schedules.append(DeploymentScheduleCreate(schedule=schedule, active=active, slug=slug))
    return flow.to_deployment(
        entry["name"],
        entrypoint_type=EntrypointType.FILE_PATH if ":" in entry["entrypoint"] else EntrypointType.MODULE_PATH,
        paused=paused.whole,
        description=entry.get("description"),
        tags=entry.get("tags"),
        parameters=entry.get("parameters"),
        schedules=schedules,
        triggers=[DeploymentEventTrigger(**trigger) for trigger in entry.get("triggers") or []],
    )


def _paused() -> dict[str, Paused]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        known = client.read_deployments()
        flows = {one.flow_id: client.read_flow(one.flow_id).name for one in known}
    return {
        f"{flows[one.flow_id]}/{one.name}": Paused(
            one.paused, frozenset(schedule.slug or "" for schedule in one.schedules if not schedule.active)
        )
        for one in known
    }


def _zone(entry: Mapping[str, Any], schedule: Mapping[str, Any]) -> str:
    """Return the time zone of a schedule: the one written there, else this machine's.

    Raises:
        UserError: there is no such zone.
    """
    if not (zone := schedule.get("timezone")):
        return local_timezone()
    require_zone(str(zone), f"{FILE}: deployment {entry.get('name', '?')}: `timezone`")
    return str(zone)


def _when(entry: Mapping[str, Any], schedule: Mapping[str, Any]) -> str:
    """Say when a schedule starts a run, with its time zone."""
    if not (rule := str(schedule.get("cron") or schedule.get("rrule") or "")):
        return f"every {schedule.get('interval')} s"
    daily = _DAILY.fullmatch(rule.strip())
    if daily:
        minute, hour = int(daily[1]), int(daily[2])
        rule = f"every {'night' if hour < _MORNING else 'day'} at {hour:02d}:{minute:02d}"
    return f"{rule} {_zone(entry, schedule)}"


def told() -> Iterator[str]:
    """Yield a line on each deployment: what starts its runs."""
    for entry in entries():
        when = [_when(entry, one) for one in entry.get("schedules") or []]
        events = [str(one.get("name")) for one in entry.get("triggers") or []]
        yield f"{entry['name']}: {', '.join([*when, *events, 'by hand'])}"


def _stay() -> None:
    from artpipe.orchestration.deployment.graceful_runner import PatientRunner

    given = list(deployments(_paused()))
    waiting = all((entry.get("parameters") or {}).get("overlap", "wait") == "wait" for entry in entries())
    runner = PatientRunner(pause_on_shutdown=False, limit=1 if waiting else None)
    for one in given:
        runner.add_deployment(one)
    sys.stdout.write("".join(f"{line}\n" for line in told()))
    sys.stdout.flush()
    asyncio.run(runner.start())


def serve_deployments() -> int:
    """Serve until told to end and return the exit code.

    Raises:
        UserError: no server is named, or see `deployments`.
    """
    if not os.environ.get("PREFECT_API_URL"):
        raise UserError("PREFECT_API_URL is not set; `artpipe serve` brings a server, docs/deployments.md says more")
    try:
        _stay()
    except KeyboardInterrupt:
        return 130
    return 0
