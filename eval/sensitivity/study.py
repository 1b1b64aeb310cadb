"""One choice after another, made otherwise on the same two sets."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from argus3d.errors import UserError
from eval.clouds import CloudSet
from eval.evaluate import evaluate_sets
from eval.protocol import Protocol
from eval.results import MetricValue
from eval.sensitivity.changes import Change, drawn, exchanged, paired
from eval.sensitivity.choices import Choice, choices, seeds
from eval.sensitivity.kept import Measurements, Say
from eval.sensitivity.parts import Part, disjoint_parts, exchanged_references
from eval.sensitivity.shapes import Pair, Shapes

Values = npt.NDArray[np.float64]
Changes = dict[str, Change]

FAMILIES = ("cd", "emd", "clouds")
DRAWS = 40  # pairs of smaller sets
SMALLEST = 16  # shapes of the smallest of them


@dataclass(frozen=True)
class Rows:
    """What one choice moves.

    key, title, usual : see `eval.sensitivity.choices.Choice`
    kind : "paired", "drawn" or "exchanged", see `eval.sensitivity.changes`
    alternatives : label and changes by metric, in order
    """

    key: str
    title: str
    usual: str
    kind: str
    alternatives: Sequence[tuple[str, Mapping[str, Change]]]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        rows = [
            {"label": label, "changes": {key: change.to_json() for key, change in changes.items()}}
            for label, changes in self.alternatives
        ]
        return {"key": self.key, "title": self.title, "usual": self.usual, "kind": self.kind, "alternatives": rows}


@dataclass(frozen=True)
class Study:
    """All choices of one pair of sets.

    metrics : by the protocol itself
    notes : what a reader must know
    """

    pair: Pair
    metrics: Mapping[str, MetricValue]
    rows: Sequence[Rows]
    notes: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.pair.name,
            "generated": self.pair.generated.source,
            "reference": self.pair.reference.source,
            "size": self.pair.size,
            "protocol": self.pair.protocol.to_json(),
            "metrics": {key: _without_nan(asdict(entry)) for key, entry in self.metrics.items()},
            "choices": [rows.to_json() for rows in self.rows],
            "notes": list(self.notes),
        }


def study(pair: Pair, others: Sequence[Shapes] = (), cache: Path | None = None, say: Say = lambda text: None) -> Study:
    """Measure two sets with each choice made otherwise.

    others : references in the place of the pair's own, of as many shapes
    cache : folder that keeps what was measured, by content; a killed run goes on from it
    say : told what is being measured
    """
    measurements = Measurements(pair, cache, say)
    say("the protocol itself, with intervals")
    metrics = _metrics(measurements, cache)
    rows, notes = [], []
    for choice in choices(pair.protocol):
        found, missing = _otherwise(measurements, choice)
        notes += missing
        rows += [found] if found.alternatives else []
    rows += [*_fewer_shapes(measurements), _points_drawn(measurements), *_references(measurements, others)]
    return Study(pair, metrics, rows, notes)


def _metrics(measurements: Measurements, cache: Path | None) -> Mapping[str, MetricValue]:
    pair = measurements.pair
    if pair.result is not None:
        return pair.result.metrics
    made, real = (
        CloudSet(shapes.source, measurements.clouds(shapes, pair.protocol), shapes.ids, shapes.categories, pair.size)
        for shapes in (pair.generated, pair.reference)
    )
    return evaluate_sets(made, real, pair.protocol, cache=cache).metrics


def _otherwise(measurements: Measurements, choice: Choice) -> tuple[Rows, list[str]]:
    """A choice made otherwise on the same shapes, and what could not be."""
    rows: list[tuple[str, Mapping[str, Change]]] = []
    missing: dict[str, str] = {}
    for alternative in choice.alternatives:
        try:
            changes = _changes(measurements, choice.families, choice.metrics, alternative.protocol)
        except UserError as error:
            missing[alternative.label] = str(error)
            continue
        rows.append((alternative.label, changes))
    notes = [f"{choice.title} {'; '.join(missing)} left out: {next(iter(missing.values()))}"] if missing else []
    return Rows(choice.key, choice.title, choice.usual, "paired", rows), notes


def _changes(
    measurements: Measurements,
    families: Sequence[str],
    metrics: Sequence[str],
    protocol: Protocol,
    reference: Shapes | None = None,
) -> Changes:
    """Changes from the pair's protocol, and its reference, to others."""
    base = measurements.pair.protocol
    changes = {}
    for family in families:
        own = measurements.whole(family, base)
        other = measurements.whole(family, protocol, reference)
        for key in own:
            if family == "clouds" or key.removesuffix(f"_{measurements.suffix(family)}") in metrics:
                changes[key] = paired(key, other[key], own[key], base.confidence)
    return changes


def _fewer_shapes(measurements: Measurements) -> list[Rows]:
    """A half, a quarter ... of both sets."""
    pair, rows = measurements.pair, []
    size = pair.size // 2
    while size >= SMALLEST:
        parts, changes = disjoint_parts(pair, size, DRAWS), {}
        for family in FAMILIES:
            own = measurements.whole(family, pair.protocol)
            for key, draws in measurements.parts(family, f"{DRAWS} pairs of {size} shapes", parts).items():
                changes[key] = drawn(key, draws.reshape(-1, 2), float(own[key][0]), pair.protocol.confidence)
        rows.append((f"{size:,}", changes))
        size //= 2
    return [Rows("shapes", "shapes a set", f"{pair.size:,}", "drawn", rows)] if rows else []


def _points_drawn(measurements: Measurements) -> Rows:
    """The same shapes with other points: noise that no set of shapes is to blame for."""
    base = measurements.pair.protocol
    every = np.arange(measurements.pair.size)
    changes = {}
    for family in FAMILIES:
        others = (measurements.parts(family, "all", [Part(every, every)], protocol) for protocol in seeds(base))
        by_seed = [measurements.whole(family, base), *others]
        for key, own in by_seed[0].items():
            pairs = np.array([*combinations([float(found[key][0]) for found in by_seed], 2)])
            changes[key] = exchanged(key, pairs, float(own[0]), base.confidence)
    return Rows("seed", "which points were drawn", f"seed {base.seed}", "exchanged", [("other seeds", changes)])


def _references(measurements: Measurements, others: Sequence[Shapes]) -> list[Rows]:
    """Other shapes as the reference."""
    pair, rows = measurements.pair, []
    base = pair.protocol
    if pair.size >= 2 * SMALLEST:
        parts, changes = exchanged_references(pair, DRAWS), {}
        for family in FAMILIES:
            for key, draws in measurements.parts(family, f"{DRAWS} pairs of references", parts).items():
                found = draws.reshape(-1, 2)
                changes[key] = exchanged(key, found, float(np.nanmean(draws)), base.confidence)
        label = f"the other half ({pair.size // 2} shapes)"
        rows.append(Rows("half", "which half is the reference", "one half", "exchanged", [(label, changes)]))
    named = [
        (shapes.source, _changes(measurements, FAMILIES, ("mmd", "cov", "one_nna", "ecd"), base, shapes))
        for shapes in others
    ]
    if named:
        rows.append(Rows("reference", "reference", pair.reference.source, "paired", named))
    return rows


def _without_nan(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(value, float) and not np.isfinite(value) else value for key, value in entry.items()}
