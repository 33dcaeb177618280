"""What strangers write, through the real ingest to the gallery in a real browser: nothing runs, all of it is text."""

import json

import make_museum as make
import pytest
from visits import Visit

from artpipe.artifacts.works import Record, Works
from artpipe.gallery import build_gallery
from artpipe.ingest import ingest_dataset
from tests.hostile.pictures import located

SCRIPT, IMAGE = "<script>window.owned = 1</script>", '"><img src=x onerror="window.owned = 2">'
LINK, BIDI = "javascript:window.owned=3", "\u202egnp.exe \u2066 {{7*7}} </style></textarea>"
WORDS = [SCRIPT, IMAGE, LINK, BIDI]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    root = tmp_path_factory.mktemp("payloads")
    make.write_params(root, ["strange"], {"strange-gan": ("gan", "strange")})
    about = {"title": SCRIPT, "creator": IMAGE, "licence": LINK, "origin": LINK, "description": BIDI}
    params = (root / "params.yaml").read_text().replace("about: {}", f"about: {json.dumps(about)}")
    (root / "params.yaml").write_text(params)
    folder = root / "datasets/strange"
    rows = []
    for number in range(12):
        name = f"{IMAGE.replace('/', '')} {number}.jpg"
        label = ("<b onclick=alert(1)>bold", BIDI.replace("/", ""))[number % 2]
        make.write_bytes(folder / label / name, located((number * 20, 90, 200 - number * 9)))
        told = dict(
            zip(("title", "creator", "licence", "origin"), WORDS[number % 4 :] + WORDS[: number % 4], strict=True)
        )
        rows.append(json.dumps({"file_name": f"{label}/{name}", **told}))
    make.write_bytes(folder / f"{SCRIPT.replace('/', '')}.png", b"no picture")
    (folder / "metadata.jsonl").write_text("\n".join(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        ingest_dataset("strange")
    originals = [data for _, data in Works.open(root / "data/works/strange").originals()]
    assert {row.title for row in Record.open(root / "data/record/strange").rows()} == set(WORDS)
    samples = [make.png(64, 3, seed) for seed in range(4)]
    make.write_model(root, "strange-gan", "gan", "strange", samples, originals, captions=WORDS)
    build_gallery(root)
    return root / "data/gallery"


def test_nothing_that_a_stranger_wrote_runs(browser, gallery):
    """Every page: no script of theirs, no request of theirs, no link that is one, and the policy had nothing to stop."""
    pages = sorted(gallery.rglob("*.html"))
    assert len(pages) >= 7
    seen = ""
    with Visit(browser) as visit:
        asked = []
        visit.page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
        for path in pages:
            page = visit.go(path.as_uri())
            assert page.evaluate("window.owned") is None, path
            links = page.evaluate(
                "[...document.querySelectorAll('[href], [src]')].map(e => e.getAttribute('href') || e.getAttribute('src'))"
            )
            assert not [link for link in links if link and link.strip().lower().startswith(("javascript:", "x"))], path
            assert page.evaluate("[...document.querySelectorAll('[onclick], [onerror]')].length") == 0, path
            seen += page.evaluate("document.body.textContent")
        assert (asked, visit.complaints) == ([], [])
        page = visit.go((gallery / "walkthrough/index.html").as_uri())
        page.locator("[data-open]").click()
        page.locator("[data-canvas][data-hung]").wait_for()  # plaques and wall texts are painted
        assert page.evaluate("window.owned") is None
        complaints = [line for line in visit.complaints if "GL Driver Message" not in line]  # software draws it
        assert (asked, complaints) == ([], [])
        assert all(url.startswith(("file:", "data:")) for url in visit.requests)
    assert not set("\u202e\u2066") & set(seen)  # what turns text round is left out
    for words in WORDS:
        shown = " ".join(words.replace("\u202e", "").replace("\u2066", "").split())
        assert shown in seen, words
