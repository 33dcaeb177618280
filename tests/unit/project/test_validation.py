"""What a person may get wrong: one line, exit code 2, before anything has started."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from artpipe import plugins
from artpipe.config.params import load_params
from artpipe.storage.running_work import RUN_LOCKS
from artpipe.system.locks import hold_lock

KINDS = ", ".join(plugins.list_plugins("models"))


def edit(before: str, after: str) -> None:
    """Replace a piece of params.yaml."""
    path = Path("params.yaml")
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def test_a_good_project_is_told_so(studio, artpipe):
    """A project without mistakes gets one sentence and exit code 0."""
    assert artpipe("check") == (0, "params.yaml is fine: 1 dataset, 1 model\n", "")
    code, out, _ = artpipe("check", "--json")
    assert (code, json.loads(out)) == (
        0,
        {"ok": True, "summary": "params.yaml is fine: 1 dataset, 1 model", "note": ""},
    )


def test_a_title_of_no_model_is_noted(studio, artpipe):
    """A title may outlive its model: `check` passes, names it, and the untitled model that may be meant."""
    model = next(iter(load_params(Path("params.yaml")).models))
    edit("gallery: {", f"gallery: {{titles: {{{model}s: Shapes, zz: Gone}}, ")
    note = f"params.yaml: `gallery.titles` names what is no model: `{model}s`, did you mean `{model}`, `zz`"
    assert artpipe("check") == (0, "params.yaml is fine: 1 dataset, 1 model\n", f"note: {note}\n")
    assert json.loads(artpipe("check", "--json")[1])["note"] == note


def test_a_mistake_hides_no_run(studio, artpipe):
    """`status` says what is at work, then the mistake: the project may have changed since the run began."""
    edit("seed: ", "sed: ")
    with hold_lock(RUN_LOCKS / "a.lock"):
        code, out, err = artpipe("status")
    assert code == 2
    assert out.startswith("a run is at work since ")
    assert "sed" in err
    assert artpipe("status")[1] == ""


MISTAKES = {
    "a typo in a section": (
        "preprocess:",
        "preproces:",
        "params.yaml: `datasets.shapes.preproces` is not a parameter, did you mean `preprocess`?",
    ),
    "a typo in a model's parameter": (
        "steps: 20",
        "stepps: 20",
        "params.yaml: `models.shapes-classifier.stepps` is not a parameter, did you mean `steps`?",
    ),
    "a section left out": (
        "    about: {}\n",
        "",
        "params.yaml: `datasets.shapes.about` is missing; write `about: {}` for its defaults",
    ),
    "an unknown kind": (
        "kind: classifier",
        "kind: classifer",
        "params.yaml: `models.shapes-classifier.kind` is `classifer`, which does not exist, did you mean `classifier`?",
    ),
    "no kind": (
        "    kind: classifier\n",
        "",
        f"params.yaml: `models.shapes-classifier.kind` is missing; one of {KINDS}",
    ),
    "an unknown dataset": (
        "dataset: shapes",
        "dataset: shape",
        "params.yaml: `models.shapes-classifier.dataset` is `shape`, which does not exist, did you mean `shapes`?",
    ),
    "an empty `pretrained`": (
        "pretrained: data/shards/shapes",
        "pretrained:",
        (
            "params.yaml: `models.shapes-classifier.pretrained` is empty; "
            "write `pretrained: data/shards/shapes` where it uses nothing else"
        ),
    ),
    "no `feature_extractor`": (
        "    feature_extractor: shapes-classifier\n",
        "",
        (
            "params.yaml: `models.shapes-classifier.feature_extractor` is missing; "
            "write `feature_extractor: shapes-classifier`, or the dataset's classifier"
        ),
    ),
    "a feature extractor that is not there": (
        "feature_extractor: shapes-classifier",
        "feature_extractor: shapes-clasifier",
        (
            "params.yaml: `models.shapes-classifier.feature_extractor` is `shapes-clasifier`, which does not exist, "
            "did you mean `shapes-classifier`?"
        ),
    ),
    "a circle": (
        "pretrained: data/shards/shapes",
        "pretrained: data/checkpoints/shapes-classifier",
        "params.yaml: `models.shapes-classifier.pretrained` goes in a circle: `shapes-classifier` -> `shapes-classifier`",
    ),
    "an unknown metric": (
        "[kid]",
        "[kidd]",
        "params.yaml: `evaluation.metrics` is `kidd`, which does not exist, did you mean `kid`?",
    ),
    "an unknown theme": (
        "sections: []",
        "sections: [], theme: musuem",
        "params.yaml: `gallery.theme` is `musuem`, which does not exist, did you mean `museum`?",
    ),
    "a name with a dot": (
        "  shapes:  #",
        "  shapes.a:  #",
        "params.yaml: `datasets.shapes.a`: a name is lower-case letters, digits and `-`, at most 100",
    ),
    "a missing path": (
        "path: datasets/shapes",
        "path: datasets/shape",
        "params.yaml: `datasets.shapes.path`: datasets/shape: no such file or folder, did you mean `datasets/shapes`?",
    ),
    "the project itself": (
        "path: datasets/shapes",
        "path: .",
        "params.yaml: `datasets.shapes.path`: .: this project lies in that folder; name the folder that has the works only",
    ),
    "what the project makes": (
        "path: datasets/shapes",
        "path: .dvc",
        "params.yaml: `datasets.shapes.path`: .dvc: `.dvc` is the project's own; copy what you want of it to a folder of its own first",
    ),
    "a path out of the project": (
        "path: datasets/shapes",
        "path: /somewhere/pictures",
        (
            "params.yaml: `datasets.shapes.path` is '/somewhere/pictures': a path inside the project is wanted, such as "
            "`datasets/NAME`; `artpipe dataset add PATH --name NAME` copies pictures in"
        ),
    ),
    "an unknown source": (
        "source: folder",
        "source: foldr",
        "params.yaml: `datasets.shapes.source` is `foldr`, which does not exist, did you mean `folder`?",
    ),
    "a wrong type": (
        "size: 16",
        "size: big",
        "params.yaml: `datasets.shapes.preprocess.size` is 'big': expected a whole number",
    ),
    "text that is no YAML": ("about: {}", "about: {", "params.yaml:12:5: not YAML: "),
    "a number without end": (
        "steps: 20",
        "learning_rate: .inf",
        "params.yaml: `models.shapes-classifier.learning_rate` is inf: input should be a finite number",
    ),
    "settings that do not go together": (
        "validation: 0.2",
        "validation: 0.8",
        "params.yaml: `datasets.shapes.preprocess`: validation 0.8 and test 0.2 leave no works to train on",
    ),
    "a kind for another medium": (
        "kind: classifier",
        "kind: rnn",
        (
            "params.yaml: `models.shapes-classifier.kind` is `rnn`, which reads tokens, and `shapes` is of picture; of that "
            "learn: classifier, faststyle, flow, gan, inpaint, patches, style, superres, vae"
        ),
    ),
    "another format": ("format: 2", "format: 7", "params.yaml: `format` is 7: input should be 2"),
}


@pytest.mark.parametrize(("before", "after", "line"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_params_is_one_line(studio, artpipe, before, after, line):
    """Each mistake is named with its place, what was found and the nearest right thing; exit code 2."""
    edit(before, after)
    code, out, err = artpipe("check")
    assert (code, out) == (2, "")
    assert err.startswith(f"artpipe: {line}")
    assert err.count("\n") == 1
    assert err.rstrip().endswith(line) or line.endswith(": ")


def fill(*names: str) -> None:
    """Leave only the given kind of files in the dataset."""
    shutil.rmtree("datasets/shapes")
    Path("datasets/shapes").mkdir()
    for name in names:
        Path("datasets/shapes", name).write_text("no picture")


PREFIX = "artpipe: params.yaml: `datasets.shapes.path`: datasets/shapes: "
FORMATS = "no picture files in it (JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF)"


def test_an_empty_dataset_is_refused(studio, artpipe):
    """An empty folder is no dataset."""
    fill()
    assert artpipe("check") == (2, "", f"{PREFIX}{FORMATS}\n")


def test_a_dataset_of_text_files_is_refused(studio, artpipe):
    """Files are judged by their first bytes, whatever they are called."""
    fill("one.txt", "two.jpg")
    assert artpipe("check") == (2, "", f"{PREFIX}{FORMATS}; 2 other files\n")


def test_a_dataset_with_one_picture_is_refused(studio, artpipe):
    """One picture cannot be split into works to learn from and works to be measured on."""
    picture = Path("datasets/shapes/circle/000.png").read_bytes()
    fill()
    Path("datasets/shapes/only.png").write_bytes(picture)
    assert artpipe("check") == (2, "", f"{PREFIX}1 picture in it, a dataset needs at least 8 for its splits\n")


def test_data_that_was_not_pulled_yet_is_told_how(studio, artpipe):
    """A clone has the .dvc file and not the pictures: the line says how to get them."""
    shutil.rmtree("datasets/shapes")
    Path("datasets/shapes.dvc").write_text("outs: []\n")
    code, _, err = artpipe("check")
    assert code == 2
    assert err.endswith("datasets/shapes is tracked but not here; `dvc pull datasets/shapes` fetches it\n")


def test_a_link_out_of_the_project_is_refused(studio, artpipe, pictures):
    """A dataset that is a link to elsewhere would be missing in every clone."""
    shutil.rmtree("datasets/shapes")
    Path("datasets/shapes").symlink_to(pictures)
    code, _, err = artpipe("check")
    assert code == 2
    assert "is a link out of the project" in err


PLACES = [
    "data",
    "data/works",
    "data/checkpoints/shapes",
    "datasets",
    ".dvc/tmp",
    ".dvc/cache/files/md5/ab",
    "dvc.lock",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.nightly
def test_no_write_permission_is_refused(studio, place):
    """A folder or file that cannot be written to, as another user leaves it, is named before a stage has run."""
    path = Path(place)
    if path.suffix:
        path.touch()
    else:
        path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o555)
    command = [sys.executable, "-m", "artpipe", "check"]
    if os.getuid() == 0:  # root may write everywhere, until it gives that up
        if not shutil.which("setpriv"):
            pytest.skip("root, and no setpriv to give its rights up")
        command = ["setpriv", "--bounding-set=-dac_override", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"artpipe: {place}: no write permission; artpipe works there\n")


def test_a_file_in_the_place_of_a_folder_is_refused(studio, artpipe):
    """`data` has to be a folder."""
    Path("data").write_text("")
    assert artpipe("check") == (2, "", "artpipe: data: a file stands where artpipe needs a folder\n")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "params.yaml",
            "params.yaml: no such file; run artpipe in the folder that has params.yaml, or in one below it",
        ),
        ("dvc.yaml", "dvc.yaml: no such file; run artpipe in the folder that has it and params.yaml"),
        (".dvc", ".dvc: no such folder; `dvc init` makes it (`dvc init --no-scm` without git)"),
    ],
)
def test_outside_a_project_the_way_in_is_said(studio, artpipe, name, line):
    """A missing piece of the project is named."""
    shutil.move(name, studio.parent / "away")
    assert artpipe("check") == (2, "", f"artpipe: {line}\n")


def test_a_feature_extractor_of_another_dataset_is_refused(studio, artpipe):
    """Scores on the features of another dataset's classifier would mean nothing."""
    Path("params.yaml").write_text(
        Path("params.yaml").read_text().replace("models:\n", "models:\n  other: {kind: classifier, dataset: more, "
        "pretrained: data/shards/more, feature_extractor: other}\n").replace("    feature_extractor: shapes-classifier", "    feature_extractor: other")
        .replace("datasets:\n", "datasets:\n  more: {medium: picture, source: folder, path: datasets/shapes, about: {}, ingest: {}, "
        "preprocess: {}}\n")
    )  # fmt: skip
    code, _, err = artpipe("check")
    line = "`models.shapes-classifier.feature_extractor` is `other`, which learned from `more`, and this model learns from `shapes`"
    assert (code, err) == (2, f"artpipe: params.yaml: {line}\n")


