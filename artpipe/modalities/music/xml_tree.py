"""XML documents as trees, in whatever encoding, bounded in depth and without entities of their own; read in a worker.

Entities are refused, whether they grow (Steuck 2002) or point elsewhere. Nothing that a DOCTYPE names is asked for.
"""

import codecs
import re
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from artpipe.language.message import Message
from artpipe.untrusted.rejection import RejectedError

_DEEPEST = 64  # elements within elements
_WIDE = {  # how a document begins in encodings of two and four bytes, and what expat or Python calls them
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
_SEVERAL_BYTES = {"big5", "big5hkscs", "cp932", "cp936", "cp949", "cp950", "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "iso2022_jp", "shift_jis"}  # fmt: skip


def begins_xml(data: bytes) -> bool:
    """Return whether bytes are meant as an XML document."""
    return data.startswith(tuple(_WIDE)) or data.removeprefix(codecs.BOM_UTF8).lstrip(_SPACE).startswith(b"<")


def parse_xml(data: bytes) -> Element:
    """Return the root of an XML document; a mark, or how its first sign is written, outweighs what it declares.

    Raises:
        RejectedError: not well formed, nested beyond reason, or with entities.
    """
    document, encoding = _encoded(data)
    builder, depth = TreeBuilder(), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise RejectedError("bomb", Message(code="elements_too_deep", values={"depth": _DEEPEST}))
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


def _encoded(data: bytes) -> tuple[bytes, str | None]:
    """Return a document as expat takes it, and its encoding where that is not the declared one."""
    for start, name in _WIDE.items():
        if data.startswith(start):
            return (_recoded(data, name), "utf-8") if name.startswith("utf-32") else (data, name)
    if data.startswith(codecs.BOM_UTF8):
        return data.removeprefix(codecs.BOM_UTF8).lstrip(_SPACE).rstrip(_PADDING), "utf-8"
    document = data.lstrip(_SPACE).rstrip(_PADDING)
    match = _DECLARED.match(document)
    declared = match[1].decode() if match else ""
    if declared.lower().startswith(("utf-16", "utf16", "utf-32", "ucs-2", "ucs-4")):
        return document, "utf-8"  # as a text that was saved anew: its signs have one byte each
    try:
        name = codecs.lookup(declared).name if declared else ""
    except LookupError:
        name = ""
    return (_recoded(document, name), "utf-8") if name in _SEVERAL_BYTES else (document, None)


def _recoded(data: bytes, encoding: str) -> bytes:
    """Return text of an encoding that expat does not know in UTF-8."""
    try:
        return data.decode(encoding).removeprefix("\ufeff").encode()
    except UnicodeError as error:
        raise RejectedError(
            "not a score", Message(code="no_xml_in_encoding", values={"encoding": encoding, "error": str(error)[:160]})
        ) from None
