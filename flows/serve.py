"""The flow as a deployment: on a schedule, and on the event that a dataset changed."""

import os

from artpipe.errors import UserError

CHANGED = "artpipe.dataset.changed"
DEPLOYMENT = "gallery"


def serve(cron: str | None = None) -> None:
    """Serve the flow until stopped, one run at a time; runs start by `cron`, by the event or by hand.

    Raises:
        UserError: no server is named to serve from.
    """
    if not os.environ.get("PREFECT_API_URL"):
        raise UserError("PREFECT_API_URL is not set; `make server` starts one, docs/deployments.md says how")
    from prefect.events import DeploymentEventTrigger

    from flows.flow import dataset_to_gallery

    trigger = DeploymentEventTrigger(name="a dataset changed", expect={CHANGED})
    dataset_to_gallery.serve(DEPLOYMENT, cron=cron, triggers=[trigger], limit=1)


def tell_changed(dataset: str) -> None:
    """Emit the event that a dataset changed, for whoever serves the flow."""
    from prefect.events import emit_event

    emit_event(CHANGED, resource={"prefect.resource.id": f"artpipe.dataset.{dataset}"})
