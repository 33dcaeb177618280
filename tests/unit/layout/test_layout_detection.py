"""What a place of works means: a grid of layouts, each of them as a folder, a zip and a tar."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artpipe.errors import UserError
from artpipe.layout.folder_levels import WorkFolder, interpret_folders
from artpipe.project.detection import inspect_input
from tests.conftest import ROOT, load_module, scale_examples

places = load_module(ROOT / "tests" / "support" / "layout_trees.py")

MEDIA = {"picture": ".png", "text": ".txt", "music": ".mid"}
CLASSES = [(), ("cat", "dog"), ("0", "1", "2"), ("Café", "jardin", "train"), ("plane", "car", "train")]
SPLITS = [
    (),
    ("train", "test"),
    ("Train", "VAL", "Test"),
    ("training", "validation", "testing"),
    ("train", "valid", "test"),
    ("training_set", "test_set"),
    ("train2017", "val2017"),
]
WRAPPINGS = ["", "pack/", "pack-main/inner folder/"]
CONTAINERS = ["", "images/"]
SIDECARS = ["", ".txt", ".json", ".jpg.json", "labels"]
LEFTOVERS = [
    "",
    "@eaDir/{0}/SYNOPHOTO_THUMB_XL.jpg",
    "Thumbs.db",
    "._{0}",
    ".DS_Store",
    "__MACOSX/x/._{0}",
    "#recycle/{0}",
]
ABOUT = ["", "README.md", "LICENSE", "readme[1].txt"]
FORMS = ["folder", "zip", "tar"]
MEANING = {
    "train": "train", "training": "train", "training_set": "train", "train2017": "train", "val": "validation", "valid": "validation",
    "validation": "validation", "val2017": "validation", "test": "test", "testing": "test", "test_set": "test",
}  # fmt: skip

layouts = st.fixed_dictionaries(
    {
        "medium": st.sampled_from(sorted(MEDIA)),
        "classes": st.sampled_from(CLASSES),
        "splits": st.sampled_from(SPLITS),
        "split_first": st.booleans(),
        "wrapping": st.sampled_from(WRAPPINGS),
        "container": st.sampled_from(CONTAINERS),
        "sidecar": st.sampled_from(SIDECARS),
        "leftover": st.sampled_from(LEFTOVERS),
        "about": st.sampled_from(ABOUT),
        "form": st.sampled_from(FORMS),
    }
)


def named(grid) -> tuple[list[str], dict[str, int]]:
    """Return the names of a layout's files and what should be counted."""
    suffix, names, sidecars = MEDIA[grid["medium"]], [], 0
    number = 0
    for split in grid["splits"] or ("",):
        for label in grid["classes"] or ("",):
            parts = [part for part in ((split, label) if grid["split_first"] else (label, split)) if part]
            folder = grid["wrapping"] + "".join(f"{part}/" for part in parts)
            for _ in range(9 if MEANING.get(split.lower(), "train") == "train" else 4):
                number += 1
                names.append(f"{folder}{grid['container']}{number:03d}{suffix}")
                if grid["medium"] == "text" or not grid["sidecar"]:
                    continue
                stem = f"{folder}{grid['container']}{number:03d}"
                beside = grid["sidecar"].replace(".jpg.json", f"{suffix}.json")
                names.append(f"{folder}labels/{number:03d}.txt" if beside == "labels" else stem + beside)
                sidecars += 1
            if grid["leftover"]:
                names.append(folder + grid["leftover"].format(f"{number:03d}{suffix}"))
    if grid["about"]:
        names.append(grid["wrapping"] + grid["about"])
    return names, {"works": number, "sidecars": sidecars}


def expected_splits(grid) -> dict[str, int]:
    """Return the works of each split."""
    counts: dict[str, int] = {}
    for split in grid["splits"]:
        meaning = MEANING[split.lower()]
        counts[meaning] = counts.get(meaning, 0) + max(1, len(grid["classes"])) * (9 if meaning == "train" else 4)
    return counts


@settings(max_examples=scale_examples(250))
@given(layouts)
def test_a_layout_of_the_grid_is_understood(tmp_path_factory, grid):
    """Medium, classes, splits, sidecars: whatever wraps the works, lies beside them, and however they are packed."""
    names, wanted = named(grid)
    place = places.make_place(tmp_path_factory.mktemp("grid") / "works", names, grid["form"])
    seen = inspect_input(place)
    assert (seen.medium, seen.works) == (grid["medium"], wanted["works"])
    assert set(seen.classes) == set(grid["classes"]), seen
    assert seen.splits == expected_splits(grid), seen
    assert seen.passed_over.get("sidecar", 0) + seen.passed_over.get("annotation", 0) == wanted["sidecars"], seen
    assert bool(seen.leftovers) == bool(grid["leftover"])
    assert seen.others == 0


