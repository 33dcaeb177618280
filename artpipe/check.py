"""Before anything starts: params.yaml, the datasets and the folders, each mistake in one line."""

import configparser
import inspect
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from artpipe import plugins
from artpipe.artifacts.champions import FILE as CHAMPIONS
from artpipe.errors import UserError, did_you_mean, plain
from artpipe.keeping.dvc_check import require_dvc, require_no_nested_dvc
from artpipe.keeping.dvc_config import is_cache_link
from artpipe.keeping.storage import require_lock
from artpipe.media import params_of
from artpipe.nn.contract import Model, Ruler
from artpipe.params import DatasetEntry, Params, TrainParams, WeightsEntry, load_params, read_yaml, validated
from artpipe.parsing import require_merged
from artpipe.secrets import refuse_secrets
from artpipe.stage_code import record_new_plugins, require_recorded_code
from artpipe.trackable import require_foreign, require_trackable
from artpipe.weights import check_weights

if TYPE_CHECKING:
    from artpipe.sources import Source

_FILE = "params.yaml"
_CHECKPOINTS = "data/checkpoints/"


def check_project(root: Path = Path()) -> str:
    """Validate the project in `root` and return a sentence about what it holds.

    Raises:
        UserError: the first mistake found: place, what was found, what was expected.
    """
    params = load_params(root / _FILE)
    for name in ("dvc.yaml", "dvc.lock", str(CHAMPIONS), *(f"{entry.path}.dvc" for entry in params.datasets.values())):
        require_merged(root / name)
    _check_folders(root)
    require_no_nested_dvc(root, [entry.path for entry in params.datasets.values()])
    require_lock(root)
    _check_secrets(root)
    entries = {name: check_model(params, name, root) for name in params.models}
    _check_cycles(entries)
    _check_names(params, root)
    for name, entry in params.datasets.items():
        check_dataset(name, entry, root)
    for name, weights in params.weights.items():
        _check_weights(name, weights, root)
    record_new_plugins(root)
    require_recorded_code(root)
    return f"{_FILE} is fine: {_counted(params.datasets, 'dataset')}, {_counted(params.models, 'model')}"


def check_model(params: Params, name: str, root: Path = Path()) -> TrainParams:
    """Validate one model's entry and return it, typed as its kind's parameters.

    Raises:
        UserError: unknown kind, parameter, dataset, ruler or checkpoint; the message has the place.
    """
    place, raw = f"models.{name}", params.model(name)
    if not raw.get("kind"):
        raise UserError(f"{_FILE}: `{place}.kind` is missing; one of {', '.join(plugins.names('models'))}")
    _named(f"{place}.kind", raw["kind"], plugins.names("models"))
    for key in ("dataset", "uses", "ruler"):
        if key in raw and not raw[key]:
            raise UserError(f"{_FILE}: `{place}.{key}` is empty; {_needed(key, name, raw)}")
        if key not in raw:
            raise UserError(f"{_FILE}: `{place}.{key}` is missing; {_needed(key, name, raw)}")
    entry = validated(_kind(str(raw["kind"])).params, raw, file=_FILE, place=place)
    _named(f"{place}.dataset", entry.dataset, params.datasets)
    _check_columns(params, name, entry)
    _check_ruler(params, name, entry)
    _check_uses(params, name, entry, root)
    return entry


def check_dataset(name: str, entry: DatasetEntry, root: Path = Path()) -> None:
    """Validate one dataset's entry and let its source look at the files, without decoding or downloading anything.

    Raises:
        UserError: unknown medium, parameter or source; a path that is missing or outside the project; what DVC cannot read;
            no, or too few, works.
    """
    place = f"datasets.{name}"
    _named(f"{place}.source", entry.source, plugins.names("sources"))
    _named(f"{place}.medium", entry.medium, plugins.names("media"))
    params_of(name, entry)
    path = _inside(f"{place}.path", entry.path, root)
    source: Source = plugins.find("sources", entry.source)
    try:
        require_foreign(path, root)
    except UserError as error:
        raise UserError(f"{_FILE}: `{place}.path`: {error}") from None
    require_trackable(path)
    try:
        source.check(entry.model_copy(update={"path": str(path)}))
    except UserError as error:
        raise UserError(f"{_FILE}: `{place}.path`: {error}") from None


