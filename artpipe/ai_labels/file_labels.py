"""Label a generated file by the laws that `gallery.labels` names: docs/labels.md."""

from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from artpipe.ai_labels.visible_marks import mark_film, mark_picture, mark_sound
from artpipe.ai_labels.xmp_embedding import add_riff_chunk, embed_xmp
from artpipe.ai_labels.xmp_packet import make_aigc_label, make_xmp
from artpipe.contracts.generation_facts import GenerationFacts
from artpipe.errors import CorruptError
from artpipe.system.hashing import sha256_bytes

_CHINA = "cn"  # the law that asks for a label people see or hear in the file itself
_PICTURES = frozenset({".png", ".webp", ".jpg", ".jpeg"})


def label_file(data: bytes, suffix: str, facts: GenerationFacts, labels: Collection[str]) -> bytes:
    """Return a file with all its labels, of the form that `find_suffix` says.

    Raises:
        CorruptError: it is damaged.
    """
    try:
        if not is_marked(facts, labels):
            return label_metadata(data, suffix, facts, labels)
        if suffix == ".wav":
            return label_metadata(mark_sound(data), suffix, facts, labels)
        if suffix == ".mp4":  # ffmpeg writes China's label where it belongs in a film, so it is not in the XMP too
            identified = _identify(facts, data)
            marked = mark_film(data, make_aigc_label(identified))
            return embed_xmp(marked, suffix, make_xmp(identified, with_aigc=False))
        return label_metadata(mark_picture(data), ".png", facts, labels) if suffix in _PICTURES else data
    except CorruptError as error:
        raise CorruptError(f"{facts.title}: cannot be labelled: {error}") from None


def find_suffix(suffix: str, facts: GenerationFacts, labels: Collection[str]) -> str:
    """Return the form of a labelled file: a picture with a mark is a PNG."""
    return ".png" if suffix in _PICTURES and is_marked(facts, labels) else suffix


def label_metadata(data: bytes, suffix: str, facts: GenerationFacts, labels: Collection[str]) -> bytes:
    """Return a file with the labels that machines read; people see nothing of them.

    Raises:
        CorruptError: it is damaged.
    """
    if not labels:
        return data
    facts, is_china = _identify(facts, data), is_marked(facts, labels)
    if suffix == ".wav" and is_china:  # where the form has a place of its own, the label is not in the XMP too
        data = add_riff_chunk(data, b"AIGC", make_aigc_label(facts).encode())
    return embed_xmp(data, suffix, make_xmp(facts, with_aigc=is_china and suffix != ".wav"))


@lru_cache(maxsize=1)
def hash_labelling() -> str:
    """Return a hash of the code that labels: other code makes other files."""
    return sha256_bytes(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))))


def is_marked(facts: GenerationFacts, labels: Collection[str]) -> bool:
    """Return whether people see or hear in the file itself that a model made it."""
    return _CHINA in labels and facts.is_by_trained_model


def _identify(facts: GenerationFacts, data: bytes) -> GenerationFacts:
    return replace(facts, identifier=f"artpipe:sha256:{sha256_bytes(data)}")
