"""What was decided in curation.yaml hangs so, survives a training, and is told where it cannot."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from artpipe.artifacts import paths
from artpipe.artifacts.curation import BredWork, Curation, list_recipes, load_curation, parse_curation
from artpipe.artifacts.report import load_report, save_report
from artpipe.config.params import load_params
from artpipe.errors import UserError
from artpipe.language.sentences import load_sentences
from artpipe.publishing.offered_files import OfferedFiles
from artpipe.site.curated_walls import curate_museum
from artpipe.site.featured_work import choose_featured
from artpipe.site.media_files import MediaStore
from artpipe.site.museum import load_museum
from tests.support.museums import copy_museum, find_museum


def load(root):
    """Return what hangs of a project before anything is decided, with its media."""
    media = MediaStore()
    return load_museum(root, load_params(root / "params.yaml"), media, load_sentences()), media


@pytest.fixture(scope="module")
def root():
    """A project of three models; nobody may change it."""
    return find_museum()


@pytest.fixture(scope="module")
def hung(root):
    """What hangs of it."""
    return load(root)


def paint_grey(artist, bred):
    """Return a grey picture for each, as a model would."""
    buffer = io.BytesIO()
    Image.new("L", (8, 8), 128).save(buffer, "PNG")
    return [buffer.getvalue() for _ in bred]


def decide(hung, text, paint=paint_grey):
    """Return the museum by a text of curation.yaml, and what is told."""
    return curate_museum(hung[0], parse_curation(f"format: 1\nmodels:\n{text}"), hung[1], paint)


def works_of(museum, model):
    """Return the works of a model."""
    return next(artist.works for _, artist in museum.artists if artist.name == model)


def test_every_work_has_a_recipe_of_its_own(hung):
    """It is role and seed, or role and works; of two that are the same the second is counted."""
    for _, artist in hung[0].artists:
        recipes = [work.recipe for work in artist.works]
        assert len(set(recipes)) == len(recipes)
    exhibits = works_of(hung[0], "digits-gan")
    assert all(work.recipe == f"{work.role} seed {work.seed}" for work in exhibits if work.seed is not None)


def test_the_same_recipe_twice_is_counted(root):
    """As two variations on one photograph."""
    report, _ = load_report(root / paths.report("digits-gan"))
    one = report.exhibits[0].model_copy(update={"seed": None, "digests": ("ab" * 32,), "role": "variation"})
    recipes = list_recipes(report.model_copy(update={"exhibits": (one, one)}))
    assert recipes == ["variation of abababababab", "variation of abababababab (2)"]


def test_picked_works_hang_first_hidden_ones_not_at_all(hung):
    """In the order of their places; a title of one's own is searched beside the other."""
    works = [work for work in works_of(hung[0], "digits-gan") if work.role == "sample"]
    third, first, gone = works[5], works[9], works[0]
    museum, told = decide(
        hung,
        f"  digits-gan:\n    works:\n      {third.recipe}: {{place: 2}}\n      {first.recipe}: {{place: 1, title: Leaning}}\n"
        f"      {gone.recipe}: {{hidden: true}}\n",
    )
    hangs = works_of(museum, "digits-gan")
    assert [(work.id, work.title) for work in hangs[:2]] == [(first.id, "Leaning"), (third.id, third.title)]
    assert first.title in hangs[0].other_titles
    assert gone.id not in {work.id for work in hangs}
    assert len(hangs) == len(works_of(hung[0], "digits-gan")) - 1
    assert told == []
    assert choose_featured(museum).work.id == first.id


def test_a_decision_survives_a_training_and_waits_where_the_recipe_is_gone(root, tmp_path):
    """Another checkpoint with other files hangs the same recipes; one that it lacks is told, and stays in the file."""
    copy_museum(tmp_path)
    folder = tmp_path / paths.report("digits-gan")
    report, _ = load_report(folder)
    kept, lost = list_recipes(report)[3], list_recipes(report)[0]
    save_report(folder, report.model_copy(update={"exhibits": report.exhibits[1:]}))
    museum, told = decide(
        load(tmp_path), f"  digits-gan:\n    works:\n      {kept}: {{place: 1}}\n      {lost}: {{place: 2}}\n"
    )
    assert works_of(museum, "digits-gan")[0].recipe == kept
    assert told == [f"digits-gan: hangs no `{lost}`; what was decided of it waits"]


