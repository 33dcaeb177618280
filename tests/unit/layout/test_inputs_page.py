"""docs/inputs.md is the table of layouts: every tree in it is made, and understood as the page says."""

import re

import pytest

from artpipe.layout.known_layouts import KNOWN_LAYOUTS
from artpipe.project.detection import describe_summary, inspect_input
from tests.conftest import ROOT, load_module

places = load_module(ROOT / "tests" / "support" / "layout_trees.py")
PAGE = (ROOT / "docs" / "inputs.md").read_text()
SECTIONS = re.findall(r"^### (.+)$", PAGE, flags=re.MULTILINE)


def examples() -> list[tuple[str, str, dict[str, str], str]]:
    """Return name, tree, contents of files and sentence of each example of the page."""
    found = []
    for section in PAGE.split("\n### ")[1:]:
        name = section.split("\n", 1)[0]
        for tree, rest, sentence in re.findall(
            r"```tree\n(.*?)```\n(.*?)\n> ([^\n]*)\n", section + "\n", flags=re.DOTALL
        ):
            files = dict(re.findall(r"```file ([^\n]*)\n(.*?)```", rest, flags=re.DOTALL))
            found.append((name, tree, files, sentence))
    return found


SHARDS = (".tar", ".parquet")


def expanded(token: str) -> list[str]:
    """Return the names of ``001.jpg ... 003.jpg``, or the one name."""
    if " ... " not in token:
        return [token]
    first, last = token.split(" ... ")
    place = [match for match in re.finditer(r"\d+", first) if last[match.start() : match.end()] != match[0]][-1]
    numbers = range(int(place[0]), int(last[place.start() : place.end()]) + 1)
    return [f"{first[: place.start()]}{n:0{len(place[0])}d}{first[place.end() :]}" for n in numbers]


def names(tree: str) -> list[str]:
    """Return the paths of the files of a tree."""
    found, folders = [], []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        tokens = re.split(r"  +", line.strip())
        folders[depth:] = [tokens.pop(0)] if tokens[0].endswith("/") else []
        found += ["".join(folders) + name for token in tokens for name in expanded(token)]
    return found


def content_of(name: str, files: dict[str, str]) -> bytes:
    """Return what a file of a tree holds: what the page says, else the least that its kind does."""
    if name in files:
        return files[name].encode()
    if "labels/" in name:
        return b"0 0.5 0.5 0.25 0.25\n"
    return b"1" if name.endswith(".cls") else places.file_content(name, {".json": b'{"caption": "a square"}'})


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize(("name", "tree", "files", "sentence"), examples(), ids=[one[0] for one in examples()])
def test_a_tree_of_the_page_is_understood_as_it_says(tmp_path, name, tree, files, sentence, form):
    """As a folder and as a zip."""
    contents = {path: content_of(path, files) for path in names(tree)}
    if any(f"{suffix}/" in path for path in contents for suffix in SHARDS):
        if form == "zip":
            pytest.skip("shards lie in a folder")
        contents = with_shards(contents)
    root = tmp_path / "works"
    if form == "zip":
        root = tmp_path / "works.zip"
        root.write_bytes(places.pack_archive(contents, "zip"))
    else:
        for path, data in contents.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
    assert describe_summary(inspect_input(root)).splitlines()[0] == f"understood as {sentence}"


def with_shards(contents: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files with those below ``NAME.tar/`` packed into that tar, likewise those below a table."""
    shards: dict[str, dict[str, bytes]] = {}
    plain = {}
    for path, data in contents.items():
        suffix = next((one for one in SHARDS if f"{one}/" in path), ".tar")
        shard, inside, name = path.partition(f"{suffix}/")
        (shards.setdefault(shard + suffix, {}) if inside else plain)[name or path] = data
    return plain | {
        name: places.pack_archive(files, "tar") if name.endswith(".tar") else places.pack_table([*files.values()])
        for name, files in shards.items()
    }


def test_every_known_layout_has_its_tree():
    """Whoever has one finds it on the page under the name that is printed."""
    names = {section.lower() for section in SECTIONS}
    assert [known.name for known in KNOWN_LAYOUTS if known.name.lower() not in names] == []