def _check_weights(name: str, entry: WeightsEntry, root: Path) -> None:
    place = f"weights.{name}.path"
    path = _inside(place, entry.path, root, "weights/NAME.yaml")
    try:
        check_weights(entry.model_copy(update={"path": str(path)}))
    except UserError as error:
        raise UserError(f"{_FILE}: `{place}`: {error}") from None


def asks_for(kind: str, used: str) -> bool:
    """Return whether a kind's constructor declares that something `uses` points at is of this type."""
    build = _kind(kind).build
    hints = get_type_hints(build.__init__ if inspect.isclass(build) else build)
    return any(used in str(hint) for name, hint in hints.items() if name != "return")


def _inside(place: str, text: str, root: Path, such_as: str = "datasets/NAME") -> Path:
    if not text or Path(text).is_absolute() or ".." in Path(text).parts:
        advice = "" if "weights" in such_as else "; `artpipe dataset add PATH --name NAME` copies pictures in"
        raise UserError(
            f"{_FILE}: `{place}` is {text[:200]!r}: a path inside the project is wanted, such as `{such_as}`{advice}"
        )
    path, text = root / text, plain(text[:200])
    if not _exists(path):
        if _exists(Path(f"{path}.dvc")):
            raise UserError(f"{_FILE}: `{place}`: {text} is tracked but not here; `dvc pull {text}` fetches it")
        siblings = [str(found.relative_to(root)) for found in path.parent.glob("*")] if _exists(path.parent) else []
        raise UserError(f"{_FILE}: `{place}`: {text}: no such file or folder{did_you_mean(text, siblings)}")
    if not path.resolve().is_relative_to(root.resolve()) and not is_cache_link(path):
        raise UserError(
            f"{_FILE}: `{place}`: {text} is a link out of the project, which breaks every clone; copy it in"
        )
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long for any file
        return False


def _check_ruler(params: Params, name: str, entry: TrainParams) -> None:
    place = f"models.{name}.ruler"
    _named(place, entry.ruler, params.models)
    ruler = params.models[entry.ruler]
    if entry.ruler == name:
        return
    if ruler.get("dataset") != entry.dataset:
        message = f"learned from `{ruler.get('dataset')}`, and this model learns from `{entry.dataset}`"
        raise UserError(f"{_FILE}: `{place}` is `{entry.ruler}`, which {message}")
    _named(f"models.{entry.ruler}.kind", ruler.get("kind"), plugins.names("models"))
    build = _kind(str(ruler["kind"])).build
    if isinstance(build, type) and not issubclass(build, Ruler):
        message = f"a {ruler['kind']}, which has no features to measure with; name a classifier or the model itself"
        raise UserError(f"{_FILE}: `{place}` is `{entry.ruler}`, {message}")


def _check_columns(params: Params, name: str, entry: TrainParams) -> None:
    """Refuse a kind that reads what the dataset's medium has not, such as pictures of a text."""
    medium = params.datasets[entry.dataset].medium
    _named(f"datasets.{entry.dataset}.medium", medium, plugins.names("media"))
    columns = plugins.find("media", medium).columns
    if missing := sorted(_kind(entry.kind).reads - columns):
        others = ", ".join(kind for kind in plugins.names("models") if _kind(kind).reads <= columns)
        found = (
            f"`{entry.kind}`, which reads {missing[0]}, and `{entry.dataset}` is of {medium}; of that learn: {others}"
        )
        raise UserError(f"{_FILE}: `models.{name}.kind` is {found}")


def _check_uses(params: Params, name: str, entry: TrainParams, root: Path) -> None:
    place = f"models.{name}.uses"
    if entry.uses.startswith(_CHECKPOINTS):
        _named(place, entry.uses.removeprefix(_CHECKPOINTS), params.models, prefix=_CHECKPOINTS)
    elif entry.uses.startswith("data/weights/"):
        _named(place, entry.uses.removeprefix("data/weights/"), params.weights, prefix="data/weights/")
        if not asks_for(entry.kind, "Perceptual"):
            raise UserError(f"{_FILE}: `{place}` is `{entry.uses}`, and a {entry.kind} does not measure with weights")
    elif entry.uses.startswith("data/shards/"):
        _named(place, entry.uses.removeprefix("data/shards/"), params.datasets, prefix="data/shards/")
    else:
        _inside(place, entry.uses, root)


