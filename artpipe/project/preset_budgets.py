"""What kinds and media say of a preset, for entries its own file does not name."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.parquet import read_tuples
from artpipe.artifacts.works import Work
from artpipe.config.params import TrainParams
from artpipe.contracts.plugin_info import Budget, medium_info, model_info

_EVALUATE_STEPS: int = TrainParams.model_fields["evaluate_every_steps"].default


def list_budget_names() -> list[str]:
    """Return the presets of which a kind says something."""
    return sorted({name for kind in plugins.list_plugins("models") for name in model_info(kind).presets})


def make_budget_overlay(
    preset: str, content: Mapping[str, Any], named: Mapping[str, Any], root: Path
) -> dict[str, Any]:
    """Return what a preset changes in entries by what their kinds and media say.

    Args:
        preset: its name.
        content: of params.yaml.
        named: the overlay of the preset's own file; the entries in it are left to it.
        root: the project.
    """
    models, datasets = dict[str, Any](), dict[str, Any]()
    for name, entry in _other_entries("models", content, named):
        if (budget := model_info(str(entry.get("kind"))).presets.get(preset)) and (
            changes := _apply_budget(budget, entry)
        ):
            models[name] = changes
    for name, entry in _other_entries("datasets", content, named):
        if changes := _grow_size(preset, name, entry, root):
            datasets[name] = {"preprocess": changes}
    return {key: entries for key, entries in (("datasets", datasets), ("models", models)) if entries}


def _other_entries(section: str, content: Mapping[str, Any], named: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the entries of a section that another overlay does not name."""
    taken = named.get(section) or {}
    entries = (content.get(section) or {}).items()
    return [(name, entry) for name, entry in entries if name not in taken and isinstance(entry, Mapping)]


def _apply_budget(budget: Budget, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a model that a budget changes."""
    info = model_info(str(entry.get("kind")))
    defaults = {"steps": info.default_steps, "batch_size": info.default_batch_size}
    changes: dict[str, Any] = {}
    for key, default in (("steps", info.default_steps), ("evaluate_every_steps", _EVALUATE_STEPS)):
        present = entry.get(key, default)
        if budget.steps_factor != 1 and _is_number(present):
            changes[key] = max(1, round(present * budget.steps_factor))
    for key, least in budget.at_least.items():
        present = entry.get(key, defaults.get(key, 0))
        if _is_number(present) and present < least:
            changes[key] = least
    return changes


def _grow_size(preset: str, name: str, entry: Mapping[str, Any], root: Path) -> dict[str, int]:
    """Return the preset's larger size of a dataset whose works are as large.

    Enlarging smaller works would show nothing more.
    """
    info = medium_info(str(entry.get("medium")))
    size, preprocess = info.preset_sizes.get(preset, 0), entry.get("preprocess") or {}
    present = preprocess.get(info.size_parameter, info.default_size)
    table = root / paths.works(name) / "works.parquet"
    if not _is_number(present) or present >= size or not table.is_file():
        return {}
    sides = [min(work.width, work.height) for work in read_tuples(table, Work)]
    return {info.size_parameter: size} if sides and median(sides) >= size else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
