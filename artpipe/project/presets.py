"""Presets: other budgets laid over params.yaml, and taken off again.

A preset is a partial params.yaml (`presets/NAME.yaml`), what the kinds of models say of its name, or both. While one is
in force, `presets/default.yaml` holds what params.yaml had before, so it travels with the project; no stage reads it.
"""

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from artpipe.artifacts.paths import STATE
from artpipe.code.stage_fingerprints import code_signature, files_signature
from artpipe.config.overlay import Change, Place, apply_overlay, merge, remove_overlay
from artpipe.config.params import NAME_PATTERN, Frozen, Params, validate_as
from artpipe.config.safe_yaml import parse_yaml
from artpipe.config.secret_scan import refuse_secrets
from artpipe.config.yaml_edit import BlockRepresenter, read_exactly
from artpipe.config.yaml_tree import YamlTree
from artpipe.errors import UserError, did_you_mean
from artpipe.project.entry_validation import check_dataset, check_models, check_plugin_names, check_weights_entry
from artpipe.project.preset_budgets import list_budget_names, make_budget_overlay
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import sha256_bytes, sha256_file

DEFAULT = "default"
PARAMS, FOLDER = Path("params.yaml"), Path("presets")
IN_FORCE = FOLDER / f"{DEFAULT}.yaml"
_CHECKED = STATE / "checked-presets"
_ENTRY = 2  # keys to an entry: section and name
_REQUIRED_KEYS = {"datasets": "medium", "weights": "path", "models": "kind"}  # of a whole entry
_MISTAKE = re.compile(r"params\.yaml: (?=`([^`]+)`)")
_HEADER = """\
# Written by `artpipe preset`: which preset is in force, and what params.yaml had before.
# `artpipe preset default` brings it back and removes this file.
"""
_BUDGET_SENTENCES = {
    "long": "more steps, for a better result",
    "gpu": "what one GPU can do: more steps, wider networks",
}


class InForce(Frozen):
    """`presets/default.yaml`."""

    preset: str
    changes: tuple[Change, ...]


class Switch(NamedTuple):
    """A change from what is in force to another preset; nothing is written yet."""

    preset: str
    before: str  # the text of params.yaml as it is
    default: str  # without a preset
    text: str  # with the new one
    changes: tuple[Change, ...]  # that take the new one off
    left: tuple[tuple[Place, str], ...]  # values of the old one that stay, and why


def list_presets(root: Path = Path()) -> Iterator[tuple[str, str]]:
    """Yield each preset with a sentence about it, `default` first."""
    yield DEFAULT, "what params.yaml says by itself"
    names = {*list_budget_names(), *(path.stem for path in _list_files(root))}
    for name in sorted(names):
        path = root / FOLDER / f"{name}.yaml"
        first_line = read_exactly(path).split("\n", 1)[0].lstrip("\ufeff").strip() if path.is_file() else ""
        sentence = first_line.removeprefix("#").strip() if first_line.startswith("#") else ""
        yield name, sentence or _BUDGET_SENTENCES.get(name, str(FOLDER / path.name))


def read_in_force(root: Path = Path()) -> InForce | None:
    """Return which preset is in force and what it changed; None: none is.

    Raises:
        UserError: `presets/default.yaml` was changed by hand.
    """
    path = root / IN_FORCE
    if not path.is_file():
        return None
    content = parse_yaml(_read_text(path), str(IN_FORCE))
    try:
        return validate_as(InForce, content, file=str(IN_FORCE))
    except UserError as error:
        raise UserError(f"{error}; artpipe writes this file: `git checkout {IN_FORCE}` brings it back") from None


def plan_switch(preset: str, root: Path = Path()) -> Switch:
    """Return what `artpipe preset NAME` would do.

    Raises:
        UserError: there is no preset of that name, or a mistake in its file: file, line, what was expected.
    """
    names = [name for name, _ in list_presets(root)]
    if preset not in names:
        nearest = did_you_mean(preset, names) or f" (there are: {', '.join(names)})"
        raise UserError(f"there is no preset `{preset}`{nearest}; one of your own is a file {FOLDER}/NAME.yaml")
    before = read_exactly(root / PARAMS)
    default, left = _take_off(before, read_in_force(root))
    if preset == DEFAULT:
        return Switch(preset, before, default, default, (), left)
    overlay, own_text = _read_overlay(preset, root), _read_file(preset, root)
    content = parse_yaml(default, str(PARAMS))
    if not _are_checked(root):
        _check_overlay(preset, content, overlay, root)
    budgets = make_budget_overlay(preset, merge(content, overlay), overlay, root)
    text, changes = apply_overlay(default, merge(budgets, overlay), own_text)
    return Switch(preset, before, default, text, changes, left)


def dump_in_force(switch: Switch) -> str:
    """Return the text of `presets/default.yaml`."""
    yaml, stream = YAML(), io.StringIO()
    yaml.width, yaml.Representer = 2**20, BlockRepresenter
    changes = []
    for change in switch.changes:
        place = CommentedSeq(change.place)
        place.fa.set_flow_style()
        changes.append({"place": place} | change.model_dump(exclude={"place"}, exclude_none=True))
    yaml.dump({"preset": switch.preset, "changes": changes}, stream)
    return _HEADER + stream.getvalue()


