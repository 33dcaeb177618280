"""The gallery stage on a made-up project."""

import json
import re
import shutil
import threading
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from huggingface_hub import metadata_load

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champion, ChampionHistory, Champions, save_champions
from artpipe.artifacts.mlflow_run_ids import MlflowRunId, save_mlflow_run_ids
from artpipe.artifacts.report import load_report
from artpipe.artifacts.run import RunRecord, save_run
from artpipe.artifacts.works import Record
from artpipe.config.params import About, load_params
from artpipe.errors import UserError
from artpipe.gallery import build_gallery
from artpipe.publishing.write_card import write_card
from artpipe.site.loader import name_works
from artpipe.site.pages import collect_pages
from artpipe.site.themes import find_theme, make_translator
from artpipe.site.translation import format_number, format_setting
from artpipe.storage.leftovers import remove_leftovers
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import sha256_bytes
from tests.conftest import load_module
from tests.support.museums import find_built_museum
from tests.support.small_media import make_sound

make = load_module(Path(__file__).parents[1] / "browser" / "make_museum.py")


@pytest.fixture(scope="module")
def built():
    return find_built_museum()


@pytest.fixture
def museum(built, tmp_path):
    shutil.copytree(built, tmp_path / "project")
    return tmp_path / "project"


def gallery(root):
    return root / "data" / "gallery"


def contents(root):
    return {str(p.relative_to(gallery(root))): p.read_bytes() for p in gallery(root).rglob("*") if p.is_file()}


def changed(before, after):
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def text(root, page):
    return (gallery(root) / page).read_text(encoding="utf-8")


def hung_models(root):
    return sorted(path.parent.name for path in (gallery(root) / "models").glob("*/index.html"))


class Page(HTMLParser):
    """Collects tags and every address of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.addresses, self.ids = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if dict(attrs).get("rel") != "external noreferrer":  # a licence's text, a work's source: links, never loaded
            self.addresses += [value for name, value in attrs if name in {"href", "src"}]
        self.ids += [value for name, value in attrs if name == "id"]


@pytest.mark.nightly
def test_the_cost_is_one_number_everywhere(museum):
    """Model page, card and each work's page say what the run record says; other watts change the pages and nothing else."""
    (page,) = (path for path in (gallery(museum) / "models").iterdir() if path.name == "digits-gan")
    works = [path for path in (gallery(museum) / "works").iterdir() if path.name.startswith("digits-gan-")]
    shown = load_report(museum / paths.report("digits-gan"))[0].exhibits
    energy = (187 * 12 + 190 * 1.5 * 0.4) / 3600
    assert f"<dd>{energy:.3f} Wh</dd>" in (page / "index.html").read_text()
    assert "estimated from 12 W for each core at work and 0.400 W for each GiB" in (page / "index.html").read_text()
    share = f"{energy / len(shown):.4f} Wh (estimated), in 1.50 GiB of memory"
    assert len(works) == len(shown)
    assert all(share in (work / "index.html").read_text() for work in works)
    assert f"**{energy:.3f} Wh**" in write_card("digits-gan", root=museum).text
    params = museum / "params.yaml"
    params.write_text(params.read_text().replace("theme: museum", "theme: museum, energy: {watts_per_core: 24}"))
    build_gallery(museum)
    assert f"<dd>{energy + 187 * 12 / 3600:.2f} Wh</dd>" in (page / "index.html").read_text()


def test_what_learned_nothing_is_not_called_trained(museum):
    """Patches and optimised styles make their pictures step by step: no training, no optimiser, no epoch on their pages."""
    originals = [make.png(28, 1, number) for number in range(6)]
    make.write_model(museum, "digits-late", "patches", "digits", originals, originals)
    build_gallery(museum)
    page = text(museum, "models/digits-late/index.html")
    works = [text(museum, f"works/{path.name}/index.html") for path in (gallery(museum) / "works").glob("digits-late*")]
    assert "made from" in page
    assert works
    for shown in (page, *works):
        assert not [word for word in ("trained on", "ptimiser", "epoch", "of the training:") if word in shown]
    assert "trained on" in text(museum, "models/digits-gan/index.html")


def test_unchanged_rebuild_writes_nothing(museum):
    """Building again touches no file."""
    before = {path: path.stat().st_mtime_ns for path in gallery(museum).rglob("*")}
    build_gallery(museum)
    assert {path: path.stat().st_mtime_ns for path in gallery(museum).rglob("*")} == before


