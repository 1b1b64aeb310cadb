"""A small software renderer: one triangle mesh to one picture, the same pixels on every run and machine."""

import io
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from argus3d.raster import light, nearest_faces, normals_shown, open_sky

# Half the side of the picture in shape units: a unit cube seen from (35, 25) degrees just fits.
HALF_EXTENT = 0.78
SUPERSAMPLING = 2
# A corner keeps its face's normal where it deviates more than this from the vertex normal, so edges stay sharp.
CREASE_COSINE = 0.8
KEY_LIGHT = np.array([-0.35, 0.75, 0.56])  # in camera axes (right, up, towards the viewer): from the upper left
CLAY = (0.80, 0.77, 0.72)
OCCLUSION_RADII = (0.03, 0.07, 0.13)  # shape units
OCCLUSION_DIRECTIONS = 8
OUTLINE = 0.06  # shape units: a step in depth that is drawn as a line
_PNG_LEVEL = 3  # half the time of the default for a tenth more bytes

Colour = tuple[float, float, float]  # red, green, blue in [0, 1]


@dataclass(frozen=True)
class Model:
    """A mesh as it is drawn: vertices (V, 3) float64, faces (F, 3) int64 and normals (F, 3, 3) float64 of corners."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    normals: NDArray[np.float64]

    @classmethod
    def from_mesh(cls, vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> "Model":
        """Of vertices (V, 3), float, y up, front towards +z, and faces (F, 3), int, either winding: both sides are lit.

        Raises: ValueError for arrays of another shape, a face that names no vertex, or a vertex that is not finite.
        """
        corners: NDArray[np.float64] = np.ascontiguousarray(vertices, dtype=np.float64)
        triangles: NDArray[np.int64] = np.ascontiguousarray(faces, dtype=np.int64)
        _check(corners, triangles)
        return cls(corners, triangles, _corner_normals(corners, triangles))

    def seen_from(self, azimuth: float, elevation: float, size: int, colour: Colour = CLAY) -> NDArray[np.uint8]:
        """An orthographic picture (size, size, 3) uint8, from degrees and in colours as for `render`."""
        axes = camera_axes(azimuth, elevation)
        pixels = size * SUPERSAMPLING
        per_unit = pixels / (2 * HALF_EXTENT)
        camera = _turned(self.vertices, axes)
        screen = camera * [per_unit, -per_unit, 1.0] + [pixels / 2, pixels / 2, 0.0]
        depth, shown = nearest_faces(screen, self.faces, pixels)
        return self._lit(screen, depth, shown, _View(axes, per_unit, 0.0), colour)

    def seen_through(
        self,
        world_mat: NDArray[np.floating],
        camera_mat: NDArray[np.floating],
        size: int,
        colour: Colour = CLAY,
    ) -> NDArray[np.uint8]:
        """A picture (size, size, 3) uint8 through a pinhole camera that looks at the origin.

        world_mat : (3, 4), a rotation and a shift: from the shape to the camera's right, down and forward
        camera_mat : (3, 3), from there to pixels right and down of the picture's upper left corner, times depth

        Raises: ValueError for a vertex that is not in front of the camera.
        """
        camera = _turned(self.vertices, world_mat[:, :3]) + world_mat[:, 3]
        if len(camera) and camera[:, 2].min() <= 0:
            raise ValueError("a vertex is not in front of the camera; scale the shape into [-0.5, 0.5]")
        nearness = 1 / camera[:, 2:]  # linear on the screen, as depth is not
        screen = np.concatenate([_turned(camera, camera_mat)[:, :2] * nearness * SUPERSAMPLING, nearness], 1)
        near, shown = nearest_faces(screen, self.faces, size * SUPERSAMPLING)
        depth = np.where(shown >= 0, -1 / np.where(shown >= 0, near, 1.0), -np.inf)
        focal = float(camera_mat[0, 0]) * SUPERSAMPLING
        view = _View(world_mat[:, :3] * [[1.0], [-1.0], [-1.0]], focal / float(world_mat[2, 3]), 1 / focal)
        return self._lit(screen, depth, shown, view, colour)

    def _lit(
        self,
        screen: NDArray[np.float64],
        depth: NDArray[np.float64],
        shown: NDArray[np.int32],
        view: "_View",
        colour: Colour,
    ) -> NDArray[np.uint8]:
        # Occlusion is soft, so that one pixel of the final picture is fine enough for it.
        coarse = reduce(np.maximum, _sub_pixels(depth))
        openness = open_sky(coarse, _rings(view.per_unit / SUPERSAMPLING), np.array(OCCLUSION_RADII))
        normals = normals_shown(screen, self.faces, self.normals, shown)
        key = _turned((KEY_LIGHT / np.linalg.norm(KEY_LIGHT))[None], view.axes.T)[0]
        lit = light(depth, normals, openness, view.axes, key, view.slope, OUTLINE)
        brightness = reduce(np.add, _sub_pixels(lit))[..., None]
        empty = reduce(np.add, _sub_pixels((shown < 0).astype(np.uint8)))[..., None]
        picture = (brightness * np.asarray(colour) + empty) / SUPERSAMPLING**2
        rounded: NDArray[np.uint8] = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
        return rounded


@dataclass(frozen=True)
class _View:
    """Right, up and towards the viewer (3, 3), pixels in a unit of the shape, and how far views lean out a pixel."""

    axes: NDArray[np.float64]
    per_unit: float
    slope: float


def render(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    size: int = 160,
    azimuth: float = 35.0,
    elevation: float = 25.0,
    colour: Colour = CLAY,
) -> NDArray[np.uint8]:
    """Picture of a mesh under soft light from above, orthographic, on white.

    Parameters
    ----------
    vertices : (V, 3) float, in [-0.5, 0.5], y up, front towards +z
    faces : (F, 3) int, either winding: both sides of a face are lit
    size : side of the picture in pixels
    azimuth, elevation : degrees; the camera turns from the front (+z) to the right (+x), then up
    colour : red, green, blue of the material, in [0, 1]

    Returns
    -------
    (size, size, 3) uint8

    Raises
    ------
    ValueError : arrays of another shape, a face that names no vertex, or a vertex that is not finite
    """
    return Model.from_mesh(vertices, faces).seen_from(azimuth, elevation, size, colour)


def camera_axes(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """(3, 3): right, up and towards the viewer, of a camera that was turned and lifted by degrees as in `render`."""
    turn, lift = np.radians([azimuth, elevation])
    towards = np.array([np.sin(turn) * np.cos(lift), np.sin(lift), np.cos(turn) * np.cos(lift)])
    right = np.array([np.cos(turn), 0.0, -np.sin(turn)])
    # Sines differ in their last bit from machine to machine; pictures must not.
    return np.round(np.stack([right, np.cross(towards, right), towards]), 12)


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """A picture (H, W, 3) uint8 as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "png", compress_level=_PNG_LEVEL)
    return stream.getvalue()


