"""Parse XML documents in any encoding, with bounded depth, in a worker.

Entities of their own are not allowed.

Entities are refused, whether they grow (Steuck 2002) or point elsewhere. Nothing that a DOCTYPE names is asked for.
"""

import codecs
import re
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from artpipe.language.message import Message
from artpipe.untrusted.rejection import RejectedError

_MAX_DEPTH = 64  # elements within elements
_WIDE_STARTS = {  # how a document begins in encodings of two and four bytes, and what expat or Python calls them
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    b"<\0\0\0": "utf-32-le",
    b"\0\0\0<": "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    b"<\0": "utf-16le",
    b"\0<": "utf-16be",
}
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?\bencoding\s*=\s*["']([\w.:-]{1,40})["']""")
_SPACE = b" \t\r\n"
_PADDING = b"\0\x1a" + _SPACE  # behind a document
_MULTIBYTE_ENCODINGS = {"big5", "big5hkscs", "cp932", "cp936", "cp949", "cp950", "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "iso2022_jp", "shift_jis"}  # fmt: skip


def is_xml(data: bytes) -> bool:
    """Return whether bytes are meant as an XML document."""
    return data.startswith(tuple(_WIDE_STARTS)) or data.removeprefix(codecs.BOM_UTF8).lstrip(_SPACE).startswith(b"<")


def parse_xml(data: bytes) -> Element:
    """Return the root of an XML document.

    A byte order mark, or how its first sign is written, outweighs the encoding it declares.

    Raises:
        RejectedError: not well formed, nested beyond reason, or with entities.
    """
    document, encoding = _prepare_document(data)
    builder, depth = TreeBuilder(), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise RejectedError("bomb", Message(code="elements_too_deep", values={"depth": _MAX_DEPTH}))
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def entity(name: str, _parameter: bool, value: str | None, *_: str | None) -> None:
        raise RejectedError(
            "bomb",
            Message(code="entity_outside" if value is None else "entity_declared", values={"entity": name[:40]}),
        )

    parser = expat.ParserCreate(encoding)
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = entity
    parser.buffer_text = True
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise RejectedError("not a score", Message(code="no_xml", values={"error": str(error)})) from None
    return builder.close()


def _prepare_document(data: bytes) -> tuple[bytes, str | None]:
    """Return a document as expat reads it, and its encoding unless declared."""
    for start, name in _WIDE_STARTS.items():
        if data.startswith(start):
            return (_convert_to_utf8(data, name), "utf-8") if name.startswith("utf-32") else (data, name)
    if data.startswith(codecs.BOM_UTF8):
        return data.removeprefix(codecs.BOM_UTF8).lstrip(_SPACE).rstrip(_PADDING), "utf-8"
    document = data.lstrip(_SPACE).rstrip(_PADDING)
    match = _DECLARED.match(document)
    declared = match[1].decode() if match else ""
    if declared.lower().startswith(("utf-16", "utf16", "utf-32", "ucs-2", "ucs-4")):
        return document, "utf-8"  # of a text that was saved again: its characters have one byte each
    try:
        name = codecs.lookup(declared).name if declared else ""
    except LookupError:
        name = ""
    return (_convert_to_utf8(document, name), "utf-8") if name in _MULTIBYTE_ENCODINGS else (document, None)


def _convert_to_utf8(data: bytes, encoding: str) -> bytes:
    """Return text in UTF-8 that has an encoding unknown to expat."""
    try:
        return data.decode(encoding).removeprefix("\ufeff").encode()
    except UnicodeError as error:
        raise RejectedError(
            "not a score", Message(code="no_xml_in_encoding", values={"encoding": encoding, "error": str(error)[:160]})
        ) from None
