"""Result files to tables: Markdown, CSV and LaTeX with the same numbers."""

import argparse
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from argus3d.data.files import write_atomically
from eval.outputs import demand_apart, with_suffixes
from eval.report.cells import (
    cell,
    count,
    exact,
    general_notes,
    header,
    mean_cell,
    own_notes,
    plain,
    row_cell,
    training_notes,
    unit_note,
)
from eval.report.columns import (
    DISTANCES,
    GENERATION,
    JSD,
    NETWORK_NOTE,
    RECONSTRUCTION,
    TESTED,
    any_has,
    measured,
    network_columns,
)
from eval.report.markup import Cell, Table, latex, markdown
from eval.report.rows import Row, better, read_rows
from eval.report.sweeps import read_sweep, sweep_table
from eval.report.task_tables import TASKS

BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"
# The labels by which a reconstruction is averaged, beside its classes, which only the CSV holds.
GROUPS = ("source ", "solidity ")

FURTHER = "Generated against reference shapes, by other measures"
CSV_HEADER = [
    "row", "kind", "group", "n", "metric", "value", "low", "high", "direction", "ideal", "unit", "p_value",
    "protocol", "hash",
]  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """`argus3d-eval table`: .md, .csv and .tex of result files, and the first table into a README if one is named."""
    parser = argparse.ArgumentParser(
        prog="argus3d-eval table", description="Tables of result files.",
        epilog="What moves their numbers: argus3d-eval table --sensitivity RESULT... --out BASE.",
    )  # fmt: skip
    parser.add_argument("results", nargs="*", type=Path, metavar="RESULT", help="result JSON; rows in this order")
    parser.add_argument("--sweep", action="append", type=Path, default=[], help="a sweep (JSON); may be given again")
    parser.add_argument("--out", type=Path, required=True, help="path without suffix; .md, .csv and .tex are written")
    parser.add_argument("--readme", type=Path, help="also put the first table between the table marks of this file")
    arguments = parser.parse_args(argv)
    if not arguments.results and not arguments.sweep:
        parser.error("nothing to lay out: name result files, or a --sweep")
    given = [*arguments.results, *arguments.sweep, *([arguments.readme] if arguments.readme else [])]
    demand_apart(with_suffixes(arguments.out, (".csv", ".tex", ".md")), given)
    rows, sweeps = read_rows(arguments.results), [read_sweep(path) for path in arguments.sweep]
    tables = [*all_tables(rows), *map(sweep_table, sweeps)]
    rows += [row for sweep in sweeps for row in sweep.rows]
    text = "\n".join(markdown(table) for table in tables)
    if arguments.readme:
        write_atomically(arguments.readme, with_table(arguments.readme.read_text(), markdown(tables[0])).encode())
    base = str(arguments.out)
    write_atomically(Path(base + ".csv"), csv_text(rows).encode())
    write_atomically(Path(base + ".tex"), "\n".join(latex(table) for table in tables).encode())
    write_atomically(Path(base + ".md"), text.encode())
    return 0


def all_tables(rows: Sequence[Row]) -> list[Table]:
    """The tables that the rows fill: generation and its further measures first, then reconstruction, then tasks.

    Raises : ValueError for a row of a kind that no table knows
    """
    kinds = {"generation": _generation, "reconstruction": lambda rows: [reconstruction_table(rows)], **TASKS}
    unknown = [row for row in rows if row.kind not in kinds]
    if unknown:
        raise ValueError(f"{unknown[0].name} is a result of kind {unknown[0].kind!r}; {', '.join(kinds)} go")
    of_kind = {kind: [row for row in rows if row.kind == kind] for kind in kinds}
    return [table for kind, mine in of_kind.items() if mine for table in kinds[kind](mine)]


def _generation(rows: Sequence[Row]) -> list[Table]:
    return [generation_table(rows), *further_table(rows)]


