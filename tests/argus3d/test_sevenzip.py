"""7z archives read member by member: whole, in volumes, damaged, hostile."""

import random
import struct
import sys
import time
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from argus3d.data.formats import sevenzip
from argus3d.data.formats.sevenzip import list_members, read_members
from argus3d.errors import UserError
from benchmarks.fuzzing import bombs
from tests.argus3d.mix_files import archive, rename_members, write_archive, write_volumes

py7zr = pytest.importorskip("py7zr", reason="7z archives are read with py7zr, of the extra `data`")

RNG = random.Random(0)
WORDS = [RNG.randbytes(4).hex() for _ in range(500)]
FILES = {f"a/{number:02d}.bin": RNG.randbytes(RNG.randrange(1, 3000)) for number in range(12)} | {"a/empty": b""}


def content_of(path: Path, names: Mapping[str, bytes] | list[str]) -> dict[str, bytes | UserError]:
    return dict(read_members(path, list(names)))


def reason(value: bytes | UserError) -> str:
    assert isinstance(value, UserError)
    return str(value)


@pytest.mark.parametrize("volume", [None, 5000, 100, 40])
def test_what_was_packed_comes_back(tmp_path: Path, volume: int | None) -> None:
    write_archive(tmp_path / "x.7z", FILES, volume)
    assert {member.name: member.size for member in list_members(tmp_path / "x.7z")} == {
        name: len(content) for name, content in FILES.items()
    }
    assert content_of(tmp_path / "x.7z", FILES) == FILES


@pytest.mark.parametrize(
    "filters",
    [
        [{"id": py7zr.FILTER_COPY}],
        [{"id": py7zr.FILTER_LZMA, "preset": 1}],
        [{"id": py7zr.FILTER_DELTA, "dist": 2}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
        [{"id": py7zr.FILTER_BZIP2}],
        [{"id": py7zr.FILTER_DEFLATE}],
        [{"id": py7zr.FILTER_ZSTD, "level": 3}],
    ],
)
def test_methods_of_other_packers_are_read(tmp_path: Path, filters: list[dict[str, Any]]) -> None:
    files = FILES | {"text": b"argus " * 50_000}
    (tmp_path / "x.7z").write_bytes(archive(files, filters=filters))
    assert content_of(tmp_path / "x.7z", files) == files


def test_only_what_is_wanted_comes_and_in_the_order_of_the_archive(tmp_path: Path) -> None:
    write_archive(tmp_path / "x.7z", FILES)
    wanted = ["a/07.bin", "a/02.bin", "a/none", "a/02.bin"]
    found = list(read_members(tmp_path / "x.7z", wanted))
    assert [name for name, _ in found] == ["a/02.bin", "a/07.bin", "a/none"]
    assert found[0][1] == FILES["a/02.bin"]
    assert reason(found[2][1]) == f"{tmp_path / 'x.7z'} has no member a/none; fetch it again."


def test_several_blocks_are_read_from_the_one_that_is_wanted(tmp_path: Path) -> None:
    write_archive(tmp_path / "x.7z", {"a": b"first", "b": b"second"})
    with py7zr.SevenZipFile(tmp_path / "x.7z", "a") as writer:
        writer.writestr(b"third", "c")
        writer.writestr(b"fourth", "d")
    assert content_of(tmp_path / "x.7z", ["d"]) == {"d": b"fourth"}
    assert content_of(tmp_path / "x.7z", list("abcd")) == {"a": b"first", "b": b"second", "c": b"third", "d": b"fourth"}


def test_of_two_members_of_one_name_the_first_is_read(tmp_path: Path) -> None:
    write_archive(tmp_path / "x.7z", {"a": b"first", "b": b"other"})
    with py7zr.SevenZipFile(tmp_path / "x.7z", "a") as writer:
        writer.writestr(b"second", "a")
    assert list(read_members(tmp_path / "x.7z", ["a"])) == [("a", b"first")]
    assert [member.refused for member in list_members(tmp_path / "x.7z")] == ["", "", "it comes twice"]


def test_missing_volumes_are_named(tmp_path: Path) -> None:
    path = tmp_path / "000-000.7z"
    with pytest.raises(UserError, match=r"there is no archive .*000-000\.7z, nor a volume 000-000\.7z\.001"):
        list_members(path)
    parts = write_archive(path, FILES, 4000)
    assert len(parts) >= 5
    for number in (0, 2, len(parts) - 1):
        content = parts[number].read_bytes()
        parts[number].unlink()
        with pytest.raises(UserError, match=rf"000-000\.7z\.{number + 1:03d} is missing"):
            list_members(path)
        parts[number].write_bytes(content)
    assert content_of(path, FILES) == FILES


def test_truncated_volumes_are_named(tmp_path: Path) -> None:
    parts = write_archive(tmp_path / "x.7z", FILES, 4000)
    for part in parts:
        content = part.read_bytes()
        part.write_bytes(content[:-7])
        with pytest.raises(UserError, match=rf"{part.name} is truncated: .*7|{part.name} is truncated: it has 3993"):
            list_members(tmp_path / "x.7z")
        part.write_bytes(content)


def test_every_cut_is_a_sentence(tmp_path: Path) -> None:
    content = archive(FILES)
    path = tmp_path / "x.7z"
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match=r"no 7z archive|truncated"):
            list_members(path)


