"""From records and reports to the museum that the pages show."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champions, load_champions
from artpipe.artifacts.report import work_file
from artpipe.code.accepted_results import read_accepted
from artpipe.config.params import About, Params

if TYPE_CHECKING:
    from artpipe.contracts.section import Artist, Museum, RealWork, Room
    from artpipe.language.sentences import Sentences
    from artpipe.site.media_files import Shelf

_SEEN = 24  # works of the collection shown on its page


def load_museum(root: Path, params: Params, shelf: "Shelf", sentences: "Sentences") -> "Museum":
    """Return the museum that stands in the artifacts, what it says in the language of the sentences."""
    from artpipe.contracts.section import Museum
    from artpipe.site.translation import clean

    rooms = tuple(
        _room(root, params, shelf, sentences, number, name) for number, name in enumerate(params.datasets, start=1)
    )
    champions = load_champions(root)
    rooms = tuple(_crowned(room, champions) for room in rooms)
    gallery = params.gallery
    subtitle = sentences.starter("gallery", "subtitle").get(gallery.subtitle, gallery.subtitle)
    return Museum(clean(gallery.title), clean(subtitle), rooms)


def _room(root: Path, params: Params, shelf: "Shelf", sentences: "Sentences", number: int, dataset: str) -> "Room":
    from artpipe.contracts.section import Artist, Gap, Room
    from artpipe.site.collection import load_record
    from artpipe.site.loader import digests_of, load_artist, load_pair
    from artpipe.site.translation import clean
    from artpipe.site.wall_texts import wall_texts

    models = {name: entry for name, entry in params.models.items() if entry.get("dataset") == dataset}
    pairs = {name: load_pair(root, name) for name in models}
    reports = [(root / paths.report(name), pair[0]) for name, pair in pairs.items() if not isinstance(pair, str)]
    wanted = {digest for _, report in reports for digest in digests_of(report)}
    texts = sentences.starter("datasets", dataset)
    record = load_record(root / paths.record(dataset), wanted, sentences, texts)
    accepted = read_accepted(root)
    look = _looker(record.works if record else {}, [folder for folder, _ in reports], shelf)
    hung: list[Artist | Gap] = []
    for name, pair in pairs.items():
        title = params.gallery.titles.get(name) or name
        title = clean(sentences.starter("models", name).get(title, title))
        if isinstance(pair, str):
            hung.append(Gap(name, title, pair))
        else:
            walls = wall_texts(pair[0].kind, params.evaluation.metrics)
            artist = load_artist(root, name, title, models[name], pair, shelf, look, sentences, walls)
            stages = (f"ingest@{dataset}", f"preprocess@{dataset}", f"train@{name}", f"evaluate@{name}")
            verbs = tuple(stage.partition("@")[0] for stage in stages if stage in accepted)
            hung.append(replace(artist, accepted=verbs) if verbs and isinstance(artist, Artist) else artist)
    about = _about(params.dataset(dataset).about, record.about if record else None)
    about = about.model_copy(update={field: texts.get(text, text) for field, text in about})
    seen = [work for digest in sorted(wanted) if (work := look(digest)).picture]
    return Room(
        number=number,
        name=dataset,
        title=clean(about.title) or dataset,
        about=about,
        collection=record.collection if record else None,
        artists=tuple(sorted((one for one in hung if isinstance(one, Artist)), key=_painters_first)),
        gaps=tuple(one for one in hung if isinstance(one, Gap)),
        seen=tuple(seen[:_SEEN]),
    )


def _crowned(room: "Room", champions: Champions) -> "Room":
    """Return a room whose models know which of their kind counts."""

    def standing(artist: "Artist") -> "Artist":
        reign = champions.find(room.name, artist.kind)
        if reign is None:
            return artist
        counts = reign.champion.checkpoint == artist.report.checkpoint
        return replace(artist, champion=counts, rival="" if counts else reign.champion.model)

    return replace(room, artists=tuple(map(standing, room.artists)))


def _painters_first(artist: "Artist") -> bool:
    return not any(map(artist.is_own, artist.works))


def _looker(works: "Mapping[str, RealWork]", folders: Iterable[Path], shelf: "Shelf") -> "Any":
    """Return a function from a digest to the work, with the picture or the first lines that a report brought along."""
    from artpipe.contracts.section import RealWork

    found: dict[str, RealWork] = {}

    def look(digest: str) -> RealWork:
        if digest not in found:
            work = works.get(digest, RealWork(digest))
            near = (folder / work_file(digest, suffix) for folder in folders for suffix in (".png", ".txt"))
            path = next((path for path in near if path.is_file()), None)
            if path is not None and path.suffix == ".txt":
                work = replace(work, text=path.read_text("utf-8", errors="replace"))
            found[digest] = replace(work, picture=shelf.picture(path)) if path and not work.text else work
        return found[digest]

    return look


def _about(entry: About, recorded: About | None) -> About:
    """Return what the record says, and where it says nothing what params.yaml says."""
    said = {name: value for name, value in entry if value not in {"", "unknown"}}
    return recorded or About(**said)
