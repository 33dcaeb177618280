"""IIIF: what a viewer is told, held against the files that are served."""

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from artpipe.config.params import load_params
from artpipe.credentials.credential_check import check_bytes
from artpipe.credentials.signing_identity import load_identity
from artpipe.language.sentences import load_sentences
from artpipe.publishing import iiif_images
from artpipe.publishing.iiif_images import list_scales, list_sizes, list_tiles, make_image_service
from artpipe.publishing.offered_files import CERTIFICATES, OfferedFiles
from artpipe.site.media_files import MediaStore
from artpipe.site.museum import load_museum
from artpipe.system.file_cache import FileCache
from tests.support.museums import find_museum

BASE = "https://example.org/art/"


def png(width, height, mode="RGB", colour="red"):
    """Return a plain picture."""
    buffer = io.BytesIO()
    Image.new(mode, (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def museum():
    """A published museum of three models, and the shelf with what hangs."""
    root, media = find_museum(), MediaStore()
    loaded = load_museum(root, load_params(root / "params.yaml"), media, load_sentences())
    return replace(loaded, base_url=BASE), media


@pytest.fixture(scope="module")
def make_files(museum, tmp_path_factory):
    """Return a function that returns what is served of a museum, by default without credentials."""

    def make(loaded, identity=None, labels=("eu",), root=None):
        gallery = load_params(find_museum() / "params.yaml").gallery.model_copy(update={"labels": labels})
        offered = OfferedFiles(root or tmp_path_factory.mktemp("root"), gallery, identity, museum[1])
        offered.add_iiif_files(loaded)
        return {path: data for path, data in offered.files.items() if path != CERTIFICATES}

    return make


@pytest.fixture(scope="module")
def files(museum, make_files):
    """What is served."""
    return make_files(museum[0])


def keep_one(museum, **changes):
    """Return the museum with one work."""
    room = museum.rooms[0]
    artist = room.artists[0]
    work = replace(artist.works[0], **changes)
    return replace(museum, rooms=[replace(room, artists=[replace(artist, works=[work])])])


def walk(value):
    """Yield every object in a document."""
    if isinstance(value, list):
        for item in value:
            yield from walk(item)
    elif isinstance(value, dict):
        yield value
        yield from walk(list(value.values()))


def documents(files):
    """Return the manifests and collections."""
    return {
        path: json.loads(data) for path, data in files.items() if path.endswith(("manifest.json", "collection.json"))
    }


def test_without_an_address_there_is_nothing(museum, make_files):
    """Ids are addresses, so they need one."""
    assert make_files(replace(museum[0], base_url="")) == {}


def test_each_picture_says_what_made_it(museum, make_files, tmp_path):
    """The labels of the law in all of them, credentials that verify in those of the whole picture."""
    identity = load_identity(tmp_path)
    pictures = {path: data for path, data in make_files(keep_one(museum[0]), identity).items() if path.endswith(".jpg")}
    assert len(pictures) >= 2
    for path, data in pictures.items():
        assert b"trainedAlgorithmicMedia" in data, path
        check = check_bytes(data, ".jpg", identity.chain, path)
        assert check.state == "whole", check


def test_a_mark_that_people_see_is_in_the_picture(museum, make_files):
    """China's stands below it, so the canvas is higher; the file is still a JPEG."""
    usual, marked = (make_files(keep_one(museum[0]), labels=labels) for labels in (("eu",), ("eu", "cn")))
    shapes = [
        json.loads(data)["items"][0]
        for one in (usual, marked)
        for path, data in one.items()
        if path.endswith("manifest.json")
    ]
    assert shapes[1]["height"] / shapes[1]["width"] > shapes[0]["height"] / shapes[0]["width"]
    whole = next(data for path, data in marked.items() if path.endswith("full/max/0/default.jpg"))
    with Image.open(io.BytesIO(whole)) as image:
        assert (image.format, image.size) == ("JPEG", (shapes[1]["width"], shapes[1]["height"]))
    assert b"AIGC" in whole


def test_what_was_encoded_once_is_not_encoded_again(tmp_path, monkeypatch):
    """A second rendering decodes nothing, and its files are the same."""
    cache = FileCache(tmp_path)
    first = make_image_service("https://example.org/x", png(600, 300), MediaStore(cache).keep)
    monkeypatch.setattr(iiif_images, "_encode", None)
    assert make_image_service("https://example.org/x", png(600, 300), MediaStore(cache).keep) == first


def test_an_id_is_where_it_is_served(files):
    """Of every manifest, collection and image service."""
    for path, document in documents(files).items():
        assert document["id"] == BASE + path
    for path, data in files.items():
        if path.endswith("/info.json"):
            assert json.loads(data)["id"] == BASE + path.removesuffix("/info.json")


def test_every_picture_that_is_named_is_served(files):
    """Its width and height are those of the file, and its format too."""
    named = [one for document in documents(files).values() for one in walk(document) if one.get("type") == "Image"]
    assert len(named) > 100
    for one in named:
        with Image.open(io.BytesIO(files[one["id"].removeprefix(BASE)])) as image:
            assert (image.width, image.height, image.format) == (one["width"], one["height"], "JPEG")
        assert f"{one['service'][0]['id']}/info.json".removeprefix(BASE) in files


def test_every_manifest_that_is_listed_is_served(files):
    """From the whole gallery's collection on, each work with a picture once."""
    whole = json.loads(files["collection.json"])
    rooms = [json.loads(files[item["id"].removeprefix(BASE)]) for item in whole["items"]]
    listed = [item["id"].removeprefix(BASE) for room in rooms for item in room["items"]]
    assert sorted(listed) == sorted(path for path in files if path.endswith("/manifest.json"))


def test_a_canvas_has_the_shape_of_its_picture(files):
    """So that nothing is stretched."""
    for path, document in documents(files).items():
        if path.endswith("manifest.json"):
            (canvas,) = document["items"]
            body = canvas["items"][0]["items"][0]["body"]
            assert (canvas["width"], canvas["height"]) == (body["width"], body["height"])
            assert canvas["items"][0]["items"][0]["target"] == canvas["id"]


def test_provenance_and_rights_are_told(files):
    """In both languages; nobody claims a licence of what a model made."""
    document = json.loads(files["works/digits-gan-sample-001/manifest.json"])
    labels = [entry["label"] for entry in document["metadata"]]
    assert {"en": ["Checkpoint"], "zh": ["检查点"]} in labels
    assert document["rights"] == "http://rightsstatements.org/vocab/CNE/1.0/"
    assert document["requiredStatement"]["value"]["en"] == ["Generated by an AI model", "artpipe"]
    assert document["seeAlso"][0]["id"] == f"{BASE}works/digits-gan-sample-001/work.json"


def test_a_title_that_a_person_gave_is_of_no_language(museum, make_files):
    """Titles of artpipe's own stand in each."""
    loaded = keep_one(museum[0], title="Mine")
    files = make_files(loaded)
    assert json.loads(files[f"works/{loaded.rooms[0].artists[0].works[0].id}/manifest.json"])["label"] == {
        "none": ["Mine"]
    }


def test_a_text_has_no_manifest(museum, make_files):
    """A canvas shows pictures."""
    assert list(make_files(keep_one(museum[0], kind="text", media=None, text="a line", parts={}))) == [
        "collection.json"
    ]


def test_a_large_picture_comes_in_sizes_and_tiles():
    """A picture of 3000 by 1000 pixels: tiles of 512 at 1, 2, 4 and 8; the last row and column are cut."""
    size, files = make_image_service("https://example.org/x", png(3000, 1000))
    info = json.loads(files["info.json"])
    assert size == (3000, 1000)
    assert info["tiles"] == [{"width": 512, "height": 512, "scaleFactors": [1, 2, 4, 8]}]
    for path, shape in {
        "full/max/0/default.jpg": (3000, 1000),
        "full/224,75/0/default.jpg": (224, 75),
        "0,0,512,512/512,512/0/default.jpg": (512, 512),
        "2560,512,440,488/440,488/0/default.jpg": (440, 488),
        "2048,0,952,1000/476,500/0/default.jpg": (476, 500),
        "0,0,3000,1000/375,125/0/default.jpg": (375, 125),
    }.items():
        with Image.open(io.BytesIO(files[path])) as image:
            assert image.size == shape


def test_what_is_transparent_becomes_white():
    """JPEG has no transparency."""
    _, files = make_image_service("https://example.org/x", png(8, 8, "RGBA", (0, 0, 0, 0)))
    with Image.open(io.BytesIO(files["full/max/0/default.jpg"])) as image:
        assert image.getpixel((4, 4)) == (255, 255, 255)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9000), st.integers(1, 9000))
def test_tiles_cover_a_picture_once(width, height):
    """At each scale; sizes grow, and the last one is the picture's own."""
    sizes, scales = list_sizes((width, height)), list_scales((width, height))
    assert sizes == sorted(sizes)
    assert sizes[-1] == (width, height)
    for scale in scales:
        boxes = [box for box, _ in list_tiles((width, height), [scale])]
        assert sum((right - left) * (bottom - top) for left, top, right, bottom in boxes) == width * height
