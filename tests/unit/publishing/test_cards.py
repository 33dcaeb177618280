"""Cards of a small project with odd licences and hostile names, read as the Hub reads them."""

import itertools
import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard, ModelCard
from markdown_it import MarkdownIt

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champion, ChampionHistory, Champions, save_champions
from artpipe.artifacts.report import load_report, save_report
from artpipe.publishing.card_artifacts import load_dataset_artifacts, load_dataset_record
from artpipe.publishing.hub_dataset_card import make_dataset_card, size_category
from artpipe.publishing.write_card import write_card
from artpipe.site.translation import clean_line
from artpipe.system.hashing import sha256_file
from tests.conftest import load_module

publish = load_module(Path(__file__).with_name("make_published.py"))
TEMPLATE_SECTIONS = [
    "Model Details", "Uses", "Bias, Risks, and Limitations", "How to Get Started with the Model", "Training Details", "Evaluation",
    "Environmental Impact", "Technical Specifications",
]  # fmt: skip
DATASET_SECTIONS = [
    "Dataset Details", "Uses", "Dataset Structure", "Dataset Creation", "Bias, Risks, and Limitations", "Citation",
]  # fmt: skip


@pytest.fixture
def project(published, tmp_path, monkeypatch):
    shutil.copytree(published, tmp_path / "project")
    for name in ("dvc.yaml",):
        (tmp_path / "project" / name).write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def read(text):
    """Return the kinds of what a page makes of a card's text, its headings of second rank and its words."""
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)
    parts = [part for block in tokens for part in (block, *(block.children or ()))]
    headings = [
        after.content for tag, after in itertools.pairwise(tokens) if tag.type == "heading_open" and tag.tag == "h2"
    ]
    words = " ".join(part.content for part in parts if part.type in {"text", "code_inline"})
    return {part.type for part in parts}, headings, words


def test_a_model_s_card_has_the_hub_s_fields(published):
    """Its own library reads them, with each compared score, its number of samples and its interval."""
    card = ModelCard(write_card("gan", root=published).text)
    data = card.data.to_dict()
    assert (data["library_name"], data["pipeline_tag"], data["license"]) == (
        "artpipe",
        "unconditional-image-generation",
        "unknown",
    )
    assert (data["datasets"], data["metrics"]) == (["shapes"], ["kid", "coverage"])
    (kid, coverage) = card.data.eval_results
    assert (kid.metric_type, kid.metric_value, kid.dataset_name) == ("kid", 0.0312, clean_line(publish.TITLE))
    assert kid.metric_args.pop("interval") == pytest.approx([0.02708, 0.03532], abs=1e-5)
    key = next(
        score for score in load_report(published / paths.report("gan"))[0].scores if score.name == "kid"
    ).comparison_key
    assert kid.metric_args == {"samples": 2000, "extractor": "ab" * 32, "comparison_key": key}
    assert coverage.metric_value == 0.874
    assert kid.dataset_revision == load_dataset_artifacts(published, "shapes").shards_sha256


def test_a_model_s_card_has_the_template_s_sections(published):
    """And in them the verdict, each score, the hashes, what it cost and how it is called."""
    _, headings, words = read(ModelCard(write_card("gan", root=published).text).text)
    assert [name for name in headings if name in TEMPLATE_SECTIONS] == TEMPLATE_SECTIONS
    run = (published / paths.run("gan") / "run.json").read_text()
    checkpoint = sha256_file(published / paths.checkpoint("gan") / "checkpoint.json")
    assert checkpoint in run
    for said in (
        checkpoint,
        "be" * 32,
        "failed",
        "0.874",
        "0.0271 to 0.0353",
        "learning_rate",
        "0.0001",
        "core-seconds",
        "best by kid",
    ):
        assert said in words
    assert "artpipe sample gan -n 16 --seed 1 --label 0" in write_card("gan", root=published).text
    assert "5 works without a recorded licence" in words


def test_the_scores_of_a_card_stand_beside_their_anchors(project):
    """Real works, the comparison key that is spoken of, and the champion, if it is another and both compare; no steps."""
    report = load_report(paths.report("gan"))[0]
    kid, coverage = (next(one for one in report.scores if one.name == name) for name in ("kid", "coverage"))
    steps = kid.model_copy(update={"name": "steps", "value": 4321.0})
    scores = (steps, kid.model_copy(update={"real": 0.0123}), coverage)
    save_report(paths.report("gan"), report.model_copy(update={"scores": scores}))
    text = write_card("gan").text
    assert "| Measure | Value | 95 % interval | Real works | Works | Better | Extractor | Comparison key |" in text
    assert (
        f"| KID | 0.0312 | 0.0271 to 0.0353 | 0.0123 | 2,000 | lower | `abababababab` | `{kid.comparison_key}` |"
        in text
    )
    assert "Spread" not in text
    assert "4,321" not in text
    other = Champion(
        model="other", run_id="r", checkpoint="c", report="r", shards=report.shards,
        score=kid.model_copy(update={"value": 0.0456}), dvc={},
    )  # fmt: skip
    champions = Champions().with_history(report.dataset, report.kind, ChampionHistory(champion=other))
    save_champions(Path(), champions)
    assert "| KID | 0.0312 | 0.0271 to 0.0353 | 0.0123 | 0.0456 | 2,000 |" in write_card("gan").text
    champion_score = other.score.model_copy(update={"basis": "another"})
    other = other.model_copy(update={"score": champion_score})
    save_champions(Path(), Champions().with_history(report.dataset, report.kind, ChampionHistory(champion=other)))
    assert "0.0456" not in write_card("gan").text


