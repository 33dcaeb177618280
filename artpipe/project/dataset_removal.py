"""Remove a dataset, its models and all that was made of them; and bring it back.

What a person brought stays in DVC's cache, and a note below `.state/removed` names it: `artpipe gc` keeps both for a
week.
"""

import contextlib
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.artifacts import paths
from artpipe.config.params import Params, load_params, read_yaml
from artpipe.config.safe_yaml import parse_yaml
from artpipe.config.yaml_edit import insert_entry, read_exactly, remove_entry
from artpipe.errors import UserError, did_you_mean
from artpipe.project.add_remove import (
    change_project,
    check_new_names,
    parse_params_text,
    refuse_needed,
    remove_model_outputs,
)
from artpipe.project.entry_validation import check_dataset, check_model
from artpipe.project.forgetting.forget_plan import require_nothing_pending
from artpipe.project.import_files import is_project_dataset
from artpipe.project.params_file import PARAMS, write_params
from artpipe.project.tracked_files import remove_quietly, track_files, untrack_files
from artpipe.storage.dvc_command import restore_folders, run_dvc
from artpipe.storage.removed_datasets import RemovedDataset, find_removed, removed_folder, save_removed
from artpipe.storage.running_work import require_no_running_work
from artpipe.system.file_tree import total_bytes, walk_tree
from artpipe.system.units import format_size


class DatasetRemoval(NamedTuple):
    """What leaves with a dataset."""

    name: str
    path: Path
    files: int  # of the person, below `path`; 0: they stay where they are
    bytes: int
    models: tuple[str, ...]
    readers: tuple[str, ...] = ()  # datasets that stay and read the same files
    removed: bool = False  # else it is only planned

    def to_text(self) -> str:
        """Return what went, or in sentences what would go and how to get it back."""
        if self.removed:
            advice = f"`artpipe dataset restore {self.name}` brings it back"
            return f"{self._summarise()}; `artpipe run` takes its room out of the gallery, {advice}"
        lines = [f"remove {self.name}:"]
        if self.files:
            noun = "file of yours" if self.files == 1 else "files of yours"
            lines.append(f"  {self.path}: {self.files:,} {noun}, {format_size(self.bytes)}, leave this folder")
        else:
            lines.append(f"  {self._explain_staying()}")
        models = f" and its models {', '.join(self.models)}" if self.models else ""
        lines.append(f"  its entry{models} leave {PARAMS}, with all that was made of them")
        lines.append(f"`artpipe dataset restore {self.name}` brings it back, until `artpipe gc --yes` a week later")
        return "\n".join(lines)

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return {**self._asdict(), "path": str(self.path), "models": list(self.models), "readers": list(self.readers)}

    def _summarise(self) -> str:
        with_models = f" with {', '.join(self.models)}" if self.models else ""
        staying = f"; {self._explain_staying()}" if self.readers else ""
        return f"removed {self.name}{with_models}{staying}"

    def _explain_staying(self) -> str:
        reader = (
            f": {' and '.join(self.readers)} read{'s' if len(self.readers) == 1 else ''} it" if self.readers else ""
        )
        return f"{self.path} stays where it is{reader}"


class RestoredDataset(NamedTuple):
    """A dataset that is back."""

    name: str
    path: Path  # of its works
    models: tuple[str, ...]

    def to_text(self) -> str:
        """Return it in a sentence."""
        with_models = f" with {', '.join(self.models)}" if self.models else ""
        return f"restored {self.name}{with_models}; `artpipe run` makes its room again, what DVC still has without training"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return {"name": self.name, "path": str(self.path), "models": list(self.models)}


def plan_removal(name: str, *, keep_files: bool = False) -> DatasetRemoval:
    """Return what would leave with a dataset; nothing is changed.

    Raises:
        UserError: there is none of that name, or another dataset's model needs one of its.
    """
    params = load_params(PARAMS)
    path = Path(params.dataset(name).path)
    models = tuple(model for model, fields in params.models.items() if fields.get("dataset") == name)
    refuse_needed(params, models)
    leaves = not keep_files and _is_own(params, name)
    files = sum(file.is_file() for file in walk_tree(path)) if leaves else 0
    readers = tuple(key for key, other in params.datasets.items() if key != name and Path(other.path) == path)
    return DatasetRemoval(name, path, files, total_bytes(path) if leaves else 0, models, readers)


