"""Named ways to bring clouds to a common place and size before distances are taken."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

NORMALIZATIONS = ("box", "box_2", "unit_sphere", "none")

Clouds = npt.NDArray[np.float32]


def normalize(clouds: Clouds, normalization: str, name: str = "clouds", ids: Sequence[str] = ()) -> Clouds:
    """Bring each cloud to a common place and size, by itself.

    clouds : (N, P, 3) float32
    normalization : "box": centre of the cloud's bounding box to 0, longest side 1; "box_2": the same with side 2,
        so within [-1, 1]; "unit_sphere": mean point to 0, farthest point at distance 1; "none": untouched
    name : what an error calls the set
    ids : what an error calls the clouds, beside their place in the set
    returns : (N, P, 3) float32
    Raises : ValueError for an unknown name, or for a cloud whose points are all equal
    """
    centre, scale = _frames(clouds, normalization, name, ids)
    return _apply(clouds, centre, scale)


def normalize_pairs(generated: Clouds, reference: Clouds, normalization: str) -> tuple[Clouds, Clouds]:
    """Bring each pair to the frame of its reference cloud, so that a misplaced or mis-sized answer stays visible.

    generated : (N, P, 3) float32
    reference : (N, Q, 3) float32, same order
    returns : both, moved and scaled by the reference's own transform (see `normalize`)
    Raises : ValueError, see `normalize`
    """
    centre, scale = _frames(reference, normalization, "reference")
    return _apply(generated, centre, scale), _apply(reference, centre, scale)


def _frames(
    clouds: Clouds, normalization: str, name: str, ids: Sequence[str] = ()
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Centre (N, 1, 3) and size (N, 1, 1) of each cloud."""
    exact = clouds.astype(np.float64)
    if normalization == "none":
        return np.zeros((len(exact), 1, 3)), np.ones((len(exact), 1, 1))
    if normalization in ("box", "box_2"):
        low, high = exact.min(axis=1, keepdims=True), exact.max(axis=1, keepdims=True)
        centre, size = (low + high) / 2, (high - low).max(axis=2, keepdims=True)
        size = size / 2 if normalization == "box_2" else size
    elif normalization == "unit_sphere":
        centre = exact.mean(axis=1, keepdims=True)
        size = np.linalg.norm(exact - centre, axis=2, keepdims=True).max(axis=1, keepdims=True)
    else:
        raise ValueError(f"unknown normalization {normalization!r}; choose one of {', '.join(NORMALIZATIONS)}")
    if (size == 0).any():
        index = int(np.argmax(size[:, 0, 0] == 0))
        which = f"{index} ({ids[index]})" if ids else f"{index}"
        raise ValueError(f"{name}: all points of cloud {which} are equal, it has no size to scale by; drop that cloud")
    return centre, size


def _apply(clouds: Clouds, centre: npt.NDArray[np.float64], size: npt.NDArray[np.float64]) -> Clouds:
    return ((clouds.astype(np.float64) - centre) / size).astype(np.float32)
