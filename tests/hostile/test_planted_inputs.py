"""Strangers' datasets through the real `artpipe ingest`: the outcome of every single input, its pixels, and nothing else touched."""

import numpy as np
import pytest

from artpipe.artifacts.shards import ShardSet
from artpipe.artifacts.works import Record
from tests.hostile import pictures as make
from tests.hostile.cases import Case
from tests.hostile.hostile_project import HostileProject
from tests.hostile.run_trial import (
    run_archive_trials,
    run_folder_trial,
    run_other_trials,
    run_refusals,
    spell_recorded_name,
    write_cases,
)
from tests.support.artpipe_server import start_server

pytestmark = [pytest.mark.xdist_group("hostile"), pytest.mark.timeout(1200)]
MOST_MEGABYTES, MOST_SECONDS = 1024, 60


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    with start_server(("artpipe.ingest", "artpipe.cli.stages", "artpipe.project.stage_guard")) as server:
        made = HostileProject(tmp_path_factory.mktemp("hostile") / "ground", server)
        yield made
        made.close()


@pytest.fixture(scope="module")
def folder(ground):
    return run_folder_trial(ground)


@pytest.fixture(scope="module")
def packs(ground):
    return run_archive_trials(ground, many=500)


def assert_as_expected(trial):
    assert trial.ran.code == 0, trial.ran.error
    wrong = [
        (case.name, case.outcome, case.note, trial.found.get(spell_recorded_name(case.name)))
        for case, row in trial.outcomes()
        if row is None
    ]
    assert wrong == []
    assert trial.touched == []
    assert trial.ran.megabytes < MOST_MEGABYTES
    assert trial.ran.core_seconds < MOST_SECONDS


def test_every_input_of_the_folder_has_its_outcome(folder):
    """Each case as the table says, no input that is not in it, and the kept are byte for byte what was planted."""
    assert_as_expected(folder)
    assert set(folder.found) == {spell_recorded_name(case.name) for case in folder.cases}


def test_works_are_kept_byte_for_byte(ground, folder):
    """What is kept is the file itself; nothing from outside the root is among it."""
    works = set(ground.read_works("folder").values())
    planted_bytes = {case.plant for case in folder.cases if case.outcome == "kept" and isinstance(case.plant, bytes)}
    assert planted_bytes < works
    assert len(works) == sum(case.outcome == "kept" for case in folder.cases)
    assert (ground.outside / "secret.png").read_bytes() not in works


def test_odd_formats_have_the_pixels_known_by_hand(ground, folder):
    """Through the real preprocess: 16 bits, CMYK, palettes, alpha, animations, orientations and profiles."""
    done = ground.run("preprocess", "folder")
    assert done.code == 0, done.error
    assert done.megabytes < MOST_MEGABYTES
    shards = ShardSet.open(ground.project / "data/shards/folder")
    pictures = {}
    for split in ("train", "validation", "test"):
        columns = shards.load(split)
        digests = [bytes(row).hex() for row in columns["digests"].numpy()]
        pictures |= dict(zip(digests, columns["images"].numpy().transpose(0, 2, 3, 1), strict=True))
    digests = {data: digest for digest, data in ground.read_works("folder").items()}
    known = [case for case in folder.cases if case.pixels is not None and isinstance(case.plant, bytes)]
    far = {}
    for case in known:
        seen = pictures[digests[case.plant]].astype(int)
        far[case.name] = int(np.abs(seen - np.asarray(case.pixels)).max()) - case.tolerance
    assert len(known) == 48
    assert {name: distance for name, distance in far.items() if distance > 0} == {}


@pytest.mark.nightly
def test_texts_scores_and_near_duplicates_have_their_outcomes(ground):
    """Each case as the table says, within its time and memory, and nothing touched around it."""
    for trial in run_other_trials(ground):
        assert_as_expected(trial)


@pytest.mark.nightly
def test_every_entry_of_the_archives_has_its_outcome(packs):
    """Each entry as the table says; each archive within its time and memory."""
    for trial in packs:
        assert_as_expected(trial)
    assert count_many(packs) == {"many-tar-gz": 508, "many-zip": 508}


@pytest.mark.nightly
def test_archives_of_a_hundred_thousand_entries(ground):
    """They too stay within their time and memory."""
    packs = run_archive_trials(ground)
    for trial in packs:
        assert_as_expected(trial)
    assert count_many(packs) == {"many-tar-gz": 100_008, "many-zip": 100_008}


def count_many(packs):
    """Return how many entries of the largest archives are in the books."""
    return {trial.name: sum(map(len, trial.found.values())) for trial in packs if "many" in trial.name}


def test_what_is_no_dataset_is_refused_in_one_line(ground):
    """Before anything is written: code 2 and the line that says where and why."""
    for name, _, line, ran in run_refusals(ground):
        assert ran.code == 2, (name, ran)
        assert line in ran.error, name
        assert ran.error.count("\n") == 1, name
        assert not (ground.project / "data/works" / name.replace(".", "-")).exists()


@pytest.mark.nightly
def test_a_file_that_was_mended_comes_in(ground):
    """Near duplicates are said; the cut file is quarantined, put right and kept, and the rest is as before."""
    whole = make.saved(make.noise(7, 64))
    smooth = make.noise(8, 9).resize((64, 64))
    near = smooth.copy()
    near.putpixel((60, 60), (0, 0, 0))
    cases = [
        *(Case(f"{n}.png", "", make.saved(make.noise(n + 200, 64))) for n in range(8)),
        Case("first.png", "", make.saved(smooth)),
        Case("near.png", "", make.saved(near), "near duplicate", "of first.png, 0 of 64 bits apart"),
        Case("mended.png", "", whole[:-900], "truncated"),
    ]
    root = ground.enter_dataset("mended", "datasets/mended", near_duplicates="quarantine")
    write_cases(root, cases)
    (root / "metadata.jsonl").write_text(
        '{"file_name": "first.png", "title": "\\ud800 <script>", "creator": "\\u202ex"}\n'
    )
    assert ground.run("ingest", "mended").code == 0
    before = ground.read_outcomes("mended")
    told = next(row for row in Record.open(ground.project / "data/record/mended").rows() if row.name == "first.png")
    assert (told.title, told.creator) == ("\\ud800 <script>", "\u202ex")
    assert {case.name: before[case.name][0].outcome for case in cases} == {case.name: case.outcome for case in cases}
    (root / "mended.png").write_bytes(whole)
    assert ground.run("ingest", "mended").code == 0
    after = ground.read_outcomes("mended")
    assert after["mended.png"][0].outcome == "kept"
    assert {name: rows for name, rows in after.items() if name != "mended.png"} == {
        name: rows for name, rows in before.items() if name != "mended.png"
    }
