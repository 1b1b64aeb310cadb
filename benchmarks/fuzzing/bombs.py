"""Small files that ask for far more than they are: of pixels, of bytes, of nodes, of time."""

import lzma
import struct
import zlib

from tests.argus3d.archives import ar, tar


def png_bomb(side: int, depth: int, kind: int) -> bytes:
    """A .png of nothing, a few kB that stand for side x side pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    samples = {0: 1, 3: 1, 2: 3, 6: 4}[kind]
    row = b"\0" + bytes(-(-side * depth * samples // 8))
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    palette = chunk(b"PLTE", bytes(6)) + chunk(b"tRNS", b"\0\1") if kind == 3 else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + palette + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def image_bombs() -> list[bytes]:
    text = struct.pack(">I", 0) + b"zTXt"
    return [png_bomb(10_000, 1, 3), png_bomb(10_000, 8, 2), png_bomb(10_000, 8, 6), png_bomb(60_000, 1, 0), text]


def deb_bombs() -> list[bytes]:
    """2 GiB of zeros, an xz dictionary of 3 GiB, and 5,000 long names for one file."""
    zeros = tar({"./usr/z.sh3f": bytes(1)}, "")
    large = summed(zeros[:124] + b"%011o\0" % (2 << 30) + zeros[136:512])
    packer = lzma.LZMACompressor(preset=0)
    body = b"".join(packer.compress(piece) for piece in (large, *[bytes(1 << 24)] * 128)) + packer.flush()
    every = (("data.tar.xz", body), ("data.tar.xz", wide_xz(zeros)), ("data.tar", endless_names()))
    return [ar({"debian-binary": b"2.0\n", name: data}) for name, data in every]


def endless_names() -> bytes:
    """A tar of 5,000 long names for one file."""
    link = tar({"././@LongLink": b"a" * 512}, "")
    return (summed(link[:156] + b"L" + link[157:512]) + link[512:1024]) * 5000


def summed(header: bytes) -> bytes:
    """A tar header with its sum."""
    blank = header[:148] + b" " * 8 + header[156:]
    return blank[:148] + b"%06o\0 " % sum(blank) + blank[156:]


def wide_xz(content: bytes) -> bytes:
    """An .xz that asks for a dictionary of 3 GiB."""
    packed = bytearray(lzma.compress(content, preset=0))
    end = 12 + 4 * (packed[12] + 1)  # of the block's header: its filter is LZMA2, one byte of properties
    packed[packed.index(b"\x21\x01", 12) + 2] = 39
    packed[end - 4 : end] = struct.pack("<I", zlib.crc32(packed[12 : end - 4]))
    return bytes(packed)


def long_footprints() -> list[bytes]:
    return [
        b'(descr "(' + b".pdf" * 100_000 + b'") (model a/b.wrl)',
        b'(descr "' + b",;(" * 50_000 + b'") (model a/b.wrl)',
    ]


def deep_scenes() -> list[bytes]:
    """Nodes that stand for many more, and nodes within nodes by way of USE."""
    head = b"#VRML V2.0 utf8\nDEF A0 Shape { geometry IndexedFaceSet {\n"
    head += b"coord Coordinate { point [0 0 0 1 0 0 0 1 0] } coordIndex [0 1 2] } }\n"
    doubled = b"".join(b"DEF A%d Transform { children [USE A%d USE A%d] }\n" % (n + 1, n, n) for n in range(40))
    chained = b"".join(b"DEF A%d Group { children USE A%d }\n" % (n + 1, n) for n in range(5000))
    return [head + doubled, head + chained, b"#VRML V2.0\n" + b"Group { children [" * 5000]
