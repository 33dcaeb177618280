"""Photographs in fewer pixels and sounds in fewer bytes; pixel art and short sounds stay as they are."""

import io
import math
import struct
import wave

import pytest
from PIL import Image

from artpipe.site import media_files, sound_files
from artpipe.site.media_files import MediaStore
from artpipe.system.file_cache import FileCache


def tone(seconds):
    """Return a WAV of a tone in A."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 2, 22_050, 0, "NONE", ""))
        count = int(22_050 * seconds)
        values = (int(9_000 * math.sin(2 * math.pi * 440 * i / 22_050)) for i in range(count))
        sound.writeframes(struct.pack(f"<{count}h", *values))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("size", "widths"), [((64, 64), []), ((256, 256), [224]), ((1000, 600), [224, 448, 896]), ((300, 600), [112, 224])]
)
def test_a_photograph_has_copies_below_its_own_size(tmp_path, size, widths):
    """224, 448 and 896 pixels of the longer side; none of pixel art; each is a WebP of the size it says."""
    Image.linear_gradient("L").resize(size).convert("RGB").save(tmp_path / "a.png")
    media = MediaStore()
    picture = media.add_picture(tmp_path / "a.png")
    assert [copy.width for copy in picture.sizes] == widths
    assert picture.exact == (widths == [])
    for copy in picture.sizes:
        with Image.open(io.BytesIO(media.files[copy.src])) as image:
            assert (image.format, image.size) == ("WEBP", (copy.width, copy.height))


def test_a_sound_has_opus_beside_it(tmp_path):
    """Smaller, the same bytes each time, of the codec it says; the original stays; a short one has none."""
    (tmp_path / "a.wav").write_bytes(tone(3))
    (tmp_path / "b.wav").write_bytes(tone(0.5))
    stores = [MediaStore(), MediaStore()]
    first, second = (store.add_file(tmp_path / "a.wav") for store in stores)
    assert first == second
    opus = stores[0].files[first.light.src]
    assert opus[:4] == b"OggS"
    assert b"OpusHead" in opus[:64]
    assert len(opus) < len(stores[0].files[first.src]) / 3
    assert first.seconds == 3
    assert stores[0].add_file(tmp_path / "b.wav").light is None


def test_without_ffmpeg_a_sound_stays_as_it_is(tmp_path, monkeypatch, capsys):
    """No copy and no complaint where there is no encoder; a torn sound has none either, and one line says so."""
    (tmp_path / "a.wav").write_bytes(tone(3))
    torn = MediaStore()
    (tmp_path / "torn.wav").write_bytes(b"RIFF" + bytes(60_000))
    assert torn.add_file(tmp_path / "torn.wav").light is None
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setattr(sound_files, "find_ffmpeg", lambda: None)
    assert MediaStore().add_file(tmp_path / "a.wav").light is None


def test_what_was_encoded_once_is_kept(tmp_path, monkeypatch):
    """A second shelf of the same folder encodes nothing; what it does not need is forgotten."""
    Image.linear_gradient("L").resize((600, 500)).convert("RGB").save(tmp_path / "a.png")
    (tmp_path / "a.wav").write_bytes(tone(3))
    first = MediaStore(FileCache(tmp_path / "encoded"))
    pictures = [first.add_file(tmp_path / name) for name in ("a.png", "a.wav")]
    for encoder in ("_encode_webp", "_encode_copy", "_encode_opus"):
        monkeypatch.setattr(media_files, encoder, None)
    second = MediaStore(FileCache(tmp_path / "encoded"))
    assert [second.add_file(tmp_path / name) for name in ("a.png", "a.wav")] == pictures
    assert second.files == first.files
    third = MediaStore(FileCache(tmp_path / "encoded"))
    third.add_file(tmp_path / "a.wav")
    third.forget_unused()
    assert len(list((tmp_path / "encoded").iterdir())) == 1


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path):
    """Its folder is a file, as on a full disk: the picture hangs all the same."""
    (tmp_path / "encoded").write_text("no folder")
    Image.linear_gradient("L").resize((600, 500)).convert("RGB").save(tmp_path / "a.png")
    kept, plain = MediaStore(FileCache(tmp_path / "encoded")), MediaStore()
    assert kept.add_picture(tmp_path / "a.png") == plain.add_picture(tmp_path / "a.png")
