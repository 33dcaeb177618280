"""Ingest and preprocess in parts: the same bytes as in one piece, whatever became of the parts."""

import os
import shutil
from pathlib import Path

import pytest

from artpipe.artifacts import paths
from artpipe.artifacts.works import Record
from artpipe.errors import UserError
from artpipe.ingest import ingest_dataset, ingest_part
from artpipe.preprocess import preprocess_dataset, preprocess_part
from artpipe.system.hashing import sha256_file
from artpipe.untrusted import worker_pool
from artpipe.untrusted.job_cache import JobCache, fill_cache, parse_part
from artpipe.untrusted.worker_pool import WorkerLimits
from tests.conftest import draw_shapes

PARAMS = """
format: 2
seed: 1
datasets:
  mine: {medium: picture, source: folder, path: datasets/mine, about: {}, ingest: {}, preprocess: {size: 16}}
models: {}
evaluation: {metrics: []}
gallery: {sections: []}
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)
    draw_shapes(tmp_path / "datasets/mine", count=12)
    (tmp_path / "datasets/mine/broken.png").write_bytes(b"no picture")
    return tmp_path


def outputs():
    return {str(path): sha256_file(path) for path in sorted(Path("data").rglob("*")) if path.is_file()}


@pytest.fixture
def worked(monkeypatch):
    """How many worker processes were started."""
    started, start = [], worker_pool._Worker._ensure_started

    def noted(worker):
        if worker.process is None:
            started.append(worker)
        return start(worker)

    monkeypatch.setattr(worker_pool._Worker, "_ensure_started", noted)
    return started


def test_stages_join_what_their_parts_found(root, worked):
    """Both make the same bytes as in one piece and work on no input again; no answer is left."""
    ingest_dataset("mine")
    preprocess_dataset("mine")
    whole = outputs()
    for part, stage in ((ingest_part, ingest_dataset), (preprocess_part, preprocess_dataset)):
        part("mine", "1/2")
        part("mine", "2/2")
        worked.clear()
        stage("mine")
        assert worked == []
        assert list((paths.STATE / "answers").iterdir()) == []
    assert outputs() == whole


def tear(book):
    book.write_bytes(book.read_bytes()[: book.stat().st_size // 2])


def falsify(book):
    data = book.read_bytes()
    book.write_bytes(data.replace(b"[24, 24", b"[99, 99"))
    assert book.read_bytes() != data


def empty(book):
    book.write_bytes(b"")


@pytest.mark.nightly
def test_what_a_part_lost_the_stage_works_out(root, worked):
    """A book that is torn, changed, gone or empty costs time alone."""
    ingest_dataset("mine")
    whole, answers = outputs(), paths.STATE / "answers"
    ingest_part("mine", "1/2")
    ingest_part("mine", "2/2")
    shutil.copytree(answers, "kept")
    for harm in (tear, falsify, empty, Path.unlink):
        shutil.rmtree(answers)
        shutil.copytree("kept", answers)
        harm(min(answers.glob("*/*/*.answers")))
        worked.clear()
        ingest_dataset("mine")
        assert worked, harm
        assert outputs() == whole, harm


@pytest.mark.nightly
def test_an_input_that_changed_meanwhile_is_noticed(root):
    """Another picture under the old name, with the old size and time, is judged by itself."""
    pictures = sorted((root / "datasets/mine").glob("*/*.png"))
    ingest_part("mine", "1/1")
    other = root / "datasets/mine/broken.png"
    kept = other.stat()
    other.write_bytes(b"xx picture")
    os.utime(other, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    shutil.copy(pictures[-1], pictures[0])
    ingest_dataset("mine")
    refused = {row.name: row.reason for row in Record.open(paths.record("mine")).quarantined()}
    assert len(refused) == 2
    assert "exact duplicate" in refused.values()


def test_another_question_finds_no_answer(root, worked):
    """What was judged under other parameters is judged anew."""
    ingest_part("mine", "1/1")
    Path("params.yaml").write_text(PARAMS.replace("ingest: {}", "ingest: {max_megapixels: 0.0001}"))
    with pytest.raises(UserError, match="0 works"):
        ingest_dataset("mine")
    assert len(worked) > 1


def test_a_death_is_no_answer(tmp_path, monkeypatch):
    """What a job said is kept, a rejection too; where a worker died, whoever asks tries again."""
    monkeypatch.chdir(tmp_path)
    jobs = tmp_path / "planted_answers.py"
    jobs.write_text("def work(data, settings):\n    return data * 2 if data != b'die' else __import__('os')._exit(3)\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    job = {"job": "planted_answers:work", "settings": {}, "limits": WorkerLimits(workers=1)}
    assert fill_cache([b"a", b"die", b"b"], stage="s", part=(1, 1), **job) == 2
    (folder,) = (paths.STATE / "answers/s").iterdir()
    with JobCache(folder) as cache:
        assert [outcome and outcome.payload for outcome in map(cache.find, (b"a", b"die", b"b"))] == [
            b"aa",
            None,
            b"bb",
        ]


@pytest.mark.parametrize("wrong", ["", "0/2", "3/2", "1", "a/b", "1/2/3", "-1/2"])
def test_what_is_no_part_is_refused(wrong):
    """One line that says how a part is written."""
    with pytest.raises(UserError, match="expected a part such as 2/8"):
        parse_part(wrong)
