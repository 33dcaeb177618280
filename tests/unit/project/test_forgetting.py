"""Forgetting: what a work has left is found, and after `--yes` none of its bytes are left anywhere."""

import contextlib
import hashlib
import json
import shutil
import subprocess
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champion, ChampionHistory, Champions, load_champions, save_champions
from artpipe.artifacts.report import Finding, Neighbour, ReportCard, SavedExhibit, save_report, work_file
from artpipe.artifacts.run import RunCard, save_run
from artpipe.artifacts.shards import ShardSet
from artpipe.artifacts.tombstones import load_tombstones
from artpipe.artifacts.works import Record, Works
from artpipe.config.params import load_params
from artpipe.errors import ArtpipeError, UserError
from artpipe.gallery import build_gallery
from artpipe.ingest import ingest_dataset
from artpipe.preprocess import preprocess_dataset
from artpipe.project.forgetting import forget_works, source_removal, work_traces
from artpipe.project.forgetting.forget_plan import PLAN_FILE, require_nothing_pending
from artpipe.project.forgetting.held_works import iterate_works
from artpipe.storage.dvc_cache import write_object
from artpipe.storage.dvc_command import hash_folder, make_listing
from artpipe.system.hashing import md5_file, sha256_bytes, sha256_file
from artpipe.system.locks import hold_lock
from tests.conftest import draw_shapes
from tests.support.byte_search import find_bytes

pytestmark = pytest.mark.xdist_group("forgetting")  # the module's project is made once
NAME, TITLE, CREATOR = "circle/zorblax.png", "Evening with Zorblax", "Quixotina Vandersloot"
PARAMS = """\
format: 2
seed: 1
datasets:
  shapes: {medium: picture, source: folder, path: datasets/shapes, about: {}, ingest: {}, preprocess: {size: 16}}
  packed:  # a zip
    medium: picture
    source: archive
    path: datasets/packed.zip
    about: {}
    ingest: {}  # as it was
    preprocess: {size: 16}
  other: {medium: picture, source: folder, path: datasets/other, about: {}, ingest: {}, preprocess: {size: 16}}
models:
  shapes-vae: {kind: vae, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: shapes-vae}
  other-vae: {kind: vae, dataset: other, pretrained: data/checkpoints/shapes-vae, feature_extractor: other-vae}
  last-vae: {kind: vae, dataset: other, pretrained: data/shards/other, feature_extractor: last-vae}
evaluation: {metrics: []}
gallery: {title: shapes, sections: [rooms, card, exhibits, plaque, neighbours, dataset_card, quarantine]}
"""


def plant_model(name: str, dataset: str, digest: str = "", thumbnail: bytes = b"") -> None:
    """Write checkpoint, run and report of a model, whose one work is near to a work of the dataset."""
    shards = ShardSet.open(paths.shards(dataset))
    card = {"name": name, "shards": shards.sha256, "params": {"dataset": dataset, "kind": "vae"}}
    folder = paths.checkpoint(name)
    folder.mkdir(parents=True)
    (folder / "checkpoint.json").write_text(json.dumps(card))
    checkpoint = sha256_file(folder / "checkpoint.json")
    told = {"run_id": f"{len(name):032x}", "model": name, "stage": f"train@{name}", "params": {"dataset": dataset}}
    told |= {"started": 1.0, "ended": 2.0, "sessions": 1, "host": "h", "platform": "p", "versions": {}, "threads": 1}
    told |= {"device": "cpu", "precision": "fp32", "commit": None, "dirty": False, "flow_run": None}
    save_run(paths.run(name), RunCard(**told, checkpoint=checkpoint, core_seconds=1.0, steps=1))
    folder, works = paths.report(name), {}
    (folder / "works").mkdir(parents=True)
    if digest:
        works[work_file(digest)] = sha256_bytes(thumbnail)
        (folder / work_file(digest)).write_bytes(thumbnail)
    Image.new("RGB", (16, 16), f"#{sha256_bytes(name.encode())[:6]}").save(folder / "sample-000.png")
    exhibit = SavedExhibit(
        file="sample-000.png", kind="image", role="sample", caption="x", sha256=sha256_file(folder / "sample-000.png"),
        neighbours=(Neighbour(digest=digest, distance=0.25),) if digest else (),
    )  # fmt: skip
    finding = Finding(verdict="healthy", score="x", value=1.0, bound=0.0, sentence="So it is.")
    report = ReportCard(
        model=name, kind="vae", dataset=dataset, checkpoint=checkpoint, shards=shards.sha256, feature_extractor=None,
        verdict=finding, findings=(), scores=(), exhibits=(exhibit,), works=works,
    )  # fmt: skip
    save_report(folder, report)


