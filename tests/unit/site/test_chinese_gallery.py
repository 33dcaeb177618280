"""The gallery in Chinese: on the pages of every form, nothing is English but what is somebody's own."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from artpipe.gallery import build_gallery
from artpipe.site.translation import clean_line
from tests.conftest import load_module
from tests.support.museums import copy_museum

BROWSER = Path(__file__).parents[2] / "browser"
sys.path.insert(0, str(BROWSER))  # make_forms imports what lies beside it
make, forms = (load_module(BROWSER / name) for name in ("make_museum.py", "make_forms.py"))
SPOKEN = ("alt", "title", "aria-label", "content", "data-against", "data-day", "data-evening", "data-frame")
VOID = {"br", "img", "input", "link", "meta", "source"}
NAMES = {  # that are the same in every language
    *(
        "artpipe",
        "Cormorant",
        "Alegreya Sans",
        "MIDI",
        *("Tab", "Enter", "Esc"),
        "PDF",
        "WAV",
        "SHA",
        "C2PA",
        "SHA-256",
        "RO-Crate",
        "kB",
        "KID",
        "JSON",
        "RGB",
        "EMA",
        "GiB",
        "GPU",
        "Wh",
        "kid",
        "cpu",
        "bf16",
        "torch",
        "python",
    ),
    *("CC-BY-SA-3.0", "CC-BY-4.0", "CC0-1.0", "https://example.org/x?a=1&b=<2>"),
}
OWN = {  # titles, names and words of people who never were
    *("Handwritten digits", "Several hands", "Digits.", "red heart", "Nobody in particular", clean_line(make.HOSTILE)),
    *("Twice as large", "Evening hills", "The lamp", "A walk", "Study no.", "scan", "jpg"),
}


class Reader(HTMLParser):
    """Reads what a visitor reads or hears: text, and attributes that are spoken; hashes and verses left out."""

    def __init__(self):
        super().__init__()
        self.read, self.open = [], []

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        if tag not in VOID:
            self.open.append(known.get("class") or "")
        if tag != "meta" or known.get("name") == "description":
            self.read += [known[key] for key in SPOKEN if known.get(key)]

    def handle_endtag(self, tag):
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data):
        if not re.search("mono|verse", " ".join(self.open)):
            self.read.append(data)


@pytest.mark.parametrize(("museum", "more"), [("small", ()), ("forms", forms.ROOMS)])
def test_every_page_is_chinese(tmp_path, museum, more):
    """Digits, emoji, verse, music, films and pictures beside pictures: no word of a template, a report or a record is left."""
    params = copy_museum(tmp_path, museum) / "params.yaml"
    params.write_text(params.read_text().replace("theme: museum", "theme: museum, language: zh"))
    build_gallery(tmp_path)
    own = OWN | NAMES | {f"{title}{end}" for title in dict(more).values() for end in ("", ", made up.")}
    own |= {model for path in (tmp_path / "data/reports").iterdir() for model in (path.name,)} | {"digits-late"}
    known = re.compile("|".join(re.escape(" ".join(one.split())) for one in sorted(own, key=len, reverse=True)))
    left = set()
    for path in (tmp_path / "data/gallery").rglob("*.html"):
        reader = Reader()
        reader.feed(path.read_text())
        said = {known.sub("", " ".join(text.split())) for text in reader.read}
        left |= {text for text in said if re.search("[A-Za-z]{2}", text)}
    assert sorted(left) == []
