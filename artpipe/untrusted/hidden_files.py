"""Recognise files that systems leave beside works, which are ignored.

They come from file managers, NAS, cloud clients and editors.
"""

import re

_NAMES = frozenset(
    {
        "__macosx",  # beside the works, in every zip that the Finder of macOS makes
        "icon\r",
        "network trash folder",
        "temporary items",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "thumbs.db",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "desktop.ini",
        "picasa.ini",
        "zbthumbnail.info",
        "@eadir",  # Synology
        "#recycle",
        "#snapshot",
        "@tmp",
        "@recycle",  # QNAP
        "@recently-snapshot",
        "lost+found",
        "__pycache__",
    }
)
_ENDINGS = re.compile(
    r"(~|\.(crdownload|part|partial|download|lrdata|lrcat|lrcat-data|lrprev)|@syno(eastream|resource))$"
)
_BEGINNINGS = ("~$", "@eadir")


def is_hidden_name(name: str) -> bool:
    """Return whether one part of a path was left by a system.

    Such as ``.DS_Store``, ``@eaDir`` and ``Thumbs.db``; never ``..``.
    """
    lowered = name.lower()
    if lowered.startswith("."):
        return lowered not in {".", ".."}
    return lowered in _NAMES or lowered.startswith(_BEGINNINGS) or _ENDINGS.search(lowered) is not None


def has_hidden_part(path: str) -> bool:
    """Return whether any part of a relative path is hidden.

    A path that leads upwards is not hidden, so that it is refused instead.
    """
    parts = path.split("/")
    return ".." not in parts and any(map(is_hidden_name, parts))


def hidden_root(path: str) -> str:
    """Return a hidden path up to its first hidden part.

    It is ``cat/@eaDir`` for ``cat/@eaDir/1.jpg/x.jpg``.
    """
    parts = path.split("/")
    end = next((place for place, part in enumerate(parts, start=1) if is_hidden_name(part)), len(parts))
    return "/".join(parts[:end])
