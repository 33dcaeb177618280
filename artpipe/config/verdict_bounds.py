"""The marks of grades, a part of params.yaml."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_Share = Annotated[float, Field(ge=0, le=1)]
_Positive = Annotated[int, Field(gt=0, lt=2**63)]


class VerdictBounds(BaseModel):
    """Marks at which a number becomes a grade; docs/log.md says how chosen.

    Below `failed_` or `collapsed_` it has failed, up to `under_trained_` it is weak, from `good_` on it is good.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    collapsed_pairs: _Share = 0.35  # pair distance against real works, for pictures like works
    under_trained_pairs: _Share = 0.6  # the same, from which on variety is fair
    good_pairs: _Share = 0.8
    identical_pairs: _Share = 0.05  # the same for pictures unlike any work, which early in a training are all alike
    collapsed_repeats: _Share = 0.2  # distance to the next picture against that of real works: the same few again
    under_trained_repeats: _Share = 0.4  # the same, from which on variety is fair
    good_repeats: _Share = 0.6
    collapsed_structure: _Share = (
        0.5  # distance of edges within a label against real works: one template in many colours
    )
    under_trained_structure: _Share = 0.65  # the same, from which on variety is fair
    good_structure: _Share = 0.8
    replayed_works: _Share = 0.5  # of the works that random copies would show; from here on repeats are memorised works
    dropped_share: _Share = 0.1  # of the works a class should have
    dropped_expected: _Positive = 10  # a class expected less often than this is too rare to be missed
    ignored_labels: _Share = 0.1  # of what lies between chance and real works, recognised as the class asked for
    under_trained_labels: _Share = 0.5  # the same, from which on it is fair
    good_labels: _Share = 0.8
    recognisable: float = Field(default=1.75, gt=1)  # distance to training works, against new ones, that is still read
    memorised_share: _Share = (
        0.1  # of the samples, copies of a training work beyond what held-out works would be called
    )
    repeated_share: _Share = 0.25  # of passages said again, beyond what held-out works repeat; more is a circle
    good_repeated: _Share = 0.1  # the same, up to which it is good
    copy_ratio: _Share = 0.5  # nearest training work against the second nearest: less is a copy of the one
    varied_copy_ratio: _Share = 0.6  # the same of edges, against the second nearest and what is usual of held-out works
    blend_ratio: _Share = 0.5  # distance to the nearest blend of two training works, against held-out works
    copy_distance: _Share = 0.25  # nearest training work against the held-out works' nearest: less is a copy
    fewest_works: _Positive = 50  # held out; with fewer, any neighbourhood reaches everything: coverage says nothing
    extractor_skill: _Share = 0.3  # of what guessing leaves, recognised by the extractor; with less it measures nobody
    good_skill: _Share = 0.5  # the same, of a classifier that is good
    failed_coverage: _Share = 0.1  # of real works that have a picture beside them; less is no likeness at all
    under_trained_coverage: _Share = 0.3  # the same, from which on likeness is fair
    good_coverage: _Share = 0.6
    under_trained_precision: _Share = 0.3  # of the pictures that fall among real works
    good_precision: _Share = 0.75  # the same, of the share that new works reach
    good_size: _Share = (
        0.75  # of the side of real works: those shown so small are as far from works as good pictures may be
    )
    under_trained_certainty: _Share = 0.5  # of the share of real works that the feature extractor is sure of
    good_certainty: _Share = 0.8
    certain: _Share = 0.9  # probability from which on it is sure
    under_trained_pixels: _Positive = 8  # a side, of real works so small that further off nothing is to be recognised
    failed_sharpness: _Share = 0.1  # of the fine detail of real works
    under_trained_sharpness: _Share = 0.2
    good_sharpness: _Share = 0.5
    noisy_sharpness: float = Field(default=3.0, gt=1)  # more detail than this is noise
    noise: _Share = 0.06  # of the range of brightness, beyond that of real works; more is weak
    good_noise: _Share = 0.02
    under_trained_steepness: _Share = 0.5  # of the whole improvement, made in the last quarter of the training
    under_trained_style: _Share = 0.5  # of the distance that the photographs have to their styles
    good_style: _Share = 0.3
    lost_content: float = Field(default=0.85, gt=0)  # distance to the photograph; about 1 is something unrelated
    good_content: float = Field(default=0.7, gt=0)
    copied_in_place: _Share = 0.9  # of a picture composed of pieces, where it lies in a work; more is a copy
    good_in_place: _Share = 0.6
    seen_joints: float = Field(default=1.5, gt=1)  # contrast across joints, against the same places in the works
    good_joints: float = Field(default=1.1, gt=1)
    in_key: _Share = 0.9  # notes in the piece's key, against the share of real pieces
    dissonant: float = Field(default=2.0, gt=1)  # dissonant chords, against the share of real pieces
    explosion: float = Field(default=1000.0, gt=1)  # a loss against its median before
    largest_loss: float = Field(default=1.0e9, gt=1)  # that is believed; one that exploded at the first step is beyond
    dominated_loss: float = Field(default=0.05, ge=0)  # the discriminator's, last quarter; 0.7 to 2 is balanced
    dominated_gap: float = Field(default=6.0, gt=0)  # logits between real works and pictures, last quarter
    latent_nats: float = Field(default=0.5, gt=0)  # a KL below this says nothing about the work
