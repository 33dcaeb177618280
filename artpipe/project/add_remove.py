"""Datasets and models come and go: files, DVC's tracking and params.yaml change together or not at all."""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.config.params import NAME, About, DatasetEntry, Params, load_params, validated
from artpipe.config.safe_yaml import parse_yaml
from artpipe.config.yaml_edit import key_value, read_exactly, with_entry, without_entry
from artpipe.contracts.plugin_info import model_info
from artpipe.contracts.source import Source
from artpipe.errors import UserError
from artpipe.layout.places import hub_snapshot
from artpipe.project.detection import (
    has_features,
    inspect_place,
    is_single,
    kinds_of,
    preprocess_of,
    require_kept,
    told,
)
from artpipe.project.entry_validation import check_dataset, check_model
from artpipe.project.import_files import (
    DATASETS,
    archive_suffix,
    arrived,
    arrives,
    copy_archive,
    copy_folder,
    describe_archive,
    is_own,
    take_back,
)
from artpipe.project.preview import contact_sheet
from artpipe.project.trackable_paths import require_foreign, require_shallow
from artpipe.project.tracked_files import remove_quietly, track, untrack
from artpipe.storage.dvc_check import require_dvc
from artpipe.storage.dvc_command import require_lock
from artpipe.system.atomic_files import sweep, write_text
from artpipe.system.locks import locked
from artpipe.system.plain_text import plain

PARAMS = Path("params.yaml")


def add_dataset(
    path: Path,
    name: str,
    *,
    about: About,
    size: int,
    kinds: Sequence[str] | None = None,
    medium: str = "",
    ingest: Mapping[str, Any] | None = None,
) -> str:
    """Copy works in, track them with DVC, write their entries and return what to know and to type next.

    Without `medium` the files tell it, without `kinds` the medium does; `ingest` is what differs from its defaults.

    Raises:
        UserError: bad or taken name, unknown kind or medium, too few works; nothing was changed.
    """
    source = hub_snapshot(path.expanduser())
    with _changing() as undo:
        params, text = load_params(PARAMS), read_exactly(PARAMS)
        _check_new(params, name, kinds or ())
        target = _target(source, name)
        medium = (understanding := inspect_place(source, medium, ingest)).medium
        kinds = kinds_of(medium) if kinds is None else kinds
        _check_new(params, name, kinds)
        entry = _dataset_entry(target, about, medium, preprocess_of(medium, size), ingest or {})
        checked = validated(DatasetEntry, entry, file=str(PARAMS), place=f"datasets.{name}")
        if not is_single(source):
            _source(target).check(checked.model_copy(update={"path": str(source)}))
        arrives(target)
        undo.callback(take_back)
        notes = told(understanding) + describe_archive(source, checked.ingest.names)
        sys.stdout.write(f"{notes}copying {plain(str(source))} to {target}\n")
        left = _copied(source, target)
        _require_works(name, checked, source)
        text = _with_models(with_entry(text, "datasets", name, entry), name, kinds)
        track(target, undo)
        write_text(PARAMS, text)
        arrived()
    return contact_sheet(name, checked) + _next_steps(name, target, kinds, left)


def _require_works(name: str, entry: DatasetEntry, source: Path) -> None:
    """Refuse a dataset that ingest would refuse, or keep too few works of."""
    check_dataset(name, entry)
    require_kept(entry, source)


def _with_models(text: str, dataset: str, kinds: Sequence[str]) -> str:
    """Return params.yaml with an entry for each kind, each of them checked."""
    for kind in sorted(kinds, key=lambda kind: not has_features(kind)):  # those first: the others point at them
        name = f"{dataset}-{kind}"
        text = with_entry(text, "models", name, _model_entry(_parsed(text), name, kind, dataset))
    for kind in kinds:
        check_model(_parsed(text), f"{dataset}-{kind}")
    return text


def remove_dataset(name: str, *, keep_files: bool = False) -> str:
    """Take a dataset, its models and all their outputs away.

    Raises:
        UserError: there is none of that name, or a model of another dataset needs one of its models.
    """
    with _changing():
        params, text = load_params(PARAMS), read_exactly(PARAMS)
        entry = params.dataset(name)
        models = [model for model, fields in params.models.items() if fields.get("dataset") == name]
        _refuse_needed(params, models)
        for model in models:
            text = without_entry(text, "models", model)
        write_text(PARAMS, without_entry(text, "datasets", name))
        path, others = Path(entry.path), [one.path for other, one in params.datasets.items() if other != name]
        if not keep_files and is_own(path, others):
            untrack(path)
        for folder in (paths.works(name), paths.record(name), paths.shards(name)):
            remove_quietly(folder)
        for model in models:
            _remove_outputs(model)
    with_models = f" with {', '.join(models)}" if models else ""
    return f"removed {name}{with_models}; `artpipe run` takes its room out of the gallery"


def add_model(name: str, *, kind: str, dataset: str, parameters: Sequence[str] = ()) -> str:
    """Write one model's entry; `parameters` are ``key=value`` in YAML's words.

    Raises:
        UserError: bad or taken name, unknown kind, dataset or parameter; nothing was changed.
    """
    with _changing():
        params, text = load_params(PARAMS), read_exactly(PARAMS)
        _check_name(name, params.models, "model")
        plugins.find("models", kind)
        params.dataset(dataset)
        entry = _model_entry(params, name, kind, dataset) | dict(map(key_value, parameters))
        text = with_entry(text, "models", name, entry)
        check_model(_parsed(text), name)
        write_text(PARAMS, text)
    return f"added {name} ({kind} on {dataset}); `artpipe plan` says what it will take, `artpipe run` trains it"


