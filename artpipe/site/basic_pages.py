"""List the pages that every gallery has.

Entrance, datasets, models, works, provenance. Models and works have a JSON file beside their page.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from artpipe.contracts.section import DatasetView, GalleryPage, IndexView, ModelView, Museum, ProvenanceView, WorkView
from artpipe.site.attribution import make_attribution
from artpipe.site.featured_work import choose_featured
from artpipe.site.live_labels import make_live_labels
from artpipe.site.work_records import make_model_record, make_work_record


def _list_index(museum: Museum) -> Iterator[GalleryPage]:
    yield GalleryPage("index.html", IndexView(museum, choose_featured(museum)))


def _list_datasets(museum: Museum) -> Iterator[GalleryPage]:
    for room in museum.rooms:
        folder, text = f"datasets/{room.name}", make_attribution(room, museum.language)
        files = {f"{folder}/attribution.txt": text.encode()} if text else {}
        yield GalleryPage(f"{folder}/index.html", DatasetView(museum, room, text), room.name, files=files)


def _list_models(museum: Museum) -> Iterator[GalleryPage]:
    for room, artist in museum.artists:
        folder = f"models/{artist.name}"
        view = ModelView(museum, room, artist, make_live_labels(museum, artist))
        yield GalleryPage(
            f"{folder}/index.html", view, room.name, shared={f"{folder}/model.json": make_model_record(view)}
        )


def _list_works(museum: Museum) -> Iterator[GalleryPage]:
    for room, artist in museum.artists:
        neighbours = zip([None, *artist.works[:-1]], artist.works, [*artist.works[1:], None], strict=True)
        for previous, work, after in neighbours:
            folder, view = f"works/{work.id}", WorkView(museum, room, artist, work, previous, after)
            yield GalleryPage(
                f"{folder}/index.html", view, room.name, shared={f"{folder}/work.json": make_work_record(view)}
            )


def _list_provenance(museum: Museum) -> Iterator[GalleryPage]:
    yield GalleryPage("provenance/index.html", ProvenanceView(museum))


BASIC_PAGE_LISTS: Mapping[str, Callable[[Museum], Iterable[GalleryPage]]] = {
    "index": _list_index,
    "dataset": _list_datasets,
    "model": _list_models,
    "work": _list_works,
    "provenance": _list_provenance,
}
