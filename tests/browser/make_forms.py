"""Makes rooms with one model per form (poems, music, films, a before and its steps, pictures beside), all synthetic."""

import io
import math
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import make_museum as make
from PIL import Image, ImageDraw, ImageFilter

from artpipe.artifacts import paths
from artpipe.artifacts.report import SavedExhibit, SavedExhibitFile, load_report, save_report
from artpipe.config.params import About
from artpipe.language.message import Message
from artpipe.system.hashing import sha256_bytes

FILM = Path(__file__).with_name("loop.mp4")  # 16 frames of 64 by 64 pixels, H.264
SONNET = """\
The lamp is low, and all the house is still;
A moth goes round and round the yellow flame,
And every shadow climbs the window-sill
To listen whether someone calls its name.

The river keeps its counsel in the night,
The heron stands as though it were of stone;
I count the boats by one uncertain light
And find, as ever, I have counted one.

O hours that go on tiptoe to the door,
You need not whisper: I have heard you leave.
"""
QUATRAINS = ("空山新月上\n孤舟渡晚風\n故人千里外\n一夜聽寒鐘", "春水連天碧\n飛花滿客衣\n長亭人不見\n獨對夕陽歸")
MIDI = (
    b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x60MTrk\x00\x00\x00\x0c\x00\x90\x3c\x40\x60\x80\x3c\x00\x00\xff\x2f\x00"
)


@dataclass(frozen=True)
class Hung:
    """An exhibit with the bytes of its files; `suffix` is that of the main one."""

    kind: str
    data: bytes
    suffix: str
    caption: str | Message
    role: str = "sample"
    seed: int | None = 1
    parts: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)


def landscape(width: int, height: int, seed: int) -> Image.Image:
    """Paint hills before an evening sky."""
    rng = make.random.Random(seed)
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for y in range(height):
        t = y / height
        draw.line((0, y, width, y), (int(250 - 90 * t), int(190 - 40 * t), int(120 + 60 * t)))
    sun = rng.uniform(0.25, 0.75) * width
    draw.ellipse((sun - 0.08 * height, 0.2 * height, sun + 0.08 * height, 0.36 * height), fill=(255, 236, 190))
    for layer in range(4):
        base, phase = (0.5 + 0.13 * layer) * height, rng.uniform(0, 7)
        line = [(x, base + 0.06 * height * math.sin(x * (2 + layer) * 3 / width + phase)) for x in range(width + 1)]
        shade = (90 - 18 * layer, 80 - 12 * layer, 110 - 16 * layer)
        draw.polygon([*line, (width, height), (0, height)], fill=shade)
    return image


