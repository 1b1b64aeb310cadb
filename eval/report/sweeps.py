"""Sweeps: the same measured at several settings, as a table and for a figure.

A sweep is a JSON file: a `title`, the `axis` that is swept, the `columns` (keys of metrics), and `rows`. A row has a
`label`, the result files that it is made of (`results`, paths from the sweep's own folder; no metric may be in two of
them), a `value` where the axis is one of numbers, and `facts` that were not measured, such as parameters or tokens.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.report.cells import cell, general_notes, header, training_notes, unit_note
from eval.report.columns import (
    COMPLETION,
    GENERATION,
    GUIDED,
    JSD,
    MEMORISATION,
    NETWORK_METRICS,
    RECONSTRUCTION,
    Column,
    of_network,
)
from eval.report.markup import Cell, Table
from eval.report.rows import Row, read_rows

SCHEMA = 1
KNOWN = {
    column.key: column
    for block in (*GENERATION.values(), RECONSTRUCTION, COMPLETION, GUIDED, MEMORISATION, (JSD,))
    for column in block
}


@dataclass(frozen=True)
class Step:
    """One row of a sweep: its place on the axis (nan where that is no number), what is known, what was measured."""

    label: str
    value: float
    facts: Mapping[str, str]
    row: Row


@dataclass(frozen=True)
class Sweep:
    """A sweep with its results read."""

    title: str
    axis: str
    columns: Sequence[Column]
    steps: Sequence[Step]

    @property
    def rows(self) -> list[Row]:
        return [step.row for step in self.steps]


def read_sweep(path: Path) -> Sweep:
    """Read a sweep and its results.

    Raises : FileNotFoundError, or ValueError for a file that is no sweep, a column that no table knows or no row has,
        results of different protocols, or a metric that two results of a row have
    """
    if not path.is_file():
        raise FileNotFoundError(f"sweep {path} is missing; write it beside its results")
    try:
        content = json.loads(path.read_text())
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']!r} is not {SCHEMA}")
        title, axis = str(content["title"]), str(content["axis"])
        columns = [_column(str(key)) for key in content["columns"]]
        steps = [_step(path.parent, axis, entry) for entry in content["rows"]]
        if not steps or not columns:
            raise ValueError("it has no rows or no columns")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no sweep ({error}); mend it") from error
    absent = [column.key for column in columns if not any(column.key in step.row.metrics for step in steps)]
    if absent:
        raise ValueError(f"{path}: no result of any row has {absent[0]}; mend its columns")
    if len({step.row.protocol["hash"] for step in steps}) > 1:
        raise ValueError(f"{path}: its results are of different protocols; measure all by one")
    return Sweep(title, axis, columns, steps)


def sweep_table(sweep: Sweep) -> Table:
    """A row a step: facts, then metrics with their intervals."""
    rows = sweep.rows
    facts = list(dict.fromkeys(name for step in sweep.steps for name in step.facts))
    return Table(
        caption=sweep.title,
        header=[Cell(sweep.axis), *map(Cell, facts), *(header(column, rows) for column in sweep.columns)],
        rows=[
            [
                Cell(step.label),
                *(Cell(step.facts.get(name, "—")) for name in facts),
                *(cell(step.row.metrics.get(column.key), column) for column in sweep.columns),
            ]
            for step in sweep.steps
        ],
        notes=[*general_notes(rows), unit_note(rows, sweep.columns), *training_notes(rows)],
    )


def _column(key: str) -> Column:
    if key in KNOWN:
        return KNOWN[key]
    if "_" in key and key.split("_")[0] in NETWORK_METRICS:
        return of_network(key)
    raise ValueError(f"no table knows the column {key!r}")


def _step(folder: Path, axis: str, entry: Mapping[str, Any]) -> Step:
    label, value = str(entry["label"]), entry.get("value")
    found = read_rows([folder / str(result) for result in entry["results"]])
    if not found:
        raise ValueError(f"row {label!r} names no results")
    keys = [key for row in found for key in row.metrics]
    twice = [key for key in keys if keys.count(key) > 1]
    if twice:
        raise ValueError(f"two results of row {label!r} have {twice[0]}")
    metrics = {key: one for row in found for key, one in row.metrics.items()}
    merged = replace(found[0], name=f"{axis} {label}", kind="sweep", metrics=metrics, groups={})
    facts = {str(name): _said(fact) for name, fact in entry.get("facts", {}).items()}
    return Step(label, math.nan if value is None else float(value), facts, merged)


def _said(fact: Any) -> str:
    return f"{fact:,}" if isinstance(fact, int | float) else str(fact)
