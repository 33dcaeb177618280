"""Printed commands can be pasted: the shell reads the very name."""

import os
import subprocess

import pytest

from artpipe.system.shell_quoting import quote_folder, quote_for_shell


@pytest.mark.parametrize(
    "word",
    [
        "plain",
        "my studio",
        "it's",
        'a"b',
        "a$b`c`",
        "~x",
        "é 日本",
        "new\nline",
        "\x1b[31m7",
        "a\\1b\t",
        "\u202e7",
        "caf\udce9",
    ],
)
def test_bash_reads_the_word_back(word):
    """Whatever is in a name, bash takes it for one word and the same."""
    quoted = quote_for_shell(word)
    result = subprocess.run(["bash", "-c", f"printf %s {quoted}"], capture_output=True, check=True)
    assert result.stdout == os.fsencode(word)
    assert "\n" not in quoted


@pytest.mark.parametrize(
    ("path", "expected"), [("-dash", "./-dash"), ("a/-b", "a/-b"), ("mon été", "'mon été'"), ("n\no", "$'n\\012o'")]
)
def test_a_dash_is_no_option(path, expected):
    """`cd` is given a path, never an option."""
    assert quote_folder(path) == expected
