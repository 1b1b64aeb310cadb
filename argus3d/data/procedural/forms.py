"""Words to build with: boxes, boards, rods, legs, turned forms, rings; lengths in any unit, y up, front at +z."""

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator

from argus3d.data.procedural.primitives import Ball, Floats, Prism, Revolution, Ring, counter_clockwise
from argus3d.data.procedural.solid import Part

Point = Sequence[float] | Floats

_SQUARE = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])


def box(centre: Point, size: Point, taper: tuple[float, float] = (1.0, 1.0)) -> Part:
    """An upright box; its top is scaled by taper (x, z)."""
    return Part(Prism(_SQUARE, taper), np.diag(np.asarray(size, float)), np.asarray(centre, float))


def beam(bottom: Point, top: Point, width: float, depth: float, taper: float = 1.0) -> Part:
    """A bar of width x depth from one point up to another, its ends level."""
    return _leaning(Prism(_SQUARE, (taper, taper)), bottom, top, (width, 1.0, depth))


def post(bottom: Point, top: Point, radius: float, taper: float = 1.0) -> Part:
    """A round bar from one point up to another, its ends level; `taper` scales the radius at the top."""
    half = (top[1] - bottom[1]) / 2.0
    profile = np.array([[0.0, -half], [radius, -half], [radius * taper, half], [0.0, half]])
    return _leaning(Revolution(profile), bottom, top, (1.0, 2.0 * half, 1.0))


