"""Readers of meshes, pictures and the archives that hold them."""

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from argus3d.complete import read_part
from argus3d.data import files
from argus3d.data.components import ComponentsCatalogue, _gather, _tree_members
from argus3d.data.formats.debian import unpack_members
from argus3d.data.formats.images import load_image
from argus3d.data.formats.kicad import licences
from argus3d.data.formats.mesh_files import read_mesh_file
from argus3d.data.formats.sevenzip import list_members, read_members
from argus3d.data.household import HouseholdCatalogue
from benchmarks.fuzzing.bombs import (
    deb_bombs,
    draco_bombs,
    image_bombs,
    long_footprints,
    many_buffers,
    many_materials,
    placed_meshes,
    seven_zip_bombs,
    written,
    wrl_bombs,
)
from benchmarks.fuzzing.containers import (
    glb_json,
    gzipped,
    inside_deb,
    inside_zip,
    plain,
    seven_zip_header,
)
from benchmarks.fuzzing.mutate import BYTES, TEXT, tree
from benchmarks.fuzzing.reader import Reader
from tests.argus3d.archives import ar, library, tar
from tests.argus3d.gltf_files import CORNERS, FACES, GltfWriter, draco_tetrahedron, tetrahedron
from tests.argus3d.mix_files import archive, shape_files

WRL = b"""#VRML V2.0 utf8
# two faces, moved and used twice
DEF A Shape { appearance Appearance { material Material { diffuseColor 1 0 0 } }
 geometry IndexedFaceSet { ccw FALSE solid TRUE coord DEF P Coordinate { point [0 0 0, 1 0 0, 0 1 0, 0 0 1] }
 coordIndex [0,1,2,3,-1 0,2,3] } }
Transform { translation 1 2 3 rotation 0 1 0 1.5 scale 1 2 1 center 0 0 1 scaleOrientation 1 0 0 .5
 children [ USE A Group { children NULL } Switch { whichChoice 0 choice [ USE A ] } ] }
Shape { geometry IndexedLineSet { coord USE P coordIndex [0 1 -1] } }
"""
KICAD = (
    b'(module R_1206 (descr "Resistor, see http://x.y/z.pdf (script generated)") (tags "a, b")\n'
    b" (model ${KISYS3DMOD}/Resistor_SMD.3dshapes/R_1206.wrl (at (xyz 0 0 0))))"
)
COPYRIGHT = (
    b"Format: x\n\nFiles: *\nCopyright: 2018 A\n  2019 B\nLicense: CC-BY-SA-4.0\n text\n\nFiles: a/b?.wrl\nLicense: X\n"
)
TABLE = "library,index,name,category,flat\nScopia,1,Chair,chair,no\nScopia,2,Lamp,lamp,no\n"


def _mesh(suffix: str) -> list[bytes]:
    box = trimesh.creation.box()
    exported = box.export(file_type=suffix)
    return [exported.encode() if isinstance(exported, str) else bytes(exported)]


def _ply() -> list[bytes]:
    box = trimesh.creation.box()
    more = (
        b"ply\nformat ascii 1.0\ncomment c\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
        b"property uchar red\nelement face 2\nproperty list uchar int vertex_indices\nelement edge 1\n"
        b"property int v1\nend_header\n0 0 0 1\n1 0 0 2\n0 1 0 3\n0 0 1 4\n3 0 1 2\n4 0 1 2 3\n5\n"
    )
    binary = (
        b"ply\nformat binary_big_endian 1.0\nelement vertex 3\nproperty double x\nproperty double y\n"
        b"property double z\nelement face 1\nproperty list uchar uint vertex_indices\nend_header\n"
        + struct.pack(">9dB3I", 0, 0, 0, 1, 0, 0, 0, 1, 0, 3, 0, 1, 2)
    )
    cloud = trimesh.PointCloud(np.random.default_rng(0).uniform(-0.4, 0.4, (300, 3))).export(file_type="ply")
    return [
        bytes(box.export(file_type="ply")),
        box.export(file_type="ply", encoding="ascii"),
        more,
        binary,
        bytes(cloud),
    ]


def _obj() -> list[bytes]:
    more = (
        b"# x\nmtllib a.mtl\no one\nv 0 0 0 1 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nvt 0 0\nvn 0 0 1\ng a\nusemtl m\n"
        b"f 1/1/1 2/1/1 3/1/1\nf -1 -2 -3 -4\ns off\nf 1//1 2//1 4//1\nl 1 2\n"
    )
    return [*_mesh("obj"), more]


