"""Folders of pictures as tools and people leave them."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.wild.archives import tar_bytes
from tests.wild.case import NO_CLASS, Case, classes, make_files_beside, make_picture, make_pictures, stem, write_files

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{:064x}\nsize 48211\n"


def tree(files: Mapping[str, bytes | str]) -> Callable[[Path], Path]:
    """Return what plants the files in a folder ``pack``."""
    return lambda folder: write_files(folder / "pack", files)


def _roboflow() -> dict[str, bytes | str]:
    name = "{{}}_jpg.rf.{:032x}.jpg"
    files: dict[str, bytes | str] = {"README.dataset.txt": "flowers\n", "README.roboflow.txt": "v2\n"}
    for at, (split, count) in enumerate({"train": 6, "valid": 2, "test": 2}.items()):
        for flower in ("daisy", "rose"):
            files |= make_pictures(f"{split}/{flower}/{name.format(at)}", count)
    return files


def _checkpoints() -> dict[str, bytes | str]:
    works = {**make_pictures("cat/{}.png", 8), **make_pictures("dog/{}.png", 8)}
    copies = {
        name.replace("/", "/.ipynb_checkpoints/").replace(".png", "-checkpoint.png"): data
        for name, data in works.items()
    }
    return {**works, **copies, ".ipynb_checkpoints/notes-checkpoint.ipynb": "{}"}


def _kohya() -> dict[str, bytes | str]:
    trained, regular = make_pictures("img/40_sks dog/photo ({}).png", 8), make_pictures("reg/1_dog/{}.png", 8)
    captions = make_files_beside(
        trained, lambda name: f"{stem(name)}.txt", lambda name: f"sks dog, {name[-6]}, on grass".encode()
    )
    return {**trained, **regular, **captions, "log/": "", "model/": ""}


def _cub() -> dict[str, bytes | str]:
    birds = ("001.Black_footed_Albatross", "002.Laysan_Albatross")
    root = "CUB_200_2011"
    files: dict[str, bytes | str] = {}
    for bird in birds:
        files |= make_pictures(f"{root}/images/{bird}/{bird[4:]}_{{:04d}}.jpg", 6)
    lists = ("images", "classes", "image_class_labels", "train_test_split", "bounding_boxes", "parts/part_locs")
    texts = {f"{root}/{name}.txt": "".join(f"{n} 1\n" for n in range(40)) for name in lists}
    return {**files, **texts, f"{root}/README": "birds\n", "attributes.txt": "1 has_bill_shape::curved\n"}


def _fiftyone() -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {}
    for split, count in {"train": 12, "validation": 4}.items():
        works = make_pictures(f"{split}/data/{split}-{{:06d}}.jpg", count)
        labels = {stem(name).rpartition("/")[2]: number % 2 for number, name in enumerate(works)}
        files |= works
        files[f"{split}/labels.json"] = json.dumps({"classes": ["cat", "dog"], "labels": labels})
    return files


def _labelme() -> dict[str, bytes | str]:
    works = make_pictures("IMG_{:04d}.jpg", 10)

    def annotated(name: str) -> dict[str, object]:
        shape = {"label": "cup", "points": [[1, 1], [9, 9]], "shape_type": "polygon"}
        return {"version": "5.4.1", "flags": {}, "shapes": [shape], "imagePath": name, "imageData": "iVBORw0KGgo="}

    return {**works, **make_files_beside(works, lambda name: f"{stem(name)}.json", annotated)}


def _cvat() -> dict[str, bytes | str]:
    works = {
        **make_pictures("images/Train/frame_{:06d}.png", 8),
        **make_pictures("images/Validation/frame_{:06d}.png", 4, 8),
    }
    rows = "".join(f'<image id="{n}" name="{name[7:]}" width="24" height="24"/>' for n, name in enumerate(works))
    return {**works, "annotations.xml": f"<annotations><version>1.1</version>{rows}</annotations>"}


def _label_studio() -> dict[str, bytes | str]:
    works = make_pictures("images/2f0a{:04d}-scan.jpg", 10)
    boxes = make_files_beside(works, lambda name: f"labels/{stem(name)[7:]}.txt", lambda name: b"0 0.5 0.5 0.2 0.2\n")
    return {**works, **boxes, "classes.txt": "Airplane\nCar\n", "notes.json": '{"categories": [], "info": {}}'}


def _gallery_dl() -> dict[str, bytes | str]:
    works = make_pictures("danbooru/sketch/danbooru_{:07d}.jpg", 10)
    about = make_files_beside(
        works, lambda name: f"{name}.json", lambda name: {"category": "danbooru", "tags": "sky tree"}
    )
    tags = make_files_beside(works, lambda name: f"{name}.txt", lambda name: b"sky\ntree\n")
    return {**works, **about, **tags}


def _tiny_imagenet() -> dict[str, bytes | str]:
    root, words = "tiny-imagenet-200", ("n01443537", "n01629819")
    files: dict[str, bytes | str] = {
        f"{root}/wnids.txt": "\n".join(words),
        f"{root}/words.txt": "n01443537\tgoldfish\n",
    }
    for word in words:
        works = make_pictures(f"{root}/train/{word}/images/{word}_{{}}.JPEG", 6)
        files |= works
        files[f"{root}/train/{word}/{word}_boxes.txt"] = "".join(f"{name}\t0\t10\t63\t58\n" for name in works)
    files |= make_pictures(f"{root}/val/images/val_{{}}.JPEG", 4) | make_pictures(
        f"{root}/test/images/test_{{}}.JPEG", 4
    )
    files[f"{root}/val/val_annotations.txt"] = "".join(f"val_{n}.JPEG\t{words[n % 2]}\t0\t9\t9\t9\n" for n in range(4))
    return files


def _hub_cache(folder: Path) -> Path:
    cache = folder / "hub/datasets--me--art"
    snapshot = cache / "snapshots/9f1c0a7be1"
    for name, data in {**make_pictures("train/cat/{}.jpg", 6), **make_pictures("train/dog/{}.jpg", 6)}.items():
        blob = write_files(cache / "blobs", {f"{hash_of(data)}": data}) / hash_of(data)
        path = snapshot / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(os.path.relpath(blob, path.parent))
    write_files(cache, {"refs/main": "9f1c0a7be1"})
    return snapshot


def hash_of(data: bytes) -> str:
    """Return the name of a blob."""
    import hashlib

    return hashlib.sha256(data).hexdigest()


def _img2dataset() -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {}
    for shard in range(2):
        inside: dict[str, bytes] = {}
        for number in range(6):
            key = f"{shard:05d}{number:04d}"
            inside[f"{key}.jpg"] = make_picture(f"{key}.jpg")
            inside[f"{key}.txt"] = f"caption of {key}".encode()
            inside[f"{key}.json"] = json.dumps({"caption": f"caption of {key}", "key": key, "url": "x"}).encode()
        files[f"{shard:05d}.tar"] = tar_bytes(inside)
        files[f"{shard:05d}.parquet"] = b"PAR1" + bytes(60) + b"PAR1"
        files[f"{shard:05d}_stats.json"] = json.dumps({"count": 6, "successes": 6})
    return files


def _fruits() -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {"fruits-360/LICENSE": "MIT\n", "fruits-360/readme.md": "# Fruits-360\n"}
    for fruit in ("Apple Braeburn", "Banana"):
        files |= make_pictures(f"fruits-360/Training/{fruit}/{{}}_100.jpg", 5)
        files |= make_pictures(f"fruits-360/Test/{fruit}/{{}}_100.jpg", 3)
    return files


def _coco() -> dict[str, bytes | str]:
    train, val = make_pictures("train2017/{:012d}.jpg", 12), make_pictures("val2017/{:012d}.jpg", 4, 50)
    files: dict[str, bytes | str] = {**train, **val}
    for split, works in (("train2017", train), ("val2017", val)):
        images = [{"id": n, "file_name": name.partition("/")[2]} for n, name in enumerate(works)]
        for kind in ("instances", "captions"):
            files[f"annotations/{kind}_{split}.json"] = json.dumps({"images": images, "annotations": []})
    return files


def _icloud() -> dict[str, bytes | str]:
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400)
    files: dict[str, bytes | str] = {**make_pictures("2023/06/IMG_{:04d}.JPG", 10)}
    files |= {f"2023/06/IMG_{n}.HEIC": heic + bytes([n - 1200]) for n in (1231, 1232)}
    files |= {f"2023/06/.IMG_{n}.HEIC.icloud": b"bplist00" + bytes(90) for n in range(1300, 1305)}
    return {**files, "2023/06/IMG_1400.JPG": b"", "2023/06/IMG_1401.JPG": b""}


def _masks() -> dict[str, bytes | str]:
    works = make_pictures("images/{:03d}.png", 10)
    return {**works, **make_pictures("masks/{:03d}.png", 10)}


def _metadata_by_split() -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {"README.md": "---\nlicense: cc0-1.0\n---\n"}
    for split, count in {"train": 12, "test": 4}.items():
        works = make_pictures(f"data/{split}/{{:04d}}.png", count)
        rows = [{"file_name": name.rpartition("/")[2], "text": f"{split} scene {n}"} for n, name in enumerate(works)]
        files |= works
        files[f"data/{split}/metadata.jsonl"] = "".join(json.dumps(row) + "\n" for row in rows)
    return files


CASES = [
    Case("roboflow-classification", "layout", "roboflow/roboflow-python #153: Name of validation folder for classification training", "classes daisy, rose; valid is validation", tree(_roboflow()), kept=20, classes=classes("daisy", "rose"), splits={"train": 12, "validation": 4, "test": 4}),
    Case("jupyter-checkpoints", "layout", "pytorch/vision #2831: make it more obvious when imagefolder is loading hidden folders", "hidden copies never count", tree(_checkpoints()), kept=16, classes=classes("cat", "dog")),
    Case("kohya", "layout", "bmaltais/kohya_ss #1103: folders img/40_name and reg/1_name", "pictures with captions", tree(_kohya()), kept=16, classes=None, captions={"photo (3).png": "sks dog, 3, on grass"}),
    Case("cub-200", "layout", "jeong-tae/RACNN-pytorch #8: about data and what those .txt file contain", "two birds; the lists are no works", tree(_cub()), kept=12, classes=classes("001.Black_footed_Albatross", "002.Laysan_Albatross")),
    Case("fiftyone", "layout", "luxonis/luxonis-ml #379: FiftyOne classification", "the splits; `data` is no class", tree(_fiftyone()), kept=16, classes=(NO_CLASS, frozenset({"cat", "dog"})), splits={"train": 12, "validation": 4}),
    Case("labelme", "layout", "wkentaro/labelme #389: imageData in the JSON annotation file", "pictures; a JSON beside each is its sidecar", tree(_labelme()), kept=10),
    Case("cvat", "layout", "voxel51/fiftyone #1254: subset in cvat dataset; cvat-ai/cvat #8269", "splits Train and Validation below images", tree(_cvat()), kept=12, splits={"train": 8, "validation": 4}),
    Case("label-studio", "layout", "HumanSignal/label-studio-converter #22: Yolo export function", "pictures; labels, classes.txt and notes.json are not", tree(_label_studio()), kept=10),
    Case("gallery-dl", "layout", "mikf/gallery-dl #135: tags as separate files", "pictures; two sidecars each", tree(_gallery_dl()), kept=10, classes=None),
    Case("tiny-imagenet", "layout", "TsingZ0/PFLlib #231: all of val became one class; NingMiao/InstaAug #1", "the words are classes, `images` is none", tree(_tiny_imagenet()), kept=20, classes=classes("n01443537", "n01629819"), splits={"train": 12, "validation": 4, "test": 4}),
    Case("empty-class", "layout", "pytorch/vision #4925: ImageFolder raises if root contains empty subfolders", "the classes that have works", tree({**make_pictures("cat/{}.png", 6), **make_pictures("dog/{}.png", 6), "bird/": "", "misc/deeper/": ""}), kept=12, classes=classes("cat", "dog")),
    Case("hub-cache", "layout", "huggingface/huggingface_hub #2203: there are symlinks at the output", "links into its own blobs are read", _hub_cache, kept=12, classes=classes("cat", "dog")),
    Case("img2dataset", "layout", "rom1504/img2dataset #31: documentation of output dataset", "works of all tars, with captions", tree(_img2dataset()), kept=12, captions={"000010003.jpg": "caption of 000010003"}),
    Case("fruits-360", "layout", "tensorflow/datasets #816: Fruits 360, folders Training and Test", "Training and Test are splits", tree(_fruits()), kept=16, classes=classes("Apple Braeburn", "Banana"), splits={"train": 10, "test": 6}),
    Case("coco", "layout", "fizyr/keras-retinanet #74: File structure for the coco dataset", "train2017 and val2017 are splits, no classes", tree(_coco()), kept=16, splits={"train": 12, "validation": 4}),
    Case("lfs-pointers", "layout", "amanchadha/coursera-deep-learning-specialization #2: only pointers were cloned", "one line that names Git LFS", tree({f"cat/{n}.jpg": POINTER.format(n) for n in range(12)}), refused="LFS"),
    Case("icloud", "layout", "icloud-photos-downloader/icloud_photos_downloader #99; pgonzalezhip/icloud-backup-tool #4", "JPEG kept, HEIC and empty ones named, placeholders passed over", tree(_icloud()), kept=10, classes=None, quarantined={"unsupported format": 2, "empty file": 2}),
    Case("masks", "layout", "divamgupta/image-segmentation-keras #204: images and masks in two folders", "masks are annotations of the pictures beside", tree(_masks()), kept=10),
    Case("metadata-by-split", "layout", "huggingface/datasets #4621: ImageFolder with metadata.jsonl", "captions and splits of both", tree(_metadata_by_split()), kept=16, splits={"train": 12, "test": 4}, captions={"train/0003.png": "train scene 3"}),
]  # fmt: skip
