"""Look for the project before the libraries of the command line are imported.

Their import takes longer than everything else that a command in the wrong folder does.
"""

from collections.abc import Sequence
from pathlib import Path

from artpipe.system.home_folders import require_nameable_folder
from artpipe.system.project_root import find_root

_GROUPS = frozenset({"dataset", "model"})
# Every ProjectCommand of `artpipe.cli.app`; a test compares.
PROJECT_COMMANDS = frozenset(
    {
        "card", "catalogue", "check", "compare", "curate", "dag", "deploy", "evaluate", "export", "forget", "gallery", "gc", "ingest",
        "lineage", "plan", "preprocess", "preset", "promote", "publish", "rollback", "run", "runs", "sample", "status",
        "sync", "train", "ui", "upgrade", "verify", "watch", "weights",
        "dataset add", "dataset remove", "dataset restore", "dataset watch", "model add", "model remove",
    }
)  # fmt: skip
OPTIONAL_BY = {"serve": "--only"}  # commands of which a part can do without, chosen by that option


def require_project_early(arguments: Sequence[str]) -> None:
    """Raise if a command that needs a project was typed outside of one.

    Raises:
        UserError: see `find_root`, `require_nameable_folder`.
    """
    directory, words = (Path(arguments[1]), arguments[2:]) if _names_folder(arguments) else (None, arguments)
    name = " ".join(words[: 2 if words[:1] and words[0] in _GROUPS else 1])
    option = OPTIONAL_BY.get(name)
    needs_project = name in PROJECT_COMMANDS or (option and not any(word.startswith(option) for word in words))
    if needs_project and not {"-h", "--help"} & set(words):
        require_nameable_folder()
        find_root(directory)


def _names_folder(arguments: Sequence[str]) -> bool:
    return len(arguments) > 1 and arguments[0] == "-C"
