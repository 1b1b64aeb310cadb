"""Triangles out of VRML 2.0 files (.wrl): face sets, as placed by groups and transforms."""

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from argus3d.data.formats.meshes import MAX_FACES, Mesh, checked_mesh
from argus3d.errors import UserError

HEADER = "#VRML V2.0"
MAX_DEPTH = 64  # nodes inside nodes, as written
MAX_PLACED_DEPTH = 256  # the same with what USE stands for
# A few lines of USE inside USE can stand for more than any time or memory: so many more than are written.
MAX_NODES = 50_000

# What is read of a node: fields that hold nodes, and fields that hold numbers with how many make one value.
_NODE_FIELDS = {
    "Group": ("children",),
    "Transform": ("children",),
    "Switch": ("choice",),
    "Shape": ("geometry",),
    "IndexedFaceSet": ("coord",),
    "IndexedLineSet": ("coord",),  # no surface, but face sets may USE its points
    "PointSet": ("coord",),
    "Coordinate": (),
}
_NUMBER_FIELDS = {
    "Transform": {"translation": 3, "rotation": 4, "scale": 3, "scaleOrientation": 4, "center": 3},
    "Switch": {"whichChoice": 1},
    "IndexedFaceSet": {"coordIndex": 1},
    "Coordinate": {"point": 3},
}
# Surfaces that would be missing from the shape if they were skipped as other unknown nodes are.
_UNREAD_SURFACES = frozenset({"Box", "Cone", "Cylinder", "ElevationGrid", "Extrusion", "Sphere"})

# Possessive, so that each letter is looked at once, also where a string is never closed.
_INSIDE = r'"[^"\\]*+(?:\\[\s\S][^"\\]*+)*+'
_STRING_OR_COMMENT = re.compile(rf'{_INSIDE}(?:"|\\?\Z)|#[^\r\n]*')
_TOKEN = re.compile(rf'[\s,]*+({_INSIDE}"|[{{}}\[\]]|[^\s,{{}}\[\]"]+)')
_NUMBER = re.compile(r"[-+]?\.?\d\S*")


@dataclass(frozen=True)
class _Node:
    """A node that is read: its type, and the fields that were given."""

    kind: str
    nodes: dict[str, list["_Node"]] = field(default_factory=dict)
    numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    clockwise: bool = False


