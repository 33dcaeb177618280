"""dvc.lock takes today's code where its results are equal, stage by stage, and nothing else changes in it."""

import re

import pytest
from ruamel.yaml import YAML

from artpipe.code.equal_results import TABLE, accept_equal_results, equal_places, newest_code
from artpipe.code.stage_fingerprints import installed_fingerprints
from artpipe.config.params import read_yaml

INSTALLED = {
    "train": "new-train",
    "models": {"gan": "new-gan", "vae": "new-vae"},
    "evaluate": {"stage": "new-evaluate", "metrics": {"kid": "kid"}},
}
EQUAL = """\
code:
  train:
    train: {oldest-train: old-train, old-train: new-train}
    models.gan: {old-gan: new-gan}
  evaluate:
    evaluate.stage: {old-evaluate: new-evaluate}
    models.gan: {old-gan: new-gan}
files:
- revision: first
  code:
    train: {train: oldest-train, models.gan: old-gan}
    evaluate: {models.gan: old-gan, evaluate.stage: old-evaluate, evaluate.metrics.kid: kid}
  stages:
  - {stage: train, keys: [code.train, code.models.gan], files: {artpipe/train.py: aa, artpipe/nn: bb.dir}}
  - {stage: evaluate, keys: [code.evaluate, code.models.gan], files: {artpipe/metrics: cc.dir}}
"""
LOCK = """\
schema: '2.0'
stages:
  train@g:
    cmd: artpipe train g
    deps:
    - path: data/shards/d
      hash: md5
      md5: dd.dir
      size: 5
      nfiles: 2
    params:
      code.yaml:
        code.models.gan: {gan}
        code.train: {train}
      params.yaml:
        seed: 1
    outs:
    - path: data/checkpoints/g
      hash: md5
      md5: ee.dir
"""


@pytest.fixture
def table(tmp_path):
    """The table with three earlier revisions of the code."""
    path = tmp_path / "equal.yaml"
    path.write_text(EQUAL)
    return path


@pytest.mark.parametrize(
    ("gan", "train", "accepted"),
    [
        ("new-gan", "old-train", True),
        ("old-gan", "oldest-train", True),
        ("new-gan", "new-train", False),  # it is today's
        ("other-gan", "old-train", False),
        ("old-gan", "other-train", False),
    ],
)
def test_a_stage_is_accepted_where_all_its_code_is_equal(table, gan, train, accepted):
    """Through every revision in between; all else in the file stays to the byte."""
    lock = LOCK.format(gan=gan, train=train)
    text, stages = accept_equal_results(lock, INSTALLED, table)
    assert stages == ["train@g"] * accepted
    assert text == (LOCK.format(gan="new-gan", train="new-train") if accepted else lock)


@pytest.mark.parametrize(("kid", "accepted"), [("kid", True), ("other-kid", False)])
def test_a_metric_that_changed_is_measured_again(table, kid, accepted):
    """Of a stage with plugins every one must be equal."""
    lock = "stages: {evaluate@g: {cmd: a, params: {code.yaml: {code.evaluate: {stage: old-evaluate, metrics: {kid: KID}}}}}}"
    assert accept_equal_results(lock.replace("KID", kid), INSTALLED, table)[1] == ["evaluate@g"] * accepted


@pytest.mark.parametrize(("digest", "accepted"), [("aa", True), ("ab", False)])
def test_files_of_the_package_become_code(table, digest, accepted):
    """A result older than code.yaml names files of the package; those of a known revision go, and its code stands there."""
    lock = f"""\
stages:
  train@g:
    cmd: artpipe train g
    deps:
    - {{path: artpipe/nn, md5: bb.dir}}
    - {{path: artpipe/train.py, md5: {digest}}}
    - {{path: data/shards/d, md5: dd.dir}}
    params:
      params.yaml: {{seed: 1}}
"""
    text, stages = accept_equal_results(lock, INSTALLED, table)
    assert stages == ["train@g"] * accepted
    if not accepted:
        assert text == lock
        return
    entry = YAML(typ="safe").load(text)["stages"]["train@g"]
    assert [dep["path"] for dep in entry["deps"]] == ["data/shards/d"]
    assert entry["params"] == {
        "params.yaml": {"seed": 1},
        "code.yaml": {"code.train": "new-train", "code.models.gan": "new-gan"},
    }


def test_files_with_metrics_that_the_revision_lacked_are_measured_again(table):
    """The entry is of a project with other metrics than the proof's."""
    lock = "stages: {evaluate@g: {cmd: a, deps: [{path: artpipe/metrics, md5: cc.dir}]}}"
    assert accept_equal_results(lock, INSTALLED, table)[1] == ["evaluate@g"]
    more = INSTALLED | {"evaluate": {"stage": "new-evaluate", "metrics": {"kid": "kid", "fid": "fid"}}}
    assert accept_equal_results(lock, more, table)[1] == []


def test_the_table_names_places_and_ends():
    """Every entry is of code that there is today and leads, in finite steps, to a fingerprint."""
    installed, later = installed_fingerprints(), read_yaml(TABLE)["code"]
    for verb, place, fingerprint in equal_places():
        assert place in installed or place.partition(".")[2] in installed or place.removesuffix(".stage") in installed
        assert re.fullmatch("[0-9a-f]{16}", newest_code(place, fingerprint, later.get(verb, {})))


def test_what_another_stage_makes_of_it_does_not_matter(table):
    """A kind whose evaluation differs is not trained again: the table is by stage."""
    table.write_text(EQUAL.replace("    models.gan: {old-gan: new-gan}\nfiles", "files"))
    assert accept_equal_results(LOCK.format(gan="old-gan", train="old-train"), INSTALLED, table)[1] == ["train@g"]
    lock = "stages: {evaluate@g: {cmd: a, params: {code.yaml: {code.models.gan: old-gan, code.evaluate: {stage: old-evaluate, metrics: {kid: kid}}}}}}"
    assert accept_equal_results(lock, INSTALLED, table)[1] == []
