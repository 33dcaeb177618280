"""Bundles what the walkthrough uses of three.js into one classic script: python tests/golden/make_three.py (asks npm).

With `--check` nothing is written, and a difference is told.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

THEME = Path(__file__).parents[2] / "artpipe/templates/museum"
SOURCE, SCRIPT = THEME / "three", THEME / "assets/three.js"
OPTIONS = (
    "--bundle",
    "--minify",
    "--format=iife",
    "--global-name=artpipeThree",
    "--legal-comments=none",
    "--target=es2020",
)


def bundle() -> bytes:
    """Return three.js with its licence, of the versions that package.json pins."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in SOURCE.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        quiet = ("--no-audit", "--no-fund", "--silent", "--no-package-lock", "--ignore-scripts")
        subprocess.run(["npm", "install", *quiet], cwd=folder, check=True)
        command = ["node_modules/.bin/esbuild", "entry.mjs", *OPTIONS]
        code = subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
        version = json.loads((folder / "node_modules/three/package.json").read_text())["version"]
        licence = (folder / "node_modules/three/LICENSE").read_text().strip()
    return f"/* three.js {version}\n\n{licence}\n*/\n".encode() + code


if __name__ == "__main__":
    made = bundle()
    if "--check" in sys.argv:
        sys.exit(0 if made == SCRIPT.read_bytes() else f"{SCRIPT}: not what npm's versions make")
    SCRIPT.write_bytes(made)
