"""Names whose encoding nobody says: one encoding for all of them, the one in which they are words."""

import io
import struct
import tarfile
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artpipe.untrusted.archives.archive_reader import ArchiveLimits, collect_archive_notes, read_members
from artpipe.untrusted.encodings.name_encodings import guess_encoding
from tests.conftest import scale_examples

WORDS = {
    "gbk": "山水 花鸟 人物 建筑 春天 秋天的树 雪景 老虎 我的猫 工笔画 竹子 梅花 荷塘月色 长城 故宫 西湖 苏州园林 江南 照片 新建文件夹",
    "big5": "山水 花鳥 人物 建築 春天 秋天的樹 雪景 老虎 我的貓 工筆畫 竹子 梅花 荷塘月色 長城 故宮 西湖 蘇州園林 江南 照片 新資料夾",
    "shift_jis": "猫 犬の写真 風景 浮世絵 富士山 さくら アニメ イラスト 新しいフォルダー 東京タワー 表紙 花火 みどり カメラ 夏休み 京都 ソース 秋の空 祭り 雪国",
    "euc_kr": "고양이 강아지 풍경 인물 사진 바다 새해 봄꽃 서울 한국 그림 나무 하늘 여행 가족 새폴더 단풍 겨울 음식 도시",
    "cp866": "кошка собака Пейзаж портрет Весна осень Зима море Лес Новая_папка фото город река Дом цветы Поле гора Снег небо птица",
    "cp437": "Käse Müller Größe café naïve señora Übung straße crème élève Ängste fête rivière jalapeño château forêt köln façade où piñata",
    "cp1252": "Käse Müller Größe café naïve señora Übung straße crème élève Ängste fête rivière jalapeño château forêt Køln façade São Ørsted",
}


def named(encoding, count):
    words = WORDS[encoding].split()
    return [f"{words[n % len(words)]}/{words[(n * 7 + n // 20) % len(words)]} {n}.png" for n in range(count)]


class Unmarked(zipfile.ZipInfo):
    """An entry whose name is in a code page, and no flag says in which."""

    encoding = "cp437"

    def _encodeFilenameFlags(self):  # noqa: N802  # zipfile's own
        return self.filename.encode(self.encoding), self.flag_bits & ~0x800


def unmarked_zip(path, names, encoding):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            info = Unmarked(name)
            info.encoding = encoding
            archive.writestr(info, b"x")
    return path


def names_in(path, **limits):
    return [member.name for member in read_members(path, ArchiveLimits(**limits))]


@pytest.mark.parametrize("count", [3, 20, 200])
@pytest.mark.parametrize("encoding", WORDS)
def test_names_of_a_zip_are_read_in_their_encoding(tmp_path, encoding, count):
    """Three names are enough, in each of seven encodings, and every name has a note."""
    names = named(encoding, count)
    path = unmarked_zip(tmp_path / "a.zip", names, encoding)
    assert names_in(path) == names
    [note] = collect_archive_notes(path, ArchiveLimits())
    assert note.startswith("name read as ")


@pytest.mark.parametrize("encoding", WORDS)
def test_names_of_a_tar_are_read_in_their_encoding(tmp_path, encoding):
    """Also where some of the names are UTF-8 by chance."""
    path = tmp_path / "a.tar.gz"
    names = [*named(encoding, 30), "readme.txt"]
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT, encoding=encoding) as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    assert names_in(path) == names


@pytest.mark.parametrize("encoding", ["gbk", "big5", "euc_kr"])
def test_a_named_encoding_goes_before_the_guess(tmp_path, encoding):
    """`names` is believed."""
    path = unmarked_zip(tmp_path / "a.zip", named("gbk", 9), "gbk")
    assert names_in(path, names=encoding) == [
        name.encode("gbk").decode(encoding, "surrogateescape") for name in named("gbk", 9)
    ]


def test_the_unicode_path_of_info_zip_is_honoured(tmp_path):
    """Where its checksum is that of the name it stands for; otherwise the name counts."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, spoiled in enumerate((0, 1)):
            info = Unmarked(f"猫{number}.png")
            info.encoding = "gbk"
            text = f"山水{number}.png".encode()
            field = struct.pack("<BI", 1, zlib.crc32(info.filename.encode("gbk")) ^ spoiled) + text
            info.extra = struct.pack("<HH", 0x7075, len(field)) + field
            archive.writestr(info, b"x")
    assert names_in(path, names="gbk") == ["山水0.png", "猫1.png"]


def test_unmarked_names_in_utf8_are_utf8(tmp_path):
    """macOS writes them without the flag; nothing is noted, since nothing was guessed."""
    path = unmarked_zip(tmp_path / "a.zip", named("gbk", 3), "utf-8")
    assert names_in(path) == named("gbk", 3)
    assert collect_archive_notes(path, ArchiveLimits()) == []


NAMES = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\:"), min_size=1, max_size=20).filter(
        lambda name: name not in {".", ".."}
    ),
    min_size=1,
    max_size=8,
    unique=True,
)


@given(NAMES)
@settings(max_examples=scale_examples(100), deadline=None)
def test_any_zip_that_python_writes_has_its_names(tmp_path_factory, names):
    """Python marks names as UTF-8 where they are not ASCII."""
    path = tmp_path_factory.mktemp("zips") / "a.bin"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    assert names_in(path) == names


@given(st.lists(st.binary(max_size=12), max_size=6))
def test_any_bytes_have_an_encoding_that_decodes_them_or_none(names):
    """A guess is never one that fails."""
    if guess := guess_encoding(names):
        for name in names:
            name.decode(guess.encoding)


def test_an_encoding_that_is_none_is_one_line(studio, artpipe):
    """A misspelt encoding is refused before anything is read."""
    path = unmarked_zip(studio / "a.zip", named("gbk", 3), "gbk")
    code, _, error = artpipe(
        "dataset", "add", "--no-plan", path, "--name", "mine", "--names", "gbq", "--medium", "picture"
    )
    assert code == 2
    assert "`gbq` is no encoding of text, did you mean `gbk`?" in error
    assert error.count("\n") == 1