@settings(max_examples=scale_examples(60))
@given(layouts)
def test_a_folder_and_its_archives_say_the_same(tmp_path_factory, grid):
    """What is understood does not depend on the packing."""
    names, _ = named(grid)
    root = tmp_path_factory.mktemp("same")
    seen = [inspect_input(places.make_place(root / form, names, form)).to_json() for form in FORMS]
    for one in seen:
        del one["place"]
    assert seen[0] == seen[1] == seen[2]


def inspected(tmp_path: Path, names, form="folder", said=None, **rules):
    return inspect_input(places.make_place(tmp_path / "works", names, form, said), rules.pop("medium", ""), rules)


def numbered(pattern: str, count: int, first: int = 0) -> list[str]:
    return [pattern.format(number) for number in range(first, first + count)]


LEVELS = [
    ({"cat": 9, "dog": 9}, {"cat", "dog"}, set()),
    ({"train/cat": 9, "train/dog": 9, "test": 4}, {"cat", "dog"}, {"train", "test"}),
    ({"cat": 9, "dog": 9, "test": 4}, {"cat", "dog"}, {"test"}),
    ({"plane": 9, "car": 9, "train": 9}, {"plane", "car", "train"}, set()),
    ({"plane": 9, "car": 9, "train": 9, "test/plane": 2, "test/car": 2, "test/train": 2}, {"plane", "car", "train"}, {"test"}),
    ({"cat/train": 9, "cat/test": 4, "dog/train": 9}, {"cat", "dog"}, {"train", "test"}),
    ({"training_set/training_set/cats": 9, "training_set/training_set/dogs": 9, "test_set/test_set/cats": 4}, {"cats", "dogs"}, {"train", "test"}),
    ({"seg_train/seg_train/sea": 9, "seg_train/seg_train/street": 9, "seg_test/seg_test/sea": 4, "seg_pred/seg_pred": 4}, {"sea", "street"}, {"train", "test"}),
    ({"tiny/train/n01/images": 9, "tiny/train/n02/images": 9, "tiny/val/images": 4, "tiny/test/images": 4}, {"n01", "n02"}, {"train", "validation", "test"}),
    ({"amazon/images/bag": 9, "amazon/images/cup": 9, "dslr/images/bag": 9}, {"bag", "cup"}, set()),
    ({"cats/siamese": 9, "cats/persian": 9, "dogs/poodle": 9, "dogs/pug": 9}, {"siamese", "persian", "poodle", "pug"}, set()),
    ({"cats": 9, "dogs": 9, "dogs/small": 3}, {"cats", "dogs"}, set()),
    ({"": 3, "cats": 9, "dogs": 9}, {"cats", "dogs"}, set()),
    ({"": 1, "pack/cats": 9, "pack/dogs": 9}, {"cats", "dogs"}, set()),
    ({"only": 9}, set(), set()),
    ({"train": 9}, set(), set()),
    ({"train": 9, "unlabeled": 9}, set(), set()),
    ({"2023/08": 9, "2023/09": 9, "2024/01": 9}, set(), set()),
    ({"2019": 9, "2020": 9}, set(), set()),
    ({"DCIM/100CANON": 9, "DCIM/101CANON": 9}, set(), set()),
    ({"part-0001": 9, "part-0002": 9}, set(), set()),
    ({"cat/batch1": 9, "cat/batch2": 9, "dog/batch1": 9}, {"cat", "dog"}, set()),
    ({str(digit): 9 for digit in range(10)}, set("0123456789"), set()),
    ({f"{number:02d}": 9 + number for number in range(12)}, {f"{number:02d}" for number in range(12)}, set()),
    ({"00000": 10, "00001": 10, "00002": 4}, set(), set()),
    ({"00000": 10, "01000": 10, "02000": 4}, set(), set()),
    ({"0000045": 10, "0000099": 12, "0000107": 4}, {"0000045", "0000099", "0000107"}, set()),
    ({"00000": 10, "00001": 14, "00002": 4}, {"00000", "00001", "00002"}, set()),
    ({f"{digit:x}{other}": 3 for digit in range(16) for other in "0a"}, set(), set()),
    ({"00000.tar": 9, "00001.tar": 9}, set(), set()),
    ({"imagenet-train-000000.tar": 9, "imagenet-train-000001.tar": 9, "imagenet-val-000000.tar": 4}, set(), {"train", "validation"}),
    ({"trainA": 9, "trainB": 9, "testA": 4, "testB": 4}, {"A", "B"}, {"train", "test"}),
    ({"train/pos": 9, "train/neg": 9, "train/unsup": 9, "test/pos": 4, "test/neg": 4}, {"pos", "neg"}, {"train", "test"}),
    ({f"scan{number}": 1 for number in range(40)}, set(), set()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "classes", "splits"),
    LEVELS,
    ids=lambda value: "-".join(list(value)[:3]) if isinstance(value, dict) else None,
)
def test_folders_mean_what_most_likely_was_meant(counts, classes, splits):
    """Classes are the nearest folders that tell works apart; splits, parts of tools, dates and wrappings are none."""
    folders = {tuple(filter(None, path.split("/"))): WorkFolder(works, "a", "b") for path, works in counts.items()}
    levels = interpret_folders(folders)
    labels = {place.label for place in levels.by_folder.values()} - {None}
    assert (labels if len(labels) > 1 else set()) == classes
    assert {place.split for place in levels.by_folder.values()} - {None} == splits


