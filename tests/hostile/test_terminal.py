"""Strangers' names and words in a real terminal: nothing of theirs reaches it that it would obey."""

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from artpipe.artifacts.works import Works
from artpipe.ingest import ingest_dataset
from artpipe.system.terminal import PlainConsole
from artpipe.training.progress_bar import ProgressBar
from tests.conftest import ROOT, load_module
from tests.support.artpipe_server import EVERY_STAGE
from tests.support.made_once import list_command

make = load_module(ROOT / "tests/browser/make_museum.py")
TITLE, CLEAR, CSI, BELL, TURNED = "\x1b]0;owned\x07", "\x1b[2J", "\x9b31m", "\x07", "\u202egnp\u2066"
EVIL = f"a{TITLE}{CLEAR}{CSI}{TURNED}\rb"
HARMFUL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def in_terminal(*arguments: str, code: int = 0) -> str:
    """Run the real command in a terminal without colours and return all that reached it; a lone return is one too."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "dumb", "COLUMNS": "200", "ARTPIPE_TRACKING": "off", "PYTHONPATH": str(ROOT)}
    command = [*list_command("artpipe", EVERY_STAGE), *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as child:
        os.close(theirs)
        said = b""
        while True:
            try:
                said += os.read(ours, 1 << 16)
            except OSError:  # the terminal's other side has hung up
                break
        os.close(ours)
    text = said.decode().replace("\r\n", "\n")
    assert child.returncode == code, text
    return text


def assert_harmless(text: str) -> None:
    assert HARMFUL.findall(text) == []
    assert "\r" not in text


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose dataset has harmful titles, labels and file names, and a model that learned from it."""
    root = tmp_path_factory.mktemp("terminal")
    make.write_params(root, ["strange"], {"strange-gan": ("gan", "strange")})
    rows = ["file_name,title,creator,licence,origin"]
    for number in range(12):
        name = f"{EVIL}{number}.png"
        path = root / "datasets/strange" / f"{EVIL}{number % 2}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (number * 20, 90, 200)).save(path)
        rows.append(f'"{EVIL}{number % 2}/{name}",' + ",".join([f'"{EVIL}"'] * 4))
    (root / "datasets/strange/metadata.csv").write_text("\n".join(rows), newline="")
    for name in ("dvc.yaml", "code.yaml", ".dvcignore", "champions.json", "curation.yaml"):
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(ROOT / ".dvc", root / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        ingest_dataset("strange")
        originals = [data for _, data in Works.open(Path("data/works/strange")).originals()]
        samples = [make.png(64, 3, seed) for seed in range(4)]
        make.write_model(root, "strange-gan", "gan", "strange", samples, originals, captions=[EVIL] * 4)
        yield root


@pytest.mark.parametrize(
    ("arguments", "spelled"),
    [
        (("ingest", "strange"), True),
        (("lineage", "strange-gan-sample-000"), True),
        (("lineage", "strange-gan-sample-000", "--json"), True),
        (("runs",), False),
        (("plan",), False),
        (("verify",), False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_no_command_passes_on_what_a_terminal_obeys(project, arguments, spelled):
    """What each command shows of a stranger's dataset; where a name of theirs is shown, it is spelled out."""
    text = in_terminal(*arguments)
    assert_harmless(text)
    assert ("owned" in text) == spelled, text


def test_no_error_passes_it_on(project):
    """A pipe with such a name in the dataset's folder: one line, code 2."""
    pipe = Path("datasets/strange", EVIL)
    os.mkfifo(pipe)
    try:
        text = in_terminal("check", code=2)
    finally:
        pipe.unlink()
    assert_harmless(text)
    assert "\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\u202egnp\\u2066\\rb: a pipe (FIFO)" in text
    assert text.count("\n") == 1


def test_texts_are_shown_without_it(project, tmp_path):
    """`dataset add` of poems shows their first lines in the terminal, and a folder's name."""
    folder = tmp_path / EVIL.replace("/", "")
    folder.mkdir()
    for number in range(12):
        words = f"A poem, number {number}, of enough words{TURNED}. " * 8  # with commands it were no text
        (folder / f"{number}{EVIL}.txt").write_text(words)
    before = Path("params.yaml").read_text()
    text = in_terminal("dataset", "add", str(folder), "--name", "poems", "--models", "", "--no-plan")
    assert_harmless(text)
    assert text.count("words\\u202egnp\\u2066") >= 8
    assert "\\x1b]0;owned" in text
    in_terminal("dataset", "remove", "poems", "--yes")
    Path("params.yaml").write_text(before)


def test_a_console_keeps_its_own_colours(capsys):
    """Markup and live bars work as ever; what is in their text is spelled out."""
    console = PlainConsole(file=sys.stdout, force_terminal=True, color_system="truecolor", legacy_windows=False)
    console.print("[bold]fine[/]")
    console.print(EVIL, soft_wrap=True, markup=False, highlight=False)
    with ProgressBar("train", 10, 0, console) as bar:
        bar.print_news(EVIL)
    out = capsys.readouterr().out
    assert "\x1b[1mfine\x1b[0m" in out
    assert "\\x9b31m\\u202egnp\\u2066" in out
    assert out.count("\\x1b]0;owned") == 2
    assert not {"\x1b]", CLEAR, CSI, BELL, "\u202e"} & {
        out[at : at + n] for at in range(len(out)) for n in (1, 2, 3, 4)
    }


def test_no_other_console_is_made():
    """Whoever prints through rich does so through the one console that is safe; a training's silent one prints nothing."""
    files = [path for room in ("artpipe", "flows") for path in (ROOT / room).rglob("*.py")]
    making = [path.name for path in files if re.search(r"(?<!Plain)\bConsole\((?!quiet)", path.read_text())]
    assert making == []
