"""The set metrics of a protocol by one kind of distance, each with its interval."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eval import intervals
from eval.distances.sets import Sets
from eval.metrics.coverage import coverage
from eval.metrics.covt import covt
from eval.metrics.ecd import Ecd, between, ecd_p_values, edge_count, nested_ecd, nested_graphs
from eval.metrics.mmd import mmd
from eval.metrics.one_nna import one_nna, one_nna_p_value
from eval.metrics.relabelling import Edges
from eval.protocol import Protocol
from eval.results import MetricValue

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Measured:
    """Two sets, and what their halves gave."""

    sets: Sets
    splits: list[intervals.Split]
    protocol: Protocol
    suffix: str


def set_metrics(sets: Sets, protocol: Protocol, suffix: str) -> tuple[dict[str, MetricValue], list[str]]:
    """All set metrics of one kind of distance, and notes on what is undefined.

    suffix : "cd" or the protocol's `emd_name`, ends the metrics' names
    """
    splits = intervals.random_splits(sets.generated, sets.reference, protocol.interval_repeats // 2, protocol.seed)
    measured = _Measured(sets, splits, protocol, suffix)
    scores, whole = _edge_counts(measured)
    metrics = _matching(measured) | _shares(measured) | scores
    notes = [f"ecd_{suffix} {whole.note}"] if whole.note else []
    blank = [key for key, entry in metrics.items() if np.isnan(entry.low) and not np.isnan(entry.value)]
    if blank:
        notes.append(f"no interval for {', '.join(blank)}: too few shapes")
    return metrics, notes


def _matching(measured: _Measured) -> dict[str, MetricValue]:
    """MMD."""
    sets, protocol = measured.sets, measured.protocol
    _, distances = sets.between.nearest(axis=0)
    matched = intervals.match_on_halves(sets, measured.splits)
    low, high = intervals.matching_interval(distances, matched, protocol.confidence)
    unit = unit_of(measured.suffix, protocol)
    return {f"mmd_{measured.suffix}": MetricValue(mmd(sets), low, high, "lower", unit=unit)}


def _shares(measured: _Measured) -> dict[str, MetricValue]:
    """COV, 1-NNA and its halves, and CovT where the protocol has a threshold."""
    sets, protocol, key = measured.sets, measured.protocol, f"one_nna_{measured.suffix}"
    threshold = {"cd": protocol.covt_cd, protocol.emd_name: protocol.covt_emd}.get(measured.suffix)
    drawn = intervals.on_halves(sets, lambda some: _shares_of(some, threshold), measured.splits)
    accuracy = one_nna(sets)
    test = one_nna_p_value(sets, seed=protocol.seed)
    described: list[tuple[str, float, str, float | None, float | None]] = [
        (f"cov_{measured.suffix}", coverage(sets), "higher", None, None),
        (key, accuracy.value, "towards", 0.5, test),
        (f"{key}_generated", accuracy.generated, "towards", 0.5, None),
        (f"{key}_reference", accuracy.reference, "towards", 0.5, None),
    ]
    if threshold is not None:
        described.append((f"covt_{measured.suffix}", covt(sets, threshold), "higher", None, None))
    metrics = {}
    for column, (name, value, direction, ideal, p_value) in enumerate(described):
        low, high = intervals.share_interval(value, drawn[..., column], sets.generated, protocol.confidence)
        metrics[name] = MetricValue(value, low, high, direction, ideal, p_value=p_value)
    return metrics


def _shares_of(some: Sets, threshold: float | None) -> Values:
    accuracy = one_nna(some)
    near = [] if threshold is None else [covt(some, threshold)]
    return np.array([coverage(some), accuracy.value, accuracy.generated, accuracy.reference, *near])


def _edge_counts(measured: _Measured) -> tuple[dict[str, MetricValue], Ecd]:
    """ECD and its two parts, ECD an edge, and ECD of a single tree."""
    sets, protocol, suffix = measured.sets, measured.protocol, measured.suffix
    ks = (protocol.ecd_k, 1)
    scores, graphs = nested_ecd(sets, ks), nested_graphs(sets, ks)
    p_values = ecd_p_values(sets, ks, seed=protocol.seed)
    drawn = [scores_on_halves(graph, sets.generated, sets.union.shape[0], measured.splits) for graph in graphs]
    metrics = {}
    for place, key in enumerate((f"ecd_{suffix}", f"ecd1_{suffix}")):
        score, p_value = scores[place], p_values[place]
        low, high = intervals.squared_length_interval(
            score.value, score.zw, score.zd, drawn[place], protocol.confidence
        )
        tested = None if np.isnan(p_value) else p_value
        metrics[key] = MetricValue(score.value, low, high, "lower", 2.0, p_value=tested)
    whole = scores[0]
    for column, (part, value) in enumerate({"zw": whole.zw, "zd": whole.zd}.items()):
        low, high = intervals.score_interval(value, drawn[0][..., column], protocol.confidence)
        metrics[f"ecd_{suffix}_{part}"] = MetricValue(value, low, high, "towards", 0.0)
    edges = protocol.ecd_k * sets.union.shape[0]
    low, high = metrics[f"ecd_{suffix}"].low / edges, metrics[f"ecd_{suffix}"].high / edges
    return metrics | {f"ecd_{suffix}_per_edge": MetricValue(whole.per_edge, low, high, "lower", 2.0 / edges)}, whole


def scores_on_halves(graph: Edges, first: int, size: int, splits: list[intervals.Split]) -> Values:
    """zw and zd on the edges between the shapes of each half.

    graph : (E, 2) int64 over `size` nodes, the first `first` of them generated shapes
    returns : (splits, 2, 2) float64; nan where undefined
    """
    found = []
    for split in splits:
        for generated, reference in zip(split.generated, split.reference, strict=True):
            edges = between(graph, np.concatenate([generated, first + reference]), size)
            part = edge_count(edges, len(generated), len(reference))
            found.append((part.zw, part.zd))
    return np.array(found).reshape(len(splits), 2, 2)


def unit_of(suffix: str, protocol: Protocol) -> str:
    """Unit of a distance; the side is the longest of a shape's box."""
    if suffix not in ("cd", protocol.emd_name):
        return ""
    if protocol.normalization != "box" or (suffix == "cd" and protocol.chamfer == "squared_sum"):
        return ""
    squared = protocol.chamfer == "squared_mean" if suffix == "cd" else protocol.emd == "mean_squared"
    return "side^2" if squared else "side"
