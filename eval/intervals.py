"""Intervals of metrics.

Set metrics. The usual bootstrap draws shapes with replacement; a shape drawn twice is its own nearest neighbour at
distance zero, which breaks 1-NNA, coverage and spanning trees. Instead a quarter of the generated and a quarter of the
reference shapes are drawn without replacement, many times, and the spread of the metric among these subsamples gives
its standard error. For a metric of sets of n whose variance falls like 1/n, the variance among subsamples of m is

    between (1 - m/n) and 1 times the variance of sets of m    (Hoeffding 1948: averages over all subsamples of one
                                                                data set vary by 0 to m/n of a single one)

the lower end for averages over independent shapes, the upper end for metrics that no single shape moves, such as 1-NNA
of two equal distributions. Multiplied by m/n and divided by (1 - m/n), as done here, it is right at the lower end and
one third too large (15 % in width) at the upper: intervals err towards wide, a nominal 95 % covers 95 to 97.6 %. The
interval is value -+ z standard errors, cut at the metric's bounds. It covers the metric's mean over other pairs of
sets of the same sizes, not the value that endless sets would give.

ECD. S does not settle as sets grow, so it is not scaled. Its parts zw and zd are standard scores, whose spread does
not depend on the size. They come from halves instead of quarters, with the same k: a graph of k trees on few points is
another graph, and k disjoint trees need more than 2 k points. Spreads measured by simulation are 0.95 to 1.4 times the
true ones (the tests hold that). For S = zw^2 + zd^2 = |z|^2 the interval holds the squared lengths of all points within
r of z, where r is the radius that the given share of deviations stays within; it covers the squared length of the mean
of z, which is 0 for equal distributions, and always holds S itself.

Means over shapes (reconstruction). Each shape has a value of its own, so the percentile bootstrap is right.
"""

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from eval.distances.sets import Sets

QUARTER, HALF = 4, 2  # a subsample is one of so many parts of each set
SMALLEST = 16  # shapes a set below which a part says nothing
DEFINED = 0.9  # share of subsamples that must have a value
BOOTSTRAPS = 2000

Statistic = Callable[[Sets], npt.NDArray[np.float64]]


def subsample(sets: Sets, statistic: Statistic, parts: int, repeats: int, seed: int) -> npt.NDArray[np.float64]:
    """Values of some metrics on subsamples of a part of each set, drawn without replacement.

    statistic : two sets to (S,) values
    parts : QUARTER or HALF
    returns : (repeats, S) float64; all nan if a set has fewer than 16 shapes
    """
    generated, reference = sets.generated, sets.reference
    rng = np.random.default_rng(seed)
    if min(generated, reference) < SMALLEST:
        return np.full((repeats, len(statistic(sets))), np.nan)
    values = []
    for _ in range(repeats):
        g = np.sort(rng.choice(generated, generated // parts, replace=False))
        r = np.sort(rng.choice(reference, reference // parts, replace=False))
        values.append(statistic(sets.part(g, r)))
    return np.stack(values)


def mean_like_interval(
    value: float, subsamples: npt.NDArray[np.float64], size: int, confidence: float, bounds: tuple[float, float]
) -> tuple[float, float]:
    """Interval of a metric whose variance falls like 1 / size: MMD, COV, 1-NNA.

    value : on the whole sets
    subsamples : (repeats,) float64, of quarters
    size : shapes in the smaller set
    bounds : least and largest value the metric can have
    returns : low, high; nan where no subsample was possible
    """
    taken = size // QUARTER
    half = _z(confidence) * _spread(subsamples) * (taken / (size - taken)) ** 0.5
    return _cut(value - half, bounds), _cut(value + half, bounds)


def score_interval(
    value: float, subsamples: npt.NDArray[np.float64], size: int, confidence: float
) -> tuple[float, float]:
    """Interval of a standard score (zw, zd of ECD), whose spread does not depend on the size.

    subsamples : (repeats,) float64, of halves; nan where undefined
    returns : low, high; nan where the value or more than a tenth of the subsamples is undefined
    """
    half = _z(confidence) * _spread(subsamples) * _widening(size)
    return value - half, value + half


def squared_length_interval(
    zw: float, zd: float, subsamples: npt.NDArray[np.float64], size: int, confidence: float
) -> tuple[float, float]:
    """Interval of S = zw^2 + zd^2 from the joint spread of its parts.

    subsamples : (repeats, 2) float64, zw and zd of halves; nan where undefined
    returns : low, high, 0 or more; nan where a part or more than a tenth of the subsamples is undefined
    """
    defined = subsamples[~np.isnan(subsamples).any(axis=1)]
    if len(defined) < DEFINED * len(subsamples):
        return float("nan"), float("nan")
    deviations = (defined - defined.mean(axis=0)) * _widening(size)
    radius = float(np.quantile(np.hypot(deviations[:, 0], deviations[:, 1]), confidence))
    length = float(np.hypot(zw, zd))
    return float(np.maximum(0.0, length - radius)) ** 2, (length + radius) ** 2


def bootstrap_interval(
    values: npt.NDArray[np.float64], reduce: Callable[..., Any], confidence: float, seed: int
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean or median over shapes.

    values : (N,) float64, one a shape
    reduce : `np.mean` or `np.median`
    returns : low, high
    """
    rng = np.random.default_rng(seed)
    resampled = values[rng.integers(len(values), size=(BOOTSTRAPS, len(values)))]
    tail = (1 - confidence) / 2
    low, high = np.quantile(reduce(resampled, axis=1), [tail, 1 - tail])
    return float(low), float(high)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _spread(subsamples: npt.NDArray[np.float64]) -> float:
    """Standard deviation of the defined values; nan if too many are not."""
    defined = subsamples[~np.isnan(subsamples)]
    return float(np.std(defined, ddof=1)) if len(defined) >= DEFINED * len(subsamples) else float("nan")


def _widening(size: int) -> float:
    """What the halves of one data set leave out of the spread of halves of many."""
    return (size / (size - size // HALF)) ** 0.5


def _cut(value: float, bounds: tuple[float, float]) -> float:
    return float(np.clip(value, *bounds))