def strokes(image: Image.Image, strength: int) -> Image.Image:
    """Repaint a picture in coarser patches, as a style transfer on its way."""
    return image.filter(ImageFilter.ModeFilter(1 + 2 * strength)).quantize(4 + 40 // strength).convert("RGB")


def tune(seconds: float = 2.0, rate: int = 8000) -> bytes:
    """Play a broken chord as 16-bit WAV."""
    notes = (220.0, 277.2, 329.6, 440.0)
    count = int(seconds * rate)
    samples = bytearray()
    for i in range(count):
        pitch = notes[i * len(notes) // count]
        samples += int(9000 * math.sin(2 * math.pi * pitch * i / rate)).to_bytes(2, "little", signed=True)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(bytes(samples))
    return buffer.getvalue()


def roll(seed: int) -> bytes:
    """Draw four voices as a piano roll."""
    rng = make.random.Random(seed)
    image = Image.new("RGB", (768, 192), "#fbf7ec")
    draw = ImageDraw.Draw(image)
    for voice, colour in enumerate(("#7d5d22", "#37463f", "#553331", "#333f50")):
        pitch = 40 + voice * 36
        for step in range(32):
            pitch = min(180, max(8, pitch + rng.choice((-6, -3, 0, 0, 3, 6))))
            draw.rectangle((step * 24, 192 - pitch, step * 24 + 21, 196 - pitch), fill=colour)
    return make.encode(image)


def poems() -> list[Hung]:
    """Return two texts, one of them long."""
    texts = (SONNET, "Then comes the fool, and laughs at all of it,\nAnd no one asks him twice.\n")
    return [Hung("text", text.encode(), ".txt", f"the lamp, {n}", seed=n) for n, text in enumerate(texts, 1)]


def quatrains() -> list[Hung]:
    """Return two quatrains."""
    return [Hung("text", text.encode(), ".txt", text[:5], seed=n) for n, text in enumerate(QUATRAINS)]


def chorales() -> list[Hung]:
    """Return three pieces with score and MIDI file, and one without."""
    parts = [{"score": (".png", roll(n)), "midi": (".mid", MIDI)} for n in range(3)]
    return [
        Hung(
            "audio",
            tune(2 + n),
            ".wav",
            Message(code="chorale", values={"key": "A major", "length": f"0:0{n + 1}"}),  # without its last second
            seed=n,
            parts=given,
        )
        for n, given in enumerate([*parts, {}])
    ]


def walks() -> list[Hung]:
    """Return a film with a poster and one without, beside samples."""
    discs = [Hung("image", make.png(32, 3, n), ".png", Message(code="untitled"), seed=n) for n in range(3)]
    poster = {"poster": (".png", make.png(64, 3, 7))}
    films = [Hung("video", FILM.read_bytes(), ".mp4", "a walk", "walk", 7, given) for given in (poster, {})]
    return [*discs, *films]


def stylisations() -> list[Hung]:
    """Return photographs repainted, with what they were, the style and four steps."""
    hung = []
    for n, (width, height) in enumerate(((384, 256), (256, 256))):
        photograph = landscape(width, height, n)
        way = {f"step {10 * k * k}": (".png", make.encode(strokes(photograph, k))) for k in range(1, 5)}
        style = make.encode(strokes(landscape(160, 160, 9), 5))
        parts = {"before": (".png", make.encode(photograph)), "style": (".png", style), **way}
        hung.append(
            Hung("image", make.encode(strokes(photograph, 5)), ".png", "evening hills", "stylisation", n, parts)
        )
    return hung


def enlargements() -> list[Hung]:
    """Return enlarged pictures, beside the plain enlargement and the original."""
    hung = []
    for n in range(3):
        whole = landscape(96, 96, 20 + n)
        small = whole.resize((48, 48))
        parts = {
            "before": (".png", make.encode(small.resize((96, 96), Image.Resampling.NEAREST))),
            "bicubic": (".png", make.encode(small.resize((96, 96), Image.Resampling.BICUBIC))),
            "original": (".png", make.encode(whole)),
        }
        sharp = small.resize((96, 96), Image.Resampling.LANCZOS).filter(ImageFilter.SHARPEN)
        hung.append(Hung("image", make.encode(sharp), ".png", "twice as large", "enlargement", None, parts))
    return hung


ROOMS = {"verse": "Sonnets and quatrains", "chorales": "Chorales", "hills": "Hills"}


def models_of_rooms() -> dict[str, dict[str, tuple[str, Sequence[Hung]]]]:
    """Return the models of each of ROOMS: of which kind, and what of them hangs."""
    return {
        "verse": {"poet": ("rnn", poems()), "poet-of-tang": ("rnn", quatrains())},
        "chorales": {"composer": ("rnn", chorales())},
        "hills": {
            "painter": ("style", stylisations()),
            "enlarger": ("superres", enlargements()),
            "walker": ("gan", walks()),
        },
    }


def forms_museum(root: Path) -> Path:
    """Write three rooms with a model per form."""
    hung = models_of_rooms()
    models = {name: (kind, room) for room, some in hung.items() for name, (kind, _) in some.items()}
    make.write_params(root, list(ROOMS), models)
    originals = [make.png(28, 3, i) for i in range(12)]
    for room, some in hung.items():
        title = ROOMS[room]
        about = About(title=title, creator="Nobody in particular", licence="CC0-1.0", description=f"{title}, made up.")
        make.write_record(root, room, originals, about)
        for name, (kind, works) in some.items():
            make.write_model(root, name, kind, room, originals[:1], originals)
            hang(root, name, works)
    progress = root / paths.run("poet") / "progress"
    for step in (500, 1000, 1500):
        text = SONNET[: step // 6].replace("e", "etaoin"[step // 300])
        make.write_bytes(progress / f"step-{step:08d}.txt", text.encode())
    make.write_bytes(root / paths.run("composer") / "progress" / "step-00000500.wav", tune())
    make.write_bytes(root / paths.run("composer") / "progress" / "step-00001000.wav", tune(3))
    return root


def hang(root: Path, model: str, works: Sequence[Hung]) -> None:
    """Put exhibits into a report in place of those it has."""
    folder = root / paths.report(model)
    exhibits = []
    for index, work in enumerate(works):
        stem = f"exhibits/{work.role}-{index:03d}"
        files = {"": (work.suffix, work.data), **work.parts}
        kept = {}
        for name, (suffix, data) in files.items():
            file = f"{stem}{f'-{name}' if name else ''}{suffix}".replace(" ", "-")
            make.write_bytes(folder / file, data)
            kept[name] = SavedExhibitFile(file=file, sha256=sha256_bytes(data))
        main = kept.pop("")
        about = {"kind": work.kind, "role": work.role, "caption": work.caption, "seed": work.seed}
        exhibits.append(SavedExhibit(file=main.file, sha256=main.sha256, parts=kept, **about))
    card, _ = load_report(folder)
    save_report(folder, card.model_copy(update={"exhibits": tuple(exhibits)}))


if __name__ == "__main__":
    import sys

    from artpipe.gallery import build_gallery

    build_gallery(forms_museum(Path(sys.argv[1])))
