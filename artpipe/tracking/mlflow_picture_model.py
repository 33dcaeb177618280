"""The model that MLflow loads and serves: it is given pictures.

MLflow copies this file beside the checkpoint and runs it ("models from code"), so nothing is pickled.
"""

import base64
from pathlib import Path
from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel


class PictureModel(PythonModel):  # type: ignore[misc]
    """Classifies each given picture, or makes another one of it."""

    def load_context(self, context: Any) -> None:
        """Restore the network from the checkpoint beside this file."""
        from artpipe.evaluation.apply_network import open_picture_network

        self.network = open_picture_network(Path(context.artifacts["checkpoint"]))

    # MLflow judges a hint of `model_input` as a signature of its own, and warns
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Return a row for each: label and probability, or a PNG in base64."""
        del context, params
        from artpipe.evaluation.apply_network import apply_network

        rows = apply_network(self.network, [base64.b64decode(text) for text in model_input["picture_base64"]])
        if self.network.output_name == "logits":
            return model_input.__class__(rows, columns=["label", "probability"])
        pictures = [base64.b64encode(row["png"]).decode() for row in rows]
        return model_input.__class__({"png_base64": pictures})


mlflow.models.set_model(PictureModel())
