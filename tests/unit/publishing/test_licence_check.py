"""A gallery that requires licences is not made over works that have none, or one that forbids what models do."""

from pathlib import Path

import pytest

from artpipe.config.params import About
from artpipe.errors import UserError
from artpipe.gallery import build_gallery
from artpipe.publishing.licence_check import allows_derivatives
from tests.conftest import load_module
from tests.support.museums import copy_museum

make = load_module(Path(__file__).parents[2] / "browser" / "make_museum.py")


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("CC0-1.0", True), ("CC-BY-4.0", True), ("CC-BY-SA-3.0", True), ("MIT", True), ("public domain", True), ("Land use", True),
        ("CC-BY-ND-4.0", False), ("CC BY-NC-ND 2.0", False), ("cc-by-nd", False), ("unknown", False), ("", False), (" Unknown ", False),
        ("All rights reserved", False), ("Attribution-NoDerivatives 4.0", False), ("No Derivatives", False),
    ],
)  # fmt: skip
def test_which_licences_let_a_model_make_something_of_a_work(licence, allowed):
    """ND in every spelling, and what nobody knows, do not."""
    assert allows_derivatives(licence) is allowed


def test_a_gallery_over_unknown_works_is_refused_before_anything_is_written(tmp_path):
    """One line with dataset, count and names; nothing lies in the gallery."""
    root = copy_museum(tmp_path)
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("theme: museum", "theme: museum, require_licence: true"))
    about = About(title="Digits", creator="Nobody", licence="CC-BY-ND-4.0")
    make.write_record(root, "digits", [make.png(28, 1, i) for i in range(9)], about)
    message = r"^`gallery\.require_licence`: 9 works of digits [^\n]+: Study no\. 1 \(CC-BY-ND-4\.0\), [^\n]+, \.\.\.; correct `datasets\.digits\.about\.licence`"
    with pytest.raises(UserError, match=message):
        build_gallery(root)
    assert not (root / "data/gallery").exists()
