"""Where a light field looks from: the ten axes of a regular dodecahedron, in ten orientations of it.

Opposite vertices see mirrored silhouettes, and nothing taken from a silhouette changes in a mirror, so that 10 of the
20 vertices are enough. The 60 rotations that carry a dodecahedron onto itself permute its axes.
"""

import numpy as np
import numpy.typing as npt

VIEWS = 10  # of one light field
ORIENTATIONS = 10  # light fields of one shape
GOLDEN = (1 + 5**0.5) / 2

# Quaternions (x, y, z, w). Found once by pushing ten dodecahedra apart: each is at least 29 degrees from any other,
# whichever of its 60 rotations is taken. Turned together so that no view looks along a panel of a shape that is aligned
# with the coordinate axes, where one rounding would decide between a line of pixels and none: the least angle is 1.8.
_QUATERNIONS = (
    (0.1246, 0.0548, 0.1294, 0.9822),
    (0.1197, -0.1352, -0.0519, 0.9822),
    (-0.0635, -0.1284, 0.1361, 0.9803),
    (-0.0417, 0.2161, -0.0392, 0.9747),
    (-0.0471, 0.0294, -0.2166, 0.9747),
    (-0.2265, 0.0367, -0.0319, 0.9728),
    (0.1825, 0.1078, -0.1205, 0.9698),
    (-0.1190, 0.1215, 0.1914, 0.9667),
    (-0.1295, -0.1936, -0.1069, 0.9666),
    (0.1608, 0.3023, 0.0866, 0.9356),
)


def _vertices() -> npt.NDArray[np.float64]:
    """Vertices of a dodecahedron, (20, 3), of length 1; the opposite of vertex v is vertex v + 10."""
    signs = (1.0, -1.0)
    half = [np.array([1.0, y, z]) for y in signs for z in signs]
    for sign in signs:
        line = np.array([0.0, 1 / GOLDEN, sign * GOLDEN])
        half += [np.roll(line, turn) for turn in range(3)]
    return np.concatenate([half, np.negative(half)]) / 3**0.5


VERTICES = _vertices()


def _rotations() -> npt.NDArray[np.float64]:
    """The rotations that carry the dodecahedron onto itself, (60, 3, 3); the first leaves it as it is."""
    adjacent = np.argwhere(np.isclose(VERTICES @ VERTICES.T, 5**0.5 / 3))  # 60 directed edges
    frames = np.array([(VERTICES[i], VERTICES[j], np.cross(VERTICES[i], VERTICES[j])) for i, j in adjacent])
    return np.asarray(frames.transpose(0, 2, 1) @ np.linalg.inv(frames[0].T))


def _permutations(rotations: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Where each rotation takes each axis, (60, 10)."""
    axes = VERTICES[:VIEWS]
    return np.asarray(np.abs(axes @ rotations.transpose(0, 2, 1) @ axes.T).argmax(axis=2))


def _matrix(quaternion: tuple[float, float, float, float]) -> npt.NDArray[np.float64]:
    x, y, z, w = np.array(quaternion) / np.linalg.norm(quaternion)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + 2 * w * cross + 2 * cross @ cross)


def _cameras() -> npt.NDArray[np.float64]:
    """Right and up of each view, (10, 10, 2, 3): orientation, axis; up is as near to y as it can be."""
    cameras = np.empty((ORIENTATIONS, VIEWS, 2, 3))
    for orientation, turn in enumerate(TURNS):
        for view, axis in enumerate(VERTICES[:VIEWS] @ turn.T):
            right = np.cross((0.0, 1.0, 0.0), axis)
            right /= np.linalg.norm(right)
            cameras[orientation, view] = right, np.cross(axis, right)
    return cameras


ROTATIONS = _rotations()
PERMUTATIONS = _permutations(ROTATIONS)
TURNS = np.array([_matrix(quaternion) for quaternion in _QUATERNIONS])  # (10, 3, 3), of the ten dodecahedra
CAMERAS = _cameras()
