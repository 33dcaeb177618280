"""The XMP of a generated file: IPTC's fields, and China's AIGC label.

docs/labels.md names the sources.
"""

import json
import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

from artpipe.contracts.generation_facts import GenerationFacts

_NAMESPACES: Mapping[str, str] = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}
_AIGC_NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"
_NOT_ALLOWED = re.compile(r'[^\x21-\x7e]|["\\]')  # in a value of the AIGC label
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def make_xmp(facts: GenerationFacts, *, with_aigc: bool) -> bytes:
    """Return the packet of a file; `with_aigc` puts China's label into it."""
    fields = {
        "Iptc4xmpExt:DigitalSourceType": facts.source_type_address,
        "Iptc4xmpExt:AISystemUsed": f"{facts.models}, artpipe" if facts.is_by_trained_model else "",
        "Iptc4xmpExt:AISystemVersionUsed": describe_version(facts) if facts.is_by_trained_model else "",
        "Iptc4xmpExt:AIPromptInformation": facts.prompt,
        "xmp:CreatorTool": f"artpipe {facts.artpipe}",
        "xmp:CreateDate": facts.created,
        "xmpMM:DocumentID": facts.identifier,
    }
    namespaces = dict(_NAMESPACES)
    if with_aigc and facts.is_by_trained_model:
        namespaces["TC260"] = _AIGC_NAMESPACE
        fields["TC260:AIGC"] = make_aigc_label(facts)
    lines = [f" <{name}>{_to_xml(value)}</{name}>" for name, value in fields.items() if value]
    lines += _make_dublin_core(facts)
    declared = " ".join(f'xmlns:{prefix}="{address}"' for prefix, address in namespaces.items())
    text = "\n".join(
        [
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>',
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">',
            f'<rdf:Description rdf:about="" {declared}>',
            *lines,
            "</rdf:Description></rdf:RDF></x:xmpmeta>",
            '<?xpacket end="r"?>',
        ]
    )
    return text.encode()


def make_aigc_label(facts: GenerationFacts) -> str:
    """Return the label of GB 45438-2025 as JSON: who generated it, and its number.

    `Label` 1 says that it is generated. A value has printable ASCII alone, without space, quote and backslash.
    """
    values = {
        "Label": "1",
        "ContentProducer": facts.publisher or "artpipe",
        "ProduceID": facts.identifier,
        "ReservedCode1": "",
        "ContentPropagator": facts.publisher or "artpipe",
        "PropagateID": facts.identifier,
        "ReservedCode2": "",
    }
    return json.dumps({name: _to_label_value(value) for name, value in values.items()}, separators=(",", ":"))


def describe_version(facts: GenerationFacts) -> str:
    """Return which state of the model made the file."""
    parts = [
        f"step {facts.step}" if facts.step is not None else "",
        f"checkpoint {facts.checkpoint[:16]}" if facts.checkpoint else "",
    ]
    return ", ".join(part for part in [*parts, f"artpipe {facts.artpipe}"] if part)


def _make_dublin_core(facts: GenerationFacts) -> list[str]:
    title = f'<rdf:Alt><rdf:li xml:lang="x-default">{_to_xml(facts.title)}</rdf:li></rdf:Alt>'
    lines = [f" <dc:title>{title}</dc:title>"] if facts.title else []
    if facts.publisher:
        lines.append(f" <dc:publisher><rdf:Bag><rdf:li>{_to_xml(facts.publisher)}</rdf:li></rdf:Bag></dc:publisher>")
    if facts.sources:
        works = "".join(
            f"<rdf:li>{_to_xml(_cite(work.title, work.creator, work.licence, work.digest))}</rdf:li>"
            for work in facts.sources
        )
        lines.append(f" <dc:relation><rdf:Bag>{works}</rdf:Bag></dc:relation>")
    return lines


def _cite(title: str, creator: str, licence: str, digest: str) -> str:
    return f"{title or digest[:16]}; {creator}; {licence}; sha256:{digest}"


def _to_xml(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _to_label_value(text: str) -> str:
    """Return a value as the label may have it, other signs as their bytes in hex."""
    return _NOT_ALLOWED.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace")), text)
