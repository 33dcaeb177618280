"""Where the browser is: the one rule for `make test`, the tests and the photographs; as a script it prints the place."""

import os
import shutil
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


def find() -> str | None:
    """Return the browser that CHROMIUM names, or the first of its usual names on PATH; None where there is none."""
    return next(filter(None, map(shutil.which, [os.environ.get("CHROMIUM", ""), *NAMES])), None)


if __name__ == "__main__":
    place = find()
    sys.exit(print(place) if place else f"none of {', '.join(NAMES)} is on PATH, and CHROMIUM names none")