@pytest.mark.parametrize("header", [True, False])
def test_every_changed_byte_is_a_sentence_or_harmless(tmp_path: Path, header: bool) -> None:
    """Errors are values where the header is whole; nothing else than UserError is raised in any case."""
    content = bytearray(archive(FILES))
    path = tmp_path / "x.7z"
    for place in range(1, len(content), 37):
        if header != (place < 32 or place > len(content) - 400):
            continue
        changed = bytes([*content[:place], content[place] ^ 0x55, *content[place + 1 :]])
        path.write_bytes(changed)
        try:
            found = content_of(path, FILES)
        except UserError as error:
            assert str(path) in str(error)
            continue
        assert found.keys() == FILES.keys()
        assert all(isinstance(value, UserError) or value == FILES[name] for name, value in found.items())


def test_headers_that_lie_are_sentences_and_take_no_time(tmp_path: Path) -> None:
    """Changed headers whose checksums were made to fit, so that the change is met where it means something."""
    stream = BytesIO()
    with py7zr.SevenZipFile(stream, "w") as writer:
        writer.set_encoded_header_mode(False)
        for number in range(5):
            writer.writestr(bytes([number]) * 100, f"a/{number}")
    good = stream.getvalue()
    offset, size = struct.unpack("<QQ", good[12:28])
    rng = random.Random(0)
    path = tmp_path / "x.7z"
    begun = time.process_time()
    outcomes: Counter[bool] = Counter()
    for _ in range(300):
        header = bytearray(good[32 + offset :])
        header[rng.randrange(size)] = rng.choice((rng.randrange(256), 0, 0x80, 0xFF))
        start = struct.pack("<QQI", offset, size, zlib.crc32(header))
        path.write_bytes(good[:8] + struct.pack("<I", zlib.crc32(start)) + start + good[32 : 32 + offset] + header)
        try:
            names = {member.name for member in list_members(path)}
            outcomes[{name for name, _ in read_members(path, names)} == names] += 1
        except UserError as error:
            outcomes[str(path) in str(error)] += 1
    assert outcomes == {True: 300}
    assert time.process_time() - begun < 30


def test_damage_costs_no_member_before_it(tmp_path: Path) -> None:
    files = {f"{number}": random.Random(number).randbytes(40_000) for number in range(8)}
    content = bytearray(archive(files, filters=[{"id": py7zr.FILTER_COPY}]))
    content[32 + 3 * 40_000 + 5] ^= 1  # within the fourth
    path = tmp_path / "x.7z"
    path.write_bytes(content)
    found = content_of(path, files)
    assert "3 is damaged (its checksum is another)" in reason(found.pop("3"))
    assert found == {name: content for name, content in files.items() if name != "3"}


def test_damage_of_a_compressed_block_costs_what_is_behind_it(tmp_path: Path) -> None:
    files = {f"{number}": " ".join(random.Random(number).choices(WORDS, k=9000)).encode() for number in range(8)}
    content = bytearray(archive(files))
    content[len(content) // 2 : len(content) // 2 + 2000] = bytes(2000)
    (tmp_path / "x.7z").write_bytes(content)
    found = list(read_members(tmp_path / "x.7z", files))
    whole = [name for name, value in found if value == files[name]]
    assert 2 <= len(whole) <= 5 and whole == list(files)[: len(whole)]
    assert all("damaged" in reason(value) for _, value in found[len(whole) :])
    assert "its block is damaged from" in reason(found[-1][1])


@pytest.mark.parametrize(
    "name", ["../up", "a/../../up", "/etc/passwd", "C:/x", "C:x", r"a\..\..\up", r"\\host\share\x"]
)
def test_paths_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    write_archive(tmp_path / "x.7z", {"good": b"1", "evilname": b"2", "more": b"3"})
    rename_members(tmp_path / "x.7z", {"evilname": name})
    name = name.replace("\\", "/")  # as py7zr gives it
    found = content_of(tmp_path / "x.7z", ["good", name, "more"])
    assert "refused, because its path leads out of the folder" in reason(found.pop(name))
    assert found == {"good": b"1", "more": b"3"}
    assert {member.name: bool(member.refused) for member in list_members(tmp_path / "x.7z")}[name]


def test_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"x")
    (tmp_path / "link").symlink_to("target")
    with py7zr.SevenZipFile(tmp_path / "x.7z", "w") as writer:
        writer.write(tmp_path / "link", "link")
        writer.write(tmp_path / "target", "target")
    found = content_of(tmp_path / "x.7z", ["link", "target"])
    assert "refused, because it is a link" in reason(found["link"])
    assert found["target"] == b"x"


