"""The script of a live room: a model's program, and works to compare with."""

import base64
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from artpipe.artifacts.report import ReportCard, SavedExhibit
from artpipe.contracts.gallery_work import SAMPLE, GalleryWork, RealWork
from artpipe.contracts.live_room import LiveScript
from artpipe.errors import CorruptError
from artpipe.language.message import WRITTEN
from artpipe.site.media_files import MediaStore
from artpipe.site.translation import clean_line
from artpipe.system.hashing import sha256_bytes

_SIDES = {
    False: 16,
    True: 9,
}  # fields of a feature, grey or in colour; assets/live.js measures a picture in the same ones


def add_live_script(
    folder: Path,
    report: ReportCard,
    hung: Iterable[GalleryWork],
    media: MediaStore,
    find_work: Callable[[str], RealWork],
) -> LiveScript | None:
    """Put the script of a report's live model on the shelf; None where it has none.

    `hung` are the model's works, among them its own, whose size the room's pictures have.

    Raises:
        CorruptError: the program is missing or not what the report says.
    """
    live = report.live
    if live is None:
        return None
    path = folder / live.file
    program = path.read_bytes() if path.is_file() else b""
    if sha256_bytes(program) != live.sha256:
        raise CorruptError(f"{path}: SHA-256 is {sha256_bytes(program)[:12]}, expected {live.sha256[:12]}")
    size = next(((work.media.width, work.media.height) for work in hung if work.media and work.role == SAMPLE), (0, 0))
    works = [work for work in map(find_work, live.works) if work.picture]
    colour = any(work.picture.colour for work in works if work.picture)
    content = {
        "program": base64.b64encode(program).decode(),
        "channels": 3 if colour else 1,
        "side": _SIDES[colour],
        "captions": live.path.captions if live.path else (),
        "refused": live.path.refused if live.path else (),
        "words": live.path.words if live.path else (),
        "prompts": list_prompts(report.exhibits) if live.path else {},
        "works": [describe_work(work) for work in works],
        "features": base64.b64encode(measure_works(works, media, colour=colour)).decode(),
    }
    text = f"artpipeLive.receive({json.dumps(content, separators=(',', ':'))});\n"
    script = media.add_document(text.encode(), ".js")
    return LiveScript(script, *size, classes=live.classes, works=len(works), side=_SIDES[colour], path=live.path)


def list_prompts(exhibits: Iterable[SavedExhibit]) -> dict[int, str]:
    """Return the words that each hung seed was asked for; a class is none."""
    prompts = {}
    for one in exhibits:
        if one.role == SAMPLE and one.seed is not None and one.caption.code == WRITTEN:
            (prompts[one.seed],) = map(str, one.caption.values.values())  # the text is its one value
    return prompts


def describe_work(work: RealWork) -> dict[str, str | int]:
    """Return what the page says of a work beside its picture."""
    words = {name: clean_line(getattr(work, name)) for name in ("title", "creator", "licence")}
    picture = work.picture
    return {**words, "src": picture.src, "width": picture.width, "height": picture.height} if picture else {**words}


def measure_works(works: Sequence[RealWork], media: MediaStore, *, colour: bool) -> bytes:
    """Return the fields of each work, a byte for each channel."""
    from PIL import Image

    fields, size = [], (_SIDES[colour], _SIDES[colour])
    for work in works:
        with Image.open(io.BytesIO(media.files[work.picture.src if work.picture else ""])) as image:
            fields.append(image.convert("RGB" if colour else "L").resize(size, Image.Resampling.BOX).tobytes())
    return b"".join(fields)