def _glb() -> list[bytes]:
    scene = trimesh.Scene({"a": trimesh.creation.box(), "b": trimesh.creation.icosphere(1)}).export(file_type="glb")
    return [bytes(scene), written(_rich(), ".glb")]


def _rich() -> GltfWriter:
    """Sparse and normalised accessors, strips, a node below a node."""
    writer = tetrahedron()
    sparse = {
        "count": 2,
        "indices": {"bufferView": writer.view(np.array([0, 2], np.uint8).tobytes()), "componentType": 5121},
        "values": {"bufferView": writer.view(CORNERS[:2].tobytes())},
    }
    writer.mesh(writer.accessor(CORNERS, sparse=sparse), writer.accessor(np.array([0, 1, 2, 3], np.uint8)), mode=5)
    quantised = (CORNERS * 10).astype(np.int8)
    writer.mesh(writer.accessor(quantised, normalized=True), writer.accessor(FACES.reshape(-1).astype(np.uint32)))
    writer.node(mesh=0, children=[1, 2], rotation=[0, 0.6, 0, 0.8], scale=[1, 2, 3])
    writer.node(mesh=1, translation=[1, 0, 0])
    writer.node(mesh=2, matrix=np.eye(4).reshape(-1).tolist())
    writer.header |= {"scenes": [{"nodes": [0]}], "scene": 0, "extensionsUsed": ["KHR_mesh_quantization"]}
    return writer


def _draco() -> list[bytes]:
    import DracoPy

    sphere = trimesh.creation.icosphere(1)
    solids = [(CORNERS, FACES), (sphere.vertices.astype(np.float32), sphere.faces)]
    contents = [
        DracoPy.encode(points, faces, compression_level=level) for points, faces in solids for level in (0, 7, 10)
    ]
    return [written(draco_tetrahedron(content), ".glb") for content in contents]


def _images() -> list[bytes]:
    rng = np.random.default_rng(0)
    colours = Image.fromarray(rng.integers(0, 255, (9, 7, 3), np.uint8))
    grey = Image.fromarray(rng.integers(0, 65535, (5, 5)).astype(np.uint16))
    palette = colours.convert("P")
    palette.info["transparency"] = 3
    found = []
    for picture, kind, more in (
        (colours, "PNG", {}), (colours.convert("RGBA"), "PNG", {}), (grey, "PNG", {}), (palette, "PNG", {}),
        (colours, "JPEG", {"exif": _exif()}), (colours.convert("CMYK"), "JPEG", {}), (colours, "WEBP", {}),
        (palette, "GIF", {"save_all": True, "append_images": [palette]}), (colours, "BMP", {}), (colours, "PPM", {}),
        (colours, "TIFF", {"compression": "tiff_lzw"}), (grey, "TIFF", {}), (colours.convert("1"), "TIFF", {}),
    ):  # fmt: skip
        out = io.BytesIO()
        picture.save(out, kind, **more)
        found.append(out.getvalue())
    return found


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


def _members(path: Path) -> list[object]:
    members = list_members(path)
    return list(read_members(path, [member.name for member in members]))


def _unpacked(path: Path) -> object:
    out = path.parent / "out"
    try:
        return [file.read_bytes() for file in unpack_members(path, out, "*.sh3f")]
    finally:
        for file in out.iterdir() if out.is_dir() else ():
            file.unlink()


def _kicad(path: Path) -> object:
    found = _gather(_tree_members(path.parents[2]))
    return licences(found.copyright), found.captions


def _copyright(folder: Path) -> None:
    (folder / "kicad-packages3d").mkdir()
    (folder / "kicad-packages3d" / "copyright").write_bytes(COPYRIGHT)


def _household(path: Path) -> object:
    files._opened.cache_clear()
    catalogue = HouseholdCatalogue(path.parent, path.parent / "table.csv")
    found = []
    for item in catalogue.items():
        found += [catalogue.mesh(item.id), catalogue.picture(item.id)]
    return found


def _library() -> list[bytes]:
    turned = {"modelRotation": "0 0 1 0 1 0 -1 0 0", "tags": "Scopia, leather, \\u00e9"}
    return [library("Scopia", [{"name": "Chair", **turned}, {"name": "Lamp"}], {})]


