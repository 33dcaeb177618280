"""Export a model or a dataset in a format of others."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.config.params import load_params
from artpipe.errors import UserError, did_you_mean
from artpipe.system.atomic_files import write_folder
from artpipe.system.file_tree import total_bytes
from artpipe.system.shell_quoting import quote_for_shell

Writer = Callable[[Path, str, Path], str]  # from the project, a name and an empty folder to a sentence


class ExportFormat(NamedTuple):
    """Say what a format is of, and load the function that writes it."""

    of: str  # models or datasets
    load_writer: Callable[[], Writer]


class ExportedFolder(NamedTuple):
    """What was written, and where."""

    folder: Path
    name: str  # of the model or dataset
    format: str
    files: tuple[str, ...]  # relative to the folder
    bytes: int
    note: str  # how far it was checked, or how it is used

    def to_text(self) -> str:
        """Return it in a line."""
        return f"{quote_for_shell(str(self.folder))}: {self.name} as {self.format}; {self.note}"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return {**self._asdict(), "folder": str(self.folder), "files": list(self.files)}


def _onnx() -> Writer:
    from artpipe.export.onnx_folder import write_onnx_folder

    return write_onnx_folder


def _huggingface() -> Writer:
    from artpipe.export.hub_folder import write_hub_folder

    return write_hub_folder


def _imagefolder() -> Writer:
    from artpipe.export.imagefolder import write_imagefolder

    return write_imagefolder


def _mlflow() -> Writer:
    from artpipe.tracking.mlflow_export import write_mlflow_folder

    return write_mlflow_folder


FORMATS: Mapping[str, ExportFormat] = {
    "onnx": ExportFormat("models", _onnx),
    "huggingface": ExportFormat("models", _huggingface),
    "mlflow": ExportFormat("models", _mlflow),
    "imagefolder": ExportFormat("datasets", _imagefolder),
}


def export(name: str, to: str, folder: Path, root: Path = Path()) -> ExportedFolder:
    """Write a model or dataset into a new folder and return what was written.

    Args:
        name: of a model or dataset of params.yaml.
        to: a format; see `FORMATS`.
        folder: where it is written; empty, or not there yet.
        root: of the project.

    Raises:
        UserError: no such name or format, the format is of something else, the folder is not empty, or the kind has
            no such form.
        CorruptError: an artifact is damaged.
    """
    if to not in FORMATS:
        raise UserError(f"--to {to}: one of {', '.join(FORMATS)} is expected{did_you_mean(to, FORMATS)}")
    _require_subject(root, name, to)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder}: is there already; name a folder that is empty or not there yet")
    writer = FORMATS[to].load_writer()
    with write_folder(folder) as temporary:
        note = writer(root, name, temporary)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return ExportedFolder(folder, name, to, tuple(files), total_bytes(folder), note)


def _require_subject(root: Path, name: str, to: str) -> None:
    """Require a name of what the format is of.

    Raises:
        UserError: it is of something else, or of nothing.
    """
    params = load_params(root / "params.yaml")
    names = {"models": list(params.models), "datasets": list(params.datasets)}
    if name in names[FORMATS[to].of]:
        return
    for group, group_names in names.items():
        if name in group_names:
            others = [one for one, form in FORMATS.items() if form.of == group]
            raise UserError(f"{name}: is one of the {group}; they are exported to {', '.join(others)}, not to {to}")
    known = [*names["models"], *names["datasets"]]
    raise UserError(f"{name}: no model or dataset of params.yaml{did_you_mean(name, known)}")
