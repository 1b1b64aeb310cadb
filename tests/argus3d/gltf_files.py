"""glTF files written by hand, down to what exporters rarely write."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A tetrahedron with legs 1, 2 and 3 along the axes, and its outward faces.
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.uint16)
_TYPES = {"<i1": 5120, "<u1": 5121, "<i2": 5122, "<u2": 5123, "<u4": 5125, "<f4": 5126}


class GltfWriter:
    """Collects arrays into one buffer; `header` may be changed at will before it is written."""

    def __init__(self) -> None:
        self.binary = b""
        self.header: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "bufferViews": [],
            "accessors": [],
            "meshes": [],
            "nodes": [],
        }

    def view(self, content: bytes) -> int:
        """The index of a new buffer view with this content."""
        self.binary += b"\0" * (-len(self.binary) % 4)
        self.header["bufferViews"].append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(content)})
        self.binary += content
        return len(self.header["bufferViews"]) - 1

    def accessor(self, array: NDArray[Any] | None, **more: Any) -> int:
        """The index of a new accessor over an array, or without content where that is None."""
        entry: dict[str, Any] = {}
        if array is not None:
            kind = "SCALAR" if array.ndim == 1 else f"VEC{array.shape[1]}"
            entry = {"componentType": _TYPES[array.dtype.str.replace("|", "<")], "type": kind, "count": len(array)}
            entry["bufferView"] = self.view(array.tobytes())
        self.header["accessors"].append(entry | more)
        return len(self.header["accessors"]) - 1

    def mesh(self, position: int, indices: int | None = None, **more: Any) -> int:
        """The index of a new mesh of one primitive."""
        primitive: dict[str, Any] = {"attributes": {"POSITION": position}} | more
        if indices is not None:
            primitive["indices"] = indices
        self.header["meshes"].append({"primitives": [primitive]})
        return len(self.header["meshes"]) - 1

    def node(self, **entry: Any) -> int:
        """The index of a new node."""
        self.header["nodes"].append(entry)
        return len(self.header["nodes"]) - 1

    def write_glb(self, path: Path) -> Path:
        """Write a .glb; nodes that are nobody's children are its scene unless the header has scenes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        header = {"buffers": [{"byteLength": len(self.binary)}]} | self.header
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 4)
        binary = self.binary + b"\0" * (-len(self.binary) % 4)
        chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
        path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
        return path

    def write_gltf(self, path: Path, uri: str) -> Path:
        """Write only the JSON, with `uri` as the place of the buffer."""
        header = {"buffers": [{"byteLength": len(self.binary), "uri": uri}]} | self.header
        path.write_text(json.dumps(header))
        return path


def tetrahedron() -> GltfWriter:
    """A file with the tetrahedron as its mesh 0, and no node yet."""
    writer = GltfWriter()
    writer.mesh(writer.accessor(CORNERS), writer.accessor(FACES.reshape(-1)))
    return writer


def draco_tetrahedron(content: bytes) -> GltfWriter:
    """A file with one compressed primitive that holds `content` and has place-holders for accessors."""
    writer = GltfWriter()
    position = writer.accessor(None, componentType=5126, type="VEC3", count=len(CORNERS))
    indices = writer.accessor(None, componentType=5123, type="SCALAR", count=FACES.size)
    extension = {"bufferView": writer.view(content), "attributes": {"POSITION": 0}}
    writer.mesh(position, indices, extensions={"KHR_draco_mesh_compression": extension})
    writer.header["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    writer.node(mesh=0)
    return writer
