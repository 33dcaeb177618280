"""Datasets and models come and go: everything changes, or nothing does."""

import contextlib
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from ruamel.yaml import YAML

from artpipe.config.params import load_params
from artpipe.config.yaml_edit import insert_entry
from artpipe.errors import UserError
from artpipe.project import add_remove, dataset_removal, tracked_files
from artpipe.project.first_models import FirstModels, SizedModels
from artpipe.project.new_entries import make_model_entry
from artpipe.system import locks
from tests.conftest import draw_shapes


def params() -> dict:
    return YAML(typ="safe").load(Path("params.yaml").read_text())


def tree(folder: Path = Path()) -> dict[str, bytes]:
    """Return every file of the project but DVC's cache and the lock."""
    skipped = (".dvc/", ".git/", ".state/")
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in found if not str(path).startswith(skipped)}


def test_a_folder_becomes_a_room(studio, pictures, artpipe):
    """Pictures, DVC's tracking, a dataset and its models: one command, and the project is sound."""
    code, out, _ = artpipe(
        "dataset", "add", "--no-plan", pictures, "--name", "mine", "--licence", "CC0", "--creator", "A. Person"
    )
    assert code == 0
    assert "artpipe run" in out
    assert len(list(Path("datasets/mine").rglob("*.png"))) == 24
    assert Path("datasets/mine.dvc").is_file()
    assert "/mine" in Path("datasets/.gitignore").read_text().split()
    assert params()["datasets"]["mine"]["about"] == {"creator": "A. Person", "licence": "CC0"}
    assert Path(".state/contact/mine.png").read_bytes().startswith(b"\x89PNG")
    assert artpipe("check")[0] == 0


def test_models_point_at_the_dataset_s_classifier(studio, pictures, artpipe):
    """The gan chooses its best weights on the classifier's features; all are measured with them."""
    artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine", "--models", "gan,vae,classifier")
    models = params()["models"]
    assert models["mine-gan"]["pretrained"] == "data/checkpoints/mine-classifier"
    assert models["mine-vae"]["pretrained"] == models["mine-classifier"]["pretrained"] == "data/shards/mine"
    assert {models[f"mine-{kind}"]["feature_extractor"] for kind in ("gan", "vae", "classifier")} == {"mine-classifier"}


@pytest.mark.nightly
def test_without_a_classifier_a_model_is_its_own_feature_extractor(studio, pictures, artpipe):
    """A gan alone uses nothing but its pictures."""
    artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine", "--models", "gan")
    assert params()["models"]["mine-gan"]["feature_extractor"] == "mine-gan"
    assert params()["models"]["mine-gan"]["pretrained"] == "data/shards/mine"


def test_small_works_are_kept_whole(studio, pictures, artpipe, tmp_path):
    """Works of 24 pixels have that size and no trimming; of 120 pixels they are trimmed, and their edges cut off."""
    artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine", "--models", "patches")
    artpipe("dataset", "add", "--no-plan", str(draw_shapes(tmp_path / "larger", side=120)), "--name", "larger")
    mine, larger = (params()["datasets"][name]["preprocess"] for name in ("mine", "larger"))
    assert (mine.get("trim"), mine.get("trim_edges")) == (None, None)
    assert (larger["size"], larger["trim"], larger["trim_edges"]) == (120, True, 0.06)


