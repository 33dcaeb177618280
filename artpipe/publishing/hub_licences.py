"""What the Hub calls the licence that a person wrote down."""

import re

from artpipe.language.licence_addresses import normalise_licence

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
_NOT_SAID = frozenset({"", "unknown", "none", "not-known", "not-stated"})


def hub_licence(text: str) -> str:
    """Return the Hub's name of a licence.

    `unknown` where none is said, `other` for one that the Hub has not.
    """
    name = normalise_licence(text)
    if name in _NOT_SAID:
        return "unknown"
    if name in _HUB_LICENCES:
        return name
    return "cc" if re.match(r"cc-by\b", name) else "other"  # a version of it that has no name there
