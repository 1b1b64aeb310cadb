"""The set metrics of a protocol by one kind of distance, each with its interval."""

import numpy as np
import numpy.typing as npt

from eval import intervals
from eval.distances.sets import Sets
from eval.metrics.coverage import coverage
from eval.metrics.ecd import Ecd, ecd
from eval.metrics.mmd import mmd
from eval.metrics.one_nna import one_nna
from eval.protocol import Protocol
from eval.results import MetricValue

Values = npt.NDArray[np.float64]


def set_metrics(sets: Sets, protocol: Protocol, suffix: str) -> tuple[dict[str, MetricValue], list[str]]:
    """All set metrics of one kind of distance, and notes on what is undefined.

    suffix : "cd" or the protocol's `emd_name`, ends the metrics' names
    """
    scores, whole = _edge_counts(sets, protocol, suffix)
    metrics = _mean_like(sets, protocol, suffix) | scores
    notes = [f"ecd_{suffix} {whole.note}"] if whole.note else []
    blank = [key for key, entry in metrics.items() if np.isnan(entry.low) and not np.isnan(entry.value)]
    if blank:
        notes.append(f"no interval for {', '.join(blank)}: too few shapes")
    return metrics, notes


def _mean_like(sets: Sets, protocol: Protocol, suffix: str) -> dict[str, MetricValue]:
    """MMD, COV, 1-NNA."""

    def statistic(some: Sets) -> Values:
        return np.array([mmd(some), coverage(some), one_nna(some)])

    values = statistic(sets)
    drawn = _subsamples(sets, statistic, intervals.QUARTER, protocol)
    described = {"mmd": ("lower", None, np.inf), "cov": ("higher", None, 1.0), "one_nna": ("towards", 0.5, 1.0)}
    metrics = {}
    for column, (key, (direction, ideal, most)) in enumerate(described.items()):
        low, high = intervals.mean_like_interval(
            values[column], drawn[:, column], sets.generated, protocol.confidence, (0.0, most)
        )
        unit = _unit(suffix, protocol) if key == "mmd" else ""
        metrics[f"{key}_{suffix}"] = MetricValue(float(values[column]), low, high, direction, ideal, unit)
    return metrics


def _edge_counts(sets: Sets, protocol: Protocol, suffix: str) -> tuple[dict[str, MetricValue], Ecd]:
    """ECD and its two parts."""

    def statistic(some: Sets) -> Values:
        part = ecd(some, protocol.ecd_k)
        return np.array([part.zw, part.zd])

    whole = ecd(sets, protocol.ecd_k)
    drawn = _subsamples(sets, statistic, intervals.HALF, protocol)
    size, share = sets.generated, protocol.confidence
    low, high = intervals.squared_length_interval(whole.zw, whole.zd, drawn, size, share)
    metrics = {f"ecd_{suffix}": MetricValue(whole.value, low, high, "lower", 2.0)}
    for column, (key, value) in enumerate({"zw": whole.zw, "zd": whole.zd}.items()):
        low, high = intervals.score_interval(value, drawn[:, column], size, share)
        metrics[f"ecd_{suffix}_{key}"] = MetricValue(value, low, high, "towards", 0.0)
    return metrics, whole


def _subsamples(sets: Sets, statistic: intervals.Statistic, parts: int, protocol: Protocol) -> Values:
    return intervals.subsample(sets, statistic, parts, protocol.interval_repeats, protocol.seed)


def _unit(suffix: str, protocol: Protocol) -> str:
    """Unit of a distance; the side is the longest of a shape's box."""
    if protocol.normalization != "box" or (suffix == "cd" and protocol.chamfer == "squared_sum"):
        return ""
    squared = protocol.chamfer == "squared_mean" if suffix == "cd" else protocol.emd == "mean_squared"
    return "side^2" if squared else "side"