def test_two_sizes_of_the_same_files(studio, pictures, artpipe, monkeypatch):
    """A second entry reads the same files, which leave with the last of both, and come back with it first."""
    sizes = FirstModels(SizedModels(("patches",), 256), SizedModels(("flow",), 32), ())
    monkeypatch.setattr(add_remove, "choose_models", lambda *_, **__: sizes)
    before = Path("params.yaml").read_text()
    code, out, _ = artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine", "--title", "Mine")
    assert code == 0
    assert "mine-small: the same files at 32 pixels, for flow" in out
    added = params()
    large, small = (added["datasets"][name] for name in ("mine", "mine-small"))
    assert (large["preprocess"]["size"], small["preprocess"]["size"]) == (256, 32)
    assert small["path"] == large["path"] == "datasets/mine"
    assert small["about"] == {"title": "Mine, 32 px"}
    assert {name: added["models"][name]["dataset"] for name in ("mine-patches", "mine-flow")} == {
        "mine-patches": "mine",
        "mine-flow": "mine-small",
    }
    _, out, _ = artpipe("dataset", "remove", "mine", "--yes")
    assert "removed mine with mine-patches; datasets/mine stays where it is: mine-small reads it" in out
    assert len(list(Path("datasets/mine").rglob("*.png"))) == 24
    artpipe("dataset", "remove", "mine-small", "--yes")
    assert Path("params.yaml").read_text() == before
    assert not Path("datasets/mine").exists()
    code, _, error = artpipe("dataset", "restore", "mine")
    assert (code, error) == (
        2,
        "artpipe: datasets/mine: left with mine-small; `artpipe dataset restore mine-small` first\n",
    )
    assert [artpipe("dataset", "restore", name)[0] for name in ("mine-small", "mine")] == [0, 0]
    assert params()["models"].keys() == added["models"].keys()
    assert artpipe("check")[0] == 0


def test_comments_and_every_other_line_survive(studio, pictures, artpipe):
    """Adding and removing a dataset leaves params.yaml as it was, byte for byte."""
    before = tree()
    artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine")
    assert "# circles and squares" in Path("params.yaml").read_text()
    assert artpipe("dataset", "remove", "mine", "--yes")[0] == 0
    after = tree()
    assert after.pop("datasets/.gitignore", b"") == b""
    assert after == before


@pytest.mark.nightly
def test_an_archive_stays_an_archive(studio, pictures, artpipe):
    """A zip file is copied as it is and read by the source `archive`."""
    with zipfile.ZipFile(pictures.parent / "shapes.zip", "w") as archive:
        for path in sorted(pictures.rglob("*.png")):
            archive.write(path, path.relative_to(pictures))
    code, _, _ = artpipe(
        "dataset", "add", "--no-plan", pictures.parent / "shapes.zip", "--name", "mine", "--models", "classifier"
    )
    assert code == 0
    assert params()["datasets"]["mine"]["source"] == "archive"
    assert Path("datasets/mine.zip.dvc").is_file()
    assert artpipe("dataset", "remove", "mine", "--yes")[0] == 0
    assert not list(Path("datasets").glob("mine*"))


def test_removing_asks_and_can_be_undone(studio, pictures, artpipe, monkeypatch):
    """It says what of a person's own goes; with nobody to ask, or a no, nothing does; `restore` brings back every byte."""
    artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine", "--models", "gan")
    Path("datasets/mine/circle/late.png").write_bytes(Path("datasets/mine/circle/000.png").read_bytes() + b"late")
    before = tree()
    code, out, err = artpipe("dataset", "remove", "mine")
    assert (code, err) == (2, "artpipe: nothing was removed: there is nobody to ask here; `--yes` removes it\n")
    assert "datasets/mine: 25 files of yours, " in out
    assert "its entry and its models mine-gan leave params.yaml" in out
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", lambda _: False)
    assert artpipe("dataset", "remove", "mine")[:1] == (1,)
    assert tree() == before
    monkeypatch.setattr(typer, "confirm", lambda _: True)
    assert "`artpipe dataset restore mine` brings it back" in artpipe("dataset", "remove", "mine")[1]
    assert not Path("datasets/mine").exists()
    assert artpipe("dataset", "restore", "main") == (
        2, "", "artpipe: no dataset `main` was removed here, did you mean `mine`?; there are: mine\n",
    )  # fmt: skip
    assert artpipe("dataset", "restore", "mine")[0] == 0
    after = tree()
    for text in (before, after):
        text.pop("datasets/mine.dvc")  # it has the works that came since it was added
    assert after == before


def test_what_dvc_does_not_track_comes_back_too(studio, artpipe):
    """A dataset whose files git alone has, or nobody; a name that is taken meanwhile is refused."""
    before = Path("datasets/shapes/circle/000.png").read_bytes()
    text = Path("params.yaml").read_text()
    artpipe("dataset", "remove", "shapes", "--yes")
    assert not Path("datasets/shapes").exists()
    removed = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text)
    assert "there is a dataset `shapes` already" in artpipe("dataset", "restore", "shapes")[2]
    Path("params.yaml").write_text(removed)
    assert artpipe("dataset", "restore", "shapes")[0] == 0
    assert Path("datasets/shapes/circle/000.png").read_bytes() == before
    assert params()["models"]["shapes-classifier"]["steps"] == 20


