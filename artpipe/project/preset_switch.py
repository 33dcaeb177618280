"""`artpipe preset`: say which presets there are, and lay one over params.yaml."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from artpipe.config.differences import list_differences
from artpipe.config.safe_yaml import parse_yaml
from artpipe.project.add_remove import change_project
from artpipe.project.presets import (
    DEFAULT,
    IN_FORCE,
    PARAMS,
    Switch,
    dump_in_force,
    list_presets,
    plan_switch,
    read_in_force,
)
from artpipe.system.atomic_files import write_bytes
from artpipe.system.plain_text import to_printable

_WIDTH = 40  # characters of a value that is shown


def describe_presets(root: Path = Path()) -> str:
    """Return a line for each preset; the one in force has a star."""
    in_force = read_in_force(root)
    current = in_force.preset if in_force else DEFAULT
    rows = [(f"{'*' if name == current else ' '} {name}", sentence) for name, sentence in list_presets(root)]
    return "\n".join(
        [*_align(rows), f"in force: {current}; `artpipe preset NAME` changes it, with --plan only says what"]
    )


def list_presets_json(root: Path = Path()) -> str:
    """Return the presets and which is in force, as JSON."""
    in_force = read_in_force(root)
    current = in_force.preset if in_force else DEFAULT
    rows = [{"name": name, "about": about, "in_force": name == current} for name, about in list_presets(root)]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def set_preset(preset: str) -> str:
    """Replace the preset over params.yaml by another; return what changed.

    The one in force is taken off before the other is laid over params.yaml.

    Raises:
        UserError: see `plan_switch`; nothing was changed.
    """
    with change_project():
        switch = plan_switch(preset)
        if IN_FORCE.exists():  # off first: whatever ends this, params.yaml and what takes a preset off fit together
            write_bytes(PARAMS, switch.default.encode())
            IN_FORCE.unlink()
        if switch.preset != DEFAULT:
            write_bytes(IN_FORCE, dump_in_force(switch).encode())
        write_bytes(PARAMS, switch.text.encode())
    back = "" if preset == DEFAULT else f"; `artpipe preset {DEFAULT}` brings back what was there"
    files = PARAMS if preset == DEFAULT else f"{PARAMS} {IN_FORCE}"
    return f"{describe_switch(switch)}\n{preset} is in force{back}\nto keep it in git: git add {files}"


def describe_switch(switch: Switch) -> str:
    """Return the values that change, one a line, and old ones that stay.

    Those that stay are the old preset's.
    """
    old, new = (parse_yaml(text, str(PARAMS)) for text in (switch.before, switch.text))
    rows = [(place, _format(before), _format(after)) for place, before, after in list_differences(old, new)]
    lines = _align([("place", "before", "after"), *rows]) if rows else ["params.yaml has these values already"]
    return "\n".join([*lines, *(f"{'.'.join(place)} stays as it is: {why}" for place, why in switch.left)])


def _format(value: Any) -> str:
    if value is None:
        return "-"
    text = "an entry" if isinstance(value, Mapping) else to_printable(str(value))
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def _align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows of cells as lines with columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
