"""Paint a picture of a live room again, from the recipe in its file."""

from pathlib import Path

from artpipe.artifacts import paths
from artpipe.config.params import load_params
from artpipe.contracts.model import Exhibit, LatentWalker
from artpipe.errors import UserError
from artpipe.evaluation.painted_files import PaintedFiles
from artpipe.evaluation.picture_recipes import list_prompts, paint_recipe, read_recipe
from artpipe.evaluation.sample_file_labels import SampleLabeller
from artpipe.evaluation.steered_samples import list_refused, refuse_words
from artpipe.system.atomic_files import remove_stale_temporaries, write_bytes
from artpipe.system.plain_text import to_printable
from artpipe.training.exhibit_files import encode_content
from artpipe.training.restore import restore_learner


def sample_recipe(name: str, recipe_file: Path, out: Path | None = None) -> PaintedFiles:
    """Paint a picture of a live room again; its file has the recipe too.

    Raises:
        UserError: no such model, no recipe in the file, or one of another model.
        CorruptError: the checkpoint is damaged.
    """
    saved = read_recipe(recipe_file)
    params = load_params()
    entry = params.model(name)
    if saved.model != name:
        raise UserError(f"--recipe {recipe_file}: it is of the model `{to_printable(saved.model)}`, not of `{name}`")
    learner, card, sha256 = restore_learner(paths.checkpoint(name))
    if not isinstance(learner, LatentWalker):
        raise UserError(f"--recipe: {name} is a {learner.params.kind}, which paints from no noise")
    for prompt in list_prompts(saved.recipe):
        refuse_words(prompt, name, list_refused(entry, learner))
    picture = paint_recipe(learner, saved.recipe, len(learner.spec.classes))
    recipe = saved.model_dump(mode="json", exclude_defaults=True)
    labeller = SampleLabeller(params.gallery, card, sha256)
    shown = Exhibit("image", picture, "", seed=saved.recipe.seed, label=saved.recipe.label)
    suffix, data = encode_content(picture)
    data, suffix = labeller.label(data, suffix, [shown], recipe)
    out = out or Path("data/samples") / f"{name}-recipe-{recipe_file.stem}"
    file = out if out.suffix else out.with_name(out.name + suffix)
    remove_stale_temporaries(file.parent)
    write_bytes(file, data)
    other = "" if sha256.startswith(saved.checkpoint) else saved.checkpoint
    return PaintedFiles(name, sha256, file, (), labeller.finish(), other)
