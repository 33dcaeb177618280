"""What the checks of a gallery find, on sites whose faults are known by hand."""

import base64
import json
import struct
import zlib

import pytest

from artpipe.site_check.checks import check_site
from artpipe.site_check.private_traces import PrivateTexts, check_traces
from artpipe.site_check.published_site import PublishedSite
from artpipe.site_check.site_weight import weigh_first_view
from artpipe.system.hashing import sha256_bytes

PICTURE = b"\x89PNG\r\n\x1a\n"
RECORD = {
    "model": {"name": "m"}, "file": "media/a.png", "sha256": sha256_bytes(PICTURE), "made_from": [], "nearest": [],
    "offered": None, "offered_sha256": None, "digital_source_type": "trainedAlgorithmicMedia",
    "collection": {"name": "digits", "licences": ["CC0-1.0"]},
}  # fmt: skip
NOTHING = PrivateTexts()

HOMES = b"/ho" + b"me"  # in two: no path of a machine stands in this tree


def make_site(base_url="", **changes):
    """Return a whole site of an entrance, a model and a work; `changes` replace files, None takes one away."""
    files = {
        "index.html": '<html><body><a href="works/w/index.html#plaque">work</a> <img src="media/a.png" alt="a">'
        '<a href="https://example.org/">out</a> <link rel="stylesheet" href="assets/a.css"></body></html>',
        "works/w/index.html": '<p id="plaque"><a href="../../models/m/index.html">m</a> <a href="../../">up</a></p>',
        "models/m/index.html": "<p>m</p>",
        "404.html": "<p>lost</p>",
        "works/w/work.json": json.dumps(RECORD),
        "models/m/model.json": json.dumps(RECORD),
        "media/a.png": PICTURE,
        "assets/a.css": "p { background: url('b.woff2') }",
        "assets/b.woff2": b"font",
    }
    files |= changes.pop("files", {})
    made = {path: data.encode() if isinstance(data, str) else data for path, data in files.items() if data is not None}
    return PublishedSite(made, base_url)


def find_faults(site, private=NOTHING):
    """Return what stops a site, a line each."""
    return [f"{fault.place}: {fault.message}" for fault in check_site(site, private).faults]


def test_a_whole_site_has_no_fault():
    """Links by folder, to an anchor, to styles, and out into the web are all right."""
    assert find_faults(make_site()) == []


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ('<a href="works/x/index.html">', "leads nowhere: there is no works/x/index.html"),
        ('<a href="works/w/index.html#nothing">', "there is no such place on works/w/index.html"),
        ('<a href="/works/w/index.html">', "leads out of the gallery"),
        ('<a href="../secret.html">', "leads out of the gallery"),
        ('<a href="//cdn.example.org/x.js">', "begins with `//`"),
        ('<a href="file:///etc/passwd">', "works on this machine only"),
        ('<a href="javascript:alert(1)">', "is no address of a page"),
        ('<img alt="a" src="media/a.png" srcset="media/b.png 2x">', "there is no media/b.png"),
        ('<meta property="og:image" content="media/none.png">', "there is no media/none.png"),
        ('<img src="media/a.png">', "1 pictures without `alt`"),
        ("<body data-early>", "made while a run was under way"),
        ('<div class="wall gap">', "1 empty frames"),
    ],
)  # fmt: skip
def test_a_fault_of_a_page_is_found(html, said):
    """Each has one line, which names the page."""
    faults = find_faults(make_site(files={"404.html": html}))
    assert [fault for fault in faults if said in fault and fault.startswith("404.html: ")]


def test_files_that_styles_and_feeds_name_have_to_be_there():
    """A font, a page in a feed, a page in the site map."""
    feed = {"items": [{"url": "https://example.org/art/works/none/index.html"}]}
    files = {"assets/b.woff2": None, "feed.json": json.dumps(feed),
             "sitemap.xml": "<loc>https://example.org/art/works/lost/</loc><loc>https://example.org/art/</loc>"}  # fmt: skip
    faults = find_faults(make_site("https://example.org/art/", files=files))
    assert [fault.partition(":")[0] for fault in faults] == ["assets/a.css", "feed.json", "sitemap.xml"]


def test_a_page_that_nothing_leads_to_is_found():
    """404.html is asked for by web servers alone."""
    faults = find_faults(make_site(files={"old/index.html": "<p>old</p>"}))
    assert faults == ["old/index.html: no link from the entrance leads here"]


