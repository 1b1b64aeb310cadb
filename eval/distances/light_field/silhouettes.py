"""Silhouettes of a mesh from all views.

A silhouette is the union of its triangles, so that open, flipped, doubled and crossing surfaces are all fine. A pixel
belongs to it where a triangle meets its centre, edges included; an edge that two triangles share is computed from the
same two ends in the same order for both, so that no crack opens between them.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

RESOLUTION = 256  # pixels a side, for a square of side 2 around a shape whose box has longest side 1
WORD = 64
WORDS = RESOLUTION // WORD
SCALE = RESOLUTION / 2
MIDDLE = (RESOLUTION - 1) / 2  # the centre of pixel (row, column) is at (column, row)

Pixels = npt.NDArray[np.uint8]


def silhouettes(
    vertices: npt.NDArray[np.float64], faces: npt.NDArray[np.int64], cameras: npt.NDArray[np.float64]
) -> Pixels:
    """Orthographic silhouettes of a mesh.

    vertices : (V, 3) float64, no farther than 0.95 from the origin
    faces : (F, 3) int64
    cameras : (K, 2, 3) float64, right and up of each view
    returns : (K, RESOLUTION, RESOLUTION) uint8, 1 inside and 0 outside, rows going up; never 1 in the outermost pixels
    """
    bits = _silhouettes(np.ascontiguousarray(vertices), faces.astype(np.int32), cameras)
    return np.unpackbits(bits.astype("<u8").view(np.uint8), axis=-1, bitorder="little")


@njit(parallel=True, cache=True)
def _silhouettes(vertices, faces, cameras):  # type: ignore[no-untyped-def]
    """The same as bits: column c of a row is bit c % WORD of its word c // WORD."""
    out = np.zeros((cameras.shape[0], RESOLUTION, WORDS), np.uint64)
    for view in prange(cameras.shape[0]):
        at = np.empty((vertices.shape[0], 2))
        _project(vertices, cameras[view], at)
        for face in range(faces.shape[0]):
            i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
            _fill(at[i, 0], at[i, 1], at[j, 0], at[j, 1], at[k, 0], at[k, 1], out[view])
    return out


@njit(cache=True)
def _project(vertices, camera, out):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        for axis in range(2):
            out[i, axis] = (x * camera[axis, 0] + y * camera[axis, 1] + z * camera[axis, 2]) * SCALE + MIDDLE


@njit(cache=True)
def _fill(xa, ya, xb, yb, xc, yc, rows):  # type: ignore[no-untyped-def]
    """Set the pixels whose centres a triangle meets."""
    first, last = math.ceil(min(ya, yb, yc)), math.floor(max(ya, yb, yc))
    left, right = math.ceil(min(xa, xb, xc)), math.floor(max(xa, xb, xc))
    if (first > last) | (left > right):  # one branch: small triangles mostly miss every centre
        return
    if _all_set(rows, first, last, left, right):
        return
    if ya > yb:
        xa, ya, xb, yb = xb, yb, xa, ya
    if yb > yc:
        xb, yb, xc, yc = xc, yc, xb, yb
    if ya > yb:
        xa, ya, xb, yb = xb, yb, xa, ya
    if yc == ya:
        return  # seen edge on: its neighbours, if any, draw the line
    for row in range(first, last + 1):
        long = xa + (row - ya) * ((xc - xa) / (yc - ya))
        if row < yb:
            short = xa + (row - ya) * ((xb - xa) / (yb - ya))
        elif yc > yb:
            short = xb + (row - yb) * ((xc - xb) / (yc - yb))
        else:
            short = xb
        _set(rows[row], math.ceil(min(long, short)), math.floor(max(long, short)))


@njit(cache=True)
def _all_set(rows, first, last, left, right):  # type: ignore[no-untyped-def]
    """Whether a box within one word is filled already: cheaper to see than to fill it again."""
    word = left // WORD
    if right // WORD != word:
        return False
    mask = (~np.uint64(0) >> np.uint64(WORD - 1 - right + left)) << np.uint64(left % WORD)
    missing = np.uint64(0)
    for row in range(first, last + 1):
        missing |= mask & ~rows[row, word]
    return missing == 0


@njit(cache=True)
def _set(words, first, last):  # type: ignore[no-untyped-def]
    """Set bits first to last of a row, if there are any."""
    if first > last:
        return
    full = ~np.uint64(0)
    left, right = first // WORD, last // WORD
    head, tail = full << np.uint64(first % WORD), full >> np.uint64(WORD - 1 - last % WORD)
    if left == right:
        words[left] |= head & tail
        return
    words[left] |= head
    for word in range(left + 1, right):
        words[word] = full
    words[right] |= tail
