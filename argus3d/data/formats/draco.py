"""Triangles that Draco compressed, as glTF files hold them."""

import numpy as np

from argus3d.data.formats.meshes import Mesh
from argus3d.errors import UserError, raise_if_machine

_HEADER_BYTES = 11
_MESH, _EDGEBREAKER = 1, 1
_VERSION = (2, 2)  # what encoders have written since 2017; in older ones the counts lie elsewhere
_METADATA = 0x8000  # a flag: names and values lie before the counts


def read_draco(content: bytes, unique_id: int, name: str) -> Mesh:
    """Vertices (V, 3) float64 and faces (F, 3) int64 of a compressed mesh.

    unique_id : of the attribute that holds the positions
    name : what an error calls the file

    Raises: UserError where DracoPy is not installed. What is broken raises one of the errors in `BROKEN`.
    """
    try:
        import DracoPy
    except ImportError as error:
        raise UserError(
            f"{name}: is compressed by Draco, which needs the package DracoPy: `pip install DracoPy`."
        ) from error
    try:
        decoded = DracoPy.decode(content)
    except Exception as error:  # its decoder has errors of its own
        raise_if_machine(error, name)
        raise ValueError(f"Draco: {error}") from error
    vertices = {item["unique_id"]: item["data"] for item in decoded.attributes}[unique_id]
    return np.asarray(vertices, np.float64).reshape(-1, 3), np.asarray(decoded.faces, np.int64).reshape(-1, 3)


def declared_faces(content: bytes) -> int:
    """How many faces a compressed mesh says it has, for which its decoder takes memory at once; 0 if it is not known.

    Source: Draco bitstream specification 2.2, sections 4.1 (header) and 6.1 (connectivity).
    """
    flags = int.from_bytes(content[9:11], "little")
    if content[:5] != b"DRACO" or tuple(content[5:7]) != _VERSION or content[7] != _MESH or flags & _METADATA:
        return 0
    if content[8] != _EDGEBREAKER:
        return _number(content, _HEADER_BYTES)[0]
    _, start = _number(content, _HEADER_BYTES + 1)  # after the way that it went over the mesh: how many vertices
    return _number(content, start)[0]


def _number(content: bytes, start: int) -> tuple[int, int]:
    """A number in pieces of seven bits, the least first, and where it ends."""
    value = 0
    for place, byte in enumerate(content[start : start + 5]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, start + place + 1
    raise ValueError("Draco: a number is cut short")
