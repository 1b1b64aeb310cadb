"""7z archives read member by member; nothing is unpacked to disk, and no member decides how much memory is used."""

import io
import struct
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO, Any

from argus3d.data.formats.volumes import START_BYTES, Joined, volumes
from argus3d.errors import UserError, raise_if_machine

MAX_MEMBER = 64 << 20  # bytes; larger members are refused, and with them what lies behind them in their block
MAX_DICTIONARY = 512 << 20  # bytes of memory to unpack a block; 7-Zip's highest setting takes half of it
_PIECE = 8 << 20  # bytes asked of a decompressor at once: less would let it hoard what it was fed
_FED = 8 << 10  # bytes fed to it at once: where they are damaged, all that they would have given is lost
_LZMA, _LZMA2, _PPMD = b"\x03\x01\x01", b"\x21", b"\x03\x04\x01"
_PACKED_HEADER = b"\x17"
_MAX_START = 1 << 16  # bytes that say how a header is packed; a real one takes some 40


@dataclass(frozen=True)
class Member:
    """A file of an archive; its size in bytes as declared, and why it is not read, if so."""

    name: str
    size: int
    refused: str = ""


class _DamagedBlock(Exception):
    """The packed stream of a block ends early or cannot be decompressed."""


@dataclass(frozen=True)
class _Entry:
    """A member and its place: its number, the block that holds it (-1 for an empty file), its crc32 if known."""

    number: int
    member: Member
    block: int
    crc: int | None


@dataclass(frozen=True)
class _Block:
    """A packed stream (py7zr's "folder"), which can only be read from its start."""

    folder: Any
    start: int
    packed: int


def list_members(path: Path) -> list[Member]:
    """The files of an archive in its order, by its header alone; folders are left out.

    path : of the archive, also where only its volumes `path`.001, `path`.002 ... exist

    Raises UserError for an archive that is missing, truncated, damaged or encrypted.
    """
    with _opened(path) as stream:
        return [entry.member for entry in _read_header(stream, path)[0]]


def read_members(path: Path, wanted: Collection[str]) -> Iterator[tuple[str, bytes | UserError]]:
    """The members named `wanted`, each once, in the order of the archive; memory holds one at a time.

    A member that cannot be read comes as the UserError that says why; those that are not in the archive come last.
    Of two members of one name the first is meant.

    Raises UserError for an archive that is missing, truncated, damaged or encrypted.
    """
    asked = set(wanted)
    with _opened(path) as stream:
        entries, blocks = _read_header(stream, path)
        chosen: dict[str, _Entry] = {}
        for entry in entries:
            if entry.member.name in asked:
                chosen.setdefault(entry.member.name, entry)
        numbers = {entry.number for entry in chosen.values()}
        by_block: dict[int, list[_Entry]] = {}
        for entry in entries:
            by_block.setdefault(entry.block, []).append(entry)
        for index, within in by_block.items():
            ours = [entry for entry in within if entry.number in numbers]
            if ours and index < 0:
                yield from ((entry.member.name, _refusal(entry.member, path) or b"") for entry in ours)
            elif ours:
                yield from _read_block(stream, path, blocks[index], within[: within.index(ours[-1]) + 1], numbers)
    absent = sorted(asked - chosen.keys())
    yield from ((name, UserError(f"{path} has no member {name}; fetch it again.")) for name in absent)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with io.BufferedReader(Joined(volumes(path))) as stream:
        yield stream


def _read_header(stream: IO[bytes], path: Path) -> tuple[list[_Entry], list[_Block]]:
    try:
        import py7zr
    except ImportError:
        raise UserError(f'{path} is a 7z archive: install what reads it, pip install "argus3d[data]".') from None
    try:
        _require_modest_header(stream)
        archive = py7zr.SevenZipFile(stream, "r")
        encrypted = archive.password_protected
        entries, blocks = ([], []) if encrypted else (_entries(archive), _blocks(archive))
    except py7zr.PasswordRequired:
        encrypted = True
    except UserError:
        raise
    except Exception as error:  # the parser stumbles over damaged bytes in many ways
        raise_if_machine(error, path)
        raise _damaged(path, error) from error
    if encrypted:
        raise UserError(f"{path} is encrypted, which is not read here; unpack it with its password.")
    end = stream.seek(0, io.SEEK_END)
    if any(block.packed < 0 or block.start + block.packed > end for block in blocks):
        raise UserError(f"{path} is damaged (a packed stream leads out of it); fetch it again.")
    if any(entry.member.size < 0 for entry in entries):
        raise UserError(f"{path} is damaged (a member of negative size); fetch it again.")
    return entries, blocks


def _require_modest_header(stream: IO[bytes]) -> None:
    """Refuse a header that is packed with too large a dictionary. Source: the signature header of the 7z format."""
    from py7zr.archiveinfo import HeaderStreamsInfo

    stream.seek(12)
    offset, size = struct.unpack("<QQ", stream.read(16))
    if START_BYTES + offset < stream.seek(0, io.SEEK_END):
        stream.seek(START_BYTES + offset)
        header = io.BytesIO(stream.read(min(size, _MAX_START)))
        if header.read(1) == _PACKED_HEADER:
            for folder in HeaderStreamsInfo.retrieve(header).unpackinfo.folders:
                _require_bounded(folder)
    stream.seek(0)


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is damaged ({type(error).__name__}: {error}); fetch it again.")