def test_cards_of_models_and_datasets_are_there_to_take(built):
    """Each page links to its own, which the Hub's library reads; they are files of the gallery's card."""
    for page, field in (
        ("models/digits-gan/index.html", "model-index"),
        ("datasets/digits/index.html", "size_categories"),
    ):
        (address,) = [address for address in Page(text(built, page)).addresses if address and address.endswith(".md")]
        card = (gallery(built) / page).parent / address
        assert field in metadata_load(card)
        assert f'"{card.resolve().relative_to(gallery(built).resolve()).as_posix()}"' in text(built, "gallery.json")


def crown(root, model, checkpoint=None):
    report, sha256 = load_report(root / paths.report(model))
    champion = Champion(
        model=model, run_id="1", checkpoint=checkpoint or report.checkpoint, report=sha256, shards=report.shards,
        score=None, dvc={},
    )  # fmt: skip
    save_champions(root, Champions().with_history(report.dataset, report.kind, ChampionHistory(champion=champion)))


def test_of_two_models_of_a_kind_the_champion_is_named(museum):
    """A badge on its labels, a sentence on both pages; where another training counts, that is said; a torn file is a mistake."""
    originals = [make.png(28, 1, number) for number in range(6)]
    make.write_model(museum, "digits-late", "gan", "digits", originals, originals)
    badge = '<span class="champion">champion</span>'
    build_gallery(museum)
    assert badge not in text(museum, "index.html")
    crown(museum, "digits-late")
    build_gallery(museum)
    assert text(museum, "index.html").count(badge) == text(museum, "datasets/digits/index.html").count(badge) == 1
    assert "it is the champion" in text(museum, "models/digits-late/index.html")
    other = text(museum, "models/digits-gan/index.html")
    assert badge not in other
    link = '<a href="../../models/digits-late/index.html"><bdi><span class="unbroken">digits-late</span></bdi></a>'
    assert f"{link} is the champion" in other
    assert "there is no champion" in text(museum, "models/digits-vae/index.html")
    crown(museum, "digits-gan", checkpoint="f" * 64)
    build_gallery(museum)
    assert badge not in text(museum, "index.html")
    for model in ("digits-gan", "digits-late"):
        said = "another training of <bdi>digits-gan</bdi> is the champion"
        assert said in text(museum, f"models/{model}/index.html")
    (museum / "champions.json").write_text("<<<<<<< HEAD\n{}")
    with pytest.raises(UserError, match=r"champions\.json: Invalid JSON"):
        build_gallery(museum)


def test_two_builds_are_the_same_bytes(built, museum):
    """The same records in another folder, from nothing, give the same gallery."""
    shutil.rmtree(gallery(museum))
    build_gallery(museum)
    assert contents(museum) == contents(built)


def test_a_lost_file_is_hung_again(museum, built):
    """A page deleted, one changed and a stray file: the next build mends all three."""
    (gallery(museum) / "index.html").unlink()
    (gallery(museum) / "assets" / "museum.css").write_text("body{}")
    (gallery(museum) / "stray.html").write_text("?")
    build_gallery(museum)
    assert contents(museum) == contents(built)


def find_references(value):
    """Yield every entity that a part of a crate points at."""
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        for one in value.values():
            yield from find_references(one)
    elif isinstance(value, list):
        for one in value:
            yield from find_references(one)


