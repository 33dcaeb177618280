"""The package source: pinned files read as files, verified, and downloaded once."""

import hashlib
import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pypi_simple
import pytest
from PIL import Image
from ruamel.yaml import YAML

from artpipe.config.params import DatasetEntry
from artpipe.errors import CorruptError, UserError
from artpipe.sources.package import SOURCE, PinCard
from artpipe.untrusted.downloads import PinnedFile, fetch_pinned_file, read_pin_card

DIGITS = np.random.default_rng(0).integers(0, 256, (12, 5, 4), np.uint8)
LABELS = np.arange(12, dtype=np.uint8) % 3


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def wheel(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def sdist(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


class Index:
    """A package index of the given files that counts its downloads."""

    def __init__(self, files):
        self.files, self.downloads = files, []
        self.s = SimpleNamespace(verify=True)  # the session, as PyPISimple calls it

    def __call__(self, endpoint):
        self.endpoint = endpoint
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def get_project_page(self, project):
        if project == "nowhere":
            raise pypi_simple.NoSuchProjectError(project, "index")
        packages = [type("Package", (), {"filename": name}) for name in self.files]
        return type("Page", (), {"packages": packages})

    def download_package(self, package, path, *, verify):
        self.downloads.append(package.filename)
        Path(path).write_bytes(self.files[package.filename])


@pytest.fixture
def index(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    index = Index({})
    monkeypatch.setattr(pypi_simple, "PyPISimple", index)
    return index


def pin(index, name, data):
    index.files[name] = data
    return {"project": "some-project", "file": name, "sha256": hashlib.sha256(data).hexdigest()}


def card(works, package, path="card.yaml"):
    with Path(path).open("w") as stream:
        YAML().dump({"about": {"title": "T", "licence": "CC0-1.0"}, "package": package, "works": works}, stream)
    return DatasetEntry.model_validate(
        {"medium": "picture", "source": "package", "path": path, "about": {}, "ingest": {}, "preprocess": {}}
    )


def idx_works():
    parts = [{"split": "train", "images": "d/images", "labels": "d/labels"}, {"split": "test", "images": "d/images"}]
    return {"format": "idx", "parts": parts, "title": "Number {label}"}


@pytest.mark.parametrize(("name", "packed"), [("a-1.whl", wheel), ("a-1.tar.gz", sdist)])
def test_idx_records_become_pictures_with_labels_and_splits(index, name, packed):
    """From a wheel and from an sdist: pixels, labels, official split, titles."""
    package = pin(
        index, name, packed({"d/images": idx(DIGITS), "d/labels": idx(LABELS), "__MACOSX/d/._images": b"junk"})
    )
    found = list(SOURCE.candidates(card(idx_works(), package)))
    assert [candidate.split for candidate in found] == ["train"] * 12 + ["test"] * 12
    assert [candidate.label for candidate in found[:4]] == ["0", "1", "2", "0"]
    assert (found[1].title, found[1].name, found[13].label) == ("Number 1", "images#00001", None)
    assert (np.asarray(Image.open(io.BytesIO(found[5].data))) == DIGITS[5]).all()


def test_a_second_run_downloads_nothing(index):
    """The verified file is kept by its SHA-256; a damaged copy is fetched again."""
    package = pin(index, "a.whl", wheel({"x": b"1"}))
    path = fetch_pinned_file(PinnedFile(**package))
    assert fetch_pinned_file(PinnedFile(**package)) == path == Path(".state/downloads") / package["sha256"]
    assert index.downloads == ["a.whl"]
    path.write_bytes(b"damaged")
    fetch_pinned_file(PinnedFile(**package))
    assert index.downloads == ["a.whl", "a.whl"]


def test_what_is_not_the_pinned_file_is_not_kept(index):
    """Another SHA-256 than the card's is an error, and nothing stays behind."""
    package = pin(index, "a.whl", b"good") | {"sha256": "0" * 64}
    with pytest.raises(CorruptError, match="the pin card expects 000000000000"):
        fetch_pinned_file(PinnedFile(**package))
    assert list(Path(".state/downloads").iterdir()) == []


def test_missing_projects_and_files_are_one_line(index):
    """A person's mistake in a card."""
    with pytest.raises(UserError, match="no project `nowhere`"):
        fetch_pinned_file(PinnedFile(project="nowhere", file="a.whl", sha256="0" * 64))
    with pytest.raises(UserError, match=r"no file `a\.whl` in project `p`"):
        fetch_pinned_file(PinnedFile(project="p", file="a.whl", sha256="0" * 64))


def test_the_index_can_be_another_one(index, monkeypatch):
    """PIP_INDEX_URL goes before the default."""
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple/")
    fetch_pinned_file(PinnedFile(**pin(index, "a.whl", b"x")))
    assert index.endpoint == "https://index.example/simple/"


def test_the_certificates_are_those_of_pip(index, monkeypatch):
    """Behind a proxy with a certificate of its own pip is told of it; works come the same way."""
    monkeypatch.setenv("PIP_CERT", "/certs/proxy.pem")
    fetch_pinned_file(PinnedFile(**pin(index, "a.whl", b"x")))
    assert index.s.verify == "/certs/proxy.pem"


def test_pictures_get_labels_and_titles_from_the_table(index):
    """Stems match any key, whatever the case; some labels are none; variants share the title only, words for them behind it."""
    table = [
        {"unified": "1F600", "non_qualified": None, "category": "Smileys", "name": "GRINNING FACE"},
        {
            "unified": "2139-FE0F",
            "non_qualified": "2139",
            "category": "Symbols",
            "name": "a sign of McX",
            "skins": {"1": {"unified": "2139-1"}, "2-2": {"unified": "2139-2"}},
        },
        {"unified": "AA", "category": "Component", "name": "X"},
        "no record",
    ]
    pictures = {f"w/72x72/{stem}.png": stem.encode() for stem in ("1f600", "2139", "2139-1", "2139-2", "aa", "zz")} | {
        "w/72x72/1f600.svg": b"",
        "w/other.png": b"",
    }
    emoji, data = pin(index, "e.whl", wheel(pictures)), pin(index, "t.whl", wheel({"t.json": json.dumps(table)}))
    known = {
        "package": data,
        "member": "t.json",
        "keys": ["unified", "non_qualified"],
        "label": "category",
        "title": "name",
        "no_labels": ["Component"],
        "variants": "skins",
        "variant_words": {"2": "dark"},
    }
    entry = card({"format": "pictures", "members": "w/72x72/*.png", "table": known}, emoji)
    found = {Path(candidate.name).stem: (candidate.label, candidate.title) for candidate in SOURCE.candidates(entry)}
    assert found == {
        "1f600": ("Smileys", "Grinning Face"),
        "2139": ("Symbols", "a sign of McX"),
        "2139-1": (None, "a sign of McX"),
        "2139-2": (None, "a sign of McX, dark"),
        "aa": (None, "X"),
        "zz": (None, None),
    }


def test_several_patterns_choose_and_others_leave_out(index):
    """A member needs one pattern that fits and none of `skip`; where none is left the patterns are named."""
    package = pin(index, "e.whl", wheel({f"w/{stem}.png": b"" for stem in ("man", "man-hat", "woman", "cat")}))
    works = {"format": "pictures", "members": ["w/man*.png", "w/wo*.png"], "skip": ["*-hat.png"]}
    assert [one.name for one in SOURCE.candidates(card(works, package))] == ["w/man.png", "w/woman.png"]
    with pytest.raises(UserError, match=r"e\.whl: no member matches `x`, `y`$"):
        list(SOURCE.candidates(card(works | {"members": ["x", "y"]}, package)))


def named(*parts):
    return {"format": "files", "parts": [{"package": package, "files": list(files)} for package, files in parts]}


def test_named_files_come_out_of_several_packages(index):
    """Each member with what the card says of it, in the order of the packages; what is not named stays out."""
    first, second = (
        pin(index, name, wheel({f"{name}/{n}.png": bytes([n]) for n in range(3)})) for name in ("a.whl", "b.whl")
    )
    works = named(
        (first, [{"member": "a.whl/2.png", "title": "Two", "licence": "CC0-1.0", "split": "test"}]),
        (second, [{"member": "b.whl/1.png", "creator": "B"}, {"member": "b.whl/0.png"}]),
    )
    found = list(SOURCE.candidates(card(works, None)))
    assert [(one.name, one.data) for one in found] == [
        ("a.whl/2.png", b"\2"),
        ("b.whl/0.png", b"\0"),
        ("b.whl/1.png", b"\1"),
    ]
    assert (found[0].title, found[0].licence, found[0].split, found[0].creator) == ("Two", "CC0-1.0", "test", None)
    assert (found[2].creator, found[2].licence, found[2].split) == ("B", None, None)


def test_a_named_file_that_is_not_there_is_one_line(index):
    """Its name and its package's."""
    package = pin(index, "a.whl", wheel({"x.png": b""}))
    with pytest.raises(UserError, match=r"a\.whl: no member `y\.png`"):
        list(SOURCE.candidates(card(named((package, [{"member": "y.png"}])), None)))


def test_packages_stand_in_one_place(index):
    """Named files bring theirs; other works need the card's."""
    package = pin(index, "a.whl", wheel({"x.png": b""}))
    with pytest.raises(UserError, match="`package` is missing"):
        SOURCE.check(card({"format": "pictures", "members": "*"}, None))
    with pytest.raises(UserError, match="stands in the parts of named files, not beside them"):
        SOURCE.check(card(named((package, [{"member": "x.png"}])), package))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"d/labels": idx(LABELS)}, "no member `d/images`"),
        ({"d/images": b"rubbish", "d/labels": idx(LABELS)}, "`d/images` is not an idx file"),
        ({"d/images": idx(DIGITS), "d/labels": idx(LABELS[:5])}, "have shapes"),
    ],
)
def test_members_that_are_not_what_the_card_says_are_one_line(index, files, message):
    """A missing member, no idx file, labels of another length."""
    with pytest.raises(UserError, match=message):
        list(SOURCE.candidates(card(idx_works(), pin(index, "a.whl", wheel(files)))))