def generation_table(rows: Sequence[Row]) -> Table:
    """Generated against reference shapes: each metric with its interval, the best in bold where intervals separate."""
    columns = [column for name in measured(rows) for column in GENERATION[name] if any_has(rows, column)]
    winners = {column.key: better(rows, column.key) for column in columns}
    return Table(
        caption="Generated against reference shapes",
        header=[Cell("row"), Cell("n"), *(header(column, rows) for column in columns)],
        rows=[
            [
                row_cell(row),
                count(row),
                *(cell(row.metrics.get(column.key), column, winners[column.key] == row.name) for column in columns),
            ]
            for row in rows
        ],
        notes=[*general_notes(rows), unit_note(rows, columns), *training_notes(rows), *own_notes(rows)],
    )


def further_table(rows: Sequence[Row]) -> list[Table]:
    """Measures without distances between shapes, and p-values; no table where no row has any."""
    networks = network_columns(rows)
    columns = [*([JSD] if any_has(rows, JSD) else []), *networks]
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
            header=[Cell("row"), *(header(column, rows) for column in columns), *(Cell(name) for _, name in tested)],
            rows=[
                [
                    row_cell(row),
                    *(cell(row.metrics.get(column.key), column) for column in columns),
                    *(Cell(_tested(_p_value(row, key))) for key, _ in tested),
                ]
                for row in rows
            ],
            notes=[
                "p: of the hypothesis that both sets are of one distribution, by relabelling; small where they differ, "
                "also where samples are copies.",
                *([NETWORK_NOTE] if networks else []),
                *training_notes(rows),
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
        cells = [cell(row.metrics.get(column.key), column) for column in columns]
        lines.append([Cell(row.title, "all test shapes"), count(row), *cells])
        for label, means in _groups(row):
            size = Cell(f"{means['count']:.0f}")
            numbers = [mean_cell(row, means, column) for column in columns]
            lines.append([Cell(label.removeprefix("source ")), size, *numbers])
    return Table(
        caption="Reconstructed test shapes against the shapes they were",
        header=[Cell("shapes"), Cell("n"), *(header(column, rows) for column in columns)],
        rows=lines,
        notes=[
            *general_notes(rows),
            "solidity: the share of a shape's inside not owed to thickening thin parts; 0 for sheets, 1 for solids.",
            *training_notes(rows),
            *own_notes(rows),
        ],
    )


def csv_text(rows: Sequence[Row]) -> str:
    """One line a number, unscaled: row, group ("all" or a class, source, solidity), metric, value, interval."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for row in rows:
        protocol = [plain(row.protocol["name"]), plain(row.protocol["hash"])]
        for key, entry in sorted(row.metrics.items()):
            numbers = [exact(entry.value), exact(entry.low), exact(entry.high)]
            ideal = "" if entry.ideal is None else exact(entry.ideal)
            head = [plain(row.name), row.kind, "all", row.found, plain(key)]
            p_value = "" if entry.p_value is None else exact(entry.p_value)
            writer.writerow([*head, *numbers, entry.direction, ideal, plain(entry.unit), p_value, *protocol])
        for group, means in sorted(row.groups.items()):
            for key, value in sorted(means.items()):
                if key == "count":
                    continue
                head = [plain(row.name), row.kind, plain(group), f"{means['count']:.0f}", plain(key)]
                writer.writerow([*head, exact(value), "", "", "", "", "", "", *protocol])
    return text.getvalue()


def with_table(readme: str, table: str) -> str:
    """The README with `table` between its two marks.

    Raises : ValueError when the marks are not there, once each and in order
    """
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise ValueError(f"README needs one {BEGIN} and after it one {END}; put them where the table belongs")
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n{table}{END}{rest.split(END)[1]}"


def _groups(row: Row) -> Iterator[tuple[str, dict[str, float]]]:
    for start in GROUPS:
        yield from ((label, dict(row.groups[label])) for label in sorted(row.groups) if label.startswith(start))