def read_wrl(path: Path) -> Mesh:
    """Read a VRML 2.0 file, with the parts of its scene put together as placed.

    Returns vertices (V, 3) float64 and faces (F, 3) int64 in the file's own units and axes; polygons become fans.

    Raises UserError for a file that is missing or that `wrl_mesh` refuses.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist: give the path of a .wrl file.")
    return wrl_mesh(path.read_bytes(), str(path))


def wrl_mesh(content: bytes, name: str) -> Mesh:
    """Read a mesh as `read_wrl` does, from the content of a file.

    Read are Group, Transform, Switch, Shape, IndexedFaceSet, Coordinate, DEF and USE; other nodes are skipped whole,
    except solid primitives such as Box, without which the shape would be another one.

    name : the id or file that an error names

    Raises UserError for a text that is not VRML 2.0, is cut short, names what is not there or grows past `MAX_FACES`,
    and for a mesh that `checked_mesh` refuses.
    """
    text = content.decode("utf-8", "replace")
    if not text.startswith(HEADER):
        raise UserError(f"{name}: it does not begin with {HEADER}; give a VRML 2.0 file, or export it as one.")
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy's word for digits that are no number
        reader = _Reader(text, name)
        scene = reader.scene()
    soup = _Soup(name, reader.nodes + MAX_NODES)
    with np.errstate(over="ignore", invalid="ignore"):  # what grows past all numbers is refused below
        for node in scene:
            soup.add(node, np.eye(4))
    return checked_mesh(*soup.mesh(), name)


def _without_comments(text: str) -> str:
    """The same text with blanks for comments, so that lines and brackets can be counted without them."""
    return _STRING_OR_COMMENT.sub(lambda match: match[0] if match[0][0] == '"' else "", text)


class _Reader:
    """One pass over a text, from tokens to the tree of nodes that are read."""

    def __init__(self, text: str, name: str) -> None:
        self._text = _without_comments(text)
        self._name = name
        self._at = 0
        self._defined: dict[str, _Node | None] = {}
        self.nodes = 0  # read so far

    def scene(self) -> list[_Node]:
        """All nodes of the top level."""
        found = []
        while self._peek():
            found.append(self._statement(0))
        return [node for node in found if node]

    def _peek(self) -> str:
        """The next token, or "" at the end."""
        match = _TOKEN.match(self._text, self._at)
        return match[1] if match else ""

    def _next(self) -> str:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            self._fail("a string or the file is cut short")
        self._at = match.end()
        return match[1]

    def _expect(self, wanted: str, after: str) -> None:
        found = self._next()
        if found != wanted:
            self._fail(f"after {after} comes {found[:40]!r}, not {wanted!r}")

    def _fail(self, reason: str) -> NoReturn:
        line = self._text.count("\n", 0, self._at) + 1
        raise UserError(f"{self._name}: {reason} (line {line}); leave it out, or export it as VRML 2.0 again.")

    def _statement(self, depth: int) -> _Node | None:
        """A node, what USE stands for, or None for NULL and for a node that is skipped."""
        token = self._next()
        if token == "NULL":
            return None
        if token == "USE":
            label = self._next()
            if label not in self._defined:
                self._fail(f"USE {label} comes before any DEF {label}")
            return self._defined[label]
        if token != "DEF":
            return self._body(token, depth)
        label = self._next()
        node = self._defined[label] = self._body(self._next(), depth)
        return node

    def _body(self, kind: str, depth: int) -> _Node | None:
        """The part in braces of a node of this type."""
        if kind in _UNREAD_SURFACES:
            self._fail(f"it holds a {kind}, and of surfaces only IndexedFaceSet is read")
        if depth > MAX_DEPTH:
            self._fail(f"nodes are nested more than {MAX_DEPTH} deep")
        self._expect("{", kind)
        self.nodes += 1
        if kind not in _NODE_FIELDS:
            self._skip_to_end("{")
            return None
        nodes: dict[str, list[_Node]] = {}
        numbers: dict[str, NDArray[np.float64]] = {}
        clockwise = False
        while (name := self._next()) != "}":
            if name in _NODE_FIELDS[kind]:
                nodes[name] = self._nodes(depth + 1)
            elif name in _NUMBER_FIELDS.get(kind, {}):
                numbers[name] = self._numbers(_NUMBER_FIELDS[kind][name])
                if kind in ("Transform", "Switch") and len(numbers[name]) != _NUMBER_FIELDS[kind][name]:
                    self._fail(f"{name} is not {_NUMBER_FIELDS[kind][name]} numbers")
            elif name == "ccw":
                clockwise = self._next() == "FALSE"
            else:
                self._skip_value(name)
        return _Node(kind, nodes, numbers, clockwise)

    def _nodes(self, depth: int) -> list[_Node]:
        """One node, or several in brackets."""
        if self._peek() != "[":
            node = self._statement(depth)
            return [node] if node else []
        self._next()
        found = []
        while self._peek() != "]":
            found.append(self._statement(depth))
        self._next()
        # The place of a skipped node counts in the choices of a Switch.
        return [node or _Node("Group") for node in found]

    def _numbers(self, count: int) -> NDArray[np.float64]:
        """(N,) float64: the numbers in brackets, or `count` of them without brackets."""
        if self._peek() != "[":
            return self._parsed(" ".join(self._next() for _ in range(count)), count)
        self._next()
        end = self._text.find("]", self._at)
        if end < 0:
            self._fail("a list of numbers is cut short")
        found = self._parsed(self._text[self._at : end], count)
        self._at = end + 1
        return found

    def _parsed(self, run: str, count: int) -> NDArray[np.float64]:
        if not run.strip(" ,\t\r\n"):
            return np.empty(0)
        try:
            found = np.fromstring(run.replace(",", " "), sep=" ")
        except (DeprecationWarning, ValueError):
            self._fail("a list of numbers holds something else")
        if not np.isfinite(found).all():
            self._fail("a list of numbers holds NaN or infinity")
        if len(found) % count:
            self._fail(f"{len(found)} numbers cannot be values of {count}")
        return found

    def _skip_value(self, name: str) -> None:
        """Pass over the value of a field that is not read: numbers, a string, a word, a node or a list."""
        token = self._next()
        if token in ("DEF", "USE"):
            self._next()  # its label
            if token == "USE":
                return
            token = self._next()
        if token in "{}]":
            self._fail(f"field {name} has no value")
        if token == "[":
            self._skip_to_end("[")
        elif _NUMBER.match(token):
            while _NUMBER.match(self._peek()):
                self._next()
        elif self._peek() == "{":
            self._next()
            self._skip_to_end("{")

    def _skip_to_end(self, opening: str) -> None:
        """Pass over everything to the bracket that closes the one just read."""
        closing = {"{": "}", "[": "]"}
        wanted = [closing[opening]]
        while wanted:
            token = self._next()
            if token in closing:
                wanted.append(closing[token])
            elif token in ("}", "]") and token != wanted.pop():
                self._fail(f"{token} closes another bracket")


class _Soup:
    """The triangles of a scene, gathered node by node."""

    def __init__(self, name: str, most_nodes: int) -> None:
        self._name, self._most_nodes = name, most_nodes
        self._vertices: list[NDArray[np.float64]] = [np.empty((0, 3))]
        self._faces: list[NDArray[np.int64]] = [np.empty((0, 3), np.int64)]
        self._nodes_seen = self._vertices_seen = self._faces_seen = 0
        self._matrices: dict[int, NDArray[np.float64]] = {}  # of nodes, by identity: USE brings them again and again

    def add(self, node: _Node, place: NDArray[np.float64], depth: int = 0) -> None:
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

    def _add_faces(self, node: _Node, place: NDArray[np.float64]) -> None:
        points = [coord.numbers.get("point", np.empty(0)) for coord in node.nodes.get("coord", [])]
        vertices = np.concatenate([np.empty(0), *points]).reshape(-1, 3) @ place[:3, :3].T + place[:3, 3]
        corners = node.numbers.get("coordIndex", np.empty(0))
        if len(corners) and not (np.equal(corners, np.floor(corners)).all() and corners.min() >= -1):
            self._fail("coordIndex holds something else than vertex numbers and -1")
        if len(corners) and corners.max() >= len(vertices):
            self._fail(f"coordIndex names vertex {corners.max():.0f}, but its face set has only {len(vertices)}")
        faces = fans(corners.astype(np.int64))
        if node.clockwise != (np.linalg.det(place[:3, :3]) < 0):  # a mirror turns faces inside out
            faces = faces[:, ::-1]
        self._vertices.append(vertices)
        self._faces.append(faces + self._vertices_seen)
        self._vertices_seen += len(vertices)
        self._faces_seen += len(faces)
        if max(self._faces_seen, self._vertices_seen) > MAX_FACES:
            self._fail(f"it has more than {MAX_FACES:,} faces or vertices")

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


def _children(node: _Node) -> list[_Node]:
    if node.kind != "Switch":
        return [child for nodes in node.nodes.values() for child in nodes]
    chosen, choices = int(node.numbers.get("whichChoice", np.array([-1.0]))[0]), node.nodes.get("choice", [])
    return [choices[chosen]] if 0 <= chosen < len(choices) else []


def _transform(node: _Node) -> NDArray[np.float64]:
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
