"""The outline of a silhouette and the Fourier transform of its distance from the centre."""

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from argus3d.compiled import compile_anew_with
from eval.distances.kernels.groups import root_of
from eval.distances.light_field.region import box_of
from eval.distances.light_field.silhouettes import Pixels

COEFFICIENTS = 10
SHORTEST = 8  # pixels; a shorter outline has no shape to speak of
GROWTHS = (0, 1, 2)  # pixels by which parts are grown, one after another, to make them one
# Parts of the silhouette outside the outline may hold 1 pixel in 20.
HELD, OF = 19, 20

# Neighbours in turn: right, up right, up ... (rows go up).
ROW_STEPS = np.array([0, 1, 1, 1, 0, -1, -1, -1])
COLUMN_STEPS = np.array([1, 1, 0, -1, -1, -1, 0, 1])


def contour_coefficients(pixels: Pixels, centres: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Fourier magnitudes 1 to 10 of the distance of the outline's pixels from a centre, divided by that of 0.

    pixels : (K, H, W) uint8, 0 in the outermost 4 pixels
    centres : (K, 2) float64, row and column
    returns : (K, 10) float64; 0 for outlines of fewer than 8 pixels

    The outline is that of the largest part. Where that part and all within its outline are less than 95 % of the
    silhouette, parts are grown together, by 1 pixel and then by 2 more; where even that is in vain the outline is that
    of the silhouette's box.
    """
    return np.asarray(_contour_coefficients(pixels, centres))


def outline(pixels: Pixels) -> npt.NDArray[np.int64]:
    """Pixels around a silhouette in order, (N, 2), rows and columns, each next to the one before."""
    return np.asarray(_outline(pixels))


@njit(parallel=True, cache=True)
def _contour_coefficients(pixels, centres):  # type: ignore[no-untyped-def]
    out = np.zeros((pixels.shape[0], COEFFICIENTS))
    for view in prange(pixels.shape[0]):
        if pixels[view].any():
            _transform(_outline(pixels[view]), centres[view], out[view])
    return out


@njit(cache=True)
def _transform(around, centre, out):  # type: ignore[no-untyped-def]
    count = len(around)
    if count < SHORTEST:
        return
    distance, cosine, sine = np.empty(count), np.empty(count), np.empty(count)
    for n in range(count):
        distance[n] = np.hypot(around[n, 0] - centre[0], around[n, 1] - centre[1])
        cosine[n], sine[n] = np.cos(2 * np.pi * n / count), np.sin(2 * np.pi * n / count)
    whole = distance.sum()
    for k in range(1, min(COEFFICIENTS, count // 2) + 1):
        real, imaginary, phase = 0.0, 0.0, 0
        for n in range(count):
            real += distance[n] * cosine[phase]
            imaginary += distance[n] * sine[phase]
            phase += k
            if phase >= count:
                phase -= count
        out[k - 1] = np.hypot(real, imaginary) / whole


@njit(cache=True)
def _outline(pixels):  # type: ignore[no-untyped-def]
    image = pixels
    for growth in GROWTHS:
        if growth > 0:
            image = _grown(image, growth)
        starts, sizes = _parts(image)
        largest = np.argmax(sizes)
        around = _trace(image, starts[largest], sizes[largest])
        held = sizes[largest]
        for part in range(len(sizes)):
            if part != largest and _within(starts[part], around):
                held += sizes[part]
        if held * OF >= sizes.sum() * HELD:
            return around
    top, bottom, left, right = box_of(pixels)
    image = np.zeros_like(pixels)
    image[top : bottom + 1, left : right + 1] = 1
    return _trace(image, np.array([top, left]), (bottom - top + 1) * (right - left + 1))


@njit(cache=True)
def _grown(pixels, reach):  # type: ignore[no-untyped-def]
    """A pixel is set if any is within `reach` rows and columns of it."""
    out = np.zeros_like(pixels)
    top, bottom, left, right = box_of(pixels)
    for row in range(top, bottom + 1):
        for column in range(left, right + 1):
            if pixels[row, column]:
                out[row - reach : row + reach + 1, column - reach : column + reach + 1] = 1
    return out


@njit(cache=True)
def _parts(pixels):  # type: ignore[no-untyped-def]
    """The first pixel and the size of each part, pixels that touch at a corner belonging together."""
    top, bottom, left, right = box_of(pixels)
    runs = np.empty(((bottom - top + 1) * ((right - left) // 2 + 1), 3), np.int64)  # row, first column, last column
    root = np.empty(len(runs), np.int64)
    count, above, above_end = 0, 0, 0
    for row in range(top, bottom + 1):
        above, above_end = above_end, count
        column = left
        while column <= right:
            if pixels[row, column] == 0:
                column += 1
                continue
            first = column
            while pixels[row, column]:  # ends: the outermost pixels are 0
                column += 1
            runs[count, 0], runs[count, 1], runs[count, 2] = row, first, column - 1
            root[count] = count
            for other in range(above, above_end):
                if runs[other, 1] <= column and runs[other, 2] >= first - 1:
                    _join(root, other, count)
            count += 1
    sizes = np.zeros(count, np.int64)
    for run in range(count):
        sizes[root_of(root, run)] += runs[run, 2] - runs[run, 1] + 1
    kept = np.flatnonzero(sizes)
    return runs[kept, :2], sizes[kept]


@njit(cache=True)
def _join(root, one, other):  # type: ignore[no-untyped-def]
    """Of two parts the earlier run is the root, so that a root holds its part's first pixel."""
    one, other = root_of(root, one), root_of(root, other)
    root[max(one, other)] = min(one, other)


@njit(cache=True)
def _trace(pixels, start, size):  # type: ignore[no-untyped-def]
    """Pixels around a part from its first one (lowest row, then column), the outside always on the right hand."""
    around = np.empty((4 * size + 1, 2), np.int64)  # a pixel is passed once on each of its four sides at most
    row, column, direction, first_move, count = start[0], start[1], 0, -1, 0
    while True:
        # Look from the right hand side on, back first: that was outside when the last pixel was left.
        turn = (direction + (6 if direction % 2 == 0 else 5)) % 8
        looked = 0
        while looked < 8 and pixels[row + ROW_STEPS[turn], column + COLUMN_STEPS[turn]] == 0:
            turn = (turn + 1) % 8
            looked += 1
        if row == start[0] and column == start[1] and (turn == first_move or looked == 8):
            around[count] = row, column
            return around[: max(count, 1)]
        if first_move < 0:
            first_move = turn
        around[count] = row, column
        count += 1
        row, column, direction = row + ROW_STEPS[turn], column + COLUMN_STEPS[turn], turn


@njit(cache=True)
def _within(pixel, around):  # type: ignore[no-untyped-def]
    """Whether a pixel that is not on an outline lies inside of it."""
    inside = False
    for n in range(len(around)):
        row, next_row = around[n - 1, 0], around[n, 0]
        if (row <= pixel[0]) != (next_row <= pixel[0]):
            column = around[n - 1, 1] if row == pixel[0] else around[n, 1]
            if column > pixel[1]:
                inside = not inside
    return inside


compile_anew_with(__name__, "eval.distances.kernels.groups", "eval.distances.light_field.region")
