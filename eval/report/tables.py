"""Result files to tables: Markdown, CSV and LaTeX with the same numbers."""

import argparse
import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.report.columns import (
    ARROWS,
    DISTANCES,
    GENERATION,
    JSD,
    NETWORK_METRICS,
    NETWORK_NOTE,
    RECONSTRUCTION,
    TESTED,
    Column,
    any_has,
    measured,
    of_network,
)
from eval.report.markup import Cell, Table, latex, markdown
from eval.report.output import write_whole
from eval.report.rows import NOT_SAID, REAL, Row, Value, better, read_rows

BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"
# The labels by which a reconstruction is averaged, beside its classes, which only the CSV holds.
GROUPS = ("source ", "solidity ")

FURTHER = "Generated against reference shapes, by other measures"
CSV_HEADER = [
    "row", "kind", "group", "n", "metric", "value", "low", "high", "direction", "ideal", "unit", "p_value",
    "protocol", "hash",
]  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """`argus3d-eval table`: write .md, .csv and .tex of result files, and the tables into a README if one is named."""
    parser = argparse.ArgumentParser(prog="argus3d-eval table", description="Tables of result files.")
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULT", help="result JSON; rows in this order")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix; .md, .csv and .tex are written")
    parser.add_argument("--readme", type=Path, help="also put the tables between the table marks of this file")
    arguments = parser.parse_args(argv)
    rows = read_rows(arguments.results)
    tables = all_tables(rows)
    text = "\n".join(markdown(table) for table in tables)
    if arguments.readme:
        shown = "\n".join(markdown(table) for table in tables if table.caption != FURTHER)
        write_whole(arguments.readme, with_tables(arguments.readme.read_text(), shown).encode())
    base = str(arguments.out)
    write_whole(Path(base + ".csv"), csv_text(rows).encode())
    write_whole(Path(base + ".tex"), "\n".join(latex(table) for table in tables).encode())
    write_whole(Path(base + ".md"), text.encode())
    return 0


def all_tables(rows: Sequence[Row]) -> list[Table]:
    """The tables that the rows fill: generation and its further measures first, then reconstruction.

    Raises : ValueError for a row of a kind that no table knows
    """
    unknown = [row for row in rows if row.kind not in ("generation", "reconstruction")]
    if unknown:
        raise ValueError(f"{unknown[0].name} is a result of kind {unknown[0].kind!r}; generation and reconstruction go")
    generation = [row for row in rows if row.kind == "generation"]
    reconstruction = [row for row in rows if row.kind == "reconstruction"]
    tables = [generation_table(generation), *further_table(generation)] if generation else []
    return [*tables, *([reconstruction_table(reconstruction)] if reconstruction else [])]


def generation_table(rows: Sequence[Row]) -> Table:
    """Generated against reference shapes: each metric with its interval, the best in bold where intervals separate."""
    columns = [column for name in measured(rows) for column in GENERATION[name] if any_has(rows, column)]
    winners = {column.key: better(rows, column.key) for column in columns}
    return Table(
        caption="Generated against reference shapes",
        header=[Cell("row"), Cell("n"), *(_header(column, rows) for column in columns)],
        rows=[
            [
                Cell(row.title, row.role),
                _count(row),
                *(_cell(row.metrics.get(column.key), column, winners[column.key] == row.name) for column in columns),
            ]
            for row in rows
        ],
        notes=[*_general_notes(rows), _units(rows, columns), *_training_notes(rows), *_own_notes(rows)],
    )


def further_table(rows: Sequence[Row]) -> list[Table]:
    """Measures without distances between shapes, and p-values; no table where no row has any."""
    networks = sorted({key for row in rows for key in row.metrics if key.split("_")[0] in NETWORK_METRICS})
    columns = [column for column in (JSD, *map(of_network, networks)) if any_has(rows, column)]
    tested = [
        (f"{metric}_{distance}", f"p of {title}-{DISTANCES[distance]}")
        for distance in measured(rows)
        for metric, title in TESTED.items()
        if any(_p_value(row, f"{metric}_{distance}") is not None for row in rows)
    ]
    if not columns and not tested:
        return []
    return [
        Table(
            caption=FURTHER,
            header=[Cell("row"), *(_header(column, rows) for column in columns), *(Cell(name) for _, name in tested)],
            rows=[
                [
                    Cell(row.title, row.role),
                    *(_cell(row.metrics.get(column.key), column) for column in columns),
                    *(Cell(_tested(_p_value(row, key))) for key, _ in tested),
                ]
                for row in rows
            ],
            notes=[
                "p: of the hypothesis that both sets are of one distribution, by relabelling; small where they differ, "
                "also where samples are copies.",
                *([NETWORK_NOTE] if networks else []),
                *_training_notes(rows),
            ],
        )
    ]


def _p_value(row: Row, key: str) -> float | None:
    return row.metrics[key].p_value if key in row.metrics else None


def _tested(p_value: float | None) -> str:
    if p_value is None:
        return "—"
    return f"{p_value:.4f}" if p_value < 0.01 else f"{p_value:.2f}"


