"""Bytes of text to text: by the mark at their beginning, as UTF-8, in a named encoding, or in the one they tell."""

import codecs
import re

from artpipe.language.message import Message
from artpipe.untrusted.encodings.text_encodings import possible_encodings, told_encoding
from artpipe.untrusted.rejection import RejectedError

_MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
_WIDEST = {
    "GB2312": "gb18030",
    "GBK": "gb18030",
    "BIG5": "cp950",
    "SHIFT-JIS": "cp932",
    "EUC-KR": "cp949",
    "MACINTOSH": "mac_roman",
}
_CHUNK = 1 << 20
_START = 4096  # bytes that tell UTF-16 without a mark
_CONTROLS = bytes({*range(32)} - set(b"\t\n\v\f\r\x1b"))
_BEYOND = re.compile(rb"[\x80-\xff]")
_EXAMPLES = "gb18030, big5, shift_jis, cp1251 or cp1252"


def begins_wide(start: bytes) -> bool:
    """Return whether text begins with the mark of UTF-16 or UTF-32, or is UTF-16 without one."""
    return start.startswith(tuple(_MARKS)) or bool(_unmarked(start))


def decode(data: bytes, encoding: str = "") -> tuple[str, str]:
    """Return a text without its mark, and the name of what it was read as, empty for UTF-8.

    Text that is valid as UTF-8 or marked is read as such; `encoding` is that of other text.

    Raises:
        RejectedError: no text in UTF-8, the named encoding, or one that its bytes tell.
    """
    name = _encoding_of(data, encoding)
    try:
        return data.decode(_codec(name)).removeprefix("\ufeff"), "" if name == "UTF-8" else name
    except UnicodeDecodeError as error:
        raise RejectedError(
            "not text", Message(code="byte_not_in_encoding", values={"byte": error.start, "encoding": name})
        ) from None


def as_utf8(data: bytes, encoding: str = "") -> tuple[bytes, str]:
    """Return text that is not UTF-8 in UTF-8, so that it can be cut, and the name of what it was; other bytes as they are.

    A byte that is none of its encoding stays as it is, so that only the work which has it is no text.
    """
    try:
        name = _encoding_of(data, encoding)
    except RejectedError:
        return data, ""
    if name == "UTF-8":
        return data, ""
    errors = "replace" if name.startswith("UTF-") else "surrogateescape"
    chunks = (data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK))
    parts = (text.encode("utf-8", "surrogateescape") for text in codecs.iterdecode(chunks, _codec(name), errors))
    try:
        return b"".join(parts), name
    except UnicodeDecodeError:
        return data, ""


def _codec(name: str) -> str:
    """Return Python's codec of an encoding; of several that are called the same the one that holds the others."""
    return _WIDEST.get(name.replace("_", "-"), name)


def _encoding_of(data: bytes, encoding: str) -> str:
    """Return the name of the encoding of text.

    Raises:
        RejectedError: its bytes do not tell it.
    """
    for mark, name in _MARKS.items():  # those of UTF-32 first: they begin with those of UTF-16
        if data.startswith(mark):
            return name.upper()
    if encoding and encoding.upper().startswith(("UTF-16", "UTF-32")):
        return encoding.upper()
    if unmarked := _unmarked(data[:_START]):
        return unmarked
    place = _not_utf8(data)
    if place < 0:
        return "UTF-8"
    if encoding:
        return encoding.upper()
    if len(data) - len(data.translate(None, _CONTROLS)) > len(data) // 100:
        raise RejectedError(
            "not text", Message(code="byte_not_in_encoding", values={"byte": place, "encoding": "UTF-8"})
        )  # nor text in any encoding
    told = "" if _mostly_utf8(data) else told_encoding(data)
    if not told:
        raise RejectedError("not text", _advice(data, place))
    return told


def _unmarked(start: bytes) -> str:
    """Return the kind of UTF-16 that bytes are whose every zero stands on the same side of a character of ASCII."""
    if start.startswith(codecs.BOM_UTF8):
        return ""
    start = start[: len(start) // 2 * 2]
    for name, zeros, letters in (("UTF-16LE", start[1::2], start[::2]), ("UTF-16BE", start[::2], start[1::2])):
        pairs = [letter for zero, letter in zip(zeros, letters, strict=True) if not zero]
        plain = all(9 <= letter < 127 or letter > 159 for letter in pairs)  # noqa: PLR2004 - no control code
        if pairs and plain and 0 not in letters and len(pairs) * 8 >= len(zeros):
            return name
    return ""


def _not_utf8(data: bytes) -> int:
    """Return the place of the first byte that is not UTF-8, or -1."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return -1


def _mostly_utf8(data: bytes) -> bool:
    """Return whether most of what stands beyond ASCII is UTF-8, so that it is damaged UTF-8 and nothing else."""
    beyond = len(_BEYOND.findall(data))
    valid = len(_BEYOND.findall(data.decode("utf-8", "ignore").encode()))
    return valid * 4 >= beyond * 3


def _advice(data: bytes, place: int) -> Message:
    if _mostly_utf8(data):
        return Message(code="byte_not_utf8_others_are", values={"byte": place})
    names = " or ".join(possible_encodings(data)[:3])
    if names:
        first = names.partition(" ")[0].lower()
        return Message(code="byte_not_utf8_text_short", values={"byte": place, "encodings": names, "first": first})
    return Message(code="byte_not_utf8_name_encoding", values={"byte": place, "examples": _EXAMPLES})
