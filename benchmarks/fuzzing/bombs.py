"""Small files that ask for far more than they are: of pixels, of bytes, of nodes, of time."""

import base64
import io
import json
import lzma
import pickle
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.fuzzing.containers import other_header
from tests.argus3d.archives import ar, tar
from tests.argus3d.gltf_files import GltfWriter, draco_tetrahedron
from tests.argus3d.mix_files import archive


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
    """2 GiB of zeros, an xz dictionary of 3 GiB, 5,000 long names for one file, and a member of 8 EB."""
    zeros = tar({"./usr/z.sh3f": bytes(1)}, "")
    large = summed(zeros[:124] + b"%011o\0" % (2 << 30) + zeros[136:512])
    packer = lzma.LZMACompressor(preset=0)
    body = b"".join(packer.compress(piece) for piece in (large, *[bytes(1 << 24)] * 128)) + packer.flush()
    every = (
        ("data.tar.xz", body),
        ("data.tar.xz", wide_xz(zeros)),
        ("data.tar", endless_names()),
        ("data.tar", endless_member()),
    )
    return [ar({"debian-binary": b"2.0\n", name: data}) for name, data in every]


def endless_names() -> bytes:
    """A tar of 5,000 long names for one file."""
    link = tar({"././@LongLink": b"a" * 512}, "")
    return (summed(link[:156] + b"L" + link[157:512]) + link[512:1024]) * 5000


def endless_member() -> bytes:
    """A tar of one member of 8 EB, none of which are there, that nobody asks for."""
    whole = tar({"./x": b"", "./a.sh3f": b"a"}, "")
    return summed(whole[:124] + b"\x80\0\0\0\x7f" + b"\xff" * 7 + whole[136:512]) + whole[512:]


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


def seven_zip_bombs() -> list[bytes]:
    """Archives that ask for 3 GiB to unpack their header, or their content by LZMA2, LZMA and PPMd."""
    import py7zr

    lzma2, wide = b"\x21\x01", (3 << 30).to_bytes(4, "little")
    found = [other_header(archive({"a": b"a" * 99}), lambda header: _after(header, lzma2, b"\x27"))]
    for kind, method, asked in (
        (py7zr.FILTER_LZMA2, lzma2, b"\x27"),
        (py7zr.FILTER_LZMA, b"\x03\x01\x01\x05\x5d", wide),
        (py7zr.FILTER_PPMD, b"\x03\x04\x01\x07\x06", wide),
    ):
        out = io.BytesIO()
        settings = {"order": 6, "mem": 16} if kind == py7zr.FILTER_PPMD else {"preset": 0}
        with py7zr.SevenZipFile(out, "w", filters=[{"id": kind, **settings}]) as writer:
            writer.set_encoded_header_mode(False)
            writer.writestr(b"a" * 99, "a")
        found.append(other_header(out.getvalue(), partial(_after, known=method, new=asked)))
    return found


def _after(content: bytes, known: bytes, new: bytes) -> bytes:
    """Other bytes behind some that are known."""
    end = content.index(known) + len(known)
    return content[:end] + new + content[end + len(new) :]


def pickle_bombs() -> list[bytes]:
    """.pt files, of today's kind and the older bare ones, that ask for far more than they hold."""
    every = [pickled() for pickled in PICKLES.values()]
    return [*every, *map(torch_archive, every), *map(legacy_file, every)]


_STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu"  # before its size


def _far_storage() -> bytes:
    """A pickle of a storage of 8 GB."""
    return b"\x80\x02" + _STORAGE + b"J\xff\xff\xff\x7fNtQ."


def _grown_tensor() -> bytes:
    """A pickle of a tensor of 8 GB on a storage of one number, which PyTorch would make larger for it."""
    storage = _STORAGE + b"K\x01NtQ"
    shape = b"K\0J\xff\xff\xff\x7f\x85K\x01\x85\x89ccollections\nOrderedDict\n)R"
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + shape + b"tR."


def _many_sides() -> bytes:
    """A pickle of a tensor of 200,000 sides, whose product has two million digits."""
    sides = b"(" + b"J\xff\xff\xff\x7f" * 200_000 + b"t"
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + _STORAGE + b"K\x01NtQK\0" + sides * 2 + b"\x89NtR."


# "far" and "grown" make PyTorch take 8 GB; "deep" and "doubled" are keys, hashed until the stack is full or for ever.
PICKLES: dict[str, Callable[[], bytes]] = {
    "text": lambda: b"\x80\x02X" + b"\xf0" * 4 + b".",
    "memo": lambda: b"\x80\x02Nr" + b"\xf0" * 4 + b".",
    "deep": lambda: b"\x80\x02}N" + b"\x85" * 200_000 + b"Ns.",
    "doubled": lambda: b"\x80\x02}Nq\0" + b"h\0h\0\x86q\0" * 60 + b"Ns.",
    "named": lambda: b"\x80\x02ctorch._uti" + b"q\x05(X\x05aq\x08ctorch._uti" * 3000 + b"\nx\n.",
    "bytearray": lambda: b"\x80\x02cbuiltins\nbytearray\nJ" + b"\xff\xff\xff\x7f\x85R.",
    "far": _far_storage,
    "grown": _grown_tensor,
    "sides": _many_sides,
}


