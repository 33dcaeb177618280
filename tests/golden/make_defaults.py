"""Write defaults.json: every default that params.yaml may leave out, and the format it belongs to.

No stage depends on `params.py`, so a changed default is a changed format: raise FORMAT (and `format` in params.yaml),
then run `python tests/golden/make_defaults.py`.
"""

import json
from pathlib import Path

from pydantic import BaseModel

from artpipe.config import params

GOLDEN = Path(__file__).with_name("defaults.json")
MODELS = (
    params.IngestParams,
    params.SplitParams,
    params.WeightsEntry,
    params.TrainParams,
    params.EvaluationParams,
)


def defaults() -> dict[str, object]:
    """Return the defaults by class and field, with the format."""
    found: dict[str, object] = {"format": params.FORMAT}
    for model in MODELS:
        fields = {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}
        plain = {
            name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value
            for name, value in fields.items()
        }
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
        found[model.__name__] = {name: value for name, value in plain.items() if "Undefined" not in repr(value)}
    return dict(json.loads(json.dumps(found)))  # as they are read again


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(defaults(), indent=2) + "\n")