def test_a_feature_extractor_without_features_is_refused(studio, artpipe):
    """A gan cannot measure others."""
    edit(
        "models:\n",
        "models:\n  painter: {kind: gan, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: painter}\n",
    )
    edit("    feature_extractor: shapes-classifier", "    feature_extractor: painter")
    code, _, err = artpipe("check")
    assert code == 2
    assert (
        "`models.shapes-classifier.feature_extractor` is `painter`, a gan, which has no features to measure with" in err
    )


@pytest.mark.parametrize(
    ("entry", "pretrained", "line"),
    [
        (
            "{path: eye.txt}",
            "data/shards/shapes",
            "`weights.eye.path`: eye.txt: a pin card (.yaml) or a file of weights ",
        ),
        ("{path: eye.pth}", "data/shards/shapes", "`weights.eye.path`: eye.pth: no such file"),
        ("{path: /eye.pth}", "data/shards/shapes", "a path inside the project is wanted, such as `weights/NAME.yaml`"),
        ("{path: eye.yaml}", "data/shards/shapes", "eye.yaml: `packag` is not a parameter, did you mean `package`?"),
        ("{pat: eye.pth}", "data/shards/shapes", "`weights.eye.pat` is not a parameter, did you mean `path`?"),
        ("", "data/shards/shapes", "params.yaml: `weights.eye` is empty"),
        ("{path: good.pth}", "data/weights/ey", "is `data/weights/ey`, which does not exist, did you mean `eye`?"),
        ("{path: good.pth}", "data/weights/eye", "`data/weights/eye`, and a classifier does not measure with weights"),
    ],
)
def test_a_mistake_about_weights_is_one_line(studio, artpipe, entry, pretrained, line):
    """A missing, misspelt or unsuitable entry of weights is named before anything has run."""
    for name, text in (("eye.txt", ""), ("eye.yaml", "packag: {}\n"), ("good.pth", "")):
        Path(name).write_text(text)
    edit("models:\n", f"weights:\n  eye: {entry}\nmodels:\n")
    edit("pretrained: data/shards/shapes", f"pretrained: {pretrained}")
    code, _, err = artpipe("check")
    assert (code, err.count("\n")) == (2, 1)
    assert line in err


