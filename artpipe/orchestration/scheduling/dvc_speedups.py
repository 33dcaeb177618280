"""Make what DVC is asked in this process cheaper."""

import contextlib
import gc
import re
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

_MISSING = object()
_PATTERN = re.compile(r"[*?\[\]]")  # of a key that names several


@contextlib.contextmanager
def read_params_once(param_dependency: Any) -> Iterator[None]:
    """Have DVC parse each file of parameters once, and find each key at once.

    It parses params.yaml and code.yaml for each stage, and walks all of them for each key; both grow with the number of
    models, so that the time would grow with its square. `param_dependency` is DVC's module of that name, which one module
    of artpipe imports.
    """
    load, dpath = param_dependency.load_path, param_dependency.dpath
    contents = dict[str, Any]()

    def load_path(path: str, file_system: Any) -> Any:
        if path not in contents:
            contents[path] = load(path, file_system)
        return contents[path]

    def get(content: Any, key: str, *, separator: str) -> Any:
        found = _find_key(content, key.split(separator))
        return dpath.get(content, key, separator=separator) if found is _MISSING else found

    param_dependency.load_path, param_dependency.dpath = load_path, SimpleNamespace(get=get, search=dpath.search)
    try:
        yield
    finally:
        param_dependency.load_path, param_dependency.dpath = load, dpath


def _find_key(content: Any, segments: Sequence[str]) -> Any:
    """Return what stands at a path of keys in mappings, else `_MISSING`."""
    for segment in segments:
        if not isinstance(content, Mapping) or segment not in content or not segment or _PATTERN.search(segment):
            return _MISSING
        content = content[segment]
    return content


@contextlib.contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Have Python collect no garbage while the body runs.

    None of DVC's many small objects is in a reference cycle, and collecting makes each look a fifth longer.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