@pytest.mark.parametrize("name", ["digits", "emoji", "photos"])
def test_the_cards_of_this_project_are_pin_cards(name):
    """They say who made the works, under which licence, and where they are from."""
    about = read_pin_card(Path(__file__).parents[3] / "datasets" / f"{name}.yaml", PinCard).about
    assert "unknown" not in {about.creator, about.licence, about.origin}


@pytest.mark.parametrize("sha256", ["../../x/" + "0" * 64, "0" * 64 + "/..", "0" * 64 + "\n", "0" * 63])
def test_a_pin_is_a_hash_and_nothing_else(tmp_path, sha256):
    """The hash is the name of the file that is kept, so it must not lead elsewhere."""
    pin = {"project": "p", "file": "p.whl", "sha256": sha256}
    card = {"about": {}, "package": pin, "works": {"format": "pictures", "members": "*"}}
    (tmp_path / "card.yaml").write_text(json.dumps(card))
    with pytest.raises(UserError, match=r"`package.sha256` is"):
        read_pin_card(tmp_path / "card.yaml", PinCard)


def test_works_are_found_in_the_members_of_texts(index):
    """A pattern says what a work in a text looks like: by its first group, numbered, with the file's own title in theirs."""
    play = b"ACT I.\n\nANNE.\nOne\nTwo\n\nBERT.\nThree\nFour\n\nshort\n"
    index.files["texts.tar.gz"] = sdist(
        {"t/play.txt": play, "t/poems.txt": b"I\n\nA rose\n\nII\n\nA thorn\n", "t/plain.txt": b"all"}
    )
    pin = {"project": "t", "file": "texts.tar.gz", "sha256": hashlib.sha256(index.files["texts.tar.gz"]).hexdigest()}
    files = [
        {"member": "t/play.txt", "title": "Anne", "split": "validation"},
        {"member": "t/poems.txt", "title": "Poem {number}", "each": "(?m)^I+\\n\\n(.+)"},
    ]
    part = {
        "package": pin,
        "each": "[A-Z]+\\.\\n(?:[A-Z].*\\n){2}",
        "title": "{title}, speech {number}",
        "files": files,
    }
    card = {"about": {"title": "Texts"}, "works": {"format": "files", "parts": [part]}}
    with Path("texts.yaml").open("w") as stream:
        YAML().dump(card, stream)
    entry = DatasetEntry(medium="text", source="package", path="texts.yaml", about={}, ingest={}, preprocess={})
    found = [(one.name, one.data.decode(), one.title, one.split) for one in SOURCE.candidates(entry)]
    assert found == [
        ("t/play.txt#00001", "ANNE.\nOne\nTwo\n", "Anne, speech 1", "validation"),
        ("t/play.txt#00002", "BERT.\nThree\nFour\n", "Anne, speech 2", "validation"),
        ("t/poems.txt#00001", "A rose", "Poem 1", None),
        ("t/poems.txt#00002", "A thorn", "Poem 2", None),
    ]
