"""The set metrics of a protocol by one kind of distance, each with its interval."""

from dataclasses import dataclass

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

SHARES = 4  # of the values on a part, before the scores


@dataclass(frozen=True)
class _Measured:
    """Two sets, and what their halves gave.

    drawn : (splits, 2, S) float64, see `_on_part`
    """

    sets: Sets
    drawn: Values
    splits: list[intervals.Split]
    protocol: Protocol
    suffix: str


def set_metrics(sets: Sets, protocol: Protocol, suffix: str) -> tuple[dict[str, MetricValue], list[str]]:
    """All set metrics of one kind of distance, and notes on what is undefined.

    suffix : "cd" or the protocol's `emd_name`, ends the metrics' names
    """
    ks = (protocol.ecd_k, 1)
    scores = nested_ecd(sets, ks)
    splits = intervals.random_splits(sets.generated, sets.reference, protocol.interval_repeats // 2, protocol.seed)
    drawn = intervals.on_halves(sets, lambda some: _on_part(some, ks), splits)
    measured = _Measured(sets, drawn, splits, protocol, suffix)
    metrics = _matching(measured) | _shares(measured) | _edge_counts(measured, scores, ks)
    notes = [f"ecd_{suffix} {scores[0].note}"] if scores[0].note else []
    blank = [key for key, entry in metrics.items() if np.isnan(entry.low) and not np.isnan(entry.value)]
    if blank:
        notes.append(f"no interval for {', '.join(blank)}: too few shapes")
    return metrics, notes


def _on_part(some: Sets, ks: tuple[int, ...]) -> Values:
    """COV, 1-NNA and its halves; then zw and zd for each k."""
    accuracy = one_nna(some)
    scores = [z for part in nested_ecd(some, ks) for z in (part.zw, part.zd)]
    return np.array([coverage(some), accuracy.value, accuracy.generated, accuracy.reference, *scores])


def _matching(measured: _Measured) -> dict[str, MetricValue]:
    """MMD."""
    sets, protocol = measured.sets, measured.protocol
    _, distances = sets.between.nearest(axis=0)
    matched = intervals.match_on_halves(sets, measured.splits)
    low, high = intervals.matching_interval(distances, matched, protocol.confidence)
    unit = _unit(measured.suffix, protocol)
    return {f"mmd_{measured.suffix}": MetricValue(mmd(sets), low, high, "lower", unit=unit)}


def _shares(measured: _Measured) -> dict[str, MetricValue]:
    """COV, 1-NNA and its halves."""
    sets, protocol, key = measured.sets, measured.protocol, f"one_nna_{measured.suffix}"
    accuracy = one_nna(sets)
    test = one_nna_p_value(sets, seed=protocol.seed)
    described: tuple[tuple[str, float, str, float | None, float | None], ...] = (
        (f"cov_{measured.suffix}", coverage(sets), "higher", None, None),
        (key, accuracy.value, "towards", 0.5, test),
        (f"{key}_generated", accuracy.generated, "towards", 0.5, None),
        (f"{key}_reference", accuracy.reference, "towards", 0.5, None),
    )
    metrics = {}
    for column, (name, value, direction, ideal, p_value) in enumerate(described):
        low, high = intervals.share_interval(value, measured.drawn[..., column], sets.generated, protocol.confidence)
        metrics[name] = MetricValue(value, low, high, direction, ideal, p_value=p_value)
    return metrics


def _edge_counts(measured: _Measured, scores: tuple[Ecd, ...], ks: tuple[int, ...]) -> dict[str, MetricValue]:
    """ECD and its two parts, ECD an edge, and ECD of a single tree."""
    protocol, suffix = measured.protocol, measured.suffix
    p_values = [None if np.isnan(one) else one for one in ecd_p_values(measured.sets, ks, seed=protocol.seed)]
    drawn = measured.drawn[..., SHARES:]
    (whole, one), share = scores, protocol.confidence
    metrics = {}
    for place, (key, score) in enumerate({f"ecd_{suffix}": whole, f"ecd1_{suffix}": one}.items()):
        halves = drawn[..., 2 * place : 2 * place + 2]
        low, high = intervals.squared_length_interval(score.value, score.zw, score.zd, halves, share)
        metrics[key] = MetricValue(score.value, low, high, "lower", 2.0, p_value=p_values[place])
    for column, (key, value) in enumerate({"zw": whole.zw, "zd": whole.zd}.items()):
        low, high = intervals.score_interval(value, drawn[..., column], share)
        metrics[f"ecd_{suffix}_{key}"] = MetricValue(value, low, high, "towards", 0.0)
    edges = protocol.ecd_k * measured.sets.union.shape[0]
    low, high = metrics[f"ecd_{suffix}"].low, metrics[f"ecd_{suffix}"].high
    metrics[f"ecd_{suffix}_per_edge"] = MetricValue(whole.per_edge, low / edges, high / edges, "lower", 2.0 / edges)
    return metrics


def _unit(suffix: str, protocol: Protocol) -> str:
    """Unit of a distance; the side is the longest of a shape's box."""
    if suffix not in ("cd", protocol.emd_name):
        return ""
    if protocol.normalization != "box" or (suffix == "cd" and protocol.chamfer == "squared_sum"):
        return ""
    squared = protocol.chamfer == "squared_mean" if suffix == "cd" else protocol.emd == "mean_squared"
    return "side^2" if squared else "side"
