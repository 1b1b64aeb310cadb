"""The shape of a silhouette's region: angular radial transform, circularity, eccentricity.

The transform is that of MPEG-7 with 12 angular and 3 radial frequencies, sampled on a grid of 101 x 101 points and
interpolated linearly between them, as the descriptor of Chen et al. does. A sum of interpolated values is the sum of
the grid's own values with the weights of interpolation gathered on the grid: one matrix product serves all views.
"""

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from eval.distances.light_field.silhouettes import Pixels

ANGULAR, RADIAL = 12, 3
COEFFICIENTS = ANGULAR * RADIAL - 1  # the first is what the others are divided by
RADIUS = 50
SIDE = 2 * RADIUS + 2  # one row and column more than needed, so that the outermost pixel has a next one

# Columns of `measure`.
AREA, ROW, COLUMN, REACH, CIRCULARITY, ECCENTRICITY = range(6)
MEASURES = 6

Values = npt.NDArray[np.float64]


def measure(pixels: Pixels) -> Values:
    """What is simply measured of each silhouette.

    pixels : (K, H, W) uint8, 0 in the outermost pixels
    returns : (K, 6) float64: area in pixels; row and column of the centre of mass; the farthest pixel's distance from
        it; circularity, 4 pi area / perimeter^2, no more than 1, where the perimeter counts pixels that touch the
        outside, if only at a corner; eccentricity, 0 for a disc and 1 for a line; all 0 for an empty silhouette
    """
    return np.asarray(_measure(pixels))


def region_coefficients(pixels: Pixels, measures: Values, reach: Values) -> Values:
    """Magnitudes of the angular radial transform around each silhouette's centre, divided by that of frequency (0, 0).

    pixels : (K, H, W) uint8
    measures : (K, 6), see `measure`
    reach : (K,), distance from the centre, in pixels, that the transform ends at; no pixel lies beyond
    returns : (K, 35) float64, by angular, then radial frequency; 0 for an empty silhouette
    """
    transformed = _gather(pixels, measures, reach).reshape(len(pixels), -1) @ _BASIS
    magnitude = np.hypot(transformed[:, : ANGULAR * RADIAL], transformed[:, ANGULAR * RADIAL :])
    whole = magnitude[:, :1]
    return np.where(whole > 0, magnitude[:, 1:] / np.where(whole > 0, whole, 1), 0)


def _basis() -> Values:
    """Real, then imaginary parts of the transform's functions on the grid, (SIDE * SIDE, 2 * ANGULAR * RADIAL)."""
    offset = np.arange(SIDE) - RADIUS
    row, column = np.meshgrid(offset, offset, indexing="ij")
    radius, angle = np.hypot(row, column).ravel(), np.arctan2(row, column).ravel()
    functions = np.empty((2, ANGULAR, RADIAL, SIDE * SIDE))
    for p in range(ANGULAR):
        for r in range(RADIAL):
            radial = np.where(radius < RADIUS, np.cos(np.pi * r * radius / RADIUS), 0)
            functions[:, p, r] = radial * np.cos(p * angle), radial * np.sin(p * angle)
    return np.ascontiguousarray(functions.reshape(-1, SIDE * SIDE).T)


_BASIS = _basis()


@njit(cache=True)
def box_of(pixels):  # type: ignore[no-untyped-def]
    """First and last row, first and last column of a silhouette; the first past the last if it is empty."""
    height, width = pixels.shape
    top, bottom, left, right = height, -1, width, -1
    for row in range(height):
        line = pixels[row]
        if not line.any():
            continue
        top, bottom = min(top, row), row
        first, last = 0, width - 1
        while line[first] == 0:
            first += 1
        while line[last] == 0:
            last -= 1
        left, right = min(left, first), max(right, last)
    return top, bottom, left, right


@njit(parallel=True, cache=True)
def _measure(pixels):  # type: ignore[no-untyped-def]
    out = np.zeros((pixels.shape[0], MEASURES))
    for view in prange(pixels.shape[0]):
        _measure_one(pixels[view], out[view])
    return out


@njit(cache=True)
def _measure_one(pixels, out):  # type: ignore[no-untyped-def]
    top, bottom, left, right = box_of(pixels)
    if top > bottom:
        return
    area, row_sum, column_sum, perimeter = 0, 0, 0, 0
    for row in range(top, bottom + 1):
        for column in range(left, right + 1):
            if pixels[row, column]:
                area += 1
                row_sum += row
                column_sum += column
    centre_row, centre_column = row_sum / area, column_sum / area
    rr, rc, cc, farthest = 0.0, 0.0, 0.0, 0.0
    for row in range(top, bottom + 1):
        y = row - centre_row
        for column in range(left, right + 1):
            if pixels[row, column] == 0:
                continue
            x = column - centre_column
            rr += y * y
            rc += y * x
            cc += x * x
            if not _inside(pixels, row, column):
                perimeter += 1
                farthest = max(farthest, y * y + x * x)
    out[AREA], out[ROW], out[COLUMN], out[REACH] = area, centre_row, centre_column, np.sqrt(farthest)
    out[CIRCULARITY] = min(1.0, 4 * np.pi * area / perimeter**2)
    if rr + cc > 0:
        out[ECCENTRICITY] = ((cc - rr) ** 2 + 4 * rc**2) / (rr + cc) ** 2


@njit(cache=True)
def _inside(pixels, row, column):  # type: ignore[no-untyped-def]
    """Whether all eight neighbours of a pixel are set."""
    least = pixels[row, column]
    for i in range(row - 1, row + 2):
        for j in range(column - 1, column + 2):
            least &= pixels[i, j]
    return least == 1


@njit(parallel=True, cache=True)
def _gather(pixels, measures, reach):  # type: ignore[no-untyped-def]
    """Weights with which each point of the grid enters a silhouette's sum, (K, SIDE, SIDE)."""
    out = np.zeros((pixels.shape[0], SIDE, SIDE))
    for view in prange(pixels.shape[0]):
        top, bottom, left, right = box_of(pixels[view])
        step = RADIUS / reach[view] if reach[view] > 0 else 0.0
        line = np.empty(SIDE)
        for row in range(top, bottom + 1):
            line[:] = 0
            for column in range(left, right + 1):
                if pixels[view, row, column] == 0:
                    continue
                at = (column - measures[view, COLUMN]) * step + RADIUS
                cell = int(at)
                line[cell] += 1 - (at - cell)
                line[cell + 1] += at - cell
            at = (row - measures[view, ROW]) * step + RADIUS
            cell = int(at)
            for i in range(SIDE):
                out[view, cell, i] += (1 - (at - cell)) * line[i]
                out[view, cell + 1, i] += (at - cell) * line[i]
    return out
