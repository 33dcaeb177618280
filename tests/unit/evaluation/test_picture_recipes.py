"""Recipes of the live room are read from pictures, and a bad one is one line."""

import json
import struct
import zlib

import pytest
import torch

from artpipe.errors import UserError
from artpipe.evaluation.picture_recipes import PictureRecipe, list_prompts, paint_recipe, read_recipe


def make_png(text: bytes, *, keyword: bytes = b"artpipe", damage: int = 0) -> bytes:
    """Return what a reader of PNG sees of a file with a text."""
    body = keyword + b"\0" + text
    chunk = struct.pack(">I", len(body)) + b"tEXt" + body + struct.pack(">I", zlib.crc32(b"tEXt" + body) ^ damage)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 0, b"IHDR") + b"\0" * 4 + chunk


class Echo:
    """Paints its noise."""

    noise_size = 20

    def walk(self, noise, mix):
        return torch.cat([noise, mix], 1)[:, None, None]


def test_a_recipe_is_read_from_a_picture_or_a_file(tmp_path):
    """The text chunk of a PNG and a JSON file say the same."""
    fields = {"model": "digits-gan", "checkpoint": "ab", "recipe": {"seed": 5, "parents": [{"seed": 1}, {"seed": 2}]}}
    (tmp_path / "one.png").write_bytes(make_png(json.dumps(fields).encode()))
    (tmp_path / "one.json").write_text(json.dumps(fields))
    first, second = read_recipe(tmp_path / "one.png"), read_recipe(tmp_path / "one.json")
    assert first == second
    assert first.recipe.parents == (PictureRecipe(seed=1), PictureRecipe(seed=2))


def nest(depth: int) -> dict:
    recipe = {"seed": 0}
    for _ in range(depth):
        recipe = {"seed": 0, "parents": [recipe, {"seed": 1}]}
    return recipe


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (make_png(b"{}", keyword=b"Comment"), "no recipe in it"),
        (make_png(b"{}", damage=1), "no recipe in it"),
        (b"\x89PNG\r\n\x1a\n" + b"\xff" * 40, "no recipe in it"),
        (b"[" * 100_000, "no recipe in it"),
        (b"[1]", "no recipe in it"),
        (json.dumps({"model": "a", "recipe": nest(80)}).encode(), "no recipe in it"),
        (json.dumps({"model": "a", "recipe": {"seed": -1}}).encode(), "seed"),
        (json.dumps({"model": "a", "recipe": {"sed": 1}}).encode(), "sed"),
    ],
)
def test_what_is_no_recipe_is_one_line(tmp_path, data, said):
    """A text of another, a damaged chunk, nonsense, a family without end, and a wrong number are each refused."""
    (tmp_path / "bad").write_bytes(data)
    with pytest.raises(UserError, match=said) as caught:
        read_recipe(tmp_path / "bad")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path):
    """The path stands in the message."""
    with pytest.raises(UserError, match=r"nothing\.png: cannot be read"):
        read_recipe(tmp_path / "nothing.png")


def test_a_class_that_is_not_there_is_refused():
    """The message says how many there are."""
    with pytest.raises(UserError, match="it has 3"):
        paint_recipe(Echo(), PictureRecipe(seed=1, label=3), 3)


def test_each_number_of_a_child_is_one_of_its_parents():
    """Both give some; the seed decides which, and the class comes from one of them."""
    parents = PictureRecipe(seed=1, label=0), PictureRecipe(seed=2, label=2)
    one, other = (paint_recipe(Echo(), parent, 3).flatten() for parent in parents)
    child = paint_recipe(Echo(), PictureRecipe(seed=9, parents=parents), 3).flatten()
    from_one, from_other = child[:20] == one[:20], child[:20] == other[:20]
    assert (from_one | from_other).all()
    assert 0 < from_one.sum() < 20
    assert child[20:].tolist() in ([1, 0, 0], [0, 0, 1])


class Wording(Echo):
    """Says what it was asked for, in the place of a picture."""

    path_functions = "as a path has them"

    def steer(self, noise, steering):
        self.steering = steering
        return noise[:, None, None]


def test_words_go_before_a_class_and_a_child_has_those_of_a_parent():
    """What a recipe says reaches the painter; without words it is the class, by the seed where none is given."""
    learner = Wording()
    spoken, classed = PictureRecipe(seed=4, prompt="a cat", guidance=3, steps=5), PictureRecipe(seed=4)
    paint_recipe(learner, spoken, 3)
    assert (learner.steering.captions, learner.steering.guidance, learner.steering.steps) == (["a cat"], 3, 5)
    paint_recipe(learner, classed, 3)
    assert (learner.steering.captions, learner.steering.labels.tolist()) == (None, [1])
    for seed in range(8):
        paint_recipe(learner, PictureRecipe(seed=seed, parents=(spoken, classed)), 3)
        assert (learner.steering.captions is None) == (learner.steering.labels.tolist() == [1])
    assert list_prompts(PictureRecipe(seed=0, parents=(spoken, classed))) == ["a cat"]
