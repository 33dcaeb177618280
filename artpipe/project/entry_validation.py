"""Validate the entries of params.yaml, each mistake reported in one line."""

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpipe import plugins
from artpipe.config.own_weights import list_own_pins
from artpipe.config.params import DatasetEntry, Params, TrainParams, WeightsEntry, validate_as
from artpipe.contracts.modality import parse_preprocess_params
from artpipe.contracts.plugin_info import model_info
from artpipe.errors import UserError, did_you_mean
from artpipe.language.sentences import list_own_languages, load_sentences
from artpipe.project.cascade_check import check_cascade
from artpipe.project.trackable_paths import require_outside_project, require_trackable
from artpipe.storage.dvc_config import is_cache_link
from artpipe.system.plain_text import to_printable

if TYPE_CHECKING:
    from artpipe.contracts.model import Model
    from artpipe.contracts.source import Source

_FILE = "params.yaml"
_UNSEEN_BY_DVC = {"size", "nfiles"}  # dvc#10296: its cache of runs brings back the result of a former value
_CHECKPOINTS, _WEIGHTS, _SHARDS = "data/checkpoints/", "data/weights/", "data/shards/"


def check_models(params: Params, root: Path = Path()) -> None:
    """Validate every model's entry, and that none depends on itself.

    Raises:
        UserError: see `check_model`.
    """
    for name in params.models:
        check_model(params, name, root)


def check_model(params: Params, name: str, root: Path = Path()) -> TrainParams:
    """Validate one model's entry and return it, typed as its kind's parameters.

    Raises:
        UserError: unknown kind, parameter, dataset, feature extractor or checkpoint; the message has the place.
    """
    place, raw = f"models.{name}", params.model(name)
    if not raw.get("kind"):
        raise UserError(f"{_FILE}: `{place}.kind` is missing; one of {', '.join(plugins.list_plugins('models'))}")
    require_existing_name(f"{place}.kind", raw["kind"], plugins.list_plugins("models"))
    for key in ("dataset", "pretrained", "feature_extractor"):
        if key in raw and not raw[key]:
            raise UserError(f"{_FILE}: `{place}.{key}` is empty; {_explain_missing_key(key, name, raw)}")
        if key not in raw:
            raise UserError(f"{_FILE}: `{place}.{key}` is missing; {_explain_missing_key(key, name, raw)}")
    kind = _find_kind(str(raw["kind"]))
    entry = validate_as(kind.params, raw, file=_FILE, place=place)
    if unseen := sorted(_UNSEEN_BY_DVC & kind.params.model_fields.keys()):
        raise UserError(
            f"{_FILE}: `{place}.kind` is `{entry.kind}`; DVC overlooks its parameter `{unseen[0]}`: rename it"
        )
    require_existing_name(f"{place}.dataset", entry.dataset, params.datasets)
    _check_columns(params, name, entry)
    _check_feature_extractor(params, name, entry)
    _check_pretrained(params, name, entry, root)
    check_cascade(params, name, entry)
    _check_cycle(params, name)
    return entry


def find_own_paths(params: Params) -> list[Path]:
    """Return the files and folders that entries name, beside what stages make."""
    stage_folders = (_CHECKPOINTS, _WEIGHTS, _SHARDS)
    pretrained = [str(entry.get("pretrained")) for entry in params.models.values()]
    datasets, weights = params.datasets.values(), params.weights.values()
    names = [*pretrained, *(entry.path for entry in datasets), *(entry.path for entry in weights)]
    return [Path(path) for path in names if not path.startswith(stage_folders)]


def check_dataset(name: str, entry: DatasetEntry, root: Path = Path()) -> None:
    """Validate one dataset's entry, and that its source finds the files.

    Nothing is decoded or downloaded.

    Raises:
        UserError: unknown medium, parameter or source; a path that is missing or outside the project; what DVC cannot read;
            no, or too few, works.
    """
    place = f"datasets.{name}"
    require_existing_name(f"{place}.source", entry.source, plugins.list_plugins("sources"))
    require_existing_name(f"{place}.medium", entry.medium, plugins.list_plugins("modalities"))
    parse_preprocess_params(name, entry)
    path = _require_inside(f"{place}.path", entry.path, root)
    source: Source = plugins.load_plugin("sources", entry.source)
    try:
        require_outside_project(path, root)
    except UserError as error:
        raise UserError(f"{_FILE}: `{place}.path`: {error}") from None
    require_trackable(path)
    try:
        source.check(entry.model_copy(update={"path": str(path)}))
    except UserError as error:
        raise UserError(f"{_FILE}: `{place}.path`: {error}") from None


def check_weights_entry(name: str, entry: WeightsEntry, root: Path = Path()) -> None:
    """Validate the entry of trained weights; nothing is downloaded.

    Raises:
        UserError: no pin card and no file of weights, one of another hash, or a path outside the project.
    """
    from artpipe.evaluation.pretrained_weights import check_weights

    require_existing_name(f"weights.{name}.network", entry.network, plugins.list_plugins("extractors"))
    place = f"weights.{name}.path"
    path = _require_inside(place, entry.path, root, "weights/NAME.yaml")
    try:
        check_weights(entry.model_copy(update={"path": str(path)}))
    except UserError as error:
        raise UserError(f"{_FILE}: `{place}`: {error}") from None


def _require_inside(place: str, text: str, root: Path, example: str = "datasets/NAME") -> Path:
    if not text or Path(text).is_absolute() or ".." in Path(text).parts:
        advice = "" if "weights" in example else "; `artpipe dataset add PATH --name NAME` copies pictures in"
        raise UserError(
            f"{_FILE}: `{place}` is {text[:200]!r}: a path inside the project is wanted, such as `{example}`{advice}"
        )
    path, text = root / text, to_printable(text[:200])
    if not _exists(path):
        if _exists(Path(f"{path}.dvc")):
            raise UserError(f"{_FILE}: `{place}`: {text} is tracked but not here; `dvc pull {text}` fetches it")
        siblings = [str(sibling.relative_to(root)) for sibling in path.parent.glob("*")] if _exists(path.parent) else []
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


