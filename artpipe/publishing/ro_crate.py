"""The whole gallery as an RO-Crate 1.1 (https://w3id.org/ro/crate/1.1).

Its files, by which models, of which works.
"""

import json
import mimetypes
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from artpipe import __version__
from artpipe.contracts.gallery_work import GalleryWork, RealWork
from artpipe.contracts.generation_facts import SOURCE_TYPES, format_moment
from artpipe.contracts.section import Artist, Museum, Room
from artpipe.language.licence_addresses import licence_address, web_address
from artpipe.publishing.offered_files import CERTIFICATES
from artpipe.system.hashing import sha256_bytes

METADATA_FILE = "ro-crate-metadata.json"
_SPECIFICATION = "https://w3id.org/ro/crate/1.1"
_SITE_FILES = ("feed.json", "feed.xml", "sitemap.xml", "provenance/index.html", CERTIFICATES)
_UNKNOWN = "unknown"
Entity = dict[str, Any]


def make_ro_crate(museum: Museum, files: Mapping[str, bytes]) -> bytes:
    """Return `ro-crate-metadata.json` of a gallery of these files.

    Only such as are among them are named.
    """
    entities = {entity["@id"]: entity for entity in _list_entities(museum, files)}
    parts = [{"@id": key} for key, entity in entities.items() if entity["@type"] == "File"]
    newest = max((artist.run.ended for _, artist in museum.artists), default=0.0)
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": museum.title,
        "description": museum.subtitle or museum.title,
        "datePublished": format_moment(newest),
        "license": [_refer(_name_licence(name)) for name in _list_licences(museum)],
        "author": _refer("#publisher"),
        "publisher": _refer("#publisher"),
        "inLanguage": museum.language,
        "hasPart": parts,
        "mentions": [_refer(key) for key in entities if key.startswith(("#collection-", "#training-"))],
        **({"url": museum.base_url} if museum.base_url else {}),
    }
    head = {
        "@id": METADATA_FILE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": _SPECIFICATION},
        "about": {"@id": "./"},
    }
    crate = {"@context": f"{_SPECIFICATION}/context", "@graph": [head, root, *entities.values()]}
    return (json.dumps(crate, ensure_ascii=False, indent=1) + "\n").encode()


def _list_entities(museum: Museum, files: Mapping[str, bytes]) -> Iterator[Entity]:
    yield {"@id": "#publisher", "@type": "Organization", "name": museum.publisher or museum.title}
    yield {"@id": "#artpipe", "@type": "SoftwareApplication", "name": "artpipe", "version": __version__}
    for name in _list_licences(museum):
        yield _describe_licence(name)
    yield from _list_files(("index.html", *_SITE_FILES), files)
    for room in museum.rooms:
        yield _describe_collection(room)
        yield from _list_files([f"datasets/{room.name}/index.html", f"datasets/{room.name}/attribution.txt"], files)
        for artist in room.artists:
            yield from _list_model(room, artist, files)


def _list_model(room: Room, artist: Artist, files: Mapping[str, bytes]) -> Iterator[Entity]:
    """Yield a model, its training, and its works.

    Works come with what they were made of.
    """
    model, record = f"#model-{artist.name}", f"models/{artist.name}/model.json"
    yield {
        "@id": model,
        "@type": "SoftwareApplication",
        "name": artist.title,
        "version": artist.run.checkpoint,
        "subjectOf": _refer(record),
    }
    yield from _list_files([record, f"models/{artist.name}/index.html"], files)
    works = [(_find_file(work, files), work) for work in artist.works]
    for path, work in works:
        for source in work.sources:
            yield from (_describe_licence(source.licence), _describe_source(source))
        yield {
            **_describe_file(path, files),
            "name": work.title,
            "author": _refer("#publisher"),
            "isBasedOn": [_refer(_name_source(source)) for source in work.sources],
            "additionalType": f"{SOURCE_TYPES}{artist.source_type(work)}",
        }
    yield {
        "@id": f"#training-{artist.name}",
        "@type": "CreateAction",
        "name": artist.title,
        "agent": _refer("#publisher"),
        "instrument": [_refer("#artpipe"), _refer(model)],
        "object": _refer(f"#collection-{room.name}"),
        "result": [_refer(path) for path, _ in works],
        "startTime": format_moment(artist.run.started),
        "endTime": format_moment(artist.run.ended),
    }


def _describe_collection(room: Room) -> Entity:
    about = room.about
    return {
        "@id": f"#collection-{room.name}",
        "@type": "Collection",
        "name": room.title,
        "description": about.description or room.title,
        "license": [_refer(_name_licence(name)) for name in room.licences],
        "creditText": about.creator,
        "subjectOf": _refer(f"datasets/{room.name}/index.html"),
        **({"isBasedOn": about.origin} if web_address(about.origin) else {}),
    }


def _describe_licence(name: str) -> Entity:
    return {"@id": _name_licence(name), "@type": "CreativeWork", "name": name}


def _describe_source(work: RealWork) -> Entity:
    return {
        "@id": _name_source(work),
        "@type": "CreativeWork",
        "name": work.title or work.digest[:12],
        "identifier": f"sha256:{work.digest}",
        "creditText": work.creator,
        "license": _refer(_name_licence(work.licence)),
        **({"isBasedOn": work.origin} if web_address(work.origin) else {}),
    }


def _find_file(work: GalleryWork, files: Mapping[str, bytes]) -> str:
    """Return the file to take away, else what hangs, else the record.

    A text stands in its record.
    """
    media = work.offered or work.media
    return media.src if media and media.src in files else f"works/{work.id}/work.json"


def _list_files(paths: Iterable[str], files: Mapping[str, bytes]) -> Iterator[Entity]:
    return (_describe_file(path, files) for path in paths if path in files)


def _describe_file(path: str, files: Mapping[str, bytes]) -> Entity:
    form = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return {"@id": path, "@type": "File", "name": path, "encodingFormat": form, "contentSize": str(len(files[path]))}


def _list_licences(museum: Museum) -> list[str]:
    """Return the licences of all collections, each once; there is one at least."""
    return list(dict.fromkeys(name for room in museum.rooms for name in room.licences)) or [_UNKNOWN]


def _name_licence(name: str) -> str:
    """Return the address of a licence, or a name within the crate."""
    return licence_address(name) or f"#licence-{sha256_bytes(name.encode())[:32]}"


def _name_source(work: RealWork) -> str:
    return f"#work-{work.digest}"


def _refer(key: str) -> Entity:
    return {"@id": key}
