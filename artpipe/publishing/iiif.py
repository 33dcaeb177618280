"""The gallery as IIIF manifests (Presentation API 3.0), by its address.

A manifest for each work that has a picture, a collection for each room, one for the whole. Written texts are left out:
a canvas shows pictures.
"""

import json
import mimetypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from artpipe.contracts.gallery_work import GalleryWork, Media
from artpipe.contracts.generation_facts import GENERATION_LABELS
from artpipe.contracts.section import Artist, Museum, Room
from artpipe.language.message import Message
from artpipe.language.sentences import list_languages, load_sentences
from artpipe.publishing.iiif_images import list_sizes

_CONTEXT = "http://iiif.io/api/presentation/3/context.json"
_NOT_EVALUATED = "http://rightsstatements.org/vocab/CNE/1.0/"  # nobody has said whose copyright a model's work is
Words = dict[str, list[str]]
Entity = dict[str, Any]
MakeService = Callable[[str, Room, Artist, GalleryWork], tuple[tuple[int, int], Mapping[str, bytes]] | None]


def make_iiif_files(museum: Museum, make_service: MakeService) -> Iterator[tuple[str, bytes]]:
    """Yield manifests, collections and pictures by path; none without an address.

    `make_service` returns the size of a work's picture, and the files of its image service at an address; None where the
    work has no picture.
    """
    if not museum.base_url:
        return
    rooms = list[Entity]()
    for room in museum.rooms:
        works = list[Entity]()
        for artist in room.artists:
            for work in artist.works:
                folder = f"works/{work.id}"
                service = make_service(f"{museum.base_url}{folder}/iiif", room, artist, work)
                if service is None:
                    continue
                size, files = service
                yield from ((f"{folder}/iiif/{path}", data) for path, data in files.items())
                manifest = _make_manifest(museum, room, artist, work, size)
                works.append({key: manifest[key] for key in ("id", "type", "label", "thumbnail")})
                yield f"{folder}/manifest.json", _encode(manifest)
        if works:
            collection = _make_collection(museum, f"datasets/{room.name}", {"none": [room.title]}, works)
            rooms.append({key: collection[key] for key in ("id", "type", "label")})
            yield f"datasets/{room.name}/collection.json", _encode(collection)
    yield "collection.json", _encode(_make_collection(museum, "", {"none": [museum.title]}, rooms))


def _make_collection(museum: Museum, folder: str, label: Words, items: Sequence[Entity]) -> Entity:
    page = f"{museum.base_url}{folder}/" if folder else museum.base_url
    collection: Entity = {
        "@context": _CONTEXT,
        "id": f"{page}collection.json",
        "type": "Collection",
        "label": label,
        "homepage": [_refer(f"{page}index.html", "Text", "text/html", label)],
        "items": list(items),
    }
    if not folder and museum.subtitle:
        collection["summary"] = {museum.language: [museum.subtitle]}
    return collection


def _make_manifest(museum: Museum, room: Room, artist: Artist, work: GalleryWork, size: tuple[int, int]) -> Entity:
    folder, label = f"{museum.base_url}works/{work.id}", _name_work(work)
    generation = _say(GENERATION_LABELS[artist.source_type(work)])
    publisher: Words = {"none": [museum.publisher or museum.title]}
    manifest: Entity = {
        "@context": _CONTEXT,
        "id": f"{folder}/manifest.json",
        "type": "Manifest",
        "label": label,
        "metadata": _list_metadata(room, artist, work),
        "requiredStatement": {
            "label": _say(Message(code="field_generation")),
            "value": {language: [*texts, *publisher["none"]] for language, texts in generation.items()},
        },
        "rights": _NOT_EVALUATED,
        "thumbnail": [_describe_picture(f"{folder}/iiif", size, is_small=True)],
        "homepage": [_refer(f"{folder}/index.html", "Text", "text/html", label)],
        "seeAlso": [_refer(f"{folder}/work.json", "Dataset", "application/json", {"none": ["work.json"]})],
        "partOf": [{"id": f"{museum.base_url}datasets/{room.name}/collection.json", "type": "Collection"}],
        "items": [_make_canvas(museum, folder, work, label, size)],
    }
    if work.offered:
        form = mimetypes.guess_type(work.offered.src)[0] or "application/octet-stream"
        kind = {"audio": "Sound", "video": "Video"}.get(work.kind, "Image")
        manifest["rendering"] = [_refer(museum.base_url + work.offered.src, kind, form, label)]
    return manifest


