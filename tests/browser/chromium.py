"""Where the browser is, for `make test`, the tests and the photographs; as a script it prints the place."""

import sys

from artpipe.system.chromium import CHROMIUM_NAMES as NAMES
from artpipe.system.chromium import find_chromium as find

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


if __name__ == "__main__":
    place = find()
    sys.exit(print(place) if place else f"none of {', '.join(NAMES)} is on PATH, and CHROMIUM names none")
