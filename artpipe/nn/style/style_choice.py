"""Choose contents and styles among the works of a dataset that names none."""

from itertools import islice, product

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.errors import UserError
from artpipe.nn.style.perceptual import PerceptualLoss, resize
from artpipe.nn.style.style_images import has_strokes
from artpipe.numerics.pixels import to_float
from artpipe.numerics.work_choice import choose_clear_works, spread

_CANDIDATES = 96  # works that are looked at, spread over all: about 4 core-seconds
_SIDE = 96  # pixels at which their strokes are compared
_RICH_SHARE = 0.3  # of the works, among which styles are looked for
_USUAL_SHARE = 0.6  # of these, by their mean distance from each other
_PLAIN_SHARE = 0.4  # of the works, which are not painted again: nothing in them would be seen
_MIDDLE = 0.7  # of each side: what is compared, so that photographed frames do not count
_BLOCKS = 6  # along each side, in which strokes are looked for
_PLAIN = 0.3  # what a picture without colours counts


@torch.no_grad()
def choose_pairs(images: Tensor, loss: PerceptualLoss, count: int) -> list[tuple[int, int]]:
    """Return `count` pairs of rows to paint: a content and a style.

    Pictures are ``(N, 3, H, W)`` uint8. Styles are works full of strokes and colours whose Gram matrices differ most; contents are clear works with
    something to see that differ. Each content is painted in each style before the next one comes.

    Raises:
        UserError: none of the pictures has strokes, or there are too few of them for so many pairs.
    """
    rows = torch.linspace(0, len(images) - 1, min(len(images), _CANDIDATES)).round().long().tolist()
    looked_at = images[rows]
    rough = [row for row, image in enumerate(looked_at) if has_strokes(image)]
    style_count = min(max(1, round(count**0.5)), len(rough))
    content_count = -(-count // max(1, style_count))
    if not rough:
        raise UserError(f"none of {len(rows)} works has strokes; larger pictures with details are wanted")
    if len(rows) < style_count + content_count:
        found = f"{len(rows)} works, {len(rough)} of them with strokes"
        raise UserError(f"`chosen` is {count}, too many for {found}; lower it, or add larger pictures")
    styles = [rough[style] for style in _choose_styles(looked_at[rough], loss, style_count)]
    contents = choose_clear_works(
        looked_at, content_count, [*styles, *_find_plain_works(looked_at, loss, styles, content_count)]
    )
    return [(rows[content], rows[style]) for content, style in islice(product(contents, styles), count)]


def _find_plain_works(images: Tensor, loss: PerceptualLoss, styles: list[int], count: int) -> list[int]:
    """Return the rows in which deep features see least, such as fog.

    Strokes would hide it.

    At least `count` others are left.
    """
    seen = torch.stack([_measure_content(image, loss) for image in images])
    seen[styles] = torch.inf
    few = min(int(_PLAIN_SHARE * len(images)), len(images) - len(styles) - count)
    return seen.argsort(stable=True)[: max(0, few)].tolist()


def _measure_content(image: Tensor, loss: PerceptualLoss) -> Tensor:
    small = resize(to_float(image[None]), (_SIDE, _SIDE))
    return torch.stack([layer.square().mean() for layer in loss.content_features(small).values()]).mean()


def _choose_styles(images: Tensor, loss: PerceptualLoss, count: int) -> list[int]:
    works = torch.cat([resize(_crop_middle(to_float(image[None])), (_SIDE, _SIDE)) for image in images])
    fine = works - resize(resize(works, (_SIDE // 4, _SIDE // 4)), (_SIDE, _SIDE))
    colours = works - works.mean(1, keepdim=True)
    energy = F.adaptive_avg_pool2d(fine.square().mean(1), _BLOCKS).flatten(1).sqrt()
    usual = energy.median(1).values  # of strokes that are everywhere; the edges of a frame are strong and few
    richness = usual.square() / energy.mean(1).clamp_min(1.0e-6) * (_PLAIN + colours.flatten(1).std(1))
    rich = richness.argsort(descending=True, stable=True)[: max(count, int(_RICH_SHARE * len(works)))]
    grams = torch.stack([_describe_style(works[row], loss) for row in rich])
    distances = torch.cdist(grams, grams).mean(1)  # the farthest from all is no manner, it is a photographed frame
    kept = (distances <= distances.quantile(_USUAL_SHARE)).nonzero().flatten()
    kept = kept if len(kept) >= count else torch.arange(len(rich))
    return [int(rich[kept[i]]) for i in spread(grams[kept], count)]


def _crop_middle(images: Tensor) -> Tensor:
    height, width = (round(side * (1 - _MIDDLE) / 2) for side in images.shape[2:])
    return images[:, :, height : images.shape[2] - height, width : images.shape[3] - width]


def _describe_style(work: Tensor, loss: PerceptualLoss) -> Tensor:
    """Return the Gram matrices of a picture as one row.

    Roots keep the strongest channels from deciding alone.
    """
    grams = loss.style_grams(work[None])
    return torch.cat([gram.flatten().sign() * gram.flatten().abs().sqrt() for gram in grams.values()])
