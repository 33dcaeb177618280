"""Extract the MusicXML document from a .mxl file, in a worker.

It is a zip file, as programs and file managers make them.
"""

import io
import zipfile
from collections.abc import Iterator

from artpipe.language.message import Message
from artpipe.modalities.music.xml_tree import parse_xml
from artpipe.untrusted.rejection import RejectedError

_MAX_BYTES = 64 * 2**20  # bytes
_MAX_RATIO = 200  # unpacked to packed, of what is larger than a MiB
_CONTAINER = "META-INF/container.xml"
_SUFFIXES = (".xml", ".musicxml")


def unpack_mxl(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return the first score that the container lists, and notes.

    Without a container it is the first one in the file.

    Raises:
        RejectedError: a bomb, damaged, or without a score.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {_plain_name(name): name for name in archive.namelist()}
            names = [name for name in entries if not _is_leftover(name)]
            container = next((name for name in names if name.lower().endswith(_CONTAINER.lower())), None)
            scores = [name for name in names if name.lower().endswith(_SUFFIXES) and "META-INF/" not in name.upper()]
            notes: tuple[str, ...] = ()
            if container is not None:
                listed_names = list(
                    _listed_scores(_read_member(archive, entries[container]), container[: -len(_CONTAINER)])
                )
                present = [name for name in listed_names if name in entries]  # one is called `.xml`, without more
                notes = () if present else ("not named by the container of its .mxl file",)
                scores = present[:1] or scores
            if not scores:
                raise RejectedError("not a score", "no MusicXML in the zip file")
            if len(scores) > 1:
                notes = (*notes, "of several scores in a .mxl file the first one")
            return _read_member(archive, entries[scores[0]]), notes
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise RejectedError("damaged", f"{type(error).__name__}: {error}") from None


def _plain_name(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").removeprefix("/")


def _is_leftover(name: str) -> bool:
    """Return whether an entry was left by a system: by macOS, or hidden."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _listed_scores(container: bytes, root: str) -> Iterator[str]:
    """Yield the scores that a container lists.

    Files of another type, such as PDF, are other renderings of the same.
    """
    for file in parse_xml(container).iter():
        if file.tag.rpartition("}")[2].rpartition(":")[2] == "rootfile":
            kind = file.get("media-type", "")
            if not kind or "xml" in kind.lower():
                yield root + _plain_name(file.get("full-path", ""))


def _read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    with archive.open(info) as stream:
        content = stream.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES or (len(content) > 1 << 20 and len(content) > _MAX_RATIO * info.compress_size):
        times = len(content) / max(1, info.compress_size)
        raise RejectedError("bomb", Message(code="unpacks_to_times", values={"times": times}))
    return content
