"""The triangles of glTF 2.0 files, placed by their nodes: plain, sparse, quantised or compressed by Draco."""

import json
import struct
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from argus3d.data.formats.draco import declared_faces, read_draco
from argus3d.data.formats.gltf_buffers import Buffers
from argus3d.data.formats.meshes import FREE_FACES, Mesh
from argus3d.errors import UserError

# What reading a file that is broken anywhere may raise.
BROKEN = (
    AttributeError,
    LookupError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
DRACO = "KHR_draco_mesh_compression"
# Extensions that a file may require and that are read here, or that touch only how a surface looks.
_READ = (DRACO, "KHR_mesh_quantization")
_LOOKS = ("KHR_materials_", "KHR_texture_", "KHR_lights_", "EXT_texture_", "MSFT_texture_", "EXT_lights_")
_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_MAX_ZEROS = 1_000_000  # rows that a file need not hold, where it only says which of them are not 0
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942


def read_gltf(path: Path, max_faces: int, name: str) -> Mesh:
    """Read a .glb or .gltf file: the triangles of the file's scene, each mesh as often and where its nodes place it.

    Skins and morph targets are left as modelled; points and lines are left out.
    max_faces : int, a file that declares more faces, or three times as many vertices, is refused before they are read,
    and so is one that declares more than `FREE_FACES` and one for each of its bytes
    name : what an error calls the file

    Returns vertices (V, 3) float64 and faces (F, 3) int64, in metres and y up as glTF has them.

    Raises UserError for too many faces, an extension that is not read here, a side file outside the file's folder, and
    Draco where DracoPy is not installed. What is broken otherwise raises one of the errors in `BROKEN`.
    Source: Khronos glTF 2.0 specification, sections 3.5 to 3.7.
    """
    header, binary = _split(path)
    _check_extensions(header, name)
    placed = _placed_meshes(header)
    buffers = Buffers(header, binary, path, name)
    times = Counter(index for index, _ in placed)
    limits = _Limits(max_faces, FREE_FACES + buffers.held(), name)
    sizes = {index: _declared_size(header, index) for index in times}
    limits.check(*(sum(sizes[index][k] * count for index, count in times.items()) for k in range(2)))
    document = _Document(header, buffers, limits, name)
    parts = {index: document.mesh(index, count) for index, count in times.items()}
    return _joined([_transformed(parts[index], matrix) for index, matrix in placed])


def _split(path: Path) -> tuple[dict[str, Any], bytes | None]:
    """The JSON of a file and, of a .glb, its binary chunk."""
    content = path.read_bytes()
    if path.suffix.lower() == ".gltf":
        return dict(json.loads(content)), None
    magic, version, length = struct.unpack_from("<4sII", content)
    if magic != b"glTF" or version != 2:
        raise ValueError("its header is not that of GLB 2")
    if length > len(content):
        raise ValueError(f"it is truncated: {len(content)} of {length} bytes")
    chunks: dict[int, bytes] = {}
    start = 12
    while start + 8 <= length:
        size, kind = struct.unpack_from("<II", content, start)
        if start + 8 + size > length:
            raise ValueError("a chunk runs past the end of the file")
        chunks.setdefault(kind, content[start + 8 : start + 8 + size])
        start += 8 + size
    return dict(json.loads(chunks[_JSON_CHUNK])), chunks.get(_BINARY_CHUNK)


def _check_extensions(header: dict[str, Any], name: str) -> None:
    required = [item for item in header.get("extensionsRequired", []) if item not in _READ]
    unread = [item for item in required if not item.startswith(_LOOKS)]
    # Files need not require this one, but without it copies of meshes would be missing.
    unread += [item for item in header.get("extensionsUsed", []) if item == "EXT_mesh_gpu_instancing"]
    if unread:
        raise UserError(f"{name}: needs the glTF extension {unread[0]}, which is not read here; export without it.")


@dataclass(frozen=True)
class _Limits:
    """Faces that a file may have at most, and a file of its size, each counted as often as it is placed."""

    faces: int
    faces_for_size: int
    name: str

    def check(self, faces: int, vertices: int) -> None:
        """Raises: UserError for more faces, or for more than three times as many vertices."""
        for limit, of in ((self.faces, "faces"), (self.faces_for_size, "faces for a file of its size")):
            if faces > limit or vertices > 3 * limit:
                raise UserError(
                    f"{self.name}: the mesh has {faces:,} faces and {vertices:,} vertices, parts counted as often as "
                    f"they are placed, more than the limit of {limit:,} {of}; simplify it."
                )


def _declared_size(header: dict[str, Any], mesh: int) -> tuple[int, int]:
    """Faces and vertices of a mesh as its accessors declare them."""
    faces = vertices = 0
    for primitive in header["meshes"][mesh]["primitives"]:
        mode = primitive.get("mode", _TRIANGLES)
        if "POSITION" not in primitive["attributes"] or mode not in (_TRIANGLES, _STRIP, _FAN):
            continue
        count = header["accessors"][primitive["attributes"]["POSITION"]]["count"]
        corners = header["accessors"][primitive["indices"]]["count"] if "indices" in primitive else count
        if min(count, corners) < 0:
            raise ValueError(f"mesh {mesh} declares a negative count")
        vertices += count
        faces += corners // 3 if mode == _TRIANGLES else max(0, corners - 2)
    return faces, vertices


def _placed_meshes(header: dict[str, Any]) -> list[tuple[int, NDArray[np.float64]]]:
    """(mesh, 4 x 4 matrix to the scene) of every node of the scene that has a mesh."""
    nodes = header.get("nodes", [])
    if "scenes" in header:
        roots = header["scenes"][header.get("scene", 0)].get("nodes", [])
    else:
        roots = sorted(set(range(len(nodes))) - {child for node in nodes for child in node.get("children", [])})
    placed, seen = [], set()
    waiting = [(root, np.eye(4)) for root in reversed(roots)]
    while waiting:
        index, parent = waiting.pop()
        if index in seen:
            raise ValueError(f"node {index} hangs below two nodes or below itself")
        seen.add(index)
        matrix = parent @ _local_matrix(nodes[index])
        if "mesh" in nodes[index]:
            placed.append((nodes[index]["mesh"], matrix))
        waiting += [(child, matrix) for child in reversed(nodes[index].get("children", []))]
    return placed


def _local_matrix(node: dict[str, Any]) -> NDArray[np.float64]:
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T  # stored by columns
    matrix = np.eye(4)
    matrix[:3, :3] = _rotation(node.get("rotation", (0, 0, 0, 1))) * np.array(node.get("scale", (1, 1, 1)), np.float64)
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


def _rotation(quaternion: list[float]) -> NDArray[np.float64]:
    """(3, 3) rotation of a quaternion (x, y, z, w)."""
    x, y, z, w = np.array(quaternion, dtype=np.float64) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


@dataclass
class _Document:
    """A file's JSON and the buffers it speaks of."""

    header: dict[str, Any]
    buffers: Buffers
    limits: _Limits
    name: str
    _faces: int = 0  # so far, as often as they are placed
    _vertices: int = 0
    _unpacked: dict[tuple[int, int], Mesh] = field(default_factory=dict)  # by Draco

    def mesh(self, index: int, times: int) -> Mesh:
        """All triangles of a mesh that is placed so many times, in its own coordinates."""
        parts = []
        for primitive in self.header["meshes"][index]["primitives"]:
            vertices, faces = self._primitive(primitive)
            self._faces += times * len(faces)
            self._vertices += times * len(vertices)
            self.limits.check(self._faces, self._vertices)  # Draco holds what it holds, whatever the file declares
            parts.append((vertices, faces))
        return _joined(parts)

    def _primitive(self, primitive: dict[str, Any]) -> Mesh:
        mode = primitive.get("mode", _TRIANGLES)
        if "POSITION" not in primitive["attributes"] or mode not in (_TRIANGLES, _STRIP, _FAN):
            return np.zeros((0, 3)), np.zeros((0, 3), np.int64)
        position = primitive["attributes"]["POSITION"]
        # A compressed primitive may carry plain accessors too, for readers without Draco.
        if DRACO in primitive.get("extensions", {}) and "bufferView" not in self.header["accessors"][position]:
            return self._draco(primitive["extensions"][DRACO])
        vertices = self._accessor(position)
        if "indices" not in primitive:
            return vertices, _triangles(np.arange(len(vertices)), mode)
        return vertices, _triangles(self._accessor(primitive["indices"]).reshape(-1).astype(np.int64), mode)

    def _draco(self, extension: dict[str, Any]) -> Mesh:
        """The primitive that a view holds; primitives of one view share it."""
        index, unique_id = extension["bufferView"], extension["attributes"]["POSITION"]
        if (index, unique_id) not in self._unpacked:
            content = bytes(self.buffers.view(index)[0])
            self.limits.check(declared_faces(content), 0)
            self._unpacked[index, unique_id] = read_draco(content, unique_id, self.name)
        return self._unpacked[index, unique_id]

    def _accessor(self, index: int) -> NDArray[np.float64]:
        """(count, width) float64: exact for all component types, normalised where the file says so."""
        accessor = self.header["accessors"][index]
        dtype, width = np.dtype(_DTYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        if "bufferView" not in accessor and accessor["count"] > _MAX_ZEROS:
            raise ValueError(f"accessor {index} has {accessor['count']} values without content")
        values = np.zeros((accessor["count"], width), dtype)
        if "bufferView" in accessor:
            values = self._rows(accessor, accessor["count"], width, dtype)
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            of_index = np.dtype(_DTYPES[sparse["indices"]["componentType"]])
            where = self._rows(sparse["indices"], sparse["count"], 1, of_index)[:, 0]
            values[where] = self._rows(sparse["values"], sparse["count"], width, dtype)
        if not accessor.get("normalized", False):
            return values.astype(np.float64)
        return np.maximum(values.astype(np.float64) / np.iinfo(dtype).max, -1)

    def _rows(self, place: dict[str, Any], count: int, width: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        content, stride = self.buffers.view(place["bufferView"])
        strides = (stride or width * dtype.itemsize, dtype.itemsize)
        offset = place.get("byteOffset", 0)
        # numpy checks that the rows lie within the content.
        return np.ndarray((count, width), dtype, buffer=content, offset=offset, strides=strides).copy()


def _triangles(corners: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """(F, 3) faces of a list, strip or fan of corners, all with the winding of the first."""
    if mode == _TRIANGLES:
        return corners.reshape(-1, 3)
    first = np.arange(max(0, len(corners) - 2))
    if mode == _FAN:
        return np.stack([corners[first + 1], corners[first + 2], corners[first * 0]], axis=1)
    odd = first % 2
    return np.stack([corners[first], corners[first + 1 + odd], corners[first + 2 - odd]], axis=1)


def _transformed(mesh: Mesh, matrix: NDArray[np.float64]) -> Mesh:
    vertices, faces = mesh
    mirrored = np.linalg.det(matrix[:3, :3]) < 0
    return vertices @ matrix[:3, :3].T + matrix[:3, 3], faces[:, ::-1] if mirrored else faces


def _joined(meshes: list[Mesh]) -> Mesh:
    for vertices, faces in meshes:
        if len(faces) and not 0 <= faces.min() <= faces.max() < len(vertices):
            raise ValueError(f"a face names vertex {faces.max()}, but there are only {len(vertices)}")
    starts = np.cumsum([0] + [len(vertices) for vertices, _ in meshes])
    vertices = np.concatenate([np.zeros((0, 3)), *(vertices for vertices, _ in meshes)])
    shifted = [faces + start for (_, faces), start in zip(meshes, starts, strict=False)]
    return vertices, np.concatenate([np.zeros((0, 3), np.int64), *shifted])
