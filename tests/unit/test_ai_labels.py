"""Labels by law in files: what readers of other people find, and that no pixel or sample is lost."""

import io
import json
import subprocess
import wave
import xml.etree.ElementTree as ET
from dataclasses import replace

import imageio_ffmpeg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from artpipe.ai_labels.file_labels import find_suffix, label_file
from artpipe.ai_labels.xmp_packet import make_aigc_label, make_xmp
from artpipe.contracts.gallery_work import RealWork
from artpipe.contracts.generation_facts import GenerationFacts
from artpipe.errors import CorruptError
from tests.support.small_media import SAMPLES, make_film, make_sound

FACTS = GenerationFacts(
    title="<Two> & two", source_type="trainedAlgorithmicMedia", model="m", kind="flow", artpipe="0.2.0",
    publisher="美术馆 A", created="2026-11-30T08:00:00Z", checkpoint="ab" * 32, step=7, prompt='a "red" circle',
    sources=(RealWork("cd" * 32, "Mona", creator="Leo", licence="CC0"),),
)  # fmt: skip
IPTC, TC260 = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}", "{http://www.tc260.org.cn/ns/AIGC/1.0/}"


def picture(form, size=(200, 160), **options):
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(buffer, form, **options)
    return buffer.getvalue()


def read_packet(data):
    with Image.open(io.BytesIO(data)) as image:
        return ET.fromstring(image.info["xmp"])  # noqa: S314 - made by us


def field(packet, name):
    return next((one.text for one in packet.iter(name)), None)


@pytest.mark.parametrize(
    ("suffix", "form", "options"),
    [(".png", "PNG", {}), (".webp", "WEBP", {"lossless": True}), (".webp", "WEBP", {"quality": 80}), (".jpg", "JPEG", {})],
)  # fmt: skip
def test_another_reader_finds_the_fields_and_the_same_pixels(suffix, form, options):
    """Pillow reads the packet out of each form, and the picture as it was."""
    data = picture(form, **options)
    labelled = label_file(data, suffix, FACTS, ["eu"])
    packet = read_packet(labelled)
    assert field(packet, f"{IPTC}DigitalSourceType").endswith("/trainedAlgorithmicMedia")
    assert field(packet, f"{IPTC}AISystemUsed") == "m (flow), artpipe"
    assert field(packet, f"{IPTC}AIPromptInformation") == 'a "red" circle'
    assert field(packet, "{http://ns.adobe.com/xap/1.0/}CreateDate") == "2026-11-30T08:00:00Z"
    assert field(packet, f"{TC260}AIGC") is None
    assert Image.open(io.BytesIO(labelled)).tobytes() == Image.open(io.BytesIO(data)).tobytes()
    assert label_file(data, suffix, FACTS, []) == data


def test_china_has_its_label_once_and_a_mark_below_the_picture():
    """The picture stays above the strip, a small one as whole squares; what no network made has neither."""
    data = picture("PNG", (40, 30))
    labelled = label_file(data, ".png", FACTS, ["cn"])
    label = json.loads(field(read_packet(labelled), f"{TC260}AIGC"))
    assert list(label) == [
        "Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2",
    ]  # fmt: skip
    assert label["Label"] == "1"
    assert labelled.count(b"ProduceID") == 1
    small, marked = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(labelled))
    factor = marked.width // small.width
    assert (factor, marked.width) == (6, 240)
    assert marked.crop((0, 0, 240, 180)).resize((40, 30), Image.Resampling.NEAREST).tobytes() == small.tobytes()
    strip = marked.crop((0, 180, *marked.size)).convert("L")
    rows = [y for y in range(strip.height) if strip.crop((0, y, 240, y + 1)).getextrema()[0] < 128]
    assert rows[-1] - rows[0] >= 0.05 * 180  # of the shorter side
    assert find_suffix(".webp", FACTS, ["cn"]) == ".png"
    composed = label_file(data, ".png", replace(FACTS, source_type="composite"), ["cn"])
    assert Image.open(io.BytesIO(composed)).size == (40, 30)
    assert b"ProduceID" not in composed


def test_a_film_has_mark_and_label_from_the_first_frame():
    """FFmpeg shows the label under its key; the lower right corner of the first frame is paper with signs."""
    labelled = label_file(make_film(), ".mp4", FACTS, ["cn"])
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", "-", "-f", "ffmetadata", "-"]
    told = subprocess.run(command, input=labelled, capture_output=True, check=True).stdout.decode()
    assert told.count("ProduceID") == labelled.count(b"ProduceID") == 1
    assert label_file(make_film(), ".mp4", FACTS, ["cn"]) == labelled  # to the byte
    plain = label_file(make_film(), ".mp4", FACTS, ["eu"])
    assert plain.startswith(make_film())
    assert b"trainedAlgorithmicMedia" in plain[len(make_film()) :]


def test_a_sound_begins_with_ai_in_morse_and_goes_on_as_it_was():
    """Short, long, pause, short, short; then every sample."""
    labelled = label_file(make_sound(), ".wav", FACTS, ["cn"])
    with wave.open(io.BytesIO(labelled)) as sound:
        frames = memoryview(sound.readframes(sound.getnframes())).cast("h")
    own = memoryview(SAMPLES).cast("h")
    assert list(frames[-len(own) :]) == list(own)
    unit, head = round(8000 * 0.09), frames[: len(frames) - len(own)]
    loud = [max(map(abs, head[i : i + unit])) > 3000 for i in range(0, len(head) - unit + 1, unit)]
    assert "".join(" #"[one] for one in loud).rstrip() == "# ###   # #"
    assert labelled.count(b"AIGC") == 1
    with wave.open(io.BytesIO(label_file(make_sound(), ".wav", FACTS, ["eu"]))) as sound:
        assert sound.readframes(9999) == SAMPLES


def test_a_damaged_file_is_one_line():
    """It names the work and what was found."""
    for suffix in (".png", ".webp", ".wav", ".mp4", ".jpg"):
        for labels in (["eu"], ["cn"]):
            with pytest.raises(CorruptError, match=r"^<Two> & two: cannot be labelled: [^\n]+$"):
                label_file(b"no such file", suffix, FACTS, labels)


@pytest.mark.property
@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_said_the_packet_is_xml_and_the_label_plain(title, publisher):
    """Values of China's label have printable ASCII alone, without space, quote and backslash."""
    facts = replace(FACTS, title=title, publisher=publisher, prompt=title)
    packet = ET.fromstring(make_xmp(facts, with_aigc=True))  # noqa: S314 - made by us
    label = json.loads(field(packet, f"{TC260}AIGC"))
    assert label == json.loads(make_aigc_label(facts))
    assert all("!" <= sign <= "~" and sign not in '"\\' for value in label.values() for sign in value)
