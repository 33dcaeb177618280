"""`artpipe sample` with words, pictures and seeds: what it paints, what it refuses, and the recipe in every file."""

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from artpipe.artifacts import paths
from artpipe.artifacts.caption_columns import make_caption_columns
from artpipe.artifacts.shards import ShardWriter, Spec
from artpipe.errors import UserError
from artpipe.evaluation.recipes import add_recipe
from artpipe.evaluation.sample_model import _check_label
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.training.restore import build_learner, restore_learner
from tests.conftest import ROOT
from tests.support.untrained_models import save_untrained_model

SPEC = Spec(
    dataset="blocks", channels=3, height=16, width=16, classes=("red", "green"), count=8,
    columns=("images", "labels", "digests"),
)  # fmt: skip
FRAME = {"size": 16, "channels": 3, "validation": 0.2, "test": 0.2}
COMMON = {"dataset": "blocks", "pretrained": "data/shards/blocks", "feature_extractor": "m"}
FLOW = COMMON | {"kind": "flow", "width": 8, "inner_width": 8, "inner_blocks": 1, "sampling_steps": 2}
GAN = COMMON | {"kind": "gan", "latent_dim": 4, "generator_width": 8, "discriminator_width": 8, "least_width": 8}
MODELS = {
    "painter": FLOW,
    "forger": GAN,
    "reader": COMMON | {"kind": "classifier", "width": 8, "max_width": 8},
    "enlarger": COMMON
    | {"kind": "superres", "pretrained": "data/checkpoints/painter", "scale": 2, "blocks": 1, "width": 4},
    "grey-enlarger": COMMON | {"kind": "superres", "scale": 2, "blocks": 1, "width": 4},
}
SPECS = {"enlarger": {"height": 64, "width": 64}, "grey-enlarger": {"channels": 1}}


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """A project with a flow, a gan and a classifier that have learned nothing, and two pictures."""
    root = tmp_path_factory.mktemp("studio")
    entries = MODELS | {"painter": FLOW | {"refuse": ["Blood  red", "gun"]}}
    dataset = {"medium": "picture", "source": "folder", "path": "x", "about": {}, "ingest": {}, "preprocess": FRAME}
    params = {
        "format": 2, "seed": 1, "datasets": {"blocks": dataset}, "models": entries,
        "evaluation": {"metrics": []}, "gallery": {"sections": []},
    }  # fmt: skip
    (root / "params.yaml").write_text(json.dumps(params))
    for name in ("dvc.yaml", "code.yaml"):
        shutil.copy(ROOT / name, root / name)
    writer = ShardWriter(root / paths.shards("blocks"))
    columns = {
        "images": torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8),
        "labels": torch.tensor([0, 1, 0, 1]),
        "digests": torch.zeros(4, 32, dtype=torch.uint8),
    }
    for split in ("train", "validation", "test"):
        writer.add(split, columns)
    writer.close(SPEC, works="0" * 64, params=FRAME, mean=[0.5] * 3, std=[0.5] * 3)
    for name, entry in MODELS.items():
        save_untrained_model(root, name, entry, SPEC.model_copy(update=SPECS.get(name, {})))
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(root / "mine.png")
    mask = np.zeros((16, 16), dtype=np.uint8)
    mask[:, 8:] = 255
    Image.fromarray(mask).save(root / "mask.png")
    Image.fromarray(255 - 0 * mask).save(root / "white.png")
    (root / "broken.png").write_bytes(b"no picture")
    return root


@pytest.fixture
def sample(studio, monkeypatch, artpipe):
    """`artpipe sample` in the studio; it returns the single pictures by their files' names."""
    monkeypatch.chdir(studio)

    def run(*arguments: str) -> dict[str, np.ndarray]:
        code, out, err = artpipe("sample", *arguments, "--out", "made.png")
        assert (code, err) == (0, ""), err
        assert "each by itself in" in out
        return {path.name: np.array(Image.open(path)) for path in sorted(Path("made").glob("*.png"))}

    return run


