"""Read and write `code.yaml`: the fingerprint of each stage's and plugin's code.

DVC reads it as parameters of the stages.

A changed comment changes nothing in it; a changed `gan` changes one line, which makes the trainings and evaluations of
that kind stale. Versions of libraries are recorded with each run and are no part of it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from artpipe import plugins
from artpipe.artifacts.paths import STATE
from artpipe.code.fingerprints import Definition, PackageCode, package_files
from artpipe.config.params import Params, load_params, read_yaml
from artpipe.errors import UserError, did_you_mean
from artpipe.language.sentences import list_languages, list_tables, load_sentences
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import sha256_bytes, sha256_file

CODE_FILE = "code.yaml"
# Names are put together: written out, a module's name would make whatever reads this depend on all of the module.
_VERBS = "ingest", "preprocess", "weights", "train", "evaluate", "gallery"
_ENTRIES = "ingest_dataset", "preprocess_dataset", "make_weights", "train_model", "evaluate_model", "build_gallery"
STAGES: Mapping[str, Definition] = {
    verb: (f"artpipe.{verb}", entry) for verb, entry in zip(_VERBS, _ENTRIES, strict=True)
}
_GROUPS = ("modalities", "sources", "models")  # a stage reads the one plugin that its entry names
_GALLERY_INFO_GROUPS = ("models", "metrics")  # the gallery shows what these say of themselves
_HEADER = """\
# What the code of each stage and plugin is, by meaning: a hash that comments and docstrings do not change.
# Written by `artpipe upgrade`; DVC reads it, so that a stage runs again when its code changed and only then.
"""


def installed_code(params: Params, root: Path = Path()) -> dict[str, Any]:
    """Return the up-to-date content of `code.yaml`: fingerprints in nested mappings.

    Of metrics, sections and themes it has those that params.yaml uses or has used.

    Raises:
        UserError: params.yaml names a metric, a section or a theme that there is not.
    """
    fingerprints, recorded = installed_fingerprints(root), recorded_code(root)
    code: dict[str, Any] = {stage: fingerprints[stage] for stage in STAGES}
    code |= {
        group: {name: fingerprints[f"{group}.{name}"] for name in plugins.list_plugins(group)} for group in _GROUPS
    }
    for stage, groups in _used_plugins(params).items():
        code[stage] = {"stage": fingerprints[stage]}
        for group, used in groups.items():
            names = {*used, *(value_at(recorded, f"{stage}.{group}") or ())}
            names |= {*plugins.list_plugins("models")} if group == "models_info" else set()  # an entry may name any
            code[stage][group] = {
                name: fingerprints[_require_known(f"{group}.{name}", fingerprints)]
                for name in sorted(names)
                if name in used or f"{group}.{name}" in fingerprints
            }
    return code


def record_new_plugins(root: Path = Path()) -> None:
    """Add newly used metrics, sections and themes to `code.yaml`.

    All else stays as it is.
    """
    params, code = load_params(root / "params.yaml"), recorded_code(root)
    installed, has_new = installed_code(params, root), False
    for stage, groups in _used_plugins(params).items():
        for group in groups:
            recorded = value_at(code, f"{stage}.{group}")
            if isinstance(recorded, dict) and (missing := installed[stage][group].keys() - recorded.keys()):
                recorded |= {name: installed[stage][group][name] for name in sorted(missing)}
                has_new = True
    if has_new:
        write_code(code, root)


def installed_fingerprints(root: Path = Path()) -> dict[str, str]:
    """Return the fingerprint of each stage and plugin, by `train` or `models.gan`.

    They are kept in `.state/code.json` until a file of the package changes.
    """
    signature = code_signature()
    cache = root / STATE / "code.json"
    try:
        cached = json.loads(cache.read_bytes())
    except (OSError, ValueError):
        cached = {}
    if isinstance(cached, dict) and cached.get("signature") == signature:
        return dict(cached["fingerprints"])
    fingerprints = _compute_fingerprints(signature)
    with suppress(OSError):  # without a writable folder they are computed each time
        write_text(cache, json.dumps({"signature": signature, "fingerprints": fingerprints}))
    return dict(fingerprints)


def code_signature() -> str:
    """Return a hash that differs after any change of a file that stages run.

    Files of the package, its themes and sentences, the project's plugins.
    """
    shown = [*list_tables(), *(path for files in _theme_files().values() for path in files)]
    return files_signature([*_package_files().values(), *shown])


def files_signature(paths: Iterable[Path]) -> str:
    """Return a hash of names, sizes and times of files, which are not read.

    Raises:
        OSError: one of them is not there.
    """
    stats = ((str(path), path.stat()) for path in paths)
    rows = [(name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for name, stat in stats]
    return sha256_bytes(json.dumps(sorted(rows)).encode())


@lru_cache(maxsize=8)
def _compute_fingerprints(signature: str) -> dict[str, str]:
    """Return the fingerprints of the code as it stands, cached by the signature."""
    del signature
    code = PackageCode(_package_files())
    fingerprints = {place: code.fingerprint([entry]) for place, entry in _plugin_definitions().items()}
    language_contents = {
        name: json.dumps(asdict(load_sentences(name))) for name in list_languages()
    }  # the gallery shows all of them
    for theme, files in _theme_files().items():
        parts = [(path.relative_to(theme).as_posix(), sha256_file(path)) for path in files]
        parts += [(language, sha256_bytes(content.encode())) for language, content in language_contents.items()]
        fingerprints[f"themes.{theme.name}"] = sha256_bytes(json.dumps(parts).encode())[:16]
    return fingerprints


def _theme_files() -> dict[Path, list[Path]]:
    """Return the files of each theme, by its folder."""
    templates = Path(import_module("artpipe").__path__[0], "templates")
    themes = sorted(path for path in templates.iterdir() if path.is_dir())
    return {theme: sorted(path for path in theme.rglob("*") if path.is_file()) for theme in themes}


def recorded_code(root: Path = Path()) -> dict[str, Any]:
    """Return the content of `code.yaml`, empty where there is none.

    Raises:
        UserError: it cannot be read.
    """
    if not (root / CODE_FILE).is_file():
        return {}
    content = read_yaml(root / CODE_FILE)
    code = content.get("code") if isinstance(content, Mapping) else None
    if not isinstance(code, Mapping):
        raise UserError(f"{root / CODE_FILE}: no mapping `code` in it; `artpipe upgrade` writes it anew")
    return dict(code)


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
    for name, places in [(stage, _stage_parts(stage, params))] if stage else stages_with_code(params):
        for place in places:
            old, new = value_at(recorded, place), value_at(installed, place)
            if changed := next(find_changed_parts(old, new, f"code.{place}"), ""):
                raise UserError(
                    f"{root / CODE_FILE}: `{changed}` of {name} is not the code that is installed; `artpipe upgrade` says what "
                    "changed and accepts it, `artpipe upgrade --plan` only says it"
                )


def find_changed_parts(recorded: Any, installed: Any, place: str = "code") -> Iterator[str]:
    """Yield the dotted keys in which two versions of `code.yaml` differ."""
    if isinstance(recorded, Mapping) and isinstance(installed, Mapping):
        for key in sorted({*recorded, *installed}):
            yield from find_changed_parts(recorded.get(key), installed.get(key), f"{place}.{key}")
    elif recorded != installed:
        yield place


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
            yield stage, _stage_parts(stage, params)


def _plugin_definitions() -> dict[str, Definition]:
    """Return where the code of each stage and plugin begins."""
    entries = dict(STAGES)
    for group in (*_GROUPS, "metrics", "sections"):
        entries |= {f"{group}.{name}": plugins.locate_plugin(group, name) for name in plugins.list_plugins(group)}
    for group in _GALLERY_INFO_GROUPS:
        for name in plugins.list_plugins(group):
            entries[f"{group}_info.{name}"] = plugins.locate_plugin(group, name)[0], plugins.info_constant(group, name)
    return entries


def _package_files() -> dict[str, Path]:
    """Return the modules of artpipe, of the project's plugins and of installed ones."""
    files = package_files("artpipe", Path(import_module("artpipe").__path__[0]))
    for group in (*_GROUPS, "metrics", "sections"):
        for folder in reversed(plugins.folders(group)):
            files |= package_files(f"artpipe.{group}", folder)
        for name in plugins.list_plugins(group):
            package = plugins.locate_plugin(group, name)[0].partition(".")[0]
            spec = None if package == "artpipe" else find_spec(package)
            for location in spec.submodule_search_locations or () if spec else ():
                files |= package_files(package, Path(location))
    return files


def _used_plugins(params: Params) -> dict[str, dict[str, Sequence[str]]]:
    """Return which plugins a stage uses all at once, by stage and group; `GROUP_info` is what they tell others."""
    sections = params.gallery.sections or plugins.list_plugins("sections")
    kinds = {str(entry.get("kind")) for entry in params.models.values()} & {*plugins.list_plugins("models")}
    return {
        "evaluate": {"metrics": params.evaluation.metrics},
        "gallery": {
            "sections": sections,
            "themes": [params.gallery.theme],
            "models_info": sorted(kinds),
            "metrics_info": params.evaluation.metrics,
        },
    }


def _stage_parts(stage: str, params: Params) -> tuple[str, ...]:
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
    """Return what stands at a dotted key of code.yaml, with or without `code.` before it; None where nothing does."""
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
