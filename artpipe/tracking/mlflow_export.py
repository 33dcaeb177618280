"""Write a model as MLflow logs it: a folder that `mlflow.pyfunc.load_model` loads."""

from pathlib import Path

from artpipe.artifacts import paths
from artpipe.contracts.model import Sampler
from artpipe.errors import UserError
from artpipe.tracking.mlflow_models import save_painter
from artpipe.training.restore import restore_learner


def write_mlflow_folder(root: Path, name: str, folder: Path) -> str:
    """Write the model into an empty folder; return a sentence on how it is loaded.

    Raises:
        UserError: nothing was trained, or it does not paint from seeds.
        CorruptError: the checkpoint is damaged.
    """
    learner, card, _ = restore_learner(root / paths.checkpoint(name))
    if not isinstance(learner, Sampler):
        raise UserError(f"{name}: its kind, {card.kind}, cannot be exported to mlflow: it does not paint from seeds")
    save_painter(folder, root / paths.checkpoint(name))
    return "load it with `mlflow.pyfunc.load_model(DIR)`; artpipe has to be installed there"
