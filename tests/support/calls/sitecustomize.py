"""Write down which functions of artpipe run below a stage's entry point, by module and global name.

Python imports this at its start where it stands on PYTHONPATH. CALLS_FILE gets a line at the first call of each;
CALLS_ENTRY is ``module:function``, below which they count. In a worker that decodes inputs everything counts.
"""

import inspect
import os
import sys
import threading

_FILE, _ENTRY = os.environ.get("CALLS_FILE", ""), os.environ.get("CALLS_ENTRY", "")
_depth, _seen = [0], set()


def _is_importing(frame):
    """Whether a module is being imported, whose constants are what is called for; they are part of what reads them."""
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__", "").startswith("artpipe."):
            return True
        frame = frame.f_back
    return False


def _record(frame, event, _argument):
    code = frame.f_code
    module = frame.f_globals.get("__name__", "")
    if module == "__main__" and frame.f_globals.get("__spec__"):  # python -m
        module = frame.f_globals["__spec__"].name
    if not module.startswith("artpipe") or not code.co_flags & inspect.CO_OPTIMIZED:
        return
    name = code.co_qualname.partition(".")[0]
    if f"{module}:{code.co_qualname}" == _ENTRY:
        _depth[0] += {"call": 1, "return": -1}.get(event, 0)
    everything = module == "artpipe.untrusted.worker" and name == "main"
    if everything and event == "call":
        _depth[0] += 1
    if _depth[0] and event == "call" and (module, name) not in _seen and not name.startswith(("<", "__create_fn__")):
        if _is_importing(frame):
            return
        _seen.add((module, name))
        with open(_FILE, "a", encoding="utf-8") as lines:  # noqa: PTH123 - as little as possible is imported here
            lines.write(f"{module}:{name}\n")


if _FILE:
    threading.setprofile(_record)
    sys.setprofile(_record)
