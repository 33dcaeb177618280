"""What the Hub, and a web page, calls the licence that a person wrote down."""

import re

# https://huggingface.co/docs/hub/repositories-licenses, without those of single models.
_HUB_LICENCES = frozenset(
    {
        *("afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bsd", "bsd-2-clause", "bsd-3-clause"),
        *("bsd-3-clause-clear", "bsl-1.0", "c-uda", "cc", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0"),
        *(
            "cc-by-4.0",
            "cc-by-nc-2.0",
            "cc-by-nc-3.0",
            "cc-by-nc-4.0",
            "cc-by-nc-nd-3.0",
            "cc-by-nc-nd-4.0",
            "cc-by-nc-sa-2.0",
        ),
        *(
            "cc-by-nc-sa-3.0",
            "cc-by-nc-sa-4.0",
            "cc-by-nd-4.0",
            "cc-by-sa-3.0",
            "cc-by-sa-4.0",
            "cc0-1.0",
            "cdla-permissive-1.0",
        ),
        *("cdla-permissive-2.0", "cdla-sharing-1.0", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1"),
        *("gfdl", "gpl", "gpl-2.0", "gpl-3.0", "isc", "lgpl", "lgpl-2.1"),
        *("lgpl-3.0", "lppl-1.3c", "mit", "mpl-2.0", "ms-pl", "ncsa", "odbl"),
        *("odc-by", "ofl-1.1", "openrail", "osl-3.0", "pddl", "postgresql", "unlicense"),
        *("wtfpl", "zlib"),
    }
)
_SPDX = {"mit": "MIT", "apache-2.0": "Apache-2.0", "odbl": "ODbL-1.0", "odc-by": "ODC-By-1.0", "pddl": "PDDL-1.0"}
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
_CREATIVE_COMMONS = re.compile(r"cc-(by(?:-(?:nc|nd|sa))*)-(\d\.\d)")
_NOT_SAID = frozenset({"", "unknown", "none", "not-known", "not-stated"})


def hub_licence(text: str) -> str:
    """Return the Hub's name of a licence.

    `unknown` where none is said, `other` for one that the Hub has not.
    """
    name = _normalise(text)
    if name in _NOT_SAID:
        return "unknown"
    if name in _HUB_LICENCES:
        return name
    return "cc" if re.match(r"cc-by\b", name) else "other"  # a version of it that has no name there


def licence_address(text: str) -> str:
    """Return the page of a well-known licence's text, else an empty string."""
    name = _normalise(text)
    if deed := _CREATIVE_COMMONS.fullmatch(name):
        return f"https://creativecommons.org/licenses/{deed[1]}/{deed[2]}/"
    if name == "cc0-1.0":
        return "https://creativecommons.org/publicdomain/zero/1.0/"
    return f"https://spdx.org/licenses/{_SPDX[name]}.html" if name in _SPDX else ""


def _normalise(text: str) -> str:
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
