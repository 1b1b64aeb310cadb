"""glTF: placed by nodes as trimesh places them, and what exporters write beside plain accessors."""

import base64
import json
import re
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from argus3d.data.formats import gltf, gltf_buffers, mesh_files
from argus3d.data.formats.draco import declared_faces
from argus3d.data.formats.gltf_buffers import Buffers
from argus3d.data.formats.mesh_files import read_mesh_file
from argus3d.errors import UserError
from benchmarks.fuzzing import bombs
from tests.argus3d.gltf_files import CORNERS, FACES, GltfWriter, draco_tetrahedron, tetrahedron

QUARTER_TURN = [0, 0, np.sqrt(0.5), np.sqrt(0.5)]  # about z, as (x, y, z, w)


def triangles(path: Path) -> NDArray[np.float64]:
    vertices, faces = read_mesh_file(path)
    return vertices[faces]


def volume(corners: NDArray[np.float64]) -> float:
    return float(np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6)


def as_sets(corners: NDArray[np.float64]) -> list[tuple[float, ...]]:
    return sorted(tuple(np.round(triangle, 4).reshape(-1) + 0.0) for triangle in corners)


def test_a_node_moves_its_mesh_by_scale_then_rotation_then_translation(tmp_path: Path) -> None:
    writer = tetrahedron()
    writer.node(mesh=0, scale=[2, 1, 1], rotation=QUARTER_TURN, translation=[10, 0, 0])
    found = triangles(writer.write_glb(tmp_path / "a.glb"))
    # (x, y, z) -> (2x, y, z) -> (-y, 2x, z) -> (10 - y, 2x, z)
    expected = np.stack([10 - CORNERS[:, 1], 2 * CORNERS[:, 0], CORNERS[:, 2]], axis=1)[FACES]
    assert as_sets(found) == as_sets(expected)


def test_children_inherit_and_instances_repeat(tmp_path: Path) -> None:
    writer = tetrahedron()
    left, right = writer.node(mesh=0, translation=[1, 0, 0]), writer.node(mesh=0, translation=[5, 0, 0])
    inner = writer.node(children=[left, right], scale=[2, 2, 2])
    matrix = np.eye(4)
    matrix[:3, 3] = [0, 100, 0]
    root = writer.node(children=[inner], matrix=matrix.T.reshape(-1).tolist())
    writer.node(mesh=0, translation=[0, 0, 900])  # in no scene: not part of the shape
    writer.header |= {"scenes": [{"nodes": []}, {"nodes": [root]}], "scene": 1}
    found = triangles(writer.write_glb(tmp_path / "a.glb"))
    expected = [(CORNERS + shift) * 2 + [0, 100, 0] for shift in ([1, 0, 0], [5, 0, 0])]
    assert as_sets(found) == as_sets(np.concatenate([vertices[FACES] for vertices in expected]))


def test_a_mirrored_mesh_keeps_its_outside(tmp_path: Path) -> None:
    writer = tetrahedron()
    writer.node(mesh=0, scale=[-1, 1, 1])
    assert volume(triangles(writer.write_glb(tmp_path / "a.glb"))) == pytest.approx(1.0)


MATRICES = st.lists(
    st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.2, 3), st.integers(0, 2), st.booleans()), max_size=6
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MATRICES)
def test_scenes_are_flattened_as_trimesh_does(tmp_path: Path, nodes: list[tuple[Any, ...]]) -> None:
    scene = trimesh.Scene(trimesh.creation.box((1, 2, 3)))
    scene.add_geometry(trimesh.creation.icosphere(subdivisions=0), geom_name="ball", node_name="ball")
    parent = "world"
    for number, (angle, shift, scale, axis, nested) in enumerate(nodes):
        matrix = trimesh.transformations.rotation_matrix(angle, np.eye(3)[axis], [shift, 1, 0])
        matrix[:3, :3] *= scale
        scene.add_geometry(
            scene.geometry["ball"], node_name=f"n{number}", parent_node_name=parent, transform=matrix, geom_name="ball"
        )
        parent = f"n{number}" if nested else "world"
    scene.export(tmp_path / "scene.glb")
    expected = scene.to_mesh()
    found = triangles(tmp_path / "scene.glb")
    assert len(found) == len(expected.faces)
    side = np.ptp(expected.bounds, axis=0).max()
    ours, theirs = found.reshape(-1, 9), expected.triangles.reshape(-1, 9)
    for one, other in ((ours, theirs), (theirs, ours)):  # the same triangles with the same first corners, in any order
        assert cKDTree(one).query(other)[0].max() < 1e-5 * side