def note_writer(path: str) -> None:
    """Have DVC's record say that this process writes an output."""
    note = Path(".dvc/tmp/rwlock")
    note.parent.mkdir(parents=True, exist_ok=True)
    writer = {"pid": os.getpid(), "cmd": "dvc repro --single-item train@shapes-classifier"}
    note.write_text(json.dumps({"write": {str(Path(path).resolve()): writer}}))


def wait_for(monkeypatch, change) -> None:
    """Have the next removal or restoring of a dataset wait for somebody's `change` of the project."""
    original = dataset_removal.change_project

    @contextlib.contextmanager
    def change_later():
        monkeypatch.setattr(dataset_removal, "change_project", original)
        change()
        with original() as undo:
            yield undo

    monkeypatch.setattr(dataset_removal, "change_project", change_later)


def test_restoring_brings_what_was_removed_last(studio, artpipe, monkeypatch):
    """Somebody else restored it, changed it and removed it again while the lock was waited for: nothing of that is lost."""

    def restore_change_and_remove() -> None:
        assert artpipe("dataset", "restore", "shapes")[0] == 0
        Path("params.yaml").write_text(Path("params.yaml").read_text().replace("steps: 20", "steps: 30"))
        assert artpipe("dataset", "remove", "shapes", "--yes")[0] == 0

    artpipe("dataset", "remove", "shapes", "--yes")
    wait_for(monkeypatch, restore_change_and_remove)
    assert artpipe("dataset", "restore", "shapes")[0] == 0
    assert params()["models"]["shapes-classifier"]["steps"] == 30


def test_a_run_that_began_while_a_removal_waited_keeps_its_works(studio, artpipe, monkeypatch):
    """The removal looks again once it has the lock."""
    before = tree()
    wait_for(monkeypatch, lambda: note_writer("data/checkpoints/shapes-classifier"))
    code, _, err = artpipe("dataset", "remove", "shapes", "--yes")
    assert (code, err.count("\n")) == (75, 1)
    assert tree() == before


def test_a_model_that_is_being_made_stays(studio, artpipe):
    """Removing it would take its training's lock away, and its outputs would come back; another model's stage is no hindrance."""
    before = tree()
    note_writer("data/checkpoints/shapes-classifier")
    code, _, err = artpipe("model", "remove", "shapes-classifier")
    assert code == 75
    assert err.endswith("(train@shapes-classifier), which makes `shapes-classifier`; try again when it has ended\n")
    assert tree() == before
    note_writer("data/checkpoints/other")
    assert artpipe("model", "remove", "shapes-classifier")[0] == 0


def test_an_original_is_never_shared(studio, pictures, artpipe):
    """Editing an original afterwards changes nothing in the project, and DVC leaves it writable."""
    original = pictures / "circle/000.png"
    artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine", "--models", "")
    copy = Path("datasets/mine/circle/000.png")
    assert not copy.samefile(original)
    assert os.access(original, os.W_OK)
    assert original.stat().st_nlink == 1


def test_hidden_files_links_and_unspeakable_names_stay_behind(studio, pictures, artpipe):
    """Hard file names are copied; what DVC or a clone could not follow is counted and left."""
    picture = (pictures / "circle/000.png").read_bytes()
    for name in (".DS_Store", "new\nline.png", "<script>.png", "绿.png"):
        (pictures / name).write_bytes(picture)
    Path(os.fsdecode(os.fsencode(pictures) + b"/\xff.png")).write_bytes(picture)
    (pictures / "link.png").symlink_to(pictures / "circle/000.png")
    os.mkfifo(pictures / "pipe.png")
    code, out, _ = artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine", "--models", "")
    assert code == 0
    assert "3 links, special files or names that are not UTF-8 stayed behind" in out
    names = {path.name for path in Path("datasets/mine").iterdir()}
    assert names == {"circle", "square", "new\nline.png", "<script>.png", "绿.png"}


