"""What moves the metrics, as tables: one over all choices, and one a choice."""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from argus3d.data.files import write_atomically
from eval.report.cells import exact, plain
from eval.report.columns import ARROWS, GENERATION, JSD, Column, of_network
from eval.report.markup import Cell, Table, latex, markdown
from eval.report.sensitivity_file import require_pair

SCHEMA = 1
KNOWN = {column.key: column for block in (*GENERATION.values(), (JSD,)) for column in block}
CSV_HEADER = [
    "pair", "n", "choice", "usual", "alternative", "kind", "metric", "usual_value", "value", "change", "low", "high",
    "change_is", "protocol", "hash",
]  # fmt: skip
HOW = {
    "paired": "Below each change its interval, of the change itself, on the same shapes.",
    "drawn": "The mean change of sets drawn at random from these; below it where {share} of such sets fall.",
    "exchanged": "Nothing but what was drawn differs: {share} of draws differ from each other by no more than this.",
}
CLEAR = "Bold: the interval is clear of no change; of twenty where nothing changes, one is."


def write(content: Mapping[str, Any], base: str) -> None:
    """Write `base`.md, .csv and .tex of what `argus3d-eval table --sensitivity` measured."""
    found = [table for pair in content["pairs"] for table in sensitivity_tables(pair)]
    write_atomically(Path(base + ".csv"), csv_text(content["pairs"]).encode())
    write_atomically(Path(base + ".tex"), "\n".join(latex(table) for table in found).encode())
    write_atomically(Path(base + ".md"), "\n".join(markdown(table) for table in found).encode())


def read_pairs(path: Path) -> list[Mapping[str, Any]]:
    """The pairs of sets in a file that `argus3d-eval table --sensitivity` wrote.

    Raises : FileNotFoundError, or ValueError for another file
    """
    try:
        content = json.loads(path.read_bytes())
        if content["kind"] != "sensitivity" or content["schema"] != SCHEMA:
            raise ValueError(f"kind {content['kind']!r}, schema {content['schema']!r}")
        if not isinstance(content["pairs"], list) or not content["pairs"]:
            raise ValueError("its pairs are no list")
        for pair in content["pairs"]:
            require_pair(pair, KNOWN)
        return content["pairs"]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"{path} is no measurement of sensitivity of schema {SCHEMA} ({error}); measure again"
        ) from error


def sensitivity_tables(pair: Mapping[str, Any]) -> list[Table]:
    """Tables of one pair of sets: the largest change of each choice, then each choice."""
    return [overview(pair), *(choice_table(pair, choice) for choice in pair["choices"])]


def overview(pair: Mapping[str, Any]) -> Table:
    """A row a choice: by how much the alternative that moves a metric farthest moves it, and which that is."""
    columns = columns_of(pair["metrics"], [key for choice in pair["choices"] for key in keys_of(choice)])
    usual = [Cell("by the protocol"), *(Cell(_number(pair["metrics"].get(column.key), column)) for column in columns)]
    rows = [
        [Cell(choice["title"]), *(_farthest(choice, column.key) for column in columns)] for choice in pair["choices"]
    ]
    return Table(
        caption=f"What moves the metrics: {pair['name']}, {pair['size']} shapes a set",
        header=_header(pair, columns),
        rows=[usual, *rows],
        notes=[
            "Each row makes one choice otherwise and leaves all else; shown is the change by the alternative that "
            "moves the metric farthest, named below it. Rows with ± are chance: by how much other draws differ.",
            f"{CLEAR} COV and 1-NNA change by points of percent, ECD by its own units, MMD, JSD and Fréchet distance "
            "by a factor.",
            _protocol(pair),
            *pair["notes"],
        ],
    )


def choice_table(pair: Mapping[str, Any], choice: Mapping[str, Any]) -> Table:
    """A row an alternative: the change of each metric, with its interval."""
    columns = columns_of(pair["metrics"], keys_of(choice))
    kind = choice["kind"]
    usual = [Cell(choice["usual"], "" if kind == "exchanged" else "by the protocol")]
    own = choice["alternatives"][0]["changes"] if kind == "exchanged" else pair["metrics"]
    usual += [Cell(_number(own.get(column.key), column)) for column in columns]
    rows = [
        [Cell(entry["label"]), *(change_cell(entry["changes"].get(column.key), column.key, kind) for column in columns)]
        for entry in choice["alternatives"]
    ]
    share = f"{pair['protocol']['confidence']:.0%}"
    bold = [CLEAR] if kind == "paired" else []
    return Table(
        caption=f"{choice['title'][:1].upper()}{choice['title'][1:]}: {pair['name']}, {pair['size']} shapes a set",
        header=[Cell(choice["title"]), *_header(pair, columns)[1:]],
        rows=[usual, *rows],
        notes=[" ".join([HOW[kind].format(share=share), *bold]), _protocol(pair)],
    )


