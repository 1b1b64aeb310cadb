"""Cells and notes that all tables of result files share."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eval.report.columns import ARROWS, DISTANCES, Column, measured
from eval.report.markup import Cell
from eval.report.rows import NOT_SAID, REAL, Row, Value


def header(column: Column, rows: Sequence[Row]) -> Cell:
    """Title and direction of a column, below them its scale and the value of a perfect generator."""
    entry = next(row.metrics[column.key] for row in rows if column.key in row.metrics)
    ideal = "" if entry.ideal is None else f"ideal {entry.ideal * column.scale:g}"
    return Cell(f"{column.title} {ARROWS[entry.direction]}", ", ".join(word for word in (column.sign, ideal) if word))


def cell(entry: Value | None, column: Column, bold: bool = False) -> Cell:
    """A number, below it its interval."""
    if entry is None or math.isnan(entry.value):
        return Cell("—")
    known = not math.isnan(entry.low) and not math.isnan(entry.high)
    interval = f"{number(entry.low, column)} – {number(entry.high, column)}" if known else ""
    return Cell(number(entry.value, column), interval, bold, column.key, entry)


def mean_cell(row: Row, means: Mapping[str, float], column: Column) -> Cell:
    """The mean over a group of a row's shapes, which has no interval."""
    entry = row.metrics.get(column.key)
    if entry is None:
        return Cell(number(means.get(column.key, math.nan), column))
    return cell(replace(entry, value=means.get(column.key, math.nan), low=math.nan, high=math.nan), column)


def row_cell(row: Row) -> Cell:
    """What a row is called, below it what it is there for."""
    return Cell(row.title, row.role, end=row.end)


def number(value: float, column: Column) -> str:
    """A value as its column prints it."""
    if math.isnan(value):
        return "—"
    if math.isinf(value):
        return "∞"
    scaled = value * column.scale
    return f"{scaled:,.{column.decimals if abs(scaled) < 1000 else 0}f}"


def exact(value: float) -> str:
    """A value for a CSV, "" where it is undefined."""
    return "" if math.isnan(value) else repr(value)


def plain(text: str) -> str:
    """A text for a CSV; behind an apostrophe where spreadsheets would take it for a formula, and run it."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def count(row: Row) -> Cell:
    """How many shapes are in the numbers, and of how many if some failed."""
    return Cell(str(row.found) if row.found == row.asked else f"{row.found} of {row.asked}")


def general_notes(rows: Sequence[Row]) -> Iterator[str]:
    """The protocol, and how to read cells."""
    protocol = rows[0].protocol
    yield (
        f"Protocol {protocol['name']} ({protocol['hash'][:12]}); below each number its {protocol['confidence']:.0%} "
        "interval; below each name its scale and the value of a perfect generator."
    )


def unit_note(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    """On how many points distances were taken, and units; "" where there are neither."""
    protocol = rows[0].protocol
    units = [
        f"{column.title} in {row.metrics[column.key].unit.replace('^2', '²')}"
        for column in columns
        for row in rows[:1]
        if column.key in row.metrics and row.metrics[column.key].unit
    ]
    used = [_how_measured(name, protocol) for name in measured(rows)]
    if not used and not units:
        return ""
    return "; ".join([*used, *units]) + " (side: the longest of a shape's box)."


def _how_measured(distance: str, protocol: Mapping[str, Any]) -> str:
    if distance == "cd":
        return f"CD on {protocol['points']} points a shape"
    if distance == "lfd_like":
        return "LFD-like on meshes, not on the scale of published light-field distances"
    solver = "approximate matching" if distance.endswith("approx") else "exact"
    return f"{DISTANCES[distance]} ({solver}) on {protocol['emd_points']} points"


def training_notes(rows: Sequence[Row]) -> Iterator[str]:
    """What each generator was trained on and whether it saw the reference; one line for all of which it is the same."""
    titles: dict[str, list[str]] = {}
    for row in rows:
        if row.name not in REAL and not row.baseline:
            said = f"trained on {row.trained_on}; seen in training: {row.seen_in_training}"
            fact = "training data not said, may hold reference shapes" if row.trained_on == NOT_SAID else said
            titles.setdefault(fact, []).append(row.title)
    yield from (f"{', '.join(names)}: {fact}." for fact, names in titles.items())


def own_notes(rows: Sequence[Row]) -> Iterator[str]:
    """What the results say of themselves; one line for all that say the same."""
    said: dict[str, list[str]] = {}
    for row in rows:
        for note in row.notes:
            said.setdefault(note, []).append(row.title)
    yield from (f"{', '.join(names)}: {note}." for note, names in said.items())