def remove_model(name: str) -> str:
    """Take a model and all its outputs away.

    Raises:
        UserError: there is none of that name, or another model needs it; the message names that one.
    """
    with _changing():
        params, text = load_params(PARAMS), read_exactly(PARAMS)
        params.model(name)
        _refuse_needed(params, [name])
        write_text(PARAMS, without_entry(text, "models", name))
        _remove_outputs(name)
    return f"removed {name}; `artpipe run` takes it out of the gallery"


@contextlib.contextmanager
def _changing() -> Iterator[contextlib.ExitStack]:
    """Hold the project's lock and yield a stack of what to undo, run backwards where the change does not come to its end."""
    require_dvc(Path())  # before anything is written
    require_lock()
    with locked(paths.STATE / "project.lock", doing="adding or removing"):
        sweep(DATASETS)
        take_back({entry.path for entry in load_params(PARAMS).datasets.values()})
        with contextlib.ExitStack() as undo:
            yield undo
            undo.pop_all()


def _check_new(params: Params, name: str, kinds: Sequence[str]) -> None:
    _check_name(name, params.datasets, "dataset")
    for kind in kinds:
        plugins.find("models", kind)
        _check_name(f"{name}-{kind}", params.models, "model")
    if len(set(kinds)) < len(kinds):
        raise UserError("a kind is named twice; a second model of one kind: `artpipe model add NAME --kind KIND`")


def _check_name(name: str, taken: Mapping[str, Any], noun: str) -> None:
    if not NAME.fullmatch(name):
        raise UserError(f"`{name}` cannot be a name: lower-case letters, digits and `-`, such as `my-{noun}`")
    if name in taken:
        raise UserError(f"{PARAMS}: there is a {noun} `{name}` already; take another name or remove it first")


def _target(source: Path, name: str) -> Path:
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    require_foreign(source)
    if source.is_dir():
        require_shallow(source)
    in_folder = source.is_dir() or is_single(source)
    target = DATASETS / (name if in_folder else name + archive_suffix(source))
    for path in (target, Path(f"{target}.dvc")):
        if path.exists():
            raise UserError(f"{path}: is there already, and no dataset names it; move it away or take another name")
    return target


def _copied(source: Path, target: Path) -> int:
    """Copy a folder, an archive or one file of many works, which gets a folder of its own; return how many stay behind."""
    if source.is_dir():
        return copy_folder(source, target)
    return copy_archive(source, target / source.name if is_single(source) else target)


def _source_name(target: Path) -> str:
    return "archive" if target.suffix else "folder"  # a name has no dot


def _source(target: Path) -> Source:
    found: Source = plugins.find("sources", _source_name(target))
    return found


def _dataset_entry(
    target: Path, about: About, medium: str, preprocess: Mapping[str, Any], ingest: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "medium": medium,
        "source": _source_name(target),
        "path": str(target),
        "about": {key: value for key, value in about.model_dump().items() if value not in {"", "unknown"}},
        "ingest": dict(ingest),
        "preprocess": dict(preprocess),
    }


def _model_entry(params: Params, name: str, kind: str, dataset: str) -> dict[str, Any]:
    of_dataset = {other: entry for other, entry in params.models.items() if entry.get("dataset") == dataset}
    extractors = [other for other, entry in of_dataset.items() if has_features(str(entry.get("kind")))]
    extractor = name if has_features(kind) or not extractors else extractors[0]
    pretrained = paths.shards(dataset)
    info = model_info(kind)
    if extractor != name and info.pretrained == "checkpoint":  # it chooses its best weights on such features
        pretrained = paths.checkpoint(extractor)
    if info.pretrained == "weights":
        pretrained = paths.weights(next(iter(params.weights), "vgg16"))
    named = {"kind": kind, "dataset": dataset, "pretrained": str(pretrained), "feature_extractor": extractor}
    return {**named, **info.starting_params}


def _parsed(text: str) -> Params:
    return validated(Params, parse_yaml(text, str(PARAMS)), file=str(PARAMS))


def _refuse_needed(params: Params, leaving: Sequence[str]) -> None:
    for name, entry in params.models.items():
        if name in leaving:
            continue
        pretrained = {str(paths.checkpoint(model)): model for model in leaving}.get(str(entry.get("pretrained")))
        for key, model in (("feature_extractor", entry.get("feature_extractor")), ("pretrained", pretrained)):
            if model in leaving:
                raise UserError(f"`{model}` is the `{key}` of `{name}`; change or remove `{name}` first")


def _remove_outputs(model: str) -> None:
    made = (paths.checkpoint, paths.run, paths.report, paths.metrics, paths.plots)
    for path in (*(place(model) for place in made), paths.STATE / "train" / model):
        remove_quietly(path)


def _next_steps(name: str, target: Path, kinds: Sequence[str], left: int) -> str:
    behind = f"{left} links, special files or names that are not UTF-8 stayed behind\n" if left else ""
    added = ", ".join(f"{name}-{kind}" for kind in kinds) or "no models (`artpipe model add` brings some)"
    ignore = target.parent / ".gitignore"
    return (
        f"{behind}added {name} with {added}\n"
        f"next: artpipe run\n"
        f"to keep it in git: git add {PARAMS} {target}.dvc {ignore}"
    )
