"""`artpipe notify URL`: call a webhook when a run has failed, or has ended.

It is an automation of the Prefect server, so it needs one that stays (PREFECT_API_URL), and is seen, paused and
removed on its pages. The body is JSON that Slack, Mattermost and the like accept: `text`, and beside it `run`,
`state`, `address`.
"""

import os
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from artpipe.errors import UserError
from artpipe.orchestration.services.addresses import local_prefect_variables

if TYPE_CHECKING:
    from uuid import UUID

FLOW = "dataset-to-gallery"
_FAILED = {"prefect.flow-run.Failed", "prefect.flow-run.Crashed", "prefect.flow-run.TimedOut"}
_ENDED = {*_FAILED, "prefect.flow-run.Completed", "prefect.flow-run.Cancelled"}
_BODY = (
    '{"text": {{ ("artpipe: run " ~ flow_run.name ~ " " ~ flow_run.state.name ~ ". " ~ (flow_run.state.message or ""))'
    ' | tojson }}, "run": {{ flow_run.id | string | tojson }}, "state": {{ flow_run.state.name | tojson }},'
    ' "address": {{ (flow_run | ui_url or "") | string | tojson }}}'
)


def create_automation(url: str, name: str = "artpipe", *, always: bool = False) -> str:
    """Create, or replace, the automation that calls `url`; return a sentence on it.

    Raises:
        UserError: no server is named, or `url` is no http address.
    """
    os.environ.update(local_prefect_variables())
    if not os.environ.get("PREFECT_API_URL"):
        raise UserError("PREFECT_API_URL is not set; `artpipe serve` brings a server, docs/deployments.md says more")
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise UserError(f"{url!r}: an http or https address is wanted")
    from prefect.automations import Automation
    from prefect.blocks.webhook import Webhook
    from prefect.events import EventTrigger
    from prefect.events.actions import CallWebhook
    from prefect.events.schemas.automations import Posture
    from prefect.events.schemas.events import ResourceSpecification
    from pydantic import SecretStr

    block = cast("UUID", Webhook(url=SecretStr(url)).save(f"{name}-webhook", overwrite=True))
    flow: dict[str, str | list[str]] = {"prefect.resource.role": "flow", "prefect.resource.name": FLOW}
    trigger = EventTrigger(
        expect=_ENDED if always else _FAILED,
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        match_related=ResourceSpecification(flow),
        posture=Posture.Reactive,
        threshold=1,
    )
    automation = Automation(
        name=f"{name}-notify",
        description="Made by `artpipe notify`",
        trigger=trigger,
        actions=[CallWebhook(block_document_id=block, payload=_BODY)],
    )
    _remove_automation(automation.name)
    automation.create()
    return f"{automation.name}: {urlsplit(url).hostname} hears when a run has {'ended' if always else 'failed'}"


def _remove_automation(name: str) -> None:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        for automation in client.request("POST", "/automations/filter", json={}).json():
            if automation["name"] == name:
                client.request("DELETE", "/automations/{id}", path_params={"id": automation["id"]})
