"""A shape as a union of placed primitives: inside test, uniform surface samples, mesh."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from argus3d.data.procedural.primitives import Bools, Curved, Facets, Floats, Ints, Prism

_STEP = 1e-7  # how far off the surface a sample looks to see which side is outside; the longest side is 1


@dataclass(frozen=True, eq=False)
class Part:
    """A primitive under the affine map x -> matrix @ x + offset; matrix : (3, 3) regular, offset : (3,)."""

    primitive: Prism | Curved
    matrix: Floats
    offset: Floats

    @cached_property
    def bounds(self) -> tuple[Floats, Floats]:
        """The exact axis-aligned bounding box: lowest and highest corner, (3,) each."""
        high = np.array([self.primitive.support(row) for row in self.matrix])
        low = -np.array([self.primitive.support(-row) for row in self.matrix])
        return low + self.offset, high + self.offset

    def contains(self, points: Floats) -> Bools:
        """Say which points : (Q, 3) lie inside."""
        return self.primitive.contains((points - self.offset) @ self._inverse.T)

    def scaled(self, factor: float, shift: Floats) -> "Part":
        """Return the part moved by shift : (3,), then scaled about the origin."""
        return Part(self.primitive, self.matrix * factor, (self.offset + shift) * factor)

    @cached_property
    def area_bound(self) -> float:
        """An upper bound of the surface area, reached by flat solids and under similarities."""
        if isinstance(self.primitive, Prism):
            return float(self._facets.areas.sum())
        return self.primitive.area() * self._largest_stretch

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw points uniform by area, with unit normals: on average `count` times area / area_bound of them."""
        if isinstance(self.primitive, Prism):
            return self._facets.sample(count, rng)
        points, normals = self.primitive.sample(count, rng)
        stretched = normals @ self._cofactor.T
        stretch = np.sqrt(np.einsum("ij,ij->i", stretched, stretched))
        kept = rng.random(count) * self._largest_stretch <= stretch
        return points[kept] @ self.matrix.T + self.offset, stretched[kept] / stretch[kept, None]

    def mesh(self) -> tuple[Floats, Ints]:
        """Return vertices : (V, 3) and outward faces : (F, 3)."""
        vertices, faces = self.primitive.mesh()
        mirrored = np.linalg.det(self.matrix) < 0.0
        placed: Floats = vertices @ self.matrix.T + self.offset
        return placed, faces[:, ::-1] if mirrored else faces

    @cached_property
    def _inverse(self) -> Floats:
        return np.asarray(np.linalg.inv(self.matrix), dtype=np.float64)

    @cached_property
    def _facets(self) -> Facets:
        return Facets.of_mesh(*self.mesh())

    @cached_property
    def _cofactor(self) -> Floats:
        """Carries area vectors; the sign keeps them outward under a reflection."""
        return self._inverse.T * abs(np.linalg.det(self.matrix))

    @cached_property
    def _largest_stretch(self) -> float:
        return float(np.linalg.norm(self._cofactor, ord=2))


@dataclass(frozen=True, eq=False)
class ProceduralSolid:
    """A union of parts in [-0.5, 0.5]^3: box centred, longest side 1 (both to 1e-12), y up, front at +z."""

    parts: tuple[Part, ...]
    category: str
    caption: str
    parameters: dict[str, str | int | bool]

    def contains(self, points: Floats) -> Bools:
        """Say which points lie inside the shape, exactly.

        points : (Q, 3) float64. Returns (Q,) bool.
        """
        return self._owner(np.asarray(points, dtype=np.float64)) >= 0

    def surface(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw points uniform by area on the outer surface of the union, with exact outward unit normals.

        Returns points, normals : (count, 3) float64. What lies inside another part is rejected; where faces of two
        parts coincide, the surface counts once.
        """
        found: list[tuple[Floats, Floats]] = []
        missing = count
        while missing > 0:
            points, normals = self._surface_batch(missing + count // 2, rng)
            found.append((points[:missing], normals[:missing]))
            missing -= len(found[-1][0])
        return np.concatenate([p for p, _ in found]), np.concatenate([n for _, n in found])

    def mesh(self) -> tuple[Floats, Ints]:
        """Return the parts' closed meshes one after another: vertices (V, 3) float64, faces (F, 3) int64.

        Parts overlap, so this is no single watertight surface: its winding number is at least 1 inside and 0 outside
        (circles are polygons of 40 sides). Hollow parts bring their inner walls.
        """
        vertices: list[Floats] = []
        faces: list[Ints] = []
        used = 0
        for part in self.parts:
            corners, triangles = part.mesh()
            vertices.append(corners)
            faces.append(triangles + used)
            used += len(corners)
        return np.concatenate(vertices), np.concatenate(faces)

    def _owner(self, points: Floats) -> Ints:
        """Return the first part that contains each point, or -1."""
        owner = np.full(len(points), -1, dtype=np.int64)
        columns = np.ascontiguousarray(points.T)
        for index in range(len(self.parts) - 1, -1, -1):
            low, high = self.parts[index].bounds
            near = np.flatnonzero((columns[0] >= low[0]) & (columns[0] <= high[0]))
            for axis in (1, 2):
                values = columns[axis, near]
                near = near[(values >= low[axis]) & (values <= high[axis])]
            if len(near):
                owner[near[self.parts[index].contains(points[near])]] = index
        return owner

    def _surface_batch(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        bounds = np.array([part.area_bound for part in self.parts])
        drawn = rng.multinomial(count, bounds / bounds.sum())
        samples = [part.sample(int(share), rng) for part, share in zip(self.parts, drawn, strict=True)]
        points = np.concatenate([p for p, _ in samples])
        normals = np.concatenate([n for _, n in samples])
        label = np.repeat(np.arange(len(samples)), [len(p) for p, _ in samples])
        # On the outer surface: free just outside, and just inside no earlier part claims the same surface.
        kept = (self._owner(points + _STEP * normals) < 0) & (self._owner(points - _STEP * normals) == label)
        order = rng.permutation(np.flatnonzero(kept))
        return points[order], normals[order]


def normalised(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Move the parts so that their bounding box is centred at the origin, and scale its longest side to 1."""
    low = np.min([part.bounds[0] for part in parts], axis=0)
    high = np.max([part.bounds[1] for part in parts], axis=0)
    factor = 1.0 / float(np.max(high - low))
    return tuple(part.scaled(factor, -(low + high) / 2.0) for part in parts)
