"""From records and reports to the museum that the pages show."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champions, load_champions
from artpipe.artifacts.mlflow_run_ids import load_mlflow_run_ids, make_run_address
from artpipe.artifacts.report import work_file
from artpipe.artifacts.tombstones import load_tombstones
from artpipe.artifacts.training_cost import estimate_cost
from artpipe.code.accepted_results import read_accepted
from artpipe.config.params import About, Params

if TYPE_CHECKING:
    from artpipe.contracts.gallery_work import RealWork
    from artpipe.contracts.section import Artist, Gap, Museum, Room
    from artpipe.language.sentences import Sentences
    from artpipe.site.media_files import MediaStore

_MAXIMUM_PICTURED = 24  # works of the collection shown on its page


def load_museum(root: Path, params: Params, media: "MediaStore", sentences: "Sentences") -> "Museum":
    """Return the museum of the artifacts, in the language of the sentences."""
    from artpipe.contracts.section import Museum
    from artpipe.site.translation import clean_line

    rooms = tuple(
        _load_room(root, params, media, sentences, number, name) for number, name in enumerate(params.datasets, start=1)
    )
    champions = load_champions(root)
    rooms = _number_closed_last(_mark_champions(room, champions) for room in rooms)
    gallery = params.gallery
    subtitle = sentences.starter_texts("gallery", "subtitle").get(gallery.subtitle, gallery.subtitle)
    title = clean_line(gallery.title)
    publisher = clean_line(gallery.publisher) or title
    return Museum(
        title, clean_line(subtitle), rooms, base_url=gallery.base_url, language=gallery.language, labels=gallery.labels,
        publisher=publisher, files=media.files,
    )  # fmt: skip


def _number_closed_last(rooms: "Iterable[Room]") -> "tuple[Room, ...]":
    """Return the rooms, those last in number that a withdrawn work closed."""
    rooms = tuple(rooms)
    closed = [room.name for room in rooms if room.is_not_started and room.withdrawn]
    order = [room.name for room in rooms if room.name not in closed] + closed
    return tuple(replace(room, number=order.index(room.name) + 1) for room in rooms)


def remove_drafts(museum: "Museum") -> "Museum":
    """Return the museum without models that do not hang yet.

    Rooms without any other leave too.
    """
    rooms = [replace(room, gaps=()) for room in museum.rooms if room.artists]
    numbered = tuple(replace(room, number=number) for number, room in enumerate(rooms, start=1))
    return replace(museum, rooms=numbered, run=None)


def _complete_artist(
    root: Path, artist: "Artist | Gap", dataset: str, accepted: Mapping[str, str], params: Params
) -> "Artist | Gap":
    """Note a model's cost, terms, run in MLflow, stages accepted under newer code."""
    from artpipe.contracts.section import Artist
    from artpipe.site.wall_texts import collect_terms

    if not isinstance(artist, Artist):
        return artist
    stages = (f"ingest@{dataset}", f"preprocess@{dataset}", f"train@{artist.name}", f"evaluate@{artist.name}")
    names = tuple(stage.partition("@")[0] for stage in stages if stage in accepted)
    terms = collect_terms(params.evaluation.metrics, {score.name for score in artist.report.scores})
    server = params.gallery.mlflow_url
    mlflow_ids = load_mlflow_run_ids(root).get(artist.run.run_id) if server else None
    page = make_run_address(server, mlflow_ids) if mlflow_ids else ""
    cost = estimate_cost(artist.run, params.gallery.energy)
    return replace(artist, accepted=names, terms=terms, cost=cost, mlflow_page=page)


