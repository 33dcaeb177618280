"""Log models to MLflow that load and serve without DVC.

A model is code, a checkpoint, a signature and an example.
"""

import base64
import logging
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from artpipe import __version__
from artpipe.artifacts.report import ReportCard
from artpipe.contracts.plugin_info import model_info

Form = Literal["", "painter", "pictures"]  # what a served model is given: nothing, seeds, pictures
_CODE: dict[Form, str] = {"painter": "mlflow_painter.py", "pictures": "mlflow_picture_model.py"}
_EXAMPLE_SEEDS = (1, 2)


def paints_from_seeds(report: ReportCard) -> bool:
    """Return whether a report is of a model that paints pictures from seeds alone."""
    return any(one.role == "sample" and one.kind == "image" and one.seed is not None for one in report.exhibits)


def choose_form(report: ReportCard) -> Form:
    """Return what a model of a report is given where MLflow serves it.

    Empty where it cannot be served.
    """
    if paints_from_seeds(report):
        return "painter"
    return "pictures" if model_info(report.kind).export.network else ""


def log_model(client: Any, run: Any, folder: Path, form: Form, step: int, tags: Mapping[str, str]) -> Any:
    """Log a checkpoint as a model of a run, and return MLflow's entity of it.

    The checkpoint is copied: it loads where the project is not.

    Args:
        client: of MLflow.
        run: MLflow's run of its training.
        folder: the checkpoint's.
        form: see `choose_form`.
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
            save_model_folder(Path(temporary) / "model", folder, form, described)
            client.log_model_artifacts(model.model_id, str(Path(temporary) / "model"))
    except BaseException:
        client.finalize_logged_model(model.model_id, "FAILED")
        raise
    client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step)])
    return client.finalize_logged_model(model.model_id, "READY")


def save_model_folder(target: Path, folder: Path, form: Form, model: Any | None = None) -> None:
    """Write a checkpoint's folder as a model of MLflow into `target`.

    `model` is MLflow's `Model` where it is one of a run.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own, of its own type hints
        from mlflow.pyfunc import save_model

    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)  # there may be no pip
    save_model(
        str(target),
        python_model=str(Path(__file__).with_name(_CODE[form])),
        artifacts={"checkpoint": str(folder)},
        **(_describe_painter() if form == "painter" else _describe_picture_model(folder)),
        pip_requirements=[f"artpipe=={__version__}"],
        mlflow_model=model,
    )


def _describe_painter() -> dict[str, Any]:
    """Return signature and example of a model that is given seeds."""
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    pictures = [ColSpec("long", "seed"), ColSpec("long", "label"), ColSpec("string", "png_base64")]
    wanted = [ColSpec("long", "seed"), ColSpec("long", "label", required=False)]
    example = pd.DataFrame({"seed": list(_EXAMPLE_SEEDS), "label": [-1] * len(_EXAMPLE_SEEDS)})
    return {"signature": ModelSignature(Schema(wanted), Schema(pictures)), "input_example": example}


def _describe_picture_model(folder: Path) -> dict[str, Any]:
    """Return signature and example of a model that is given pictures."""
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    from artpipe.evaluation.apply_network import open_picture_network
    from artpipe.training.exhibit_files import encode_content

    network = open_picture_network(folder)
    picture = encode_content(network.example_inputs(1)["images"][0])[1]
    labels = [ColSpec("string", "label"), ColSpec("double", "probability")]
    made = labels if network.output_name == "logits" else [ColSpec("string", "png_base64")]
    example = pd.DataFrame({"picture_base64": [base64.b64encode(picture).decode()]})
    return {
        "signature": ModelSignature(Schema([ColSpec("string", "picture_base64")]), Schema(made)),
        "input_example": example,
    }
