"""Log models to MLflow that load and serve without DVC.

A model is code, a checkpoint, a signature and an example.
"""

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artpipe import __version__
from artpipe.artifacts.report import ReportCard

_CODE = Path(__file__).with_name("mlflow_painter.py")
_EXAMPLE_SEEDS = (1, 2)


def paints_from_seeds(report: ReportCard) -> bool:
    """Return whether a report is of a model that paints pictures from seeds alone."""
    return any(one.role == "sample" and one.kind == "image" and one.seed is not None for one in report.exhibits)


def log_painter(client: Any, run: Any, folder: Path, step: int, tags: Mapping[str, str]) -> Any:
    """Log a checkpoint as a model of a run, and return MLflow's entity of it.

    The checkpoint is copied: it loads where the project is not.

    Args:
        client: of MLflow.
        run: MLflow's run of its training.
        folder: the checkpoint's.
        step: at which its weights were taken.
        tags: of the model.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    model = client.create_logged_model(
        run.info.experiment_id, name=folder.name, source_run_id=run.info.run_id, tags=dict(tags), model_type="artpipe"
    )
    try:
        with tempfile.TemporaryDirectory(prefix="artpipe-model-") as temporary:
            described = Model(artifact_path="model", run_id=run.info.run_id, model_id=model.model_id)
            save_painter(Path(temporary) / "model", folder, described)
            client.log_model_artifacts(model.model_id, str(Path(temporary) / "model"))
    except BaseException:
        client.finalize_logged_model(model.model_id, "FAILED")
        raise
    client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step)])
    return client.finalize_logged_model(model.model_id, "READY")


def save_painter(target: Path, folder: Path, model: Any | None = None) -> None:
    """Write a checkpoint's folder as a model of MLflow into `target`.

    `model` is MLflow's `Model` where it is one of a run.
    """
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import save_model
    from mlflow.types import ColSpec, Schema

    pictures = [ColSpec("long", "seed"), ColSpec("long", "label"), ColSpec("string", "png_base64")]
    wanted = [ColSpec("long", "seed"), ColSpec("long", "label", required=False)]
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)  # there may be no pip
    save_model(
        str(target),
        python_model=str(_CODE),
        artifacts={"checkpoint": str(folder)},
        signature=ModelSignature(Schema(wanted), Schema(pictures)),
        input_example=pd.DataFrame({"seed": list(_EXAMPLE_SEEDS), "label": [-1] * len(_EXAMPLE_SEEDS)}),
        pip_requirements=[f"artpipe=={__version__}"],
        mlflow_model=model,
    )