def test_words_are_classes_and_more(sample):
    """The word of a class paints what its label does; another word, negative words and guidance paint others."""
    label = sample("painter", "-n", "2", "--seed", "5", "--label", "1")
    made = [
        sample("painter", "-n", "2", "--seed", "5", *options)
        for options in (
            ("--prompt", "green"),
            ("--prompt", "a Red thing"),
            ("--prompt", "green", "--guidance", "6"),
            ("--prompt", "green", "--guidance", "6", "--negative", "red"),
            ("--prompt", "green", "--steps", "7"),
        )
    ]
    stacks = [np.stack(list(pictures.values())) for pictures in (label, *made)]
    assert np.array_equal(stacks[0], stacks[1])
    assert len({stack.tobytes() for stack in stacks}) == 5


def test_outside_of_the_mask_every_byte_stays(sample):
    """A mask's black half is the given picture byte by byte; its white half is painted."""
    original = np.array(Image.open("mine.png"))
    for picture in sample("painter", "-n", "3", "--like", "mine.png", "--keep", "mask.png").values():
        assert np.array_equal(picture[:, :8], original[:, :8])
        assert not np.array_equal(picture[:, 8:], original[:, 8:])


def test_a_strength_of_zero_is_the_picture_itself(sample):
    """Byte by byte; with some strength it is another."""
    original = np.array(Image.open("mine.png"))
    (same,) = sample("painter", "-n", "1", "--like", "mine.png", "--strength", "0").values()
    (other,) = sample("painter", "-n", "1", "--like", "mine.png", "--prompt", "red").values()
    assert np.array_equal(same, original)
    assert not np.array_equal(other, original)


@pytest.mark.parametrize("name", ["painter", "forger"])
def test_the_way_between_two_seeds_has_them_at_its_ends(sample, name):
    """A gan and a flow paint the first seed's picture first and the second one's last, as they are alone."""
    way = list(sample(name, "-n", "4", "--between", "3", "9", "--label", "1").values())
    ends = [next(iter(sample(name, "-n", "1", "--seed", seed, "--label", "1").values())) for seed in ("3", "9")]
    assert np.abs(way[0].astype(int) - ends[0]).max() <= 1
    assert np.abs(way[-1].astype(int) - ends[1]).max() <= 1
    assert not np.array_equal(way[1], way[2])


@pytest.mark.parametrize(
    "options",
    [
        ("--prompt", "it's a green thing", "--guidance", "2.5", "--negative", "red", "--steps", "3"),
        ("--like", "mine.png", "--keep", "mask.png"),
        ("--like", "mine.png", "--strength", "0.3", "--prompt", "red"),
        (),
    ],
)
def test_a_file_holds_the_command_that_paints_it_again(sample, options):
    """The command in a picture's file, typed as it stands there, paints the same bytes."""
    sample("painter", "-n", "3", "--seed", "4", *options)
    last = max(Path("made").glob("*.png"))
    before, recipe = last.read_bytes(), json.loads(Image.open(last).text["artpipe-recipe"])
    assert (recipe["model"], recipe["seed"], len(recipe["checkpoint"])) == ("painter", 6, 64)
    assert ("like_sha256" in recipe) == ("--like" in options)
    program, command, *words = shlex.split(recipe["command"])
    assert (program, command) == ("artpipe", "sample")
    sample(*words)
    assert next(iter(Path("made").glob("*.png"))).read_bytes() == before


def test_a_picture_on_the_way_is_painted_again_with_its_way(sample):
    """Its recipe says which of how many it is."""
    sample("painter", "-n", "3", "--between", "3", "9")
    files = sorted(Path("made").glob("*.png"))
    before, recipe = files[1].read_bytes(), json.loads(Image.open(files[1]).text["artpipe-recipe"])
    assert recipe["number"] == 1
    sample(*shlex.split(recipe["command"])[2:])
    assert sorted(Path("made").glob("*.png"))[1].read_bytes() == before


def test_a_move_along_a_direction_is_painted_again(sample):
    """Two directions at once; without a move it is another picture, and the command in the file paints the same bytes."""
    plain = sample("forger", "-n", "2", "--seed", "3")
    sample("forger", "-n", "2", "--seed", "3", "--move", "1=+2", "--move", "3=-1.5")
    last = max(Path("made").glob("*.png"))
    before, recipe = last.read_bytes(), json.loads(Image.open(last).text["artpipe-recipe"])
    assert recipe["move"] == ["1=+2", "3=-1.5"]
    assert not np.array_equal(np.array(Image.open(last)), plain[last.name])
    sample(*shlex.split(recipe["command"])[2:])
    assert next(iter(Path("made").glob("*.png"))).read_bytes() == before


