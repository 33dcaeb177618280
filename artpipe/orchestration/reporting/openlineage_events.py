"""Send OpenLineage events of stages to the file or address that a person named.

OpenLineage's own variables name it (`OPENLINEAGE_URL`, `OPENLINEAGE_CONFIG`, `OPENLINEAGE__TRANSPORT__...`). Without one
of them nothing is imported and nothing is sent.
"""

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import get_run_logger

from artpipe import __version__
from artpipe.config.params import read_yaml
from artpipe.errors import ArtpipeError
from artpipe.system.plain_text import to_printable

_NAMES = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG")
_PREFIX = "OPENLINEAGE__TRANSPORT"
_FLOW = "dataset-to-gallery"
_PRODUCER = f"urn:artpipe:{__version__}"


def is_enabled(variables: Mapping[str, str] = os.environ) -> bool:
    """Return whether somebody named where events go."""
    return any(name in _NAMES or name.startswith(_PREFIX) for name, value in variables.items() if value)


@contextmanager
def report_stage(stage: str, flow_run: str) -> Iterator[None]:
    """Report that a stage starts, and how it ended, where somebody wants to know.

    Args:
        stage: its name in dvc.yaml.
        flow_run: the id of the run it belongs to, a UUID.
    """
    if not is_enabled():
        yield
        return
    events = StageEvents(stage, flow_run)
    events.send("START")
    try:
        yield
    except Exception as error:
        events.send("FAIL", message=to_printable(str(error)))
        raise
    except BaseException:
        events.send("ABORT")
        raise
    events.send("COMPLETE", *read_locked_files(stage))


class StageEvents:
    """The events of one run of a stage."""

    def __init__(self, stage: str, flow_run: str) -> None:
        self._stage, self._flow_run, self._run_id = stage, flow_run, ""
        self._namespace = os.environ.get("OPENLINEAGE_NAMESPACE") or Path.cwd().name

    def send(
        self,
        kind: str,
        inputs: Sequence[tuple[str, str]] = (),
        outputs: Sequence[tuple[str, str]] = (),
        message: str = "",
    ) -> None:
        """Send one event; what goes wrong is logged and fails no stage.

        Args:
            kind: START, COMPLETE, FAIL or ABORT.
            inputs: path and hash of what it read.
            outputs: path and hash of what it made.
            message: why it failed.
        """
        try:
            client = _open_client()
            client.emit(self._make_event(kind, inputs, outputs, message))
        except Exception as error:  # noqa: BLE001  # a lineage server that is away fails no stage
            get_run_logger().warning("OpenLineage: %s: %s", type(error).__name__, error)

    def _make_event(
        self, kind: str, inputs: Sequence[tuple[str, str]], outputs: Sequence[tuple[str, str]], message: str
    ) -> Any:
        from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
        from openlineage.client.facet_v2 import dataset_version_dataset, error_message_run, parent_run
        from openlineage.client.uuid import generate_new_uuid

        self._run_id = self._run_id or str(generate_new_uuid())
        facets: dict[str, Any] = {}
        if self._flow_run:
            parent = parent_run.Run(self._flow_run), parent_run.Job(self._namespace, _FLOW)
            facets["parent"] = parent_run.ParentRunFacet(*parent)
        if message:
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(message, "python")

        def describe(files: Sequence[tuple[str, str]], dataset: Any) -> list[Any]:
            version = dataset_version_dataset.DatasetVersionDatasetFacet
            return [
                dataset("file", str(Path(path).absolute()), facets={"version": version(hash_)} if hash_ else {})
                for path, hash_ in files
            ]

        return RunEvent(
            eventType=RunState[kind],
            eventTime=datetime.now(UTC).isoformat(),
            run=Run(self._run_id, facets),
            job=Job(self._namespace, self._stage),
            inputs=describe(inputs, InputDataset),
            outputs=describe(outputs, OutputDataset),
            producer=_PRODUCER,
        )


def read_locked_files(stage: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return path and hash of what a stage read and made, as dvc.lock has them."""
    try:
        entry = ((read_yaml(Path("dvc.lock")) or {}).get("stages") or {}).get(stage) or {}
    except (ArtpipeError, OSError):
        return [], []
    inputs, outputs = (
        [(str(file["path"]), str(file.get("md5", ""))) for file in entry.get(key, [])] for key in ("deps", "outs")
    )
    return inputs, outputs


@functools.cache
def _open_client() -> Any:
    from openlineage.client import OpenLineageClient, set_producer

    set_producer(_PRODUCER)
    return OpenLineageClient()
