"""Licences as people write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artpipe.language.licence_addresses import licence_address
from artpipe.publishing.hub_licences import hub_licence

BY_SA = "https://creativecommons.org/licenses/by-sa/4.0/"
CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("CC-BY-SA-4.0", "cc-by-sa-4.0", BY_SA),
        ("CC BY-SA 4.0", "cc-by-sa-4.0", BY_SA),
        ("Creative Commons Attribution-ShareAlike 4.0 International", "cc-by-sa-4.0", BY_SA),
        ("Creative Commons Attribution-NonCommercial-NoDerivatives 4.0 International License", "cc-by-nc-nd-4.0", "https://creativecommons.org/licenses/by-nc-nd/4.0/"),
        ("http://creativecommons.org/licenses/by-sa/4.0/deed.de", "cc-by-sa-4.0", BY_SA),
        ("CC-BY-SA-2.0", "cc", "https://creativecommons.org/licenses/by-sa/2.0/"),
        ("CC BY", "cc", ""),
        ("CC0", "cc0-1.0", CC0),
        ("CC0 1.0 Universal", "cc0-1.0", CC0),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "cc0-1.0", CC0),
        ("MIT License", "mit", "https://spdx.org/licenses/MIT.html"),
        ("Apache-2.0", "apache-2.0", "https://spdx.org/licenses/Apache-2.0.html"),
        ("ODbL-1.0", "odbl", "https://spdx.org/licenses/ODbL-1.0.html"),
        ("Public domain", "other", ""),
        ("No known copyright restrictions", "other", ""),
        ("several free licences", "other", ""),
        ("https://example.org/terms", "other", ""),
        ("unknown", "unknown", ""),
        (" ", "unknown", ""),
    ],
)  # fmt: skip
def test_a_licence_has_the_name_the_hub_has_for_it(text, name, address):
    """And the page of its text, where that is well known."""
    assert (hub_licence(text), licence_address(text)) == (name, address)


@settings(max_examples=40)
@given(st.text(max_size=60))
def test_any_text_has_a_name(text):
    """Nobody's words end up in the list as they stand."""
    assert hub_licence(text).isascii()
    assert " " not in hub_licence(text)