def render_png(vertices: NDArray[np.floating], faces: NDArray[np.integer], size: int = 160) -> bytes:
    """PNG bytes of `render` from the usual side: from the front, the right and above."""
    return png_bytes(render(vertices, faces, size))


def _check(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> None:
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise ValueError(f"vertices must be (V, 3), not {vertices.shape}")
    if faces.ndim != 2 or faces.shape[1] != 3:
        raise ValueError(f"faces must be (F, 3) triangles, not {faces.shape}")
    if not np.isfinite(vertices).all():
        raise ValueError("a vertex is not finite; repair the mesh before it is drawn")
    if len(faces) and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise ValueError(f"a face names vertex {faces.max()}, but there are {len(vertices)} vertices")


def _rings(per_unit: float) -> NDArray[np.int64]:
    """(R, D, 2) int64: pixels down and right of the places around a pixel where `open_sky` looks."""
    rings = np.arange(len(OCCLUSION_RADII))[:, None]
    # each ring is turned a little, so that the directions do not line up into stripes
    angles = 2 * np.pi * (np.arange(OCCLUSION_DIRECTIONS) + rings / len(OCCLUSION_RADII)) / OCCLUSION_DIRECTIONS
    radii = np.array(OCCLUSION_RADII)[:, None] * per_unit
    return np.round(np.stack([np.sin(angles) * radii, np.cos(angles) * radii], -1)).astype(np.int64)


def _turned(points: NDArray[np.float64], matrix: NDArray[np.floating]) -> NDArray[np.float64]:
    """`points` @ `matrix`.T, added in one order everywhere, as matrix libraries do not."""
    return points[:, :1] * matrix[:, 0] + points[:, 1:2] * matrix[:, 1] + points[:, 2:] * matrix[:, 2]


def _sub_pixels(picture: NDArray[Any]) -> list[NDArray[Any]]:
    """The pictures (S, S) of one sub-pixel each of (P, P), much faster to combine than an axis of two is to reduce."""
    rows = [picture[row::SUPERSAMPLING] for row in range(SUPERSAMPLING)]
    return [row[:, column::SUPERSAMPLING] for row in rows for column in range(SUPERSAMPLING)]


def _corner_normals(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Normals (F, 3, 3) per corner: smooth across flat bends, the face's own across creases."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    area_normals = np.cross(b - a, c - a)
    smooth = np.zeros_like(vertices)
    for axis in range(3):
        weights = np.repeat(area_normals[:, axis], 3)
        smooth[:, axis] = np.bincount(faces.ravel(), weights=weights, minlength=len(vertices))
    flat = _unit(area_normals)[:, None, :]  # (F, 1, 3)
    corners = _unit(smooth)[faces]  # (F, 3, 3)
    bent = (corners * flat).sum(-1, keepdims=True) < CREASE_COSINE
    return np.ascontiguousarray(np.where(bent, flat, corners))


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
