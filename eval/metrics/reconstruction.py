"""How well a shape came back: IoU, F-score."""

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree


def iou(generated: npt.NDArray[np.bool_], reference: npt.NDArray[np.bool_]) -> float:
    """Intersection over union of two occupancies at the same sample points.

    generated, reference : (Q,) bool, inside or not
    returns : float in [0, 1], higher is better; 1 if both are empty. Uniform samples and samples near the surface give
        different numbers
    Raises : ValueError for different numbers of samples
    """
    if generated.shape != reference.shape:
        raise ValueError(f"IoU needs the same sample points, got {generated.shape} and {reference.shape}")
    union = int((generated | reference).sum())
    return float((generated & reference).sum() / union) if union else 1.0


def f_score(generated: npt.NDArray[np.float32], reference: npt.NDArray[np.float32], tau: float = 0.02) -> float:
    """Harmonic mean of precision (generated points within tau of the reference) and recall (the other way).

    generated : (P, 3) float32
    reference : (Q, 3) float32
    tau : in the clouds' unit; 0.02 is 2 % of the longest side of a shape in its box
    returns : float in [0, 1], higher is better
    Source : Knapitsch et al., Tanks and Temples, 2017
    """
    precision = float((_nearest(generated, reference) <= tau).mean())
    recall = float((_nearest(reference, generated) <= tau).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _nearest(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    distances, _ = cKDTree(b.astype(np.float64)).query(a.astype(np.float64))
    return np.asarray(distances)
