"""Recognise folders and files of a dataset by the words in their names.

Splits, containers, annotations, folders made by tools, readmes.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import pairwise

from artpipe.untrusted.metadata import SPLIT_WORDS

PLAIN_SPLITS = frozenset({"test", "val", "valid", "validation"})  # that no class is called, even beside other folders
_CONTENT = r"seg|segmentation|image|images|img|imgs|data|dataset|picture|pictures|photo|photos|text|texts"
_SPLIT = re.compile(rf"(?:(?:{_CONTENT})[-_. ]?)?({'|'.join(SPLIT_WORDS)})(?:[-_. ]?(?:set|split|{_CONTENT}|\d{{4}}))?")
_WORDS = re.compile(r"[^\W\d_]+|\d+")
_AROUND_SPLITS = frozenset({*_CONTENT.split("|"), "set", "split", "aug", "augmented", "clean", "hr", "lr", "of"})
_DOMAIN = re.compile(rf"({'|'.join(SPLIT_WORDS)})[-_]?([ab])")
_UNLABELLED = re.compile(
    r"(?:un|semi)?-?(?:labell?ed|sup(?:ervised)?)|unsup|extra|additional|pred(?:ict(?:ion)?s?)?|seg_pred"
)
_CONTAINER = re.compile(
    r"(?:all[-_ ]?|raw[-_ ]?|rgb[-_ ]?|jpeg|jpg|png|color[-_ ]?)?(?:images?|imgs?|pics?|pictures?|photos?|photographs?)"
    r"|data|dataset|files|raw|rgb|originals?|inputs?|samples|works|texts?|txts?|scores?|midis?|mids?|musicxml|mxl"
)
_ANNOTATIONS = re.compile(
    r"labels?(?:txt)?|annotations?|annots?|anns?|captions?|xmls?|bbox(?:es)?|json|metadata|tags|imagesets|(?:tri)?masks?|trimaps"
    r"|segmentations?(?:class|object)?(?:aug|raw)?|segs?|ground[-_ ]?truths?|gts?|gtfine|depths?|landmarks|keypoints|heatmaps"
    r"|thumb(?:nail)?s?|previews?|xmp|sidecars?"
)
_NUMBERED_PART = re.compile(
    r"(?:part|shard|chunk|batch|subset|pack|dir|folder|files?|images?|imgs?|data|disc|vol|volume|archive)[-_. ]?\d+"
    r"|(?:new|untitled) folder(?: ?\(?\d+\)?)?|dcim|\d{3}[a-z0-9_]{5}"  # 100CANON, 101_PANA, 102APPLE: cameras (DCF)
)
_YEAR = r"(?:19|20)\d\d"
_GOOGLE = r"(?:photos (?:from|de)|fotos (?:von|de|del)|foto dal|foto's uit) "
_GOOGLE_YEAR = re.compile(rf"{_GOOGLE}{_YEAR}")
_DATE = re.compile(rf"(?:{_GOOGLE})?{_YEAR}(?:[-_. ]?(?:0[1-9]|1[0-2])(?:[-_. ]?[0-3]\d)?)?")
_EDITION = re.compile(rf"(.*[^\d]){_YEAR}")
_MONTH_OR_DAY = re.compile(r"(?:0[1-9]|[12]\d|3[01])(?:[-_. ](?:[a-z]+|\d\d))?")
_HEXADECIMAL = re.compile(r"[0-9a-f]{1,3}")
_MIN_HEXADECIMAL = 8
_TOOL_DIGITS = 4  # of a number that a tool has padded with zeros; 0 to 9 and 00 to 99 are classes
_README = re.compile(
    r"(?:read[-_ ]?me|licen[cs]es?|copying|changelog|citation|contributing|checksums?|sha256sums?|md5sums?)"
    r"(?:[-_. (\[]+[a-z0-9.-]{0,12}[)\]]?)?"
)
_README_SUFFIXES = (
    "",
    ".txt",
    ".md",
    ".rst",
    ".html",
    ".htm",
    ".pdf",
    ".docx",
    ".rtf",
    ".cff",
    ".bib",
    ".sha256",
    ".md5",
)
_LISTS = re.compile(
    r"(?:class(?:es)?(?:[-_ ]?names)?|labels?(?:[-_ ]?map)?|label_?names|categories|attributes|words|wnids|splits?|file_?list"
    r"|image_?list|images|bounding_boxes|train_test_split|image_class_labels|(?:train|trainval|val|valid|validation|test)"
    r"(?:[-_]?(?:list|files|images|set|annotations))?|.*_annotations(?:\.coco)?|instances?_.*|captions_.*|val_annotations"
    r"|data|dataset|predefined_classes|obj|notes|about|terms|version|credits|notice|authors|copyright|attribution|manifest|stats|.*_stats|sizes|index|dataset_infos?|metadata|_classes|tags|urls?)"
    r"\.(?:txt|json|jsonl|csv|tsv|ya?ml|names|data|xml|parquet|arrow)"
)
_NUMBERED_ARCHIVE = re.compile(r"(.*?)[-_. ]?\d{3,}(?:[-_]?of[-_]?\d+)?")
TABLE_SUFFIXES = (".parquet", ".arrow")  # of pictures in rows; a listing where they lie beside archives
ARCHIVE_SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tbz2", ".txz", ".tar", ".zip")


def fold_name(name: str) -> str:
    """Return a name in one Unicode form and in lower case, for comparison."""
    return unicodedata.normalize("NFC", name).lower()


def parse_split(name: str) -> str | None:
    """Return the split that a folder is named after, None for other names.

    It is ``train``, ``validation`` or ``test``.
    """
    match = _SPLIT.fullmatch(fold_name(name))
    return SPLIT_WORDS[match[1]] if match else None


def parse_splits(names: Collection[str]) -> dict[str, str | None]:
    """Return the splits of sibling folders, empty where they are not splits.

    The split is None for folders of unlabelled works.

    They are where at least two splits, or one and a folder aside, are there and nothing else; the names may have
    something in common around the word, and numbers: ``DIV2K_train_HR``, ``test1``.
    """
    unlabelled = [name for name in names if is_unlabelled(name)]
    others = [name for name in names if name not in unlabelled]
    splits = {name: parse_split(name) for name in others}
    if None in splits.values():
        parts = {name: _separate_split(name) for name in others}
        if len({rest for _, rest in parts.values()}) > 1:
            return {}
        splits = {name: split for name, (split, _) in parts.items()}
        if len(set(splits.values())) < 2:  # noqa: PLR2004 - `train station` and `steam train` are classes
            return {}
    different = set(splits.values())
    if None in different or not (len(different) > 1 or (len(different) == 1 and unlabelled)):
        return {}
    return {**splits, **dict.fromkeys(unlabelled)}


def parse_split_classes(names: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return split and class of folders that are all named after both.

    Such as ``trainA`` and ``cats_test``; empty for others.
    """
    domains = {name: parse_domain(name) for name in names}
    if len(names) > 1 and all(domains.values()):
        return {name: domain for name, domain in domains.items() if domain}
    parsed = {
        name: (split, " ".join(rest)) for name in names for split, rest in [_separate_split(name)] if split and rest
    }
    classes = Counter(label for _, label in set(parsed.values()))
    is_complete = len(parsed) == len(names) and len(classes) > 1 and len(set(classes.values())) == 1
    return parsed if is_complete and 1 not in classes.values() else {}


