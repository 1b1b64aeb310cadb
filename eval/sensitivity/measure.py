"""Metrics of two sets, and of parts of them, by the choices of one protocol."""

from collections.abc import Sequence
from typing import Protocol as Interface

import numpy as np
import numpy.typing as npt

from eval import intervals
from eval.cloud_metrics import LATTICES
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.sets import Sets
from eval.features import load
from eval.kinds import emd_pairs
from eval.metrics.coverage import coverage
from eval.metrics.ecd import ecd, nested_graphs
from eval.metrics.frechet import frechet_distance
from eval.metrics.jsd import divergence, point_counts
from eval.metrics.mmd import mmd
from eval.metrics.one_nna import one_nna
from eval.protocol import Protocol
from eval.set_metrics import scores_on_halves

Points = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


class Measured(Interface):
    """Two sets that some metrics can be asked of.

    keys : of the metrics
    """

    keys: tuple[str, ...]

    def on(self, generated: Indices, reference: Indices) -> Values:
        """The metrics of some shapes of each set, as if there were no others, (K,) float64, nan where undefined."""
        ...

    def on_halves(self, splits: Sequence[intervals.Split]) -> Values:
        """The metrics on both halves of splits, (splits, 2, K) float64."""
        ...


class ByDistance:
    """MMD, COV, 1-NNA and ECD by one kind of distance."""

    def __init__(self, sets: Sets, suffix: str, trees: int) -> None:
        """Keep the sets; another number of trees asks for few more distances of them.

        suffix : ends the keys
        """
        self.keys = tuple(f"{metric}_{suffix}" for metric in ("mmd", "cov", "one_nna", "ecd"))
        self._sets, self._trees = sets, trees

    def on(self, generated: Indices, reference: Indices) -> Values:
        some = self._sets.part(generated, reference)
        return np.array([*_matched(some), ecd(some, self._trees).value])

    def on_halves(self, splits: Sequence[intervals.Split]) -> Values:
        """ECD on halves of the graph, see `eval.intervals`; the others on halves of the sets."""
        matched = intervals.on_halves(self._sets, _matched, list(splits))
        graph = nested_graphs(self._sets, (self._trees,))[0]
        size = self._sets.generated + self._sets.reference
        scores = scores_on_halves(graph, self._sets.generated, size, list(splits))
        return np.concatenate([matched, (scores**2).sum(axis=2, keepdims=True)], axis=2)


class ByClouds:
    """JSD and the Frechet distance of the point network: no distances between shapes."""

    def __init__(self, generated: Points, reference: Points, protocol: Protocol) -> None:
        """Take counts and features.

        generated, reference : (N, P, 3) float32, normalised by the protocol
        """
        network = load()
        self.keys: tuple[str, ...] = ("jsd", f"frechet_{network.name}")
        self._features = network.features(generated, "generated"), network.features(reference, "reference")
        scale, ball = LATTICES[protocol.normalization]
        try:
            self._counts = [point_counts(clouds * np.float32(scale), ball).counts for clouds in (generated, reference)]
        except ValueError:  # clouds as they come may lie anywhere, and have no JSD then
            self._counts = []

    def on(self, generated: Indices, reference: Indices) -> Values:
        apart = frechet_distance(self._features[0][generated], self._features[1][reference])
        if not self._counts:
            return np.array([np.nan, apart])
        p, q = (counts[rows].sum(axis=0) for counts, rows in zip(self._counts, (generated, reference), strict=True))
        return np.array([divergence(p, q), apart])

    def on_halves(self, splits: Sequence[intervals.Split]) -> Values:
        return np.array(
            [[self.on(split.generated[half], split.reference[half]) for half in (0, 1)] for split in splits]
        )


def distances(family: str, generated: Points, reference: Points, protocol: Protocol) -> Sets:
    """Distances of both sets by Chamfer distance ("cd") or earth mover's distance ("emd"), solved when asked for."""
    union, size = np.concatenate([generated, reference]), len(generated)
    pairs = ChamferPairs(union, kind=protocol.chamfer) if family == "cd" else emd_pairs(union, size, protocol)()
    return Sets(pairs, size)


def _matched(sets: Sets) -> Values:
    return np.array([mmd(sets), coverage(sets), one_nna(sets).value])
