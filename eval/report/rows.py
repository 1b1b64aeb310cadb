"""Result files as rows of a table: what was measured, by which protocol, and what each row is there for."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.result_file import require_result

SCHEMA = 1
# Rows that are no generator but give the numbers meaning.
ROLES = {
    "training_set": "what a memoriser reaches",
    "reconstructed_training_set": "ceiling: a perfect transformer, this autoencoder",
    "scrambled": "floor: tokens without order",
    "reference_vs_itself": "noise alone, half the shapes",
    "test_set": "yardstick: shapes that are no samples",
}
# The same of rows that stand in the place of samples made for a reference's shapes.
BASELINES = {
    "reference": "noise alone: the shapes themselves, drawn anew",
    "training": "random training shapes of the class",
}
NOT_SAID = "not said"
# Of these no generator made the shapes.
REAL = ("training_set", "reference_vs_itself", "test_set")
FLOOR, CEILING = "scrambled", "reconstructed_training_set"
# Between which rows the others of a table lie, and which stands apart since its sets are smaller: rows, baselines.
ENDS = {
    FLOOR: "floor",
    CEILING: "ceiling",
    "reference_vs_itself": "apart",
    "training": "floor",
    "reference": "ceiling",
}


@dataclass(frozen=True)
class Value:
    """One metric of one row: value and interval, nan where undefined; p-value where something tests it."""

    value: float
    low: float
    high: float
    direction: str  # "lower" or "higher" is better, or "towards" the ideal
    ideal: float | None
    unit: str
    p_value: float | None = None

    def loss(self) -> tuple[float, float, float]:
        """(value, low, high) on a scale where lower is better, whatever the direction."""
        if self.direction == "lower":
            return self.value, self.low, self.high
        if self.direction == "higher":
            return -self.value, -self.high, -self.low
        assert self.ideal is not None, "a metric with a target has an ideal"
        ends = sorted((abs(self.low - self.ideal), abs(self.high - self.ideal)))
        nearest = 0.0 if self.low <= self.ideal <= self.high else ends[0]
        return abs(self.value - self.ideal), nearest, ends[1]


@dataclass(frozen=True)
class Row:
    """A result file."""

    name: str
    kind: str  # "generation", "reconstruction", "completion", "guided" or "memorisation"
    protocol: Mapping[str, Any]
    asked: int
    found: int
    reference: int
    metrics: Mapping[str, Value]
    groups: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...]
    trained_on: str = NOT_SAID
    seen_in_training: str = "unknown"  # how many of the reference shapes, in words
    baseline: str = ""  # what stands in the place of samples, if anything
    made: Mapping[str, str] = field(default_factory=dict)  # how, as the result says
    failed: Sequence[tuple[str, str]] = ()  # ids and reasons of generated shapes

    @property
    def title(self) -> str:
        return self.name.replace("_", " ")

    @property
    def role(self) -> str:
        return BASELINES.get(self.baseline, ROLES.get(self.name, ""))

    @property
    def end(self) -> str:
        """Which end of the scale of its table this row is: "floor", "ceiling", "apart" from it, or ""."""
        return ENDS.get(self.baseline or self.name, "")


def read_rows(paths: Iterable[Path]) -> list[Row]:
    """Rows in the order of `paths`.

    Raises : FileNotFoundError, or ValueError for a file that is no result or results of different protocols
    """
    rows = [_read_row(path) for path in paths]
    for row in rows[1:]:
        if row.protocol["hash"] != rows[0].protocol["hash"]:
            raise ValueError(
                f"{rows[0].name} and {row.name} were measured by different protocols ({rows[0].protocol['name']} and "
                f"{row.protocol['name']}); numbers of different protocols share no table, measure one of them again"
            )
    return rows


def better(rows: Iterable[Row], metric: str) -> str | None:
    """Name of the row that is best on a metric, if its interval lies apart from every other's; else None.

    Only generators compete: rows with a role are there to compare with. A sole generator wins nothing.
    """
    contestants = [row for row in rows if not row.role and metric in row.metrics]
    losses = sorted((row.metrics[metric].loss(), row.name) for row in contestants)
    if len(losses) < 2 or any(math.isnan(bound) for loss, _ in losses for bound in loss):
        return None
    (_, _, worst_of_best), winner = losses[0]
    return winner if all(worst_of_best < low for (_, low, _), _ in losses[1:]) else None


def _read_row(path: Path) -> Row:
    if not path.is_file():
        raise FileNotFoundError(f"result {path} is missing; make it with argus3d-eval score")
    try:
        content = json.loads(path.read_bytes())
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']!r} is not {SCHEMA}")
        require_result(content)
        counts = content["counts"]
        return Row(
            name=content["name"],
            kind=content["kind"],
            protocol=content["protocol"],
            asked=counts["generated"]["asked"],
            found=counts["generated"]["found"],
            reference=counts["reference"]["found"],
            metrics={key: _value(entry) for key, entry in content["metrics"].items()},
            groups={key: _numbers(entry) for key, entry in content.get("per_category", {}).items()},
            notes=tuple(content.get("notes", ())),
            baseline=content.get("data", {}).get("baseline", ""),
            made=dict(content.get("data", {})),
            failed=tuple((item, why) for item, why in counts["generated"].get("failed", ())),
            **_training(content.get("data", {})),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is no result ({error}); measure again") from error


def _training(data: Mapping[str, Any]) -> dict[str, str]:
    """What is known of the training data; results of before it was said have nothing."""
    return {key: data[key] for key in ("trained_on", "seen_in_training") if key in data}


def _value(entry: Mapping[str, Any]) -> Value:
    numbers = _numbers({key: entry[key] for key in ("value", "low", "high")})
    p_value = entry.get("p_value")  # results of before there were p-values have none
    return Value(**numbers, direction=entry["direction"], ideal=entry["ideal"], unit=entry["unit"], p_value=p_value)


def _numbers(entry: Mapping[str, Any]) -> dict[str, float]:
    return {key: math.nan if value is None else float(value) for key, value in entry.items()}
