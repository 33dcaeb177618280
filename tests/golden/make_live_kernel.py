"""Assembles kernel.wat and writes it into interpreter.js: python tests/golden/make_live_kernel.py."""

import base64
import re
from pathlib import Path

from wasmtime import wat2wasm

THEME = Path(__file__).parents[2] / "artpipe/templates/museum"
INTERPRETER = THEME / "assets/interpreter.js"
LINE = re.compile(r'var KERNEL = "(.*)";')


def assemble() -> bytes:
    """Return the kernel's WebAssembly."""
    return bytes(wat2wasm((THEME / "live/kernel.wat").read_text()))


if __name__ == "__main__":
    text = INTERPRETER.read_text()
    INTERPRETER.write_text(LINE.sub(f'var KERNEL = "{base64.b64encode(assemble()).decode()}";', text))