def keep(stages: dict[str, list[Path]]) -> None:
    """Have DVC's cache, dvc.lock and the run cache keep outputs, as `dvc repro` does."""
    lock = "schema: '2.0'\nstages:\n"
    for stage, outputs in stages.items():
        outs = ""
        for output in outputs:
            md5 = hash_folder(output)
            for path in output.rglob("*"):
                if path.is_file():
                    write_object(Path(".dvc/cache"), md5_file(path), path)
            write_object(Path(".dvc/cache"), md5, make_listing(output))
            outs += f"    - path: {output}\n      hash: md5\n      md5: {md5}\n      size: 1\n      nfiles: 1\n"
        lock += f"  {stage}:\n    cmd: artpipe {stage}\n    outs:\n{outs}"
        name = hashlib.sha256(stage.encode()).hexdigest()
        entry = Path(".dvc/cache/runs") / name[:2] / name / name
        entry.parent.mkdir(parents=True)
        entry.write_text(f"cmd: artpipe {stage}\nouts:\n{outs.replace('    - ', '- ').replace('      ', '  ')}")
    Path("dvc.lock").write_text(lock)


def dvc_add(*arguments: str) -> None:
    """Call DVC in this process: its own takes longer to start than all else here."""
    from dvc.repo import Repo

    assert arguments[0] == "add"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Repo(".") as repo:
            repo.add(arguments[1])