def test_a_place_that_is_not_there_is_named_as_it_was_typed(studio, tmp_path, monkeypatch, artpipe):
    """From elsewhere and with `-C`: the word itself, and where it was looked for."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for command in (["dataset", "add", "a", "--name", "mine"], ["dataset", "inspect", "a"]):
        code, _, err = artpipe("-C", str(studio), *command)
        assert (code, err) == (2, f"artpipe: a: no such file or folder; looked for {tmp_path}/elsewhere/a\n")


@pytest.mark.nightly
def test_what_keeps_a_dataset_in_git_is_told(studio, pictures, artpipe):
    """The whole project where git does not know it yet, then the dataset's own files; nothing without git."""
    subprocess.run(["git", "init", "--quiet"], check=True)
    out = artpipe("dataset", "add", "--no-plan", pictures, "--name", "first", "--models", "vae")[1]
    assert out.rstrip().endswith("git add -A . && git commit -m 'New gallery'")
    subprocess.run(["git", "add", "params.yaml"], check=True)
    out = artpipe("dataset", "add", "--no-plan", pictures, "--name", "second", "--models", "vae")[1]
    assert "git add params.yaml datasets/second.dvc datasets/.gitignore && git commit" in out


def test_works_in_one_file_are_counted(tmp_path, artpipe):
    """A file of JSON lines says how many it holds; what cannot make a difference is no option."""
    lines = [json.dumps({"text": f"a poem of number {number}"}) for number in range(40)]
    (tmp_path / "poems.jsonl").write_text("\n".join(lines))
    assert "  40 texts in it\n" in artpipe("dataset", "inspect", tmp_path / "poems.jsonl")[1]
    (tmp_path / "whole.txt").write_text("one\n\ntwo\n")
    assert "1 text in it; `--separator" in artpipe("dataset", "inspect", tmp_path / "whole.txt")[1]


def test_options_that_make_no_difference_are_not_named(pictures, artpipe):
    """Pictures in two folders may have no classes; they are no texts and have no table."""
    out = artpipe("dataset", "inspect", pictures)[1]
    assert out.splitlines()[1:] == ["  to say otherwise: --classes none"]


MISTAKES = [
    (["nowhere", "--name", "mine"], "nowhere: no such file or folder"),
    (["PICTURES", "--name", "My.Room"], "`My.Room` cannot be a name: lower-case letters, digits and `-`"),
    (["PICTURES", "--name", "shapes"], "params.yaml: there is a dataset `shapes` already; take another name"),
    (["PICTURES", "--name", "mine", "--models", "gna"], "`gna` is not one of artpipe's models"),
    (["PICTURES", "--name", "mine", "--models", "gan,gan"], "a kind is named twice"),
    (["params.yaml", "--name", "mine"], "params.yaml: not a folder and not a zip or tar archive"),
    (["..", "--name", "mine"], "..: this project lies in that folder"),
    (["EMPTY", "--name", "mine"], "no files in it; works are wanted of a known medium"),
]


@pytest.mark.parametrize(("arguments", "line"), MISTAKES, ids=[line[:24] for _, line in MISTAKES])
def test_a_refused_dataset_leaves_nothing(studio, pictures, artpipe, arguments, line):
    """One line, exit code 2, and the project is as it was."""
    (pictures.parent / "empty").mkdir()
    places = {"PICTURES": pictures, "EMPTY": pictures.parent / "empty"}
    before = tree()
    code, _, err = artpipe("dataset", "add", "--no-plan", *(places.get(one, one) for one in arguments))
    assert code == 2
    assert line in err
    assert err.count("\n") == 1
    assert tree() == before


@pytest.mark.parametrize("place", ["copy_folder", "track_files", "write_params", "check_model"])
def test_a_failure_anywhere_leaves_nothing(studio, pictures, artpipe, monkeypatch, place):
    """Whatever step fails, copies, tracking and entries are taken back."""
    before = tree()

    def fail(*_: object, **__: object) -> None:
        raise UserError("the disk is full")

    monkeypatch.setattr(add_remove, place, fail)
    assert artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine")[::2] == (2, "artpipe: the disk is full\n")
    assert tree() == before


