"""`artpipe critique`: text, JSON and a page, in a project and outside of one; a mistake is one line."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from artpipe.artifacts import paths
from artpipe.language.sentences import load_sentences

RNG = np.random.default_rng(0)


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Return a folder outside any project, with two pictures and what is none."""
    sky = np.concatenate([np.full((60, 180, 3), (190, 215, 240)), RNG.integers(40, 110, (120, 180, 3))]).astype(
        np.uint8
    )
    (tmp_path / "pictures").mkdir()
    Image.fromarray(sky).save(tmp_path / "pictures" / "sky.png")
    Image.new("RGB", (90, 60), (128, 128, 128)).save(tmp_path / "pictures" / "grey <b>.png")
    (tmp_path / "pictures" / "bad\n.jpg").write_bytes(b"no picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def numbers_in(text: str) -> list[str]:
    """Return the numbers of a sentence."""
    return re.findall(r"\d+(?:\.\d+)?", text)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_sentence_shows_a_number(outside, artpipe, language):
    """In both languages, as JSON; the sentence is that of its code and values."""
    code, out, _ = artpipe("critique", "pictures/sky.png", "--json", "--lang", language)
    content = json.loads(out)
    assert code == 0
    assert content["language"] == language
    sentences = [
        sentence
        for seen in content["pictures"][0]["observations"]
        for result in seen["results"]
        for sentence in result["sentences"]
    ]
    assert len(sentences) >= 8
    assert [s["sentence"] for s in sentences if not numbers_in(s["sentence"])] == []
    assert all(s["sentence"] and not s["sentence"].startswith(s["code"]) for s in sentences)
    assert {"horizon_at"} <= {s["code"] for s in sentences}
    assert [note["code"] for note in content["notes"]] == ["no_project"]


def test_a_folder_names_the_bad_one_and_goes_on(outside, artpipe):
    """The page holds all, needs nothing else, runs nothing, and escapes names; a bad one is one line on stderr."""
    code, out, err = artpipe("critique", "pictures", "--page", "out/critique.html", "--lang", "zh")
    page = (outside / "out" / "critique.html").read_text()
    assert (code, err) == (0, "artpipe: bad\\n.jpg: 不是图像\n") or (
        code == 0 and err.count("\n") == 1 and "bad\\n.jpg" in err
    )
    assert "2" in out
    assert '<html lang="zh">' in page
    assert "grey &lt;b&gt;.png" in page
    assert "<script" not in page
    assert set(re.findall(r'(?:src|href)="([a-z]*:|#)', page)) <= {"data:", "#"}
    assert not re.search(r'url\("(?!data:)', page)
    assert page.count("<article") == 2
    assert load_sentences("zh").templates["heading_palette"] in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pictures/bad\n.jpg",), "not an image"),
        (("nothing.png",), "no such file or folder"),
        (("pictures/sky.png", "--lang", "xx"), "there are en, zh"),
        (("pictures/sky.png", "--page", "pictures"), "a folder"),
        (("pictures/sky.png", "--page", "pictures/sky.png"), "a file that is there and no page"),
        (("pictures/sky.png", "--page", "pictures/sky.png/x.html"), "name a file that can be written"),
        (("pictures/sky.png", "--max-megapixels", "0.01"), "max_megapixels"),
    ],
)
def test_a_mistake_is_one_line(outside, artpipe, arguments, words):
    """With exit code 2, and nothing is written."""
    code, out, err = artpipe("critique", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_in_a_project_without_models_it_says_so(studio, pictures, artpipe):
    """In one line, below what needs no model."""
    code, out, _ = artpipe("critique", next(pictures.rglob("*.png")))
    assert code == 0
    assert "Nothing is trained in this project yet" in out
    assert "Palette" in out
    assert not (studio / paths.STATE / "critique").exists()
