"""How well a shape came back: IoU, F-score, CD-L1, Hausdorff distance, normal consistency."""

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from eval.distances.chamfer import chamfer

Cloud = npt.NDArray[np.float32]


def iou(generated: npt.NDArray[np.bool_], reference: npt.NDArray[np.bool_]) -> float:
    """Intersection over union of two occupancies at the same sample points.

    generated, reference : (Q,) bool, inside or not
    returns : float in [0, 1], higher is better; 1 if both are empty. Uniform samples and samples near the surface give
        different numbers
    Raises : ValueError for different numbers of samples, or none
    """
    if generated.shape != reference.shape:
        raise ValueError(f"IoU needs the same sample points, got {generated.shape} and {reference.shape}")
    if generated.size == 0:
        raise ValueError("IoU needs sample points, got none")
    union = int((generated | reference).sum())
    return float((generated & reference).sum() / union) if union else 1.0


def f_score(generated: Cloud, reference: Cloud, tau: float = 0.02) -> float:
    """Harmonic mean of precision (generated points within tau of the reference) and recall (the other way).

    generated : (P, 3) float32
    reference : (Q, 3) float32
    tau : in the clouds' unit; 0.02 is 2 % of the longest side of a shape in its box
    returns : float in [0, 1], higher is better
    Raises : ValueError, see `nearest_points`
    Source : Knapitsch et al., Tanks and Temples, 2017
    """
    there, back = _both_ways(generated, reference)
    precision, recall = float((there <= tau).mean()), float((back <= tau).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def cd_l1(generated: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Half the sum of accuracy (mean distance of generated points to the reference) and completeness (the other way).

    generated : (P, 3) float32
    reference : (Q, 3) float32
    returns : float, 0 or more, in the clouds' unit, lower is better. The distances are Euclidean, not squared (nor
        sums of absolute differences); papers that leave out the half have twice the value, `chamfer`'s "l2_mean"
    Raises : ValueError, see `chamfer`
    Source : Mescheder et al., Occupancy Networks, CVPR 2019, "Chamfer-L1"
    """
    return chamfer(generated, reference, "l2_half")


def hausdorff(generated: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Largest distance of a point of either cloud to the other cloud.

    generated : (P, 3) float32
    reference : (Q, 3) float32
    returns : float, 0 or more, in the clouds' unit, lower is better; a single stray point decides it, and two samples
        of one surface lie the width of their largest gap apart
    Raises : ValueError, see `nearest_points`
    """
    there, back = _both_ways(generated, reference)
    return float(max(there.max(), back.max()))


def normal_consistency(
    generated: npt.ArrayLike,
    generated_normals: npt.ArrayLike,
    reference: npt.ArrayLike,
    reference_normals: npt.ArrayLike,
) -> float:
    """How parallel normals are to those at the nearest point of the other cloud, mean of both ways.

    generated, generated_normals : (P, 3) float32; normals of any length but 0
    reference, reference_normals : (Q, 3) float32
    returns : float in [0, 1], higher is better; mean |cosine|, so inside and outside are not told apart: unrelated
        normals reach 0.5, not 0. Of equally near points any one counts
    Raises : ValueError, see `nearest_points`; naming set and point for normals that are not finite, of length 0, or not
        one a point
    Source : Mescheder et al., Occupancy Networks, CVPR 2019
    """
    normals_g = _unit(generated_normals, len(np.asarray(generated)), "generated")
    normals_r = _unit(reference_normals, len(np.asarray(reference)), "reference")
    _, there = nearest_points(generated, reference, "generated", "reference")
    _, back = nearest_points(reference, generated, "reference", "generated")
    accuracy = np.abs((normals_g * normals_r[there]).sum(axis=1)).mean()
    completeness = np.abs((normals_r * normals_g[back]).sum(axis=1)).mean()
    return min(float(accuracy + completeness) / 2, 1.0)


def nearest_points(
    a: npt.ArrayLike, b: npt.ArrayLike, name_a: str, name_b: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Nearest point of b for each point of a.

    a, b : (P, 3) and (Q, 3) float32
    name_a, name_b : what an error calls them
    returns : distance (P,) float64, not squared; index (P,) int64, any of equally near ones
    Raises : ValueError, naming cloud and point, for an empty cloud or a value that is not finite
    """
    distance, index = cKDTree(_rows(b, name_b)).query(_rows(a, name_a))
    return np.asarray(distance), np.asarray(index, np.int64)


def _both_ways(
    generated: npt.ArrayLike, reference: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    there, _ = nearest_points(generated, reference, "generated", "reference")
    back, _ = nearest_points(reference, generated, "reference", "generated")
    return there, back


def _rows(rows: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    array = np.asarray(rows, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 3 or len(array) == 0:
        raise ValueError(f"{name}: expected shape (P, 3) with P above 0, got {array.shape}")
    good = np.isfinite(array).all(axis=1)
    if not good.all():
        raise ValueError(f"{name}: point {int(np.argmin(good))} is not finite; repair or drop it")
    return array


def _unit(normals: npt.ArrayLike, points: int, name: str) -> npt.NDArray[np.float64]:
    array = _rows(normals, f"{name} normals")
    if len(array) != points:
        raise ValueError(f"{name}: {points} points but {len(array)} normals; give one a point")
    length = np.linalg.norm(array, axis=1, keepdims=True)
    if not length.all():
        raise ValueError(f"{name} normals: point {int(np.argmin(length))} has one of length 0; repair or drop it")
    return np.asarray(array / length)
