"""The licences of all that artpipe and its extras install, and an SBOM of it (CycloneDX 1.6), from what the packages say of themselves.

`python tests/licences.py` prints name, version and licence of each; `--sbom` the SBOM.
"""

import json
import re
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution, metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ALLOWED = re.compile(
    r"\b(MIT|MIT-0|BSD|Apache|ISC|PSF|Python Software Foundation|Python-2\.0|MPL|Mozilla Public|HPND|Unlicense|Zlib|0BSD|CC0"
    r"|CMU|ZPL|LGPL|Lesser General Public|Historical Permission|Public Domain|CNRI)",
    re.IGNORECASE,
)
# What does not say it where it could be read, or says more than one, each looked at in its own licence file.
LOOKED_AT = {
    "axe-playwright-python": "MIT; axe-core in it MPL-2.0",
    "asyncssh": "EPL-2.0, chosen of two",
    "dulwich": "Apache-2.0, chosen of two",
    "grandalf": "EPL-1.0, chosen of two",
    "huey": "MIT",
    "mlcroissant": "Apache-2.0",
    "pygit2": "GPL-2.0 with linking exception",
    "skops": "MIT",
    "text-unidecode": "Artistic License, chosen of two",
    "zc-lockfile": "ZPL-2.1",
}
_STRICT = re.compile(r"\bA?GPL|(?<!Lesser )General Public", re.IGNORECASE)  # not LGPL
VENDOR = re.compile(r"^(nvidia-|cuda-)")  # come with torch, by NVIDIA's own terms; artpipe passes none of them on


def extras() -> dict[str, list[str]]:
    """Return what artpipe itself asks for, by extra; the base under an empty name."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    return {"": project["dependencies"], **project["optional-dependencies"]}


def closure(*names: str) -> dict[str, Distribution | None]:
    """Return all that these extras of artpipe need, and what that needs, by name; None for what is not installed."""
    asked = extras()
    waiting = [Requirement(line) for name in ("", *names) for line in asked[name]]
    found: dict[str, Distribution | None] = {}
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        one = waiting.pop()
        name, wanted = canonicalize_name(one.name), tuple(sorted(one.extras))
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            found[name] = None
            continue
        waiting += [more for line in found[name].requires or () if _applies(more := Requirement(line), wanted)]
    return found


def _applies(one: Requirement, wanted: tuple[str, ...]) -> bool:
    return one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *wanted))


def licence(name: str) -> str:
    """Return a package's licence in its own words, one line; what was looked at where those do not do."""
    if name in LOOKED_AT:
        return LOOKED_AT[name]
    told = metadata(name)
    if said := told.get("License-Expression"):
        return said
    kinds = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or () if line.startswith("License ::")]
    kinds = [kind for kind in kinds if kind != "OSI Approved"]
    return "; ".join(kinds) or (told.get("License") or "unknown").strip().splitlines()[0]


def unknown(found: dict[str, Distribution | None]) -> dict[str, str]:
    """Return the licences that nobody has allowed, by package; one that is copyleft has to have been looked at."""
    here = (name for name, one in found.items() if one)
    told = {name: licence(name) for name in here if name not in LOOKED_AT and not VENDOR.match(name)}
    return {name: said for name, said in told.items() if not ALLOWED.search(said) or _STRICT.search(said)}


def sbom(found: dict[str, Distribution | None]) -> dict[str, object]:
    """Return the packages as CycloneDX has it."""
    parts = [
        {
            "type": "library",
            "name": name,
            "version": one.version,
            "purl": f"pkg:pypi/{name}@{one.version}",
            "licenses": [{"license": {"name": licence(name)}}],
        }
        for name, one in sorted(found.items())
        if one
    ]
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": parts}


if __name__ == "__main__":
    everything = {name: one for name, one in closure(*extras()).items() if one}
    if "--sbom" in sys.argv:
        sys.stdout.write(json.dumps(sbom(everything), indent=2) + "\n")
    else:
        for package, what in sorted(everything.items()):
            sys.stdout.write(f"{package:<32} {what.version:<14} {licence(package)}\n")