def remove_dataset(name: str, *, keep_files: bool = False) -> DatasetRemoval:
    """Remove a dataset, its models and all their outputs.

    Raises:
        UserError: there is none of that name, another dataset's model needs one of its, or a forgetting was cut short.
        BusyError: a run is at work, which may be reading it.
    """
    require_no_running_work(Path())
    with change_project():
        require_no_running_work(Path())  # one may have begun while another change was waited for
        require_nothing_pending()
        removal = plan_removal(name, keep_files=keep_files)
        text = read_exactly(PARAMS)
        content = parse_yaml(text, str(PARAMS))
        models = {model: dict(content["models"][model]) for model in removal.models}
        for model in models:
            text = remove_entry(text, "models", model)
        save_removed(_take_files(removal, dict(content["datasets"][name]), models))
        write_params(remove_entry(text, "datasets", name))
        if removal.files:
            untrack_files(removal.path)
        for folder in paths.dataset_outputs(name):
            remove_quietly(folder)
        for model in models:
            remove_model_outputs(model)
    return removal._replace(removed=True)


def restore_dataset(name: str) -> RestoredDataset:
    """Bring a removed dataset back, its files from DVC's cache, with its models.

    Raises:
        UserError: none of that name was removed, its names are taken, or DVC has its files no more; nothing was changed.
    """
    with change_project() as undo:
        removed = _load_removed(name)
        target = Path(removed.path)
        params, text = load_params(PARAMS), read_exactly(PARAMS)
        check_new_names(params, name, removed.models)
        text = insert_entry(text, "datasets", name, removed.entry)
        for model, fields in removed.models.items():
            text = insert_entry(text, "models", model, fields)
        if removed.has_files:
            if target.exists():
                raise UserError(f"{target}: is there already; move it away, then restore {name}")
            undo.callback(remove_quietly, target)
            _bring_files(removed, target, undo)
        elif not target.exists():
            _name_keeper(removed)
        restored = parse_params_text(text)
        check_dataset(name, restored.dataset(name))
        for model in removed.models:
            check_model(restored, model)
        write_params(text)
        shutil.rmtree(removed_folder(Path(), name), ignore_errors=True)
    return RestoredDataset(name, target, tuple(removed.models))


def _load_removed(name: str) -> RemovedDataset:
    known = find_removed(Path())
    if name not in known:
        raise UserError(
            f"no dataset `{name}` was removed here{did_you_mean(name, known)}; there are: {', '.join(sorted(known)) or 'none'}"
        )
    return known[name]


def _name_keeper(removed: RemovedDataset) -> None:
    """Raise if a dataset's files left with another one that read them too.

    Raises:
        UserError: which.
    """
    for name, other in find_removed(Path()).items():
        if other.has_files and other.path == removed.path:
            raise UserError(f"{removed.path}: left with {name}; `artpipe dataset restore {name}` first")


def _is_own(params: Params, name: str) -> bool:
    others = [other.path for key, other in params.datasets.items() if key != name]
    return is_project_dataset(Path(params.dataset(name).path), others)


def _take_files(removal: DatasetRemoval, entry: Mapping[str, Any], models: Mapping[str, Any]) -> RemovedDataset:
    """Keep a dataset's files in DVC's cache, or else beside the note; return the note."""
    path, md5, tracked = removal.path, "", Path(f"{removal.path}.dvc")
    if removal.files and tracked.is_file():
        run_dvc("add", str(path))  # works that came since it was last tracked
        md5 = str(read_yaml(tracked)["outs"][0]["md5"])
    elif removal.files:  # such as a pin card, which git has or nobody
        folder = removed_folder(Path(), removal.name)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        copy = shutil.copytree if path.is_dir() else shutil.copy2
        copy(path, folder / path.name)
    return RemovedDataset(
        name=removal.name,
        removed=time.time(),
        path=str(path),
        has_files=removal.files > 0,
        md5=md5,
        entry=dict(entry),
        models={model: dict(fields) for model, fields in models.items()},
    )


def _bring_files(removed: RemovedDataset, target: Path, undo: contextlib.ExitStack) -> None:
    if removed.md5:
        restore_folders(Path(), {target: removed.md5})
        track_files(target, undo)
        return
    kept = removed_folder(Path(), removed.name) / target.name
    if not kept.exists():
        raise UserError(f"{kept}: no such file; git may have {target}")
    copy = shutil.copytree if kept.is_dir() else shutil.copy2
    copy(kept, target)
