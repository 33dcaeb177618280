"""Write a model as ONNX, checked by onnxruntime against torch."""

import contextlib
import io
import json
import logging
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from artpipe.errors import UserError
from artpipe.export.exported_model import ExportedModel, load_exported_model

OPSET = 18
_TOLERANCE = 1e-3  # of any value, of pictures in [-1, 1]
_NEEDED = ("onnx", "onnxscript", "onnxruntime")
_ROWS = (2, 1, 3)  # of the batches that are compared; the first is the one it was traced with
_MOST_ROWS, _SIDES = 4096, (8, 8192)
_README = """\
# {name} as ONNX

`model.onnx` is a {kind}, trained with artpipe {version} on `{dataset}`; opset {opset}.
onnxruntime and torch differ by {difference:.1e} at most.

{table}

Pictures are {channels} x {height} x {width} (channels, height, width), from -1 (black) to 1 (white): `pixels / 127.5 - 1`.
Noise is standard normal. A label is a class number, -1 for none. What `config.json` says stands in the metadata of
`model.onnx` too, under `artpipe`.{notes}

```python
import numpy
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
{output} = session.run(None, {{{example}}})[0]
```
"""


def write_onnx_folder(root: Path, name: str, folder: Path) -> str:
    """Write `model.onnx`, `config.json` and `README.md` into an empty folder.

    Return a sentence on how far onnxruntime is from torch.

    Raises:
        UserError: a package is missing, or the kind has no ONNX form, or onnxruntime computes something else.
        CorruptError: the checkpoint is damaged.
    """
    if missing := [package for package in _NEEDED if find_spec(package) is None]:
        raise UserError(f"--to onnx: {', '.join(missing)} not installed; `pip install 'artpipe[export]'` brings all")
    model = load_exported_model(root, name, "onnx")
    path = folder / "model.onnx"
    _convert(model, path)
    difference = _compare(model, path)
    text = json.dumps(model.settings, indent=2, ensure_ascii=False) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(_make_readme(model, difference), encoding="utf-8")
    said = f"onnxruntime and torch differ by {difference:.1e} at most, in batches of {_ROWS[1]} to {_ROWS[2]}"
    return ". ".join([said, *filter(None, [model.settings["left_out"]])])


def _convert(model: ExportedModel, path: Path) -> None:
    inputs = model.network.example_inputs(_ROWS[0])
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # torch's own, of what it will do otherwise in a later version
        program = torch.onnx.export(
            model.network, (), kwargs=inputs, dynamo=True, dynamic_shapes=_free_sizes(model, inputs),
            opset_version=OPSET, input_names=list(inputs), output_names=[model.network.output_name], verbose=False,
        )  # fmt: skip
    assert program is not None  # noqa: S101 - `dynamo` returns one
    program.save(str(path), external_data=False)
    import onnx

    saved = onnx.load(str(path))
    onnx.helper.set_model_props(saved, {"artpipe": json.dumps(model.settings, ensure_ascii=False)})
    onnx.save(saved, str(path))


def _free_sizes(model: ExportedModel, inputs: dict[str, Tensor]) -> dict[str, dict[int, Any]]:
    """Return which sizes may differ: the rows, and of some pictures their sides."""
    rows = torch.export.Dim("rows", min=1, max=_MOST_ROWS)
    sides = {axis: torch.export.Dim(axis, min=_SIDES[0], max=_SIDES[1]) for axis in ("height", "width")}
    free = {2: sides["height"], 3: sides["width"]} if model.network.any_size else {}
    return {name: {0: rows, **(free if name == "images" else {})} for name in inputs}


def _compare(model: ExportedModel, path: Path) -> float:
    """Return the largest difference of onnxruntime and torch, over several batches.

    Raises:
        UserError: it is more than rounding.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    differences = []
    for rows in _ROWS:
        inputs = model.network.example_inputs(rows)
        with torch.no_grad():
            expected: Tensor = model.network(**inputs)
        found = torch.from_numpy(session.run(None, {key: value.numpy() for key, value in inputs.items()})[0])
        differences.append((found - expected).abs().max())
    return _require_close(model.name, float(torch.stack(differences).max()))  # torch keeps a NaN


def _require_close(name: str, difference: float) -> float:
    if not difference <= _TOLERANCE:
        raise UserError(
            f"{name}: onnxruntime and torch differ by {difference:.1e}, at most {_TOLERANCE:.0e} is expected"
        )
    return difference


def _make_readme(model: ExportedModel, difference: float) -> str:
    inputs = model.network.example_inputs(1)
    rows = [
        f"| `{name}` | input | {str(value.dtype).removeprefix('torch.')} | N x {' x '.join(map(str, value.shape[1:])) or 1} |"
        for name, value in inputs.items()
    ]
    with torch.no_grad():
        output = model.network(**inputs)
    rows.append(f"| `{model.network.output_name}` | output | float32 | N x {' x '.join(map(str, output.shape[1:]))} |")
    spec = model.settings["spec"]
    return _README.format(
        name=model.name,
        kind=model.settings["params"]["kind"],
        version=model.settings["artpipe_version"],
        dataset=model.settings["dataset"],
        opset=OPSET,
        difference=difference,
        table="\n".join(["| Name | | Type | Shape |", "|---|---|---|---|", *rows]),
        output=model.network.output_name,
        example=", ".join(_example_of(name, value) for name, value in inputs.items()),
        channels=spec["channels"],
        height=spec["height"],
        width=spec["width"],
        notes="".join(f" {note}" for note in _list_notes(model)),
    )


def _list_notes(model: ExportedModel) -> list[str]:
    sides = f"Pictures may have other sides, of {_SIDES[0]} to {_SIDES[1]} pixels." if model.network.any_size else ""
    return [note for note in (sides, model.settings["left_out"]) if note]


def _example_of(name: str, value: Tensor) -> str:
    shape = ", ".join(map(str, value.shape))
    if value.dtype == torch.int64:
        return f'"{name}": numpy.zeros(({shape},), "int64")'
    return f'"{name}": numpy.random.randn({shape}).astype("float32")'