def _separate_split(name: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the split that one word of a name means, and the other words.

    The split is None where no word or several are splits; numbers are left out.
    """
    parts = [part for part in _WORDS.findall(fold_name(name)) if not part.isdigit() and part not in _AROUND_SPLITS]
    splits = [part for part in parts if part in SPLIT_WORDS]
    return SPLIT_WORDS[splits[0]] if len(splits) == 1 else None, tuple(
        part for part in parts if part not in SPLIT_WORDS
    )


def parse_domain(name: str) -> tuple[str, str] | None:
    """Return split and class of a folder such as ``trainA`` (CycleGAN), else None."""
    match = _DOMAIN.fullmatch(fold_name(name))
    return (SPLIT_WORDS[match[1]], match[2].upper()) if match else None


def is_unlabelled(name: str) -> bool:
    """Return whether a folder is named for works without a class or a split.

    Such as ``unlabeled`` and ``extra``.
    """
    return _UNLABELLED.fullmatch(fold_name(name)) is not None


def is_container(name: str) -> bool:
    """Return whether a folder is named after its content.

    Such as ``images`` and ``JPEGImages``.
    """
    return _CONTAINER.fullmatch(fold_name(name)) is not None


def is_annotation(name: str) -> bool:
    """Return whether a folder is named after annotations of works.

    Such as ``labels``, ``Annotations`` and ``masks``.
    """
    return _ANNOTATIONS.fullmatch(fold_name(name)) is not None


def is_numbered_part(name: str) -> bool:
    """Return whether a folder is a part made by a tool or a camera.

    Such as ``part-0001`` and ``100CANON``.
    """
    return _NUMBERED_PART.fullmatch(fold_name(name)) is not None


def are_dates(names: Collection[str]) -> bool:
    """Return whether all names are years, months of years or days of them."""
    return bool(names) and all(_DATE.fullmatch(fold_name(name)) for name in names)


def has_google_year(names: Collection[str]) -> bool:
    """Return whether one name is that of a year in an export of Google Photos.

    The export divides all photos into them.
    """
    return not are_dates(names) and any(_GOOGLE_YEAR.fullmatch(fold_name(name)) for name in names)


def are_editions(names: Collection[str]) -> bool:
    """Return whether all names differ only by a year: ``VOC2007``, ``VOC2012``."""
    matches = [_EDITION.fullmatch(fold_name(name)) for name in names]
    return len(matches) > 1 and all(matches) and len({match[1] for match in matches if match}) == 1


def are_days(names: Collection[str]) -> bool:
    """Return whether all names may be months or days, below folders of dates."""
    return bool(names) and all(_MONTH_OR_DAY.fullmatch(fold_name(name)) for name in names)


def are_hashes(names: Collection[str]) -> bool:
    """Return whether works were spread over folders by hash: ``0a``, ``1f`` ..."""
    lengths, letters = {len(name) for name in names}, "".join(names)
    are_hexadecimal = (
        len(names) >= _MIN_HEXADECIMAL and len(lengths) == 1 and all(map(_HEXADECIMAL.fullmatch, map(fold_name, names)))
    )
    return are_hexadecimal and not letters.isdigit() and not letters.isalpha()


def are_padded_numbers(names: Sequence[str]) -> bool:
    """Return whether all names are zero-padded numbers in equal steps.

    They have one length: ``00000``, ``01000`` ...
    """
    if len({len(name) for name in names}) != 1 or not all(name.isascii() and name.isdigit() for name in names):
        return False
    numbers = sorted(map(int, names))
    steps = {after - before for before, after in pairwise(numbers)}
    return len(names[0]) >= _TOOL_DIGITS and len(steps) <= 1 and min(names).startswith("0")


def is_readme(name: str) -> bool:
    """Return whether a file describes the dataset and is no work: a readme, a licence."""
    stem, dot, ending = fold_name(name).rpartition(".")
    suffix = dot + ending if dot and f".{ending}" in _README_SUFFIXES else ""
    return suffix in _README_SUFFIXES and _README.fullmatch(stem if suffix else fold_name(name)) is not None


def is_listing(name: str) -> bool:
    """Return whether a file lists the works of a dataset or their classes.

    Such as ``classes.txt`` and ``instances_val2017.json``.
    """
    return _LISTS.fullmatch(fold_name(name)) is not None


def strip_archive_suffix(name: str) -> str | None:
    """Return an archive's name without number and suffix, None for other files."""
    suffixes = (*ARCHIVE_SUFFIXES, *TABLE_SUFFIXES)
    suffix = next((suffix for suffix in suffixes if fold_name(name).endswith(suffix)), None)
    if suffix is None:
        return None
    stem = name[: -len(suffix)]
    match = _NUMBERED_ARCHIVE.fullmatch(stem)
    last = re.split(r"[-_. ]", match[1] if match else stem)[-1]
    return last if parse_split(last) else (match[1] if match else stem)
