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


def repeat_artists(museum, count):
    """Return a museum of one room in which a model hangs under so many names."""
    room = museum.rooms[0]
    artists = [replace(room.artists[0], name=f"model-{number}") for number in range(count)]
    return replace(museum, rooms=[replace(room, artists=artists)])


def test_a_room_of_a_hundred_models_shows_three_plates_of_24(museum):
    """So that its page stays one that opens at once, however many models hang."""
    (chapter,) = arrange_chapters(repeat_artists(museum, 100))
    assert (len(chapter.parts), len(plates_of([chapter]))) == (24, 72)


def test_rooms_share_sixty_models(museum):
    """They take turns."""
    room = repeat_artists(museum, 24).rooms[0]
    rooms = [
        replace(room, name=f"room-{n}", artists=[replace(one, name=f"{n}-{one.name}") for one in room.artists])
        for n in range(4)
    ]
    assert [len(chapter.parts) for chapter in arrange_chapters(replace(museum, rooms=rooms))] == [15] * 4


def test_a_long_catalogue_has_a_page_for_each_chapter(museum):
    """The first has no plates, the last has all for the printer; a short one is a single page."""
    pages = list(list_pages(repeat_artists(museum, 20)))
    name = museum.rooms[0].name
    places = ["catalogue/index.html", f"catalogue/rooms/{name}/index.html", "catalogue/print/index.html"]
    assert [page.path for page in pages] == places
    front, chapter, whole = (SECTION.fill(page.view) for page in pages)
    assert not plates_of(front["opened"])
    assert plates_of(chapter["opened"]) == plates_of(whole["opened"])
    assert front["chapters"] == whole["chapters"]
    assert len(list(list_pages(replace(museum, rooms=[])))) == 1


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
    page = next(iter(list_pages(museum)))
    css = page.files["catalogue/heads.css"].decode()
    for room in museum.rooms:
        assert f".room-{room.number} {{ page: room-{room.number}; }}" in css