def test_class_names_have_one_unicode_form(tmp_path):
    """A class whose folders came from Linux and from an old Mac is one class; case is kept."""
    forms = [unicodedata.normalize(form, "Café") for form in ("NFC", "NFD")]
    names = [name for form in forms for name in numbered(f"{form}/{form != forms[0]}{{}}.png", 5)]
    seen = inspected(tmp_path, [*names, *numbered("garden/{}.png", 5)])
    assert seen.classes == {forms[0]: 10, "garden": 5}


SIDECARS_OF = [
    "{}.txt", "{}.caption", "{}.json", "{}.jpg.json", "{}.jpg.supplemental-metadata.json", "{}.jpg.supplemental-me.json", "{}.jpg.suppl.json",
    "{}.jpg.xmp", "{}.xmp", "{}.xml", "{}.cls", "{}.JSON",
]  # fmt: skip


@pytest.mark.parametrize("pattern", SIDECARS_OF)
def test_what_is_called_after_a_picture_is_its_sidecar(tmp_path, pattern):
    """However many there are, the works are the pictures."""
    names = [*numbered("IMG_{:03d}.jpg", 9), *(pattern.format(f"IMG_{number:03d}") for number in range(9))]
    seen = inspected(tmp_path, names)
    assert (seen.medium, seen.works, seen.passed_over, seen.others) == ("picture", 9, {"sidecar": 9}, 0)


def test_google_cuts_long_names_and_counts_doubles(tmp_path):
    """The JSON of a long name has 46 characters of it, that of a double has its number at another place."""
    long = "a-very-long-name-of-a-photograph-of-the-garden-{:03d}"
    names = [*numbered(long + ".jpg", 1), (long.format(0) + ".jpg")[:46] + ".json", *numbered("b{}.jpg", 9)]
    names += ["c.jpg", "c(1).jpg", "c.jpg.json", "c.jpg(1).json", "gone.jpg.supplemental-metadata.json"]
    seen = inspected(tmp_path, names)
    assert (seen.works, seen.passed_over, seen.others) == (12, {"sidecar": 4}, 0)


def test_albums_of_google_photos_are_classes_and_its_years_are_not(tmp_path):
    """A takeout has each photo in the folder of its year, and those in albums once more."""
    years = [*numbered("Photos from 2019/a{}.jpg", 9), *numbered("Photos from 2021/b{}.jpg", 9)]
    one = inspected(tmp_path / "one", [*years, *numbered("Spring walk/c{}.jpg", 9)])
    two = inspected(tmp_path / "two", [*years, *numbered("Spring walk/c{}.jpg", 9), *numbered("Harbour/d{}.jpg", 9)])
    assert one.classes == {}
    assert two.classes == {"Spring walk": 9, "Harbour": 9}


@pytest.mark.parametrize("name", ["METADATA.CSV", "Metadata.csv", "metadata.JSONL"])
def test_metadata_is_metadata_in_any_case(tmp_path, name):
    """Cameras, Windows and spreadsheets write names in capitals."""
    folder = tmp_path / "works"
    places.make_place(folder, numbered("{}.png", 9), "folder")
    table = '{"file_name": "1.png", "title": "One"}\n' if name.endswith("JSONL") else "file_name,title\n1.png,One\n"
    (folder / name).write_text(table)
    seen = inspect_input(folder)
    assert (seen.works, seen.passed_over, seen.layout) == (9, {"table": 1}, "imagefolder")


