"""How well, and how variously, partial shapes were completed: TMD, UHD, completeness, AMD.

Several completions of each input are measured. Every function gives one value an input; the metric is their mean.

Completion papers also print MMD: the usual one (`eval.metrics.mmd`) of all completions of all inputs, pooled, against
the complete test shapes. It falls with the number of completions and asks of none that it fits its own input.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from eval.distances.chamfer import chamfer_matrix, chamfer_self_matrix, checked
from eval.metrics.reconstruction import nearest_points

Clouds = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]


def tmd(completions: npt.ArrayLike, kind: str = "squared_mean") -> Values:
    """Total mutual difference: how much the completions of one input differ from each other.

    completions : (N, K, P, 3) float32, K completions of each of N inputs, K of 2 or more (10 where it is published)
    kind : see `chamfer`
    returns : (N,) float64, 0 or more, unit of the distances, higher is more various (not better: noise raises it);
        each completion's mean distance to the others, summed over the K. It grows with K: K times the mean pair's
    Raises : ValueError for fewer than two completions; naming input and completion for an empty cloud or a value that
        is not finite
    Source : Wu et al., Multimodal Shape Completion, ECCV 2020, and its code
    """
    every = _completions(completions)
    size = every.shape[1]
    if size < 2:
        raise ValueError("TMD needs two or more completions of each input, got one")
    return np.array([chamfer_self_matrix(some, kind).sum() / (size - 1) for some in every])


def uhd(completions: npt.ArrayLike, partial: Sequence[npt.ArrayLike]) -> Values:
    """Unidirectional Hausdorff distance: how far the completions leave the input.

    completions : (N, K, P, 3) float32
    partial : N clouds (M, 3) float32, the inputs; M may differ
    returns : (N,) float64, 0 or more, in the clouds' unit, not squared, lower is better; the farthest input point's
        distance to the completion, mean over the K
    Raises : ValueError, naming input and completion, for numbers of inputs that differ, an empty cloud or a value that
        is not finite
    Source : Wu et al., ECCV 2020, and its code
    """
    return np.array([np.mean([d.max() for d in some]) for some in _from_inputs(completions, partial)])


def completeness(completions: npt.ArrayLike, partial: Sequence[npt.ArrayLike], within: float = 0.03) -> Values:
    """Share of input points that the completions keep.

    completions : (N, K, P, 3) float32
    partial : N clouds (M, 3) float32, the inputs; M may differ
    within : in the clouds' unit, above 0; points closer than that are kept
    returns : (N,) float64 in [0, 1], higher is better; mean over the K. Too few points in a completion lower it
    Raises : ValueError, see `uhd`; for `within` that is not above 0
    Source : Wu et al., ECCV 2020; 0.03 and the strict inequality are its code's
    """
    if not within > 0:
        raise ValueError(f"completeness needs a distance above 0, got {within:g}")
    return np.array([np.mean([(d < within).mean() for d in some]) for some in _from_inputs(completions, partial)])


def amd(completions: npt.ArrayLike, truth: npt.ArrayLike, kind: str = "squared_mean") -> Values:
    """Average matching distance: how far the completions lie from the ground truth, one as good as another.

    completions : (N, K, P, 3) float32
    truth : (N, Q, 3) float32, the complete shapes
    kind : see `chamfer`
    returns : (N,) float64, 0 or more, unit of the distances, lower is better; mean over the K. It punishes variety,
        the minimum over the K (see `distances_to_truth`) forgives everything but the best
    Raises : ValueError, see `distances_to_truth`
    Source : as 3DQD (CVPR 2023) and NeuSDFusion (ECCV 2024) are understood to use the name
    """
    return np.asarray(distances_to_truth(completions, truth, kind).mean(axis=1))


def distances_to_truth(completions: npt.ArrayLike, truth: npt.ArrayLike, kind: str = "squared_mean") -> Values:
    """Distance of each completion to its ground truth.

    completions : (N, K, P, 3) float32
    truth : (N, Q, 3) float32
    returns : (N, K) float64, see `chamfer`
    Raises : ValueError, naming input and completion, for numbers of inputs that differ, an empty cloud or a value that
        is not finite
    """
    every, targets = _completions(completions), checked(truth, "truth")
    _demand_as_many(len(every), len(targets), "ground truths")
    pairs = zip(every, targets, strict=True)
    return np.array([chamfer_matrix(some, target[None], kind)[:, 0] for some, target in pairs])


def _from_inputs(completions: npt.ArrayLike, partial: Sequence[npt.ArrayLike]) -> list[list[Values]]:
    """Of each input and completion the distances of the input's points to the completion."""
    every = _completions(completions)
    _demand_as_many(len(every), len(partial), "partial inputs")
    return [
        [nearest_points(points, one, f"partial {index}", f"completion of input {index}")[0] for one in some]
        for index, (some, points) in enumerate(zip(every, partial, strict=True))
    ]


def _completions(completions: npt.ArrayLike) -> Clouds:
    array = np.asarray(completions, dtype=np.float32)
    if array.ndim != 4 or array.shape[3] != 3:
        raise ValueError(f"completions: expected shape (N, K, P, 3), got {array.shape}")
    if array.size == 0:
        raise ValueError(f"completions: empty, shape {array.shape}; every input needs a completion of at least a point")
    return np.stack([checked(some, f"completions of input {index}") for index, some in enumerate(array)])


def _demand_as_many(completed: int, given: int, what: str) -> None:
    if completed != given:
        raise ValueError(f"{completed} inputs were completed, but {given} {what} given; give them in the same order")