def draw_sources(folder: Path) -> bytes:
    """Draw three datasets; two hold the work, one of them under two names, with a table, a note and a re-encoded copy."""
    shapes = draw_shapes(folder / "datasets/shapes", count=20, side=40)
    draw_shapes(folder / "datasets/other", count=12, side=50)
    work = Image.effect_noise((48, 48), 90).convert("RGB")
    work.save(shapes / NAME)
    data = (shapes / NAME).read_bytes()
    (shapes / "square/renamed.png").write_bytes(data)
    work.save(shapes / "square/other-form.bmp")
    (shapes / NAME).with_suffix(".txt").write_text(f"a caption about {TITLE}")
    rows = [
        (path.relative_to(shapes).as_posix(), f"Shape {path.stem}", "nobody") for path in sorted(shapes.rglob("*.png"))
    ]
    rows = [(name, TITLE, CREATOR) if name == NAME else (name, title, creator) for name, title, creator in rows]
    (shapes / "metadata.csv").write_text("file_name,title,creator\n" + "".join(",".join(row) + "\n" for row in rows))
    with zipfile.ZipFile(folder / "datasets/packed.zip", "w") as archive:
        for path in sorted((folder / "datasets/other").rglob("*.png")):
            archive.write(path, f"pictures/{path.name}")
        archive.writestr("pictures/packed-zorblax.png", data)
    return data


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    """A project with all that a work leaves, and the bytes by which to find it."""
    root = Path(__file__).parents[3]
    folder = tmp_path_factory.mktemp("forgetting") / "project"
    data = draw_sources(folder)
    (folder / "params.yaml").write_text(PARAMS)
    for name in ("dvc.yaml", "code.yaml", "champions.json", "curation.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(root / name, folder / name)
    shutil.copytree(root / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    with contextlib.chdir(folder):
        subprocess.run(["git", "init", "-q"], check=True)
        for path in ("datasets/shapes", "datasets/packed.zip", "datasets/other"):
            dvc_add("add", path)
        for dataset in ("shapes", "packed", "other"):
            ingest_dataset(dataset)
        for dataset in ("shapes", "other"):
            preprocess_dataset(dataset)
        digest = sha256_bytes(data)
        with Image.open(folder / "datasets/shapes" / NAME) as image:
            image.resize((24, 24)).save(folder / "thumbnail.png")
        thumbnail = (folder / "thumbnail.png").read_bytes()
        (folder / "thumbnail.png").unlink()
        plant_model("shapes-vae", "shapes", digest, thumbnail)
        plant_model("other-vae", "other")
        plant_model("last-vae", "other")
        champion = Champion(
            model="shapes-vae", run_id="1", checkpoint="c" * 64, report="d" * 64, shards="e" * 64, score=None,
            dvc={str(paths.report("shapes-vae")): hash_folder(paths.report("shapes-vae"))},
        )  # fmt: skip
        kept = champion.model_copy(update={"model": "last-vae", "dvc": {}})
        histories = {
            name: {"vae": ChampionHistory(champion=one)} for name, one in (("shapes", champion), ("other", kept))
        }
        save_champions(Path(), Champions(champions=histories))
        build_gallery()
        stages = {f"ingest@{name}": [paths.works(name), paths.record(name)] for name in ("shapes", "packed", "other")}
        stages |= {f"preprocess@{name}": [paths.shards(name)] for name in ("shapes", "other")}
        stages |= {f"evaluate@{name}": [paths.report(name)] for name in ("shapes-vae", "other-vae", "last-vae")}
        keep(stages | {"gallery": [paths.gallery()]})
        for place in (
            ".state/contact/shapes.png",
            ".state/critique/x.safetensors",
            ".state/features/x.safetensors",
            ".state/preview/media/x.png",
            "data/samples/shapes-vae-seed-1.png",
        ):
            Path(place).parent.mkdir(parents=True, exist_ok=True)
            Path(place).write_bytes(thumbnail)
        former_page = Path("former-page.html")  # of a gallery that was never committed: nothing names its version
        former_page.write_bytes(TITLE.encode() + thumbnail)
        write_object(Path(".dvc/cache"), md5_file(former_page), former_page)
        former_page.unlink()
        subprocess.run(["git", "add", "-A"], check=True)
        subprocess.run(["git", "commit", "-qm", "all"], check=True)
        shards = ShardSet.open(paths.shards("shapes"))
        columns = {name: shards.load(name) for name, count in shards.card.counts.items() if count}
        pixels = next(
            bytes(split["images"][row].flatten()[:64].tolist())
            for split in columns.values()
            for row, other in enumerate(split["digests"].tolist())
            if bytes(other).hex() == digest
        )
    named = {"name": b"zorblax", "title": TITLE.encode(), "creator": CREATOR.encode()}
    return folder, {"bytes": data[60:160], "pixels": pixels, "thumbnail": thumbnail[41:], **named}


@pytest.fixture
def project(made, tmp_path, monkeypatch) -> Path:
    """A copy of the project, made the working directory; DVC is called in this process."""
    shutil.copytree(made[0], tmp_path / "project", symlinks=True)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr("artpipe.project.forgetting.source_removal.run_dvc", dvc_add)
    monkeypatch.setenv("ARTPIPE_TRACKING", "off")
    return tmp_path / "project"


def test_what_a_work_has_left_is_told(project, artpipe):
    """Datasets with duplicates, models and through what they know of it, works near to it, pages, champions: as text and JSON."""
    code, out, _ = artpipe("forget", TITLE)
    told = json.loads(artpipe("forget", NAME, "--json")[1])
    assert code == 0
    assert [(held["dataset"], held["name"], held["near"]) for held in told["held"]][:1] == [("shapes", NAME, None)]
    assert {held["dataset"] for held in told["held"]} == {"shapes", "packed"}
    assert [held["near"]["bits"] for held in told["held"] if held["name"] == "square/other-form.bmp"] == [0]
    assert told["set_aside"]["shapes"] == ["square/renamed.png"]
    assert {trace["model"]: trace["how"] for trace in told["models"]} == {
        "shapes-vae": told["models"][0]["how"],
        "other-vae": "through data/checkpoints/shapes-vae",
    }
    assert told["models"][0]["how"] in {"learned from it", "measured on it (validation)", "measured on it (test)"}
    assert [(trace["work"], trace["distance"]) for trace in told["near"]] == [("shapes-vae-sample-000", 0.25)]
    assert "works/shapes-vae-sample-000/index.html" in told["pages"]
    assert [(trace["dataset"], trace["model"]) for trace in told["champions"]] == [("shapes", "shapes-vae")]
    for part in (NAME, TITLE, CREATOR, "shapes-vae", "distance 0.25", "the champion", "`--yes` does it"):
        assert part in out
    assert not Path("withdrawn.yaml").exists()


def test_nothing_of_it_is_left(project, made, artpipe):
    """Not in data, DVC's cache, state or gallery; what other datasets have stays to the byte, and the gallery says it."""
    needles = made[1]
    assert {name for name, _ in find_bytes(project, needles)} == set(needles)
    others = {path: sha256_file(path) for path in Path("data").glob("[wrs]*/other/*")}
    code, out, err = artpipe("forget", NAME, "--yes")
    assert code == 0, out
    assert find_bytes(project, needles) == []
    assert "building the gallery of what is left ...\n" in err
    assert "kept: numbers and settings of trainings in MLflow" in out
    assert {path: sha256_file(path) for path in others} == others
    assert Path("data/reports/last-vae/report.json").exists()
    assert not paths.report("other-vae").exists()
    assert list(load_champions().champions) == ["other"]
    digest = sha256_bytes((made[0] / "datasets/shapes" / NAME).read_bytes())
    assert [stone.sha256 for stone in load_tombstones()] == [digest]
    withdrawn = {name: entry.ingest.withdrawn for name, entry in load_params().datasets.items()}
    assert withdrawn == {"shapes": (digest[:16],), "packed": (digest[:16],), "other": ()}
    assert "    ingest: {withdrawn: [" in Path("params.yaml").read_text()
    assert "  # as it was\n" in Path("params.yaml").read_text()
    lock = Path("dvc.lock").read_text()
    assert "ingest@other:" in lock
    assert not [
        stage
        for stage in ("ingest@shapes", "preprocess@shapes", "evaluate@shapes-vae", "gallery")
        if f"{stage}:" in lock
    ]
    assert "One work was withdrawn" in Path("data/gallery/datasets/shapes/index.html").read_text()
    assert "withdrawn" not in Path("data/gallery/datasets/other/index.html").read_text()
    assert not PLAN_FILE.exists()
    assert digest[:16] in artpipe("forget", "--list")[1]


def test_the_gallery_says_what_is_made_again(project, artpipe):
    """Open rooms are numbered from one, a closed one says why, and nobody reads an unknown licence of works that are gone."""
    artpipe("forget", NAME, "--yes")
    index = Path("data/gallery/index.html").read_text()
    assert 'Room <span class="numeral">I</span>' in index
    assert "What hung there was taken down with works that were withdrawn" in index
    room = Path("data/gallery/datasets/shapes/index.html").read_text()
    assert "shapes-vae was taken down with a work that was withdrawn" in room
    assert "Licence and attribution" not in room
    assert "still in the studio" not in room


def test_pages_that_only_link_to_what_shows_it_are_named(project, artpipe):
    """The index and the room show the model's work; a page of another model does not."""
    pages = json.loads(artpipe("forget", NAME, "--json")[1])["pages"]
    assert {"index.html", "datasets/shapes/index.html", "models/shapes-vae/index.html"} < set(pages)
    assert not [page for page in pages if "last-vae" in page]


def test_a_model_of_a_few_chosen_works_has_not_learned_from_others(project, artpipe):
    """Its checkpoint names those that it was made from."""
    from safetensors.numpy import save_file

    digest = sha256_file(Path("datasets/shapes") / NAME)
    for used, how in ((digest, "learned from it"), ("0a" * 32, "made from other works of the dataset")):
        rows = np.frombuffer(bytes.fromhex(used), np.uint8).reshape(1, 32)
        save_file({"digests": rows}, paths.checkpoint("shapes-vae") / "best.safetensors")
        assert f"shapes-vae (vae on shapes): {how}" in artpipe("forget", NAME)[1]


def test_a_class_that_is_left_empty_is_named(project, artpipe):
    """A model names `square` and `circle`; when every circle is to go, its entry has to change."""
    text = Path("params.yaml").read_text()
    models = "models:\n  shapes-patches: {kind: patches, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: shapes-patches, works: [square, circle]}\n"
    Path("params.yaml").write_text(text.replace("models:\n", models))
    works = [held for held in iterate_works(load_params()) if held.dataset == "shapes" and held.work.label == "circle"]
    circles = sorted({held.work.sha256[:16] for held in works})
    told = "names `circle`, of which no work is left"
    _, out, _ = artpipe("forget", *circles[:-1])
    assert told not in out
    _, out, error = artpipe("forget", *circles)
    assert not error
    assert f"params.yaml: `models.shapes-patches.works` {told}" in out
    Path("params.yaml").write_text(text)


def test_a_file_s_bare_name_does(project, artpipe):
    """The folder may be left out where no other work has that name."""
    assert artpipe("forget", Path(NAME).name) == artpipe("forget", NAME)


def test_it_cannot_come_back(project, made, artpipe):
    """After a new ingest it is still gone, also renamed, in another format, or in a dataset that never held it; undone, it comes in again."""
    artpipe("forget", NAME, "--yes")
    ingest_dataset("shapes")
    assert Record.open(paths.record("shapes")).card.kept == 20
    data = (made[0] / "datasets/shapes" / NAME).read_bytes()
    Path("datasets/other/again.png").write_bytes(data)
    with Image.open(made[0] / "datasets/shapes" / NAME) as image:
        image.save("datasets/other/lossless.bmp")
    ingest_dataset("other")
    assert Record.open(paths.record("other")).card.quarantined == {"withdrawn": 2}
    assert "  these pixels  " in artpipe("forget", "--list")[1]
    assert find_bytes(project / "data", made[1]) == []
    code, out, _ = artpipe("forget", "--undo", sha256_bytes(data)[:12])
    assert (code, load_tombstones()) == (0, ())
    assert "dvc repro --force ingest@other" in out
    assert "it was taken out of datasets/shapes, datasets/packed.zip: put it there again" in out
    assert "    ingest: {}  # as it was\n" in Path("params.yaml").read_text()
    ingest_dataset("other")
    assert Record.open(paths.record("other")).card.quarantined == {}
    assert sha256_bytes(data) in {row.sha256 for row in Works.open(paths.works("other")).rows()}


@pytest.mark.parametrize(
    ("module", "step"),
    [(source_removal, "run_dvc"), (forget_works, "free_versions")],
    ids=["run_dvc", "free_versions"],
)
@pytest.mark.nightly
def test_what_was_cut_short_is_ended_by_a_second_try(project, made, artpipe, monkeypatch, module, step):
    """Wherever it ends, `artpipe run` refuses, nothing is half-written, and the same command brings it to its end."""
    with monkeypatch.context() as broken:
        broken.setattr(module, step, _fail)
        assert artpipe("forget", NAME, "--yes")[0] == 1
    with pytest.raises(UserError, match="artpipe forget --yes"):
        require_nothing_pending()
    load_params()
    assert artpipe("forget", "--yes")[0] == 0
    require_nothing_pending()
    assert find_bytes(project, made[1]) == []
    assert len(load_tombstones()) == 1


@pytest.mark.nightly
def test_a_pending_forgetting_bars_what_would_undo_or_lock_it(project, made, artpipe, monkeypatch):
    """No tombstone is taken out, no dataset removed; one that left params.yaml by hand does not stop the rest."""
    with monkeypatch.context() as broken:
        broken.setattr(forget_works, "free_versions", _fail)
        assert artpipe("forget", NAME, "--yes")[0] == 1
    (stone,) = load_tombstones()
    for words in (["forget", "--undo", stone.key], ["dataset", "remove", "packed", "--yes"]):
        code, _, err = artpipe(*words)
        assert (code, err.count("\n")) == (2, 1)
        assert "`artpipe forget --yes` ends it" in err
    assert load_tombstones() == (stone,)
    text = Path("params.yaml").read_text()
    first, last = text.index("  packed:"), text.index("  other:")
    Path("params.yaml").write_text(text[:first] + text[last:])
    code, out, _ = artpipe("forget", "--yes")
    assert (code, "packed is not in params.yaml any more" in out) == (0, True)
    require_nothing_pending()
    assert load_params().dataset("shapes").ingest.withdrawn == (stone.key,)


@pytest.mark.nightly
def test_what_was_not_looked_into_is_said(project, artpipe):
    """After one forgetting its datasets have to be ingested before the next finds their works there."""
    assert artpipe("forget", NAME, "--yes")[0] == 0
    line = "shapes, packed were not looked into, their works are not here: `artpipe run ingest@shapes ingest@packed`"
    Image.effect_noise((48, 48), 90).save("noise.png")
    for words in (["noise.png"], ["circle/018.png"], ["--creator", "x"]):
        code, _, err = artpipe("forget", *words)
        assert (code, err.count("\n"), line in err) == (2, 1, True)
    work, another, *_ = (row.name for row in Record.open(paths.record("other")).rows())
    assert line in artpipe("forget", work)[1]
    told = json.loads(artpipe("forget", work, another, "--json")[1])  # several at once
    assert {work, another} <= {held["name"] for held in told["held"]}
    assert artpipe("forget", work, "no such work", "--yes")[0] == 2
    assert work in json.loads(artpipe("forget", work, "--json")[1])["held"][0]["name"]  # and nothing was forgotten
    assert line in artpipe("forget", work, "--yes")[1]


def test_a_file_that_changed_since_is_not_taken_for_the_work(project, artpipe):
    """By the hash of what was ingested nothing is done; the other work that lies there now stays."""
    digest = sha256_file(Path("datasets/shapes") / NAME)
    other = Path("datasets/shapes/square/other-form.bmp")
    Path("datasets/shapes", NAME).write_bytes(other.read_bytes() + b"-")
    before = {path: sha256_file(path) for path in Path("datasets").rglob("*") if path.is_file()}
    code, _, err = artpipe("forget", digest, "--yes")
    line = f"datasets/shapes/{NAME} changed since it was ingested; run `artpipe run ingest@shapes` first"
    assert (code, err.count("\n"), line in err) == (2, 1, True)
    assert {path: sha256_file(path) for path in Path("datasets").rglob("*") if path.is_file()} == before
    assert not Path("withdrawn.yaml").exists()
    assert not PLAN_FILE.exists()


def _fail(*_: object, **__: object) -> None:
    raise ArtpipeError("the power is gone")


def test_all_works_of_a_creator_and_a_picture_s_own_file(project, made, artpipe, tmp_path):
    """A creator's works are found whatever the case; a smaller copy of a picture and the thumbnail in a report are the picture."""
    assert artpipe("forget", "--creator", CREATOR.upper())[0] == 0
    with Image.open(made[0] / "datasets/shapes" / NAME) as image:
        image.resize((200, 200)).save(tmp_path / "from the artist.jpg")
    assert NAME in artpipe("forget", tmp_path / "from the artist.jpg")[1]
    thumbnail = next(Path("data/reports/shapes-vae/works").iterdir())
    assert NAME in artpipe("forget", thumbnail)[1]


@pytest.mark.nightly
def test_near_copies_stay_out_where_it_is_asked(project, made, artpipe):
    """With --near the tombstone has a hash of the look, and a smaller picture of the work is withdrawn too."""
    assert "hashes of the bytes and the pixels, and the date" in artpipe("forget", NAME)[1]
    assert "the pixels and the look, and the date" in artpipe("forget", NAME, "--near")[1]
    artpipe("forget", NAME, "--near", "--yes")
    with Image.open(made[0] / "datasets/shapes" / NAME) as image:
        image.resize((96, 96)).save("datasets/other/larger.jpg")
    ingest_dataset("other")
    assert Record.open(paths.record("other")).card.quarantined == {"withdrawn": 1}
    assert "  and near copies  " in artpipe("forget", "--list")[1]


@pytest.mark.nightly
def test_near_duplicates_have_tombstones_of_their_own(project, made, artpipe):
    """What goes with a work stays out as well, by its own hash and without one of its look."""
    with Image.open(made[0] / "datasets/shapes" / NAME) as image:
        image.resize((60, 60)).save("datasets/other/smaller.png")
    ingest_dataset("other")
    near = sha256_bytes(Path("datasets/other/smaller.png").read_bytes())
    assert "near duplicates go as well" in artpipe("forget", NAME)[1]
    assert "go as well" not in artpipe("forget", NAME, "--exact")[1]
    artpipe("forget", NAME, "--yes")
    stones = {stone.sha256: stone.near for stone in load_tombstones()}
    assert (len(stones), set(stones.values()), near in stones) == (2, {""}, True)
    assert load_params().datasets["other"].ingest.withdrawn == (near[:16],)


@pytest.mark.parametrize("near_duplicates", ["keep", "quarantine"])
@pytest.mark.nightly
def test_exact_leaves_near_duplicates(project, made, artpipe, near_duplicates):
    """Only the very bytes go; the re-encoded copy stays in the folder, kept or set aside, and neither its pixels nor its look are in the tombstone."""
    if near_duplicates == "quarantine":
        text = Path("params.yaml").read_text()
        text = text.replace("shapes, about: {}, ingest: {}", "shapes, about: {}, ingest: {near_duplicates: quarantine}")
        Path("params.yaml").write_text(text)
        ingest_dataset("shapes")
        assert Record.open(paths.record("shapes")).card.quarantined["near duplicate"] > 0
    with Image.open(Path("datasets/shapes") / NAME) as image:
        image.resize((40, 40)).save("smaller.png")
    code, _, err = artpipe("forget", "smaller.png", "--exact", "--yes")
    assert (code, "no dataset holds it by its bytes" in err) == (2, True)
    artpipe("forget", NAME, "--exact", "--yes")
    assert Path("datasets/shapes/square/other-form.bmp").exists()
    assert not Path("datasets/shapes/square/renamed.png").exists()
    assert [(stone.pixels, stone.near) for stone in load_tombstones()] == [("", "")]
    assert artpipe("forget", NAME, "--exact", "--near")[0] == 2


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["zorblx.png"], "did you mean `zorblax.png`"),
        (["--creator", "Quixotina Vandersloo"], f"did you mean `{CREATOR}`"),
        (["0123456789abcdef"], "no work of a dataset"),
        ([], "a WORK or FILE is wanted"),
        ([NAME, "--creator", CREATOR], "a WORK or FILE is wanted"),
        (["000.png", "--list"], "at a time"),
        (["--undo", "12345678"], "no such withdrawn work"),
        (["data/reports/shapes-vae/sample-000.png"], "a work that shapes-vae made"),
        (["params.yaml"], "no dataset holds it"),
    ],
)
def test_what_is_no_work_is_one_line(project, artpipe, words, line):
    """With the nearest name, exit code 2, and nothing changed."""
    code, out, err = artpipe("forget", *words, *(["--yes"] if "--list" not in words and "--undo" not in words else []))
    assert (code, out) == (2, "")
    assert line in err
    assert err.count("\n") == 1
    assert not Path("withdrawn.yaml").exists()


