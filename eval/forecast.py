"""How long measuring two sets will take on this machine, from a trial on a few of their shapes.

The trial measures some shapes of each set, drawn at random, in full. What opens pairs takes time in proportion to the
shapes, bounds in proportion to the pairs, and metrics to the distances that are solved. How many those are a shape
depends on how close shapes lie, and so on how many there are, which the trial does not see: a few shapes are asked for
their nearest ones of all others, and of as many as the trial had. Distances kept by earlier runs are not counted on.
"""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eval.cloud_metrics import cloud_metrics
from eval.distances.neighbours import SIDE, Indices, Neighbours, Pairs, Tighter, Values, tighter_of
from eval.distances.sets import Sets
from eval.intervals import SMALLEST
from eval.kinds import Kind, kinds
from eval.protocol import Protocol
from eval.set_metrics import set_metrics

Points = npt.NDArray[np.float32]

LEAST = 400  # shapes a set; fewer take a minute, and a trial of use a good part of it
SHARE, FEWEST = 25, 32  # one of so many shapes is tried, and so many of each set at least
ASKED = 32  # shapes for their nearest


@dataclass(frozen=True)
class Stage:
    """What one kind of distance takes.

    opening, bounds, metrics : seconds, of opening the pairs, of bounding all, and of metrics with the distances solved
        for them
    solved : distances
    """

    suffix: str
    opening: float
    bounds: float
    metrics: float
    solved: float

    @property
    def seconds(self) -> float:
        return self.opening + self.bounds + self.metrics


@dataclass(frozen=True)
class Forecast:
    """What a measurement will take.

    stages : by the suffix of the kind of distance
    clouds : seconds of the metrics that need no distance
    tried : shapes of each set in the trial
    """

    stages: dict[str, Stage]
    clouds: float
    tried: int

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages.values()) + self.clouds


def forecast(
    generated: Points, reference: Points, protocol: Protocol, device: str = "cpu", backend: str | None = None
) -> Forecast:
    """Try a share of two sets and say what the whole will take, a few percent of it later.

    generated, reference : (N, P, 3) float32, as many of one as of the other, the protocol's points, normalised
    """
    size = len(generated)
    few = tried(size)
    rng = np.random.default_rng(protocol.seed)
    g, r = (clouds[np.sort(rng.choice(size, few, replace=False))] for clouds in (generated, reference))
    whole, part = (kinds(*sets, protocol, device, backend) for sets in ((generated, reference), (g, r)))
    for kind in kinds(g[:SMALLEST], r[:SMALLEST], protocol, device, backend):  # loads what is compiled
        measured(kind, SMALLEST, protocol)
    cloud_metrics(g[:SMALLEST], r[:SMALLEST], protocol)
    start = time.perf_counter()
    cloud_metrics(g, r, protocol)
    clouds = time.perf_counter() - start
    stages = {one.suffix: grown(one, all_, few, size, protocol) for one, all_ in zip(part, whole, strict=True)}
    return Forecast(stages, clouds * size / few, few)


def tried(size: int) -> int:
    """Shapes of each set in a trial of so many."""
    return max(FEWEST, size // SHARE)


def measured(kind: Kind, size: int, protocol: Protocol) -> Stage:
    """What a kind of distance takes for `size` shapes of each set, by doing it."""
    clock = [time.perf_counter()]
    pairs = kind.open_pairs()
    clock.append(time.perf_counter())
    sets = Sets(pairs, size)
    clock.append(time.perf_counter())
    set_metrics(sets, protocol, kind.suffix)
    clock.append(time.perf_counter())
    opening, bounds, metrics = np.diff(clock).tolist()
    return Stage(kind.suffix, opening, bounds, metrics, sets.union.solved)


def grown(few: Kind, whole: Kind, some: int, size: int, protocol: Protocol) -> Stage:
    """What a kind of distance takes for `size` shapes of each set, from what it takes for `some` of them."""
    trial, times, every = measured(few, some, protocol), size / some, size * (2 * size - 1)
    start = time.perf_counter()
    pairs = whole.open_pairs()
    opening = time.perf_counter() - start
    if trial.solved == some * (2 * some - 1):  # nothing bounds this kind
        return Stage(trial.suffix, opening, trial.bounds * times**2, trial.metrics * times**2, every)
    order = np.random.default_rng(protocol.seed).permutation(2 * size)
    asked, others = order[:ASKED], order[ASKED:]
    among_all = _asked_for(_Rows(pairs, asked, others), protocol.ecd_k)
    among_some = _asked_for(_Rows(pairs, asked, others[: 2 * some]), protocol.ecd_k)
    # Added whole: what is added is asked for mostly by one of a pair's shapes, the one that lies far from all others.
    solved = trial.solved * times + 2 * size * max(0.0, among_all - among_some)
    bounds = _seconds_a_bound(pairs) * every
    return Stage(trial.suffix, opening, bounds, trial.metrics * solved / trial.solved, solved)


def _asked_for(pairs: "_Rows", k: int) -> float:
    """Distances that the k nearest columns of a row take."""
    neighbours = Neighbours(pairs)
    neighbours.k_nearest(min(k, pairs.shape[1]))
    return neighbours.solved / pairs.shape[0]


def _seconds_a_bound(pairs: Pairs) -> float:
    """By a square of pairs, as large as they are handed to `bounds` at once."""
    side = min(SIDE, pairs.shape[0] // 2)
    square = _Rows(pairs, np.arange(side), np.arange(pairs.shape[0] - side, pairs.shape[0]))
    start = time.perf_counter()
    Neighbours(square)
    return (time.perf_counter() - start) / side**2


class _Rows:
    """Some rows and other columns of pairs, as pairs between two sets."""

    symmetric = False

    def __init__(self, pairs: Pairs, rows: Indices, columns: Indices) -> None:
        self._pairs, self._rows, self._columns = pairs, rows, columns
        self.shape = len(rows), len(columns)

    def exact(self, rows: Indices, columns: Indices) -> Values:
        return self._pairs.exact(self._rows[rows], self._columns[columns])

    def bounds(self, rows: Indices, columns: Indices) -> tuple[Values, Values]:
        return self._pairs.bounds(self._rows[rows], self._columns[columns])

    @property
    def tighter(self) -> Tighter | None:
        closer = tighter_of(self._pairs)
        return closer and (lambda rows, columns: closer(self._rows[rows], self._columns[columns]))
