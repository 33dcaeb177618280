"""Compose pictures of the patches of works, without a network.

Granot et al. 2022, "Drop the GAN: In Defense of Patches Nearest Neighbors".

Variations, mixtures, other formats and analogies grow from coarse to fine, all together; every pixel is copied from one
pixel of a work. The weights of this learner are the works, and for each picture the matches of its patches.
"""

from collections.abc import Mapping, Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from artpipe.artifacts.shards import Spec
from artpipe.config.params import Positive, TrainParams
from artpipe.contracts.model import Batch, Exhibit, Learner, Model, Prompt
from artpipe.contracts.plugin_info import Budget, Export, ModelInfo, NewDatasets, WallText
from artpipe.errors import UserError
from artpipe.language.message import Message
from artpipe.nn.patches.picture_captions import describe_analogy, describe_format, describe_mixture
from artpipe.nn.patches.picture_jobs import PictureJob, list_picture_jobs
from artpipe.nn.style.style_images import find_first_works, require_classes
from artpipe.numerics.patch_completion import fill_hole
from artpipe.numerics.patch_layouts import grow_to_format, mix_in_fields, recolour, shift_at_random
from artpipe.numerics.patch_synthesis import (
    PatchSettings,
    SourceLevel,
    average_patches,
    build_source_level,
    choose_source_pixels,
    enlarge_guess,
    enlarge_nearest,
    list_level_sizes,
    match_patches,
    resize_bicubic,
)
from artpipe.numerics.pixels import to_float
from artpipe.numerics.source_map import Composition, colour_source_map, measure_share_in_place, measure_work_shares
from artpipe.numerics.work_choice import choose_self_similar_works

_COPY = 0.9  # of a picture, in its own place: from here on it is said to be a copy


class Params(TrainParams):
    """Parameters of patch synthesis."""

    steps: Positive = 36  # shared by the levels, from coarse to fine
    batch_size: Positive = 1  # not used: every picture grows at every step
    evaluate_every_steps: Positive = 6
    log_every_steps: Positive = 1
    works: tuple[str, ...] = ()  # classes whose first work is used; where empty, ones whose parts can change places
    count: Positive = 3  # how many those are
    variations: int = Field(default=2, ge=0)  # of each work
    mixtures: int = Field(default=2, ge=0)  # of two works each
    formats: tuple[float, ...] = (
        0.5,
    )  # width by height against the work's own, each of another work; wide ones repeat
    analogies: int = Field(default=1, ge=0)  # the layout of one work in the matter of the next
    patch: int = Field(default=7, ge=3)  # side in pixels
    coarsest: Positive = 20  # pixels of the shorter side where the layout is made; more: smaller pieces change places
    analogy_coarsest: Positive = 40  # the same of analogies; more: nearer to the layout
    ratio: float = Field(default=1.35, ge=1.02)  # between two levels
    pieces: Positive = 3  # moved copies of a work, of whose fields the layout of a variation is made
    noise: float = Field(default=0.75, ge=0)  # of a layout, in standard deviations of the work
    alpha: float = Field(default=0.005, gt=0)  # less: more of a work has to reappear; more: the nearest patch counts
    components: Positive = 32  # of a patch that are compared


