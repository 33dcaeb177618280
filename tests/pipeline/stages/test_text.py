"""Texts of one's own: recognised, added, learned, killed and resumed bit by bit, measured and hung, by the command line."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from artpipe.artifacts.report import load_report
from artpipe.errors import UserError
from artpipe.project.add_remove import add_dataset

ROOT = Path(__file__).parents[3]
QUATRAINS = ROOT.parent / "shared/data/text/tang_quatrains.jsonl"
pytestmark = pytest.mark.xdist_group("text")
WORDS = ("the moon", "a river", "my heart", "the rain", "one bird", "her hand")
VERBS = ("sleeps", "sings", "waits", "is gone", "burns", "returns")


def poem(number: int) -> str:
    """Return one of 36 x 36 poems of two lines."""
    first, second = divmod(number, 36)
    return "\n".join(f"{WORDS[n // 6]} {VERBS[n % 6]}," for n in (first, second))


@pytest.fixture
def poems(tmp_path):
    """Return a file of JSON lines with 60 poems."""
    path = tmp_path / "poems.jsonl"
    rows = ({"title": f"No. {n}", "author": "A. Poet", "text": poem(17 * n)} for n in range(60))
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


def hashes(folder: str) -> dict[str, str]:
    """Return the hash of every file of a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(folder).iterdir()}


def test_a_file_of_poems_becomes_a_room(studio, poems, artpipe, monkeypatch):
    """One file of JSON lines: the medium told by it, an rnn by default; trained in two halves as in one; it hangs."""
    monkeypatch.setenv("ARTPIPE_TRACKING", "off")
    code, out, err = artpipe("dataset", "add", "--no-plan", poems, "--name", "verse", "--creator", "A. Poet")
    assert code == 0, err
    assert "verse-rnn" in out
    assert Path(".state/contact/verse.txt").read_text().startswith(poem(0))
    text = Path("params.yaml").read_text()
    assert "medium: text" in text
    small = "steps: 40\n    evaluate_every_steps: 20\n    width: 16\n    embedding: 16\n    max_tokens: 30"
    text = text.replace("steps: 1500", small).replace("[kid]", "[training, likelihood, copying, form]")
    Path("params.yaml").write_text(
        text.replace("sections: []", "sections: [wall, rooms, exhibits, scores, neighbours]")
    )
    for command in ("ingest", "preprocess"):
        assert artpipe(command, "verse")[0] == 0
    assert artpipe("train", "verse-rnn")[0] == 0
    whole = hashes("data/checkpoints/verse-rnn")
    shutil.rmtree("data/checkpoints/verse-rnn")
    shutil.rmtree(".state/train/verse-rnn", ignore_errors=True)
    final = Path("params.yaml").read_text()
    Path("params.yaml").write_text(final.replace("steps: 40", "steps: 20"))
    assert artpipe("train", "verse-rnn")[0] == 0
    Path("params.yaml").write_text(final)
    assert artpipe("train", "verse-rnn")[0] == 0
    assert hashes("data/checkpoints/verse-rnn") == whole

    assert artpipe("evaluate", "verse-rnn")[0] == 0
    report, _ = load_report(Path("data/reports/verse-rnn"))
    assert {"bits_per_character", "bits_per_character_5_gram"} <= {score.name for score in report.scores}
    assert {exhibit.kind for exhibit in report.exhibits} == {"text"}
    progress = sorted(Path("data/runs/verse-rnn/progress").iterdir())
    assert {path.suffix for path in progress} == {".txt"}
    assert artpipe("sample", "verse-rnn", "-n", "3", "--seed", "5")[0] == 0
    assert len(list(Path("data/samples/verse-rnn-seed-5").glob("*.txt"))) == 3
    assert artpipe("sample", "verse-rnn", "-n", "2", "--prompt", "the moon\\nsings", "--out", "begun.txt")[0] == 0
    assert all(path.read_text().startswith("the moon\nsings") for path in Path("begun").glob("*.txt"))


_VOICES = "other voices, 3 voices in step 0, 4 are wanted (`ingest.voices`); `--voices N` takes others, 0 takes chords"


