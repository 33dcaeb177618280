"""Write a model as MLflow logs it: a folder that `mlflow.pyfunc.load_model` loads."""

from pathlib import Path

from artpipe.artifacts import paths
from artpipe.contracts.model import Sampler
from artpipe.contracts.plugin_info import model_info
from artpipe.errors import UserError
from artpipe.tracking.mlflow_models import save_model_folder
from artpipe.training.restore import restore_learner


def write_mlflow_folder(root: Path, name: str, folder: Path) -> str:
    """Write the model into an empty folder; return a sentence on how it is loaded.

    Raises:
        UserError: nothing was trained, or it is given neither seeds nor pictures.
        CorruptError: the checkpoint is damaged.
    """
    learner, card, _ = restore_learner(root / paths.checkpoint(name))
    if not isinstance(learner, Sampler) and not model_info(card.kind).export.network:
        raise UserError(
            f"{name}: its kind, {card.kind}, cannot be exported to mlflow: it neither paints from seeds nor has a network that is given pictures"
        )
    save_model_folder(folder, root / paths.checkpoint(name), "painter" if isinstance(learner, Sampler) else "pictures")
    return "load it with `mlflow.pyfunc.load_model(DIR)`; artpipe has to be installed there"