def test_a_bred_work_hangs_and_is_decided_of_as_others(hung):
    """It is called as the work that it is near."""
    near = next(work for work in works_of(hung[0], "digits-gan") if work.role == "sample")
    bred = BredWork(seed=7, near=near.seed)
    museum, told = decide(
        hung,
        f"  digits-gan:\n    bred: [{{seed: 7, near: {near.seed}}}]\n    works:\n      {bred.recipe}: {{title: Kin}}\n",
    )
    work = works_of(museum, "digits-gan")[-1]
    assert (work.id, work.title, work.role) == (f"digits-gan-bred-seed-7-near-{near.seed}", "Kin", "bred")
    assert (work.media.width, told) == (8, [])


def test_a_bred_work_is_offered_as_others_are(root, hung):
    """No report has it; its file is the picture that hangs."""
    museum, _ = decide(hung, "  digits-gan: {bred: [{seed: 7, near: 1}]}\n")
    offered = OfferedFiles(root, load_params(root / "params.yaml").gallery, None, hung[1])
    offered.prepare_museum(museum)
    assert [path for path in offered.files if "bred-seed-7-near-1" in path]


def test_a_bred_work_that_cannot_be_painted_is_told(hung):
    """The rest hangs; what was decided of it is not called lost besides."""

    def refuse(artist, bred):
        raise UserError("its checkpoint is not there")

    museum, told = decide(
        hung, "  digits-gan: {bred: [{seed: 7, near: 1}], works: {bred seed 7 near 1: {place: 1}}}\n", refuse
    )
    assert told == ["digits-gan: its bred works do not hang: its checkpoint is not there"]
    assert len(works_of(museum, "digits-gan")) == len(works_of(hung[0], "digits-gan"))


def test_a_model_that_does_not_hang_is_told(hung):
    """Its decisions wait for it."""
    _, told = decide(hung, "  digits-late: {works: {sample seed 1: {hidden: true}}}\n")
    assert told == ["digits-late: does not hang, so what was decided of its works waits"]


def test_a_model_whose_works_are_all_hidden_hangs_empty(hung):
    """Nothing falls over."""
    hidden = "".join(f"      {work.recipe!r}: {{hidden: true}}\n" for work in works_of(hung[0], "emoji-gan"))
    museum, _ = decide(hung, f"  emoji-gan:\n    works:\n{hidden}")
    assert works_of(museum, "emoji-gan") == ()
    assert choose_featured(replace(museum, rooms=museum.rooms[1:])) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("format: 1\nmodels: {a: {works: {b: {hiden: true}}}}", r"hiden.*hidden"),
        ("format: 1\nmodels: {a: {works: {b: {place: 0}}}}", "place"),
        ("format: 2", "format"),
        ("a: [", "not YAML"),
        ("<<<<<<< HEAD", "marks of a merge"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path, text, said):
    """One line, which begins with the file."""
    (tmp_path / "curation.yaml").write_text(text)
    with pytest.raises(UserError, match=rf"(?s)^curation\.yaml.*{said}"):
        load_curation(tmp_path)


@pytest.mark.parametrize("text", [None, "", "# nothing\n", "format: 1\nmodels: {a: {works: null, bred: null}}\n"])
def test_nothing_decided_is_no_mistake(tmp_path, text):
    """No file, an empty one, and one whose decisions were taken out."""
    if text is not None:
        (tmp_path / "curation.yaml").write_text(text)
    curation = load_curation(tmp_path)
    assert isinstance(curation, Curation)
    assert not any(one.works or one.bred for one in curation.models.values())