class Patches(Learner[Params]):
    """The works, and the matches of each picture at the level that it has reached."""

    memory_advice = "lower the dataset's `size`, or ask for fewer pictures at once"

    labels: Tensor
    digests: Tensor
    done: Tensor

    def __init__(self, params: Params, spec: Spec, pretrained: object = None) -> None:
        super().__init__(params, spec)
        del pretrained
        _check_spec(params, spec)
        size = (spec.height, spec.width)
        self.levels = list_level_sizes(size, params.coarsest, params.ratio)
        self.settings = PatchSettings(params.patch, params.alpha, params.components)
        count = len(params.works) or min(params.count, spec.count)
        self.jobs = list(list_picture_jobs(count, params.variations, params.mixtures, params.analogies, params.formats))
        if not self.jobs:
            raise UserError(f"dataset `{spec.dataset}`: nothing to make; `variations`, `mixtures` and others are all 0")
        images = torch.zeros(count, spec.channels, *size, dtype=torch.uint8)
        self.images = nn.Parameter(images, requires_grad=False)
        self.register_buffer("labels", torch.full((count,), -1))
        self.register_buffer("digests", torch.zeros(count, 32, dtype=torch.uint8))
        self.register_buffer("done", torch.tensor(0))  # steps; a restored learner knows them by this alone
        for index, job in enumerate(self.jobs):
            self.register_buffer(f"matches_{index}", torch.zeros(job.size(size), dtype=torch.int32))

    def prepare_training(self, works: Batch) -> None:
        """Choose the works: the first of each named class, or ones like themselves."""
        names, spec = self.params.works, self.spec
        rows = [find_first_works(works, spec, name)[0] for name in names]
        rows = rows or choose_self_similar_works(works["images"], len(self.images))
        if len(rows) < len(self.images):
            raise UserError(
                f"dataset `{spec.dataset}` has {len(rows)} works to train on, {len(self.images)} wanted; lower `count`"
            )
        self.images.copy_(works["images"][rows])
        self.digests.copy_(works["digests"][rows])
        if "labels" in works:
            self.labels.copy_(works["labels"][rows])

    @torch.no_grad()
    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """Match the patches of all pictures once more, at the level of this step.

        `distance` is the mean square difference of a patch and its match.
        """
        del batch
        level, distances = self._level_at(self.steps_done), []
        generator = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
        for index, job in enumerate(self.jobs):
            if level >= self._first_level(job):
                distances.append(self._match(index, job, level, generator))
        self.done.fill_(self.steps_done + 1)
        return {"distance": torch.tensor(distances or [0.0]).mean()}

    def _match(self, index: int, job: PictureJob, level: int, generator: torch.Generator) -> float:
        works, patch, size = self._works_of(job), self.params.patch, self.levels[level]
        before = self._level_at(self.steps_done - 1) if self.steps_done else -1
        smaller = self.levels[level - 1] if level else None
        source, matches = build_source_level(works, size, smaller), None
        if before < self._first_level(job):
            guess = self._draw_layout(job, source, generator)
        elif before < level:
            old = self._matches_at(index, job, before)
            stretch = (job.size(size)[0] / size[0], job.size(size)[1] / size[1])
            guess, matches = enlarge_guess(works, old, self.levels[before], size, stretch, patch)
        else:
            matches = self._matches_at(index, job, level)
            guess = average_patches(source.sharp, matches, patch)
        enlarged = self._first_level(job) <= before < level
        matches, distance = match_patches(source, guess, matches, generator, self.settings, enlarged=enlarged)
        self.get_buffer(f"matches_{index}")[: matches.shape[0], : matches.shape[1]] = matches
        return distance

    def _draw_layout(self, job: PictureJob, source: SourceLevel, generator: torch.Generator) -> Tensor:
        """Return what a picture looks like before its first match ``(C, H, W)``."""
        p, target = self.params, job.size(source.size)
        if job.layout is not None:
            return recolour(resize_bicubic(to_float(self.images[[job.layout]].cpu()), target)[0], source.sharp[0])
        if job.format != 1:
            return grow_to_format(source, target, p.noise, generator, self.settings)
        if len(job.works) > 1:
            return mix_in_fields(source.sharp, p.noise, generator)
        return mix_in_fields(shift_at_random(source.sharp[0], p.pieces, generator), p.noise, generator)

    def _level_at(self, step: int) -> int:
        """Return the level of a step; the last step is one of the last level."""
        steps = self.params.steps
        return min(((step + 1) * len(self.levels) - 1) // steps, len(self.levels) - 1)

    def _first_level(self, job: PictureJob) -> int:
        if job.layout is None:
            return self._level_at(0)
        wanted = (i for i, size in enumerate(self.levels) if min(size) >= self.params.analogy_coarsest)
        return max(self._level_at(0), next(wanted, len(self.levels) - 1))

    def _works_of(self, job: PictureJob) -> Tensor:
        return to_float(self.images[list(job.works)].cpu())

    def _matches_at(self, index: int, job: PictureJob, level: int) -> Tensor:
        height, width = (side - self.params.patch + 1 for side in job.size(self.levels[level]))
        return self.get_buffer(f"matches_{index}")[:height, :width].cpu().long()

    @torch.no_grad()
    def compositions(self) -> Sequence[Composition]:
        """Return the pictures as they are, in the size of their level."""
        level, made = self._level_at(max(0, int(self.done) - 1)), []
        for index, job in enumerate(self.jobs):
            works = resize_bicubic(self._works_of(job), self.levels[level])
            made.append(
                Composition(works, choose_source_pixels(works, self._matches_at(index, job, level), self.params.patch))
            )
        return made

    @torch.no_grad()
    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Show each picture with its works by share and the map of its sources."""
        del prompt
        made = zip(self.jobs, self.compositions(), strict=True)
        return [self._show(job, composition) for job, composition in made]

    @torch.no_grad()
    def fill_hole(self, picture: Tensor, hole: Tensor, seed: int) -> Exhibit:
        """Fill a hole with pieces of the picture itself, else of the works."""
        filled = fill_hole(picture, hole, to_float(self.images.cpu()), self.levels, seed, self.settings)
        taken = [(index, share) for index, share in enumerate(measure_work_shares(filled)[1:]) if share]
        digests = tuple(bytes(self.digests[index].tolist()).hex() for index, _ in taken)
        return Exhibit(
            "image", filled.picture, "", "mixture", digests=digests, shares=tuple(share for _, share in taken)
        )

    def _show(self, job: PictureJob, composition: Composition) -> Exhibit:
        size = job.size((self.spec.height, self.spec.width))
        shares, named = measure_work_shares(composition), list(job.works)
        parts = {"map": enlarge_nearest(colour_source_map(composition), size)}
        if job.layout is not None:
            parts["before"] = to_float(self.images[job.layout].cpu())
            named, shares = [*named, job.layout], [*shares, 0.0]  # it gives no pixel, and is named all the same
        return Exhibit(
            "image",
            enlarge_nearest(composition.picture, size),
            self._caption(job, composition),
            job.role,
            digests=tuple(bytes(self.digests[work].tolist()).hex() for work in named),
            shares=tuple(shares),
            parts=parts,
        )

    def _caption(self, job: PictureJob, composition: Composition) -> Message:
        names = [self._name(work) for work in job.works]
        if job.layout is not None:
            return describe_analogy(self._name(job.layout), names[0])
        if (share := measure_share_in_place(composition)) > _COPY:
            return Message(code="copy_of_work", values={"work": names[0], "share": share})
        if len(names) > 1:
            return describe_mixture(names[0], names[1])
        return describe_format(names[0], job.format)

    def _name(self, work: int) -> str | Message:
        label = int(self.labels[work])
        return self.spec.classes[label] if 0 <= label < len(self.spec.classes) else Message(code="a_work")


def _check_spec(params: Params, spec: Spec) -> None:
    place, side = f"dataset `{spec.dataset}`", min(spec.height, spec.width)
    require_classes(params.works, spec)
    if not params.patch < params.coarsest <= side:
        raise UserError(
            f"{place}: `coarsest` is {params.coarsest}; more than `patch` {params.patch} and at most {side} is wanted"
        )
    for ratio in params.formats:
        if not 0.2 <= ratio <= 5:  # noqa: PLR2004
            raise UserError(f"{place}: `formats` has {ratio:g}; 0.2 to 5 is wanted, width by height")


MODEL = Model(reads=frozenset({"images", "labels", "digests"}), params=Params, build=Patches)
MODEL_INFO = ModelInfo(
    title="Patches",
    export=Export(reason="it has no network: its pictures are put together of the pixels of works"),
    learns=False,
    hub_task="image-to-image",
    nanoseconds_per_pixel=20_000,
    evaluation_seconds=9.0,
    multipliers=("works", "count"),
    class_parameters=("works",),
    first_look=0.1,  # by then the layouts are made
    miniature_steps=12,  # as few as show each level and bear what its start costs
    default_steps=36,
    default_batch_size=1,
    new_datasets=NewDatasets(
        most_works=4000,
        size=256,
        sizes=(24, 1024),
        promise="variations and mixtures, put together of the pixels of a few works",
    ),
    starting_params={"count": 6, "mixtures": 3, "analogies": 2},
    wall_texts={
        "variation": WallText(
            heading="Variations",
            note="A work put together anew from its own pieces; the map shows where in the work each pixel lay.",
            own=True,
            source_type="composite",  # pieces of works, and no trained network
        ),
        "mixture": WallText(
            heading="Mixtures",
            note="Put together from the pieces of several works, each by its share.",
            own=True,
            source_type="composite",
        ),
        "format": WallText(
            heading="Other formats",
            note="A work continued in another format, not stretched.",
            own=True,
            source_type="composite",
        ),
        "analogy": WallText(
            heading="Analogies",
            note="The layout of one work, made of the pieces of another; behind each frame the one lies beside the other.",
            own=True,
            given=True,
            source_type="composite",
        ),
    },
    presets={"long": Budget(steps_factor=2), "gpu": Budget(steps_factor=2)},
)
