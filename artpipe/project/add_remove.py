"""Add datasets, add and remove models.

Files, DVC's tracking and params.yaml change together or not at all.
"""

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.config.params import NAME_PATTERN, About, DatasetEntry, Params, load_params, validate_as
from artpipe.config.safe_yaml import parse_yaml
from artpipe.config.yaml_edit import insert_entry, parse_key_value, read_exactly, remove_entry
from artpipe.contracts.source import Source
from artpipe.errors import BusyError, UserError
from artpipe.layout.input_files import resolve_hub_snapshot
from artpipe.layout.layout_summary import LayoutSummary
from artpipe.project.added_entries import AddedDataset, AddedModel, RemovedModel
from artpipe.project.detection import (
    choose_ingest,
    describe_summary,
    describe_works_inside,
    inspect_input,
    may_hold_many_works,
    require_enough_works,
)
from artpipe.project.entry_validation import check_dataset, check_model
from artpipe.project.first_entries import FirstEntries, choose_models, draft_dataset, make_first_entries
from artpipe.project.first_models import has_features
from artpipe.project.import_files import (
    DATASETS,
    archive_suffix,
    copy_archive,
    copy_folder,
    describe_archive,
    mark_import_finished,
    mark_import_started,
    undo_unfinished_import,
)
from artpipe.project.new_entries import (
    add_weights_entry,
    make_model_entry,
    source_name,
)
from artpipe.project.params_file import PARAMS, require_writable_params, write_params
from artpipe.project.preview import write_contact_sheet
from artpipe.project.trackable_paths import require_outside_project, require_shallow
from artpipe.project.tracked_files import describe_git_step, remove_quietly, track_files
from artpipe.storage.dvc_check import require_dvc
from artpipe.storage.dvc_command import require_lockable
from artpipe.storage.running_work import find_running_work
from artpipe.system.atomic_files import remove_stale_temporaries
from artpipe.system.locks import hold_lock
from artpipe.system.plain_text import to_printable

_WAIT_SECONDS = 60.0  # for another change: each may import torch under the lock, which takes 6 s on a busy machine
_NOTICE_SECONDS = 5.0  # of waiting before it is reported


def add_dataset(
    path: Path,
    name: str,
    *,
    about: About,
    size: int | None = None,
    kinds: Sequence[str] | None = None,
    medium: str = "",
    ingest: Mapping[str, Any] | None = None,
) -> AddedDataset:
    """Copy works in, track them with DVC, and write their entries.

    Without `medium` the files decide it, without `size` and `kinds` medium and number of works do; `ingest` is what differs from its defaults.

    Raises:
        UserError: bad or taken name, unknown kind or medium, too few works; nothing was changed.
    """
    source = resolve_hub_snapshot(path.expanduser())
    with change_project() as undo:
        params, text = load_params(PARAMS), read_exactly(PARAMS)
        _check_kinds(params, name, kinds or ())
        target, understanding = _choose_target(source, name), inspect_input(source, medium, ingest)
        medium, ingest = understanding.medium, choose_ingest(understanding, ingest)
        checked = draft_dataset(name, target, about, medium, ingest, size)
        if not may_hold_many_works(source):
            _find_source(target).check(checked.model_copy(update={"path": str(source)}))
        first = choose_models(params, understanding, checked, source, size=size, kinds=kinds)
        entries = make_first_entries(name, first, target, about, medium, ingest)
        _check_entries(params, entries)
        mark_import_started(target)
        undo.callback(undo_unfinished_import)
        sys.stdout.write(_describe_input(source, target, understanding, checked, ingest))
        skipped_count = _copy_works(source, target)
        _require_works(name, checked, source)
        text = _insert_entries(text, entries)
        track_files(target, undo)
        write_params(text)
        mark_import_finished()
    sheet, git_step = write_contact_sheet(name, checked), describe_git_step(name, target)
    return AddedDataset(name, target, understanding, entries, skipped_count, sheet, git_step)


def _describe_input(
    source: Path, target: Path, summary: LayoutSummary, entry: DatasetEntry, ingest: Mapping[str, Any] | None
) -> str:
    inside = describe_works_inside(source, summary.medium, ingest)
    notes = describe_summary(summary) + inside + describe_archive(source, entry.ingest.names)
    return f"{notes}copying {to_printable(str(source))} to {target}\n"


def _require_works(name: str, entry: DatasetEntry, source: Path) -> None:
    """Raise if ingest would refuse the dataset, or keep too few works of it."""
    check_dataset(name, entry)
    require_enough_works(entry, source)


def _insert_entries(text: str, entries: FirstEntries) -> str:
    """Return params.yaml with the entries of a new dataset, each of them checked."""
    for name, entry in entries.datasets.items():
        text = insert_entry(text, "datasets", name, entry)
    text = add_weights_entry(text, parse_params_text(text), [model.kind for model in entries.models])
    for name, kind, dataset in sorted(entries.models, key=lambda model: not has_features(model.kind)):
        # those that measure first: the others point at them
        text = insert_entry(text, "models", name, make_model_entry(parse_params_text(text), name, kind, dataset))
    params = parse_params_text(text)
    for model in entries.models:
        check_model(params, model.name)
    return text


