"""`artpipe train NAME` with the toy kinds beside this file in the room of models; run in a project folder."""

import sys
from pathlib import Path

import artpipe.models

artpipe.models.__path__.append(str(Path(__file__).parent / "models"))

if __name__ == "__main__":
    from artpipe.__main__ import main

    sys.argv[1:1] = ["train"]
    main()