@pytest.mark.nightly
def test_a_parameter_that_dvc_overlooks_is_refused(studio, artpipe):
    """A kind of the project whose parameter is called `size` would get former results back for a new value."""
    kind = "from artpipe.models.vae import MODEL as VAE, Params as Own\n\n\nclass Params(Own):\n    size: int = 1\n\n\n"
    Path("plugins/models").mkdir(parents=True)
    Path("plugins/models/mine.py").write_text(
        f"{kind}MODEL = VAE.__class__(reads=VAE.reads, params=Params, build=VAE.build)\n"
    )
    model = next(line for line in Path("params.yaml").read_text().splitlines() if "kind: " in line)
    edit(model, model.replace(model.split("kind: ")[1].split(",")[0].split("}")[0], "mine"))
    code, _, err = artpipe("check")
    assert code == 2
    assert "is `mine`; DVC overlooks its parameter `size`: rename it" in err


def test_what_passed_is_not_checked_again(studio, artpipe):
    """A second check imports no torch; it comes back with any edit, and a mistake is found as at the first time."""
    code = "import sys; from artpipe.project.validation import check_project\ncheck_project(); sys.exit('torch' in sys.modules)"

    def imports_torch():
        return subprocess.run([sys.executable, "-c", code], check=False).returncode

    assert imports_torch()
    assert not imports_torch()
    edit("steps: 20", "steps: 30")
    assert imports_torch()
    assert not imports_torch()
    edit("steps: 30", "steps: 0")
    assert artpipe("check")[0] == 2
    assert artpipe("check")[0] == 2
    edit("steps: 0", "steps: 30")
    (studio / "datasets/shapes").rename("datasets/circles")
    assert "no such file or folder" in artpipe("check")[2]


def test_a_file_that_an_entry_names_is_checked_when_it_changed(studio, artpipe):
    """A file of weights passed; another one under its name is looked at."""
    (studio / "weights").mkdir()
    (studio / "weights/eye.safetensors").write_bytes(b"one")
    sha256 = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    edit("models:\n", f"weights:\n  eye: {{path: weights/eye.safetensors, sha256: {sha256}}}\n\nmodels:\n")
    assert artpipe("check")[0] == 0
    assert artpipe("check")[0] == 0
    (studio / "weights/eye.safetensors").write_bytes(b"two")
    assert "weights/eye.safetensors: SHA-256 is" in artpipe("check")[2]
    (studio / "weights/eye.safetensors").unlink()
    assert "no such file" in artpipe("check")[2]
