"""Pictures of clouds, seen as the shapes on contact sheets are."""

import numpy as np
import numpy.typing as npt
from PIL import Image

AZIMUTH, ELEVATION = 35.0, 25.0  # degrees, as pictures of meshes are drawn from
HALF_EXTENT = 0.78  # half the side of the picture, in sides of the shape
PIXELS = 320
DOT = 2  # pixels from a dot's centre to its edge
NEAR, FAR = np.array([0.0, 84.0, 168.0]), np.array([150.0, 194.0, 232.0])  # colours of the nearest and farthest points


def draw_cloud(points: npt.NDArray[np.floating]) -> Image.Image:
    """A cloud (M, 3), in [-0.5, 0.5], y up, front towards +z, as blue dots on white, farther ones paler."""
    turn, lift = np.radians([AZIMUTH, ELEVATION])
    towards = np.array([np.sin(turn) * np.cos(lift), np.sin(lift), np.cos(turn) * np.cos(lift)])
    right = np.array([np.cos(turn), 0.0, -np.sin(turn)])
    seen = points.astype(np.float64) @ np.stack([right, np.cross(towards, right), towards], axis=1)
    seen = seen[np.argsort(seen[:, 2], kind="stable")]  # the nearest are drawn last
    columns, rows = ((1 + sign * seen[:, axis] / HALF_EXTENT) * PIXELS / 2 for axis, sign in ((0, 1), (1, -1)))
    nearness = np.clip(seen[:, 2:] + 0.5, 0, 1)
    colours = np.round(FAR + (NEAR - FAR) * nearness).astype(np.uint8)
    picture = np.full((PIXELS, PIXELS, 3), 255, np.uint8)
    reach = range(-DOT, DOT + 1)
    dot = np.array([(x, y) for x in reach for y in reach if x * x + y * y <= DOT * DOT])
    # Point by point, so that a near dot covers all of a far one.
    x = (columns.astype(np.int64)[:, None] + dot[:, 0]).ravel()
    y = (rows.astype(np.int64)[:, None] + dot[:, 1]).ravel()
    inside = (x >= 0) & (x < PIXELS) & (y >= 0) & (y < PIXELS)
    picture[y[inside], x[inside]] = np.repeat(colours, len(dot), axis=0)[inside]
    return Image.fromarray(picture)
