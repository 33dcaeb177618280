"""The npm source: a pinned file that the npm client fetches, read as a file, with captions of a table."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from artpipe.config.params import DatasetEntry
from artpipe.errors import CorruptError, UnreachableError, UserError
from artpipe.sources.npm import SOURCE, NpmCard
from artpipe.untrusted import npm_client
from artpipe.untrusted.downloads import downloaded_path, read_pin_card
from artpipe.untrusted.npm_client import NpmFile, fetch_npm_file, find_npm
from tests.conftest import ROOT

EMOJI = [
    {"name": "KEYCAP", "unified": "0023-FE0F-20E3", "category": "Symbols"},
    {
        "name": "COUPLE",
        "unified": "1F46B",
        "category": "People",
        "variants": {"1F3FB": {"unified": "1F46B-1F3FB"}, "1F3FB-1F3FF": {"unified": "1F469-1F3FB-200D-1F468-1F3FF"}},
    },
    {"name": "BLACK SUN", "unified": "2600", "category": "Component"},
]


def make_tgz(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


FILES = {"package/a/23_20e3.webp": b"1", "package/a/1f46b.webp": b"2", "package/a/1f46b-1f3fb.webp": b"3"}
FILES |= {"package/a/1f469-1f3fb-200d-1f468-1f3ff.webp": b"4", "package/a/2600.webp": b"5", "package/a/aa.webp": b"6"}
TGZ, TABLE = make_tgz({"package/package.json": b"{}", **FILES}), make_tgz({"t.json": json.dumps(EMOJI).encode()})


def make_pin(data: bytes, **fields: str) -> dict[str, str]:
    return {"project": "@an/emoji", "file": "an-emoji-1.2.0.tgz", "sha256": hashlib.sha256(data).hexdigest()} | fields


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A card whose table is there already, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    words = {"1F3FB": "light", "1F3FF": "dark"}
    table = {"package": make_pin(TABLE, project="t"), "member": "t.json", "keys": ["unified"], "code_points": True}
    table |= {"label": "category", "caption": "name", "captions": {"BLACK SUN": "sun"}, "no_labels": ["Component"]}
    table |= {"variants": "variants", "variant_words": words}
    card = {
        "about": {"title": "Mine"},
        "package": make_pin(TGZ, version="1.2.0"),
        "members": ["*.webp"],
        "table": table,
    }
    YAML().dump(card, Path("card.yaml"))
    store(TABLE)
    return card


def store(data: bytes) -> None:
    path = Path(".state/downloads") / hashlib.sha256(data).hexdigest()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def make_entry() -> DatasetEntry:
    sections = {"about": {}, "ingest": {}, "preprocess": {}}
    return DatasetEntry.model_validate({"medium": "picture", "source": "npm", "path": "card.yaml"} | sections)


def make_client(folder: Path, script: str) -> list[str]:
    """Return the command of a client that does what a shell script says; `$4` and on are its arguments."""
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)
    return [str(folder / "npm")]


def test_pictures_have_the_captions_of_the_table(project):
    """Code points with or without zeros; words of a variant behind the name, each once; a picture without a record."""
    store(TGZ)
    works = {Path(work.name).stem: (work.label, work.caption) for work in SOURCE.candidates(make_entry())}
    assert works == {
        "23_20e3": ("Symbols", "keycap"),
        "1f46b": ("People", "couple"),
        "1f46b-1f3fb": ("People", "couple, light"),
        "1f469-1f3fb-200d-1f468-1f3ff": ("People", "couple, light, dark"),
        "2600": (None, "sun"),
        "aa": (None, None),
    }
    assert SOURCE.about is not None
    assert SOURCE.about(Path("card.yaml")).title == "Mine"


def test_the_client_fetches_once(project, tmp_path, monkeypatch):
    """`npm pack` without scripts, of name and version; a second time nothing is asked."""
    (tmp_path / "tgz").write_bytes(TGZ)
    script = 'echo "$@" >> asked\nwhile [ "$1" != --pack-destination ]; do shift; done\ncp tgz "$2/an-emoji-1.2.0.tgz"'
    monkeypatch.setattr(npm_client, "find_npm", lambda: make_client(tmp_path, script))
    pin = read_pin_card(Path("card.yaml"), NpmCard).package
    assert [fetch_npm_file(pin).read_bytes() for _ in range(2)] == [TGZ, TGZ]
    asked = Path("asked").read_text().splitlines()
    assert len(asked) == 1
    assert asked[0].startswith("pack --ignore-scripts")
    assert asked[0].endswith("-- @an/emoji@1.2.0")


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        (
            'echo \'{"error": {"code": "E404", "summary": "Not Found"}}\'; exit 1',
            UserError,
            "has no package `@an/emoji",
        ),
        ("echo npm error code ETARGET; exit 1", UserError, "has no version `@an/emoji@1.2.0`"),
        ('echo \'{"error": {"code": "ENOTFOUND", "summary": "x y"}}\'; exit 1', UnreachableError, "ENOTFOUND x y"),
        ("echo code EINTEGRITY; exit 1", CorruptError, "damaged"),
        ('for a; do [ -d "$a" ] && touch "$a/b.tgz"; done; true', UserError, "is not `an-emoji-1.2.0.tgz` but b.tgz"),
        ('for a; do [ -d "$a" ] && echo x > "$a/an-emoji-1.2.0.tgz"; done; true', CorruptError, "the pin card expects"),
    ],
)
def test_a_failed_fetch_is_one_line(project, tmp_path, monkeypatch, script, error, words):
    """What the client says becomes one line, and nothing is stored."""
    monkeypatch.setattr(npm_client, "find_npm", lambda: make_client(tmp_path, script))
    pin = read_pin_card(Path("card.yaml"), NpmCard).package
    with pytest.raises(error) as caught:
        fetch_npm_file(pin)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not downloaded_path(pin).exists()


def test_without_a_client_one_line_says_what_to_install(project, monkeypatch):
    """Neither on PATH nor as a wheel: exit code 2."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert find_npm() is None
    with pytest.raises(UserError, match="no npm client to fetch it with; install"):
        list(SOURCE.candidates(make_entry()))


@pytest.mark.parametrize("name", ["git+ssh://host/x", "../folder", "https://host/x.tgz", "-g", "a b", "@a/b/c"])
def test_only_a_name_is_asked_for(name):
    """Whatever else npm would understand is refused before it starts, and so is a range of versions."""
    with pytest.raises(ValueError, match="name of an npm package"):
        NpmFile.model_validate(make_pin(TGZ, project=name, version="1.0.0"))
    with pytest.raises(ValueError, match="version"):
        NpmFile.model_validate(make_pin(TGZ, version="^1.0.0"))


def test_the_card_of_the_project_is_one():
    """`datasets/emoji3d.yaml` names Microsoft and the licence."""
    card = read_pin_card(ROOT / "datasets" / "emoji3d.yaml", NpmCard)
    assert (card.about.creator, card.about.licence, card.package.version) == ("Microsoft", "MIT", "1.1.0")