def test_the_gallery_is_an_ro_crate(built):
    """Its root has name, date, licence and author; each file is there in its size, every reference leads to an entity, every work to a model."""
    files = contents(built)
    crate = json.loads(files["ro-crate-metadata.json"])
    assert crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    head, root = entities["ro-crate-metadata.json"], entities["./"]
    assert head["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert head["about"] == {"@id": "./"}
    assert (root["@type"], root["name"], root["author"]) == ("Dataset", "artpipe", {"@id": "#publisher"})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", root["datePublished"])
    assert {one["@id"] for one in root["license"]} == {
        "https://creativecommons.org/licenses/by-sa/3.0/", "https://creativecommons.org/licenses/by/4.0/",
    }  # fmt: skip
    listed = {key: int(one["contentSize"]) for key, one in entities.items() if one["@type"] == "File"}
    assert listed == {name: len(files[name]) for name in listed}
    assert {part["@id"] for part in root["hasPart"]} == {*listed}
    assert {*find_references(crate["@graph"])} - {*entities} == {"https://w3id.org/ro/crate/1.1"}
    trainings = [one for one in entities.values() if one["@type"] == "CreateAction"]
    made = [result["@id"] for training in trainings for result in training["result"]]
    assert sorted(made) == sorted(name for name in listed if name.startswith("works/"))
    assert all({"@id": "#artpipe"} in training["instrument"] for training in trainings)


def test_a_room_says_whose_its_works_are(built):
    """Creator, licence with its address, source and number, as a table, as a text to copy and as a file."""
    line = "Several hands. Licence: CC-BY-SA-3.0 (https://creativecommons.org/licenses/by-sa/3.0/). Source: unknown. 60 works."
    assert text(built, "datasets/digits/attribution.txt") == f"Handwritten digits\n{line}\n"
    page = text(built, "datasets/digits/index.html")
    assert f"{line}</pre>" in page.replace("\n</pre>", "</pre>")
    assert 'href="attribution.txt"' in page
    assert 'href="https://creativecommons.org/licenses/by-sa/3.0/"' in page


def test_a_changed_work_rewrites_only_what_shows_it(museum, built):
    """One other picture: its page, its file and the pages that show it change; other works' pages stay."""
    digits = [make.png(28, 1, i) for i in range(60)]
    frames = [make.sheet(digits[i : i + 24]) for i in range(6)]
    make.write_model(museum, "digits-gan", "gan", "digits", [*digits[:5], make.png(28, 1, 99), *digits[6:24]], digits, frames=frames)  # fmt: skip
    build_gallery(museum)
    names = changed(contents(built), contents(museum))
    shows = {
        "index.html",
        "models/digits-gan/index.html",
        "datasets/digits/index.html",
        "gallery.json",
        "gallery.json.sha256",
        "browse/index.html",
        "browse/works-0.js",
        "catalogue/index.html",
        "walkthrough/pictures-0.js",
        "feed.json",
        "feed.xml",
        "ro-crate-metadata.json",
    }
    assert "works/digits-gan-sample-005/index.html" in names
    assert {name for name in names if not name.startswith("media/")} <= {
        *shows,
        "models/digits-gan/model.json",
        "works/digits-gan-sample-005/index.html",
        "works/digits-gan-sample-005/work.json",
        "works/digits-gan-sample-005/digits-gan-sample-005.png",
    }
    assert sum(name.startswith("media/") and not name.endswith(".md") for name in names) <= 2
    assert sum(name.endswith(".md") for name in names) == 2  # the model's card, which has the hash of its report


def test_a_removed_model_leaves_nothing(museum):
    """Out of params.yaml: no page, no link, no medium of its own, no folder of data is left."""
    params = museum / "params.yaml"
    params.write_text("".join(line for line in params.read_text().splitlines(True) if "emoji-gan" not in line))
    for path in (paths.metrics("emoji-gan"), paths.metrics("digits-gan"), paths.plots("emoji-gan") / "curves.json"):
        write_text(museum / path, "{}")
    build_gallery(museum)
    left = contents(museum)
    assert not [name for name in left if "emoji-gan" in name]
    assert not [name for name, data in left.items() if b"emoji-gan" in data]
    for place in (paths.report, paths.metrics, paths.plots):
        assert not (museum / place("emoji-gan")).exists()
    assert (museum / paths.metrics("digits-gan")).exists()
    used = b"".join(data for name, data in left.items() if name.endswith(".html"))
    assert not [name for name in left if name.startswith("media/") and name.encode() not in used]


@pytest.mark.nightly
def test_a_removed_dataset_leaves_no_room(museum):
    """A dataset out of params.yaml takes its page and its record with it."""
    lines = (museum / "params.yaml").read_text().splitlines(True)
    (museum / "params.yaml").write_text("".join(line for line in lines if "emoji" not in line))
    build_gallery(museum)
    assert not (gallery(museum) / "datasets/emoji").exists()
    assert not (museum / "data/record/emoji").exists()


def make_unreadable(root):
    """Put a folder where a picture belongs: reading it fails for root, too."""
    picture = root / "data/reports/digits-gan/exhibits/sample-003.png"
    picture.unlink()
    picture.mkdir()


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (
            lambda root: make.write_run(root, "digits-gan", "gan", "digits", "ff" * 32, [], make.random.Random(1)),
            "another checkpoint",
        ),
        (lambda root: (root / "data/runs/digits-gan/run.json").unlink(), "still in the studio"),
        (lambda root: (root / "data/reports/digits-gan/report.json").unlink(), "waits for its evaluation"),
        (lambda root: (root / "data/reports/digits-gan/report.json").write_text("{}"), "files are damaged"),
        (lambda root: (root / "data/runs/digits-gan/journal.jsonl").write_text("{no json\n"), "files are damaged"),
        (make_unreadable, "files cannot be read here"),
        *(
            pytest.param(harm, "files are damaged", marks=pytest.mark.nightly)
            for harm in (
                lambda root: (root / "data/reports/digits-gan/exhibits/sample-003.png").write_bytes(b"x"),
                lambda root: (root / "data/runs/digits-gan/journal.jsonl").write_text('["no row"]\n'),
                lambda root: (root / "data/runs/digits-gan/progress/step-00000500.png").write_bytes(b""),
            )
        ),
    ],
)
def test_what_cannot_hang_is_a_named_gap(museum, harm, sentence):
    """A missing, damaged or foreign report or run leaves an empty frame with the model's name and the reason."""
    harm(museum)
    build_gallery(museum)
    page = text(museum, "index.html")
    assert re.search(rf"digits-gan [^<]*{sentence}", page)
    assert not (gallery(museum) / "models/digits-gan").exists()
    assert (gallery(museum) / "models/digits-vae").exists()