def torch_archive(content: bytes) -> bytes:
    """A .pt file of a pickle and of the numbers of one storage."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, member in (("data.pkl", content), ("version", b"3\n"), ("data/0", bytes(4))):
            packed.writestr(f"archive/{name}", member)
    return out.getvalue()


def legacy_file(content: bytes) -> bytes:
    """The same as before PyTorch 1.6. Source: `_legacy_save` in torch/serialization.py."""
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    before = (0x1950A86A20F9469CFC6C, 1001, machine)
    keys = pickle.dumps(["0"], 2)
    return b"".join(pickle.dumps(one, 2) for one in before) + content + keys + struct.pack("<q", 1) + bytes(4)


def long_footprints() -> list[bytes]:
    return [
        b'(descr "(' + b".pdf" * 100_000 + b'") (model a/b.wrl)',
        b'(descr "' + b",;(" * 50_000 + b'") (model a/b.wrl)',
    ]


def many_materials() -> bytes:
    """An .obj of as many materials as faces."""
    return b"v 0 0 0\nv 1 0 0\nv 0 1 0\n" + b"".join(b"usemtl %d\nf 1 2 3\n" % number for number in range(100_000))


def wrl_bombs() -> list[bytes]:
    return [*deep_scenes(), *open_strings(), placed_often()]


def deep_scenes() -> list[bytes]:
    """Nodes that stand for many more, and nodes within nodes by way of USE."""
    head = b"#VRML V2.0 utf8\nDEF A0 Shape { geometry IndexedFaceSet {\n"
    head += b"coord Coordinate { point [0 0 0 1 0 0 0 1 0] } coordIndex [0 1 2] } }\n"
    doubled = b"".join(b"DEF A%d Transform { children [USE A%d USE A%d] }\n" % (n + 1, n, n) for n in range(40))
    chained = b"".join(b"DEF A%d Group { children USE A%d }\n" % (n + 1, n) for n in range(5000))
    return [head + doubled, head + chained, b"#VRML V2.0\n" + b"Group { children [" * 5000]


def placed_often() -> bytes:
    """A grid of 1,000 faces that a scene places 9,991 times."""
    points = b", ".join(b"%d %d 0" % (k % 40, k // 40) for k in range(1040))
    corners = b" ".join(b"%d %d %d -1" % (k, k + 1, k + 40) for k in range(1000))
    head = b"#VRML V2.0 utf8\nDEF A Shape { geometry IndexedFaceSet {\ncoord Coordinate { point [" + points + b"] }\n"
    return head + b"coordIndex [" + corners + b"] } }\n" + b"USE A\n" * 9990


def open_strings() -> list[bytes]:
    """Strings that are never closed, though quotes follow by the thousand, in a comment's place and in a node's."""
    quotes = b'"' + b'\\"' * 200_000
    head = b"#VRML V2.0 utf8\n"
    return [head + quotes, head + b"Foo { bar " + quotes + b" # " + b"\\", head + b"Foo { " + b", \n" * 200_000 + b'"']


def placed_meshes() -> bytes:
    """A .glb of 1,000 faces that 10,000 nodes place."""
    writer = GltfWriter()
    writer.mesh(writer.accessor(np.random.default_rng(0).random((3000, 3), np.float32)))
    for _ in range(10_000):
        writer.node(mesh=0)
    return written(writer, ".glb")


def many_buffers() -> list[bytes]:
    """A .gltf whose 5,000 buffers are the file itself, by one name and by many; nothing is in them."""
    header = {"asset": {"version": "2.0"}, "pad": "x" * 400_000}
    names = (["x.gltf"] * 5000, ["./" * (number % 100) + "x.gltf" for number in range(5000)])
    return [json.dumps(header | {"buffers": [{"uri": uri} for uri in uris]}).encode() for uris in names]


def draco_bombs() -> list[bytes]:
    """One view of half a million faces for 40 primitives, and 500 million faces that are not there."""
    import DracoPy

    side = np.arange(501, dtype=np.float32)
    corners = np.stack([*np.meshgrid(side, side), np.zeros((501, 501), np.float32)], axis=-1).reshape(-1, 3)
    first = (np.arange(500)[:, None] * 501 + np.arange(500)).reshape(-1)
    faces = np.concatenate([first[:, None] + (0, 1, 501), first[:, None] + (1, 502, 501)]).astype(np.uint32)
    content = DracoPy.encode(corners, faces, quantization_bits=10, compression_level=10)
    repeated = draco_tetrahedron(content)
    repeated.header["meshes"][0]["primitives"] *= 40
    return [written(repeated, ".glb"), *(written(draco_tetrahedron(head), ".glb") for head in endless_dracos())]


def endless_dracos() -> list[bytes]:
    """Heads of Draco 2.2 that declare 500 million faces, one after another and by its walk over the mesh."""
    many = b"\x80\xca\xb5\xee\x01"
    head = b"DRACO\x02\x02\x01"
    return [head + b"\0\0\0" + many * 2 + bytes(40), head + b"\1\0\0\0" + many * 2 + bytes(40)]


def written(writer: GltfWriter, suffix: str) -> bytes:
    """What the writer writes; a .gltf has its buffer within."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{suffix}"
        if suffix == ".glb":
            return writer.write_glb(path).read_bytes()
        uri = "data:application/octet-stream;base64," + base64.b64encode(writer.binary).decode()
        return writer.write_gltf(path, uri).read_bytes()