def make_png(kind: bytes, body: bytes) -> bytes:
    """Return a PNG that holds one chunk."""
    return PICTURE + struct.pack(">I4s", len(body), kind) + body + b"\0\0\0\0"


@pytest.mark.parametrize(
    "data",
    [
        b"made in %s/maria/art" % HOMES,
        b'"path": "/Us' + b'ers/maria/Pictures/cats"',
        rb"C:\Users\maria\art",
        b"see file:///srv/x",
        b"\x00\x01/srv/private/art\x02",
        make_png(b"zTXt", b"Comment\0\0" + zlib.compress(b"saved as %s/maria/a.png" % HOMES)),
        make_png(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(b"saved as /srv/private/art/a.png")),
        b'<img src="data:image/png;base64,' + base64.b64encode(make_png(b"tEXt", b"Source\0/tmp/x/y.png" * 3)) + b'">',
    ],
)
def test_a_path_of_this_machine_is_found_in_any_byte(data):
    """Also where a file holds it compressed, and where a page holds the file."""
    site = PublishedSite({"media/x": data})
    (fault,) = check_traces(site, PrivateTexts(paths=["/srv/private/art"]))
    assert fault.place == "media/x"
    assert fault.message.startswith("a path of this machine stands in it: ")


@pytest.mark.parametrize(
    "data",
    [
        b'<a href="https://example.org%s/maria/">' % HOMES,
        b'<a href="../../var/x.html">',
        b"and/or /and/ 1/2 /tmp",
        b"AAAA/tmp/AAAA+/var/lib0=",
    ],
)
def test_what_only_looks_like_a_path_is_none(data):
    """Addresses of the web, relative links, fractions, base64."""
    assert list(check_traces(PublishedSite({"a.html": data}), PrivateTexts())) == []


def test_names_are_found_as_whole_words_of_texts():
    """`Marianne` is another name, and a font may be called what it likes."""
    private = PrivateTexts(names=["maria", "studio-pc"])
    files = {"a.json": b'"host": "Studio-PC"', "b.html": b"<p>Marianne</p>", "assets/c.css": b"/* maria */"}
    assert [fault.place for fault in check_traces(PublishedSite(files), private)] == ["a.json"]


@pytest.mark.parametrize(
    ("licence", "said"),
    [
        ("unknown", "under no known licence"),
        ("CC-BY-NC-ND-4.0", "forbids derivatives"),
        ("All rights reserved", "forbids"),
    ],
)
def test_a_work_without_a_licence_that_allows_it_is_named(licence, said):
    """Once for a dataset, with its title and what to correct."""
    source = {"digest": "d", "title": "The pagoda", "licence": licence}
    records = {"works/w/work.json": json.dumps({**RECORD, "made_from": [source], "nearest": [source]})}
    (fault,) = find_faults(make_site(files=records))
    assert fault.startswith("datasets/digits: 1 works that are shown or used are ")
    assert said in fault
    assert "The pagoda" in fault
    assert "`datasets.digits.about.licence`" in fault


def test_a_dataset_without_a_licence_is_named():
    """Also where none of its works is shown."""
    record = {**RECORD, "collection": {"name": "digits", "licences": ["unknown"]}}
    (fault,) = find_faults(make_site(files={"models/m/model.json": json.dumps(record)}))
    assert fault.startswith("datasets/digits: its licence is 'unknown'")


def test_a_label_has_to_name_the_model_and_the_file_to_be_the_work():
    """A page without a link to the model, and a picture that was changed."""
    page = '<p id="plaque"><a href="../../index.html">up</a></p>'
    faults = find_faults(make_site(files={"works/w/index.html": page, "media/a.png": PICTURE + b"changed"}))
    assert [fault.split(":")[0] for fault in faults if "models/m/index.html" not in fault] == [
        "works/w/index.html",
        "works/w/work.json",
    ]


def test_weight_is_told_and_stops_nothing():
    """The entrance loads itself, a style and a picture; a heavy one is a hint."""
    site = make_site()
    assert weigh_first_view(site)[0] == 3
    heavy = make_site(
        files={"media/a.png": PICTURE + bytes(600_000), "works/w/work.json": json.dumps({**RECORD, "file": None})}
    )
    result = check_site(heavy, NOTHING)
    assert result.faults == []
    assert [hint.place for hint in result.hints] == ["index.html"]


def test_an_accepted_check_stops_nothing():
    """What it finds is told all the same."""
    site = make_site(files={"old/index.html": "<p>old</p>"})
    result = check_site(site, NOTHING, ["links"])
    assert (len(result.faults), len(result.hints)) == (0, 1)
