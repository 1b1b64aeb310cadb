"""Mutations inside containers, whose sums and lengths are made right again so that readers get past them."""

import gzip
import io
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence

from benchmarks.fuzzing.mutate import BYTES, TEXT, Mutation, flip, tree
from tests.argus3d.archives import ar

NAMES = ("../outside/x", "/etc/x", "..", "a/../../outside/x.sh3f", "C:\\x", "x\0y", "", "\u202e", "data.pkl", "x" * 200)


def inside_zip(of_content: Sequence[Mutation]) -> Mutation:
    """The content, name or number of a member of a zip archive changed."""

    def mutate(rng: random.Random, content: bytes) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                members = [(name, archive.read(name)) for name in archive.namelist()]
        except Exception:  # mutated before: it is no archive any more
            return flip(rng, content)
        if not members:
            return content
        at = rng.randrange(len(members))
        name, inner = members[at]
        match rng.randrange(8):
            case 0:
                name = rng.choice((*NAMES, rng.choice(members)[0]))
            case 1:
                members.append((rng.choice(members)[0], inner))
            case 2:
                del members[at]
                return _zip(members, zipfile.ZIP_STORED)
            case _:
                inner = rng.choice(of_content)(rng, inner)
        members[at] = (name, inner)
        # LZMA takes a millisecond to begin: in place of one input of it, ten others are made.
        method = zipfile.ZIP_LZMA if rng.random() < 0.02 else rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        return _zip(members, method)

    return mutate


def _zip(members: Sequence[tuple[str, bytes]], method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            entry = zipfile.ZipInfo("x")
            entry.filename, entry.compress_type = name, method
            archive.writestr(entry, content)
    return out.getvalue()


def inside_gzip(of_content: Sequence[Mutation]) -> Mutation:
    """What is compressed changed."""

    def mutate(rng: random.Random, content: bytes) -> bytes:
        try:
            inner = gzip.decompress(content)
        except Exception:  # mutated before
            return flip(rng, content)
        return gzip.compress(rng.choice(of_content)(rng, inner), 1, mtime=0)

    return mutate


def glb_json(rng: random.Random, content: bytes) -> bytes:
    """The JSON of a .glb changed; lengths follow."""
    if len(content) < 20:
        return flip(rng, content)
    size = int.from_bytes(content[12:16], "little")
    header, rest = content[20 : 20 + size], content[20 + size :]
    header = tree(rng, header)
    header += b" " * (-len(header) % 4)
    chunk = struct.pack("<II", len(header), 0x4E4F534A) + header
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunk) + len(rest)) + chunk + rest


def safetensors_header(rng: random.Random, content: bytes) -> bytes:
    """The JSON header of a .safetensors file changed; its length follows."""
    if len(content) < 8:
        return flip(rng, content)
    size = int.from_bytes(content[:8], "little")
    header = tree(rng, content[8 : 8 + size])
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + content[8 + size :]


def seven_zip_header(rng: random.Random, content: bytes) -> bytes:
    """A byte or number of the header of a .7z changed; both checksums follow."""
    if len(content) < 32 or 32 + sum(struct.unpack("<QQ", content[12:28])) > len(content):
        return flip(rng, content)
    return other_header(content, lambda header: rng.choice(BYTES)(rng, header))


def other_header(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """A .7z with its header changed."""
    offset, size = struct.unpack("<QQ", content[12:28])
    header = change(content[32 + offset : 32 + offset + size])
    start = struct.pack("<QQI", offset, len(header), zlib.crc32(header))
    return content[:8] + struct.pack("<I", zlib.crc32(start)) + start + content[32 : 32 + offset] + header


def inside_deb(pack: Callable[[bytes], tuple[str, bytes]]) -> Mutation:
    """The data archive of a .deb changed: a header of it with the sum made right, or any byte.

    pack : what name the archive gets and how it is compressed
    """

    def mutate(rng: random.Random, content: bytes) -> bytes:
        try:
            start = content.index(b"data.tar")
            inner = _unpacked(content[start + 60 :])
        except Exception:  # mutated before
            return flip(rng, content)
        inner = _tar_field(rng, inner) if rng.random() < 0.7 else rng.choice((*BYTES, *TEXT))(rng, inner)
        name, packed = pack(inner)
        return ar({"debian-binary": b"2.0\n", name: packed})

    return mutate


def _unpacked(content: bytes) -> bytes:
    if content.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(31).decompress(content)
    return content


def _tar_field(rng: random.Random, content: bytes) -> bytes:
    """One header of a tar with another name, size, type or link."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            offsets = [member.offset for member in archive if member.offset + 512 <= len(content)]
    except Exception:  # mutated before
        return flip(rng, content)
    if not offsets:
        return flip(rng, content)
    at = rng.choice(offsets)
    header = bytearray(content[at : at + 512])
    match rng.randrange(6):
        case 0:
            name = rng.choice(NAMES).encode()[:99]
            header[:100] = name + b"\0" * (100 - len(name))
        case 1:
            sizes = (
                b"00000000000\0",
                b"77777777777\0",
                b"-0000000001\0",
                b"\x80" + b"\xff" * 11,
                b"\xff" * 12,
                b"\x80" + b"\0" * 7 + b"\x7f" * 4,
            )
            header[124:136] = rng.choice(sizes)
        case 2 | 3:
            header[156] = rng.choice(b"01234567gxLKSDMNVXA\0")
        case 4:
            header[157:177] = b"../../outside/x".ljust(20, b"\0")
        case _:
            header[rng.randrange(512)] = rng.randrange(256)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return content[:at] + bytes(header) + content[at + 512 :]


def plain(content: bytes) -> tuple[str, bytes]:
    return "data.tar", content


def gzipped(content: bytes) -> tuple[str, bytes]:
    return "data.tar.gz", gzip.compress(content, 1, mtime=0)
