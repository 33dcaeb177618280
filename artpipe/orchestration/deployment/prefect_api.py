"""What is asked of Prefect's server beside running: that a dataset changed, what is paused, which runs wait in vain."""

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
_OURS = where.FlowFilter(name=where.FlowFilterName(any_=["dataset-to-gallery"]))
_NO_PERSON = {"SCHEDULE", "AUTOMATION"}  # who creates runs unasked
_WORKED = [StateType.RUNNING, StateType.COMPLETED, StateType.FAILED]
_MOST = 200  # runs in one answer
_SKIPPED = "another run does the same, and sees all that was there when this one was due"


class Desk:
    """Speaks to the server that PREFECT_API_URL names.

    Every method raises ConnectionError where it does not answer.
    """

    def is_open(self) -> bool:
        """Say whether an event would start a run: something is deployed, and not all of it is paused."""
        with _client() as client:
            found = client.read_deployments(flow_filter=_OURS)
        return any(
            not one.paused and (not one.schedules or any(when.active for when in one.schedules)) for one in found
        )

    def tell_changed(self, dataset: str) -> None:
        """Emit the event that a dataset changed."""
        resource = {"prefect.resource.id": f"artpipe.dataset.{dataset}", "prefect.resource.name": dataset}
        try:
            asyncio.run(_emit(Event(event=CHANGED, resource=Resource(resource))))
        except Exception as error:  # whatever the socket's library raises
            raise ConnectionError(f"Prefect did not take the event: {error}") from error

    def skip_superfluous(self) -> int:
        """Skip the runs that wait in vain, and return how many."""
        now: Any = datetime.now(UTC)  # Prefect's own type comes of it
        with _client() as client:
            due = where.FlowRunFilter(
                state=_in([StateType.SCHEDULED]),
                expected_start_time=where.FlowRunFilterExpectedStartTime(before_=now),
            )
            waiting = client.read_flow_runs(flow_filter=_OURS, flow_run_filter=due, limit=_MOST)
            if not waiting:
                return 0
            oldest = min(run.expected_start_time or now for run in waiting)
            since = where.FlowRunFilter(
                state=_in(_WORKED),
                start_time=where.FlowRunFilterStartTime(after_=oldest),
            )
            worked = client.read_flow_runs(
                flow_filter=_OURS, flow_run_filter=since, sort=FlowRunSort.START_TIME_DESC, limit=_MOST
            )
            vain = list(superfluous(waiting, worked))
            for run in vain:
                client.set_flow_run_state(run.id, State(type=StateType.CANCELLED, name="Skipped", message=_SKIPPED))
        return len(vain)


def superfluous(waiting: Sequence[FlowRun], worked: Sequence[FlowRun]) -> Iterator[FlowRun]:
    """Yield the waiting runs that another one makes needless; what a person asked for is never one.

    A run of the same parameters, or of none, that began after the time a run was due has done its work; of those that
    wait for the same, the last that was due is kept.
    """
    kept: list[tuple[Any, dict[str, Any]]] = []
    for run in sorted(waiting, key=lambda one: one.expected_start_time or 0, reverse=True):
        if run.created_by is None or run.created_by.type not in _NO_PERSON:
            continue
        same = (run.deployment_id, _scope(run))
        due = run.expected_start_time
        done = any(
            one.deployment_id == run.deployment_id
            and _scope(one) in ({}, _scope(run))
            and one.start_time is not None
            and due is not None
            and one.start_time >= due
            for one in worked
        )
        if done or same in kept:
            yield run
        kept.append(same)


def _scope(run: FlowRun) -> dict[str, Any]:
    """Return what a run is to do, as far as that is not everything."""
    return {key: value for key in ("targets", "dataset", "force") if (value := run.parameters.get(key))}


def _in(states: list[StateType]) -> where.FlowRunFilterState:
    return where.FlowRunFilterState(type=where.FlowRunFilterStateType(any_=states))


@contextlib.contextmanager
def _client() -> Iterator[Any]:
    try:
        with get_client(sync_client=True) as client:
            yield client
    except httpx.HTTPError as error:
        raise ConnectionError(f"Prefect does not answer: {error}") from error


async def _emit(event: Event) -> None:
    async with get_events_client(reconnection_attempts=1, checkpoint_every=1) as client:
        await client.emit(event)
