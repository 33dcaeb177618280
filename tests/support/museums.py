"""Museums of synthetic works, made once in a test run; a test that changes one copies it."""

import shutil
from pathlib import Path

from tests.conftest import load_module
from tests.support.made_once import make_once

_BROWSER = Path(__file__).parents[1] / "browser"


def _make_small(folder: Path) -> None:
    load_module(_BROWSER / "make_museum.py").small_museum(folder)


def _make_forms(folder: Path) -> None:
    load_module(_BROWSER / "make_museum.py")  # make_forms imports it
    load_module(_BROWSER / "make_forms.py").forms_museum(folder)


_MAKERS = {"small": _make_small, "forms": _make_forms}


def find_museum(name: str = "small") -> Path:
    """Return the project of a museum whose gallery is still to be built; nobody may change it."""
    return make_once(f"museum-{name}", _MAKERS[name])


def copy_museum(folder: Path, name: str = "small") -> Path:
    """Return `folder`, with a copy of that project in it."""
    return Path(shutil.copytree(find_museum(name), folder, dirs_exist_ok=True))


def find_built_museum(name: str = "small") -> Path:
    """Return the project of a museum with its gallery; nobody may change it."""

    def build(folder: Path) -> None:
        from artpipe.gallery import build_gallery

        build_gallery(copy_museum(folder, name))

    return make_once(f"built-museum-{name}", build)
