"""Results: what was measured, by which protocol, on how many shapes, as JSON with the same bytes each time.

Time, machine and versions change between equal runs; they go into a run record beside the result.
"""

import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from argus3d.data.files import write_json
from argus3d.errors import UserError
from eval.outputs import demand_apart
from eval.protocol import Protocol
from eval.result_file import DIRECTIONS, require_result

SCHEMA = 1
RECORD = ".run.json"  # ends the name of a run record
LIBRARIES = ("numpy", "scipy", "numba", "trimesh", "torch")


@dataclass(frozen=True)
class MetricValue:
    """One number with its interval.

    value, low, high : nan where undefined (null in JSON)
    direction : "lower" or "higher" is better, or "towards" the ideal
    ideal : the value a perfect generator reaches, None where there is none
    unit : of the value, "" for a plain number
    p_value : of the hypothesis that both sets are of one distribution, None where nothing tests it
    """

    value: float
    low: float
    high: float
    direction: str
    ideal: float | None = None
    unit: str = ""
    p_value: float | None = None

    def __post_init__(self) -> None:
        """Refuse directions that no table knows."""
        if self.direction not in DIRECTIONS:
            raise ValueError(f"direction {self.direction!r} is not one of {', '.join(DIRECTIONS)}")


@dataclass(frozen=True)
class Counts:
    """Shapes of one set: asked for, found, and (id, reason) of those that failed."""

    asked: int
    found: int
    failed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Result:
    """One row of a table.

    kind : "generation" or "reconstruction"
    counts : "generated" and "reference"
    metrics : by name; `_cd` on Chamfer distances, `_emd` on earth mover's distances
    data : sha256 of what was measured, by name, and of the checkpoint that made it where a manifest names one
    per_category : category -> metric -> number, for reconstructions
    notes : what a reader must know
    """

    name: str
    kind: str
    protocol: Protocol
    counts: Mapping[str, Counts]
    metrics: Mapping[str, MetricValue]
    data: Mapping[str, str] = field(default_factory=dict)
    per_category: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The result as plain JSON values; `from_json` reads it back."""
        content = {
            "schema": SCHEMA,
            "name": self.name,
            "kind": self.kind,
            "protocol": self.protocol.to_json(),
            "counts": {key: asdict(entry) for key, entry in self.counts.items()},
            "metrics": {key: asdict(entry) for key, entry in self.metrics.items()},
            "data": dict(self.data),
            "per_category": {key: dict(entry) for key, entry in self.per_category.items()},
            "notes": list(self.notes),
        }
        return dict(_nan_to_null(content))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Result":
        """Read what `to_json` wrote.

        Raises : ValueError for another schema, keys that are missing or unknown, or values of other types
        """
        if content.get("schema") != SCHEMA:
            raise ValueError(f"result schema {content.get('schema')!r} is not {SCHEMA}; measure again")
        try:
            require_result(content)
            return cls(
                name=content["name"],
                kind=content["kind"],
                protocol=Protocol.from_json(content["protocol"]),
                counts={key: _counts(entry) for key, entry in content["counts"].items()},
                metrics={key: _metric(entry) for key, entry in content["metrics"].items()},
                data=dict(content["data"]),
                per_category={
                    key: {name: _null_to_nan(value) for name, value in entry.items()}
                    for key, entry in content["per_category"].items()
                },
                notes=tuple(content["notes"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"not a result ({error}); measure again") from error


def bare_name(path: Path) -> str:
    """What a result is called by its file: a of a.json, v.1 of v.1."""
    return path.name.removesuffix(".json")


def record_path(path: Path) -> Path:
    """The run record beside a result: a.run.json of a.json."""
    return path.with_name(bare_name(path) + RECORD)


def require_place(path: Path, *sources: str | None) -> None:
    """Refuse, before anything is measured, where no result can lie.

    sources : what is measured, which it must not take the place of
    Raises : UserError for a name of run records, a source, a folder, or a place below a file
    """
    demand_apart([path], [Path(source) for source in sources if source])
    if path.name.endswith(RECORD):
        raise UserError(f"{path}: names that end in {RECORD} are those of run records; give --out another name.")
    folder = next((place for place in (path, record_path(path)) if place.is_dir()), None)
    if folder is not None:
        raise UserError(f"{folder} is a folder, where a file is to be written; give --out another name.")
    nearest = next(place for place in path.absolute().parents if place.exists())
    if not nearest.is_dir():
        raise UserError(f"{path} cannot be written, as {nearest} is a file and no folder; give --out another name.")


def write(result: Result, run_record: Mapping[str, Any], path: Path) -> None:
    """Write the run record beside `path`, then the result to `path`."""
    write_json(record_path(path), dict(run_record))
    write_json(path, result.to_json())


def read(path: Path) -> Result:
    """Read a result file.

    Raises : FileNotFoundError, or ValueError for a file that is no result
    """
    try:
        return Result.from_json(json.loads(path.read_bytes()))
    except (ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from error


def run_record(seconds: float, command: str = "", computed: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Machine, versions and time of a run, all that may differ between runs with equal results.

    computed : backend and device of Chamfer distances, see `eval.distances.backends.described`
    """
    return {
        **({"chamfer": dict(computed)} if computed else {}),
        "seconds": round(seconds, 3),
        "command": command,
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()},
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in LIBRARIES},
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _counts(entry: Mapping[str, Any]) -> Counts:
    return Counts(entry["asked"], entry["found"], tuple((item, reason) for item, reason in entry["failed"]))


def _metric(entry: Mapping[str, Any]) -> MetricValue:
    numbers = {key: _null_to_nan(entry[key]) for key in ("value", "low", "high")}
    p_value = entry.get("p_value")  # results of before there were p-values have none
    return MetricValue(
        **numbers, direction=entry["direction"], ideal=entry["ideal"], unit=entry["unit"], p_value=p_value
    )


def _null_to_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _nan_to_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _nan_to_null(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_nan_to_null(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
