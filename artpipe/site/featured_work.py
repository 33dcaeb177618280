"""Choose the work that is featured at the entrance."""

from artpipe.contracts.gallery_work import GalleryWork
from artpipe.contracts.section import Artist, FeaturedWork, Museum

_CERTAIN = 0.9  # certainty of the feature extractor from which on works are as sure as each other
_FEATURED = ({"good", "fair"}, {"cannot tell"}, {"weak"})  # grades that are featured, the first first
_LARGE_ENOUGH = 128  # pixels of the shorter side; beyond, larger is no better


def choose_featured(museum: Museum) -> FeaturedWork | None:
    """Choose the most attractive picture of a model whose subject is plain.

    Of pictures as attractive that of a good model.
    """
    candidates = [
        FeaturedWork(room, artist, work)
        for room in museum.rooms
        for artist in room.artists
        for work in artist.works
        if work.face and artist.is_own(work)
    ]
    grades = [candidate.artist.report.verdict.grade for candidate in candidates]
    best = next((group for group in _FEATURED if not group.isdisjoint(grades)), {*grades})
    chosen = [candidate for candidate, grade in zip(candidates, grades, strict=True) if grade in best]
    return max(chosen, key=lambda candidate: _rank_work(candidate.work, candidate.artist), default=None)


def _rank_work(work: GalleryWork, artist: Artist) -> tuple[bool, bool, bool, bool, int, bool, float]:
    """Return the ranking key of a work, compared first to last.

    What a person hung first comes first. A work its feature extractor doubts comes after a sure one; one not judged counts as sure.
    """
    face = work.face
    if face is None:
        return (False, False, False, False, 0, False, 0.0)
    is_certain = not 0 < work.certainty < _CERTAIN
    size, is_good = min(face.width, face.height, _LARGE_ENOUGH), artist.report.verdict.grade == "good"
    return (work.place == 1, is_certain, work.kind == "image", face.colour, size, is_good, work.certainty)