def csv_text(pairs: Sequence[Mapping[str, Any]]) -> str:
    """One line a change, unscaled."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for pair in pairs:
        protocol = [plain(pair["protocol"]["name"]), plain(pair["protocol"]["hash"])]
        for choice, label, key, change in _changes(pair):
            usual = pair["metrics"].get(key, {}).get("value")
            numbers = [usual, *(change[part] for part in ("value", "change", "low", "high"))]
            words = [plain(text) for text in (choice["key"], choice["usual"], label, choice["kind"], key)]
            head = [plain(pair["name"]), pair["size"], *words]
            said = ["factor" if change["factor"] else "difference", *protocol]
            writer.writerow([*head, *("" if value is None else exact(value) for value in numbers), *said])
    return text.getvalue()


def keys_of(choice: Mapping[str, Any]) -> list[str]:
    """Metrics that a choice touches."""
    return list(dict.fromkeys(key for entry in choice["alternatives"] for key in entry["changes"]))


def columns_of(metrics: Mapping[str, Any], keys: Sequence[str]) -> list[Column]:
    """Columns of some metrics, in the order of tables of results."""
    order = [*KNOWN, *sorted(metrics)]
    columns = [KNOWN[key] if key in KNOWN else of_network(key) for key in dict.fromkeys(keys)]
    return sorted(columns, key=lambda column: order.index(column.key))


def change_cell(change: Mapping[str, Any] | None, key: str, kind: str) -> Cell:
    """A change, below it its interval or range."""
    if change is None or change["change"] is None:
        return Cell("—")
    if kind == "exchanged":
        return Cell(_reach(change, key))
    text = _moved(change["change"], key, change["factor"])
    if change["low"] is None or change["high"] is None:
        return Cell(text)
    low, high = (_moved(change[end], key, change["factor"]) for end in ("low", "high"))
    interval = "" if low == high == text else f"{low} to {high}"  # of a change of scale alone
    return Cell(text, interval, kind == "paired" and clear(change))


def clear(change: Mapping[str, Any]) -> bool:
    """Whether the interval of a change does not hold "no change"."""
    none = 1.0 if change["factor"] else 0.0
    if change["low"] is None or change["high"] is None:
        return False
    return not change["low"] <= none <= change["high"]


def _farthest(choice: Mapping[str, Any], key: str) -> Cell:
    """The largest change of a metric by any alternative."""
    found = [(entry["label"], entry["changes"].get(key)) for entry in choice["alternatives"]]
    there = [(label, change) for label, change in found if change and change["change"] is not None]
    if not there:
        return Cell("")
    label, change = max(there, key=lambda entry: _size(entry[1]))
    cell = change_cell(change, key, choice["kind"])
    return Cell(cell.text, "" if choice["kind"] == "exchanged" else label, cell.bold)


def _size(change: Mapping[str, Any]) -> float:
    return abs(math.log(change["change"])) if change["factor"] else abs(change["change"])


def _reach(change: Mapping[str, Any], key: str) -> str:
    if change["high"] is None:
        return "—"
    return f"×/÷ {change['high']:.2f}" if change["factor"] else f"± {_points(change['high'], key)}"


def _moved(change: float, key: str, factor: bool) -> str:
    """A change as it is printed: points of percent, differences of ECD, or a factor."""
    if factor:
        return f"×{change:.2f}" if change < 100 else f"×{change:,.0f}"
    text = _points(abs(change), key)
    if float(text.replace(",", "")) == 0:
        return text
    return f"{'+' if change > 0 else '−'}{text}"


def _points(change: float, key: str) -> str:
    return f"{change:,.1f}" if key.startswith("ecd") else f"{100 * change:.1f}"


def _header(pair: Mapping[str, Any], columns: Sequence[Column]) -> list[Cell]:
    """Names of metrics, below them how a change is given."""
    cells, factors = [Cell("choice")], {key for _, _, key, change in _changes(pair) if change["factor"]}
    for column in columns:
        direction = pair["metrics"].get(column.key, {}).get("direction")
        sign = column.sign if column.key in factors else ""
        given = "factor" if column.key in factors else "" if column.key.startswith("ecd") else "points"
        cells.append(
            Cell(f"{column.title} {ARROWS.get(direction, '')}".strip(), ", ".join(filter(None, [sign, given])))
        )
    return cells


def _number(entry: Mapping[str, Any] | None, column: Column) -> str:
    if entry is None or entry["value"] is None:
        return "—"
    return f"{entry['value'] * column.scale:,.{column.decimals}f}"


def _protocol(pair: Mapping[str, Any]) -> str:
    protocol = pair["protocol"]
    return (
        f"Protocol {protocol['name']} ({protocol['hash'][:12]}) but for the choice named; {pair['generated']} against "
        f"{pair['reference']}."
    )


def _changes(pair: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str, str, Mapping[str, Any]]]:
    for choice in pair["choices"]:
        for entry in choice["alternatives"]:
            for key, change in entry["changes"].items():
                yield choice, entry["label"], key, change
