"""Make what DVC is asked in this process cheaper."""

import contextlib
import gc
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def read_params_once(param_dependency: Any) -> Iterator[None]:
    """Have DVC parse each file of parameters once while the body runs.

    It parses params.yaml and code.yaml for each stage; both grow with the number of models, so that the time would grow
    with its square. `param_dependency` is DVC's module of that name, which one module of artpipe imports.
    """
    original, contents = param_dependency.load_path, dict[str, Any]()

    def load_path(path: str, file_system: Any) -> Any:
        if path not in contents:
            contents[path] = original(path, file_system)
        return contents[path]

    param_dependency.load_path = load_path
    try:
        yield
    finally:
        param_dependency.load_path = original


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