def test_classes_are_the_folders_nearest_to_the_works(tmp_path):
    """Also where one of the folders above has but one below it."""
    names = [*numbered("animals/cat/{}.png", 9), *numbered("animals/dog/{}.png", 9), *numbered("plants/rose/{}.png", 9)]
    assert inspected(tmp_path, names).classes == {"cat": 9, "dog": 9, "rose": 9}


def test_numbered_archives_beside_others_are_no_class(tmp_path):
    """The number of a tar has no name left."""
    folder = tmp_path / "set"
    folder.mkdir()
    for archive in ("00000", "extra", "more"):
        places.make_place(folder / archive, numbered(archive + "-{}.png", 9), "tar")
    assert inspect_input(folder).classes == {"extra": 9, "more": 9}


@pytest.mark.parametrize("names", [("VOC2007", "VOC2012"), ("photos 2019", "photos 2020")])
def test_editions_by_year_are_no_classes(tmp_path, names):
    """Folders that are called alike but for the year."""
    seen = inspected(tmp_path, [path for name in names for path in numbered(name + "/JPEGImages/{}.jpg", 9)])
    assert seen.classes == {}


def test_labels_in_many_sidecars_are_all_counted(tmp_path):
    """More sidecars than are looked at for captions."""
    folder = tmp_path / "works"
    folder.mkdir()
    for number in range(80):
        (folder / f"{number:03d}.png").write_bytes(places.file_content(f"{number}.png"))
        (folder / f"{number:03d}.cls").write_text(str(number % 2))
    seen = inspect_input(folder)
    assert (seen.classes, seen.unlabelled, seen.captions) == ({"0": 40, "1": 40}, 0, False)


@pytest.mark.parametrize(("captioned", "counted"), [(80, 80), (1, 1)])
def test_captioned_works_are_counted(tmp_path, captioned, counted):
    """One caption among many works is not a dataset with captions."""
    folder = tmp_path / "works"
    folder.mkdir()
    for number in range(80):
        (folder / f"{number:03d}.png").write_bytes(places.file_content(f"{number}.png"))
        if number < captioned:
            (folder / f"{number:03d}.txt").write_text("a red cup")
    seen = inspect_input(folder)
    assert (seen.captions, seen.captioned_works) == (True, counted)


