"""Sweeps: the same measured at several settings, as a table and for a figure.

A sweep is a JSON file: a `title`, the `axis` that is swept, the `columns` (keys of metrics), and `rows`. A row has a
`label`, the result files that it is made of (`results`, paths from the sweep's own folder; no metric may be in two of
them), a `value` where the axis is one of numbers, and `facts` that were not measured, such as parameters or tokens.

Or it is a folder of one result a row, each with a `<row>.facts.json` beside it: the `study` it belongs to, the row's
`title` and `order`, its `facts`, which of them is the axis (`x`, if any), and the `budget` that it had.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from argus3d.data.files import is_text
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
from eval.report.rows import NOT_SAID, Row, read_rows

SCHEMA = 1
TRAINING = (
    Column("codebook_use", "codebook use", 1e2, "%", 1),
    Column("validation_loss", "validation loss", 1.0, "", 3),
    Column("train_loss", "training loss", 1.0, "", 3),
)
KNOWN = {
    column.key: column
    for block in (*GENERATION.values(), RECONSTRUCTION, COMPLETION, GUIDED, MEMORISATION, (JSD,), TRAINING)
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
    notes: Sequence[str] = ()

    @property
    def rows(self) -> list[Row]:
        return [step.row for step in self.steps]


def read_sweep(path: Path) -> Sweep:
    """Read a sweep and its results.

    Raises : FileNotFoundError, or ValueError for a file that is no sweep, a column that no table knows or no row has,
        results of different protocols, or a metric that two results of a row have
    """
    if not path.exists():
        raise FileNotFoundError(f"sweep {path} is missing; write it beside its results")
    sweep = _read_folder(path) if path.is_dir() else _read_file(path)
    if len({step.row.protocol["hash"] for step in sweep.steps}) > 1:
        raise ValueError(f"{path}: its results are of different protocols; measure all by one")
    return sweep


def _read_file(path: Path) -> Sweep:
    try:
        content = _content(path)
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']!r} is not {SCHEMA}")
        title, axis = str(content["title"]), str(content["axis"])
        columns = [_column(str(key)) for key in content["columns"]]
        steps = [_step(path.parent, axis, entry) for entry in content["rows"]]
        if not steps or not columns:
            raise ValueError("it has no rows or no columns")
    except OSError as error:
        raise FileNotFoundError(f"{path}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path} is no sweep ({error}); mend it") from error
    absent = [column.key for column in columns if not any(column.key in step.row.metrics for step in steps)]
    if absent:
        raise ValueError(f"{path}: no result of any row has {absent[0]}; mend its columns")
    return Sweep(title, axis, columns, steps)


def _read_folder(folder: Path) -> Sweep:
    found = []
    for path in sorted(folder.glob("*.facts.json")):
        try:
            facts = _content(path)
            facts["budget"] = dict(facts.get("budget", {}))
            order = float(facts["order"]), str(facts["title"])
            found.append((order, str(facts["study"]), facts, _fact_step(path, facts)))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"{path} does not describe a row of a sweep ({error}); mend it") from error
    if not found:
        raise ValueError(f"{folder} holds no .facts.json, so no sweep; name the folder of one study")
    found.sort(key=lambda entry: entry[0])
    steps = [step for *_, step in found]
    keys = dict.fromkeys(key for step in steps for key in step.row.metrics)
    _, study, first, _ = found[0]
    axis = str(first["x"]) if "x" in first else "row"
    notes = _budgets({step.label: facts["budget"] for *_, facts, step in found})
    return Sweep(study.replace("_", " "), axis.replace("_", " "), [_titled(key) for key in keys], steps, notes)


def _content(path: Path) -> Any:
    content = json.loads(path.read_bytes())
    if not is_text(json.dumps(content, ensure_ascii=False)):
        raise ValueError("it holds halves of letters, which cannot be written")
    return content


def _fact_step(path: Path, content: Mapping[str, Any]) -> Step:
    """One row of a folder, from its facts and the result beside them."""
    label, facts = str(content["title"]), dict(content["facts"])
    row = read_rows([path.with_name(path.name.removesuffix(".facts.json") + ".json")])[0]
    value = _place(facts[content["x"]]) if "x" in content else math.nan
    said = {str(name).replace("_", " "): _said(fact) for name, fact in facts.items()}
    return Step(label, value, said, replace(row, name=label, kind="sweep", groups={}))


def _budgets(budgets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the rows could spend: once if all could spend the same."""
    said = {
        label: "budget: " + ", ".join(f"{key.replace('_', ' ')} {_said(fact)}" for key, fact in sorted(budget.items()))
        for label, budget in budgets.items()
        if budget
    }
    if len(said) == len(budgets) and len(set(said.values())) == 1:
        return [next(iter(said.values())) + "."]
    return [f"{label}: {words}." for label, words in said.items()]


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
        notes=[*general_notes(rows), *filter(None, [unit_note(rows, sweep.columns)]), *sweep.notes, *_trained(rows)],
    )


def _trained(rows: Sequence[Row]) -> list[str]:
    """What generators were trained on, where any result says so."""
    return list(training_notes(rows)) if any(row.trained_on != NOT_SAID for row in rows) else []


def _titled(key: str) -> Column:
    """The column of a key; a metric of one group, such as "iou_household", is shown like the metric itself."""
    try:
        return _column(key)
    except ValueError:
        own = next((KNOWN[key[:end]] for end in range(len(key), 0, -1) if key[:end] in KNOWN and key[end] == "_"), None)
        if own is None:
            return Column(key, key.replace("_", " "), 1.0, "", 3)
        return replace(own, key=key, title=f"{own.title}{key.removeprefix(own.key).replace('_', ' ')}")


def _column(key: str) -> Column:
    if key in KNOWN:
        return KNOWN[key]
    if "_" in key and key.split("_")[0] in NETWORK_METRICS:
        return of_network(key)
    raise ValueError(f"no table knows the column {key!r}")


def _step(folder: Path, axis: str, entry: Mapping[str, Any]) -> Step:
    label, value, results = str(entry["label"]), entry.get("value"), entry["results"]
    if not isinstance(results, list) or not results:
        raise ValueError(f"row {label!r} names no results in a list")
    found = read_rows([folder / str(result) for result in results])
    keys = [key for row in found for key in row.metrics]
    twice = [key for key in keys if keys.count(key) > 1]
    if twice:
        raise ValueError(f"two results of row {label!r} have {twice[0]}")
    metrics = {key: one for row in found for key, one in row.metrics.items()}
    merged = replace(found[0], name=f"{axis} {label}", kind="sweep", metrics=metrics, groups={})
    facts = {str(name): _said(fact) for name, fact in entry.get("facts", {}).items()}
    return Step(label, math.nan if value is None else _place(value), facts, merged)


def _place(value: Any) -> float:
    place = float(value)
    if math.isinf(place):
        raise ValueError("a place on its axis is infinite")
    return place


def _said(fact: Any) -> str:
    if isinstance(fact, bool) or not isinstance(fact, int | float):
        return str(fact)
    if isinstance(fact, int):
        return f"{fact:,}"
    return f"{fact:.3g}" if abs(fact) < 10 else f"{fact:,.0f}"
