"""`artpipe verify` on a project that DVC has made: whatever is planted is found, and what can be mended is mended."""

import json
import os
import re
import time
from pathlib import Path

import pytest

from artpipe.config.params import read_yaml
from artpipe.storage.dvc_cache import object_path, read_listing, read_outputs, write_object
from artpipe.storage.verify import VerifyReport, verify
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import md5_bytes, sha256_bytes
from tests.pipeline.conftest import Project

pytestmark = [pytest.mark.xdist_group("dvc"), pytest.mark.timeout(600)]

CACHE = ".dvc/cache"


@pytest.fixture
def kept(project, monkeypatch) -> Project:
    """A project in which all is whole; asking DVC where its cache is takes a second."""
    monkeypatch.setattr("artpipe.storage.verify.read_dvc_output", lambda *_: CACHE)
    return project


def flip(path: Path) -> Path:
    """Flip one bit in the middle of a file, as a disk does: time and rights stay as they were."""
    found, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(found.st_mode & 0o777)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    return path


def look(project: Project, **options: bool) -> VerifyReport:
    return verify(project.folder, **options)


def object_at(project: Project, file: str) -> Path:
    """The object that DVC keeps of a file of the workspace."""
    for out in read_outputs(project.folder)[0]:
        if Path(file).is_relative_to(out.path):
            cache = project.folder / CACHE
            listing = object_path(cache, out.md5)
            if file == str(out.path):
                return listing
            return object_path(cache, read_listing(listing)[str(Path(file).relative_to(out.path))])
    raise AssertionError(file)


def places(verdict: VerifyReport) -> list[str]:
    return [one.place for one in verdict.damaged]


@pytest.mark.nightly
def test_a_bit_in_a_read_only_object_that_dvc_calls_up_to_date(kept):
    """DVC calls all up to date; verify finds the object, --repair writes it again from the workspace, and it stays."""
    path = object_at(kept, "data/checkpoints/gan/weights")
    before = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o444
    flip(path)
    said = kept.dvc("status").stdout
    assert "up to date" in said
    found = look(kept)
    assert not found.whole
    assert places(found) == [str(path.relative_to(kept.folder))]
    assert "data/checkpoints/gan/weights" in found.damaged[0].mend
    mended = look(kept, repair=True)
    assert mended.whole
    assert [one.mended for one in mended.damaged] == [True]
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o444
    assert look(kept).damaged == ()
    assert kept.repro() == []


@pytest.mark.parametrize("file", ["data/shards/digits", "datasets/emoji", "data/metrics/vae.json"])
@pytest.mark.nightly
def test_listings_and_single_files_are_written_again(kept, file):
    """A folder's listing, of a stage or of a dataset, and the object of a single file come back from the workspace."""
    path = object_at(kept, file)
    before = path.read_bytes()
    flip(path)
    assert look(kept, repair=True).whole
    assert path.read_bytes() == before
    path.unlink()
    assert look(kept, repair=True).damaged[0].what == "missing in DVC's cache"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "file",
    [
        "data/runs/gan/run",
        *(
            pytest.param(each, marks=pytest.mark.nightly)
            for each in ("data/metrics/vae.json", "data/plots/vae/curves.json")
        ),
    ],
)
def test_a_file_of_the_workspace_comes_back_from_the_cache(kept, file):
    """A flipped bit with an old time, which DVC does not see, and a missing file are brought back; nothing runs."""
    path = kept.folder / file
    before = path.read_bytes()
    flip(path)
    assert places(look(kept)) == [file]
    assert look(kept, repair=True).whole
    assert path.read_bytes() == before
    path.unlink()
    assert look(kept, repair=True).whole
    assert kept.repro() == []


@pytest.mark.nightly
def test_what_is_damaged_in_both_places_is_made_again(kept):
    """Workspace and cache both: --repair puts them aside, and DVC runs that one stage, with the same bytes."""
    path = kept.folder / "data/reports/gan/report"
    before = path.read_bytes()
    flip(object_at(kept, "data/reports/gan/report"))
    flip(path)
    mended = look(kept, repair=True)
    assert [one.mended for one in mended.damaged] == [True, True]
    assert all("evaluate@gan" in one.mend for one in mended.damaged)
    assert (kept.folder / ".state/damaged/data/reports/gan/report").exists()
    assert "evaluate@gan" in kept.stale()
    assert kept.repro() == ["evaluate@gan"]
    assert path.read_bytes() == before
    assert look(kept).whole


