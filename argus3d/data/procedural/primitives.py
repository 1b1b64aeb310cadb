"""Four solids in their own frames, each with an exact inside test: prism, solid of revolution, ball, ring."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SEGMENTS = 40  # sides of a circle in meshes; inside tests and samples use the true circle


class Primitive(Protocol):
    """A closed solid in its own frame."""

    def contains(self, points: Floats) -> Bools:
        """Say which points : (Q, 3) lie inside."""
        ...

    def support(self, direction: Floats) -> float:
        """Return the largest scalar product of a point of the solid with direction : (3,)."""
        ...

    def mesh(self) -> tuple[Floats, Ints]:
        """Return vertices : (V, 3) and outward faces : (F, 3) of a closed mesh."""
        ...


class Curved(Primitive, Protocol):
    """A primitive whose surface is sampled in its own frame."""

    def area(self) -> float:
        """Return the area of the surface."""
        ...

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw points and outward unit normals : (count, 3), uniform by area."""
        ...


@dataclass(frozen=True, eq=False)
class Facets:
    """Triangles to draw points from: corners : (F, 3, 3), outward unit normals : (F, 3), areas : (F,)."""

    corners: Floats
    normals: Floats
    areas: Floats

    @classmethod
    def of_mesh(cls, vertices: Floats, faces: Ints) -> "Facets":
        """Take the triangles that have an area."""
        corners = vertices[faces]
        (ax, ay, az), (bx, by, bz) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
        cross = np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=1)
        doubled = np.sqrt(np.einsum("ij,ij->i", cross, cross))
        real = doubled > 1e-14
        return cls(corners[real], cross[real] / doubled[real, None], doubled[real] / 2.0)

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw points and outward unit normals : (count, 3), uniform by area."""
        chosen = _pick(self.areas, count, rng)
        u, v = rng.random((2, count, 1))
        beyond = u + v > 1.0
        u, v = np.where(beyond, 1.0 - u, u), np.where(beyond, 1.0 - v, v)
        a, b, c = self.corners[chosen].transpose(1, 0, 2)
        return a + u * (b - a) + v * (c - a), self.normals[chosen]


def _pick(weights: Floats, count: int, rng: np.random.Generator) -> Ints:
    steps = np.cumsum(weights)
    return np.minimum(np.searchsorted(steps, rng.random(count) * steps[-1], side="right"), len(weights) - 1)


def counter_clockwise(polygon: Floats) -> Floats:
    """Return the polygon : (K, 2) with its vertices in counter-clockwise order."""
    following = np.roll(polygon, -1, axis=0)
    doubled_area = np.sum(polygon[:, 0] * following[:, 1] - polygon[:, 1] * following[:, 0])
    return polygon if doubled_area > 0 else polygon[::-1].copy()


def inside_polygon(polygon: Floats, points: Floats) -> Bools:
    """Say which points : (Q, 2) lie inside a simple polygon : (K, 2), by counting crossings of a ray along +x."""
    following = np.roll(polygon, -1, axis=0)
    slanted = polygon[:, 1] != following[:, 1]  # edges along the ray are never crossed
    start, end = polygon[slanted], following[slanted]
    slope = (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1])
    x, y = points[:, :1], points[:, 1:]
    straddles = (start[:, 1] > y) != (end[:, 1] > y)  # (Q, K)
    crossed = straddles & (x < start[:, 0] + (y - start[:, 1]) * slope)
    return np.asarray(np.count_nonzero(crossed, axis=1) % 2 == 1)


@dataclass(frozen=True, eq=False)
class Prism:
    """A polygon in x, z drawn out along y from -0.5 to 0.5, scaled by `taper` (x, z) at the top.

    The polygon : (K, 2) is counter-clockwise and either convex or a ribbon, vertex k facing vertex K - 1 - k, so that
    a strip of triangles fills it. Unequal tapers keep the sides flat only where edges run along x or z.
    """

    polygon: Floats
    taper: tuple[float, float] = (1.0, 1.0)

    def contains(self, points: Floats) -> Bools:
        height = points[:, 1]
        scale = 1.0 + (height[:, None] + 0.5) * (np.array(self.taper) - 1.0)
        within = np.abs(height) <= 0.5
        scale[~within] = 1.0
        return within & inside_polygon(self.polygon, points[:, ::2] / scale)

    def support(self, direction: Floats) -> float:
        return float(np.max(self.mesh()[0] @ direction))

    def mesh(self) -> tuple[Floats, Ints]:
        return self._mesh

    @cached_property
    def _mesh(self) -> tuple[Floats, Ints]:
        count = len(self.polygon)
        low = np.insert(self.polygon, 1, -0.5, axis=1)
        high = np.insert(self.polygon * np.array(self.taper), 1, 0.5, axis=1)
        ring = np.arange(count)
        following = np.roll(ring, -1)
        lid = np.array(_strip(count))
        # Counter-clockwise in (x, z) is seen from below: x cross z points to -y.
        sides = [
            np.stack([ring, ring + count, following], 1),
            np.stack([following, ring + count, following + count], 1),
        ]
        return np.concatenate([low, high]), np.concatenate([lid, lid[:, ::-1] + count, *sides])


def _strip(count: int) -> list[tuple[int, int, int]]:
    faces = []
    for near in range((count - 1) // 2):
        far = count - 1 - near
        faces.append((near, near + 1, far))
        if near + 1 < far - 1:
            faces.append((near + 1, far - 1, far))
    return faces


@dataclass(frozen=True, eq=False)
class Revolution:
    """A simple counter-clockwise polygon in (radius >= 0, y) turned around the y axis.

    profile : (K, 2). A polygon that touches the axis gives a full solid, one that stays away from it a ring; one that
    folds back over itself is hollow: no subtraction is needed for mugs, vases and lamp shades.
    """

    profile: Floats

    def contains(self, points: Floats) -> Bools:
        radius = np.hypot(points[:, 0], points[:, 2])
        return inside_polygon(self.profile, np.stack([radius, points[:, 1]], axis=1))

    def support(self, direction: Floats) -> float:
        across = np.hypot(direction[0], direction[2])
        return float(np.max(self.profile[:, 0] * across + self.profile[:, 1] * direction[1]))

    def area(self) -> float:
        return float(self._bands[2].sum())

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        start, end, areas = self._bands
        chosen = _pick(areas, count, rng)
        near, far = start[chosen, 0], end[chosen, 0]
        # Density along a band is proportional to the radius: the squared radius is uniform.
        draw = rng.random(count)
        radius = np.sqrt(near**2 + draw * (far**2 - near**2))
        change = far - near
        flat = np.abs(change) < 1e-9
        along = np.where(flat, draw, (radius - near) / np.where(flat, 1.0, change))
        height = start[chosen, 1] + along * (end[chosen, 1] - start[chosen, 1])
        angle = rng.uniform(0.0, 2.0 * np.pi, count)
        step = end[chosen] - start[chosen]
        outward = np.stack([step[:, 1], -step[:, 0]], 1) / np.linalg.norm(step, axis=1, keepdims=True)
        cos, sin = np.cos(angle), np.sin(angle)
        points = np.stack([radius * cos, height, radius * sin], 1)
        return points, np.stack([outward[:, 0] * cos, outward[:, 1], outward[:, 0] * sin], 1)

    def mesh(self) -> tuple[Floats, Ints]:
        angle = np.linspace(0.0, 2.0 * np.pi, SEGMENTS, endpoint=False)
        vertices: list[Floats] = []
        rows: list[Ints] = []
        used = 0
        for radius, height in self.profile:
            turn = angle if radius > 0.0 else angle[:1]
            vertices.append(np.stack([radius * np.cos(turn), np.full(len(turn), height), radius * np.sin(turn)], 1))
            rows.append(np.broadcast_to(used + np.arange(len(turn)), SEGMENTS))
            used += len(turn)
        faces = np.concatenate([_band(a, b) for a, b in zip(rows, rows[1:] + rows[:1], strict=True)])
        return np.concatenate(vertices), faces[_distinct(faces)]

    @cached_property
    def _bands(self) -> tuple[Floats, Floats, Floats]:
        following = np.roll(self.profile, -1, axis=0)
        length = np.linalg.norm(following - self.profile, axis=1)
        areas = np.pi * (self.profile[:, 0] + following[:, 0]) * length
        real = areas > 1e-14
        return self.profile[real], following[real], areas[real]


def _band(lower: Ints, upper: Ints) -> Ints:
    beside, above = np.roll(lower, -1), np.roll(upper, -1)
    return np.concatenate([np.stack([lower, upper, beside], 1), np.stack([beside, upper, above], 1)])


def _distinct(faces: Ints) -> Bools:
    a, b, c = faces.T
    return np.asarray((a != b) & (b != c) & (c != a))


@dataclass(frozen=True, eq=False)
class Ball:
    """The ball of radius 1."""

    def contains(self, points: Floats) -> Bools:
        return np.asarray(np.einsum("ij,ij->i", points, points) <= 1.0)

    def support(self, direction: Floats) -> float:
        return float(np.linalg.norm(direction))

    def area(self) -> float:
        return 4.0 * np.pi

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        points = rng.standard_normal((count, 3))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        return points, points.copy()

    def mesh(self) -> tuple[Floats, Ints]:
        turn = np.linspace(-np.pi / 2.0, np.pi / 2.0, SEGMENTS // 2 + 1)
        profile = np.stack([np.cos(turn), np.sin(turn)], 1)
        profile[[0, -1], 0] = 0.0
        return Revolution(profile).mesh()


@dataclass(frozen=True, eq=False)
class Ring:
    """A tube of radius `minor` around the circle of radius `major` in the x, y plane, from angle `start` to `stop`.

    Angles in radians from +x towards +y, 0 < stop - start <= 2 pi, minor < major; the ends are flat discs.
    """

    major: float
    minor: float
    start: float = 0.0
    stop: float = 2.0 * np.pi

    def contains(self, points: Floats) -> Bools:
        x, y, z = points.T
        turn = (np.arctan2(y, x) - self.start) % (2.0 * np.pi)
        tube = (np.hypot(x, y) - self.major) ** 2 + z**2 <= self.minor**2
        return np.asarray(tube & (turn <= self.stop - self.start))

    def support(self, direction: Floats) -> float:
        x, y, z = direction
        turn = (np.arctan2(y, x) - self.start) % (2.0 * np.pi)
        angles = [self.start, self.stop] + ([self.start + turn] if turn <= self.stop - self.start else [])
        # Grows with the outward component because major > minor, so the best angle is the one nearest to direction.
        outward = max(np.cos(angle) * x + np.sin(angle) * y for angle in angles)
        return float(self.major * outward + self.minor * np.hypot(outward, z))

    def area(self) -> float:
        return self._tube_area() + 2.0 * self._end_area()

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        on_tube = int(rng.binomial(count, self._tube_area() / self.area()))
        tube, ends = self._sample_tube(on_tube, rng), self._sample_ends(count - on_tube, rng)
        return np.concatenate([tube[0], ends[0]]), np.concatenate([tube[1], ends[1]])

    def mesh(self) -> tuple[Floats, Ints]:
        around = np.linspace(0.0, 2.0 * np.pi, SEGMENTS // 2, endpoint=False)
        steps = max(3, int(np.ceil(SEGMENTS * (self.stop - self.start) / (2.0 * np.pi))))
        angles = np.linspace(self.start, self.stop, steps + 1)
        width = len(around)
        rows = [_on_tube(np.full(width, a), around, self.major, self.minor)[0] for a in angles]
        indices = [np.arange(width) + k * width for k in range(steps + 1)]
        faces = [_band(a, b) for a, b in pairwise(indices)]
        lid = np.array(_strip(width))
        return np.concatenate(rows), np.concatenate([*faces, lid, lid[:, ::-1] + steps * width])

    def _tube_area(self) -> float:
        return (self.stop - self.start) * self.major * 2.0 * np.pi * self.minor

    def _end_area(self) -> float:
        return 0.0 if self.stop - self.start >= 2.0 * np.pi else np.pi * self.minor**2

    def _sample_tube(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        angle = rng.uniform(self.start, self.stop, count)
        around = np.empty(0)
        while len(around) < count:  # the outer side of the tube is longer: thin the inner one
            draw = rng.uniform(0.0, 2.0 * np.pi, 2 * count + 8)
            share = (self.major + self.minor * np.cos(draw)) / (self.major + self.minor)
            around = np.concatenate([around, draw[rng.random(len(draw)) < share]])
        return _on_tube(angle, around[:count], self.major, self.minor)

    def _sample_ends(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        at_stop = rng.random(count) < 0.5
        angle = np.where(at_stop, self.stop, self.start)
        radius, around = self.minor * np.sqrt(rng.random(count)), rng.uniform(0.0, 2.0 * np.pi, count)
        outward = self.major + radius * np.cos(around)
        points = np.stack([outward * np.cos(angle), outward * np.sin(angle), radius * np.sin(around)], 1)
        sign = np.where(at_stop, 1.0, -1.0)
        return points, np.stack([-np.sin(angle) * sign, np.cos(angle) * sign, np.zeros(count)], 1)


def _on_tube(angle: Floats, around: Floats, major: float, minor: float) -> tuple[Floats, Floats]:
    cos, sin = np.cos(angle), np.sin(angle)
    normals = np.stack([np.cos(around) * cos, np.cos(around) * sin, np.sin(around)], 1)
    centre = np.stack([major * cos, major * sin, np.zeros(len(angle))], 1)
    return centre + minor * normals, normals