def _load_room(
    root: Path, params: Params, media: "MediaStore", sentences: "Sentences", number: int, dataset: str
) -> "Room":
    from artpipe.contracts.section import Artist, Gap, Room
    from artpipe.site.collection import load_record
    from artpipe.site.loader import list_digests, load_artist, load_pair
    from artpipe.site.translation import clean_line
    from artpipe.site.wall_texts import collect_wall_texts

    models = {name: entry for name, entry in params.models.items() if entry.get("dataset") == dataset}
    pairs = {name: load_pair(root, name) for name in models}
    reports = [(root / paths.report(name), pair[0]) for name, pair in pairs.items() if not isinstance(pair, str)]
    digests = {digest for _, report in reports for digest in list_digests(report)}
    texts, accepted = sentences.starter_texts("datasets", dataset), read_accepted(root)
    record = load_record(root / paths.record(dataset), digests, sentences, texts)
    find_work = _make_work_finder(record.works if record else {}, [folder for folder, _ in reports], media)
    withdrawn, artists = _find_withdrawal_dates(root, params, dataset), list["Artist | Gap"]()
    for name, pair in pairs.items():
        title = params.gallery.titles.get(name) or name
        title = clean_line(sentences.starter_texts("models", name).get(title, title))
        if isinstance(pair, str):
            artists.append(Gap(name, title, "withdrawn" if pair == "no run" and withdrawn and not record else pair))
        else:
            role_texts = collect_wall_texts(pair[0].kind, params.evaluation.metrics)
            artist = load_artist(root, name, title, models[name], pair, media, find_work, sentences, role_texts)
            artists.append(_complete_artist(root, artist, dataset, accepted, params))
    about = _choose_about(params.dataset(dataset).about, record.about if record else None)
    about = about.model_copy(update={field: texts.get(text, text) for field, text in about})
    pictured_works = [work for digest in sorted(digests) if (work := find_work(digest)).picture]
    return Room(
        number=number,
        name=dataset,
        title=clean_line(about.title) or _make_title(dataset),
        about=about,
        collection=record.collection if record else None,
        artists=tuple(sorted((artist for artist in artists if isinstance(artist, Artist)), key=_rank_artist)),
        gaps=tuple(artist for artist in artists if isinstance(artist, Gap)),
        seen=tuple(pictured_works[:_MAXIMUM_PICTURED]),
        withdrawn=withdrawn,
    )


def _make_title(dataset: str) -> str:
    """Return what a room is called that has no title yet."""
    words = dataset.replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def _find_withdrawal_dates(root: Path, params: Params, dataset: str) -> tuple[str, ...]:
    """Return the days on which works that a dataset held were withdrawn."""
    keys = params.dataset(dataset).ingest.withdrawn
    return tuple(sorted(tombstone.date for tombstone in load_tombstones(root) if tombstone.key in keys)) if keys else ()


def _mark_champions(room: "Room", champions: Champions) -> "Room":
    """Return a room whose models know which of their kind counts."""

    def mark_artist(artist: "Artist") -> "Artist":
        reign = champions.find(room.name, artist.kind)
        if reign is None:
            return artist
        counts = reign.champion.checkpoint == artist.report.checkpoint
        return replace(artist, champion=counts, rival="" if counts else reign.champion.model)

    return replace(room, artists=tuple(map(mark_artist, room.artists)))


def _rank_artist(artist: "Artist") -> tuple[int, bool]:
    """Return where a model hangs.

    What is still learning and what failed come last, what makes nothing of its own after the others.
    """
    rank = {"weak": 1, "failed": 2}.get(artist.report.verdict.grade, 0)
    return rank, not any(map(artist.is_own, artist.works))


def _make_work_finder(works: "Mapping[str, RealWork]", folders: Iterable[Path], media: "MediaStore") -> "Any":
    """Return a function from a digest to the real work.

    The work has the picture or the first lines that a report brought along. The shelf learns how such pictures are enlarged.
    """
    from artpipe.contracts.gallery_work import RealWork
    from artpipe.site.shrunk_pictures import look_shrunk

    files = _index_work_files(folders)
    media.are_shrunk = look_shrunk(files.values())
    cache: dict[str, RealWork] = {}

    def find_work(digest: str) -> RealWork:
        if digest not in cache:
            work = works.get(digest, RealWork(digest))
            path = files.get(Path(work_file(digest)).stem)
            if path is not None and path.suffix == ".txt":
                work = replace(work, text=path.read_text("utf-8", errors="replace"))
            cache[digest] = replace(work, picture=media.add_picture(path)) if path and not work.text else work
        return cache[digest]

    return find_work


def _index_work_files(folders: Iterable[Path]) -> dict[str, Path]:
    """Return the files that reports brought along, by the beginning of their digest.

    Of several reports the first one counts; asking each report for each work would take the product of both.
    """
    files: dict[str, Path] = {}
    for folder in folders:
        for suffix in (".png", ".txt"):
            for path in (folder / work_file("*", suffix)).parent.glob(f"*{suffix}"):
                if path.is_file():
                    files.setdefault(path.stem, path)
    return files


def _choose_about(entry: About, recorded: About | None) -> About:
    """Return what the record says, and where it says nothing what params.yaml says."""
    filled = {name: value for name, value in entry if value not in {"", "unknown"}}
    return recorded or About(**filled)
