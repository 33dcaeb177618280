"""Whatever the standard output is, what is printed comes out, and the work goes on."""

import codecs
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artpipe.system.processes import run_child, utf8_environment
from artpipe.system.streams import ESCAPE_HANDLER

PLAIN = {"PATH": os.environ["PATH"]}
BARE = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
TABLE = """
from artpipe.system.streams import open_streams
open_streams()
from rich.table import Table
from artpipe.system.terminal import PlainConsole, escape_stdout
table = Table("name", "why")
table.add_row("Jörg 山水", "× 3")
with escape_stdout():
    PlainConsole().print(table)
"""


def run(code, *, stdout=subprocess.PIPE, **env):
    """Run a program from a file: of `-c` Python itself wants the encoding of the locale."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "program.py").write_text(code, encoding="utf-8")
        command, env = [sys.executable, f"{folder}/program.py"], {**PLAIN, **env}
        return subprocess.run(command, cwd=folder, env=env, stdout=stdout, stderr=subprocess.PIPE, check=False)


@pytest.mark.parametrize(
    "env",
    [*({"PYTHONIOENCODING": name} for name in ("latin-1", "cp1252", "ascii", "cp437", "gbk", "utf-8", "utf-16")), BARE],
    ids=str,
)
def test_a_table_is_drawn_in_any_encoding(env):
    """Every encoding gets a whole table, its columns in line; what it has not is spelled out."""
    done = run(TABLE, **env)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode(env.get("PYTHONIOENCODING", "ascii")).splitlines()
    assert len(lines) == 5
    assert "rg " in lines[3]
    assert done.stderr == b""
    if env.get("PYTHONIOENCODING") in {"latin-1", "ascii"}:
        assert len({len(line) for line in lines}) == 1
        assert set(lines[0]) <= set("+-")


def test_a_bare_locale_still_knows_file_names():
    """Where Python takes file names for ASCII the command begins again in UTF-8: a folder `grün` is made and read."""
    code = "from artpipe.system.streams import open_streams; open_streams()\n"
    code += (
        "import pathlib; p = pathlib.Path('grün'); p.mkdir(); (p / 'ß').write_text('ä'); print((p / 'ß').read_bytes())"
    )
    done = run(code, **BARE)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"b'\\xc3\\xa4'\n", b"")


def test_arguments_keep_their_bytes_when_a_command_begins_again():
    """A name that is not ASCII comes through as it was typed."""
    code = "from artpipe.system.streams import open_streams; open_streams()\nimport sys; print(ascii(sys.argv[1]))"
    command = [sys.executable, "-c", code, "grün"]
    done = subprocess.run(command, env={**PLAIN, **BARE}, capture_output=True, check=False)
    assert done.stdout == b"'gr\\xfcn'\n", done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("stream", ["stderr", "stdout"])
def test_a_line_arrives_when_it_is_written(unbuffered, stream):
    """On stderr always, on stdout where Python is told so (usual in containers): nothing waits in a buffer."""
    code = f"import sys, time; from artpipe.system.streams import open_streams; open_streams()\nsys.{stream}.write('x' * 99_999 + chr(10))\n"
    code += "sys.stdout.flush()\n" * (not unbuffered) + "time.sleep(100)"
    pipes = {stream: subprocess.PIPE}
    environment = {**PLAIN, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes) as child:
        line = getattr(child, stream).readline()
        assert child.poll() is None
        child.kill()
    assert line == b"x" * 99_999 + b"\n"


def test_a_reader_that_goes_away_does_not_end_the_work(tmp_path):
    """After `| head -1` all else that is printed goes nowhere, and the command ends well."""
    code = "from artpipe.system.streams import open_streams; open_streams()\n"
    code += "import time\nfor n in range(200000): print(n)\nopen('done', 'w').close()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env=PLAIN, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout.readline() == b"0\n"
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait(30) == 0
    assert (tmp_path / "done").exists()


def test_a_full_disk_is_still_an_error():
    """Only a reader that is gone is forgiven."""
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = run("from artpipe.system.streams import open_streams; open_streams(); print(1)", stdout=full)
    assert done.returncode != 0


def test_a_terminal_without_a_width_shows_all():
    """`COLUMNS=0`, which some batch systems set, hides nothing."""
    assert run(TABLE, COLUMNS="0").stdout == run(TABLE).stdout != b""


def test_what_is_read_of_a_child_is_utf8(monkeypatch):
    """A child in Python writes UTF-8 into our pipe, whatever our own output is."""
    for name, value in {**BARE, "PYTHONIOENCODING": "latin-1"}.items():
        monkeypatch.setenv(name, value)
    lines = []
    assert run_child([sys.executable, "-c", "print('山 ü')"], lines.append) == 0
    assert lines == ["山 ü"]
    assert json.loads(json.dumps(utf8_environment({"A": "1"})))["A"] == "1"


@given(
    text=st.text(st.characters()), encoding=st.sampled_from(["ascii", "latin-1", "cp1252", "gbk", "utf-8", "koi8-r"])
)
def test_every_text_can_be_spelled(text, encoding):
    """No sign, lone surrogates included, stops a line; what the encoding has stays as it is."""
    spelled = text.encode(encoding, ESCAPE_HANDLER).decode(encoding)
    assert spelled.encode(encoding).decode(encoding) == spelled
    known = "".join(sign for sign in text if _has(encoding, sign))
    assert known.encode(encoding, ESCAPE_HANDLER) == known.encode(encoding)


def _has(encoding, sign):
    try:
        codecs.lookup(encoding).encode(sign)
    except UnicodeEncodeError:
        return False
    return True