def test_a_damaged_record_is_said(museum):
    """Without its record a room still opens and says what is missing."""
    (museum / "data/record/digits/record.parquet").write_bytes(b"x")
    build_gallery(museum)
    assert "missing or damaged" in text(museum, "datasets/digits/index.html")
    assert (gallery(museum) / "models/digits-gan").exists()


def test_nothing_yet_is_a_gallery_too(tmp_path):
    """Before any stage has run the gallery opens, names the rooms to come, and their pages have their gaps."""
    make.write_params(tmp_path, ["digits"], {"digits-gan": ("gan", "digits")})
    build_gallery(tmp_path)
    assert "Rooms still to open" in text(tmp_path, "index.html")
    assert "still in the studio" in text(tmp_path, "datasets/digits/index.html")


def test_a_room_to_come_takes_no_wall(museum):
    """A dataset of which nothing is made yet is named below the rooms that are open, and not in the navigation."""
    params = museum / "params.yaml"
    entry = "  later: {medium: picture, source: folder, path: datasets/later, about: {title: Later}, ingest: {}, preprocess: {}}\n"
    params.write_text(params.read_text().replace("models:", f"{entry}models:", 1))
    build_gallery(museum)
    page = text(museum, "index.html")
    assert page.count("datasets/later/index.html") == 0
    assert page.index("Rooms still to open") < page.index("Later")


def test_every_link_leads_somewhere(built):
    """Every address on every page is relative and exists, so it opens from any folder."""
    for page in gallery(built).rglob("*.html"):
        for address in Page(page.read_text(encoding="utf-8")).addresses:
            if address.startswith(("data:image/png;base64,", "#", "http://purl.org/dc/")):  # a name, nothing is loaded
                continue
            path, _, fragment = address.partition("#")
            target = (page.parent / unquote(path)).resolve()
            assert not address.startswith(("/", "http")), address
            assert target.is_file(), f"{page}: {address}"
            assert target.is_relative_to(gallery(built).resolve())
            assert not fragment or fragment in Page(target.read_text(encoding="utf-8")).ids


def test_policy_holds_on_every_page(built):
    """Each page has the policy; no inline style, handler or script; one script file; every picture has an alt text."""
    for page in gallery(built).rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert "default-src 'none'" in html
        for tag, attributes in Page(html).tags:
            assert tag != "style"
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
            assert tag != "script" or {**attributes, "defer": None} == {"src": attributes["src"], "defer": None}
            assert tag != "img" or attributes["alt"]


def test_hostile_strings_stay_text(built):
    """A title with markup, quotes, a newline and a direction override is shown as text and turns nothing around."""
    pages = [page.read_text(encoding="utf-8") for page in gallery(built).rglob("*.html")]
    assert not [page for page in pages if "<script>alert" in page or "\u202e" in page]
    assert [page for page in pages if "&lt;script&gt;alert(1)&lt;/script&gt; &#34;quoted&#34;" in page]


def test_nothing_of_this_machine_is_in_it(built):
    """No absolute path and no name of the project's folder reaches a file."""
    assert not [name for name, data in contents(built).items() if str(built).encode() in data or b"/tmp/" in data]


def test_a_file_name_leading_out_is_refused(museum):
    """A report that names a file outside its folder is damaged."""
    from artpipe.artifacts.report import load_report, save_report

    folder = museum / "data/reports/digits-vae"
    card, _ = load_report(folder)
    out = card.exhibits[0].model_copy(update={"file": "../../../params.yaml", "kind": "text"})
    save_report(folder, card.model_copy(update={"exhibits": (out, *card.exhibits[1:])}))
    build_gallery(museum)
    assert "digits-vae is being restored" in text(museum, "index.html")


def test_leftovers_are_swept_and_nothing_else(museum):
    """Folders of unknown names go; named ones, files and hidden ones stay."""
    for kind in ("works", "record", "shards", "weights", "checkpoints", "runs", "reports"):
        (museum / "data" / kind / "gone").mkdir(parents=True)
        (museum / "data" / kind / ".gitignore").write_text("/x\n")
    removed = remove_leftovers(museum, load_params(museum / "params.yaml"))
    assert {path.name for path in removed} == {"gone"}
    assert len(removed) == 7
    assert (museum / "data/reports/digits-gan/report.json").exists()
    assert (museum / "data/works/.gitignore").exists()