@pytest.mark.parametrize("pattern", ["*.png", "/datasets/mine/circle"])
@pytest.mark.nightly
def test_what_dvc_would_leave_out_is_refused(studio, pictures, artpipe, pattern):
    """A pattern of `.dvcignore` that meets works: pushes would lack them without a word."""
    with Path(".dvcignore").open("a") as lines:
        lines.write(f"{pattern}\n")
    before = tree()
    code, _, err = artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine")
    assert (code, err.count("\n")) == (2, 1)
    assert ".dvcignore: " in err
    assert "of the 24 files of datasets/mine are left out" in err
    assert tree() == before


@pytest.mark.nightly
def test_dvc_failing_after_it_wrote_leaves_nothing(studio, pictures, artpipe, monkeypatch):
    """Also what `dvc add` had written is taken back."""
    before, real = tree(), tracked_files.run_dvc

    def fail(*arguments: str) -> None:
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(tracked_files, "run_dvc", fail)
    assert artpipe("dataset", "add", "--no-plan", pictures, "--name", "mine")[0] == 130
    assert tree() == before


def test_a_model_is_added_with_parameters(studio, artpipe):
    """`-P` values are YAML: numbers are numbers."""
    line = [
        "model",
        "add",
        "second",
        "--kind",
        "gan",
        "--dataset",
        "shapes",
        "-P",
        "steps=7",
        "-P",
        "learning_rate=1e-3",
    ]
    code, out, err = artpipe(*line)
    assert (code, err) == (0, "")
    assert "second" in out
    entry = params()["models"]["second"]
    assert (entry["steps"], entry["learning_rate"]) == (7, 0.001)
    assert entry["pretrained"] == "data/checkpoints/shapes-classifier"


@pytest.mark.parametrize(
    ("kind", "parameter", "message"),
    [
        ("gan", "pretrained=data/checkpoints/second", "goes in a circle: `second` -> `second`"),
        ("gan", "kind=vae", "-P kind=: write `--kind vae`"),
        ("gan", "dataset=other", "-P dataset=: write `--dataset other`"),
    ],
)
def test_a_model_that_no_check_would_pass_is_not_added(studio, artpipe, kind, parameter, message):
    """One line, and params.yaml stays as it was."""
    before = Path("params.yaml").read_bytes()
    code, _, err = artpipe("model", "add", "second", "--kind", kind, "--dataset", "shapes", "-P", parameter)
    assert (code, len(err.splitlines())) == (2, 1)
    assert message in err
    assert Path("params.yaml").read_bytes() == before


def test_who_names_pictures_gets_no_number_of_chosen_ones(studio):
    """A style whose pictures are named paints those; one that names none chooses four."""
    found, named = load_params(Path("params.yaml")), {"paint": {"square": ["circle"]}}
    assert make_model_entry(found, "ours", "style", "shapes")["chosen"] == 6
    entry = make_model_entry(found, "ours", "style", "shapes", named)
    assert entry["paint"] == named["paint"]
    assert "chosen" not in entry


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["gan", "shapes", "stepps=7"], "`models.second.stepps` is not a parameter, did you mean `steps`?"),
        (["gan", "shapes", "steps"], "-P steps: KEY=VALUE is wanted, such as `-P steps=500`"),
        (["gna", "shapes", "steps=1"], "`gna` is not one of artpipe's models"),
        (["gan", "shape", "steps=1"], "params.yaml: no dataset `shape`, did you mean `shapes`?"),
    ],
)
def test_a_refused_model_leaves_params_alone(studio, artpipe, arguments, line):
    """A mistake is one line, and params.yaml keeps its bytes."""
    before = Path("params.yaml").read_bytes()
    kind, dataset, parameter = arguments
    code, _, err = artpipe("model", "add", "second", "--kind", kind, "--dataset", dataset, "-P", parameter)
    assert code == 2
    assert line in err
    assert Path("params.yaml").read_bytes() == before


def test_a_model_others_need_is_not_removed(studio, artpipe):
    """A feature extractor stays while somebody is measured with it; the line names who."""
    artpipe("model", "add", "second", "--kind", "vae", "--dataset", "shapes")
    line = "artpipe: `shapes-classifier` is the `feature_extractor` of `second`; change or remove `second` first\n"
    assert artpipe("model", "remove", "shapes-classifier")[::2] == (2, line)
    assert artpipe("model", "remove", "second")[0] == artpipe("model", "remove", "shapes-classifier")[0] == 0
    assert params()["models"] == {}


