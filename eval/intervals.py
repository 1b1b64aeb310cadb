"""Intervals of metrics.

An interval of a set metric covers the metric's mean over other pairs of sets of the same sizes, not the value that
endless sets would give. The usual bootstrap cannot make it: a shape drawn twice is its own nearest neighbour at
distance zero, which breaks 1-NNA, coverage and spanning trees. Instead both sets are split into halves at random, many
times over. The two halves of a split share no shape, so they are two independent pairs of sets, and half the squared
difference of a metric between them is an unbiased estimate of its variance for sets of half the size, whatever the
metric does with its shapes. (Overlapping subsamples need a correction for what they share, which is 1 - m/n for
averages over shapes and nearly 1 for 1-NNA of two equal distributions: no one factor is right.) All that is left is to
go from half to whole.

COV, 1-NNA and its halves are shares whose variance falls like 1/n. p (1 - p) over the variance is the number of
independent trials that a share is worth; with it, the interval is Wilson's, which stays within 0 and 1 and does not
shrink to nothing at either.

MMD is a mean over references of the distance to the nearest sample. Which references were drawn is a plain standard
error, from the whole sets; which samples were drawn is what moves the matches of *all* references from one half of the
samples to the other, relative to their mean, as distances shrink with more samples. Distances are skewed, so the
interval is taken on the logarithm. A few far references carry the standard error; by the kurtosis of the distances it
is worth so many degrees of freedom (Satterthwaite), of which half are counted, for a sample's kurtosis falls short.

zw and zd of ECD are standard scores of edge counts. They come from halves of the *same* graph, the edges between the
shapes of one half: trees grown anew on a half would reach twice as far, and ask for distances that nothing else needs.
A score varies in two ways: by how the labels fall on linked shapes, which gives exactly 1 where both sets are of one
distribution and less where they differ, however many edges there are; and by the edges a shape brings along, in
proportion to them, of which halves of the graph have half. So the variance of the whole is twice that of halves less
the first part, which is at most 1 and at most that of halves.

S = |z|^2 with z = (zw, zd) has mean |mean of z|^2 + 2, which is 2 for equal distributions. The interval is one for the
length of the mean of z, of all lengths from which the observed one is no farther than 95 % of draws are (Kent and
Hainsworth's symmetric range), squared, plus 2. As no mean of S is below 2, it may reach down to S itself where that is
less, so that it always holds the value.

How often they cover, by simulation: benchmarks/interval_coverage.py. For sets of one distribution 93 to 97 %, but for
MMD where small modes lie far from all others: a half misses a mode of which the whole has a few shapes, so that MMD's
interval is too wide (up to 99.5 %); of modes that the whole itself may miss it cannot know. Where sets differ, z is
sometimes known better than its interval says (up to 100 %), seldom worse (92 %).

Means over shapes (reconstruction). Each shape has a value of its own, so the percentile bootstrap is right.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from eval.distances.sets import Sets

SMALLEST = 16  # shapes a set below which a half says nothing
DEFINED = 0.9  # share of splits that must have a value
BOOTSTRAPS = 2000

Values = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Statistic = Callable[[Sets], Values]


@dataclass(frozen=True)
class Split:
    """Two disjoint halves of both sets, of equal sizes; of an odd number of shapes one is left out.

    generated, reference : (2, G // 2), (2, R // 2) int64, each row in order
    """

    generated: Indices
    reference: Indices


def random_splits(generated: int, reference: int, count: int, seed: int) -> list[Split]:
    """Splits of two sets into halves at random; none if a set has fewer than 16 shapes."""
    if min(generated, reference) < SMALLEST:
        return []
    rng = np.random.default_rng(seed)

    def halves(size: int) -> Indices:
        return np.sort(rng.permutation(size)[: size // 2 * 2].reshape(2, -1), axis=1)

    return [Split(halves(generated), halves(reference)) for _ in range(count)]


def on_halves(sets: Sets, statistic: Statistic, splits: list[Split]) -> Values:
    """Values of some metrics on both halves of each split.

    statistic : two sets to (S,) values
    returns : (splits, 2, S) float64
    """
    if not splits:
        return np.empty((0, 2, len(statistic(sets))))
    parts = (sets.part(split.generated[half], split.reference[half]) for split in splits for half in (0, 1))
    return np.array([statistic(part) for part in parts]).reshape(len(splits), 2, -1)


def match_on_halves(sets: Sets, splits: list[Split]) -> Values:
    """Distance of every reference shape to its nearest shape in either half of the generated set.

    returns : (splits, 2, R) float64
    """
    every = np.arange(sets.reference)
    halves = (half for split in splits for half in split.generated)
    nearest = [sets.between.part(half, every).nearest(axis=0)[1] for half in halves]
    return np.array(nearest).reshape(len(splits), 2, len(every))


def share_interval(value: float, halves: Values, size: int, confidence: float) -> tuple[float, float]:
    """Interval of a share of shapes: COV, 1-NNA and its halves.

    value : on the whole sets, in [0, 1]
    halves : (splits, 2) float64, the same on halves of `size // 2` shapes a set
    size : shapes a set
    returns : low, high, in [0, 1]; nan where no split was possible
    Source : Wilson, JASA 1927, with an effective number of trials
    """
    if len(halves) == 0:
        return float("nan"), float("nan")
    variance = _variance(halves) * (size // 2) / size
    scatter = float(halves.mean() * (1 - halves.mean()))
    trials = scatter / variance if variance > 0 else size
    quantile = _t(confidence, len(halves))
    shrink = 1 + quantile**2 / trials
    middle = (value + quantile**2 / (2 * trials)) / shrink
    half = quantile / shrink * (value * (1 - value) / trials + quantile**2 / (4 * trials**2)) ** 0.5
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def matching_interval(distances: Values, halves: Values, confidence: float) -> tuple[float, float]:
    """Interval of MMD, the mean of `distances`.

    distances : (R,) float64, of each reference shape to its nearest generated shape
    halves : (splits, 2, R) float64, see `match_on_halves`
    returns : low, high, above 0 if a distance is; nan where no split was possible
    """
    count, mean = len(distances), float(distances.mean())
    if len(halves) == 0:
        return float("nan"), float("nan")
    if distances.std() == 0:
        return mean, mean
    moved = halves[:, 0] - halves[:, 1]
    # Part of the squared mean shift is owed to having these references only; it is in their own term.
    by_samples = (moved.mean(axis=1) ** 2 - moved.var(axis=1, ddof=1) / count).mean() / 2
    by_samples = max(0.0, float(by_samples)) * (mean / float(halves.mean())) ** 2 / 2
    error = (float(distances.var(ddof=1)) / count + by_samples) ** 0.5
    kurtosis = float(((distances - mean) ** 4).mean() / distances.var() ** 2)
    factor = float(np.exp(_t(confidence, max(2.0, count / (kurtosis - 1))) * error / mean))
    return mean / factor, mean * factor


def score_interval(value: float, halves: Values, confidence: float) -> tuple[float, float]:
    """Interval of a standard score: zw, zd of ECD.

    halves : (splits, 2) float64, on halves of the graph; nan where undefined
    returns : low, high; nan where the value or more than a tenth of the splits is undefined
    """
    half = _z(confidence) * _score_spread(halves[~np.isnan(halves).any(axis=1)], len(halves), confidence)
    return value - half, value + half


def squared_length_interval(
    value: float, zw: float, zd: float, halves: Values, confidence: float
) -> tuple[float, float]:
    """Interval of the mean of S = zw^2 + zd^2.

    value : S
    halves : (splits, 2, 2) float64, zw and zd (last axis) on both halves of the graph; nan where undefined
    returns : low, high, 0 or more; nan where a part or more than a tenth of the splits is undefined
    Source : Kent and Hainsworth, J. Statist. Plann. Inference 1995, symmetric range
    """
    length = value**0.5
    if np.isnan(value) or len(halves) == 0:
        return float("nan"), float("nan")
    defined = halves[~np.isnan(halves).any(axis=(1, 2))]
    # What counts is the spread along z: across it, the length hardly changes.
    along = np.array([zw, zd]) / length if length else np.array([1.0, 0.0])
    spread = _score_spread(defined @ along, len(halves), confidence)
    if np.isnan(spread):
        return spread, spread
    if spread == 0:
        return value, value + 2
    low, high = _shortest(length / spread, confidence) * spread, _longest(length / spread, confidence) * spread
    return min(value, low**2 + 2), high**2 + 2


def plain_interval(value: float, halves: Values, confidence: float, least: float) -> tuple[float, float]:
    """Interval of JSD and of distances of features, whose variance falls like 1/n or faster.

    It is scaled as if like 1/n: for two sets of one distribution, where these fall like 1/n^2, it is up to 1.4 times as
    wide as it need be.

    value : on the whole sets
    halves : (splits, 2) float64, the same on halves
    least : the least value there is
    returns : low, high; nan where no split was possible
    """
    if len(halves) == 0:
        return float("nan"), float("nan")
    half = _t(confidence, len(halves)) * (_variance(halves) / 2) ** 0.5
    return max(least, value - half), value + half


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


def _variance(halves: Values) -> float:
    """Variance of a metric for sets of half the size, unbiased.

    halves : (splits, 2) float64
    """
    return float(((halves[:, 0] - halves[:, 1]) ** 2).mean() / 2)


def _score_spread(halves: Values, asked: int, confidence: float) -> float:
    """Standard deviation of a score, widened for being an estimate; nan if too few splits are defined."""
    if len(halves) < max(1, DEFINED * asked):
        return float("nan")
    variance = _variance(halves)
    return max(variance, 2 * variance - 1) ** 0.5 * _t(confidence, len(halves)) / _z(confidence)


def _shortest(length: float, confidence: float) -> float:
    """The least length of a mean from which this length of a draw is no farther than `confidence` of draws are."""
    if _within(0.0, length) <= confidence:
        return 0.0
    return float(optimize.brentq(lambda mean: _within(mean, length - mean) - confidence, 0.0, length))


def _longest(length: float, confidence: float) -> float:
    """The largest such length."""
    far = length + 2 * _z((1 + confidence) / 2)
    return float(optimize.brentq(lambda mean: _within(mean, mean - length) - confidence, length, far))


def _within(mean: float, distance: float) -> float:
    """Share of draws of N(mean, identity) in the plane whose length is within a distance of that of the mean."""
    inner = max(0.0, mean - distance)
    upper, lower = special.chndtr([(mean + distance) ** 2, inner**2], 2, mean**2)
    return float(upper - lower)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _t(confidence: float, freedom: float) -> float:
    return float(special.stdtrit(freedom, (1 + confidence) / 2))
