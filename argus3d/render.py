"""A small software renderer: one triangle mesh to one picture, the same bytes on every run."""

import io

import numpy as np
from numba import njit
from numpy.typing import NDArray
from PIL import Image

# Half the side of the picture in shape units: a unit cube seen from (35, 25) degrees just fits.
HALF_EXTENT = 0.78
SUPERSAMPLING = 2
# A corner keeps its face's normal where it deviates more than this from the vertex normal, so edges stay sharp.
CREASE_COSINE = 0.8
KEY_LIGHT = np.array([-0.35, 0.75, 0.56])  # in camera axes: from the upper left, in front
CLAY = (0.80, 0.77, 0.72)
OCCLUSION_RADII = (0.03, 0.07, 0.13)  # shape units
OCCLUSION_DIRECTIONS = 8


def render(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    size: int = 160,
    azimuth: float = 35.0,
    elevation: float = 25.0,
    colour: tuple[float, float, float] = CLAY,
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
    corners: NDArray[np.float64] = np.ascontiguousarray(vertices, dtype=np.float64)
    triangles: NDArray[np.int64] = np.ascontiguousarray(faces, dtype=np.int64)
    _check(corners, triangles)
    pixels = size * SUPERSAMPLING
    if len(triangles) == 0:
        return np.full((size, size, 3), 255, dtype=np.uint8)
    camera = corners @ _camera_axes(azimuth, elevation).T  # (V, 3): right, up, towards the viewer
    per_unit = pixels / (2 * HALF_EXTENT)
    depth, normals = _rasterise(camera, triangles, _corner_normals(camera, triangles), pixels, per_unit)
    light = _light(depth, normals, per_unit)
    covered = depth > -np.inf
    picture = np.where(covered[..., None], light[..., None] * np.asarray(colour), 1.0)
    picture = picture.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING, 3).mean(axis=(1, 3))
    rounded: NDArray[np.uint8] = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    return rounded


def _check(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> None:
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise ValueError(f"vertices must be (V, 3), not {vertices.shape}")
    if faces.ndim != 2 or faces.shape[1] != 3:
        raise ValueError(f"faces must be (F, 3) triangles, not {faces.shape}")
    if not np.isfinite(vertices).all():
        raise ValueError("a vertex is not finite; repair the mesh before it is drawn")
    if len(faces) and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise ValueError(f"a face names vertex {faces.max()}, but there are {len(vertices)} vertices")


def _camera_axes(azimuth: float, elevation: float) -> NDArray[np.float64]:
    turn, lift = np.radians([azimuth, elevation])
    towards = np.array([np.sin(turn) * np.cos(lift), np.sin(lift), np.cos(turn) * np.cos(lift)])
    right = np.array([np.cos(turn), 0.0, -np.sin(turn)])
    return np.stack([right, np.cross(towards, right), towards])


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


@njit(cache=True)
def _rasterise(  # type: ignore[no-untyped-def]
    camera, faces, corner_normals, pixels, per_unit
):
    """Depth (P, P), -inf where nothing is, and interpolated normals (P, P, 3) of the nearest faces."""
    depth = np.full((pixels, pixels), -np.inf)
    normals = np.zeros((pixels, pixels, 3))
    half = pixels / 2
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay = half + camera[i, 0] * per_unit, half - camera[i, 1] * per_unit
        bx, by = half + camera[j, 0] * per_unit, half - camera[j, 1] * per_unit
        cx, cy = half + camera[k, 0] * per_unit, half - camera[k, 1] * per_unit
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-12:
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        right = min(pixels - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        top = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(pixels - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                w = 1.0 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                z = u * camera[i, 2] + v * camera[j, 2] + w * camera[k, 2]
                if z <= depth[row, column]:
                    continue
                depth[row, column] = z
                for axis in range(3):
                    normals[row, column, axis] = (
                        u * corner_normals[f, 0, axis] + v * corner_normals[f, 1, axis] + w * corner_normals[f, 2, axis]
                    )
    return depth, normals


def _light(depth: NDArray[np.float64], normals: NDArray[np.float64], per_unit: float) -> NDArray[np.float64]:
    """Brightness (P, P) in about [0, 1.1]: sky from above, one key light, dimmed in corners and along outlines."""
    normals = _unit(normals)
    normals = normals * np.where(normals[..., 2:] < 0, -1.0, 1.0)  # the viewer sees the lit side of every face
    key = np.clip(normals @ (KEY_LIGHT / np.linalg.norm(KEY_LIGHT)), 0, None)
    sky = 0.5 + 0.5 * normals[..., 1]
    # Occlusion is soft, so that one pixel of the final picture is fine enough for it.
    step = SUPERSAMPLING
    coarse = np.ascontiguousarray(depth.reshape(len(depth) // step, step, -1, step).max((1, 3)))
    openness = _openness(coarse, per_unit / step, np.array(OCCLUSION_RADII), OCCLUSION_DIRECTIONS)
    openness = openness.repeat(step, 0).repeat(step, 1)
    light: NDArray[np.float64] = openness * (0.42 + 0.38 * sky + 0.42 * key) * (1 - 0.5 * _outline(depth))
    return light


def _outline(depth: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(P, P) bool: covered pixels beside one that lies well behind them or is empty."""
    padded = np.pad(depth, 1, constant_values=-np.inf)
    behind = np.minimum.reduce([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
    return (depth > -np.inf) & (depth > behind + 0.06)


@njit(cache=True)
def _openness(depth, per_unit, radii, directions):  # type: ignore[no-untyped-def]
    """Openness (P, P) in [0.4, 1], low where nearer surface stands around."""
    pixels = depth.shape[0]
    openness = np.ones((pixels, pixels))
    for row in range(pixels):
        for column in range(pixels):
            here = depth[row, column]
            if here == -np.inf:
                continue
            hidden = 0.0
            for r in range(radii.shape[0]):
                for d in range(directions):
                    # each ring is turned a little, so that the directions do not line up into stripes
                    angle = 2 * np.pi * (d + r / radii.shape[0]) / directions
                    y = row + int(round(np.sin(angle) * radii[r] * per_unit))  # noqa: RUF046 (numba rounds to float)
                    x = column + int(round(np.cos(angle) * radii[r] * per_unit))  # noqa: RUF046
                    if y < 0 or x < 0 or y >= pixels or x >= pixels:
                        continue
                    rise = depth[y, x] - here
                    # what stands far in front is another part, not a corner: its shade fades with distance
                    if rise > 0.2 * radii[r]:
                        hidden += min(1.0, rise / radii[r]) / (1.0 + (rise / (4 * radii[r])) ** 2)
            openness[row, column] = 1.0 - 0.6 * min(1.0, 1.6 * hidden / (radii.shape[0] * directions))
    return openness


def render_png(vertices: NDArray[np.floating], faces: NDArray[np.integer], size: int = 160) -> bytes:
    """PNG bytes of `render` from the usual side: from the front, the right and above."""
    stream = io.BytesIO()
    Image.fromarray(render(vertices, faces, size)).save(stream, "png")
    return stream.getvalue()