def add_model(name: str, *, kind: str, dataset: str, parameters: Sequence[str] = ()) -> AddedModel:
    """Write a model's entry; `parameters` are ``key=value``, the value as in YAML.

    Raises:
        UserError: bad or taken name, unknown kind, dataset or parameter; nothing was changed.
    """
    with change_project():
        params, text = load_params(PARAMS), read_exactly(PARAMS)
        _check_name(name, params.models, "model")
        plugins.load_plugin("models", kind)
        params.dataset(dataset)
        text = add_weights_entry(text, params, [kind])
        entry = make_model_entry(params, name, kind, dataset, _read_parameters(parameters))
        text = insert_entry(text, "models", name, entry)
        check_model(parse_params_text(text), name)
        write_params(text)
    return AddedModel(name, kind, dataset, entry)


def _read_parameters(parameters: Sequence[str]) -> dict[str, Any]:
    """Return parameters by name.

    Raises:
        UserError: one has an option of its own.
    """
    given = dict(map(parse_key_value, parameters))
    for key in ("kind", "dataset"):
        if key in given:
            raise UserError(f"-P {key}=: write `--{key} {to_printable(str(given[key]))}`")
    return given


def remove_model(name: str) -> RemovedModel:
    """Remove a model and all its outputs.

    Raises:
        UserError: there is none of that name, or another model needs it; the message names that one.
        BusyError: a stage is making it; nothing was changed.
    """
    with change_project():
        params, text = load_params(PARAMS), read_exactly(PARAMS)
        params.model(name)
        refuse_needed(params, [name])
        _require_not_being_made(name)
        write_params(remove_entry(text, "models", name))
        remove_model_outputs(name)
    return RemovedModel(name)


def _require_not_being_made(model: str) -> None:
    """Raise if a stage is making a model.

    Its outputs would come back, and its training's lock would go.
    """
    work = find_running_work()
    if work and work.outputs.intersection(paths.model_outputs(model)):
        raise BusyError(f"{work.describe()}, which makes `{model}`; try again when it has ended")


@contextlib.contextmanager
def change_project() -> Iterator[contextlib.ExitStack]:
    """Hold the project's lock, and yield a stack of what to undo on an error.

    Raises:
        BusyError: another change of the project was still at work after a minute; nothing was changed.
    """
    require_dvc(Path())  # before anything is written
    require_writable_params()
    require_lockable()
    lock, doing = paths.STATE / "project.lock", "a change of params.yaml"
    with hold_lock(lock, wait_seconds=_WAIT_SECONDS, notice_seconds=_NOTICE_SECONDS, doing=doing):
        remove_stale_temporaries(DATASETS)
        undo_unfinished_import({entry.path for entry in load_params(PARAMS).datasets.values()})
        with contextlib.ExitStack() as undo:
            yield undo
            undo.pop_all()


def check_new_names(params: Params, dataset: str, models: Iterable[str]) -> None:
    """Raise if a new dataset's name, or one of its models', is none or is taken.

    Raises:
        UserError: which, and why.
    """
    _check_name(dataset, params.datasets, "dataset")
    for model in models:
        _check_name(model, params.models, "model")


def _check_kinds(params: Params, name: str, kinds: Sequence[str]) -> None:
    for kind in kinds:
        plugins.load_plugin("models", kind)
    check_new_names(params, name, [f"{name}-{kind}" for kind in kinds])
    if len(set(kinds)) < len(kinds):
        raise UserError("a kind is named twice; a second model of one kind: `artpipe model add NAME --kind KIND`")


def _check_entries(params: Params, entries: FirstEntries) -> None:
    for dataset in entries.datasets:
        check_new_names(params, dataset, [model.name for model in entries.models if model.dataset == dataset])


def _check_name(name: str, taken: Mapping[str, Any], noun: str) -> None:
    if not NAME_PATTERN.fullmatch(name):
        raise UserError(f"`{name}` cannot be a name: lower-case letters, digits and `-`, such as `my-{noun}`")
    if name in taken:
        raise UserError(f"{PARAMS}: there is a {noun} `{name}` already; take another name or remove it first")


def _choose_target(source: Path, name: str) -> Path:
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    require_outside_project(source)
    if source.is_dir():
        require_shallow(source)
    in_folder = source.is_dir() or may_hold_many_works(source)
    target = DATASETS / (name if in_folder else name + archive_suffix(source))
    for path in (target, Path(f"{target}.dvc")):
        if path.exists():
            raise UserError(f"{path}: is there already, and no dataset names it; move it away or take another name")
    return target


def _copy_works(source: Path, target: Path) -> int:
    """Copy works to `target`, and return how many were skipped.

    A folder, an archive, or one file of many works, which gets a folder of its own.
    """
    if source.is_dir():
        return copy_folder(source, target)
    return copy_archive(source, target / source.name if may_hold_many_works(source) else target)


def _find_source(target: Path) -> Source:
    source: Source = plugins.load_plugin("sources", source_name(target))
    return source


def parse_params_text(text: str) -> Params:
    """Return the parameters of a text of params.yaml that is to be written."""
    return validate_as(Params, parse_yaml(text, str(PARAMS)), file=str(PARAMS))


def refuse_needed(params: Params, leaving: Sequence[str]) -> None:
    """Raise if a model that stays needs one that leaves.

    Raises:
        UserError: which, and by which parameter.
    """
    for name, entry in params.models.items():
        if name in leaving:
            continue
        pretrained = {str(paths.checkpoint(model)): model for model in leaving}.get(str(entry.get("pretrained")))
        for key, model in (("feature_extractor", entry.get("feature_extractor")), ("pretrained", pretrained)):
            if model in leaving:
                raise UserError(f"`{model}` is the `{key}` of `{name}`; change or remove `{name}` first")


def remove_model_outputs(model: str) -> None:
    """Remove all that the stages made of a model, and its training's state."""
    for path in (*paths.model_outputs(model), paths.STATE / "train" / model):
        remove_quietly(path)
