"""Completions, guided samples and memorisation by loops, in float64."""

import numpy as np
import numpy.typing as npt

from tests.reference import more_metrics
from tests.reference.distances import chamfer

Cloud = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]


def in_box_of(cloud: Cloud, frame: Cloud) -> Matrix:
    """A cloud moved and scaled as brings another one to its box."""
    low = [min(float(p[axis]) for p in frame) for axis in range(3)]
    high = [max(float(p[axis]) for p in frame) for axis in range(3)]
    side = max(b - a for a, b in zip(low, high, strict=True))
    return np.array([[(float(p[i]) - (low[i] + high[i]) / 2) / side for i in range(3)] for p in cloud])


def completion(part: Cloud, truth: Cloud, completions: Cloud, points: int, within: float) -> dict[str, float]:
    """Of one input; `points` of each completion, the first, count for distances between clouds."""
    framed = [in_box_of(one, truth) for one in completions]
    few = [one[:points] for one in framed]
    given, whole = in_box_of(part, truth), in_box_of(truth, truth)
    own = [chamfer(one, whole) for one in few]
    return {
        "tmd_cd": more_metrics.tmd(np.array(few)),
        "uhd": more_metrics.uhd(np.array(framed), given),
        f"completeness_{within:g}": more_metrics.completeness(np.array(framed), given, within),
        "own_mmd_cd": min(own),
        "amd_cd": sum(own) / len(own),
    }


def guided(truth: Cloud, samples: Cloud) -> dict[str, float]:
    """Of one shape and its samples, each in its own box."""
    boxed, whole = [in_box_of(one, one) for one in samples], in_box_of(truth, truth)
    own = [chamfer(one, whole) for one in boxed]
    return {"amd_cd": sum(own) / len(own), "own_mmd_cd": min(own), "tmd_cd": more_metrics.tmd(np.array(boxed))}


def pooled_mmd(truths: list[Cloud], samples: list[Cloud]) -> float:
    """Mean over shapes of the distance to the nearest of all samples, each in its own box."""
    boxed = [in_box_of(one, one) for some in samples for one in some]
    nearest = [min(chamfer(one, in_box_of(truth, truth)) for one in boxed) for truth in truths]
    return sum(nearest) / len(nearest)


def memorisation(distances: list[float], own: list[float]) -> dict[str, float]:
    """Of distances to the nearest training shape, and of training shapes to their nearest other."""
    quantile = float(np.quantile(own, 0.05))
    wins = sum((d > t) + 0.5 * (d == t) for d in distances for t in own)
    return {
        "novelty_ratio": float(np.median(distances) / np.median(own)),
        "near_share": sum(d < quantile for d in distances) / len(distances),
        "farther": wins / (len(distances) * len(own)),
        "nearest_cd": float(np.median(distances)),
    }
