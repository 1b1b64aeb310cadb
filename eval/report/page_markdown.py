"""Tables in Markdown, read back: those that commands wrote, to a file of their own or between marks of a README."""

import re
from collections.abc import Iterator
from pathlib import Path

from eval.report.markup import Cell, Table
from eval.report.tables import BEGIN

MARK = re.compile(r"<!-- (?P<name>[\w-]+):(?P<edge>begin|end) -->")
RESULTS = "table"  # marks the tables of results, which the page makes anew from result files
CAPTIONS = {
    "cost": "What generating costs",
    "metrics-cost": "What measuring costs",
    "data-cost": "What preparing data costs",
    "coverage": "How often intervals hold the mean",
}
assert MARK.fullmatch(BEGIN), "the page knows the marks that tables are put between"


def read_tables(path: Path) -> list[Table]:
    """The tables of a Markdown file, in order; of a file with marks those between them, but not the result tables.

    Raises : FileNotFoundError, or ValueError for a file without a table, in no UTF-8, or with rows of other lengths
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; make it first, or leave it out")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 ({error}); name a file of Markdown") from error
    parts = list(_marked(text)) if MARK.search(text) else [("", text)]
    tables = [table for name, part in parts for table in _tables(part, CAPTIONS.get(name, name) or path.stem)]
    if any(len(row) != len(table.header) for table in tables for row in table.rows):
        raise ValueError(f"{path}: a row of a table has more or fewer cells than its header; make the table again")
    if not tables:
        raise ValueError(f"{path} holds no table; name a file that argus3d-eval table wrote, or a README with marks")
    return tables


def _marked(text: str) -> Iterator[tuple[str, str]]:
    begun, start = "", 0
    for mark in MARK.finditer(text):
        if mark["edge"] == "begin":
            begun, start = mark["name"], mark.end()
        elif mark["name"] == begun:
            if begun != RESULTS:
                yield begun, text[start : mark.start()]
            begun = ""


def _tables(text: str, caption: str) -> Iterator[Table]:
    """Tables of a text: a line in bold names the one after it, other lines are notes of the one before or after."""
    rows: list[list[Cell]] = []
    notes: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines = paragraph.splitlines() or [""]
        title = re.fullmatch(r"\*\*(.+)\*\*", paragraph.strip())
        if lines[0].startswith("|") and not rows:
            rows = [_cells(line) for line in lines if not re.fullmatch(r"[|:\s-]+", line) or line == lines[0]]
        elif title or lines[0].startswith("|"):
            if rows:
                yield Table(caption, rows[0], rows[1:], notes)
                rows, notes = [], []
            if title:
                caption = _plain(title[1])
            else:
                rows = [_cells(line) for line in lines if not re.fullmatch(r"[|:\s-]+", line)]
        else:
            notes += [_plain(note) for note in re.split(r"\n(?=- )", paragraph)]
    if rows:
        yield Table(caption, rows[0], rows[1:], notes)


def _cells(line: str) -> list[Cell]:
    return [_cell(text.strip()) for text in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))]


def _cell(text: str) -> Cell:
    above, mark, below = text.removesuffix("</sub>").partition("<br><sub>")
    if not mark or not text.endswith("</sub>"):
        above, below = text, ""
    bold = above.startswith("**")
    return Cell(_plain(above.strip("*") if bold else above), _plain(below), bold)


def _plain(text: str) -> str:
    """Text without the marks of Markdown."""
    # Neither part may hold what begins it: else each bracket that is never closed would be sought to the end.
    text = re.sub(r"\[([^\[\]]*)\]\([^()]*\)", r"\1", " ".join(text.removeprefix("- ").split()))
    return re.sub(r"\\([|*`_])", r"\1", re.sub(r"(?<!\\)`", "", text)).replace("&lt;", "<")
