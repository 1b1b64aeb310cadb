"""Light fields by loops: silhouettes pixel by pixel, sums term by term, every alignment tried."""

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Matrix = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]
Field = npt.NDArray[np.uint8]

GOLDEN = (1 + 5**0.5) / 2
REGION, CONTOUR, SIDE = 35, 10, 256


def rotations() -> list[Matrix]:
    """The 60 rotations of a dodecahedron, from three of them and all their products."""
    axis = np.array([0, GOLDEN, 1]) / np.hypot(1, GOLDEN)
    angle = 2 * math.pi / 5
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    fifth = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    generators = [fifth, np.roll(np.eye(3), 1, axis=0), np.diag([-1.0, -1.0, 1.0])]
    found = [np.eye(3)]
    for matrix in found:  # grows while it is walked
        for generator in generators:
            product = generator @ matrix
            if not any(np.allclose(product, other) for other in found):
                found.append(product)
    return found


def silhouette(vertices: Matrix, faces: npt.NDArray[np.int64], camera: Matrix) -> Pixels:
    """A pixel is in if its centre is on one side of all three edges of a triangle."""
    flat = vertices @ camera.T * (SIDE / 2) + (SIDE - 1) / 2
    row, column = np.mgrid[:SIDE, :SIDE]
    out = np.zeros((SIDE, SIDE), np.uint8)
    for face in faces:
        sides = []
        for here, there in zip(face, np.roll(face, -1), strict=True):
            (x0, y0), (x1, y1) = flat[here], flat[there]
            sides.append((x1 - x0) * (row - y0) - (y1 - y0) * (column - x0))
        out |= np.all(np.array(sides) >= 0, axis=0) | np.all(np.array(sides) <= 0, axis=0)
    return out


def measure(pixels: Pixels) -> tuple[float, float, float, float, float, float]:
    """Area, row and column of the centre, reach, circularity, eccentricity."""
    inside = [(int(row), int(column)) for row, column in np.argwhere(pixels)]
    area = len(inside)
    row, column = (sum(pixel[axis] for pixel in inside) / area for axis in (0, 1))
    reach = max(math.hypot(r - row, c - column) for r, c in inside)
    edge = [(r, c) for r, c in inside if pixels[r - 1 : r + 2, c - 1 : c + 2].sum() < 9]
    rr = sum((r - row) ** 2 for r, _ in inside)
    cc = sum((c - column) ** 2 for _, c in inside)
    rc = sum((r - row) * (c - column) for r, c in inside)
    eccentricity = ((cc - rr) ** 2 + 4 * rc**2) / (rr + cc) ** 2 if area > 1 else 0.0
    return area, row, column, reach, min(1.0, 4 * math.pi * area / len(edge) ** 2), eccentricity


def region(pixels: Pixels, row: float, column: float, reach: float) -> list[float]:
    """35 magnitudes of the angular radial transform, from a table of radius 50 that is interpolated linearly."""

    def table(p: int, r: int, i: int, j: int) -> complex:
        radius = math.hypot(i - 50, j - 50)
        if radius >= 50:
            return 0
        angle = math.atan2(i - 50, j - 50)
        return math.cos(math.pi * r * radius / 50) * complex(math.cos(p * angle), math.sin(p * angle))

    def value(p: int, r: int, y: float, x: float) -> complex:
        i, j = int(y), int(x)
        low = table(p, r, i, j) * (1 - (x - j)) + table(p, r, i, j + 1) * (x - j)
        high = table(p, r, i + 1, j) * (1 - (x - j)) + table(p, r, i + 1, j + 1) * (x - j)
        return low * (1 - (y - i)) + high * (y - i)

    at = [((r - row) * 50 / reach + 50, (c - column) * 50 / reach + 50) for r, c in np.argwhere(pixels).tolist()]
    sums = [abs(sum(value(p, r, y, x) for y, x in at)) for p in range(12) for r in range(3)]
    return [one / sums[0] for one in sums[1:]]


def border(pixels: Pixels) -> set[tuple[int, int]]:
    """Pixels of the first part that share a side with what lies outside of it."""
    parts, _ = ndimage.label(pixels, structure=np.ones((3, 3)))
    part = parts == 1
    outside = ndimage.label(~part)[0]
    touched = ndimage.binary_dilation(outside == outside[0, 0])
    return {(int(row), int(column)) for row, column in np.argwhere(part & touched)}


def contour(around: npt.NDArray[np.int64], row: float, column: float) -> Matrix:
    """Fourier magnitudes of the distance from the centre."""
    spectrum = np.abs(np.fft.rfft([math.hypot(r - row, c - column) for r, c in around.tolist()]))
    return np.pad(spectrum[1:11] / spectrum[0], (0, max(0, 11 - len(spectrum))))


def view_cost(a: Field, b: Field) -> int:
    """Weighted differences of two views' 47 numbers."""
    difference = [abs(int(x) - int(y)) for x, y in zip(a, b, strict=True)]
    region, contour = difference[:REGION], difference[REGION : REGION + CONTOUR]
    circularity, eccentricity = difference[REGION + CONTOUR :]
    return sum(region) + 2 * sum(contour) + 2 * circularity + eccentricity


def lfd_like(a: Field, b: Field, permutations: npt.NDArray[np.int64]) -> int:
    """The least sum over views, of all pairs of orientations and all alignments."""
    least = None
    for one in a:
        for other in b:
            costs = [[view_cost(x, y) for y in other] for x in one]
            for permutation in permutations.tolist():
                total = sum(costs[view][to] for view, to in enumerate(permutation))
                least = total if least is None else min(least, total)
    assert least is not None
    return least
