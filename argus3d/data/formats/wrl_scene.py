"""The scene of a VRML file: nodes as they were written, and the triangles that they stand for as placed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from argus3d.data.formats.meshes import Mesh
from argus3d.errors import UserError

MAX_PLACED_DEPTH = 256  # nodes inside nodes, with what USE stands for
# A few lines of USE inside USE can stand for more than any time or memory: so many more than are written.
MAX_NODES = 50_000


@dataclass(frozen=True)
class Node:
    """A node that is read: its type, and the fields that were given."""

    kind: str
    nodes: dict[str, list["Node"]] = field(default_factory=dict)
    numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    clockwise: bool = False


def placed_mesh(scene: Sequence[Node], written: int, most_faces: int, name: str) -> Mesh:
    """Vertices (V, 3) and faces (F, 3) of all face sets of a scene, each as often and where it is placed.

    written : nodes in the file, before USE
    most_faces : what the scene may have at most, of faces and of vertices

    Raises: UserError for what is larger, or nested too deep, and for faces that name missing vertices
    """
    soup = _Soup(name, written + MAX_NODES, most_faces)
    with np.errstate(over="ignore", invalid="ignore"):  # what grows past all numbers is refused with the mesh
        for node in scene:
            soup.add(node, np.eye(4))
    return soup.mesh()


class _Soup:
    """The triangles of a scene, gathered node by node."""

    def __init__(self, name: str, most_nodes: int, most_faces: int) -> None:
        self._name, self._most_nodes, self._most_faces = name, most_nodes, most_faces
        self._vertices: list[NDArray[np.float64]] = [np.empty((0, 3))]
        self._faces: list[NDArray[np.int64]] = [np.empty((0, 3), np.int64)]
        self._nodes_seen = self._vertices_seen = self._faces_seen = 0
        # Of nodes, by identity: USE brings them again and again.
        self._matrices: dict[int, NDArray[np.float64]] = {}
        self._triangles: dict[int, NDArray[np.int64]] = {}

    def add(self, node: Node, place: NDArray[np.float64], depth: int = 0) -> None:
        """Add what is below a node; place : (4, 4), from its coordinates to the scene's."""
        self._nodes_seen += 1
        if self._nodes_seen > self._most_nodes:
            self._fail(f"its scene has more than {self._most_nodes:,} nodes")
        if depth > MAX_PLACED_DEPTH:
            self._fail(f"with USE, nodes are nested more than {MAX_PLACED_DEPTH} deep")
        if node.kind == "IndexedFaceSet":
            self._add_faces(node, place)
            return
        if node.kind == "Transform":
            if id(node) not in self._matrices:
                self._matrices[id(node)] = _transform(node)
            place = place @ self._matrices[id(node)]
        for child in _children(node):
            self.add(child, place, depth + 1)

    def mesh(self) -> Mesh:
        """Vertices (V, 3) and faces (F, 3) of all that was added."""
        return np.concatenate(self._vertices), np.concatenate(self._faces)

    def _add_faces(self, node: Node, place: NDArray[np.float64]) -> None:
        points = [coord.numbers.get("point", np.empty(0)) for coord in node.nodes.get("coord", [])]
        count = sum(map(len, points)) // 3
        if id(node) not in self._triangles:
            self._triangles[id(node)] = self._face_set(node, count)
        faces = self._triangles[id(node)]
        if max(self._faces_seen + len(faces), self._vertices_seen + count) > self._most_faces:
            self._fail(f"it has more than {self._most_faces:,} faces or vertices, counted as often as they are placed")
        if node.clockwise != (np.linalg.det(place[:3, :3]) < 0):  # a mirror turns faces inside out
            faces = faces[:, ::-1]
        own = np.concatenate([np.empty(0), *points]).reshape(-1, 3)
        self._vertices.append(own @ place[:3, :3].T + place[:3, 3])
        self._faces.append(faces + self._vertices_seen)
        self._vertices_seen += count
        self._faces_seen += len(faces)

    def _face_set(self, node: Node, count: int) -> NDArray[np.int64]:
        """(F, 3) triangles of a face set of `count` vertices."""
        corners = node.numbers.get("coordIndex", np.empty(0))
        if len(corners) and not (np.equal(corners, np.floor(corners)).all() and corners.min() >= -1):
            self._fail("coordIndex holds something else than vertex numbers and -1")
        if len(corners) and corners.max() >= count:
            self._fail(f"coordIndex names vertex {corners.max():.0f}, but its face set has only {count}")
        return fans(corners.astype(np.int64))

    def _fail(self, reason: str) -> NoReturn:
        raise UserError(f"{self._name}: {reason}; leave it out, or export it as VRML 2.0 again.")


def fans(corners: NDArray[np.int64]) -> NDArray[np.int64]:
    """(F, 3) int64: triangles of polygons, each a fan around its first corner.

    corners : (N,) int64, vertex numbers with -1 after each polygon; the last -1 may be missing
    """
    closed = np.append(corners, -1)
    ends = np.flatnonzero(closed < 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    counts = np.maximum(ends - starts - 2, 0)
    first = np.repeat(starts, counts)
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    return np.stack([closed[first], closed[first + step], closed[first + step + 1]], axis=1)


def _children(node: Node) -> list[Node]:
    if node.kind != "Switch":
        return [child for nodes in node.nodes.values() for child in nodes]
    chosen, choices = int(node.numbers.get("whichChoice", np.array([-1.0]))[0]), node.nodes.get("choice", [])
    return [choices[chosen]] if 0 <= chosen < len(choices) else []


def _transform(node: Node) -> NDArray[np.float64]:
    """(4, 4): T C R SR S -SR -C, by which VRML places the children of a Transform. Source: ISO/IEC 14772-1, 6.52."""

    def get(name: str, rest: list[float]) -> NDArray[np.float64]:
        return node.numbers.get(name, np.array(rest))

    centre = get("center", [0.0, 0.0, 0.0])
    turned = _rotation(get("scaleOrientation", [0.0, 0.0, 1.0, 0.0]))
    linear = _rotation(get("rotation", [0.0, 0.0, 1.0, 0.0])) @ turned @ np.diag(get("scale", [1.0] * 3)) @ turned.T
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = get("translation", [0.0, 0.0, 0.0]) + centre - linear @ centre
    return matrix


def _rotation(axis_angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) of an axis, not necessarily of length 1, and an angle in radians; an axis of length 0 turns nothing."""
    length = np.linalg.norm(axis_angle[:3])
    if length == 0:
        return np.eye(3)
    x, y, z = axis_angle[:3] / length
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn: NDArray[np.float64] = np.eye(3) + np.sin(axis_angle[3]) * cross + (1 - np.cos(axis_angle[3])) * cross @ cross
    return turn
