"""The model that MLflow loads and serves: it paints from seeds.

MLflow copies this file beside the checkpoint and runs it ("models from code"), so nothing is pickled.
"""

import base64
from pathlib import Path
from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel


class Painter(PythonModel):  # type: ignore[misc]
    """Paints a picture for each row of seeds and labels.

    A label is a class number; -1 takes each class in turn.
    """

    def load_context(self, context: Any) -> None:
        """Restore the learner from the checkpoint beside this file."""
        from artpipe.training.restore import restore_learner

        self.learner, _, self.checkpoint = restore_learner(Path(context.artifacts["checkpoint"]))

    # MLflow judges a hint of `model_input` as a signature of its own, and warns
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Return a row for each: seed, label, and the picture as a PNG in base64."""
        del context, params
        from artpipe.evaluation.paint_pictures import paint_pictures

        seeds = [int(seed) for seed in model_input["seed"]]
        labels = [int(label) for label in model_input["label"]] if "label" in model_input else [-1] * len(seeds)
        painted = paint_pictures(self.learner, seeds, labels)
        rows = [
            (seed, label, base64.b64encode(png).decode()) for seed, (label, png) in zip(seeds, painted, strict=True)
        ]
        return model_input.__class__(rows, columns=["seed", "label", "png_base64"])


mlflow.models.set_model(Painter())
