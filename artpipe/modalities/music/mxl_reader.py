"""The MusicXML document in a .mxl file, which is a zip file, as programs and file managers make them; read in a worker."""

import io
import zipfile
from collections.abc import Iterator

from artpipe.language.message import Message
from artpipe.modalities.music.xml_tree import parse_xml
from artpipe.untrusted.rejection import RejectedError

_UNPACKED = 64 * 2**20  # bytes
_RATIO = 200  # unpacked to packed, of what is larger than a MiB
_CONTAINER = "META-INF/container.xml"
_SUFFIXES = (".xml", ".musicxml")


def unpack_mxl(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return the score that the container names first, or without a container the first one; and notes.

    Raises:
        RejectedError: a bomb, damaged, or without a score.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {_plain(name): name for name in archive.namelist()}
            names = [name for name in entries if not _is_leftover(name)]
            container = next((name for name in names if name.lower().endswith(_CONTAINER.lower())), None)
            scores = [name for name in names if name.lower().endswith(_SUFFIXES) and "META-INF/" not in name.upper()]
            notes: tuple[str, ...] = ()
            if container is not None:
                named = list(_named(_member(archive, entries[container]), container[: -len(_CONTAINER)]))
                there = [name for name in named if name in entries]  # one is called `.xml`, without more
                notes = () if there else ("not named by the container of its .mxl file",)
                scores = there[:1] or scores
            if not scores:
                raise RejectedError("not a score", "no MusicXML in the zip file")
            if len(scores) > 1:
                notes = (*notes, "of several scores in a .mxl file the first one")
            return _member(archive, entries[scores[0]]), notes
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise RejectedError("damaged", f"{type(error).__name__}: {error}") from None


def _plain(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").removeprefix("/")


def _is_leftover(name: str) -> bool:
    """Return whether a system left an entry there: of a Mac, or hidden."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _named(container: bytes, root: str) -> Iterator[str]:
    """Yield the scores that a container names; of another kind, such as PDF, are other faces of the same."""
    for file in parse_xml(container).iter():
        if file.tag.rpartition("}")[2].rpartition(":")[2] == "rootfile":
            kind = file.get("media-type", "")
            if not kind or "xml" in kind.lower():
                yield root + _plain(file.get("full-path", ""))


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    with archive.open(info) as stream:
        content = stream.read(_UNPACKED + 1)
    if len(content) > _UNPACKED or (len(content) > 1 << 20 and len(content) > _RATIO * info.compress_size):
        times = len(content) / max(1, info.compress_size)
        raise RejectedError("bomb", Message(code="unpacks_to_times", values={"times": times}))
    return content