def test_an_unknown_theme_or_section_is_one_line(museum):
    """A theme or section that does not exist is the person's mistake, named with the nearest."""
    params = museum / "params.yaml"
    good = params.read_text()
    params.write_text(good.replace("theme: museum", "theme: musuem"))
    with pytest.raises(UserError, match="did you mean `museum`"):
        build_gallery(museum)
    params.write_text(good.replace("sections: [wall", "sections: [wal"))
    with pytest.raises(UserError, match="did you mean `wall`"):
        build_gallery(museum)


def test_other_kinds_of_exhibit_hang(tmp_path):
    """A poem, a tune and a film each get a page; a poem keeps its lines."""
    from artpipe.artifacts.report import SavedExhibit, load_report, save_report

    originals = [make.png(28, 1, i) for i in range(8)]
    make.write_params(tmp_path, ["poems"], {"poet": ("rnn", "poems")})
    make.write_record(tmp_path, "poems", originals, make.About())
    make.write_model(tmp_path, "poet", "rnn", "poems", originals[:1], originals)
    folder = tmp_path / "data/reports/poet"
    files = {"poem.txt": ("text", b"one <b>line</b>\n\nanother"), "tune.wav": ("audio", make_sound()), "film.webm": ("video", b"\x1aE")}  # fmt: skip
    card, _ = load_report(folder)
    for name, (_, data) in files.items():
        (folder / name).write_bytes(data)
    hung = tuple(SavedExhibit(file=n, kind=k, role="sample", caption=n) for n, (k, _) in files.items())
    save_report(folder, card.model_copy(update={"exhibits": hung}))
    build_gallery(tmp_path)
    assert 'one &lt;b&gt;line&lt;/b&gt;</span><span class="verse"></span>' in text(
        tmp_path, "works/poet-poem/index.html"
    )
    assert "<audio controls" in text(tmp_path, "works/poet-tune/index.html")
    film = text(tmp_path, "works/poet-film/index.html")
    assert "<video controls" in film
    assert re.search(r'<source src="../../media/[0-9a-f]{16}\.webm" type="video/webm"></video>', film)


def test_a_gallery_in_chinese(museum):
    """`gallery.language` changes words and the pages' language, no picture and no address."""
    before = set(contents(museum))
    params = museum / "params.yaml"
    params.write_text(params.read_text().replace("theme: museum", "theme: museum, language: zh"))
    build_gallery(museum)
    assert set(contents(museum)) == before
    page = text(museum, "models/digits-vae/index.html")
    assert '<html lang="zh-CN">' in page
    assert "训练不足" in page
    assert "历 4,000 步" in page
    params.write_text(params.read_text().replace("language: zh", "language: xx"))
    with pytest.raises(UserError, match=r"gallery\.languages.*there is no language `xx`"):
        build_gallery(museum)


def test_a_title_hangs_beside_its_name(museum):
    """`gallery.titles` names a model for visitors; its own page says the entry's name too."""
    model = next(iter(load_params(museum / "params.yaml").models))
    params = (
        (museum / "params.yaml")
        .read_text()
        .replace("theme: museum", f"theme: museum, titles: {{{model}: Out of noise}}")
    )
    (museum / "params.yaml").write_text(params)
    build_gallery(museum)
    assert "Out of noise" in text(museum, "index.html")
    assert model in text(museum, f"models/{model}/index.html")


def test_the_work_in_the_light_draws_the_eye():
    """Among works as sure, colour goes before size and size before certainty; none in doubt while a good one hangs."""
    from types import SimpleNamespace as Thing

    from artpipe.contracts.gallery_work import GalleryWork, Media
    from artpipe.contracts.section import Artist
    from artpipe.site.featured_work import choose_featured
    from artpipe.site.wall_texts import collect_wall_texts

    def work(certainty, side, colour=True, role="sample"):
        return GalleryWork("id", "title", "image", role, 1, Media("x", side, side, colour=colour), certainty=certainty)

    def featured(**artists):
        texts = collect_wall_texts("style", [])
        reports = [(Thing(verdict=Thing(grade=grade)), works) for grade, works in artists.items()]
        hung = [Artist("a", "A", "style", {}, report, None, works, wall_texts=texts) for report, works in reports]
        found = choose_featured(Thing(rooms=[Thing(artists=hung)]))
        return found and found[2]

    grey, small, doubted = work(1.0, 28, colour=False), work(0.95, 32), work(0.6, 256)
    unasked, given = work(0.0, 64, role="stylisation"), work(0.0, 900, role="enlargement")
    assert featured(weak=[unasked], good=[grey, doubted]) is grey
    assert featured(good=[grey, small]) is small
    assert featured(good=[grey, small, unasked, given]) is unasked
    assert featured(weak=[doubted]) is doubted
    assert featured(fair=[grey], weak=[unasked]) is grey
    assert featured(fair=[unasked], good=[grey]) is unasked
    assert featured(good=[]) is None


