"""What `artpipe upgrade` changes in files that an older artpipe wrote.

That is params.yaml, dvc.lock and dvc.yaml.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from artpipe.config.format_migration import list_renamed_parameters, migrate_lock, migrate_params
from artpipe.config.parameter_names import MODEL_NAMES
from artpipe.config.params import FORMAT
from artpipe.config.yaml_edit import read_exactly
from artpipe.project.dvc_yaml import is_untouched, make_graph_text
from artpipe.storage.dvc_lock import hold_dvc_lock
from artpipe.system.atomic_files import write_bytes

_PARAMS, LOCK, GRAPH = "params.yaml", "dvc.lock", "dvc.yaml"
_TEMPLATE_NAME = re.compile(rf"(?<=\$\{{item\.)({'|'.join(MODEL_NAMES)})(?=\}})")
_MAX_PLACES = 3  # listed by name


@dataclass(frozen=True)
class FormatUpgrade:
    """Files whose text changes, in the order to write them, and a report."""

    params: str  # the text of params.yaml under today's names
    texts: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()

    def write(self, root: Path) -> None:
        """Write the files, params.yaml last.

        So the same command completes what was stopped half-way.

        Raises:
            BusyError: DVC is running.
        """
        if self.texts:
            with hold_dvc_lock(root, doing="artpipe upgrade"):
                for name, text in self.texts.items():
                    write_bytes(root / name, text.encode())


def find_format_upgrade(root: Path = Path()) -> FormatUpgrade:
    """Return what changes; nothing where the project has today's format.

    Raises:
        UserError: a file cannot be migrated as it is written.
    """
    old = {name: read_exactly(root / name) for name in (GRAPH, LOCK, _PARAMS) if (root / name).is_file()}
    old.setdefault(GRAPH, "")
    migrations = {GRAPH: _migrate_graph, LOCK: migrate_lock, _PARAMS: migrate_params}
    new = {name: migrations[name](text) for name, text in old.items()}
    texts = {name: text for name, text in new.items() if text != old[name]}
    return FormatUpgrade(new.get(_PARAMS, ""), texts, tuple(_describe_changes(old, texts)))


def _migrate_graph(text: str) -> str:
    """Return today's dvc.yaml, or an edited one with its template names renamed."""
    if text and not is_untouched(text):
        return _TEMPLATE_NAME.sub(lambda name: MODEL_NAMES[name[0]], text)
    today = make_graph_text()
    return text if text.replace("\r\n", "\n") == today else today


def _describe_changes(old: Mapping[str, str], texts: Mapping[str, str]) -> Iterator[str]:
    if _PARAMS in texts:
        yield f"params.yaml: format 1 -> {FORMAT}; names change, comments and numbers stay as they are"
        for (old_name, new_name), places in list_renamed_parameters(old[_PARAMS]).items():
            used_in = ", ".join(places) if len(places) <= _MAX_PLACES else f"{len(places)} entries"
            yield f"  {old_name} -> {new_name}  ({used_in})"
    if LOCK in texts:
        yield "dvc.lock: the same names, so that no result is stale for them"
    if GRAPH in texts:
        touched = (
            "" if not old[GRAPH] or is_untouched(old[GRAPH]) else " was changed by hand: only these names change in it"
        )
        yield f"dvc.yaml{touched or ': written anew'}"