@pytest.mark.parametrize("name", ["painter", "forger"])
def test_pictures_are_enlarged_to_the_size_of_the_enlargers_works(sample, artpipe, name):
    """From 16 to 64 pixels in two passes of a network; file, credentials and command say by which model, and the command paints the same bytes."""
    small = sample(name, "-n", "2", "--seed", "3")
    large = sample(name, "-n", "2", "--seed", "3", "--enlarge", "enlarger")
    assert small.keys() == large.keys()
    for key, picture in large.items():
        assert picture.shape == (64, 64, 3)
        learner, _, sha256 = restore_learner(paths.checkpoint("enlarger"))
        pixels = torch.from_numpy(small[key]).permute(2, 0, 1)[None]
        twice = learner.enlarge(learner.enlarge(to_float(pixels)))
        assert np.array_equal(picture, to_bytes(twice)[0].permute(1, 2, 0).numpy())
    last = max(Path("made").glob("*.png"))
    before, recipe = last.read_bytes(), json.loads(Image.open(last).text["artpipe-recipe"])
    assert (recipe["model"], recipe["enlarge"], recipe["enlarge_checkpoint"]) == (name, "enlarger", sha256)
    _, out, _ = artpipe("credentials", str(last), "--json")
    assert [other["name"] for other in json.loads(out)[0]["facts"]["other_models"]] == ["enlarger"]
    sample(*shlex.split(recipe["command"])[2:])
    assert next(iter(Path("made").glob("*.png"))).read_bytes() == before


def test_a_sample_names_the_enlarger_that_there_is(studio, monkeypatch, artpipe):
    """Where an entry says that it enlarges what this model paints; not of another painter, nor where it was used."""
    monkeypatch.chdir(studio)
    hint = "; larger with --enlarge enlarger\n"
    assert artpipe("sample", "painter", "-n", "1", "--out", "a.png")[1].endswith(hint)
    assert "--enlarge" not in artpipe("sample", "forger", "-n", "1", "--out", "a.png")[1]
    assert "--enlarge" not in artpipe("sample", "painter", "-n", "1", "--out", "a.png", "--enlarge", "enlarger")[1]


def test_without_words_captions_of_held_out_works_are_asked_for(sample, studio):
    """Where the dataset has captions, a seed asks for one, and the recipe says which; a label is asked for all the same."""
    folder, texts = studio / paths.shards("blocks"), ["a red block", "green"]
    backup = folder.rename(folder.with_name("before"))
    writer = ShardWriter(folder)
    columns = {"images": torch.zeros(2, 3, 16, 16, dtype=torch.uint8), "labels": torch.zeros(2, dtype=torch.long)}
    columns |= {name: torch.from_numpy(column) for name, column in make_caption_columns(texts).items()}
    writer.add("validation", columns)
    writer.close(
        SPEC.model_copy(update={"columns": tuple(columns)}), works="0" * 64, params=FRAME, mean=[0.5], std=[0.5]
    )
    try:
        made = sample("painter", "-n", "2", "--seed", "7")
        recipes = [json.loads(Image.open(path).text["artpipe-recipe"]) for path in sorted(Path("made").glob("*.png"))]
        assert [recipe["prompt"] for recipe in recipes] == ["green", "a red block"]
        same = sample("painter", "-n", "2", "--seed", "7", "--steps", "2")  # the default, said
        assert all(map(np.array_equal, made.values(), same.values()))
        asked = sample("painter", "-n", "1", "--seed", "7", "--label", "1")
        assert np.array_equal(next(iter(made.values())), next(iter(asked.values())))
    finally:
        shutil.rmtree(folder)
        backup.rename(folder)