def test_a_work_is_never_thrown_away(kept):
    """A damaged work comes back if nobody wrote it since; a changed one is the person's to say; with no copy left nothing is
    promised, and the damaged bytes stay."""
    path, tracking = kept.folder / "datasets/emoji/a.png", kept.folder / "datasets/emoji.dvc"
    flip(path)
    found = look(kept, repair=True).damaged[0]
    assert not found.mended
    assert "dvc checkout --force datasets/emoji.dvc" in found.mend
    time.sleep(0.02)
    tracking.touch()
    assert look(kept, repair=True).whole
    assert path.read_bytes() == b"a"
    item = object_at(kept, "datasets/emoji/a.png")
    flip(item)
    flip(path)
    left = look(kept, repair=True)
    assert not left.whole
    assert "`dvc fetch`" in left.damaged[0].mend
    assert path.exists()
    assert len(list((kept.folder / ".state/damaged").rglob(item.name))) == 1
    (kept.folder / "datasets/emoji/new.png").write_text("new")  # what comes and goes is no damage
    path.write_bytes(b"a")
    assert places(look(kept, repair=True)) == [str(item.relative_to(kept.folder))]
    assert look(kept).whole


def test_an_object_that_nothing_needs(kept):
    """It is named and put aside."""
    path = kept.folder / CACHE / "files/md5/00" / ("1" * 30)
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    found = look(kept, repair=True)
    assert found.whole
    assert "nothing in the workspace needs it" in found.damaged[0].mend
    assert not path.exists()


@pytest.mark.nightly
def test_cards_states_downloads_and_books(kept):
    """Cards by their sidecars, files by their cards, states, downloads, champions.json, dvc.lock, .dvc files: each has its line."""
    root = kept.folder
    card = json.dumps({"files": {"train": {"train-0.safetensors": sha256_bytes(b"tensors")}}})
    folder = root / "data/shards/extra"
    folder.mkdir()
    (folder / "train-0.safetensors").write_bytes(b"tensors")
    (folder / "shards.json").write_text(card)
    (folder / "shards.json.sha256").write_text(f"{sha256_bytes(card.encode())}  shards.json\n")
    state = root / ".state/train/gan/key"
    state.mkdir(parents=True)
    (state / "000001.safetensors").write_bytes(b"state")
    data = json.dumps({"tensors": ["000001.safetensors", sha256_bytes(b"state")]})
    saved = state / f"000001-{sha256_bytes(data.encode())[:16]}.json"
    saved.write_text(data)
    pin = root / ".state/downloads" / sha256_bytes(b"download")
    pin.parent.mkdir()
    pin.write_bytes(b"download")
    assert look(kept).damaged == ()
    (folder / "train-0.safetensors").write_bytes(b"tensorz")
    (state / "000001.safetensors").write_bytes(b"stbte")
    pin.write_bytes(b"downloae")
    assert set(places(look(kept))) == {
        "data/shards/extra/train-0.safetensors",
        str((state / "000001.safetensors").relative_to(root)),
        str(pin.relative_to(root)),
    }
    flip(folder / "shards.json")
    assert "data/shards/extra/shards.json" in places(look(kept))
    assert look(kept, repair=True).whole
    assert not folder.exists()
    assert not saved.exists()
    assert not pin.exists()
    write_text(root / "champions.json", '{"format": 1, "champ')
    for name in ("dvc.lock", "datasets/emoji.dvc"):
        write_text(root / name, (root / name).read_text()[:9])
    store = root / ".state/mlflow/mlflow.db"
    store.parent.mkdir()
    store.write_bytes(b"SQLite format 3\0" + b"x" * 4096)
    books = {"champions.json", "dvc.lock", "datasets/emoji.dvc", ".state/mlflow/mlflow.db"}
    assert books <= set(places(look(kept)))