def test_a_film_hangs_at_the_entrance():
    """The first film of a model stands among the large ones of the first view; a poet shows six."""
    from types import SimpleNamespace as Thing

    from artpipe.contracts.gallery_work import GalleryWork, Media
    from artpipe.sections.rooms import choose_works

    def work(kind, number):
        return GalleryWork(
            f"{kind}-{number}", "t", kind, "sample", 1, Media("x", 9, 9, 50), parts={"poster": Media("p", 9, 9, 50)}
        )

    films = [work("video", n) for n in range(2)]
    painter = Thing(name="painter", works=[*(work("image", n) for n in range(24)), *films])
    poet = Thing(name="poet", works=[work("text", n) for n in range(9)])
    shown = choose_works([painter, poet])
    assert [one.id for one in shown["painter"]].index("video-0") == 11
    assert [one.id for one in shown["painter"]].count("video-1") == 0
    assert len(shown["poet"]) == 6
    few = choose_works([Thing(name="painter", works=[work("image", 1), films[0]])])
    assert [one.id for one in few["painter"]] == ["image-1", "video-0"]


def test_parts_of_a_work_have_their_places():
    """Before lies under the work, steps are in order, other pictures hang beside it, files are downloads."""
    from artpipe.contracts.gallery_work import GalleryWork, Media

    parts = {name: Media(name, 20, 10) for name in ("step 100", "step 20", "before", "original", "mask")}
    parts["mask"] = Media("mask", 10, 10)
    work = GalleryWork("id", "t", "image", "sample", 1, Media("x", 40, 20), parts=parts | {"midi": Media("midi")})
    assert [step for step, _ in work.intermediate_pictures] == [20, 100]
    assert (work.input_picture.src, list(work.further_pictures), list(work.downloads)) == (
        "before",
        ["original", "mask"],
        ["midi"],
    )
    other = GalleryWork("id", "t", "image", "sample", 1, Media("x", 40, 30), parts=parts)
    assert other.input_picture is None
    assert list(other.further_pictures) == ["before", "original", "mask"]
    piece = GalleryWork(
        "id", "t", "audio", "sample", 1, Media("x"), parts={"score": Media("s", 9, 3), "before": Media("b", 9, 3)}
    )
    assert (piece.face.src, piece.input_picture, list(piece.further_pictures)) == ("s", None, ["before"])


def test_a_work_is_promised_again_only_where_a_commit_holds_the_code(museum):
    """With a commit it can be made again; without one, or with changes beside it, the page says that none holds the code."""
    promise, warning = "the same work can be made again", "No commit holds the code it was made with"
    record = RunRecord.open(museum / paths.run("digits-gan"))
    page = next((gallery(museum) / "works").glob("digits-gan-*/index.html")).relative_to(gallery(museum))
    assert (promise in text(museum, page), warning in text(museum, page)) == (True, False)
    for change in ({"dirty": True}, {"commit": None}):
        save_run(record.folder, record.card.model_copy(update=change))
        build_gallery(museum)
        assert (promise in text(museum, page), warning in text(museum, page)) == (False, True)
    assert "code in no commit" in text(museum, page)


def test_the_number_of_a_verdict_has_its_bound_in_words(built):
    """At least or at most, by the side on which a passing number lies."""
    page = re.sub(r"<[^>]*>", "", text(built, "models/digits-gan/index.html"))
    assert re.search(r"Decided by KID: 0.031\d*; at most 0.1\d* is allowed\.", page)


def test_labels_say_what_the_report_says(built):
    """Seed, step, run, checkpoint, data and licence on each work's page are those of its report, run and record."""
    for name in hung_models(built):
        report, run = load_report(built / paths.report(name))[0], RunRecord.open(built / paths.run(name)).card
        step = format_number(run.steps if report.step is None else report.step)
        about = Record.open(built / paths.record(report.dataset)).card.about
        for work, exhibit in name_works(name, report):
            page = re.sub(r"<[^>]*>", "", text(built, f"works/{work}/index.html"))
            said = ("No seed" not in page, f"Seed {exhibit.seed}" in page)
            assert said == ((exhibit.seed is not None,) * 2)
            assert f"step {step}" in page
            for fact in (f"Step {step} of {format_number(run.steps)}", run.run_id, report.checkpoint, report.shards):
                assert fact in page
            assert about.licence in page
            record = json.loads(text(built, f"works/{work}/work.json"))
            assert (record["seed"], record["model"]["checkpoint"]) == (exhibit.seed, report.checkpoint)
            assert [one["digest"] for one in record["nearest"]] == [one.digest for one in exhibit.neighbours]


