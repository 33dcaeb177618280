"""Read and write `code.yaml`: the fingerprint of each stage's and plugin's code.

DVC reads it as parameters of the stages.

A changed comment changes nothing in it; a changed `gan` changes one line, which makes the trainings and evaluations of
that kind stale. Versions of libraries are recorded with each run and are no part of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from artpipe import plugins
from artpipe.code.stage_fingerprints import GROUPS, STAGES, installed_fingerprints
from artpipe.config.differences import list_differences
from artpipe.config.params import Params, load_params, read_yaml
from artpipe.errors import UserError, did_you_mean
from artpipe.system.atomic_files import write_text

CODE_FILE = "code.yaml"
_HEADER = """\
# What the code of each stage and plugin is, by meaning: a hash that comments and docstrings do not change.
# Written by `artpipe upgrade`; DVC reads it, so that a stage runs again when its code changed and only then.
"""


def installed_code(params: Params, root: Path = Path()) -> dict[str, Any]:
    """Return the up-to-date content of `code.yaml`: fingerprints in nested mappings.

    Of what a stage uses all at once it has what params.yaml uses or has used.

    Raises:
        UserError: params.yaml names a metric, a section or a theme that there is not.
    """
    fingerprints, recorded = installed_fingerprints(root), former_code(root)
    code: dict[str, Any] = {stage: fingerprints[stage] for stage in STAGES}
    code |= {group: {name: fingerprints[f"{group}.{name}"] for name in plugins.list_plugins(group)} for group in GROUPS}
    for stage, groups in _used_plugins(params).items():
        code[stage] = {"stage": fingerprints[stage]}
        for group, used in groups.items():
            names = {*used, *(value_at(recorded, f"{stage}.{group}") or ())}
            if group.removesuffix("_info") in GROUPS:  # an entry may name any of artpipe's own
                names |= {*plugins.built_in_names(group.removesuffix("_info"))}
            code[stage][group] = {
                name: fingerprints[_require_known(f"{group}.{name}", fingerprints)]
                for name in sorted(names)
                if name in used or f"{group}.{name}" in fingerprints
            }
    return code


def record_new_plugins(root: Path = Path()) -> None:
    """Add plugins that are new to the project to `code.yaml`.

    No result was made by them yet. All else stays as it is.
    """
    params, code = load_params(root / "params.yaml"), recorded_code(root)
    installed, has_new = installed_code(params, root), False
    places = [*GROUPS, *(f"{stage}.{group}" for stage, groups in _used_plugins(params).items() for group in groups)]
    for place in places:
        recorded, today = value_at(code, place), value_at(installed, place)
        if isinstance(recorded, dict) and (missing := today.keys() - recorded.keys()):
            recorded |= {name: today[name] for name in sorted(missing)}
            has_new = True
    if has_new:
        write_code(code, root)


def recorded_code(root: Path = Path()) -> dict[str, Any]:
    """Return the content of `code.yaml`, empty where there is none.

    Raises:
        UserError: it cannot be read, or holds something else than names and fingerprints.
    """
    if not (root / CODE_FILE).is_file():
        return {}
    content = read_yaml(root / CODE_FILE)
    code = content.get("code") if isinstance(content, Mapping) else None
    if not isinstance(code, Mapping) or not _is_code(code):
        raise UserError(f"{root / CODE_FILE}: not what `artpipe upgrade` writes; that command writes it anew")
    return dict(code)


def former_code(root: Path = Path()) -> dict[str, Any]:
    """Return the content of `code.yaml`, or what dvc.lock says in its place.

    Where `code.yaml` is missing or broken, dvc.lock says what the code of its results was.
    """
    try:
        return recorded_code(root) or _code_in_lock(root)
    except UserError:
        return _code_in_lock(root)


def _code_in_lock(root: Path) -> dict[str, Any]:
    """Return the code of all results in dvc.lock, in the form of `code.yaml`.

    Empty where there is none.
    """
    code: dict[str, Any] = {}
    with suppress(UserError, AttributeError):  # DVC itself tells of a dvc.lock that is not one
        for entry in (read_yaml(root / "dvc.lock").get("stages") or {}).values():
            for key, value in ((entry.get("params") or {}).get(CODE_FILE) or {}).items():
                *parents, last = key.removeprefix("code.").split(".")
                place = code
                for parent in parents:
                    place = place.setdefault(parent, {})
                place[last] = value
    return code if _is_code(code) else {}


def _is_code(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_code(part) for key, part in value.items())
    return isinstance(value, str)


def write_code(code: Mapping[str, Any], root: Path = Path()) -> None:
    """Write `code.yaml`."""
    write_text(root / CODE_FILE, _HEADER + "".join(_yaml_lines({"code": code})))


def record_code(root: Path = Path()) -> None:
    """Write the fingerprints of the installed code into `code.yaml`."""
    write_code(installed_code(load_params(root / "params.yaml"), root), root)


def require_recorded_code(root: Path = Path(), stage: str = "") -> None:
    """Refuse a stage, or all, whose installed code is not that of `code.yaml`.

    Results are recorded under the code in it.

    Without a `dvc.yaml` no result is recorded, and nothing is refused.

    Raises:
        UserError: what differs and what to do.
    """
    if not (root / "dvc.yaml").is_file():
        return
    params = load_params(root / "params.yaml")
    recorded, installed = recorded_code(root), installed_code(params, root)
    for name, places in [(stage, stage_places(stage, params))] if stage else stages_with_code(params):
        for place in places:
            old, new = value_at(recorded, place), value_at(installed, place)
            if changed := next(find_changed_parts(old, new, f"code.{place}"), ""):
                raise UserError(
                    f"{root / CODE_FILE}: `{changed}` of {name} is not the code that is installed; `artpipe upgrade` says what "
                    "changed and accepts it, `artpipe upgrade --plan` only says it"
                )


@contextmanager
def require_same_record(stage: str, root: Path = Path()) -> Iterator[None]:
    """Refuse a stage's result if its code in `code.yaml` changed while it ran.

    DVC records with the result what stands there at the end.

    Raises:
        UserError: it was changed meanwhile.
    """
    if not (root / "dvc.yaml").is_file():
        yield
        return
    places = stage_places(stage, load_params(root / "params.yaml"))
    before = [value_at(recorded_code(root), place) for place in places]
    yield
    if before != [value_at(former_code(root), place) for place in places]:
        raise UserError(
            f"{root / CODE_FILE}: changed while {stage} ran; its result is that of the code before, run it again"
        )


def find_changed_parts(recorded: Any, installed: Any, place: str = "code") -> Iterator[str]:
    """Yield the dotted keys in which two versions of `code.yaml` differ, sorted."""
    yield from sorted(key for key, _, _ in list_differences(recorded, installed, place))


def stages_with_code(params: Params) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every stage with the dotted keys of `code.yaml` it depends on."""
    names: Mapping[str, Iterable[str]] = {
        "ingest": params.datasets,
        "preprocess": params.datasets,
        "weights": params.weights,
        "train": params.models,
        "evaluate": params.models,
    }
    for verb in STAGES:
        for stage in [f"{verb}@{name}" for name in names[verb]] if verb in names else [verb]:
            yield stage, stage_places(stage, params)