def _entries(archive: Any) -> list[_Entry]:
    streams = archive.header.main_streams
    places = {id(folder): index for index, folder in enumerate(streams.unpackinfo.folders)} if streams else {}
    seen: set[str] = set()
    entries: list[_Entry] = []
    for file in archive.files:
        if file.is_directory:
            continue
        name = str(file.filename)
        refused = _why_unsafe(name, file) or ("it comes twice" if name in seen else "")
        seen.add(name)
        size = 0 if file.emptystream else file.uncompressed
        refused = refused or (f"it would have {size} bytes, more than {MAX_MEMBER}" if size > MAX_MEMBER else "")
        block = -1 if file.emptystream else places[id(file.folder)]
        entries.append(_Entry(len(entries), Member(name, size, refused), block, file.crc32))
    return entries


def _blocks(archive: Any) -> list[_Block]:
    streams = archive.header.main_streams
    if streams is None:
        return []
    blocks = []
    packed = iter(streams.packinfo.packsizes)
    start = START_BYTES + streams.packinfo.packpos
    for folder in streams.unpackinfo.folders:
        sizes = [next(packed) for _ in folder.packed_indices]
        blocks.append(_Block(folder, start, sum(sizes)))
        start += sum(sizes)
    return blocks


def _why_unsafe(name: str, file: Any) -> str:
    path = PureWindowsPath(name)  # both kinds of slashes, drives, and shares
    if path.anchor or ".." in path.parts:
        return "its path leads out of the folder"
    if file.is_symlink or file.is_junction:
        return "it is a link"
    return "" if file.is_file else "it is no plain file"


def _refusal(member: Member, path: Path) -> UserError | None:
    return UserError(f"{path}: {member.name} is refused, because {member.refused}.") if member.refused else None


def _read_block(
    stream: IO[bytes], path: Path, block: _Block, entries: list[_Entry], numbers: set[int]
) -> Iterator[tuple[str, bytes | UserError]]:
    """Those of the first entries of a block whose number is in `numbers`."""
    source = _Source(stream, block)
    trouble = ""
    for entry in entries:
        member, kept = entry.member, entry.number in numbers
        content = b""
        if member.size > MAX_MEMBER:
            trouble = trouble or f"has {member.name} of {member.size} bytes before it, which is not unpacked"
        if not trouble:
            try:
                content = source.read(member.size, kept)
            except _DamagedBlock as error:
                trouble = f"is damaged from {member.name} on ({error})"
        if kept:
            yield member.name, _refusal(member, path) or _checked(entry, content, path, trouble)


class _Source:
    """The content of a block from its start on."""

    def __init__(self, stream: IO[bytes], block: _Block) -> None:
        self._stream = stream
        self._block = block
        self._decompressor: Any = None
        self._left = block.folder.get_unpack_size()
        self._piece = b""
        self._at = 0

    def read(self, size: int, keep: bool) -> bytes:
        """The next `size` bytes, or b"" after skipping them. Raises _DamagedBlock."""
        parts = []
        while size:
            if self._at == len(self._piece):
                self._piece, self._at = self._next(), 0
            part = self._piece[self._at : self._at + size]
            parts += [part] if keep else []
            size -= len(part)
            self._at += len(part)
        return b"".join(parts)

    def _next(self) -> bytes:
        before = self._stream.tell()
        try:
            if self._decompressor is None:
                self._decompressor = _decompressor(self._block)
                before = self._stream.seek(self._block.start)
            # Never more than the block declares: LZMA without an end mark would go on with noise.
            piece = bytes(self._decompressor.decompress(self._stream, min(_PIECE, self._left)))
        except (_DamagedBlock, UserError):
            raise
        except Exception as error:  # decompressors stumble over damaged bytes in many ways
            raise_if_machine(error, getattr(self._stream, "name", None))
            raise _DamagedBlock(f"{type(error).__name__}: {error}") from error
        if not piece and self._stream.tell() == before:
            raise _DamagedBlock("it ends early")
        self._left -= len(piece)
        return piece


def _decompressor(block: _Block) -> Any:
    from py7zr.compressor import SevenZipDecompressor

    _require_bounded(block.folder)
    folder = block.folder
    return SevenZipDecompressor(folder.coders, block.packed, folder.unpacksizes, folder.crc, blocksize=_FED)


def _require_bounded(folder: Any) -> None:
    """Refuse a dictionary past the limit. Source: the properties of LZMA, LZMA2 and PPMd in the 7z format."""
    for coder in folder.coders:
        properties = coder["properties"] or b""
        size = 0
        if coder["method"] in (_LZMA, _PPMD) and len(properties) >= 5:
            size = int.from_bytes(properties[1:5], "little")
        elif coder["method"] == _LZMA2 and properties:
            size = (2 | properties[0] & 1) << (properties[0] // 2 + 11)
        if size > MAX_DICTIONARY:
            raise _DamagedBlock(f"its dictionary of {size} bytes is larger than {MAX_DICTIONARY}")


def _checked(entry: _Entry, content: bytes, path: Path, trouble: str) -> bytes | UserError:
    name = entry.member.name
    if trouble:
        return UserError(f"{path}: {name} cannot be read, because its block {trouble}; fetch the archive again.")
    if entry.crc is not None and zlib.crc32(content) != entry.crc:
        return UserError(f"{path}: {name} is damaged (its checksum is another); fetch the archive again.")
    return content
