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

    Raises : FileNotFoundError, or ValueError for a file without a table
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; make it first, or leave it out")
    text = path.read_text(encoding="utf-8")
    parts = list(_marked(text)) if MARK.search(text) else [("", text)]
    tables = [table for name, part in parts for table in _tables(part, CAPTIONS.get(name, name) or path.stem)]
    if not tables:
        raise ValueError(f"{path} holds no table; name a file that argus3d-eval table wrote, or a README with marks")
    return tables


def _marked(text: str) -> Iterator[tuple[str, str]]:
    begun: dict[str, int] = {}
    for mark in MARK.finditer(text):
        name = mark["name"]
        if mark["edge"] == "begin":
            begun[name] = mark.end()
        elif name in begun and name != RESULTS:
            yield name, text[begun.pop(name) : mark.start()]


def _tables(text: str, caption: str) -> Iterator[Table]:
    """Tables of a text: a line in bold names the one after it, other lines are notes of the one before or after."""
    rows: list[list[Cell]] = []
    notes: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines = paragraph.splitlines()
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
    found = re.fullmatch(r"(?P<text>.*?)(<br><sub>(?P<below>.*)</sub>)?", text)
    assert found, "the pattern takes any line"
    bold = found["text"].startswith("**")
    return Cell(_plain(found["text"].strip("*") if bold else found["text"]), _plain(found["below"] or ""), bold)


def _plain(text: str) -> str:
    """Text without the marks of Markdown."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(text.removeprefix("- ").split()))
    return re.sub(r"\\([|*`_])", r"\1", re.sub(r"(?<!\\)`", "", text)).replace("&lt;", "<")
