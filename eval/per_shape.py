"""Values of each reference shape by the samples that were made for it, and their means with intervals over shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from argus3d.errors import UserError
from eval import intervals
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.neighbours import Neighbours
from eval.evaluate import clouds_sha256
from eval.metrics.completion import tmd
from eval.normalize import normalize
from eval.protocol import Protocol
from eval.results import MetricValue
from eval.set_metrics import unit_of
from eval.task_folder import Drawn, Points

HIGHER = ("tmd", "completeness", "class", "alignment")  # begin the keys of metrics of which more is better

Values = npt.NDArray[np.float64]


@dataclass
class PerShape:
    """What is found shape by shape: values by metric, nan where there is none, and clouds in boxes of their own."""

    categories: list[str] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)
    truths: list[Points] = field(default_factory=list)
    samples: list[Points] = field(default_factory=list)

    def take(self, drawn: Drawn, protocol: Protocol) -> tuple[Points, Points]:
        """Keep the clouds of a shape; returns those of its samples (k, P, 3) and its own (P, 3), normalised."""
        shape, how = drawn.task.shape, protocol.normalization
        self.categories.append(shape.category)
        self.samples.append(normalize(drawn.samples[:, : protocol.points], how, f"samples of {shape.id}"))
        self.truths.append(normalize(drawn.truth[None], how, shape.id)[0])
        return self.samples[-1], self.truths[-1]

    def put(self, values: Mapping[str, float]) -> None:
        """Keep the values of the shape that was taken last."""
        for key, value in values.items():
            self.values.setdefault(key, []).append(value)

    def whole(self, protocol: Protocol) -> dict[str, Values]:
        """All values, (N,) each, with `mmd_cd`: of each shape the distance to the nearest sample of any.

        Raises : UserError where no sample has a surface
        """
        if not any(map(len, self.samples)):
            raise UserError("no sample has a surface, so that there is nothing to measure; look at the folder.")
        pairs = ChamferPairs(np.concatenate(self.samples), np.stack(self.truths), protocol.chamfer)
        nearest = Neighbours(pairs).nearest(axis=0)[1]
        return {key: np.array(entries) for key, entries in self.values.items()} | {"mmd_cd": nearest}

    def sha256(self) -> dict[str, str]:
        """For `Result.data`: of the clouds as measured."""
        return {
            "generated": clouds_sha256(np.concatenate(self.samples)),
            "reference": clouds_sha256(np.stack(self.truths)),
        }


def difference(clouds: Points, asked: int, kind: str) -> float:
    """TMD of the samples (k, P, 3) that came of `asked`, nan of a single one: those that came stand for all."""
    if len(clouds) < 2:
        return float("nan")
    return float(tmd(clouds[None], kind)[0]) * asked / len(clouds)


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
    return "higher" if key.removeprefix("less_").startswith(HIGHER) else "lower"


def _unit(key: str, protocol: Protocol) -> str:
    if key == "uhd":
        return "side" if protocol.normalization == "box" else ""
    return unit_of("cd", protocol) if key.endswith("_cd") else ""
