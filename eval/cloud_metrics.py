"""Metrics of two sets of clouds that need no distance between shapes: JSD, and distances between features.

Features are those of the point network that comes with the package (see `eval.features`); its metrics carry the first
digits of its hash, `frechet_1a2b3c4d`, since numbers of different networks say nothing about each other.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from eval import intervals
from eval.features import load
from eval.metrics.frechet import frechet_distance, kernel_distance
from eval.metrics.jsd import divergence, point_counts
from eval.protocol import Protocol
from eval.results import MetricValue

Points = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

# From a normalisation to the lattice of JSD: what scales clouds to its ball or cube of side 1, and which of both.
LATTICES = {"box": (1.0, False), "box_2": (0.5, False), "unit_sphere": (0.5, True), "none": (1.0, True)}


def cloud_metrics(generated: Points, reference: Points, protocol: Protocol) -> tuple[dict[str, MetricValue], list[str]]:
    """`jsd`, and `frechet_` and `kernel_` followed by the network's name; and notes.

    generated, reference : (G, P, 3), (R, P, 3) float32, normalised by the protocol
    """
    splits = intervals.random_splits(len(generated), len(reference), protocol.interval_repeats // 2, protocol.seed)
    by_points, notes = _jsd(generated, reference, splits, protocol)
    by_features, undefined = _feature_distances(generated, reference, splits, protocol)
    return by_points | by_features, notes + undefined


def _jsd(
    generated: Points, reference: Points, splits: list[intervals.Split], protocol: Protocol
) -> tuple[dict[str, MetricValue], list[str]]:
    scale, ball = LATTICES[protocol.normalization]
    try:
        p = point_counts(generated * np.float32(scale), ball, name="generated")
        q = point_counts(reference * np.float32(scale), ball, name="reference")
    except ValueError as error:  # clouds as they come may lie anywhere
        return {}, [f"no jsd: {error}"]

    def measure(g: Indices, r: Indices) -> float:
        return divergence(p.counts[g].sum(axis=0), q.counts[r].sum(axis=0))

    value, low, high = _with_interval(measure, len(generated), len(reference), splits, protocol, 0.0)
    outside = [
        f"{counts.outside:.0%} of the {role} points lie outside the ball of jsd and count at its border"
        for role, counts in (("generated", p), ("reference", q))
        if counts.outside >= 0.01
    ]
    return {"jsd": MetricValue(value, low, high, "lower", unit="bits")}, outside


def _feature_distances(
    generated: Points, reference: Points, splits: list[intervals.Split], protocol: Protocol
) -> tuple[dict[str, MetricValue], list[str]]:
    network = load()
    try:
        f, h = network.features(generated, "generated"), network.features(reference, "reference")
    except ValueError as error:  # a cloud without size, where sizes count
        return {}, [f"no distances of features: {error}"]
    metrics = {}
    for key, measure, least in (("frechet", frechet_distance, 0.0), ("kernel", kernel_distance, -np.inf)):

        def measured(g: Indices, r: Indices, measure: Callable[..., float] = measure) -> float:
            return measure(f[g], h[r])

        value, low, high = _with_interval(measured, len(generated), len(reference), splits, protocol, least)
        metrics[f"{key}_{network.name}"] = MetricValue(value, low, high, "lower")
    return metrics, []


def _with_interval(
    measure: Callable[[Indices, Indices], float],
    generated: int,
    reference: int,
    splits: list[intervals.Split],
    protocol: Protocol,
    least: float,
) -> tuple[float, float, float]:
    """Value on the whole sets, low and high.

    measure : of some generated and some reference shapes
    """
    value = measure(np.arange(generated), np.arange(reference))
    halves = [[measure(split.generated[half], split.reference[half]) for half in (0, 1)] for split in splits]
    return value, *intervals.plain_interval(value, np.array(halves), protocol.confidence, least)