def test_it_is_refused_while_something_runs(project, artpipe):
    """A stage at work is named in one line; only looking is allowed."""
    with hold_lock(Path(".state/stages/x.lock")):
        code, _, err = artpipe("forget", NAME, "--yes")
        assert (code, err.count("\n")) == (75, 1)
        assert "a stage is at work" in err
        assert artpipe("forget", NAME)[0] == 0
    assert not Path("withdrawn.yaml").exists()


def test_a_key_without_its_tombstone_is_a_mistake(project, monkeypatch):
    """What params.yaml names and withdrawn.yaml has not is found before anything starts."""
    from artpipe.project import validation

    text = Path("params.yaml").read_text().replace("ingest: {}  # as", f"ingest: {{withdrawn: [{'a' * 16}]}}  # as")
    Path("params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"datasets\.packed\.ingest\.withdrawn"):
        validation.check_project()


def test_two_datasets_of_the_same_files(project, artpipe):
    """Both hold the work, by the same bytes that DVC keeps once, and both lose it at once."""
    text = Path("params.yaml").read_text()
    small = "  small: {medium: picture, source: folder, path: datasets/shapes, about: {}, ingest: {}, preprocess: {size: 8}}\n"
    Path("params.yaml").write_text(text.replace("datasets:\n", f"datasets:\n{small}"))
    ingest_dataset("small")
    originals = [
        {file.name: md5_file(file) for file in paths.works(name).rglob("*.tar")} for name in ("small", "shapes")
    ]
    assert originals[0] == originals[1] != {}
    assert artpipe("forget", TITLE, "--yes")[0] == 0
    assert not PLAN_FILE.exists()
    params = load_params(Path("params.yaml"))
    withdrawn = {name: params.dataset(name).ingest.withdrawn for name in ("shapes", "small", "packed")}
    assert len({*withdrawn.values()}) == 1
    assert withdrawn["small"]
    assert not (Path("datasets/shapes") / NAME).exists()
    assert not paths.works("small").exists()
    ingest_dataset("small")
    assert TITLE not in {row.title for row in Record.open(paths.record("small")).rows()}


def test_a_model_in_training_is_said_to_be(tmp_path, monkeypatch):
    """Its checkpoint is not there yet, but the lock of its training is held; once it is not, it is not trained."""
    monkeypatch.chdir(tmp_path)
    state = Path(".state/train/gan/0123")
    state.mkdir(parents=True)
    (state / "run-live.json").touch()
    assert work_traces._describe_use("gan", {}, "", ()) == "not trained"
    with hold_lock(state.parent / "lock"):
        assert work_traces._describe_use("gan", {}, "", ()) == "in training"
        assert work_traces._describe_use("vae", {}, "", ()) == "not trained"
