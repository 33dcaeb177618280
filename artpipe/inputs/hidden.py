"""What file managers leave beside pictures: nobody meant it, so it is passed over without a word."""

_LEFT_BY_MACOS = "__MACOSX"  # beside the pictures, in every zip that its Finder makes


def is_hidden(name: str) -> bool:
    """Return whether one part of a path is hidden: ``.DS_Store``, ``._1.jpg``, ``__MACOSX``; never ``.`` or ``..``."""
    return name == _LEFT_BY_MACOS or (name.startswith(".") and name not in {".", ".."})


def lies_hidden(path: str) -> bool:
    """Return whether any part of a relative path is hidden; one that leads upwards is not, as it is to be refused."""
    parts = path.split("/")
    return ".." not in parts and any(map(is_hidden, parts))
