"""Decode text: by its byte order mark, as UTF-8, as named, or as detected."""

import codecs
import re

from artpipe.language.message import Message
from artpipe.untrusted.encodings.text_encodings import detect_encoding, list_possible_encodings
from artpipe.untrusted.rejection import RejectedError

_BYTE_ORDER_MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
_WIDEST_CODECS = {
    "GB2312": "gb18030",
    "GBK": "gb18030",
    "BIG5": "cp950",
    "SHIFT-JIS": "cp932",
    "EUC-KR": "cp949",
    "MACINTOSH": "mac_roman",
}
_CHUNK = 1 << 20
_START_BYTES = 4096  # bytes in which UTF-16 without a mark is detected
_CONTROLS = bytes({*range(32)} - set(b"\t\n\v\f\r\x1b"))
_NON_ASCII = re.compile(rb"[\x80-\xff]")
_EXAMPLES = "gb18030, big5, shift_jis, cp1251 or cp1252"


def is_wide_text(start: bytes) -> bool:
    """Return whether text begins like UTF-16 or UTF-32, with or without a mark.

    Without a mark only UTF-16 is recognised.
    """
    return start.startswith(tuple(_BYTE_ORDER_MARKS)) or bool(_detect_unmarked_utf16(start))


def decode_text(data: bytes, encoding: str = "") -> tuple[str, str]:
    """Return a text without its mark, and the name of its encoding.

    The name is empty for UTF-8.

    Text that is valid as UTF-8 or marked is read as such; `encoding` is that of other text.

    Raises:
        RejectedError: no text in UTF-8, the named encoding, or one that its bytes tell.
    """
    name = _detect_text_encoding(data, encoding)
    try:
        return data.decode(_python_codec(name)).removeprefix("\ufeff"), "" if name == "UTF-8" else name
    except UnicodeDecodeError as error:
        raise RejectedError(
            "not text", Message(code="byte_not_in_encoding", values={"byte": error.start, "encoding": name})
        ) from None


def convert_to_utf8(data: bytes, encoding: str = "") -> tuple[bytes, str]:
    """Return text converted to UTF-8, and the name of its former encoding.

    Bytes that are UTF-8 already, or no text, are returned as they are, with an empty name.

    A byte that is invalid in its encoding stays as it is, so that only the work with it is rejected.
    """
    try:
        name = _detect_text_encoding(data, encoding)
    except RejectedError:
        return data, ""
    if name == "UTF-8":
        return data, ""
    errors = "replace" if name.startswith("UTF-") else "surrogateescape"
    chunks = (data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK))
    parts = (text.encode("utf-8", "surrogateescape") for text in codecs.iterdecode(chunks, _python_codec(name), errors))
    try:
        return b"".join(parts), name
    except UnicodeDecodeError:
        return data, ""


def _python_codec(name: str) -> str:
    """Return Python's codec of an encoding.

    Of several encodings with one name it is the one that contains the others.
    """
    return _WIDEST_CODECS.get(name.replace("_", "-"), name)


def _detect_text_encoding(data: bytes, encoding: str) -> str:
    """Return the name of the encoding of text.

    Raises:
        RejectedError: its bytes do not tell it.
    """
    for mark, name in _BYTE_ORDER_MARKS.items():  # those of UTF-32 first: they begin with those of UTF-16
        if data.startswith(mark):
            return name.upper()
    if encoding and encoding.upper().startswith(("UTF-16", "UTF-32")):
        return encoding.upper()
    if unmarked := _detect_unmarked_utf16(data[:_START_BYTES]):
        return unmarked
    place = _find_invalid_utf8(data)
    if place < 0:
        return "UTF-8"
    if encoding:
        return encoding.upper()
    if len(data) - len(data.translate(None, _CONTROLS)) > len(data) // 100:
        raise RejectedError(
            "not text", Message(code="byte_not_in_encoding", values={"byte": place, "encoding": "UTF-8"})
        )  # nor text in any encoding
    detected = "" if _is_mostly_utf8(data) else detect_encoding(data)
    if not detected:
        raise RejectedError("not text", _advise_encoding(data, place))
    return detected


def _detect_unmarked_utf16(start: bytes) -> str:
    """Return which UTF-16 bytes are that have no mark, empty where they are not.

    In UTF-16 every zero stands on the same side of an ASCII character.
    """
    if start.startswith(codecs.BOM_UTF8):
        return ""
    start = start[: len(start) // 2 * 2]
    for name, zeros, letters in (("UTF-16LE", start[1::2], start[::2]), ("UTF-16BE", start[::2], start[1::2])):
        pairs = [letter for zero, letter in zip(zeros, letters, strict=True) if not zero]
        plain = all(9 <= letter < 127 or letter > 159 for letter in pairs)  # noqa: PLR2004 - no control code
        if pairs and plain and 0 not in letters and len(pairs) * 8 >= len(zeros):
            return name
    return ""


def _find_invalid_utf8(data: bytes) -> int:
    """Return the position of the first byte that is not UTF-8, or -1."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return -1


def _is_mostly_utf8(data: bytes) -> bool:
    """Return whether most bytes beyond ASCII are UTF-8, so that it is damaged UTF-8."""
    beyond = len(_NON_ASCII.findall(data))
    valid = len(_NON_ASCII.findall(data.decode("utf-8", "ignore").encode()))
    return valid * 4 >= beyond * 3


def _advise_encoding(data: bytes, place: int) -> Message:
    if _is_mostly_utf8(data):
        return Message(code="byte_not_utf8_others_are", values={"byte": place})
    names = " or ".join(list_possible_encodings(data)[:3])
    if names:
        first = names.partition(" ")[0].lower()
        return Message(code="byte_not_utf8_text_short", values={"byte": place, "encodings": names, "first": first})
    return Message(code="byte_not_utf8_name_encoding", values={"byte": place, "examples": _EXAMPLES})
