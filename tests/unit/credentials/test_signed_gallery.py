"""The gallery's files to take away are signed, verify, and stay as they are where nothing changed."""

import json
import shutil
from pathlib import Path

import pytest

from artpipe.artifacts import paths
from artpipe.artifacts.report import SavedExhibit, SavedExhibitFile, load_report, save_report
from artpipe.credentials.check_report import check_path
from artpipe.credentials.credential_check import check_file
from artpipe.gallery import build_gallery
from artpipe.system.hashing import sha256_bytes
from tests.support.museums import copy_museum, find_built_museum
from tests.support.small_media import make_film, make_sound


@pytest.fixture(scope="module")
def built():
    return find_built_museum()


def read_files(root):
    gallery = root / "data/gallery"
    return {str(path.relative_to(gallery)): path.read_bytes() for path in gallery.rglob("*") if path.is_file()}


def test_every_picture_to_take_is_whole_and_says_what_its_label_says(built):
    """Model, seed and hashes are those of the work's own JSON; its page links to the file."""
    gallery = built / "data/gallery"
    trusted = (gallery / "provenance/certificates.pem").read_bytes()
    pictures = sorted((gallery / "works").glob("*/*.png"))
    assert len(pictures) > 20
    for path in pictures:
        check, record = check_file(path, trusted), json.loads((path.parent / "work.json").read_text())
        assert check.state == "whole"
        assert check.facts["model"] == record["model"]["name"]
        assert check.facts["checkpoint"] == record["model"]["checkpoint"]
        assert check.facts.get("seed") == record["seed"]
        assert check.facts["dataset"]["sha256"] == record["collection"]["shards"]
        made_from = [work["digest"] for work in record["made_from"]]
        assert [work["sha256"] for work in check.facts.get("made_from", [])] == made_from
        is_composite = check.source_type == "compositeWithTrainedAlgorithmicMedia"
        assert is_composite == bool(made_from) or record["role"] in {"explanation", "restoration", "enlargement"}
        assert f'href="../../works/{path.parent.name}/{path.name}"' in (path.parent / "index.html").read_text()
    page = (gallery / "provenance/index.html").read_text()
    assert f"{len([file for file in check_path(gallery, trusted) if file.check.state == 'whole'])} files" in page


@pytest.mark.nightly
def test_films_and_sounds_play_as_signed(tmp_path):
    """What a page plays is the signed file, and no unsigned copy is in the gallery; WebM is named as what cannot be."""
    root = copy_museum(tmp_path)
    add_played_works(root)
    build_gallery(root)
    gallery = root / "data/gallery"
    trusted = (gallery / "provenance/certificates.pem").read_bytes()
    played = {file.name: file.check.state for file in check_path(gallery / "media", trusted)}
    played = {name: state for name, state in played.items() if name.endswith((".mp4", ".wav"))}
    assert sorted(Path(name).suffix for name in played) == [".mp4", ".wav"]
    assert set(played.values()) == {"whole"}
    pages = "".join(path.read_text() for path in (gallery / "works").glob("digits-gan-*/index.html"))
    assert all(f"media/{name}" in pages for name in played)
    assert 'so their files have none: <span class="mono">webm</span>' in (gallery / "provenance/index.html").read_text()


def add_played_works(root):
    """Hang a film in two forms and a sound beside the pictures of `digits-gan`."""
    folder = root / paths.report("digits-gan")
    report, _ = load_report(folder)
    contents = {"walk.mp4": make_film(), "walk.webm": b"webm", "piece.wav": make_sound()}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    film = SavedExhibitFile(file="walk.webm", sha256=sha256_bytes(b"webm"))
    exhibits = [
        SavedExhibit(
            file="walk.mp4",
            kind="video",
            role="walk",
            caption="a walk",
            sha256=sha256_bytes(make_film()),
            parts={"webm": film},
        ),
        SavedExhibit(file="piece.wav", kind="audio", role="sample", caption="a piece", seed=3),
    ]
    save_report(folder, report.model_copy(update={"exhibits": (*report.exhibits, *exhibits)}))


@pytest.mark.nightly
def test_a_new_subtitle_signs_nothing_again(built, tmp_path):
    """Pages change, no signed file does; without the key all are signed anew, with another certificate."""
    root = tmp_path / "project"
    shutil.copytree(built, root)
    before = read_files(root)
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("from a dataset to a gallery", "another subtitle"))
    build_gallery(root)
    after = read_files(root)
    assert {Path(name).suffix for name in before if before[name] != after.get(name)} <= {
        ".html",
        ".json",
        ".sha256",
        ".xml",
    }
    shutil.rmtree(root / ".state/credentials")
    build_gallery(root)
    renewed = read_files(root)
    assert renewed["provenance/certificates.pem"] != before["provenance/certificates.pem"]
    assert [
        name for name in before if name.endswith(".png") and name.startswith("works/") and before[name] == renewed[name]
    ] == []


@pytest.mark.nightly
def test_credentials_can_be_switched_off(built, tmp_path):
    """No signed file, no certificate, no key; the page on provenance says so."""
    root = tmp_path / "project"
    shutil.copytree(built, root)
    shutil.rmtree(root / ".state/credentials")
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("theme: museum", "theme: museum, credentials: off, labels: []"))
    build_gallery(root)
    files = read_files(root)
    assert not [
        name for name in files if name.endswith(".pem") or (name.startswith("works/") and name.endswith(".png"))
    ]
    assert "The files of this gallery are not signed." in files["provenance/index.html"].decode()
    assert not (root / ".state/credentials").exists()


def test_a_film_that_cannot_be_labelled_makes_a_gap(tmp_path, capsys):
    """Its model does not hang, a line says why, and every other one does."""
    root = copy_museum(tmp_path)
    folder = root / paths.report("digits-gan")
    report, _ = load_report(folder)
    (folder / "walk.mp4").write_bytes(b"no film")
    film = SavedExhibit(file="walk.mp4", kind="video", role="walk", caption="a walk", sha256=sha256_bytes(b"no film"))
    save_report(folder, report.model_copy(update={"exhibits": (*report.exhibits, film)}))
    build_gallery(root)
    error = capsys.readouterr().err
    assert error.startswith("digits-gan: ")
    assert error.count("\n") == 1
    gallery = root / "data/gallery"
    assert not (gallery / "models/digits-gan").exists()
    assert (gallery / "models/digits-vae").exists()
    assert "is being restored: its files are damaged" in (gallery / "datasets/digits/index.html").read_text()