def _class_table(folder: Path) -> None:
    (folder / "table.csv").write_text(TABLE)


def _debs() -> list[bytes]:
    contents = {"./usr/a.sh3f": b"one" * 300, "./usr/b/two.sh3f": b"", "./usr/" + "l" * 120 + ".sh3f": b"long"}
    every = [
        ("data.tar", tar(contents, "")),
        ("data.tar.gz", tar(contents, "gz")),
        ("data.tar.xz", tar(contents, "xz")),
    ]
    return [ar({"debian-binary": b"2.0\n", "control.tar.xz": b"odd", name: data}) for name, data in every]


def _components_zip(path: Path) -> object:
    files._opened.cache_clear()
    catalogue = ComponentsCatalogue(path.parent)
    return [catalogue.mesh(item.id) for item in catalogue.items()]


def _components_archives() -> list[bytes]:
    import json
    import zipfile

    item = {"id": "r", "category": "resistor", "caption": "c", "source": "components", "licence": "", "creator": ""}
    index = {"schema": 1, "packages": {}, "counts": {"taken": 1}, "items": [item]}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("r.wrl", WRL)
        packed.writestr("index.json", json.dumps(index))
    return [out.getvalue()]


def _seven_zips() -> list[bytes]:
    import py7zr

    contents = shape_files("000-000", range(2)) | {"empty.txt": b"", "a/b.txt": b"text" * 99}
    copied = [{"id": py7zr.FILTER_COPY}]
    settings: Sequence[dict[str, object]] = (
        {},
        {"filters": copied},
        {"filters": [{"id": py7zr.FILTER_DEFLATE}]},
        {"filters": [{"id": py7zr.FILTER_BZIP2}]},
    )
    plain_header = io.BytesIO()
    with py7zr.SevenZipFile(plain_header, "w", filters=copied) as writer:
        writer.set_encoded_header_mode(False)
        for name, content in contents.items():
            writer.writestr(content, name)
    return [*(archive(contents, **more) for more in settings), plain_header.getvalue()]


READERS = (
    Reader("glb", "x.glb", read_mesh_file, _glb, (glb_json, glb_json), lambda: [placed_meshes()]),
    Reader("gltf", "x.gltf", read_mesh_file, lambda: [written(_rich(), ".gltf")], (tree,), many_buffers),
    Reader("draco", "x.glb", read_mesh_file, _draco, (), draco_bombs),
    Reader("obj", "x.obj", read_mesh_file, _obj, TEXT, lambda: [many_materials()]),
    Reader("off", "x.off", read_mesh_file, lambda: _mesh("off"), TEXT),
    Reader("ply", "x.ply", read_mesh_file, lambda: _ply()[:4], TEXT),
    Reader("stl", "x.stl", read_mesh_file, lambda: [*_mesh("stl"), *_mesh("stl_ascii")], TEXT),
    Reader("wrl", "x.wrl", read_mesh_file, lambda: [WRL], TEXT, wrl_bombs),
    Reader("cloud .ply", "x.ply", lambda path: read_part(path, 512, 0), lambda: _ply()[4:], TEXT),
    Reader("image", "x.png", load_image, _images, (), image_bombs),
    Reader(
        "sh3f",
        "Scopia.sh3f",
        _household,
        _library,
        (inside_zip((*BYTES, *TEXT)),) * 3,
        around=_class_table,
        named=("scopia-00",),
    ),
    Reader("deb", "x.deb", _unpacked, _debs, (inside_deb(plain), inside_deb(gzipped)), deb_bombs),
    Reader("footprint", "a/b/R_1206.kicad_mod", _kicad, lambda: [KICAD], TEXT, long_footprints, _copyright),
    Reader(
        "copyright",
        "a/kicad-packages3d/copyright",
        lambda path: licences(path.read_text("utf-8", "replace")),
        lambda: [COPYRIGHT],
        TEXT,
    ),
    Reader(
        "components.zip",
        "components.zip",
        _components_zip,
        _components_archives,
        (inside_zip((*BYTES, *TEXT, tree)),) * 3,
        named=("r: ",),
    ),
    Reader("7z", "x.7z", _members, _seven_zips, (seven_zip_header, seven_zip_header), seven_zip_bombs),
)