@pytest.mark.parametrize(
    ("files", "options", "said"),
    [
        ({"a.txt": b"one\ntwo"}, [], "1 text in it, a dataset needs at least 8; `--separator '\\n\\n'` cuts"),
        ({f"{n}.txt": b"" for n in range(9)}, ["--medium", "picture"], "no picture files in it"),
        ({f"{n}.txt": b" \n" for n in range(9)}, [], "0 texts in it"),
        ({f"{n}.txt": b"\0\1\2\3" for n in range(9)}, [], "none of its 9 files is of a known medium (scores: MusicXML"),
        ({}, [], "no files in it; works are wanted of a known medium"),
        (
            {f"{n}.txt": b"The beginning of a text\n" + bytes(99) for n in range(9)},
            [],
            "none of its 9 files is of a known medium (scores: MusicXML",
        ),
        ({f"{n}.txt": b"the same" for n in range(9)}, [], "1 text in it"),
        (
            {"a.txt": "\n\n".join(f"床前明月光{n}" for n in range(9)).encode("gbk")},
            ["--separator", "\\n\\n"],
            (
                "a.txt#00000 is not kept: not text, byte 0 is not UTF-8, and it is too short to be sure of GB18030 or CP949; "
                "`--encoding gb18030` reads it so"
            ),
        ),
        ({"a.jsonl": b'{"text": "cut\n' * 9}, [], "a.jsonl#00000 is not kept: damaged, line 1 is no JSON: "),
        ({"a.json": b'["one", "two'}, [], "a.json is not kept: damaged, no JSON: "),
        ({f"{n}.json": json.dumps([[[60, 55, 48]] * 9 + [[n + 60, 55, 48]]]).encode() for n in range(9)}, [], _VOICES),
        (
            {f"{n}.txt": b"a" * n for n in range(9)},
            ["--models", "gan"],
            "`gan`, which reads images, and `given` is of text",
        ),
        ({f"{n}.png": b"\x89PNG\r\n\x1a\n" + bytes(9) for n in range(9)}, ["--medium", "text"], "no text files in it"),
        ({f"{n}.txt": b"a" for n in range(9)}, ["--medium", "txt"], "`txt` is not one of artpipe's modalities"),
    ],
)
def test_what_is_not_enough_is_one_line(studio, tmp_path, artpipe, files, options, said):
    """A folder of one text, of binary files, of pictures for a text dataset and the other way round; nothing changed."""
    folder, before = tmp_path / "given", Path("params.yaml").read_text()
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    code, _, err = artpipe("dataset", "add", "--no-plan", folder, "--name", "given", *options)
    assert code == 2
    assert err.count("\n") == 1
    assert said in err
    assert Path("params.yaml").read_text() == before
    assert not Path("datasets/given").exists()


def test_a_separator_makes_works_of_one_file(studio, tmp_path, artpipe):
    """Poems parted by an empty line, one file: each of them a work, whatever the file is called."""
    path = tmp_path / "all.txt"
    path.write_text("\n\n".join(poem(n) for n in range(20)))
    code, _, err = artpipe("dataset", "add", "--no-plan", path, "--name", "verse", "--separator", "\\n\\n")
    assert code == 0, err
    assert artpipe("ingest", "verse")[0] == 0
    with pytest.raises(UserError, match="not a folder and not a zip"):
        add_dataset(Path("dvc.yaml"), "other", about=None, size=64)


@pytest.mark.shared
@pytest.mark.skipif(not QUATRAINS.is_file(), reason="the trial data are not here")
def test_quatrains_are_works_of_four_lines_of_five(studio, artpipe):
    """Real poems: all kept, with author and title, and their form is told without being named."""
    from artpipe.artifacts import paths
    from artpipe.artifacts.shards import ShardSet
    from artpipe.metrics.form import count_line_lengths
    from artpipe.modalities.text.detokenize import join_rows
    from artpipe.nn.sequence.token_exhibits import decode_text

    assert artpipe("dataset", "add", "--no-plan", QUATRAINS, "--name", "quatrains")[0] == 0
    assert artpipe("ingest", "quatrains")[0] == 0
    assert artpipe("preprocess", "quatrains")[0] == 0
    shards = ShardSet.open(paths.shards("quatrains"))
    works = join_rows(shards.load("test"))
    forms = [count_line_lengths(decode_text(tokens, shards.spec.vocabulary)) for _, tokens in works]
    assert len(works) > 500
    assert forms.count((5, 5, 5, 5)) > 0.9 * len(forms)
