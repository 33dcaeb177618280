"""Calls of Prefect's server: emit events, read pauses, skip redundant runs."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas import filters as where
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events import Event, Resource
from prefect.events.clients import get_events_client

CHANGED = "artpipe.dataset.changed"  # as prefect.yaml expects it
_FLOW_FILTER = where.FlowFilter(name=where.FlowFilterName(any_=["dataset-to-gallery"]))
_AUTOMATIC_CREATORS = {"SCHEDULE", "AUTOMATION"}  # who creates runs unasked
_WORKED_STATES = [StateType.RUNNING, StateType.COMPLETED, StateType.FAILED]
_MAX_RUNS = 200  # runs in one answer
_SKIP_REASON = "another run does the same, and sees all that was there when this one was due"


class PrefectApi:
    """A client of the server that PREFECT_API_URL names.

    Every method raises ConnectionError where the server does not answer.
    """

    def accepts_events(self) -> bool:
        """Return whether an event would start a run.

        It would where a deployment is not paused, nor all of its schedules.
        """
        with _open_client() as client:
            deployments = client.read_deployments(flow_filter=_FLOW_FILTER)
        return any(
            not deployment.paused
            and (not deployment.schedules or any(schedule.active for schedule in deployment.schedules))
            for deployment in deployments
        )

    def emit_dataset_changed(self, dataset: str) -> None:
        """Emit the event that a dataset has changed."""
        resource = {"prefect.resource.id": f"artpipe.dataset.{dataset}", "prefect.resource.name": dataset}
        try:
            asyncio.run(_emit(Event(event=CHANGED, resource=Resource(resource))))
        except Exception as error:  # whatever the socket's library raises
            raise ConnectionError(f"Prefect did not take the event: {error}") from error

    def skip_redundant_runs(self) -> int:
        """Cancel the waiting runs that others make redundant; return how many."""
        now: Any = datetime.now(UTC)  # Prefect's own type comes of it
        with _open_client() as client:
            due = where.FlowRunFilter(
                state=_state_filter([StateType.SCHEDULED]),
                expected_start_time=where.FlowRunFilterExpectedStartTime(before_=now),
            )
            waiting = client.read_flow_runs(flow_filter=_FLOW_FILTER, flow_run_filter=due, limit=_MAX_RUNS)
            if not waiting:
                return 0
            oldest = min(run.expected_start_time or now for run in waiting)
            since = where.FlowRunFilter(
                state=_state_filter(_WORKED_STATES),
                start_time=where.FlowRunFilterStartTime(after_=oldest),
            )
            worked_runs = client.read_flow_runs(
                flow_filter=_FLOW_FILTER, flow_run_filter=since, sort=FlowRunSort.START_TIME_DESC, limit=_MAX_RUNS
            )
            redundant = list(find_redundant_runs(waiting, worked_runs))
            for run in redundant:
                client.set_flow_run_state(run.id, State(type=StateType.CANCELLED, name="Skipped", message=_SKIP_REASON))
        return len(redundant)


def find_redundant_runs(waiting_runs: Sequence[FlowRun], worked_runs: Sequence[FlowRun]) -> Iterator[FlowRun]:
    """Yield the waiting runs that another run makes redundant.

    A run is done already if another one with the same parameters, or with none, has started since it was due. Of several
    that wait with the same parameters, the last one due is left. A run that a person asked for is never redundant.
    """
    later_jobs: list[tuple[Any, dict[str, Any]]] = []
    for run in sorted(waiting_runs, key=lambda waiting_run: waiting_run.expected_start_time or 0, reverse=True):
        if run.created_by is None or run.created_by.type not in _AUTOMATIC_CREATORS:
            continue
        job = (run.deployment_id, _read_scope(run))
        due = run.expected_start_time
        is_done = any(
            other.deployment_id == run.deployment_id
            and _read_scope(other) in ({}, _read_scope(run))
            and other.start_time is not None
            and due is not None
            and other.start_time >= due
            for other in worked_runs
        )
        if is_done or job in later_jobs:
            yield run
        later_jobs.append(job)


def _read_scope(run: FlowRun) -> dict[str, Any]:
    """Return the parameters that narrow a run's work; none means everything."""
    return {key: value for key in ("targets", "dataset", "force") if (value := run.parameters.get(key))}


def _state_filter(states: list[StateType]) -> where.FlowRunFilterState:
    return where.FlowRunFilterState(type=where.FlowRunFilterStateType(any_=states))


@contextlib.contextmanager
def _open_client() -> Iterator[Any]:
    try:
        with get_client(sync_client=True) as client:
            yield client
    except httpx.HTTPError as error:
        raise ConnectionError(f"Prefect does not answer: {error}") from error


async def _emit(event: Event) -> None:
    async with get_events_client(reconnection_attempts=1, checkpoint_every=1) as client:
        await client.emit(event)