@pytest.mark.parametrize(
    ("mode", "corners", "expected"),
    [
        (5, [0, 1, 2, 3], [[0, 1, 2], [1, 3, 2]]),  # strip: every second triangle is turned
        (6, [0, 1, 2, 3], [[1, 2, 0], [2, 3, 0]]),  # fan
        (4, [0, 1, 2], [[0, 1, 2]]),
    ],
)
def test_strips_and_fans(tmp_path: Path, mode: int, corners: list[int], expected: list[list[int]]) -> None:
    writer = GltfWriter()
    writer.mesh(writer.accessor(CORNERS), writer.accessor(np.array(corners, np.uint8)), mode=mode)
    writer.node(mesh=0)
    assert as_sets(triangles(writer.write_glb(tmp_path / "a.glb"))) == as_sets(CORNERS[np.array(expected)])


def test_primitives_without_indices_and_points_beside_triangles(tmp_path: Path) -> None:
    writer = GltfWriter()
    writer.mesh(writer.accessor(np.ascontiguousarray(CORNERS[FACES].reshape(-1, 3))))
    writer.header["meshes"][0]["primitives"].append({"attributes": {"POSITION": 0}, "mode": 0})
    writer.node(mesh=0)
    assert as_sets(triangles(writer.write_glb(tmp_path / "a.glb"))) == as_sets(CORNERS[FACES])


def test_interleaved_vertices(tmp_path: Path) -> None:
    writer = GltfWriter()
    view = writer.view(np.concatenate([np.full_like(CORNERS, 7), CORNERS], axis=1).tobytes())
    writer.header["bufferViews"][view]["byteStride"] = 24
    position = writer.accessor(None, bufferView=view, byteOffset=12, componentType=5126, type="VEC3", count=4)
    writer.mesh(position, writer.accessor(FACES.reshape(-1)))
    writer.node(mesh=0)
    assert as_sets(triangles(writer.write_glb(tmp_path / "a.glb"))) == as_sets(CORNERS[FACES])


def test_sparse_accessors_replace_single_vertices(tmp_path: Path) -> None:
    writer = tetrahedron()
    where, values = writer.view(np.array([3], np.uint8).tobytes()), writer.view(np.float32([0, 0, 8]).tobytes())
    indices = {"bufferView": where, "componentType": 5121}
    writer.header["accessors"][0]["sparse"] = {"count": 1, "indices": indices, "values": {"bufferView": values}}
    writer.node(mesh=0)
    assert triangles(writer.write_glb(tmp_path / "a.glb")).max() == 8


def test_quantised_positions_are_normalised(tmp_path: Path) -> None:
    writer = GltfWriter()
    position = writer.accessor((CORNERS / 3 * 32767).round().astype(np.int16), normalized=True)
    writer.mesh(position, writer.accessor(FACES.reshape(-1)))
    writer.node(mesh=0, scale=[3, 3, 3])
    writer.header["extensionsRequired"] = ["KHR_mesh_quantization"]
    np.testing.assert_allclose(triangles(writer.write_glb(tmp_path / "a.glb")).max((0, 1)), [1, 2, 3], atol=2e-4)


