"""Write a model as a folder for the Hub that runs without artpipe.

`README.md` is the model's card, `config.json` what the network is built from, `model.safetensors` its weights,
`modeling.py` its code.
"""

from pathlib import Path

from artpipe.artifacts.tensors import save_tensors
from artpipe.contracts.exported_network import ExportedPainter
from artpipe.export.exported_model import ExportedModel, load_exported_model
from artpipe.export.standalone_code import write_standalone_code
from artpipe.publishing.card_artifacts import load_model_artifacts
from artpipe.publishing.hub_model_card import make_model_card
from artpipe.system.atomic_files import write_json

_PROGRAM = "artpipe.export.standalone_program"
_FOOTER = """\
def load(folder: str | Path = Path(__file__).parent) -> {name}:
    \"\"\"Return the model of a folder, this one unless another is named.\"\"\"
    return load_network({name}, Path(folder))


if __name__ == "__main__":
    run_program({name}, Path(__file__).parent)
"""
_PAINT = """\
```sh
python modeling.py --seed 1 --out picture.png
```

```python
from modeling import load, paint

pictures = paint(load(), seeds=[1, 2, 3])  # (N, C, H, W) in [-1, 1]
```
"""
_READ = """\
```sh
python modeling.py PICTURE.png
```

```python
from pathlib import Path

from modeling import load, run_on_picture

answer = run_on_picture(load(), Path("PICTURE.png"))
```
"""
_USE = "\n## Use without artpipe\n\n`modeling.py` needs torch and safetensors{more}.\n\n"


def write_hub_folder(root: Path, name: str, folder: Path) -> str:
    """Write the files into an empty folder; return a sentence on how the model is run.

    Raises:
        UserError, CorruptError: see `load_exported_model` and `load_model_artifacts`.
    """
    model = load_exported_model(root, name, "huggingface")
    card = make_model_card(load_model_artifacts(root, name))
    is_painter = isinstance(model.network, ExportedPainter)
    use = _USE.format(more="" if is_painter else ", and pillow to read pictures") + (_PAINT if is_painter else _READ)
    left_out = model.settings["left_out"]
    (folder / "README.md").write_text(card + use + (f"\n{left_out}\n" if left_out else ""), encoding="utf-8")
    write_json(folder / "config.json", dict(model.settings))
    save_tensors(folder / "model.safetensors", dict(model.weights))
    (folder / "model.safetensors").chmod((folder / "config.json").stat().st_mode)  # to be shared, as the other files
    (folder / "modeling.py").write_text(_write_modeling(model), encoding="utf-8")
    said = f"run it with `python modeling.py {'--seed 1' if is_painter else 'PICTURE.png'}`"
    return ". ".join([said, *filter(None, [left_out])])


def _write_modeling(model: ExportedModel) -> str:
    network_class = type(model.network)
    functions = ["run_program", "paint" if isinstance(model.network, ExportedPainter) else "run_on_picture"]
    entries = [(network_class.__module__, network_class.__name__), *((_PROGRAM, name) for name in functions)]
    kind = model.settings["params"]["kind"]
    docstring = (
        f"{model.name}: a {kind}, trained with artpipe {model.settings['artpipe_version']}.\n\n"
        "It needs torch and safetensors, and no artpipe.\n"
    )
    return write_standalone_code(entries, docstring, _FOOTER.format(name=network_class.__name__))