def test_a_dataset_s_card_has_the_hub_s_fields(published):
    """Licences are those of the works, each once; what is no licence of the Hub's is `other`."""
    data = DatasetCard(write_card("shapes", root=published).text).data.to_dict()
    assert data["license"] == ["cc-by-2.0", "cc-by-sa-4.0", "other", "unknown"]
    assert (data["pretty_name"], data["size_categories"]) == (clean_line(publish.TITLE), ["n<1K"])
    assert data["task_categories"] == ["image-classification", "text-to-image", "unconditional-image-generation"]


def test_a_dataset_s_card_tells_what_became_of_every_input(published):
    """Quarantine by reason, duplicates, splits, labels, licences and creators by count, and the hashes of the files."""
    text = DatasetCard(write_card("shapes", root=published).text).text
    _, headings, words = read(text)
    assert [name for name in headings if name in DATASET_SECTIONS] == DATASET_SECTIONS
    assert "26 inputs were read; 24 were kept and 2 set aside." in text
    assert "| exact duplicate | 1 |" in text
    assert "same bytes as another one: 1." in text
    assert "| CC BY-SA 4.0 | <https://creativecommons.org/licenses/by-sa/4.0/> | 5 |" in text
    assert clean_line(publish.HOSTILE) in words
    dataset = load_dataset_artifacts(published, "shapes")
    counts = dataset.shards.counts
    assert [f"| {split} | 0 | {counts[split]} |" in text for split in counts] == [True] * 3
    for name, sha256 in dataset.works.card.files.items():
        assert sha256_file(published / paths.works("shapes") / name) == sha256
        assert f"| {name} | `{sha256}` |" in text


@pytest.mark.parametrize("name", ["gan", "shapes"])
def test_what_strangers_wrote_is_words(published, name):
    """No tag, picture or link comes of a title, creator or licence; the only links are the card's own."""
    text = ModelCard(write_card(name, root=published).text).text
    kinds, _, words = read(text)
    assert kinds & {"html_inline", "image"} == set()
    assert text.count("<!--") == 1
    assert "javascript" not in "".join(
        token.attrGet("href") or ""
        for block in MarkdownIt("gfm-like", {"linkify": False}).parse(text)
        for token in block.children or ()
    )
    assert clean_line(publish.TITLE) in words


def test_a_record_alone_makes_a_card(published):
    """As in the gallery, which has neither works nor shards at hand: less is said, nothing wrong."""
    text = DatasetCard(make_dataset_card(load_dataset_record(published, "shapes", "picture"))).text
    assert "Preprocessing" not in text
    assert "works.parquet |" not in text
    assert "| circle | 13 |" in text


def test_the_sizes_are_those_of_the_hub():
    """The lower end belongs to a category."""
    sizes = [size_category(count) for count in (0, 999, 1000, 70_000, 999_999, 10**9)]
    assert sizes == ["n<1K", "n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "n>1B"]


def test_the_command_prints_or_writes(project, artpipe):
    """To a file, to a folder under the Hub's name, again over its own card, never over another file."""
    code, out, _ = artpipe("card", "gan")
    assert code == 0
    assert artpipe("card", "gan", "--to", "out")[:2] == (0, "out/README.md: written\n")
    assert Path("out/README.md").read_text() == out
    told = json.loads(artpipe("card", "gan", "--json")[1])
    assert told == {"name": "gan", "group": "models", "text": out, "file": None}
    assert json.loads(artpipe("card", "gan", "--to", "out", "--json")[1]) == {**told, "file": "out/README.md"}
    assert artpipe("card", "shapes", "--to", "out/README.md")[0] == 0
    assert Path("out/README.md").read_text().startswith("---\nlicense:\n")
    Path("README.md").write_text("mine")
    line = "artpipe: --to README.md: is there already and is no card; name another file, or move it away\n"
    assert artpipe("card", "gan", "--to", ".") == (2, "", line)
    assert Path("README.md").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["shape"], "data: nothing was made of a model or dataset `shape`; there are: gan, shapes, did you mean `shapes`?"),
        (["models/shapes"], "data: nothing was made of a model or dataset `models/shapes`; there are: gan, shapes, did you mean `shapes`?"),
        (["../gan"], "data: nothing was made of a model or dataset `../gan`; there are: gan, shapes, did you mean `gan`?"),
        (["gan", "--croissant"], "--croissant: `gan` is a model; Croissant describes datasets"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_one_line(project, artpipe, arguments, line):
    """With the nearest one."""
    assert artpipe("card", *arguments) == (2, "", f"artpipe: {line}\n")


def test_what_is_not_made_yet_is_one_line(project, artpipe):
    """A model without a report, one whose report is of another training, and a name that is a model's and a dataset's."""
    shutil.copytree(paths.run("gan"), paths.run("shapes"))
    assert artpipe("card", "shapes")[2].endswith("type `models/shapes` or `datasets/shapes`\n")
    code, _, err = artpipe("card", "models/shapes")
    assert (code, err) == (
        2,
        "artpipe: data/reports/shapes/report.json: no such file; `artpipe plan` says which stage makes it\n",
    )
    publish.make.write_model(project, "gan", "gan", "shapes", [], [], checkpoint="0" * 64)
    shutil.copy(paths.run("shapes") / "run.json", paths.run("gan"))
    shutil.copy(paths.run("shapes") / "run.json.sha256", paths.run("gan"))
    code, _, err = artpipe("card", "gan")
    assert (code, err.count("\n")) == (2, 1)
    assert "is about the checkpoint 000000000000" in err


def test_damage_is_one_line(project, artpipe):
    """A flipped byte in a record is named, and no card is written."""
    table = paths.record("shapes") / "record.parquet"
    table.write_bytes(table.read_bytes()[:-1])
    code, _, err = artpipe("card", "shapes", "--to", "card.md")
    assert (code, err.count("\n"), Path("card.md").exists()) == (1, 1, False)
