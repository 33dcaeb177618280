"""Put the cards of a gallery's models and datasets beside their pages."""

from dataclasses import replace
from pathlib import Path

from artpipe.artifacts import paths
from artpipe.config.energy_params import EnergyParams
from artpipe.config.params import Params
from artpipe.contracts.section import Artist, Museum, Room
from artpipe.errors import ArtpipeError
from artpipe.publishing.card_artifacts import DatasetArtifacts, ModelArtifacts, load_dataset_record
from artpipe.publishing.hub_dataset_card import make_dataset_card
from artpipe.publishing.hub_model_card import make_model_card
from artpipe.site.media_files import MediaStore
from artpipe.system.hashing import sha256_file


def add_cards(museum: Museum, root: Path, params: Params, media: MediaStore) -> Museum:
    """Return the museum with a card of each dataset and model.

    They say what records, runs and reports say: the gallery is made from no other artifacts.
    """
    return replace(museum, rooms=tuple(_add_room_cards(room, root, params, media) for room in museum.rooms))


def _add_room_cards(room: Room, root: Path, params: Params, media: MediaStore) -> Room:
    try:
        dataset = load_dataset_record(root, room.name, params.dataset(room.name).medium)
    except (ArtpipeError, OSError):  # missing or damaged: the page says so
        return room
    energy = params.gallery.energy
    artists = tuple(_add_model_card(artist, root, dataset, media, energy) for artist in room.artists)
    card = media.add_document(make_dataset_card(dataset).encode(), ".md")
    return replace(room, artists=artists, card=card)


def _add_model_card(
    artist: Artist, root: Path, dataset: DatasetArtifacts, media: MediaStore, energy: EnergyParams
) -> Artist:
    report_sha256 = sha256_file(root / paths.report(artist.name) / "report.json")
    model = ModelArtifacts(artist.name, artist.report, report_sha256, artist.run, dataset=dataset, energy=energy)
    return replace(artist, card=media.add_document(make_model_card(model).encode(), ".md"))