def _used_plugins(params: Params) -> dict[str, dict[str, Sequence[str]]]:
    """Return which plugins a stage uses all at once, by stage and group.

    `GROUP_info` is what the plugins of a group tell others.
    """
    sections = params.gallery.sections or plugins.list_plugins("sections")
    kinds = {str(entry.get("kind")) for entry in params.models.values()} & {*plugins.list_plugins("models")}
    return {
        "weights": {"extractors": sorted({entry.network for entry in params.weights.values()})},
        "evaluate": {"metrics": params.evaluation.metrics, "extractors": _used_extractors(params)},
        "gallery": {
            "sections": sections,
            "themes": sorted({"museum", params.gallery.theme}),  # a theme has from the museum what it lacks
            "models_info": sorted(kinds),
            "metrics_info": params.evaluation.metrics,
            "modalities_info": sorted({entry.medium for entry in params.datasets.values()}),
            "sources_info": sorted({entry.source for entry in params.datasets.values()}),
        },
    }


def _used_extractors(params: Params) -> list[str]:
    """Return the networks that evaluations measure with.

    Artpipe's own pins are named after theirs.
    """
    entries = {name: params.weights.get(name) for name in params.evaluation.extractors}
    return sorted({entry.network if entry else name.replace("-", "_") for name, entry in entries.items()})


def stage_places(stage: str, params: Params) -> tuple[str, ...]:
    """Return the dotted keys of `code.yaml` that a stage depends on.

    dvc.yaml names the same.
    """
    verb, _, name = stage.partition("@")
    used = _used_plugins(params).get(verb)
    parts = [verb] if used is None else [f"{verb}.stage"]
    parts += [f"{verb}.{group}.{plugin}" for group, names in (used or {}).items() for plugin in names]
    if verb in {"ingest", "preprocess"}:
        parts.append(f"modalities.{params.dataset(name).medium}")
    if verb == "ingest":
        parts.append(f"sources.{params.dataset(name).source}")
    if verb in {"train", "evaluate"}:
        parts.append(f"models.{params.model(name).get('kind')}")
    return tuple(parts)


def _require_known(place: str, fingerprints: Mapping[str, str]) -> str:
    if place not in fingerprints:
        group, _, name = place.partition(".")
        names = [place_known.partition(".")[2] for place_known in fingerprints if place_known.startswith(f"{group}.")]
        raise UserError(f"params.yaml: `{name}` is none of artpipe's {group}{did_you_mean(name, names)}")
    return place


def value_at(code: Any, place: str) -> Any:
    """Return what stands at a dotted key of code.yaml; None where nothing does.

    The key may begin with `code.` or not.
    """
    for key in place.removeprefix("code.").split("."):
        code = code.get(key) if isinstance(code, Mapping) else None
    return code


def _yaml_lines(content: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield f"{'  ' * depth}{key}:{'' if value else ' {}'}\n"
            yield from _yaml_lines(value, depth + 1)
        else:
            yield f"{'  ' * depth}{key}: '{value}'\n"
