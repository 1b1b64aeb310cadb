"""What papers printed, beside what was measured here.

Their rows are "published" or "unverified", ours "here", where rows of other tables are ends of a scale.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from eval.report.cells import number
from eval.report.columns import ARROWS, Column
from eval.report.markup import Cell, Table
from eval.report.page_runs import Run
from eval.report.rows import Row

FIELDS = ("task", "category", "method", "metric", "distance", "value", "unit_scale", "provenance", "source")
MARKS = {
    "P": "P: read in the project's own repository",
    "T": "T: read in the full text of the paper that prints it",
    "S": "S, unverified: taken from somebody else's digest, the paper's own table not seen",
}
HERE = "measured here"
# How metrics and distances of papers are called in results; a distance or scale that a paper leaves open has no twin.
METRICS = {"MMD": "mmd", "COV": "cov", "CovT": "covt", "1-NNA": "one_nna", "ECD": "ecd"}
DIRECTIONS = {"MMD": "lower", "COV": "higher", "CovT": "higher", "1-NNA": "towards", "ECD": "lower"}
DISTANCES = {"CD": "cd", "EMD": "emd"}
SCALES = {"percent": (1e2, "%", 1), "x1e2": (1e2, "×10²", 2), "x1e3": (1e3, "×10³", 2), "raw": (1.0, "", 1)}
# Rows of which kind stand beside which task.
KINDS = {"unconditional": "generation", "class-guided": "generation"}
MOST = 1000  # lines; each may have a column of its own, which is a cell in the rows of all others
NOTES = (
    "Numbers of other data, other numbers of shapes and other protocols: beside ours, not against them; so nothing is "
    "shaded or bold here. Ours are of the kinds of data that their line names, not of ShapeNet.",
    *MARKS.values(),
)

Entry = Mapping[str, str]


def read_published(path: Path) -> list[Entry]:
    """The lines of published.csv.

    Raises : FileNotFoundError, or ValueError for a file that is no CSV in UTF-8, with other columns, or a mark of
        provenance that is unknown
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; name the CSV of published rows, or leave it out")
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            columns = tuple(reader.fieldnames or ())
            entries: list[Entry] = list(reader)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no CSV in UTF-8 ({error}); mend it, or leave it out") from error
    if columns != FIELDS:
        raise ValueError(f"{path} is no table of published rows: its columns must be {', '.join(FIELDS)}")
    if len(entries) > MOST:
        raise ValueError(f"{path} has {len(entries):,} lines, more than {MOST:,}; leave some out")
    if any(None in entry or None in entry.values() for entry in entries):
        raise ValueError(f"{path}: a line has more or fewer fields than its {len(FIELDS)} columns; mend it")
    wrong = next((entry for entry in entries if entry["provenance"] not in MARKS), None)
    if wrong:
        raise ValueError(f"{path}: provenance {wrong['provenance']!r} of {wrong['method']} is not one of P, T, S")
    return entries


def published_tables(entries: Sequence[Entry], runs: Sequence[Run]) -> list[Table]:
    """A table a task: ours first where a metric is the same, then each published method with its mark and source."""
    return [
        _table(task, [entry for entry in entries if entry["task"] == task], runs)
        for task in dict.fromkeys(entry["task"] for entry in entries)
    ]


def _table(task: str, entries: Sequence[Entry], runs: Sequence[Run]) -> Table:
    columns = list(dict.fromkeys(_column_of(entry) for entry in entries))
    beside = [(run, row) for run in runs for row in run.rows if row.kind == KINDS.get(task) and not row.role]
    lines = [_ours(run, row, columns) for run, row in beside]
    ours = [line for line in lines if any(cell.text for cell in line[3:-1])]
    theirs: dict[tuple[str, ...], dict[tuple[str, str, str], str]] = {}
    for entry in entries:
        line = theirs.setdefault(tuple(entry[key] for key in ("method", "category", "provenance", "source")), {})
        line[_column_of(entry)] = entry["value"]
    return Table(
        caption=f"Published, {task}",
        header=[Cell("method"), Cell("data"), Cell("known by"), *map(_head, columns), Cell("source")],
        rows=[
            *ours,
            *(
                [
                    Cell(method, end="unverified" if mark == "S" else "published"),
                    Cell(category),
                    Cell(mark, "unverified" if mark == "S" else ""),
                    *(Cell(found.get(column, "")) for column in columns),
                    Cell(source),
                ]
                for (method, category, mark, source), found in theirs.items()
            ),
        ],
        notes=NOTES,
    )


def _ours(run: Run, row: Row, columns: Iterable[tuple[str, str, str]]) -> list[Cell]:
    cells = [_own(row, *column) for column in columns]
    source = f"{row.protocol['name']} ({row.protocol['hash'][:12]}), n = {row.found}"
    return [Cell(row.title, end="here"), Cell(run.name), Cell(HERE), *cells, Cell(source)]


def _own(row: Row, metric: str, distance: str, unit: str) -> Cell:
    key = f"{METRICS.get(metric, '')}_{DISTANCES.get(distance, '')}"
    entry = row.metrics.get(key)
    if entry is None or unit not in SCALES:
        return Cell("")
    column = Column(key, metric, *SCALES[unit])
    return Cell(number(entry.value, column), f"{number(entry.low, column)} – {number(entry.high, column)}")


def _column_of(entry: Entry) -> tuple[str, str, str]:
    return entry["metric"], entry["distance"], entry["unit_scale"]


def _head(column: tuple[str, str, str]) -> Cell:
    metric, distance, unit = column
    title = metric if distance == "none" else f"{metric}-{distance}"
    arrow = ARROWS.get(DIRECTIONS.get(metric, ""), "")
    sign = SCALES[unit][1] if unit in SCALES else f"scale: {unit}"
    return Cell(f"{title} {arrow}".strip(), sign)