def test_folders_are_no_members(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "f").write_bytes(b"x")
    with py7zr.SevenZipFile(tmp_path / "x.7z", "w") as writer:
        writer.writeall(tmp_path / "d", "d")
    assert [member.name for member in list_members(tmp_path / "x.7z")] == ["d/e/f"]


def test_large_members_are_refused_and_what_is_behind_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"before": b"1", "bomb": bytes(2_000_000), "behind": b"2"}
    write_archive(tmp_path / "x.7z", files)
    assert content_of(tmp_path / "x.7z", files) == files
    monkeypatch.setattr(sevenzip, "MAX_MEMBER", 1_000_000)
    found = content_of(tmp_path / "x.7z", files)
    assert found["before"] == b"1"
    assert "refused, because it would have 2000000 bytes, more than 1000000" in reason(found["bomb"])
    assert "bomb of 2000000 bytes before it" in reason(found["behind"])


@pytest.mark.parametrize("declared", [10, 5_000])
def test_no_more_is_read_than_was_declared(tmp_path: Path, declared: int) -> None:
    """A member of 1,000 bytes that says it had fewer, or more."""
    path = tmp_path / "x.7z"
    with py7zr.SevenZipFile(path, "w") as writer:
        writer.writestr(bytes(1000), "liar")
        writer.writestr(b"next", "next")
        writer.header.main_streams.substreamsinfo.unpacksizes[0] = declared
    found = dict(read_members(path, ["liar", "next"])) if declared < 1000 else raised(path)
    assert all("damaged" in reason(value) for value in found.values())


def raised(path: Path) -> dict[str, bytes | UserError]:
    with pytest.raises(UserError) as caught:
        content_of(path, ["liar", "next"])
    return {"liar": caught.value}


def test_a_huge_dictionary_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for filters in ([{"id": py7zr.FILTER_LZMA2, "preset": 9}], [{"id": py7zr.FILTER_LZMA, "preset": 9}]):
        (tmp_path / "x.7z").write_bytes(archive(FILES, filters=filters))
        monkeypatch.setattr(sevenzip, "MAX_DICTIONARY", 1 << 30)
        assert content_of(tmp_path / "x.7z", FILES) == FILES
        monkeypatch.setattr(sevenzip, "MAX_DICTIONARY", (64 << 20) - 1)
        assert "dictionary of 67108864 bytes" in reason(content_of(tmp_path / "x.7z", FILES)["a/00.bin"])


def test_gigabytes_are_not_taken_because_a_few_bytes_ask_for_them(tmp_path: Path) -> None:
    header, *contents = bombs.seven_zip_bombs()
    (tmp_path / "x.7z").write_bytes(header)
    with pytest.raises(UserError, match=r"x\.7z is damaged .*dictionary of 3221225472 bytes"):
        list_members(tmp_path / "x.7z")
    for content in contents:
        (tmp_path / "x.7z").write_bytes(content)
        assert "dictionary of 3221225472 bytes" in reason(content_of(tmp_path / "x.7z", ["a"])["a"])


@pytest.mark.parametrize("header", [True, False])
def test_encrypted_archives_are_refused(tmp_path: Path, header: bool) -> None:
    (tmp_path / "x.7z").write_bytes(archive(FILES, password="secret", header_encryption=header))
    with pytest.raises(UserError, match=r"x\.7z is encrypted"):
        list_members(tmp_path / "x.7z")


def test_without_py7zr_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_archive(tmp_path / "x.7z", FILES)
    monkeypatch.setitem(sys.modules, "py7zr", None)
    with pytest.raises(UserError, match=r"argus3d\[data\]"):
        list_members(tmp_path / "x.7z")


def test_a_whole_archive_goes_before_volumes_and_other_files_are_none(tmp_path: Path) -> None:
    write_volumes(tmp_path / "x.7z", archive({"a": b"volumes"}), 50)
    (tmp_path / "x.7z.001.part").write_bytes(b"")
    (tmp_path / "x.7z.txt").write_bytes(b"")
    assert content_of(tmp_path / "x.7z", ["a"]) == {"a": b"volumes"}
    write_archive(tmp_path / "x.7z", {"a": b"whole"})
    assert content_of(tmp_path / "x.7z", ["a"]) == {"a": b"whole"}


def test_memory_holds_one_member_at_a_time(tmp_path: Path) -> None:
    """120 MB of content in members of 4 MB, in one block: the reader's peak is a third of that, dictionary included."""
    with py7zr.SevenZipFile(tmp_path / "x.7z", "w", filters=[{"id": py7zr.FILTER_LZMA2, "preset": 0}]) as writer:
        for number in range(30):
            writer.writestr(bytes(4_000_000), f"{number}")
    names = [member.name for member in list_members(tmp_path / "x.7z")]
    tracemalloc.start()
    total = sum(len(content) for _, content in read_members(tmp_path / "x.7z", names))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 120_000_000
    assert peak < 40_000_000
