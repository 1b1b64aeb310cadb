"""Values of each reference shape by the samples that were made for it, and their means with intervals over shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from eval import intervals
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.neighbours import Neighbours
from eval.metrics.completion import tmd
from eval.normalize import normalize
from eval.protocol import Protocol
from eval.results import MetricValue
from eval.set_metrics import unit_of
from eval.task_folder import Drawn, Points

Values = npt.NDArray[np.float64]


@dataclass
class PerShape:
    """Values by metric, one an input, nan where there is none; and clouds in their own boxes for pooled MMD."""

    categories: list[str] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)
    truths: list[Points] = field(default_factory=list)
    samples: list[Points] = field(default_factory=list)

    def add(self, drawn: Drawn, values: Mapping[str, float], points: int, normalization: str) -> None:
        """Take one input."""
        self.categories.append(drawn.task.shape.category)
        for key, value in values.items():
            self.values.setdefault(key, []).append(value)
        self.truths.append(normalize(drawn.truth[None], normalization, drawn.task.shape.id)[0])
        self.samples.append(normalize(drawn.samples[:, :points], normalization, f"samples of {drawn.task.shape.id}"))


def difference(clouds: Points, asked: int, kind: str) -> float:
    """TMD of the samples (k, P, 3) that came of `asked`, nan of a single one: those that came stand for all."""
    if len(clouds) < 2:
        return float("nan")
    return float(tmd(clouds[None], kind)[0]) * asked / len(clouds)


def pooled_distances(samples: Sequence[Points], truths: Sequence[Points], protocol: Protocol) -> Values:
    """Distance of each of N shapes to the nearest of all samples, made for whichever shape: (N,), their mean is MMD."""
    pairs = ChamferPairs(np.concatenate(samples), np.stack(truths), protocol.chamfer)
    return Neighbours(pairs).nearest(axis=0)[1]


def mean_of(key: str, values: Values, protocol: Protocol) -> MetricValue:
    """The mean of values, one an input, with its bootstrap interval over inputs; those that are nan are left out."""
    there = values[~np.isnan(values)]
    if not len(there):
        return MetricValue(float("nan"), float("nan"), float("nan"), _direction(key), unit=_unit(key, protocol))
    low, high = intervals.bootstrap_interval(there, np.mean, protocol.confidence, protocol.seed)
    return MetricValue(float(there.mean()), low, high, _direction(key), unit=_unit(key, protocol))


def by_category(categories: Sequence[str], values: Mapping[str, Values]) -> dict[str, dict[str, float]]:
    """Means over the inputs of each class, with their `count`; classes that are not known have none."""
    rows = np.array(categories)
    table: dict[str, dict[str, float]] = {}
    for category in sorted(set(categories) - {""}):
        mine = rows == category
        table[category] = {"count": float(mine.sum())}
        for key, entries in values.items():
            there = entries[mine & ~np.isnan(entries)]
            table[category][key] = float(there.mean()) if len(there) else float("nan")
    return table


def _direction(key: str) -> str:
    return "higher" if key.startswith(("tmd", "completeness")) else "lower"


def _unit(key: str, protocol: Protocol) -> str:
    if key == "uhd":
        return "side" if protocol.normalization == "box" else ""
    return unit_of("cd", protocol) if key.endswith("_cd") else ""