def test_removing_takes_the_outputs_and_nothing_else(studio, artpipe):
    """Everything below data/ and .state/ that has the name goes, its neighbours stay."""
    gone = [
        "data/works/shapes",
        "data/shards/shapes",
        "data/checkpoints/shapes-classifier",
        "data/runs/shapes-classifier",
    ]
    stay = ["data/works/other", "data/checkpoints/other"]
    for name in (*gone, *stay, ".state/train/shapes-classifier"):
        (Path(name) / "x").mkdir(parents=True)
    assert artpipe("dataset", "remove", "shapes", "--yes", "--keep-files")[0] == 0
    assert not any(Path(name).exists() for name in (*gone, ".state/train/shapes-classifier"))
    assert all(Path(name).exists() for name in stay)
    assert Path("datasets/shapes/circle/000.png").exists()


@pytest.mark.parametrize("path", ["datasets/../../precious", "datasets/link/precious", "datasets/..", "datasets"])
def test_removing_reaches_nothing_outside(studio, artpipe, path):
    """Whatever params.yaml names, by `..` or behind a link, works outside `datasets` stay."""
    works = draw_shapes(studio.parent / "precious")
    (studio / "datasets/link").symlink_to("../..")
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("datasets/shapes", path))
    assert artpipe("dataset", "remove", "shapes", "--yes")[0] == 0
    assert (works / "circle/000.png").exists()
    assert (studio / "datasets/shapes/circle/000.png").exists()
    assert Path("params.yaml").exists()


@pytest.mark.parametrize(
    "path", ["datasets/shapes", "datasets/shapes/circle", "datasets/../datasets/shapes", "datasets"]
)
def test_removing_leaves_the_works_of_others(studio, artpipe, path):
    """Two datasets of the same works, or of some of them: with one gone, the other still has its works."""
    text = Path("params.yaml").read_text()
    again = {"medium": "picture", "source": "folder", "path": path, "about": {}, "ingest": {}, "preprocess": {}}
    Path("params.yaml").write_text(insert_entry(text, "datasets", "again", again))
    assert artpipe("dataset", "remove", "shapes", "--yes")[0] == 0
    assert Path("datasets/shapes/circle/000.png").exists()


def test_a_note_of_arrival_takes_nothing_else_back(studio, artpipe):
    """What stands in the note of works on their way in goes only from `datasets`."""
    works = draw_shapes(studio.parent / "precious")
    Path(".state").mkdir()
    Path(".state/arriving").write_text(str(works))
    artpipe("model", "remove", "shapes-classifier")
    assert (works / "circle/000.png").exists()


@pytest.mark.nightly
def test_two_at_once_lose_nothing(studio, pictures):
    """Two processes that add a model at the same time both end up in params.yaml."""
    command = [sys.executable, "-m", "artpipe", "model", "add", "--kind", "vae", "--dataset", "shapes"]
    both = [subprocess.Popen([*command, name], stdout=subprocess.DEVNULL) for name in ("one", "two")]
    assert [process.wait() for process in both] == [0, 0]
    assert {"one", "two"} <= set(params()["models"])


def test_a_change_waits_for_another(studio, artpipe, monkeypatch):
    """A command beside another one waits until that has ended, and says for whom."""
    assert (add_remove._WAIT_SECONDS, add_remove._NOTICE_SECONDS) == (60.0, 5.0)
    monkeypatch.setattr(add_remove, "_NOTICE_SECONDS", 0.0)
    with contextlib.ExitStack() as other:
        other.enter_context(locks.hold_lock(Path(".state/project.lock")))
        waiting = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: other.close())
        monkeypatch.setattr(locks, "time", waiting)
        code, _, err = artpipe("model", "add", "second", "--kind", "vae", "--dataset", "shapes")
    line = f"artpipe: waiting up to 60 s: process {os.getpid()} is already at a change of params.yaml\n"
    assert (code, err) == (0, line)
    assert "second" in params()["models"]
