"""`artpipe preset`: say which presets there are, and lay one over params.yaml."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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


class PresetList(NamedTuple):
    """The presets there are, each with a sentence."""

    presets: Sequence[tuple[str, str]]
    in_force: str

    def to_text(self) -> str:
        """Return a line for each preset; the one in force has a star."""
        rows = [(f"{'*' if name == self.in_force else ' '} {name}", sentence) for name, sentence in self.presets]
        advice = f"in force: {self.in_force}; `artpipe preset NAME` changes it, with --plan only says what"
        return "\n".join([*_align(rows), advice])

    def to_json(self) -> Sequence[Mapping[str, Any]]:
        """Return the same for programs."""
        return [{"name": name, "about": about, "in_force": name == self.in_force} for name, about in self.presets]


class PresetChange(NamedTuple):
    """What a preset changes, or would change."""

    switch: Switch
    written: bool

    def to_text(self) -> str:
        """Return the values that change; where they were written, what to do next."""
        text, preset = _describe_switch(self.switch), self.switch.preset
        if not self.written:
            return text
        back = "" if preset == DEFAULT else f"; `artpipe preset {DEFAULT}` brings back what was there"
        files = PARAMS if preset == DEFAULT else f"{PARAMS} {IN_FORCE}"
        return f"{text}\n{preset} is in force{back}\nto keep it in git: git add {files}"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        rows = _list_changes(self.switch)
        changes = [{"place": place, "before": before, "after": after} for place, before, after in rows]
        left = [{"place": ".".join(place), "why": why} for place, why in self.switch.left]
        return {"preset": self.switch.preset, "written": self.written, "changes": changes, "left": left}


def find_presets(root: Path = Path()) -> PresetList:
    """Return the presets there are, and which one is in force."""
    in_force = read_in_force(root)
    return PresetList(list(list_presets(root)), in_force.preset if in_force else DEFAULT)


def set_preset(preset: str) -> PresetChange:
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
    return PresetChange(switch, written=True)


def _list_changes(switch: Switch) -> Sequence[tuple[str, Any, Any]]:
    old, new = (parse_yaml(text, str(PARAMS)) for text in (switch.before, switch.text))
    return list(list_differences(old, new))


def _describe_switch(switch: Switch) -> str:
    """Return the values that change, one a line, and old ones that stay.

    Those that stay are the old preset's.
    """
    rows = [(place, _format(before), _format(after)) for place, before, after in _list_changes(switch)]
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