@pytest.mark.parametrize("form", ["lock", "tracking", "listing"])
def test_a_repair_writes_nothing_outside(kept, form):
    """Names that lead out of the project, in dvc.lock, a .dvc file or a folder's listing: damage, and never a place to write to."""
    precious = kept.folder.parent / "precious.txt"
    precious.write_text("precious")
    lock, cache = kept.folder / "dvc.lock", kept.folder / CACHE
    write_object(cache, md5_bytes(b"evil"), b"evil")
    entry = f"path: ../precious.txt\n  hash: md5\n  md5: {md5_bytes(b'evil')}\n  size: 4\n"
    if form == "tracking":
        time.sleep(0.02)
        (kept.folder / "x.dvc").write_text(f"outs:\n- {entry}")
    elif form == "lock":
        lines = entry.replace("\n", "\n    ").rstrip()
        lock.write_text(lock.read_text().replace("    outs:\n", f"    outs:\n    - {lines}\n", 1))
    else:
        out = next(one for one in read_outputs(kept.folder)[0] if one.md5.endswith(".dir") and not one.is_source)
        up = "../" * (len(out.path.parts) + 1)
        listing = json.dumps([{"md5": md5_bytes(b"evil"), "relpath": f"{up}precious.txt"}]).encode()
        write_object(cache, f"{md5_bytes(listing)}.dir", listing)
        lock.write_text(lock.read_text().replace(out.md5, f"{md5_bytes(listing)}.dir"))
    verdict = look(kept, repair=True)
    assert precious.read_text() == "precious"
    assert {"lock": "dvc.lock", "tracking": "x.dvc", "listing": "dvc.lock"}[form] in places(verdict)


@pytest.mark.nightly
def test_a_note_of_a_run_with_another_size(kept):
    """The name of a note is no hash of its sizes: those of what the run made are held against DVC's cache."""
    notes = sorted(path for path in (kept.folder / CACHE / "runs").glob("??/*/*") if "\n  nfiles: " in path.read_text())
    note = next(path for path in notes if "outs:" in path.read_text())
    head, _, outs = note.read_text().partition("\nouts:")
    size = re.search(r"  size: (\d+)", outs)[1]
    note.chmod(0o644)
    note.write_text(f"{head}\nouts:{outs.replace(f'size: {size}', f'size: {int(size) ^ 4}')}")
    (found,) = look(kept, repair=True).damaged
    assert (found.place, found.mended) == (str(note.relative_to(kept.folder)), True)
    assert found.what == "DVC's note of a run: other sizes than what it names has"
    assert not note.exists()
    assert look(kept).whole


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.nightly
def test_a_torn_tracking_file(kept, committed, monkeypatch):
    """A .dvc file cut short makes every dvc fail; a run mends it, from git or from what lies there, and so does verify."""
    from artpipe.orchestration.scheduling.dvc_graph import repair_dvc_files

    if committed:
        kept.commit()
    monkeypatch.chdir(kept.folder)
    path = kept.folder / "datasets/emoji.dvc"
    md5 = read_yaml(path)["outs"][0]["md5"]
    path.write_text(path.read_text()[:9])
    said = repair_dvc_files()
    assert said == ["dvc was killed while it wrote emoji.dvc: it tracks what lies there, as before"]
    assert repair_dvc_files() == []
    assert kept.repro() == []
    assert read_yaml(path)["outs"][0].items() >= {"md5": md5, "path": "emoji"}.items()
    whole = path.read_text()
    for name in ("emo", "emnji"):  # which is not there
        path.write_text(whole.replace("emoji", name))
        assert places(look(kept, repair=True)) == ["datasets/emoji.dvc"]
        assert kept.repro() == []
    for torn in ("", "outs:\n"):
        path.write_text(torn)
        assert places(look(kept, repair=True)) == ["datasets/emoji.dvc"]
        assert kept.repro() == []


def test_the_command(kept, artpipe, monkeypatch):
    """Exit code 0 and one sentence when whole, 1 and a line for each when not; JSON for programs."""
    monkeypatch.chdir(kept.folder)
    code, said, _ = artpipe("verify")
    assert (code, said.splitlines()[0].startswith("everything is whole: ")) == (0, True)
    flip(object_at(kept, "data/checkpoints/gan/weights"))
    flip(kept.folder / "data/runs/gan/run")
    code, said, _ = artpipe("verify")
    assert code == 1
    assert len(said.splitlines()) == 4  # heading, two, sentence
    code, said, _ = artpipe("verify", "--json")
    assert (code, json.loads(said)["whole"], len(json.loads(said)["damaged"])) == (1, False, 2)
    code, said, _ = artpipe("verify", "--repair")
    assert (code, said.count("mended")) == (0, 3)