def test_a_pipe_is_refused_without_waiting(tmp_path):
    """Nobody may ever write to it."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="neither a folder nor a file"):
        inspect_input(tmp_path / "pipe")


@pytest.mark.parametrize(
    "names",
    [
        ("train", "test1"),
        ("DIV2K_train_HR", "DIV2K_valid_HR"),
        ("cats_train", "cats_test"),
        ("01_train", "02_test"),
        ("train-clean", "test-clean"),
        ("train1", "train2", "val"),
        ("train", "train_aug", "test"),
        ("entrainement", "test"),
        ("训练集", "测试集"),
        ("Training", "PublicTest", "PrivateTest"),
        ("train", "holdout"),
    ],
    ids="+".join,
)
@pytest.mark.parametrize("label", ["", "cat/", "images/"])
def test_a_split_is_never_a_class(tmp_path, names, label):
    """What the names have in common around the word of a split, and numbers, tell nothing apart."""
    files = [path for name in names for path in numbered(f"{name}/{label}{name}-{{}}.jpg", 9)]
    seen = inspected(tmp_path, files)
    assert seen.classes == {}
    assert sum(seen.splits.values()) == len(files)
    assert len(seen.splits) > 1


@pytest.mark.parametrize("names", [("steam train", "bullet train"), ("train", "plane", "car"), ("test tube", "flask")])
def test_a_class_may_have_the_word_of_a_split_in_its_name(tmp_path, names):
    """Two splits of one name, or nothing."""
    seen = inspected(tmp_path, [path for name in names for path in numbered(f"{name}/{{}}.jpg", 9)])
    assert (set(seen.classes), seen.splits) == (set(names), {})


def test_folders_called_after_class_and_split_are_both(tmp_path):
    """Every class in every split."""
    names = [f"{label}_{split}" for label in ("cats", "dogs") for split in ("train", "test")]
    seen = inspected(tmp_path, [path for name in names for path in numbered(f"{name}/{{}}.jpg", 9)])
    assert (seen.classes, seen.splits) == ({"cats": 18, "dogs": 18}, {"train": 18, "test": 18})


@pytest.mark.parametrize(
    "stems",
    [
        ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"),
        ("wiki.train", "wiki.valid", "wiki.test"),
    ],
    ids="+".join,
)
def test_files_of_many_works_are_splits_by_their_names(tmp_path, stems):
    """As the Hub and the sets of language models call them."""
    said = {f"{stem}.jsonl": b'{"text": "a b c"}\n' * 9 for stem in stems}
    folder = places.make_place(tmp_path / "works", [f"data/{name}" for name in said], "folder", said)
    assert len(inspect_input(folder).splits) > 1


def test_a_set_that_contains_itself_has_its_own_classes(tmp_path):
    """As some archives of Kaggle do."""
    halves = ("chest_xray/", "chest_xray/chest_xray/")
    names = [
        path
        for half in halves
        for split in ("train", "test")
        for kind in ("NORMAL", "ILL")
        for path in numbered(f"{half}{split}/{kind}/{{}}.jpg", 9)
    ]
    seen = inspected(tmp_path, names)
    assert (set(seen.classes), seen.splits) == ({"NORMAL", "ILL"}, {"train": 36, "test": 36})


@pytest.mark.parametrize("form", ["{:02x}", "{:02X}"])
def test_folders_of_hashes_are_no_classes(tmp_path, form):
    """In small letters and in capitals."""
    names = [path for number in range(0, 256, 11) for path in numbered(f"{form.format(number)}/{{}}.jpg", 3)]
    assert inspected(tmp_path, names).classes == {}


def test_links_are_named(tmp_path):
    """A folder of links says so."""
    for label in ("cat", "dog"):
        places.make_place(tmp_path / label, numbered("{}.png", 9))
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set" / label).symlink_to(tmp_path / label)
    with pytest.raises(UserError, match="2 links, which are not followed; `cp -rL`"):
        inspect_input(tmp_path / "set")


UNDECIDED = [
    [*numbered("{}.png", 20), *numbered("poem-{}.txt", 20)],
    [*numbered("pictures/{}.png", 20), *numbered("words/poem-{}.txt", 30)],
    [*numbered("{}.png", 20), *numbered("{}.mid", 20)],
]


@pytest.mark.parametrize("names", UNDECIDED, ids=["side by side", "in folders", "scores"])
@pytest.mark.parametrize("form", FORMS)
def test_what_cannot_be_decided_is_asked(tmp_path, names, form):
    """Many pictures and as many works of another medium: one line with both numbers and the option."""
    with pytest.raises(UserError, match=r"20 pictures.*say which are the works.*`--medium picture`") as caught:
        inspected(tmp_path, names, form)
    assert "\n" not in str(caught.value)
    assert inspect_input(places.make_place(tmp_path / "works", names, form), "picture").works == 20


DECIDED = [
    ("text", [*numbered("poem-{}.txt", 30), "cover.png", "README.md"], 30),
    ("picture", [*numbered("{}.png", 30), "notes of a journey.txt", "tags.txt", "classes.txt"], 30),
    ("music", [*numbered("{}.mid", 9), *numbered("{}.txt", 9), *numbered("{}.pdf", 9)], 9),
    ("music", [*numbered("{}.musicxml", 9), *numbered("{}.json", 9)], 9),
    ("text", [*numbered("{}.txt", 9), *numbered("{}.json", 9)], 9),
    ("picture", [*numbered("images/{}.jpg", 9), *numbered("texts of pages/{}.txt", 9)], 9),
    ("picture", [*numbered("images/{}.jpg", 9), *numbered("masks/{}.png", 9)], 9),
    ("picture", [*numbered("JPEGImages/{}.jpg", 9), *numbered("Annotations/{}.xml", 9), *numbered("SegmentationClass/{}.png", 5)], 9),
    ("picture", [*numbered("mask/{}.jpg", 9), *numbered("no_mask/{}.jpg", 9)], 18),
    ("picture", [*numbered("cup/train/good/{}.png", 9), *numbered("cup/test/bad/{}.png", 9, 9), *numbered("cup/ground_truth/bad/{}_mask.png", 9, 9)], 18),
    ("text", ["train.jsonl", "validation.jsonl", "test.jsonl"], 3),
]  # fmt: skip


@pytest.mark.parametrize(
    ("medium", "names", "works"), DECIDED, ids=lambda value: value[0][:12] if isinstance(value, list) else None
)
@pytest.mark.parametrize("form", FORMS)
def test_the_medium_is_that_of_the_works(tmp_path, medium, names, works, form):
    """A cover, a list, a transcript or a mask decides nothing."""
    seen = inspected(tmp_path, names, form)
    assert (seen.medium, seen.works) == (medium, works)


def test_files_called_after_splits_are_splits(tmp_path):
    """Of many works each: train.jsonl, test.jsonl."""
    lines = b'{"text": "a"}\n'
    seen = inspected(tmp_path, ["train.jsonl", "test.jsonl"], said={"train.jsonl": lines, "test.jsonl": lines})
    assert seen.splits == {"train": 1, "test": 1}
