"""What looks like a secret is refused and never repeated; what only sounds like one is not."""

import pytest

from artpipe.config.params import load_params
from artpipe.config.secret_scan import refuse_secrets
from artpipe.errors import UserError

ODD = "x9" * 20


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"models": {"gan": {"api_key": "abcdefgh"}}}, "models.gan.api_key"),
        ({"datasets": [{"Password": "hunter22"}]}, "datasets.0.Password"),
        ({"hf_token": "abcdefgh"}, "hf_token"),
        ({"about": {"origin": "https://me:" + "pass" + "@example.org/x"}}, "about.origin"),
        ({"title": "gh" + "p_" + ODD}, "title"),
        ({"title": "h" + "f_" + ODD}, "title"),
        ({"title": "AKIA" + "ABCDEFGHIJKLMNOP"}, "title"),
        ({"title": "-----BEGIN " + "RSA PRIVATE KEY-----"}, "title"),
    ],
)
def test_a_secret_is_refused_and_not_repeated(value, place):
    """The message has the place and no part of the secret."""
    with pytest.raises(UserError) as error:
        refuse_secrets(value, "params.yaml")
    assert f"params.yaml: `{place}` looks like a secret" in str(error.value)
    assert not [word for word in ("abcdefgh", "hunter22", "me:pass", ODD, "ABCDEFG") if word in str(error.value)]


def test_what_only_sounds_like_one():
    """Tokens of a text, the key of a piece, numbers, an address with a port, a hash: all of it may be said."""
    fine = {
        "tokens": "abcdefgh", "key": "C minor", "keys": ["abcdefgh"], "in_key": 0.9, "token": 5, "secret": "",
        "monkey": "abcdefgh", "origin": "https://example.org:8080/a@b", "sha256": "0" * 64, "title": "The secret of sk-ies",
    }  # fmt: skip
    refuse_secrets(fine, "params.yaml")
    with pytest.raises(UserError, match="looks like a secret"):  # one more word, and it is refused
        refuse_secrets({**fine, "token": "abcdefgh"}, "params.yaml")


def test_params_yaml_is_asked_first(tmp_path):
    """An unknown key is told with its value; a secret one never is."""
    path = tmp_path / "params.yaml"
    path.write_text("format: 2\nmlflow_password: hunter22\n")
    with pytest.raises(UserError, match="mlflow_password` looks like a secret") as error:
        load_params(path)
    assert "hunter22" not in str(error.value)
