"""The catalogue: which works are plates, how they are numbered, what its pages are headed with."""

from dataclasses import replace

import pytest

from artpipe.config.params import load_params
from artpipe.language.sentences import load_sentences
from artpipe.sections.catalogue import SECTION, CatalogueView, arrange_chapters, list_pages
from artpipe.site.media_files import MediaStore
from artpipe.site.museum import load_museum
from tests.support.museums import find_museum


@pytest.fixture(scope="module")
def museum():
    """Three models in two rooms."""
    root = find_museum()
    return load_museum(root, load_params(root / "params.yaml"), MediaStore(), load_sentences())


def plates_of(chapters):
    """Return all plates in their order."""
    return [one for chapter in chapters for part in chapter.parts for group in part.groups for one in group.plates]


def test_plates_are_numbered_through(museum):
    """From 1 on, and contents name the first and the last of each room and model."""
    chapters = arrange_chapters(museum)
    assert [plate.number for plate in plates_of(chapters)] == list(range(1, len(plates_of(chapters)) + 1))
    assert chapters[0].first == 1
    assert [chapter.first for chapter in chapters[1:]] == [chapter.last + 1 for chapter in chapters[:-1]]
    assert [chapter.last for chapter in chapters] == [chapter.parts[-1].last for chapter in chapters]


def test_a_model_shows_twelve_plates_of_its_own(museum):
    """What it makes of given works is left out where it makes something of itself."""
    for chapter in arrange_chapters(museum):
        for part in chapter.parts:
            works = [plate.work for group in part.groups for plate in group.plates]
            own = [work for work in part.artist.works if part.artist.is_own(work)]
            assert works == (own or list(part.artist.works))[:12]


def test_a_hundred_models_show_two_plates_each(museum):
    """The whole catalogue has 240 plates at most, however many models hang."""
    room = museum.rooms[0]
    many = replace(museum, rooms=[replace(room, artists=[room.artists[0]] * 100)])
    assert len(plates_of(arrange_chapters(many))) == 200


def test_the_index_lists_each_title_once(museum):
    """In alphabetical order, with the numbers of its plates; all numbers together are those of the plates."""
    titles = SECTION.fill(CatalogueView(museum))["titles"]
    assert [title.casefold() for title, _, _ in titles] == sorted(title.casefold() for title, _, _ in titles)
    assert len({(title, artist.name) for title, artist, _ in titles}) == len(titles)
    numbers = sorted(number for _, _, found in titles for number in found)
    assert numbers == list(range(1, len(plates_of(arrange_chapters(museum))) + 1))


def test_a_gallery_without_works_has_a_catalogue(museum):
    """It has no plates, no cover, and still says what there is."""
    filled = SECTION.fill(CatalogueView(replace(museum, rooms=[])))
    assert (filled["chapters"], filled["cover"], filled["newest"]) == ([], None, 0)


def test_titles_cannot_leave_their_string_in_the_stylesheet(museum):
    """Quotes, backslashes, braces and addresses are escaped as CSS asks."""
    hostile = replace(museum, title='a"; } body { background: url(x) } \\', rooms=[])
    (page,) = list_pages(hostile)
    first = page.files["catalogue/heads.css"].decode().splitlines()[0]
    text = r"a\22 \3b  \7d  body \7b  background\3a  url\28 x\29  \7d  \5c "
    assert first == f'@page {{ @top-left {{ content: "{text}"; }} }}'


def test_a_chapter_prints_its_room_on_each_page(museum):
    """Each room has a named page with its title as the head."""
    (page,) = list_pages(museum)
    css = page.files["catalogue/heads.css"].decode()
    for room in museum.rooms:
        assert f".room-{room.number} {{ page: room-{room.number}; }}" in css
