"""Compute the fingerprint of each stage's and plugin's code, as it is installed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from artpipe import plugins
from artpipe.artifacts.paths import STATE
from artpipe.code.boundaries import BOUNDARIES, DECIDING
from artpipe.code.fingerprints import PackageCode, package_files
from artpipe.code.module_code import WHOLE_MODULE, Definition
from artpipe.language.sentences import SENTENCES_CONSTANT, list_own_languages, list_tables, load_own_sentences
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import sha256_bytes, sha256_file
from artpipe.system.user_cache import cache_file

# Names are put together: written out, a module's name would make whatever reads this depend on all of the module.
_VERBS = "ingest", "preprocess", "weights", "train", "evaluate", "gallery"
_ENTRIES = "ingest_dataset", "preprocess_dataset", "make_weights", "train_model", "evaluate_model", "build_gallery"
STAGES: Mapping[str, Definition] = {
    verb: (f"artpipe.{verb}", entry) for verb, entry in zip(_VERBS, _ENTRIES, strict=True)
}
GROUPS = ("modalities", "sources", "models")  # a stage reads the one plugin that its entry names
_GATHERED = ("metrics", "extractors", "sections")  # of these a stage reads all that params.yaml names
_SHOWN = ("modalities", "sources", "models", "metrics")  # the gallery shows what these say of themselves


def installed_fingerprints(root: Path = Path()) -> dict[str, str]:
    """Return the fingerprint of each stage and plugin, by `train` or `models.gan`.

    They are kept in `.state/code.json` until a file of the package changes, and for other projects in the user's
    cache folder.
    """
    signature = code_signature()
    own, shared = root / STATE / "code.json", cache_file("code.json")
    if fingerprints := _read_cache(own, signature):
        return fingerprints
    fingerprints = _read_cache(shared, signature)
    missing = [own] if fingerprints else [own, shared]
    fingerprints = fingerprints or _compute_fingerprints(signature)
    for cache in missing:
        with suppress(OSError):  # without a writable folder they are computed each time
            write_text(cache, json.dumps({"signature": signature, "fingerprints": fingerprints}))
    return dict(fingerprints)


def _read_cache(cache: Path, signature: str) -> dict[str, str] | None:
    """Return the fingerprints that a file keeps of code with a signature."""
    try:
        cached = json.loads(cache.read_bytes())
    except (OSError, ValueError):
        return None
    return dict(cached["fingerprints"]) if isinstance(cached, dict) and cached.get("signature") == signature else None


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
    code = PackageCode(_package_files(), BOUNDARIES)
    fingerprints = {place: _fingerprint(code, place, entries) for place, entries in _plugin_definitions().items()}
    language_contents = {
        name: json.dumps(asdict(load_own_sentences(name))) for name in list_own_languages()
    }  # the gallery shows all of them; those of plugins count with the plugin
    for theme, files in _theme_files().items():
        parts = [(path.relative_to(theme).as_posix(), sha256_file(path)) for path in files]
        parts += [(language, sha256_bytes(content.encode())) for language, content in language_contents.items()]
        fingerprints[f"themes.{theme.name}"] = sha256_bytes(json.dumps(parts).encode())[:16]
    return fingerprints


def _fingerprint(code: PackageCode, place: str, entries: Sequence[Definition]) -> str:
    """Return the fingerprint of a stage or plugin.

    Of a plugin that comes to be while its file runs, that of the file.
    """
    group = place.partition(".")[0]
    if group.endswith("_info"):
        return code.fingerprint_literals(entries)
    within = DECIDING.get(group, ())
    if code.reachable(entries[:1], within):
        return code.fingerprint(entries, within)
    return code.fingerprint([(entries[0][0], WHOLE_MODULE), *entries], within)


def _theme_files() -> dict[Path, list[Path]]:
    """Return the files of each theme, by its folder."""
    themes = plugins.theme_folders().values()
    return {theme: sorted(path for path in theme.rglob("*") if path.is_file()) for theme in themes}


def _plugin_definitions() -> dict[str, Sequence[Definition]]:
    """Return where the code of each stage and plugin begins."""
    entries: dict[str, Sequence[Definition]] = {verb: [entry] for verb, entry in STAGES.items()}
    for group in (*GROUPS, *_GATHERED):
        for name in plugins.list_plugins(group):
            module, constant = plugins.locate_plugin(group, name)
            sentences = [(module, SENTENCES_CONSTANT)]
            entries[f"{group}.{name}"] = [(module, constant), *(sentences if group == "sections" else [])]
            if group in _SHOWN:
                entries[f"{group}_info.{name}"] = [(module, plugins.info_constant(group, name)), *sentences]
    return entries


def _package_files() -> dict[str, Path]:
    """Return the modules of artpipe, of the project's plugins and of installed ones."""
    files = package_files("artpipe", Path(import_module("artpipe").__path__[0]))
    for group in (*GROUPS, *_GATHERED):
        for folder in reversed(plugins.folders(group)):
            files |= package_files(f"artpipe.{group}", folder)
        for name in plugins.list_plugins(group):
            package = plugins.locate_plugin(group, name)[0].partition(".")[0]
            spec = None if package == "artpipe" else find_spec(package)
            for location in spec.submodule_search_locations or () if spec else ():
                files |= package_files(package, Path(location))
            if spec and spec.origin and not spec.submodule_search_locations:  # a module without a package
                files[package] = Path(spec.origin)
    return files