def test_draco_is_read_where_its_package_is_there(tmp_path: Path) -> None:
    draco = pytest.importorskip("DracoPy")
    content = draco.encode(CORNERS, FACES.astype(np.uint32), quantization_bits=14, preserve_order=True)
    found = triangles(draco_tetrahedron(content).write_glb(tmp_path / "a.glb"))
    assert volume(found) == pytest.approx(1.0, rel=1e-3)
    np.testing.assert_allclose(found.max((0, 1)), [1, 2, 3], atol=1e-3)
    with pytest.raises(UserError, match=r"b\.glb: cannot be read as \.glb .*Draco"):
        read_mesh_file(draco_tetrahedron(content[: len(content) // 2]).write_glb(tmp_path / "b.glb"))


def test_draco_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    path = draco_tetrahedron(b"compressed").write_glb(tmp_path / "a.glb")
    with pytest.raises(UserError, match=r"a\.glb: is compressed by Draco.*pip install DracoPy"):
        read_mesh_file(path)


def test_draco_with_plain_accessors_beside_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    writer = tetrahedron()
    writer.header["meshes"][0]["primitives"][0]["extensions"] = {"KHR_draco_mesh_compression": {}}
    writer.node(mesh=0)
    assert as_sets(triangles(writer.write_glb(tmp_path / "a.glb"))) == as_sets(CORNERS[FACES])


def test_buffers_beside_the_file_and_within_it(tmp_path: Path) -> None:
    writer = tetrahedron()
    writer.node(mesh=0)
    (tmp_path / "the data.bin").write_bytes(writer.binary)
    for uri in ("the%20data.bin", "data:application/octet-stream;base64," + base64.b64encode(writer.binary).decode()):
        assert as_sets(triangles(writer.write_gltf(tmp_path / "a.gltf", uri))) == as_sets(CORNERS[FACES])


def test_buffers_elsewhere_are_not_opened(tmp_path: Path) -> None:
    writer = tetrahedron()
    writer.node(mesh=0)
    (tmp_path / "secret.bin").write_bytes(writer.binary)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.bin").symlink_to(tmp_path / "secret.bin")
    for uri in ("../secret.bin", str(tmp_path / "secret.bin"), "link.bin", "none.bin", "https://example.org/a.bin"):
        with pytest.raises(UserError, match=re.escape(f"{uri!r}, which is no file in its own folder")):
            read_mesh_file(writer.write_gltf(tmp_path / "in" / "a.gltf", uri))


def test_what_would_be_read_wrongly_is_refused(tmp_path: Path) -> None:
    for key, extension in (
        ("extensionsRequired", "EXT_meshopt_compression"),
        ("extensionsUsed", "EXT_mesh_gpu_instancing"),
    ):
        writer = tetrahedron()
        writer.node(mesh=0)
        writer.header[key] = ["KHR_materials_unlit", extension]
        with pytest.raises(UserError, match=f"extension {extension}"):
            read_mesh_file(writer.write_glb(tmp_path / "a.glb"))


def test_a_file_that_declares_too_much_is_refused_before_it_is_read(tmp_path: Path) -> None:
    writer = GltfWriter()
    position = writer.accessor(None, componentType=5126, type="VEC3", count=3 * 10**12)  # zeros, without any content
    writer.mesh(position)
    writer.node(mesh=0)
    with pytest.raises(UserError, match=r"has 1,000,000,000,000 faces .* limit of 10,000,000"):
        read_mesh_file(writer.write_glb(tmp_path / "a.glb"))


def test_instances_count_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = tetrahedron()
    for _ in range(3):
        writer.node(mesh=0)
    monkeypatch.setattr(mesh_files, "MAX_FACES", 12)
    path = writer.write_glb(tmp_path / "a.glb")
    assert len(triangles(path)) == 12
    monkeypatch.setattr(mesh_files, "MAX_FACES", 11)
    with pytest.raises(UserError, match=r"has 12 faces .* limit of 11 faces"):
        read_mesh_file(path)


def test_parts_may_be_placed_often_but_not_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gltf, "FREE_FACES", 0)
    writer = tetrahedron()
    for _ in range(200):
        writer.node(mesh=0)
    assert len(triangles(writer.write_glb(tmp_path / "a.glb"))) == 800  # some bytes for each
    size = len((tmp_path / "a.glb").read_bytes())
    writer.header["meshes"][0]["primitives"] *= 100
    with pytest.raises(UserError, match=r"has 80,000 faces .*limit of \d,\d{3} faces for a file of its size") as told:
        read_mesh_file(writer.write_glb(tmp_path / "a.glb"))
    assert int(re.findall(r"limit of ([\d,]+)", str(told.value))[0].replace(",", "")) > size


def test_a_compressed_view_is_unpacked_once_and_counted_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draco = pytest.importorskip("DracoPy")
    content = draco.encode(CORNERS, FACES.astype(np.uint32), quantization_bits=14)
    writer = draco_tetrahedron(content)
    writer.header["meshes"][0]["primitives"] *= 5
    unpacked = []
    decode = draco.decode

    def counted(content: bytes) -> Any:
        unpacked.append(content)
        return decode(content)

    monkeypatch.setattr(draco, "decode", counted)
    assert len(triangles(writer.write_glb(tmp_path / "a.glb"))) == 20
    assert len(unpacked) == 1
    monkeypatch.setattr(mesh_files, "MAX_FACES", 11)
    for accessor in writer.header["accessors"]:
        accessor["count"] = 3
    with pytest.raises(UserError, match=r"a\.glb: the mesh has 12 faces and 12 vertices.* limit of 11 faces"):
        read_mesh_file(writer.write_glb(tmp_path / "a.glb"))


@pytest.mark.parametrize("level", [0, 7, 10])
@pytest.mark.parametrize("subdivisions", [1, 3])
def test_draco_says_how_many_faces_it_has(level: int, subdivisions: int) -> None:
    draco = pytest.importorskip("DracoPy")
    sphere = trimesh.creation.icosphere(subdivisions)
    content = draco.encode(sphere.vertices.astype(np.float32), sphere.faces, compression_level=level)
    assert declared_faces(content) == len(sphere.faces)


@pytest.mark.parametrize("content", bombs.endless_dracos())
def test_draco_that_declares_too_much_is_not_unpacked(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gltf, "read_draco", None)
    with pytest.raises(UserError, match=r"a\.glb: the mesh has 500,000,000 faces"):
        read_mesh_file(draco_tetrahedron(content).write_glb(tmp_path / "a.glb"))


def test_buffers_are_read_when_they_are_used_and_each_file_once(tmp_path: Path) -> None:
    writer = tetrahedron()
    writer.node(mesh=0)
    used = {"byteLength": len(writer.binary), "uri": "a.bin"}
    writer.header["buffers"] = [used, {"byteLength": 1, "uri": "none.bin"}, dict(used, uri="./a.bin")]
    writer.header["bufferViews"][1]["buffer"] = 2
    (tmp_path / "a.bin").write_bytes(writer.binary)
    path = writer.write_gltf(tmp_path / "a.gltf", "")
    assert as_sets(triangles(path)) == as_sets(CORNERS[FACES])
    buffers = Buffers(writer.header, None, path, "a")
    assert buffers.view(0)[0].obj is buffers.view(1)[0].obj
    assert buffers.held() == path.stat().st_size + len(writer.binary)


def test_files_beside_count_to_the_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = tetrahedron()
    writer.node(mesh=0)
    (tmp_path / "a.bin").write_bytes(writer.binary)
    path = writer.write_gltf(tmp_path / "a.gltf", "a.bin")
    monkeypatch.setattr(gltf_buffers, "MAX_BYTES", path.stat().st_size + len(writer.binary) - 1)
    with pytest.raises(UserError, match=r"a\.gltf: with the files that it names it is larger than"):
        read_mesh_file(path)


def _loop(header: dict[str, Any]) -> None:
    header["nodes"] = [{"children": [1]}, {"children": [0], "mesh": 0}]
    header["scenes"] = [{"nodes": [0]}]


@pytest.mark.parametrize(
    "damage",
    [
        _loop,
        lambda header: header["accessors"][1].update(count=13),
        lambda header: header["accessors"][0].update(count=-1),
        lambda header: header["accessors"][0].update(count=3),  # a face names the fourth vertex
        lambda header: header["accessors"][0].update(type="VEC9"),
        lambda header: header["bufferViews"][0].update(byteLength=10**6),
        lambda header: header["nodes"][0].update(mesh=5),
        lambda header: header.update(meshes={}),
        lambda header: header.update(nodes=[7]),
        lambda header: header.update(buffers=[]),
    ],
)
def test_broken_files_are_named(tmp_path: Path, damage: Any) -> None:
    writer = tetrahedron()
    writer.node(mesh=0)
    damage(writer.header)
    with pytest.raises(UserError, match=r"a\.glb: cannot be read as \.glb \("):
        read_mesh_file(writer.write_glb(tmp_path / "a.glb"))


def test_a_glb_cut_anywhere_is_refused(tmp_path: Path) -> None:
    writer = tetrahedron()
    writer.node(mesh=0)
    content = writer.write_glb(tmp_path / "a.glb").read_bytes()
    for length in range(0, len(content), 13):
        (tmp_path / "a.glb").write_bytes(content[:length])
        with pytest.raises(UserError, match=r"a\.glb: cannot be read"):
            read_mesh_file(tmp_path / "a.glb")


def test_nothing_in_the_scene_is_no_shape(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no faces"):
        read_mesh_file(tetrahedron().write_glb(tmp_path / "a.glb"))
    (tmp_path / "b.glb").write_bytes(struct.pack("<4sII", b"glTF", 1, 12))
    with pytest.raises(UserError, match="not that of GLB 2"):
        read_mesh_file(tmp_path / "b.glb")
    (tmp_path / "c.gltf").write_text(json.dumps([]))
    with pytest.raises(UserError, match="no faces"):
        read_mesh_file(tmp_path / "c.gltf")
