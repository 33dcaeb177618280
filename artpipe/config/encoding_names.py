"""Validate names of encodings: of texts, and of file names in archives."""

from typing import Annotated

from pydantic import AfterValidator

from artpipe.errors import did_you_mean
from artpipe.system.plain_text import to_printable

_COMMON_ENCODINGS = (
    *("big5", "cp1251", "cp1252", "cp437", "cp866", "cp949", "euc_jp", "euc_kr", "gb18030", "gbk"),
    *("iso8859_2", "koi8_r", "mac_roman", "shift_jis", "utf_16_le"),
)


def _require_text_encoding(name: str) -> str:
    try:
        if name:
            "letters".encode(name).decode(name)
    except (LookupError, UnicodeError, ValueError):
        nearest = did_you_mean(name, _COMMON_ENCODINGS) or ", such as gb18030, big5, shift_jis, cp1251 or cp1252"
        message = f"`{to_printable(name[:40])}` is no encoding of text{nearest}"
        raise ValueError(message) from None
    return name


def _require_ascii_superset(name: str) -> str:
    if name and not _keeps_ascii(name):
        message = (
            f"`{to_printable(name[:40])}` is no encoding of file names, such as gbk, big5, shift_jis, cp437 or cp866"
        )
        raise ValueError(message)
    return name


def _keeps_ascii(name: str) -> bool:
    printable = bytes(range(32, 127))
    try:
        return printable.decode(name) == printable.decode("ascii")
    except (LookupError, ValueError):
        return False


EncodingName = Annotated[str, AfterValidator(_require_text_encoding)]
FileNameEncoding = Annotated[EncodingName, AfterValidator(_require_ascii_superset)]
