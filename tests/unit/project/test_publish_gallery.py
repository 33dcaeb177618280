"""`artpipe publish` on a made-up project: a whole copy, or a line for each fault and nothing written."""

import json
import shutil
from pathlib import Path

import pytest

from artpipe.errors import UserError
from artpipe.project.private_texts import collect_private_texts
from artpipe.project.publish_gallery import publish_gallery
from tests.support.museums import find_built_museum


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A project with its gallery and a copy of that; nobody may change it."""
    root = tmp_path_factory.mktemp("museum") / "museum"
    shutil.copytree(find_built_museum(), root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        publish_gallery(root / "copy")
    return root


@pytest.fixture
def entered(built, monkeypatch):
    """The project, entered; nobody may change it."""
    monkeypatch.chdir(built)
    return built


@pytest.fixture
def project(built, tmp_path, monkeypatch):
    """The project, to be changed, entered."""
    root = tmp_path / "project"
    shutil.copytree(built, root)
    monkeypatch.chdir(root)
    return root


def list_files(folder):
    """Return the content of every file by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_copy_names_no_model_that_does_not_hang(built):
    """The gallery says that `digits-late` is in the studio; what is published does not know of it."""
    copy = list_files(built / "copy")
    assert b"digits-late" in (built / "data/gallery/index.html").read_bytes()
    assert [path for path, data in copy.items() if b"digits-late" in data] == []
    assert {"index.html", "gallery.json", "gallery.json.sha256", ".nojekyll", "404.html"} <= copy.keys()
    assert [path for path, data in copy.items() if str(built).encode() in data] == []


def test_publishing_again_writes_what_changed_and_keeps_what_the_host_has(project):
    """With an address the pages name it; `.git` and `CNAME` stay, a page that is gone goes."""
    copy = project / "copy"
    before = {path: path.stat().st_mtime_ns for path in (copy / "media").iterdir()}
    (copy / ".git").mkdir()
    (copy / "CNAME").write_text("art.example.org")
    shutil.rmtree(project / "data/reports/emoji-gan")
    published = publish_gallery(copy, "https://example.org/art")
    assert published.to_text().endswith("its entrance: https://example.org/art/")
    assert published.to_json()["pages"] == len(list(copy.rglob("*.html")))
    assert '<link rel="canonical" href="https://example.org/art/">' in (copy / "index.html").read_text()
    assert not (copy / "models/emoji-gan").exists()
    assert (copy / "CNAME").read_text() == "art.example.org"
    assert {path: path.stat().st_mtime_ns for path in (copy / "media").iterdir()}.items() <= before.items()


def test_a_fault_is_a_line_and_nothing_is_written(project, capsys):
    """As a person's own words may name a path of the machine."""
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("from a dataset to a gallery", f"made in {project}"))
    with pytest.raises(UserError, match=r"^\d+ faults in the gallery; nothing was written$"):
        publish_gallery(project / "new")
    assert "index.html: a path of this machine stands in it: " in capsys.readouterr().err
    assert not (project / "new").exists()


def test_faults_are_told_to_programs(project, artpipe):
    """`artpipe publish --json` writes each fault with its place, and ends as without."""
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("from a dataset to a gallery", f"made in {project}"))
    code, out, err = artpipe("publish", "new", "--json")
    result = json.loads(out)
    assert code == UserError.exit_code
    assert err.endswith("faults in the gallery; nothing was written\n")
    assert result["published"] is False
    assert {fault["place"] for fault in result["faults"]} >= {"index.html"}


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        (".", "belongs to the project"),
        ("..", "belongs to the project"),
        ("data/gallery", "belongs to the project"),
        ("params.yaml", "a file; name a folder"),
        ("{other}", r"holds other files \(mine.txt\)"),
    ],
)
@pytest.mark.usefixtures("entered")
def test_a_folder_of_something_else_is_refused(tmp_path, folder, said):
    """Whatever stands there stays."""
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match=said):
        publish_gallery(Path(folder.format(other=tmp_path)))
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_file_of_somebody_else_among_ours_is_refused(entered, tmp_path):
    """It was not in the copy before, so it is not ours to replace."""
    card = (entered / "copy/gallery.json").read_text()
    card = card.replace('"datasets/digits/index.html"', '"datasets/digits/other.html"')
    (tmp_path / "gallery.json").write_text(card)
    (tmp_path / "datasets/digits").mkdir(parents=True)
    (tmp_path / "datasets/digits/index.html").write_text("mine")
    with pytest.raises(UserError, match="not of the copy that stood here"):
        publish_gallery(tmp_path)
    assert (tmp_path / "datasets/digits/index.html").read_text() == "mine"


@pytest.mark.parametrize("address", ["example.org", "ftp://example.org/", "https://"])
@pytest.mark.usefixtures("entered")
def test_an_address_that_is_none_is_refused(tmp_path, address):
    """By the rule of `gallery.base_url`."""
    with pytest.raises(UserError, match=r"^--base-url .*: expected the address of a folder"):
        publish_gallery(tmp_path / "new", address)


def test_names_that_a_person_wrote_into_params_are_meant(tmp_path, monkeypatch):
    """A user called as the creator is not betrayed by the creator's name; short and common names are no traces."""
    params = tmp_path / "params.yaml"
    params.write_text("format: 2\n")
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "mariahuber")
    assert "mariahuber" in collect_private_texts(tmp_path).names
    assert not {"root", "user"} & set(collect_private_texts(tmp_path).names)
    params.write_text("format: 2\n# by Mariahuber\n")
    assert "mariahuber" not in collect_private_texts(tmp_path).names
