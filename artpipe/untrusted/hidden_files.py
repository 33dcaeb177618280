"""What systems leave beside works: file managers, NAS, cloud clients, editors; nobody meant it, so it is passed over."""

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


def is_hidden(name: str) -> bool:
    """Return whether one part of a path was left by a system: ``.DS_Store``, ``@eaDir``, ``Thumbs.db``; never ``..``."""
    lowered = name.lower()
    if lowered.startswith("."):
        return lowered not in {".", ".."}
    return lowered in _NAMES or lowered.startswith(_BEGINNINGS) or _ENDINGS.search(lowered) is not None


def lies_hidden(path: str) -> bool:
    """Return whether any part of a relative path is hidden; one that leads upwards is not, as it is to be refused."""
    parts = path.split("/")
    return ".." not in parts and any(map(is_hidden, parts))


def leftover_of(path: str) -> str:
    """Return the part of a hidden path up to its first hidden part: ``cat/@eaDir`` of ``cat/@eaDir/1.jpg/x.jpg``."""
    parts = path.split("/")
    end = next((place for place, part in enumerate(parts, start=1) if is_hidden(part)), len(parts))
    return "/".join(parts[:end])
