"""Mesh files of every format are read alike, and what is no shape is refused with its name and reason."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from argus3d.data.formats import mesh_files
from argus3d.data.formats.mesh_files import MESH_SUFFIXES, read_mesh_file
from argus3d.errors import UserError

TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], float)


def write(path: Path, vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> Path:
    trimesh.Trimesh(vertices, faces, process=False).export(path)
    return path


def write_obj(path: Path, vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> Path:
    lines = ["v " + " ".join(map(str, vertex)) for vertex in vertices]
    path.write_text("\n".join(lines + ["f " + " ".join(str(corner + 1) for corner in face) for face in faces]) + "\n")
    return path


@pytest.mark.parametrize("suffix", [*(suffix for suffix in MESH_SUFFIXES if suffix != ".wrl"), ".OBJ"])
def test_every_format_gives_the_same_surface(tmp_path: Path, suffix: str) -> None:
    box = trimesh.creation.box((1, 2, 3))
    box.apply_translation([10, 20, 30])
    # A .gltf export is a set of files: one of JSON and one a buffer.
    for name, content in box.export(file_type="gltf").items() if suffix == ".gltf" else ():
        (tmp_path / name.replace("model.gltf", "box.gltf")).write_bytes(content)
    if suffix != ".gltf":
        box.export(tmp_path / f"box{suffix}", file_type=suffix[1:].lower())
    vertices, faces = read_mesh_file(tmp_path / f"box{suffix}")
    assert vertices.dtype == np.float64 and faces.dtype == np.int64 and faces.shape == (12, 3)
    np.testing.assert_allclose(vertices.min(0), [9.5, 19, 28.5], rtol=1e-6)
    np.testing.assert_allclose(vertices.max(0), [10.5, 21, 31.5], rtol=1e-6)
    assert trimesh.Trimesh(vertices, faces).volume == pytest.approx(6, rel=1e-5)


def test_all_objects_of_a_file_are_joined(tmp_path: Path) -> None:
    triangle = "o a\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl red\nf 1 2 3\n"
    square = "o b\nv 5 0 0\nv 6 0 0\nv 6 1 0\nv 5 1 0\nusemtl blue\nf 4 5 6 7\n"
    (tmp_path / "two.obj").write_text("mtllib none.mtl\n" + triangle + square)
    vertices, faces = read_mesh_file(tmp_path / "two.obj")
    assert len(faces) == 3  # the square becomes two triangles
    assert vertices[:, 0].max() == 6
    corners = "".join(f"vertex {x} {y} {{0}}\n" for x, y in ((0, 0), (1, 0), (0, 1)))
    solid = f"solid a\nfacet normal 0 0 1\nouter loop\n{corners}endloop\nendfacet\nendsolid a\n"
    (tmp_path / "two.stl").write_text(solid.format(0) + solid.format(4))
    vertices, faces = read_mesh_file(tmp_path / "two.stl")
    assert len(faces) == 2 and sorted(set(vertices[:, 2])) == [0, 4]


def test_faces_without_area_are_dropped_with_their_vertices(tmp_path: Path) -> None:
    vertices = np.concatenate([TRIANGLE, [[50, 0, 0], [60, 0, 0], [70, 0, 0]]])
    found, faces = read_mesh_file(write_obj(tmp_path / "a.obj", vertices, np.array([[0, 1, 2], [3, 4, 5], [0, 0, 1]])))
    assert found.tolist() == TRIANGLE.tolist() and faces.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("vertices", "reason"),
    [
        (np.where(TRIANGLE == 1, np.nan, TRIANGLE), "NaN or infinite"),
        (TRIANGLE * 1e9, r"coordinate of 1e\+09, beyond the limit of 1e\+08"),
        (TRIANGLE - [0, 2e9, 0], r"coordinate of 2e\+09"),
        (TRIANGLE * 0, "one point"),
        (TRIANGLE * [1, 0, 0], "no face of the mesh has an area"),
    ],
)
def test_impossible_coordinates_are_refused(tmp_path: Path, vertices: NDArray[np.float64], reason: str) -> None:
    for suffix in (".ply", ".glb", ".stl", ".obj"):
        path = tmp_path / f"bad{suffix}"
        (write_obj if suffix == ".obj" else write)(path, vertices, np.array([[0, 1, 2]]))
        with pytest.raises(UserError, match=f"^{re.escape(str(path))}: .*{reason}"):
            read_mesh_file(path)


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".off", ".ply", ".stl"])
def test_empty_files_and_garbage_are_refused(tmp_path: Path, suffix: str) -> None:
    for content in (b"", b"\0\xff garbage \x80" * 20, b"{}"):
        (tmp_path / f"bad{suffix}").write_bytes(content)
        with pytest.raises(UserError, match=f"bad{suffix}"):
            read_mesh_file(tmp_path / f"bad{suffix}")


@pytest.mark.parametrize("suffix", [".off", ".ply", ".stl"])
def test_cut_files_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut{suffix}"
    trimesh.creation.icosphere(subdivisions=1).export(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=f"cut{suffix}"):
        read_mesh_file(path)


def test_points_without_faces_are_no_shape(tmp_path: Path) -> None:
    trimesh.PointCloud(TRIANGLE).export(tmp_path / "cloud.ply")
    with pytest.raises(UserError, match=r"cloud\.ply: the mesh has no faces"):
        read_mesh_file(tmp_path / "cloud.ply")


def test_missing_files_folders_and_other_suffixes_are_named(tmp_path: Path) -> None:
    (tmp_path / "folder.obj").mkdir()
    for name, reason in (
        ("none.obj", "no such file"),
        ("folder.obj", "no such file"),
        ("a.fbx", ".fbx is no mesh format"),
    ):
        with pytest.raises(UserError, match=f"{name}: .*{reason}"):
            read_mesh_file(tmp_path / name)
    with pytest.raises(UserError, match=r"^chair/none\.obj: there"):
        read_mesh_file(tmp_path / "none.obj", "chair/none.obj")


DECLARED: dict[str, Callable[[int], bytes]] = {
    ".ply": lambda n: b"ply\nformat ascii 1.0\nelement vertex 3\nelement face %d\nend_header\n" % n,
    ".off": lambda n: b"# by hand\nOFF\n# counts\n3 %d 0\n" % n,
    ".obj": lambda n: b"v 0 0 0\n" + b"f 1 1 1\n" * n,
    ".stl": lambda n: bytes(80) + n.to_bytes(4, "little") + bytes(50 * n),
}


@pytest.mark.parametrize("suffix", DECLARED)
def test_too_many_faces_are_refused_before_they_are_parsed(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(*_: object) -> None:
        raise AssertionError("the file was parsed")

    monkeypatch.setattr(mesh_files, "MAX_FACES", 1000)
    monkeypatch.setattr(mesh_files, "mesh_from_bytes", parse)
    (tmp_path / f"big{suffix}").write_bytes(DECLARED[suffix](1001))
    with pytest.raises(UserError, match=f"big{suffix}: the mesh has 1,001 faces, more than the limit of 1,000"):
        read_mesh_file(tmp_path / f"big{suffix}")


def test_polygons_count_as_triangles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_obj(
        tmp_path / "a.obj", np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2, 3]])
    )
    monkeypatch.setattr(mesh_files, "MAX_FACES", 1)
    with pytest.raises(UserError, match="has 2 faces"):
        read_mesh_file(path)


def test_a_file_too_large_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "huge.stl").open("wb") as stream:
        stream.truncate(mesh_files.MAX_BYTES + 1)  # sparse: takes no room
    with pytest.raises(UserError, match=r"huge\.stl: the file is larger than 2 GiB"):
        read_mesh_file(tmp_path / "huge.stl")


def test_a_vrml_file_is_read_with_its_places(tmp_path: Path) -> None:
    square = "IndexedFaceSet { coord Coordinate { point [0 0 0, 2 0 0, 2 1 0, 0 1 0] } coordIndex [0 1 2 3 -1] }"
    (tmp_path / "part.wrl").write_text(
        f"#VRML V2.0 utf8\nTransform {{ translation 5 0 0 children [ Shape {{ geometry {square} }} ] }}\n"
    )
    vertices, faces = read_mesh_file(tmp_path / "part.wrl")
    assert len(faces) == 2 and vertices.min(axis=0).tolist() == [5, 0, 0] and vertices.max(axis=0).tolist() == [7, 1, 0]
    (tmp_path / "cut.wrl").write_text("#VRML V2.0 utf8\nShape { geometry IndexedFaceSet {")
    with pytest.raises(UserError, match=r"cut\.wrl"):
        read_mesh_file(tmp_path / "cut.wrl")
