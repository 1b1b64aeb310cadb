"""Light-field distance: how two shapes look from all around, whatever way they are turned.

Named `lfd_like`, not LFD, and never to be printed beside published LFD. It follows Chen et al. and what is known of
their program: box-centred meshes of longest side 1, 256 x 256 orthographic silhouettes from 10 axes of a dodecahedron
in 10 orientations, 35 region and 10 contour coefficients, circularity and eccentricity in 8 bits, their weights, and
the least sum over 10 views, each once, of 10 x 10 pairs of orientations and 60 alignments. It differs in

- the ten orientations, which the program reads from files that are not at hand (`light_field/views.py`);
- the centre of a silhouette, which is its centre of mass instead of its box's: turning the picture leaves it in place;
- silhouettes in several parts, which are joined in another way (`light_field/outline.py`), and rasterisation.

So values are of the published order, but not the published values.
"""

import numpy as np
import numpy.typing as npt

from argus3d.errors import UserError
from eval.distances.light_field import outline, region, views
from eval.distances.light_field.matching import Packed, cost_bounds, costs, pack
from eval.distances.light_field.silhouettes import silhouettes
from eval.distances.neighbours import Indices, Values

LightField = npt.NDArray[np.uint8]

NUMBERS = region.COEFFICIENTS + outline.COEFFICIENTS + 2
SHAPE = (views.ORIENTATIONS, views.VIEWS, NUMBERS)
LEVELS = 256
# Region, contour, circularity, eccentricity. Contour coefficients are about half as large.
SCALES = np.repeat((LEVELS, 2 * LEVELS, LEVELS, LEVELS), (region.COEFFICIENTS, outline.COEFFICIENTS, 1, 1))
DOUBLE = np.repeat((False, True, True, False), (region.COEFFICIENTS, outline.COEFFICIENTS, 1, 1))
VERSION = "lfd_like-1"  # of descriptors: those of different versions do not go together


def light_field(vertices: npt.ArrayLike, faces: npt.ArrayLike, name: str = "mesh") -> LightField:
    """Describe how a mesh looks from all around; it may be open, flipped, or in several parts.

    vertices : (V, 3) float, in any frame; those that no face uses do not count
    faces : (F, 3) int, triangles
    name : of the mesh, for errors
    returns : (10, 10, 47) uint8: orientation, view, then 35 region and 10 contour coefficients, circularity and
        eccentricity; a view that shows no pixel, as of a sheet seen edge on, has zeros
    Raises : UserError for a mesh without faces, faces that name no vertex, vertices that are not finite, or no surface
    Source : Chen, Tian, Shen, Ouhyoung, On Visual Similarity Based 3D Model Retrieval, 2003

    About 30 ms of one core, and 2 to 3 ms for each 1,000 faces.
    """
    used, triangles = _checked(np.asarray(vertices, np.float64), np.asarray(faces), name)
    low, high = used.min(axis=0), used.max(axis=0)
    side = (high - low).max()
    if not side > 0:
        raise UserError(f"{name}: all vertices are in one place; drop it")
    pixels = silhouettes((used - (low + high) / 2) / side, triangles, views.CAMERAS.reshape(-1, 2, 3))
    measures = region.measure(pixels)
    if not measures[:, region.AREA].any():
        raise UserError(f"{name}: no surface is seen from any side; it is a line, drop it")
    # One scale for all views of a light field, so that their sizes tell something too.
    reach = measures[:, region.REACH].reshape(SHAPE[:2]).max(axis=1).repeat(views.VIEWS)
    values = np.concatenate(
        [
            region.region_coefficients(pixels, measures, reach),
            outline.contour_coefficients(pixels, measures[:, [region.ROW, region.COLUMN]]),
            measures[:, [region.CIRCULARITY, region.ECCENTRICITY]],
        ],
        axis=1,
    )
    return np.minimum(values * SCALES, LEVELS - 1).astype(np.uint8).reshape(SHAPE)


def lfd_like(a: LightField, b: LightField) -> int:
    """Light-field distance of two shapes, in this package's own scale (see the module).

    a, b : (10, 10, 47) uint8, see `light_field`
    returns : 0 or more, lower is nearer; symmetric, but no metric, and 0 for looks that are equal, not shapes
    Raises : ValueError for another shape or type
    """
    return int(LightFieldPairs(a[None], b[None]).exact(np.zeros(1, np.int64), np.zeros(1, np.int64))[0])


class LightFieldPairs:
    """`neighbours.Pairs` of shapes by `lfd_like`, generated in rows."""

    def __init__(self, generated: LightField, reference: LightField | None = None) -> None:
        """Lay the descriptors out for matching.

        generated : (G, 10, 10, 47) uint8, see `light_field`
        reference : (R, 10, 10, 47) uint8, or None for the generated set with itself
        Raises : ValueError for another shape or type, or an empty set

        Memory: 13 kB a shape.
        """
        self._a = _packed(generated, "generated")
        self._b = self._a if reference is None else _packed(reference, "reference")
        self.shape = (len(generated), len(generated if reference is None else reference))
        self.symmetric = reference is None

    def exact(self, rows: Indices, columns: Indices) -> Values:
        """Distances of pairs, rows and columns (K,) int64; whole numbers."""
        return costs(self._a, self._b, rows, columns).astype(np.float64)

    def bounds(self, rows: Indices, columns: Indices) -> tuple[Values, Values]:
        """A lower bound of `exact` (proof: `matching.cost_bounds`), and infinity."""
        return cost_bounds(self._a, self._b, rows, columns).astype(np.float64), np.full(len(rows), np.inf)


def _packed(fields: LightField, name: str) -> Packed:
    if fields.dtype != np.uint8 or fields.shape[1:] != SHAPE or len(fields) == 0:
        raise ValueError(f"{name}: expected (N, 10, 10, {NUMBERS}) uint8, N above 0, got {fields.shape} {fields.dtype}")
    return pack(fields, DOUBLE)


def _checked(
    vertices: npt.NDArray[np.float64], faces: npt.NDArray[np.int64], name: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The vertices that faces use, and the faces numbered accordingly."""
    if faces.size == 0:
        raise UserError(f"{name}: mesh without faces; drop it")
    if faces.ndim != 2 or faces.shape[1] != 3 or not np.issubdtype(faces.dtype, np.integer):
        raise UserError(f"{name}: expected triangles of shape (F, 3), int, got {faces.shape} {faces.dtype}")
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise UserError(f"{name}: expected vertices of shape (V, 3), got {vertices.shape}")
    least, most = faces.min(), faces.max()
    if least < 0 or most >= len(vertices):
        wrong = least if least < 0 else most
        raise UserError(f"{name}: a face names vertex {wrong}, there are 0 to {len(vertices) - 1}; repair it")
    kept, numbered = np.unique(faces, return_inverse=True)
    used = vertices[kept]
    if not np.isfinite(used).all():
        raise UserError(f"{name}: vertices that are not finite; repair or drop it")
    return used, numbered.reshape(faces.shape)