def reconstruction_table(rows: Sequence[Row]) -> Table:
    """Shapes through the autoencoder against themselves: over all, by source, by solidity."""
    columns = [column for column in RECONSTRUCTION if any_has(rows, column)]
    lines: list[list[Cell]] = []
    for row in rows:
        cells = [_cell(row.metrics.get(column.key), column) for column in columns]
        lines.append([Cell(row.title, "all test shapes"), _count(row), *cells])
        for label, means in _groups(row):
            count = Cell(f"{means['count']:.0f}")
            numbers = [Cell(_number(means.get(column.key, math.nan), column)) for column in columns]
            lines.append([Cell(label.removeprefix("source ")), count, *numbers])
    return Table(
        caption="Reconstructed test shapes against the shapes they were",
        header=[Cell("shapes"), Cell("n"), *(_header(column, rows) for column in columns)],
        rows=lines,
        notes=[
            *_general_notes(rows),
            "solidity: the share of a shape's inside not owed to thickening thin parts; 0 for sheets, 1 for solids.",
            *_training_notes(rows),
            *_own_notes(rows),
        ],
    )


def csv_text(rows: Sequence[Row]) -> str:
    """One line a number, unscaled: row, group ("all" or a class, source, solidity), metric, value, interval."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for row in rows:
        protocol = [row.protocol["name"], row.protocol["hash"]]
        for key, entry in sorted(row.metrics.items()):
            numbers = [_exact(entry.value), _exact(entry.low), _exact(entry.high)]
            ideal = "" if entry.ideal is None else _exact(entry.ideal)
            head = [row.name, row.kind, "all", row.found, key]
            p_value = "" if entry.p_value is None else _exact(entry.p_value)
            writer.writerow([*head, *numbers, entry.direction, ideal, entry.unit, p_value, *protocol])
        for group, means in sorted(row.groups.items()):
            for key, value in sorted(means.items()):
                if key == "count":
                    continue
                head = [row.name, row.kind, group, f"{means['count']:.0f}", key]
                writer.writerow([*head, _exact(value), "", "", "", "", "", "", *protocol])
    return text.getvalue()


def with_tables(readme: str, tables: str) -> str:
    """The README with `tables` between its two marks.

    Raises : ValueError when the marks are not there, once each and in order
    """
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise ValueError(f"README needs one {BEGIN} and after it one {END}; put them where the tables belong")
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n{tables}{END}{rest.split(END)[1]}"


def _header(column: Column, rows: Sequence[Row]) -> Cell:
    entry = next(row.metrics[column.key] for row in rows if column.key in row.metrics)
    ideal = "" if entry.ideal is None else f"ideal {entry.ideal * column.scale:g}"
    return Cell(f"{column.title} {ARROWS[entry.direction]}", ", ".join(word for word in (column.sign, ideal) if word))


def _cell(entry: Value | None, column: Column, bold: bool = False) -> Cell:
    if entry is None or math.isnan(entry.value):
        return Cell("—")
    if math.isnan(entry.low) or math.isnan(entry.high):
        return Cell(_number(entry.value, column), bold=bold)
    interval = f"{_number(entry.low, column)} – {_number(entry.high, column)}"
    return Cell(_number(entry.value, column), interval, bold)


def _number(value: float, column: Column) -> str:
    if math.isnan(value):
        return "—"
    if math.isinf(value):
        return "∞"
    scaled = value * column.scale
    return f"{scaled:,.{column.decimals if abs(scaled) < 1000 else 0}f}"


def _exact(value: float) -> str:
    return "" if math.isnan(value) else repr(value)


def _count(row: Row) -> Cell:
    return Cell(str(row.found) if row.found == row.asked else f"{row.found} of {row.asked}")


def _groups(row: Row) -> Iterator[tuple[str, dict[str, float]]]:
    for start in GROUPS:
        yield from ((label, dict(row.groups[label])) for label in sorted(row.groups) if label.startswith(start))


def _general_notes(rows: Sequence[Row]) -> Iterator[str]:
    protocol = rows[0].protocol
    yield (
        f"Protocol {protocol['name']} ({protocol['hash'][:12]}); below each number its {protocol['confidence']:.0%} "
        "interval; below each name its scale and the value of a perfect generator."
    )


def _units(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    protocol = rows[0].protocol
    units = [
        f"{column.title} in {row.metrics[column.key].unit.replace('^2', '²')}"
        for column in columns
        for row in rows[:1]
        if column.key in row.metrics and row.metrics[column.key].unit
    ]
    used = [_how_measured(name, protocol) for name in measured(rows)]
    return "; ".join([*used, *units]) + " (side: the longest of a shape's box)."


def _how_measured(distance: str, protocol: Mapping[str, Any]) -> str:
    if distance == "cd":
        return f"CD on {protocol['points']} points a shape"
    if distance == "lfd_like":
        return "LFD-like on meshes, not on the scale of published light-field distances"
    solver = "approximate matching" if distance.endswith("approx") else "exact"
    return f"{DISTANCES[distance]} ({solver}) on {protocol['emd_points']} points"


def _training_notes(rows: Sequence[Row]) -> Iterator[str]:
    """What each generator was trained on and whether it saw the reference; one line for all of which it is the same."""
    titles: dict[str, list[str]] = {}
    for row in rows:
        if row.name not in REAL:
            said = f"trained on {row.trained_on}; seen in training: {row.seen_in_training}"
            fact = "training data not said, may hold reference shapes" if row.trained_on == NOT_SAID else said
            titles.setdefault(fact, []).append(row.title)
    yield from (f"{', '.join(names)}: {fact}." for fact, names in titles.items())


def _own_notes(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        yield from (f"{row.title}: {note}." for note in row.notes)