def _check_feature_extractor(params: Params, name: str, entry: TrainParams) -> None:
    place = f"models.{name}.feature_extractor"
    require_existing_name(place, entry.feature_extractor, params.models)
    feature_extractor = params.models[entry.feature_extractor]
    if entry.feature_extractor == name:
        return
    if feature_extractor.get("dataset") != entry.dataset:
        message = f"learned from `{feature_extractor.get('dataset')}`, and this model learns from `{entry.dataset}`"
        raise UserError(f"{_FILE}: `{place}` is `{entry.feature_extractor}`, which {message}")
    require_existing_name(
        f"models.{entry.feature_extractor}.kind", feature_extractor.get("kind"), plugins.list_plugins("models")
    )
    from artpipe.contracts.model import FeatureExtractor

    build = _find_kind(str(feature_extractor["kind"])).build
    if isinstance(build, type) and not issubclass(build, FeatureExtractor):
        message = f"a {feature_extractor['kind']}, which has no features to measure with; name a classifier or the model itself"
        raise UserError(f"{_FILE}: `{place}` is `{entry.feature_extractor}`, {message}")


def _check_columns(params: Params, name: str, entry: TrainParams) -> None:
    """Raise if a kind reads what the medium lacks, such as pictures of a text."""
    medium = params.datasets[entry.dataset].medium
    require_existing_name(f"datasets.{entry.dataset}.medium", medium, plugins.list_plugins("modalities"))
    columns = plugins.load_plugin("modalities", medium).columns
    if missing := sorted(_find_kind(entry.kind).reads - columns):
        others = ", ".join(kind for kind in plugins.list_plugins("models") if _find_kind(kind).reads <= columns)
        problem = (
            f"`{entry.kind}`, which reads {missing[0]}, and `{entry.dataset}` is of {medium}; of that learn: {others}"
        )
        raise UserError(f"{_FILE}: `models.{name}.kind` is {problem}")


def _check_pretrained(params: Params, name: str, entry: TrainParams, root: Path) -> None:
    place = f"models.{name}.pretrained"
    if entry.pretrained.startswith(_CHECKPOINTS):
        model = entry.pretrained.removeprefix(_CHECKPOINTS)
        require_existing_name(place, model, params.models, prefix=_CHECKPOINTS)
    elif entry.pretrained.startswith(_WEIGHTS):
        require_existing_name(place, entry.pretrained.removeprefix(_WEIGHTS), params.weights, prefix=_WEIGHTS)
        if model_info(entry.kind).pretrained != "weights":
            raise UserError(
                f"{_FILE}: `{place}` is `{entry.pretrained}`, and a {entry.kind} does not measure with weights"
            )
    elif entry.pretrained.startswith(_SHARDS):
        require_existing_name(place, entry.pretrained.removeprefix(_SHARDS), params.datasets, prefix=_SHARDS)
    else:
        _require_inside(place, entry.pretrained, root)


def _check_cycle(params: Params, name: str) -> None:
    chain = [name]
    while (nearest := str(params.models.get(chain[-1], {}).get("pretrained"))).startswith(_CHECKPOINTS):
        chain.append(nearest.removeprefix(_CHECKPOINTS))
        if chain[-1] in chain[:-1]:
            cycle = " -> ".join(f"`{link}`" for link in chain)
            raise UserError(f"{_FILE}: `models.{name}.pretrained` goes in a circle: {cycle}")


def _find_kind(name: str) -> "Model":
    model: Model = plugins.load_plugin("models", name)
    return model


def require_existing_name(place: str, name: Any, existing: Iterable[str], *, prefix: str = "") -> None:
    """Raise unless `name` is among the known names.

    Raises:
        UserError: the place, and the nearest name.
    """
    names = list(existing)
    if name not in names:
        hint = did_you_mean(str(name), names) or f" (there are: {', '.join(islice(names, 20)) or 'none yet'})"
        raise UserError(f"{_FILE}: `{place}` is `{prefix}{to_printable(str(name)[:200])}`, which does not exist{hint}")


def check_plugin_names(params: Params, root: Path) -> None:
    """Check that the metrics, sections and the theme that params.yaml names are there.

    Raises:
        UserError: the place, and the nearest name.
    """
    for group, names in (("metrics", params.evaluation.metrics), ("sections", params.gallery.sections)):
        place = "evaluation.metrics" if group == "metrics" else "gallery.sections"
        for name in names:
            require_existing_name(place, name, plugins.list_plugins(group))
    known_weights = [*params.weights, *list_own_pins()]
    for name in params.evaluation.extractors:
        require_existing_name("evaluation.extractors", name, known_weights)
    require_existing_name("gallery.theme", params.gallery.theme, sorted(plugins.theme_folders(root)))
    for language in (params.gallery.language, *params.gallery.languages):
        known = [*list_own_languages(), *plugins.language_files(root)]
        require_existing_name("gallery.languages", language, known)
    for language in plugins.language_files(root):  # titles are in all of them
        load_sentences(language)


def _explain_missing_key(key: str, name: str, raw: Mapping[str, Any]) -> str:
    dataset = raw.get("dataset") or "DATASET"
    return {
        "dataset": "it names what the model learns from",
        "pretrained": f"write `pretrained: data/shards/{dataset}` where it uses nothing else",
        "feature_extractor": f"write `feature_extractor: {name}`, or the dataset's classifier",
    }[key]
