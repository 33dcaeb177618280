"""Find the web page of a licence, or of an origin, as a person wrote it."""

import re

_SPDX = {
    name.lower(): name
    for name in (
        *("MIT", "Apache-2.0", "ODbL-1.0", "ODC-By-1.0", "PDDL-1.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib"),
        *("MPL-2.0", "OFL-1.1", "Unlicense", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0"),
    )
} | {"odbl": "ODbL-1.0", "odc-by": "ODC-By-1.0", "pddl": "PDDL-1.0"}
_WORDS = {  # spelled out, as the deeds do
    "creative-commons": "cc",
    "attribution": "by",
    "non-commercial": "nc",
    "noncommercial": "nc",
    "share-alike": "sa",
    "sharealike": "sa",
    "no-derivatives": "nd",
    "noderivatives": "nd",
    "noderivs": "nd",
    "cc-zero": "cc0",
    "cc-0": "cc0",
    "odbl-1.0": "odbl",
    "pddl-1.0": "pddl",
    "odc-by-1.0": "odc-by",
}
_FILLERS = re.compile(r"-(?:international|unported|generic|universal|licen[cs]e|public-domain-dedication|deed)\b")
_DEED = re.compile(r"creativecommons\.org/(licenses|publicdomain)/([a-z-]+)/(\d\.\d)")
_ADDRESS = re.compile(r"https?://[a-z0-9.-]+\.[a-z]{2,}(?::\d{1,5})?(?:[/?#][^\s<>\"]*)?", re.IGNORECASE | re.ASCII)
_CREATIVE_COMMONS = re.compile(r"cc-(by(?:-(?:nc|nd|sa))*)-(\d\.\d)")


def licence_address(text: str) -> str:
    """Return the page of a well-known licence's text, else an empty string."""
    name = normalise_licence(text)
    if deed := _CREATIVE_COMMONS.fullmatch(name):
        return f"https://creativecommons.org/licenses/{deed[1]}/{deed[2]}/"
    if name == "cc0-1.0":
        return "https://creativecommons.org/publicdomain/zero/1.0/"
    return f"https://spdx.org/licenses/{_SPDX[name]}.html" if name in _SPDX else ""


def web_address(text: str) -> str:
    """Return a text that is an address of the web, else an empty string."""
    return text if _ADDRESS.fullmatch(text) else ""


def normalise_licence(text: str) -> str:
    """Return a licence in the form of SPDX, in lower case.

    `CC BY-SA 4.0` is `cc-by-sa-4.0`.
    """
    if deed := _DEED.search(text.lower()):
        kind = {"zero": "cc0", "mark": "public-domain"}.get(deed[2], deed[2])
        return f"{'cc-' if deed[1] == 'licenses' else ''}{kind}-{deed[3]}"
    name = re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
    for words, word in _WORDS.items():
        name = re.sub(rf"\b{words}\b", word, name)
    name = re.sub(r"\bv(?=\d)", "", _FILLERS.sub("", name).removeprefix("the-"))
    return "cc0-1.0" if name in {"cc0", "cc-cc0-1.0", "cc-cc0"} else name