def check_presets(root: Path = Path()) -> None:
    """Validate every preset file, as it would be laid over params.yaml.

    Raises:
        UserError: the first mistake: file, line, what was found, what was expected.
    """
    in_force, files = read_in_force(root), _list_files(root)
    if not files or _are_checked(root):
        return
    default, _ = _take_off(read_exactly(root / PARAMS), in_force)
    content = parse_yaml(default, str(PARAMS))
    for path in files:
        if not NAME_PATTERN.fullmatch(path.stem):
            raise UserError(f"{FOLDER / path.name}: a preset's name is lower-case letters, digits and `-`")
        _check_overlay(path.stem, content, _read_overlay(path.stem, root), root)
    write_text(root / _CHECKED, _compute_signature(root))


def _are_checked(root: Path) -> bool:
    """Return whether all presets passed a check as they are.

    Then no kind is imported, and no torch with it.
    """
    try:
        return (root / _CHECKED).read_text(encoding="utf-8") == _compute_signature(root)
    except OSError:
        return False


def _compute_signature(root: Path) -> str:
    """Return a hash of what a check of presets depends on.

    The works that their entries name are left out.
    """
    files = files_signature(sorted((root / FOLDER).glob("*.yaml")))
    return sha256_bytes("\n".join([sha256_file(root / PARAMS), code_signature(), files]).encode())


def _list_files(root: Path) -> list[Path]:
    return sorted(path for path in (root / FOLDER).glob("*.yaml") if path.stem != DEFAULT)


def _read_file(preset: str, root: Path) -> str:
    """Return the text of a preset's own file, empty where it has none."""
    path = root / FOLDER / f"{preset}.yaml"
    return _read_text(path) if path.is_file() else ""


def _read_text(path: Path) -> str:
    try:
        return read_exactly(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None


def _read_overlay(preset: str, root: Path) -> dict[str, Any]:
    """Return the content of a preset's own file, empty where it has none."""
    file = f"{FOLDER}/{preset}.yaml"
    content: Any = parse_yaml(_read_file(preset, root), file)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{file}: a part of params.yaml is expected, such as `models: {{NAME: {{steps: 5000}}}}`")
    refuse_secrets(content, file)
    if "format" in content:
        line = YamlTree(_read_file(preset, root)).find_line(["format"])
        raise UserError(f"{file}:{line}: `format` is that of params.yaml; take it out")
    return content


def _check_overlay(preset: str, content: Mapping[str, Any], overlay: Mapping[str, Any], root: Path) -> None:
    """Raise if params.yaml would have a mistake with an overlay over it.

    The mistake is told with the overlay's line.
    """
    merged = merge(content, overlay)
    try:
        _check_entry_names(content, overlay)
        params = validate_as(Params, merged, file=str(PARAMS))
        check_models(params, root)
        check_plugin_names(params, root)
        for name in overlay.get("datasets") or ():
            check_dataset(name, params.datasets[name], root)
        for name in overlay.get("weights") or ():
            check_weights_entry(name, params.weights[name], root)
    except UserError as error:
        mistake = _MISTAKE.match(str(error))
        place = mistake[1].split(".") if mistake else []
        if not mistake or place[0] not in overlay:
            raise
        line = YamlTree(_read_file(preset, root)).find_line(place)
        raise UserError(f"{FOLDER}/{preset}.yaml:{line}: {str(error)[mistake.end() :]}") from None


def _check_entry_names(content: Mapping[str, Any], overlay: Mapping[str, Any]) -> None:
    """Raise if an overlay changes a part of an entry that params.yaml does not have."""
    for section, required in _REQUIRED_KEYS.items():
        entries, existing = overlay.get(section), content.get(section) or {}
        for name, entry in entries.items() if isinstance(entries, Mapping) else ():
            if name not in existing and isinstance(entry, Mapping) and required not in entry:
                hint = did_you_mean(str(name), existing) or f"; a new one needs its `{required}`"
                raise UserError(f"{PARAMS}: `{section}.{name}` is not in {PARAMS}{hint}")


def _take_off(text: str, in_force: InForce | None) -> tuple[str, tuple[tuple[Place, str], ...]]:
    """Return params.yaml without the preset in force, and what of that stays.

    An entry that another one needs, which stays, stays too.
    """
    if in_force is None:
        return text, ()
    needed: dict[Place, str] = {}
    while True:
        removal = remove_overlay(text, in_force.changes, needed)
        content = parse_yaml(removal.text, str(PARAMS))
        removed = [change for change in in_force.changes if change.before is None and change.place in removal.restored]
        more = {change.place: f"`{model}` needs it" for change in removed if (model := _find_user(content, change))}
        if not more:
            return removal.text, (*removal.left, *needed.items())
        needed |= more


def _find_user(content: Mapping[str, Any], removed: Change) -> str:
    """Return a model that names an entry which is gone, empty where none does."""
    section, *names = removed.place
    names = names[:1] or [str(name) for name in removed.after or ()]
    for model, entry in (content.get("models") or {}).items():
        pretrained = str(entry.get("pretrained"))
        used = {
            "datasets": {entry.get("dataset")},
            "models": {entry.get("feature_extractor"), pretrained.removeprefix("data/checkpoints/")},
            "weights": {pretrained.removeprefix("data/weights/")},
        }
        if len(removed.place) <= _ENTRY and not used.get(section, set()).isdisjoint(names):
            return str(model)
    return ""