def _check_cycles(entries: Mapping[str, TrainParams]) -> None:
    for name in entries:
        chain = [name]
        while (nearest := entries[chain[-1]].uses).startswith(_CHECKPOINTS):
            chain.append(nearest.removeprefix(_CHECKPOINTS))
            if chain[-1] in chain[:-1]:
                circle = " -> ".join(f"`{link}`" for link in chain)
                raise UserError(f"{_FILE}: `models.{name}.uses` goes in a circle: {circle}")


def _check_names(params: Params, root: Path) -> None:
    for room, names in (("metrics", params.evaluation.metrics), ("sections", params.gallery.sections)):
        place = "evaluation.metrics" if room == "metrics" else "gallery.sections"
        for name in names:
            _named(place, name, plugins.names(room))
    templates = root / "artpipe/templates"
    folder = templates if templates.is_dir() else Path(__file__).parent / "templates"
    _named("gallery.theme", params.gallery.theme, sorted(found.name for found in folder.iterdir() if found.is_dir()))


def _check_folders(root: Path) -> None:
    """Refuse a project that cannot be written to; a folder that is not there yet is judged by the one it will be in."""
    if not (root / "dvc.yaml").is_file():
        raise UserError(f"{root / 'dvc.yaml'}: no such file; run artpipe in the folder that has it and params.yaml")
    if not (root / CHAMPIONS).is_file():  # DVC dies of what it cannot read
        raise UserError(
            f'{root / CHAMPIONS}: no such file; git has it, or write {{"format": 1}} into it: nobody is champion'
        )
    require_dvc(root)
    for place in _written_places(root):
        if place.exists() and not place.is_dir() and place.name != "dvc.lock":
            raise UserError(f"{place}: a file stands where artpipe needs a folder")
        if place.exists() and not os.access(place, os.W_OK | (os.X_OK if place.is_dir() else 0)):
            raise UserError(f"{place if place != Path() else 'this folder'}: no write permission; artpipe works there")


def _check_secrets(root: Path) -> None:
    """Refuse secrets in the other files that git publishes; DVC has a file of its own for them."""
    for name in ("dvc.yaml", "prefect.yaml"):
        if (root / name).is_file():
            refuse_secrets(read_yaml(root / name), name)
    settings = configparser.RawConfigParser()
    settings.read(root / ".dvc/config")
    found = {section: dict(settings[section]) for section in settings.sections()}
    refuse_secrets(
        found, ".dvc/config", "git keeps it for everybody; take it out, change it, and `dvc remote modify --local` it"
    )


def _written_places(root: Path) -> Iterator[Path]:
    """Yield all that a run replaces or writes to; another user's run (a container's root) leaves some of it unwritable."""
    yield from (root, root / "data", root / "datasets", root / ".state", root / ".dvc", root / "dvc.lock")
    for pattern in ("data/*/", "data/*/*/", ".state/*/", ".dvc/tmp/", ".dvc/cache/", ".dvc/cache/files/md5/*/"):
        yield from sorted(root.glob(pattern))


def _kind(name: str) -> Model:
    found: Model = plugins.find("models", name)
    return found


def _named(place: str, name: Any, known: Iterable[str], *, prefix: str = "") -> None:
    names = list(known)
    if name not in names:
        hint = did_you_mean(str(name), names) or f" (there are: {', '.join(islice(names, 20)) or 'none yet'})"
        raise UserError(f"{_FILE}: `{place}` is `{prefix}{plain(str(name)[:200])}`, which does not exist{hint}")


def _needed(key: str, name: str, raw: Mapping[str, Any]) -> str:
    dataset = raw.get("dataset") or "DATASET"
    return {
        "dataset": "it names what the model learns from",
        "uses": f"write `uses: data/shards/{dataset}` where it uses nothing else",
        "ruler": f"write `ruler: {name}`, or the dataset's classifier",
    }[key]


def _counted(things: Any, noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