def rod(start: Point, end: Point, radius: float, end_radius: float | None = None) -> Part:
    """A round bar between two points, its ends square to it."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    length = float(np.linalg.norm(b - a))
    last = radius if end_radius is None else end_radius
    profile = np.array([[0.0, 0.0], [radius, 0.0], [last, length], [0.0, length]])
    return Part(Revolution(profile), turn_up_to((b - a) / length), a)


def disc(centre: Point, radius: float, height: float, stretch: float = 1.0) -> Part:
    """An upright cylinder around its centre; `stretch` scales it along z."""
    half = height / 2.0
    profile = np.array([[0.0, -half], [radius, -half], [radius, half], [0.0, half]])
    return Part(Revolution(profile), np.diag([1.0, 1.0, stretch]), np.asarray(centre, float))


def board(centre: Point, size: Point, radius: float, axis: str = "y") -> Part:
    """A board with corners rounded by `radius`; axis names the direction of its thickness."""
    across = {"x": (2, 1), "y": (0, 2), "z": (0, 1)}[axis]
    polygon = rounded_rectangle(size[across[0]], size[across[1]], radius)
    along = "xyz".index(axis)
    return plate(polygon, axis, centre[along] - size[along] / 2.0, centre[along] + size[along] / 2.0, centre)


def plate(polygon: Floats, axis: str, start: float, stop: float, shift: Point = (0.0, 0.0, 0.0)) -> Part:
    """A polygon drawn out along an axis from start to stop, moved by shift across it.

    polygon : (K, 2) in (x, z) for axis y, (z, y) for axis x, (x, y) for axis z; convex, or a ribbon whose vertices k
    and K - 1 - k face each other.
    """
    first, second = {"x": (2, 1), "y": (0, 2), "z": (0, 1)}[axis]
    along = "xyz".index(axis)
    matrix = np.zeros((3, 3))
    matrix[first, 0] = matrix[second, 2] = 1.0
    matrix[along, 1] = stop - start
    offset = np.array(shift, float)
    offset[along] = (start + stop) / 2.0
    return Part(Prism(counter_clockwise(np.asarray(polygon, float))), matrix, offset)


def sheared(part: Part, x_per_y: float = 0.0, z_per_y: float = 0.0, from_y: float = 0.0) -> Part:
    """Lean a part over: what is at height y moves by (y - from_y) times the slopes."""
    shear = np.array([[1.0, x_per_y, 0.0], [0.0, 1.0, 0.0], [0.0, z_per_y, 1.0]])
    anchor = np.array([0.0, from_y, 0.0])
    return Part(part.primitive, shear @ part.matrix, shear @ (part.offset - anchor) + anchor)


def ball(centre: Point, radii: Point | float) -> Part:
    """A ball, or an ellipsoid with radii along x, y, z."""
    scale = np.broadcast_to(np.asarray(radii, float), 3)
    return Part(Ball(), np.diag(scale), np.asarray(centre, float))


def turned(profile: Sequence[Point], base: Point = (0.0, 0.0, 0.0), up: Point = (0.0, 1.0, 0.0)) -> Part:
    """A solid of revolution that stands on `base` along `up`, from (radius, height) pairs, closed on the axis."""
    outline = np.asarray(profile, float)
    ends = np.array([[0.0, outline[0, 1]], [0.0, outline[-1, 1]]])
    closed = np.concatenate([ends[:1], outline[outline[:, 0] >= 0.0], ends[1:]])
    distinct = np.any(np.diff(closed, axis=0, prepend=np.nan) != 0.0, axis=1)
    return Part(
        Revolution(counter_clockwise(closed[distinct])), turn_up_to(np.asarray(up, float)), np.array(base, float)
    )


def shell(profile: Sequence[Point], wall: float, base: Point = (0.0, 0.0, 0.0), floor: float = 0.0) -> Part:
    """A hollow turned form, open at the top; floor > 0 closes the bottom with that thickness, 0 leaves it open.

    The wall is measured across the axis.
    """
    outer = np.asarray(profile, float)
    if floor <= 0.0:
        inner = np.stack([outer[:, 0] - wall, outer[:, 1]], 1)[::-1]
        return Part(Revolution(counter_clockwise(np.concatenate([outer, inner]))), np.eye(3), np.array(base, float))
    level = outer[0, 1] + floor
    heights = np.concatenate([[level], outer[outer[:, 1] > level + 1e-6, 1]])
    radii = np.maximum(np.interp(heights, outer[:, 1], outer[:, 0]) - wall, 0.15 * wall)
    inner = np.stack([radii, heights], 1)[::-1]
    closed = np.concatenate([[[0.0, outer[0, 1]]], outer, inner, [[0.0, level]]])
    return Part(Revolution(counter_clockwise(closed)), np.eye(3), np.array(base, float))


def turned_outline(outline: Sequence[Point], base: Point = (0.0, 0.0, 0.0)) -> Part:
    """A turned form from its whole closed outline in (radius, height)."""
    return Part(Revolution(counter_clockwise(np.asarray(outline, float))), np.eye(3), np.array(base, float))


def ring(centre: Point, major: float, minor: float, start: float, stop: float, stretch: float = 1.0) -> Part:
    """A piece of a torus in the x, y plane, angles in degrees from +x to +y; `stretch` scales it along y."""
    piece = Ring(major, minor, float(np.radians(start)), float(np.radians(stop)))
    return Part(piece, np.diag([1.0, stretch, 1.0]), np.asarray(centre, float))


def rounded_rectangle(width: float, height: float, radius: float, corner_points: int = 5) -> Floats:
    """A rectangle : (4 * corner_points, 2) around the origin with round corners."""
    limited = min(radius, 0.499 * width, 0.499 * height)
    turn = np.linspace(0.0, np.pi / 2.0, corner_points)
    corners = []
    for quarter, (sx, sy) in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)]):
        middle = np.array([sx * (width / 2.0 - limited), sy * (height / 2.0 - limited)])
        angle = turn + quarter * np.pi / 2.0
        corners.append(middle + limited * np.stack([np.cos(angle), np.sin(angle)], 1))
    return np.concatenate(corners)


def arc_ribbon(radius: float, thickness: float, start: float, stop: float, points: int = 13) -> Floats:
    """A curved strip : (2 * points, 2) of a circle around the origin, angles in degrees."""
    angle = np.radians(np.linspace(start, stop, points))
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    return np.concatenate([(radius + thickness / 2.0) * circle, (radius - thickness / 2.0) * circle[::-1]])


def smooth_profile(knots: Sequence[Point], points: int = 25) -> list[tuple[float, float]]:
    """Fill in (radius, height) knots by a monotone cubic, so that no wave is added between them."""
    radii, heights = np.asarray(knots, float).T
    at = np.linspace(heights[0], heights[-1], points)
    radius = PchipInterpolator(heights, radii)(at)
    return [(float(r), float(h)) for r, h in zip(radius, at, strict=True)]


def turn_up_to(direction: Floats) -> Floats:
    """A rotation : (3, 3) that takes +y to the unit vector `direction`."""
    helper = np.array([0.0, 0.0, 1.0]) if abs(direction[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    side = np.cross(direction, helper)
    side /= np.linalg.norm(side)
    return np.stack([side, direction, np.cross(side, direction)], axis=1)


def _leaning(primitive: Prism | Revolution, bottom: Point, top: Point, size: tuple[float, float, float]) -> Part:
    """Lean a primitive from bottom to top; size says its width and depth, and how tall it is in its own frame."""
    a, b = np.asarray(bottom, float), np.asarray(top, float)
    width, tall, depth = size
    matrix = np.stack([np.array([width, 0.0, 0.0]), (b - a) / tall, np.array([0.0, 0.0, depth])], axis=1)
    return Part(primitive, matrix, (a + b) / 2.0)
