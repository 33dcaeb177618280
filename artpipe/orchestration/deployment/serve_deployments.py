"""`artpipe deploy`: serve the deployments of prefect.yaml, without a work pool.

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
from artpipe.orchestration.deployment.time_zones import find_local_timezone, require_zone

FILE = Path("prefect.yaml")
_KEYS = {
    "name", "description", "entrypoint", "tags", "parameters", "schedules", "triggers",
    "work_pool",  # read by `prefect deploy` only
}  # fmt: skip

_DAILY = re.compile(r"(\d{1,2})\s+(\d{1,2})\s+\*\s+\*\s+\*")  # of cron: a minute and an hour of each day
_MORNING_HOUR = 6  # o'clock


class PausedParts(NamedTuple):
    """What a person has paused of a deployment."""

    whole: bool = False
    schedules: frozenset[str] = frozenset()  # their slugs


def read_entries() -> list[Mapping[str, Any]]:
    """Return the deployments of prefect.yaml as they are written there.

    Raises:
        UserError: the file is missing or holds none, or an entry has a key that is not known.
    """
    if not FILE.is_file():
        raise UserError(f"{FILE}: no such file; it says when the flow runs, and stands beside params.yaml")
    deployments = (read_yaml(FILE) or {}).get("deployments") or []
    if not deployments:
        raise UserError(f"{FILE}: no `deployments`")
    for entry in deployments:
        for key in set(entry) - _KEYS:
            raise UserError(f"{FILE}: `{key}` of a deployment is not served; known are {', '.join(sorted(_KEYS))}")
    return list(deployments)


def load_deployments(paused: Mapping[str, PausedParts]) -> Iterator[Any]:
    """Yield the deployments as Prefect serves them.

    Args:
        paused: what stays paused, by `FLOW/DEPLOYMENT`.

    Raises:
        UserError: see `read_entries`, or Prefect does not take an entry.
    """
    from prefect.exceptions import PrefectException
    from prefect.flows import load_flow_from_entrypoint
    from pydantic import ValidationError

    for entry in read_entries():
        try:
            flow: Any = load_flow_from_entrypoint(entry["entrypoint"])
            yield _make_deployment(flow, entry, paused.get(f"{flow.name}/{entry['name']}", PausedParts()))
        except (ImportError, KeyError, OSError, PrefectException, TypeError, ValueError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{FILE}: deployment {entry.get('name', '?')}: {reason}") from error


def _make_deployment(flow: Any, entry: Mapping[str, Any], paused: PausedParts) -> Any:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import construct_schedule
    from prefect.events import DeploymentEventTrigger
    from prefect.types.entrypoint import EntrypointType

    schedules = []
    for number, schedule_entry in enumerate(entry.get("schedules") or []):
        slug = schedule_entry.get("slug") or f"schedule-{number}"
        options = {key: value for key, value in schedule_entry.items() if key not in {"slug", "active"}}
        schedule = construct_schedule(**{**options, "timezone": _find_zone(entry, schedule_entry)})
        active = bool(schedule_entry.get("active", True)) and slug not in paused.schedules
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


def _read_paused() -> dict[str, PausedParts]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        deployments = client.read_deployments()
        flows = {deployment.flow_id: client.read_flow(deployment.flow_id).name for deployment in deployments}
    return {
        f"{flows[deployment.flow_id]}/{deployment.name}": PausedParts(
            deployment.paused,
            frozenset(schedule.slug or "" for schedule in deployment.schedules if not schedule.active),
        )
        for deployment in deployments
    }


def _find_zone(entry: Mapping[str, Any], schedule: Mapping[str, Any]) -> str:
    """Return the time zone of a schedule: as written there, else this machine's.

    Raises:
        UserError: there is no such zone.
    """
    if not (zone := schedule.get("timezone")):
        return find_local_timezone()
    require_zone(str(zone), f"{FILE}: deployment {entry.get('name', '?')}: `timezone`")
    return str(zone)


def _describe_schedule(entry: Mapping[str, Any], schedule: Mapping[str, Any]) -> str:
    """Return in words when a schedule starts a run, with its time zone."""
    if not (rule := str(schedule.get("cron") or schedule.get("rrule") or "")):
        return f"every {schedule.get('interval')} s"
    daily = _DAILY.fullmatch(rule.strip())
    if daily:
        minute, hour = int(daily[1]), int(daily[2])
        rule = f"every {'night' if hour < _MORNING_HOUR else 'day'} at {hour:02d}:{minute:02d}"
    return f"{rule} {_find_zone(entry, schedule)}"


def describe_deployments() -> Iterator[str]:
    """Yield a line for each deployment: what starts its runs."""
    for entry in read_entries():
        starts = [_describe_schedule(entry, item) for item in entry.get("schedules") or []]
        events = [str(item.get("name")) for item in entry.get("triggers") or []]
        yield f"{entry['name']}: {', '.join([*starts, *events, 'by hand'])}"


def _serve() -> None:
    from artpipe.orchestration.deployment.graceful_runner import GracefulRunner

    served = list(load_deployments(_read_paused()))
    waiting = all((entry.get("parameters") or {}).get("overlap", "wait") == "wait" for entry in read_entries())
    runner = GracefulRunner(pause_on_shutdown=False, limit=1 if waiting else None)
    for deployment in served:
        runner.add_deployment(deployment)
    sys.stdout.write("".join(f"{line}\n" for line in describe_deployments()))
    sys.stdout.flush()
    asyncio.run(runner.start())


def serve_deployments() -> int:
    """Serve until terminated and return the exit code.

    Raises:
        UserError: no server is named, or see `load_deployments`.
    """
    if not os.environ.get("PREFECT_API_URL"):
        raise UserError("PREFECT_API_URL is not set; `artpipe serve` brings a server, docs/deployments.md says more")
    try:
        _serve()
    except KeyboardInterrupt:
        return 130
    return 0
