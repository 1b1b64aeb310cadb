"""From what was measured of runs to a result file for each row of a study, and the facts beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from argus3d.data.files import write_json
from benchmarks.ablations.runs import Measured, Workshop
from benchmarks.ablations.studies import Row, Study
from eval import results
from eval.intervals import BOOTSTRAPS
from eval.protocol import Protocol
from eval.results import Counts, MetricValue, Result

SHOWN = ("one_nna_cd", "mmd_cd", "cov_cd")  # of the set metrics of samples
NATS = "nats a token"
# What tables call the facts of the two stages.
NAMED = {
    "tokens_1": "tokens",
    "parameters_1": "parameters of stage 1",
    "parameters_2": "parameters of stage 2",
    "training_shapes_1": "training shapes of stage 1",
    "training_shapes_2": "training shapes of stage 2",
}

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """What was measured of a row: of stage 1 by seed, and of stage 2 where the row has one."""

    row: Row
    first: Sequence[Measured]
    second: Measured | None

    @property
    def seconds(self) -> float:
        """Of all its training."""
        return sum(one["seconds"] for one in (*self.first, *([self.second] if self.second else [])))


def measure_study(study: Study, workshop: Workshop, folder: Path) -> list[Path]:
    """Train and measure all rows of a study, then write for each a result and its `.facts.json`; paths of the results.

    The folder as a whole is what `argus3d-eval table` takes for a sweep.
    """
    found = [_measure(row, study, workshop) for row in study.rows]
    against = next((one.first for one in found if one.row.name == study.against), [])
    paths = []
    for order, one in enumerate(found):
        result = _result(one, [] if one.row.name == study.against else against, workshop)
        path = folder / f"{one.row.name}.json"
        results.write(result, results.run_record(one.seconds, f"benchmarks.ablations {study.name}"), path)
        write_json(path.with_suffix(".facts.json"), _facts(one, order, study, workshop))
        paths.append(path)
    return paths


def _measure(row: Row, study: Study, workshop: Workshop) -> Found:
    seeds = range(study.seeds if row.autoencoder else 0)
    first = [workshop.autoencoder(row.autoencoder, seed) for seed in seeds if row.autoencoder]
    return Found(row, first, workshop.transformer(row.transformer) if row.transformer else None)


def _facts(found: Found, order: int, study: Study, workshop: Workshop) -> dict[str, Any]:
    """What a row is, in numbers that are no metrics, and what it was given."""
    measured = {1: found.first[0] if found.first else {}, 2: found.second or {}}
    facts = {NAMED[name]: measured[int(name[-1])][name[:-2]] for name in study.facts}
    axis = {"x": NAMED[study.axis]} if study.axis else {}
    about = {"study": study.title, "row": found.row.name, "title": found.row.title, "order": order, **axis}
    return about | {"facts": facts, "budget": _budget(found, workshop)}


def _budget(found: Found, workshop: Workshop) -> dict[str, Any]:
    """What a row was given, like the others of its study."""
    budget, given = workshop.budget, dict[str, Any]()
    if found.first:
        given |= {"steps_of_stage_1": budget.autoencoder.steps, "batch_of_stage_1": budget.autoencoder.batch}
        given |= {"seeds_of_stage_1": len(found.first)}
    if found.second:
        given |= {"steps_of_stage_2": budget.transformer.steps, "batch_of_stage_2": budget.transformer.batch}
        given |= {"samples": found.second["asked"]}
    return given | {"validation_shapes": sum(len(source.val) for source in workshop.shapes.sources)}


def _result(found: Found, against: Sequence[Measured], workshop: Workshop) -> Result:
    protocol, second, sources = workshop.protocol, found.second, workshop.shapes.sources
    val = sum(len(source.val) for source in sources)
    learned = sources if found.first else workshop.shapes.generated
    asked, empty = (second["asked"], second["empty"]) if second else (val, 0)
    return Result(
        name=found.row.name,
        kind="sweep",
        protocol=protocol,
        counts={"generated": Counts(asked, asked - empty), "reference": Counts(asked, asked - empty)},
        metrics=_reconstruction(found.first, against, protocol) | _generation(second, protocol),
        data={
            "trained_on": " and ".join(f"{source.name}/train" for source in learned),
            "seen_in_training": f"0 of {val} validation shapes",
        },
        per_category=_by_seed(found.first),
        notes=tuple(second["notes"]) if second else (),
    )


def _reconstruction(
    first: Sequence[Measured], against: Sequence[Measured], protocol: Protocol
) -> dict[str, MetricValue]:
    """IoU by source and of all, the difference to another row shape by shape, and codebook use: means over seeds."""
    if not first:
        return {}
    values = _ious(first)
    metrics = {f"iou_{name}": _mean([one], protocol, "higher", 1.0) for name, one in values.items()}
    metrics["iou"] = _mean(list(values.values()), protocol, "higher", 1.0)
    if against:
        others = _ious(against)
        metrics["iou_difference"] = _mean([values[name] - others[name] for name in values], protocol, "higher")
    used = float(np.mean([one["codebook_use"] for one in first]))
    return metrics | {"codebook_use": MetricValue(used, np.nan, np.nan, "higher", 1.0)}


def _ious(first: Sequence[Measured]) -> dict[str, Values]:
    """IoU of each shape by source, the mean over seeds."""
    return {name: np.mean([one["iou"][name] for one in first], axis=0) for name in sorted(first[0]["iou"])}


def _by_seed(first: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """Means of each seed where there are several, to see how far they lie apart."""
    return {
        f"seed {seed}": {"codebook_use": one["codebook_use"]}
        | {f"iou_{name}": float(np.mean(values)) for name, values in one["iou"].items()}
        for seed, one in enumerate(first if len(first) > 1 else [])
    }


def _generation(second: Measured | None, protocol: Protocol) -> dict[str, MetricValue]:
    """Losses of stage 2, and set metrics of its samples as far as there are any."""
    if second is None:
        return {}
    losses = {
        name: _mean([np.array(second[name])], protocol, "lower", unit=NATS)
        for name in ("validation_loss", "train_loss")
    }
    metrics = second["metrics"]
    return losses | {name: _value(metrics[name]) for name in SHOWN if name in metrics}


def _value(entry: Mapping[str, Any]) -> MetricValue:
    numbers = {name: np.nan if entry[name] is None else entry[name] for name in ("value", "low", "high")}
    return MetricValue(**{**entry, **numbers})


def _mean(
    groups: Sequence[Values], protocol: Protocol, direction: str, ideal: float | None = None, unit: str = ""
) -> MetricValue:
    """Mean over groups of their means over shapes; the interval is of other shapes of the same groups."""
    rng = np.random.default_rng(protocol.seed)
    drawn = [one[rng.integers(len(one), size=(BOOTSTRAPS, len(one)))].mean(1) for one in groups]
    tail = (1 - protocol.confidence) / 2
    low, high = np.quantile(np.mean(drawn, axis=0), [tail, 1 - tail])
    value = float(np.mean([one.mean() for one in groups]))
    return MetricValue(value, float(low), float(high), direction, ideal, unit)