def test_the_inventory_names_models_and_works_with_their_hashes(built):
    """`gallery.json` has each model's scores, parameters and checkpoint, each work's file with its whole hash, and where their records are."""
    inventory = json.loads((built / "data/gallery/gallery.json").read_text())
    gan = inventory["models"]["digits-gan"]
    assert (gan["scores"]["kid"], gan["params"]["batch_size"], gan["dataset"]) == (0.0312, 64, "digits")
    assert gan["checkpoint"] == json.loads((built / "data/runs/digits-gan/run.json").read_text())["checkpoint"]
    assert len(inventory["works"]) == 60
    for work in inventory["works"].values():
        assert sha256_bytes((built / "data/gallery" / work["file"]).read_bytes()) == work["sha256"]
        assert {work["page"], work["record"]} <= set(inventory["files"])


def test_a_model_leads_to_its_run_in_mlflow(museum):
    """Where a server is named and a sync has told MLflow's id; without either its page says nothing of MLflow."""
    run = RunRecord.open(museum / "data/runs/digits-gan").card.run_id
    save_mlflow_run_ids(museum, {run: MlflowRunId("7", "0123456789abcdef0123456789abcdef")})
    build_gallery(museum)
    assert "MLflow" not in text(museum, "models/digits-gan/index.html")
    params = museum / "params.yaml"
    params.write_text(params.read_text().replace("gallery: {", "gallery: {mlflow_url: https://mlflow.example.org, "))
    build_gallery(museum)
    page = "https://mlflow.example.org/#/experiments/7/runs/0123456789abcdef0123456789abcdef"
    link = f'href="{page}?workflowType=machine_learning"'
    assert link in text(museum, "models/digits-gan/index.html")
    assert [name for name in hung_models(museum) if link in text(museum, f"models/{name}/index.html")] == ["digits-gan"]


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1", "127.1.2.3:80", "127.1", "2130706433", "localhost."])
def test_a_gallery_leads_nobody_to_their_own_machine(museum, host):
    """A server of MLflow on loopback is refused in one line."""
    params = museum / "params.yaml"
    params.write_text(params.read_text().replace("gallery: {", f"gallery: {{mlflow_url: 'http://{host}', "))
    with pytest.raises(UserError, match=r"gallery\.mlflow_url.* their own machine"):
        build_gallery(museum)


def test_what_was_added_while_a_gallery_waited_stays(museum, monkeypatch):
    """Another rendering may take minutes; a model of that time is no leftover."""

    @contextmanager
    def wait(root):
        params = root / "params.yaml"
        entry = "  late: {kind: gan, dataset: digits, pretrained: data/shards/digits, feature_extractor: late}\n"
        params.write_text(params.read_text().replace("models:\n", f"models:\n{entry}"))
        (root / paths.checkpoint("late")).mkdir(parents=True)
        yield

    monkeypatch.setattr("artpipe.gallery.hold_rendering", wait)
    build_gallery(museum)
    assert (museum / paths.checkpoint("late")).is_dir()


def test_curves_of_one_name_say_where_they_were_measured(museum):
    """A loss and a validation measure of the same name are two: validation and training."""
    journal = museum / "data/runs/digits-gan/journal.jsonl"
    journal.write_text(journal.read_text().replace('"kid"', '"generator"'))
    build_gallery(museum)
    page = text(museum, "models/digits-gan/index.html")
    assert "<bdi>Generator, validation works</bdi>" in page
    assert "<bdi>Generator, training works</bdi>" in page
    assert "<bdi>Discriminator</bdi>" in page


def test_scores_are_shown_with_what_the_report_counts(built):
    """Each score's number of works stands in its row, and all of it in full beside the page."""
    for name in hung_models(built):
        report, _ = load_report(built / paths.report(name))
        rows = re.findall(r"<tr>.*?</tr>", text(built, f"models/{name}/index.html").replace("\n", ""))
        counts = [re.findall(r'figure">([^<]*)</td></tr>', row)[-1] for row in rows if "<strong>" in row]
        assert counts == [format_number(score.n) for score in report.scores]
        record = json.loads(text(built, f"models/{name}/model.json"))
        assert [score["value"] for score in record["report"]["scores"]] == [score.value for score in report.scores]
        assert not {"host", "platform"} & set(record["run"])