MISTAKES = {
    "a refused word": (("painter", "--prompt", "a BLOOD-red rose"), "--prompt: `Blood  red` is refused by `models.painter.refuse`"),
    "both": (("painter", "--prompt", "x", "--label", "0"), "--prompt and --label both say what to paint; give one of them"),
    "no amount": (("forger", "--move", "1"), "--move 1: NUMBER=AMOUNT is expected, such as 1=+2"),
    "a direction twice": (
        ("forger", "--move", "1=2", "--move", "1=-3"),
        "--move 1=-3: direction 1 is moved already; name each once",
    ),
    "no number": (("forger", "--move", "nan=nan"), "--move nan=nan: NUMBER=AMOUNT is expected, such as 1=+2"),
    "too far": (("forger", "--move", "1=inf"), "--move 1=inf: an amount from -20 to 20 is expected"),
    "an unknown direction": (("forger", "--move", "5=1"), "--move 5: forger has the directions 1 to 4"),
    "a noise without directions": (("painter", "--move", "1=1"), "--move: painter is a flow, whose noise has no directions"),
    "a mask alone": (("painter", "--keep", "mask.png"), "--keep says what stays of a picture; name the picture with --like"),
    "strength alone": (("painter", "--strength", "1"), "--strength says what stays of a picture"),
    "no such file": (("painter", "--like", "none.png"), "none.png: no such file or folder"),
    "no picture": (("painter", "--like", "broken.png"), "--like broken.png: "),
    "all white": (("painter", "--like", "mine.png", "--keep", "white.png"), "all white: nothing is kept"),
    "not steered": (("forger", "--guidance", "2"), "--guidance: forger is a gan, which is not steered"),
    "no words": (("forger", "--prompt", "x"), "--prompt: forger is a gan, which begins with nothing"),
    "no way": (("reader", "--between", "1", "2"), "--between: reader is a classifier"),
    "no enlarger": (("painter", "--enlarge", "forger"), "--enlarge forger: a gan enlarges nothing; a superres does"),
    "an unknown enlarger": (("painter", "--enlarge", "enlargr"), "no model `enlargr`, did you mean `enlarger`?"),
    "other channels": (("painter", "--enlarge", "grey-enlarger"), "it enlarges pictures of 1 channels, and painter paints 3"),
    "nothing to enlarge": (("reader", "--enlarge", "enlarger"), "reader is a classifier, which paints no picture to enlarge"),
    "a recipe and more": (("painter", "--recipe", "mine.png", "--enlarge", "enlarger"), "--recipe says everything"),
    "two beginnings": (("painter", "--between", "1", "2", "--like", "mine.png"), "--between begins from noise, --like from a"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "line"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(studio, monkeypatch, artpipe, arguments, line):
    """It names the option and what is expected; nothing is written."""
    monkeypatch.chdir(studio)
    code, out, err = artpipe("sample", *arguments, "--out", "wrong.png")
    assert (code, out) == (2, "")
    assert line in err
    assert err.count("\n") == 1
    assert not Path("wrong.png").exists()


def test_a_word_inside_of_another_is_not_refused(sample):
    """`gun` is refused, `gunpowder` is not, nor are the words of a phrase apart."""
    assert sample("painter", "-n", "1", "--prompt", "gunpowder, blood orange and red")


@pytest.mark.usefixtures("sample")
def test_words_that_nothing_was_learned_of_are_said(artpipe):
    """Those of the prompt that neither a caption nor a class has, once each."""
    known, command = SPEC.classes[0], ("sample", "painter", "-n", "1", "--out", "made.png", "--prompt")
    assert "; no caption it learned from has `zebra`, `red2`" in artpipe(*command, f"{known}, Zebra zebra [red2]")[1]
    assert "no caption" not in artpipe(*command, known)[1]
    assert json.loads(artpipe(*command, "a zebra", "--json")[1])["unknown_words"] == ["zebra"]


def test_only_pictures_get_a_recipe():
    """A text stays as it is; a PNG stays readable with words of any script."""
    assert add_recipe(b"text", {"a": 1}) == b"text"


def test_what_fills_holes_is_asked_for_no_class():
    """A label that would be ignored is refused."""
    learner = build_learner("mine", {"kind": "patches", "dataset": "d", "pretrained": "x", "feature_extractor": "x"}, Spec(dataset="d", channels=3, height=32, width=32, classes=("a",), count=3))  # fmt: skip
    with pytest.raises(UserError, match="--label: mine is of the kind patches, which is asked for no class"):
        _check_label(learner, 0, "mine")
    _check_label(learner, None, "mine")
