"""Triangles to pixels: which face is nearest, and how much light it sends."""

import numpy as np
from numba import njit

# Compiled code, so that shapes and types stand here. Screens: (V, 3) float64, pixels to the right, pixels down, and a
# nearness that is linear on the screen and grows towards the viewer. Pictures of P x P pixels, -inf where nothing is.


@njit(cache=True)
def nearest_faces(screen, faces, pixels):  # type: ignore[no-untyped-def]
    """Nearness (P, P) float64 and number (P, P) int32 of the nearest face of each pixel, -inf and -1 where none is."""
    near = np.full((pixels, pixels), -np.inf)
    shown = np.full((pixels, pixels), -1, np.int32)
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, bx, by, cx, cy = screen[i, 0], screen[i, 1], screen[j, 0], screen[j, 1], screen[k, 0], screen[k, 1]
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
                z = u * screen[i, 2] + v * screen[j, 2] + w * screen[k, 2]
                if z > near[row, column]:
                    near[row, column] = z
                    shown[row, column] = f
    return near, shown


@njit(cache=True)
def normals_shown(screen, faces, corner_normals, shown):  # type: ignore[no-untyped-def]
    """Unit normals (P, P, 3) of the faces `shown`, between those of their corners (F, 3, 3); 0 where nothing is."""
    normals = np.zeros((*shown.shape, 3))
    for row in range(shown.shape[0]):
        y = row + 0.5
        for column in range(shown.shape[1]):
            f = shown[row, column]
            if f < 0:
                continue
            x = column + 0.5
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            ax, ay, bx, by, cx, cy = screen[i, 0], screen[i, 1], screen[j, 0], screen[j, 1], screen[k, 0], screen[k, 1]
            area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
            v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
            w = 1.0 - u - v
            n0 = u * corner_normals[f, 0, 0] + v * corner_normals[f, 1, 0] + w * corner_normals[f, 2, 0]
            n1 = u * corner_normals[f, 0, 1] + v * corner_normals[f, 1, 1] + w * corner_normals[f, 2, 1]
            n2 = u * corner_normals[f, 0, 2] + v * corner_normals[f, 1, 2] + w * corner_normals[f, 2, 2]
            length = np.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
            if length > 0:
                normals[row, column, 0] = n0 / length
                normals[row, column, 1] = n1 / length
                normals[row, column, 2] = n2 / length
    return normals


@njit(cache=True)
def light(depth, normals, openness, axes, key, slope, outline):  # type: ignore[no-untyped-def]
    """Brightness (P, P) in about [0, 1.1]: sky from above, one key light, dimmed in corners and along outlines.

    depth : (P, P), growing towards the viewer; normals : (P, P, 3); openness : (S, S), each for P / S pixels a side
    axes : (3, 3), right, up and towards the viewer; key : (3,), direction of the light; both where normals are
    slope : how far views lean outwards from pixel to pixel, 0 for parallel ones; outline : a step in depth
    """
    pixels = depth.shape[0]
    block = pixels // openness.shape[0]
    found = np.zeros((pixels, pixels))
    for row in range(pixels):
        lean_up = (row + 0.5 - pixels / 2) * slope
        for column in range(pixels):
            here = depth[row, column]
            if here == -np.inf:
                continue
            lean_right = -(column + 0.5 - pixels / 2) * slope
            n = normals[row, column]
            towards = 0.0
            key_part = 0.0
            up = 0.0
            for k in range(3):
                towards += n[k] * (axes[2, k] + lean_right * axes[0, k] + lean_up * axes[1, k])
                key_part += n[k] * key[k]
                up += n[k] * axes[1, k]
            side = -1.0 if towards < 0 else 1.0  # the viewer sees the lit side of every face
            sky = 0.5 + 0.5 * side * up
            shade = 0.42 + 0.38 * sky + 0.42 * max(0.0, side * key_part)
            behind = np.inf
            for step in range(4):
                y, x = row + (step == 0) - (step == 1), column + (step == 2) - (step == 3)
                inside = y >= 0 and x >= 0 and y < pixels and x < pixels
                behind = min(behind, depth[y, x] if inside else -np.inf)
            line = 0.5 if here > behind + outline else 1.0
            found[row, column] = openness[row // block, column // block] * shade * line
    return found


@njit(cache=True)
def open_sky(depth, rings, reaches):  # type: ignore[no-untyped-def]
    """Openness (S, S) in [0.4, 1], low where nearer surface stands around.

    depth : (S, S), growing towards the viewer; rings : (R, D, 2) int64, pixels down and right of D places on each ring
    reaches : (R,), radii of the rings in units of depth
    """
    pixels = depth.shape[0]
    openness = np.ones((pixels, pixels))
    for row in range(pixels):
        for column in range(pixels):
            here = depth[row, column]
            if here == -np.inf:
                continue
            hidden = 0.0
            for r in range(rings.shape[0]):
                for d in range(rings.shape[1]):
                    y, x = row + rings[r, d, 0], column + rings[r, d, 1]
                    if y < 0 or x < 0 or y >= pixels or x >= pixels:
                        continue
                    rise = depth[y, x] - here
                    # what stands far in front is another part, not a corner: its shade fades with distance
                    if rise > 0.2 * reaches[r]:
                        hidden += min(1.0, rise / reaches[r]) / (1.0 + (rise / (4 * reaches[r])) ** 2)
            openness[row, column] = 1.0 - 0.6 * min(1.0, 1.6 * hidden / (rings.shape[0] * rings.shape[1]))
    return openness
