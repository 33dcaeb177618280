"""What `artpipe upgrade` writes into params.yaml, dvc.lock and dvc.yaml of a project that an older artpipe made."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from artpipe.config.format_migration import list_renamed_parameters, migrate_lock, migrate_params
from artpipe.config.parameter_names import MODEL_NAMES
from artpipe.config.params import FORMAT
from artpipe.config.yaml_edit import read_exactly
from artpipe.project.dvc_yaml import graph_text, is_untouched
from artpipe.storage.dvc_lock import hold_dvc_lock
from artpipe.system.atomic_files import write_bytes

_PARAMS, _LOCK, _GRAPH = "params.yaml", "dvc.lock", "dvc.yaml"
_TEMPLATE_NAME = re.compile(rf"(?<=\$\{{item\.)({'|'.join(MODEL_NAMES)})(?=\}})")
_MOST_PLACES = 3  # told by name


@dataclass(frozen=True)
class FormatUpgrade:
    """Files whose text changes, the last one written last, and what is to be told of them."""

    params: str  # the text of params.yaml under today's names
    texts: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()

    def write(self, root: Path) -> None:
        """Write the files; params.yaml comes last, so that the same command mends what was stopped half-way.

        Raises:
            BusyError: DVC is at work.
        """
        if self.texts:
            with hold_dvc_lock(root, doing="artpipe upgrade"):
                for name, text in self.texts.items():
                    write_bytes(root / name, text.encode())


def find_format_upgrade(root: Path = Path()) -> FormatUpgrade:
    """Return what changes; no file where the project is of today's format.

    Raises:
        UserError: a file cannot be migrated as it is written.
    """
    old = {name: read_exactly(root / name) for name in (_GRAPH, _LOCK, _PARAMS) if (root / name).is_file()}
    migrations = {_GRAPH: _migrate_graph, _LOCK: migrate_lock, _PARAMS: migrate_params}
    new = {name: migrations[name](text) for name, text in old.items()}
    texts = {name: text for name, text in new.items() if text != old[name]}
    return FormatUpgrade(new.get(_PARAMS, ""), texts, tuple(_lines(old, texts)))


def _migrate_graph(text: str) -> str:
    """Write dvc.yaml anew where nobody changed it; in one that was changed by hand, rename what its templates name."""
    if not is_untouched(text):
        return _TEMPLATE_NAME.sub(lambda name: MODEL_NAMES[name[0]], text)
    today = graph_text()
    return text if text.replace("\r\n", "\n") == today else today


def _lines(old: Mapping[str, str], texts: Mapping[str, str]) -> Iterator[str]:
    if _PARAMS in texts:
        yield f"params.yaml: format 1 -> {FORMAT}; names change, comments and numbers stay as they are"
        for (before, now), places in list_renamed_parameters(old[_PARAMS]).items():
            where = ", ".join(places) if len(places) <= _MOST_PLACES else f"{len(places)} entries"
            yield f"  {before} -> {now}  ({where})"
    if _LOCK in texts:
        yield "dvc.lock: the same names, so that no result is stale for them"
    if _GRAPH in texts:
        touched = "" if is_untouched(old[_GRAPH]) else " was changed by hand: only these names change in it"
        yield f"dvc.yaml{touched or ': written anew'}"