def _make_canvas(museum: Museum, folder: str, work: GalleryWork, label: Words, size: tuple[int, int]) -> Entity:
    """Return the canvas of a work: its picture, and its sound where it has one."""
    canvas, page = f"{folder}/canvas", f"{folder}/canvas/page"
    bodies = [_describe_picture(f"{folder}/iiif", size)]
    timed: Entity = {}
    if work.kind == "audio" and work.media and work.media.seconds:
        timed["duration"] = work.media.seconds
        bodies.append(_describe_sound(museum, work.media))
    annotations = [
        {"id": f"{page}/{number}", "type": "Annotation", "motivation": "painting", "body": body, "target": canvas}
        for number, body in enumerate(bodies, start=1)
    ]
    shape = {"width": size[0], "height": size[1], **timed}
    items = [{"id": page, "type": "AnnotationPage", "items": annotations}]
    return {"id": canvas, "type": "Canvas", "label": label, **shape, "items": items}


def _describe_picture(address: str, size: tuple[int, int], *, is_small: bool = False) -> Entity:
    """Return the picture of a service, as a thumbnail in its smallest size."""
    width, height = list_sizes(size)[0] if is_small else size
    return {
        "id": f"{address}/full/{width},{height}/0/default.jpg" if is_small else f"{address}/full/max/0/default.jpg",
        "type": "Image",
        "format": "image/jpeg",
        "width": width,
        "height": height,
        "service": [{"id": address, "type": "ImageService3", "profile": "level0"}],
    }


def _describe_sound(museum: Museum, media: Media) -> Entity:
    form = mimetypes.guess_type(media.src)[0] or "audio/wav"
    return {"id": museum.base_url + media.src, "type": "Sound", "format": form, "duration": media.seconds}


def _list_metadata(room: Room, artist: Artist, work: GalleryWork) -> list[Entity]:
    """Return where a work comes from, its labels in all languages."""
    made_from = [f"{one.title or one.digest[:12]}, {one.creator}, {one.licence}" for one in work.sources]
    facts: Sequence[tuple[Message, Sequence[object]]] = (
        (Message(code="field_model"), [artist.title]),
        (Message(code="field_seed"), [] if work.seed is None else [work.seed]),
        (Message(code="field_step"), [artist.step]),
        (Message(code="field_collection"), [room.title]),
        (Message(code="field_licences"), room.licences),
        (Message(code="field_works_used"), made_from),
        (Message(code="field_data"), [artist.report.shards]),
        (Message(code="field_checkpoint"), [artist.run.checkpoint]),
        (Message(code="field_commit"), [artist.run.commit] if artist.run.commit else []),
        (Message(code="field_file"), [work.media.sha256] if work.media else []),
    )
    return [{"label": _say(name), "value": {"none": list(map(str, values))}} for name, values in facts if values]


def _name_work(work: GalleryWork) -> Words:
    """Return the title in each language; as it stands where a person gave it."""
    if work.title in work.titles.values():
        return {language: [title] for language, title in work.titles.items()}
    return {"none": [work.title]}


def _say(message: Message) -> Words:
    """Return a sentence in each language that has a table."""
    say: Mapping[str, Callable[[Message], str]] = {language: load_sentences(language) for language in list_languages()}
    return {language: [sentence(message)] for language, sentence in say.items()}


def _refer(address: str, kind: str, form: str, label: Words) -> Entity:
    return {"id": address, "type": kind, "format": form, "label": label}


def _encode(entity: Entity) -> bytes:
    return (json.dumps(entity, ensure_ascii=False, indent=1) + "\n").encode()
