"""Triangles out of VRML 2.0 files (.wrl): face sets, as placed by groups and transforms."""

import re
import warnings
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from argus3d.data.formats.meshes import FREE_FACES, MAX_FACES, Mesh, checked_mesh
from argus3d.data.formats.wrl_scene import Node, placed_mesh
from argus3d.errors import UserError

HEADER = "#VRML V2.0"
MAX_DEPTH = 64  # nodes inside nodes, as written

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

    Raises UserError for a text that is not VRML 2.0, is cut short, names what is not there or grows past `FREE_FACES`
    and one a byte or `MAX_FACES`, and for a mesh that `checked_mesh` refuses.
    """
    text = content.decode("utf-8", "replace")
    if not text.startswith(HEADER):
        raise UserError(f"{name}: it does not begin with {HEADER}; give a VRML 2.0 file, or export it as one.")
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy's word for digits that are no number
        reader = _Reader(text, name)
        scene = reader.scene()
    most_faces = min(MAX_FACES, FREE_FACES + len(content))
    return checked_mesh(*placed_mesh(scene, reader.nodes, most_faces, name), name)


def _without_comments(text: str) -> str:
    """The same text with blanks for comments, so that lines and brackets can be counted without them."""
    return _STRING_OR_COMMENT.sub(lambda match: match[0] if match[0][0] == '"' else "", text)


class _Reader:
    """One pass over a text, from tokens to the tree of nodes that are read."""

    def __init__(self, text: str, name: str) -> None:
        self._text = _without_comments(text)
        self._name = name
        self._at = 0
        self._defined: dict[str, Node | None] = {}
        self.nodes = 0  # read so far

    def scene(self) -> list[Node]:
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

    def _statement(self, depth: int) -> Node | None:
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

    def _body(self, kind: str, depth: int) -> Node | None:
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
        nodes: dict[str, list[Node]] = {}
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
        return Node(kind, nodes, numbers, clockwise)

    def _nodes(self, depth: int) -> list[Node]:
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
        return [node or Node("Group") for node in found]

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
