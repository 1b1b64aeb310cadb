"""The set metrics of a protocol by one kind of distance, each with its interval."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from eval import intervals
from eval.distances.sets import Sets
from eval.metrics.coverage import coverage
from eval.metrics.ecd import Ecd, ecd_p_values, nested_ecd
from eval.metrics.mmd import mmd
from eval.metrics.one_nna import one_nna, one_nna_p_value
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
    """MMD, COV, 1-NNA and its halves."""

    def statistic(some: Sets) -> Values:
        accuracy = one_nna(some)
        return np.array([mmd(some), coverage(some), accuracy.value, accuracy.generated, accuracy.reference])

    values = statistic(sets)
    drawn = _subsamples(sets, statistic, intervals.QUARTER, protocol)
    described = {
        f"mmd_{suffix}": ("lower", None, np.inf),
        f"cov_{suffix}": ("higher", None, 1.0),
        f"one_nna_{suffix}": ("towards", 0.5, 1.0),
        f"one_nna_{suffix}_generated": ("towards", 0.5, 1.0),
        f"one_nna_{suffix}_reference": ("towards", 0.5, 1.0),
    }
    metrics = {}
    for column, (key, (direction, ideal, most)) in enumerate(described.items()):
        low, high = intervals.mean_like_interval(
            values[column], drawn[:, column], sets.generated, protocol.confidence, (0.0, most)
        )
        unit = _unit(suffix, protocol) if key.startswith("mmd") else ""
        metrics[key] = MetricValue(float(values[column]), low, high, direction, ideal, unit)
    key = f"one_nna_{suffix}"
    return metrics | {key: replace(metrics[key], p_value=one_nna_p_value(sets, seed=protocol.seed))}


def _edge_counts(sets: Sets, protocol: Protocol, suffix: str) -> tuple[dict[str, MetricValue], Ecd]:
    """ECD and its two parts, ECD an edge, and ECD of a single tree."""
    ks = (protocol.ecd_k, 1)

    def statistic(some: Sets) -> Values:
        return np.array([z for part in nested_ecd(some, ks) for z in (part.zw, part.zd)])

    whole, one = nested_ecd(sets, ks)
    p_values = ecd_p_values(sets, ks, seed=protocol.seed)
    drawn = _subsamples(sets, statistic, intervals.HALF, protocol)
    size, share = sets.generated, protocol.confidence
    low, high = intervals.squared_length_interval(whole.zw, whole.zd, drawn[:, :2], size, share)
    edges = protocol.ecd_k * (sets.generated + sets.reference)
    metrics = {
        f"ecd_{suffix}": MetricValue(whole.value, low, high, "lower", 2.0, p_value=_or_none(p_values[0])),
        f"ecd_{suffix}_per_edge": MetricValue(whole.per_edge, low / edges, high / edges, "lower", 2.0 / edges),
    }
    for column, (key, value) in enumerate({"zw": whole.zw, "zd": whole.zd}.items()):
        low, high = intervals.score_interval(value, drawn[:, column], size, share)
        metrics[f"ecd_{suffix}_{key}"] = MetricValue(value, low, high, "towards", 0.0)
    low, high = intervals.squared_length_interval(one.zw, one.zd, drawn[:, 2:], size, share)
    metrics[f"ecd1_{suffix}"] = MetricValue(one.value, low, high, "lower", 2.0, p_value=_or_none(p_values[1]))
    return metrics, whole


def _or_none(p_value: float) -> float | None:
    return None if np.isnan(p_value) else p_value


def _subsamples(sets: Sets, statistic: intervals.Statistic, parts: int, protocol: Protocol) -> Values:
    return intervals.subsample(sets, statistic, parts, protocol.interval_repeats, protocol.seed)


def _unit(suffix: str, protocol: Protocol) -> str:
    """Unit of a distance; the side is the longest of a shape's box."""
    if protocol.normalization != "box" or (suffix == "cd" and protocol.chamfer == "squared_sum"):
        return ""
    squared = protocol.chamfer == "squared_mean" if suffix == "cd" else protocol.emd == "mean_squared"
    return "side^2" if squared else "side"