def test_licences_lead_to_their_text(built):
    """A well-known licence and an address are links; words, and addresses of other schemes, are none."""
    table = make_translator(load_params(built / "params.yaml"), find_theme("museum")).filters()
    assert table["web_address"]("https://example.org/a?b=1") == "https://example.org/a?b=1"
    for text_ in (
        "javascript:alert(1)",
        "https://",
        "http://a b.org",
        "see https://example.org",
        "ftp://example.org/x",
        "",
    ):
        assert table["web_address"](text_) == ""
    page = text(built, "datasets/digits/index.html")
    assert 'href="https://creativecommons.org/licenses/by-sa/3.0/"' in page


def test_what_is_featured_hangs_once(built):
    """The work in the light of the entrance does not hang a second time below."""
    page = text(built, "index.html")
    featured = re.search(r'class="featured">\s*<a class="hung" href="(works/[^"]+)"', page)[1]
    assert page.count(f'class="hung" href="{featured}"') == 1


def test_the_best_of_each_eleven_hangs_large():
    """By the extractor's certainty, else by nearness; the others keep their order, and other roles are left alone."""
    from artpipe.contracts.gallery_work import GalleryWork, put_best_first

    def work(number, certainty=0.0, role="sample"):
        return GalleryWork(str(number), "t", "image", role, number, None, certainty=certainty)

    works = [*(work(n, certainty=(n * 7 % 12) / 12) for n in range(12)), *(work(n, role="walk") for n in range(12, 15))]
    assert [one.id for one in put_best_first(works)] == [*map(str, (5, 0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14))]


def test_settings_are_words():
    """No Python is shown: lists have commas, pairs arrows, switches yes and no."""
    assert format_setting({"cat": ["gravel", "dahlia"], "sea": []}) == "cat \u2192 gravel, dahlia; sea \u2192 none"
    assert [format_setting(one) for one in (True, False, None, "", 30.0, 0.003, 2000, 1e-9, ["a", 0.5])] == [
        *("yes", "no", "none", "none", "30", "0.003", "2,000", "1e-09", "a, 0.5")
    ]


def test_the_entrance_says_where_a_work_is_traced(built):
    """Labels there have no seed; the page behind a frame names what it comes from."""
    page = text(built, "index.html")
    assert "Every label names the seed" not in page
    assert "The page behind each frame names the collection" in page


def test_two_renderings_at_once_make_one_gallery(museum, built):
    """Who comes second waits for the first one, and finds its gallery."""
    (gallery(museum) / "gallery.json").unlink()
    shutil.rmtree(gallery(museum) / "works")
    failures = []

    def render():
        try:
            build_gallery(museum)
        except BaseException as error:  # noqa: BLE001 - a thread's error is lost
            failures.append(error)

    threads = [threading.Thread(target=render) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert contents(museum) == contents(built)


def test_names_of_pages_and_languages_are_names_like_others(tmp_path):
    """Datasets and models called as pages, folders and languages: nothing is marked or keyed as something else."""
    pictures = [make.png(28, 1, number) for number in range(3)]
    sets = ["zh", "provenance"]
    models = {"room-zh": "zh", "entrance": "zh", "ahead": "zh", "browse": "provenance", "zh": "provenance"}
    make.write_params(tmp_path, sets, {name: ("gan", dataset) for name, dataset in models.items()})
    params = tmp_path / "params.yaml"
    params.write_text(params.read_text().replace("theme: museum", "theme: museum, languages: [zh], credentials: false"))
    for name in sets:
        make.write_record(tmp_path, name, pictures, About(title="", creator="A hand", licence="CC0-1.0"))
    for name, dataset in models.items():
        make.write_model(tmp_path, name, "gan", dataset, pictures[:1], pictures)
    build_gallery(tmp_path)
    for page in gallery(tmp_path).rglob("*.html"):
        shown = Page(page.read_text())
        keys = [attrs["data-key"] for _, attrs in shown.tags if "data-key" in attrs]
        assert len(keys) == len(set(keys)), page
        assert len(shown.ids) == len(set(shown.ids)), page
        places = [attrs["href"] for tag, attrs in shown.tags if tag == "a" and "aria-current" in attrs]
        assert len(places) <= 1, page
        if page.name != "404.html":
            links = [unquote(one.split("#")[0].split("?")[0]) for one in shown.addresses if ":" not in one]
            assert [one for one in links if one and not (page.parent / one).exists()] == [], page
    assert (
        "aria-current" not in text(tmp_path, "provenance/index.html").split("</nav>")[0].split('class="languages"')[0]
    )


def test_two_pages_at_one_address_are_refused():
    """Neither takes the other's place unseen."""
    with pytest.raises(UserError, match=r"two pages are called `works/a/index\.html`"):
        collect_pages([("works/a/index.html", b"one"), ("works/a/index.html", b"other")])
