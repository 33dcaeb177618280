"""Hang the works as a person decided.

Picked ones come first, hidden ones not at all, under their titles.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from artpipe.artifacts.curation import BredWork, Curation, ModelCuration, WorkDecision
from artpipe.contracts.gallery_work import GalleryWork, Media
from artpipe.contracts.section import Artist, Museum
from artpipe.errors import ArtpipeError
from artpipe.site.media_files import MediaStore
from artpipe.site.translation import clean_line

BRED = "bred"  # the role of works that a person bred
PaintBred = Callable[[Artist, Sequence[BredWork]], Sequence[bytes]]  # raises ArtpipeError where it cannot
_NOTHING = WorkDecision()


def curate_museum(museum: Museum, curation: Curation, media: MediaStore, paint: PaintBred) -> tuple[Museum, list[str]]:
    """Return the museum as it was decided, and what waits.

    That is a line for each model of which a decision does not count. A recipe that the model hangs no more stays in the file: another training may paint it again.
    """
    rooms, lines = [], list(_describe_unknown(museum, curation))
    for room in museum.rooms:
        artists = []
        for artist in room.artists:
            decided = curation.models.get(artist.name, ModelCuration())
            bred, problem = _hang_bred(artist, decided.bred, media, paint)
            artists.append(_curate_artist(replace(artist, works=(*artist.works, *bred)), decided.works))
            lines += _describe_lost(artist, [*artist.works, *bred], decided, problem)
        rooms.append(replace(room, artists=tuple(artists)))
    return replace(museum, rooms=tuple(rooms)), lines


def _curate_artist(artist: Artist, decisions: Mapping[str, WorkDecision]) -> Artist:
    """Return a model with its works decided; works of one role stay together."""
    if not decisions:
        return artist
    groups = {role: place for place, role in reversed(list(enumerate((work.role, work.kind) for work in artist.works)))}
    works = [
        _decide(work, decision)
        for work in artist.works
        if not (decision := decisions.get(work.recipe, _NOTHING)).hidden
    ]
    works.sort(key=lambda work: (groups[work.role, work.kind], work.place or len(artist.works) + 1))
    return replace(artist, works=tuple(works))


def _decide(work: GalleryWork, decision: WorkDecision) -> GalleryWork:
    work = replace(work, place=decision.place or 0)
    title = clean_line(decision.title)
    return replace(work, title=title) if title else work


def _hang_bred(
    artist: Artist, bred: Sequence[BredWork], media: MediaStore, paint: PaintBred
) -> tuple[Sequence[GalleryWork], str]:
    """Return the bred works of a model, and why they cannot be painted."""
    if not bred:
        return (), ""
    try:
        pictures = [media.add_picture_bytes(data) for data in paint(artist, bred)]
    except (ArtpipeError, OSError) as error:
        return (), str(error)
    return [_make_bred_work(artist, one, picture) for one, picture in zip(bred, pictures, strict=True)], ""


def _make_bred_work(artist: Artist, bred: BredWork, picture: Media) -> GalleryWork:
    near = next((work for work in artist.works if work.seed == bred.near and work.kind == "image"), None)
    return GalleryWork(
        id=f"{artist.name}-{bred.recipe.replace(' ', '-')}",
        title=near.title if near else artist.title,
        titles=near.titles if near else {},
        caption_names=near.caption_names if near else (),
        kind="image",
        role=BRED,
        seed=None,
        media=replace(picture, is_soft=any(work.media is not None and work.media.is_soft for work in artist.works)),
        recipe=bred.recipe,
    )


def _describe_unknown(museum: Museum, curation: Curation) -> Sequence[str]:
    hung = {artist.name for _, artist in museum.artists}
    return [f"{name}: does not hang, so what was decided of its works waits" for name in curation.models.keys() - hung]


def _describe_lost(artist: Artist, works: Sequence[GalleryWork], decided: ModelCuration, problem: str) -> Sequence[str]:
    lines = [f"{artist.name}: its bred works do not hang: {problem}"] if problem else []
    bred = {one.recipe for one in decided.bred}
    lost = sorted(decided.works.keys() - {work.recipe for work in works} - (bred if problem else set()))
    if lost:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        lines.append(f"{artist.name}: hangs no `{lost[0]}`{more}; what was decided of it waits")
    return lines
