"""Tables as the page shows them: what columns sort by, and where numbers lie between the rows that end their scale."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eval.report.columns import ARROWS
from eval.report.markup import Cell, Table
from eval.report.metrics_figure import LOGARITHMIC
from eval.report.rows import Value

MEANINGS = {"lower": "lower is better", "higher": "higher is better", "towards": "nearer to the ideal is better"}
# A number by itself, or of how many, or in per cent; numbers with units, which may differ down a column, are words.
NUMBER = re.compile(r"(?P<number>[-−+]?[\d,]*\.?\d+(e[-+]?\d+)?)( of [\d,]+| ?%)?", re.IGNORECASE)
NOTHING = ("", "—", "∞")
LONG = 40  # characters from which on a column of words needs room
WIDE = 16  # characters of a title from which on it may take several lines


@dataclass(frozen=True)
class Head:
    """A column's title.

    meaning : its direction in words, "" where it has none
    style : "" for numbers, "words", or "words long"; and "wide" for long titles
    """

    title: str
    arrow: str
    meaning: str
    below: str
    style: str


@dataclass(frozen=True)
class Field:
    """A cell; `order` and `loss` are what it sorts by, "" where nothing is to be sorted.

    order : the number behind the text, unscaled where it is a metric's
    loss : the same on a scale where lower is better
    place : on the way from floor to ceiling, in %, None where there is no such way
    holds_ideal : whether the interval holds the value of a perfect generator
    style : of its column
    """

    text: str
    below: str
    bold: bool
    key: str
    order: str
    loss: str
    place: str | None
    holds_ideal: bool
    style: str


@dataclass(frozen=True)
class Line:
    """A row; `end` is that of its first cell."""

    end: str
    name: Cell
    fields: Sequence[Field]


@dataclass(frozen=True)
class PageTable:
    """A table ready for the page; `id` is unique there."""

    id: str
    caption: str
    heads: Sequence[Head]
    lines: Sequence[Line]
    notes: Sequence[str]


def page_table(table: Table, table_id: str) -> PageTable:
    """A table with what sorting and shading need."""
    places = range(len(table.header))
    ends, styles = [_ends(table, place) for place in places], [_style(table, place) for place in places]
    lines = [
        Line(
            row[0].end,
            row[0],
            [_field(row[0].end, row[place], ends[place], styles[place]) for place in places if place],
        )
        for row in table.rows
    ]
    heads = [_head(table.header[place], _direction(table, place), styles[place]) for place in places]
    notes = [note for note in table.notes if note]
    return PageTable(table_id, table.caption, heads, lines, [*notes, *_legend(lines)])


def place_between(value: Value, floor: Value, ceiling: Value, logarithmic: bool = False) -> float | None:
    """Where a value lies between two others, 0 at `floor` and 1 at `ceiling`, kept within; on scales of loss.

    returns : None where the two have no intervals, or intervals that meet: there is no way between them then
    """
    (worst, worst_low, _), (best, _, best_high) = floor.loss(), ceiling.loss()
    own = value.loss()[0]
    if not best_high < worst_low or not all(map(math.isfinite, (own, best, worst))):
        return None
    if logarithmic and min(own, best, worst) > 0:
        own, best, worst = (math.log(number) for number in (own, best, worst))
    return min(1.0, max(0.0, (worst - own) / (worst - best)))


def _legend(lines: Sequence[Line]) -> Iterator[str]:
    """What shades and bars say, where there are any."""
    if any(field.place is not None for line in lines for field in line.fields):
        floor, ceiling = (next(line.name.text for line in lines if line.end == end) for end in ("floor", "ceiling"))
        yield (
            f"Shade and bar: where a number lies on the way from {floor} (orange, no bar) to {ceiling} (blue, full "
            "bar), on a logarithmic scale for ECD; shown where the intervals of these two lie apart. Bold: better "
            "than every other generator, intervals apart."
        )


def _ends(table: Table, place: int) -> tuple[Value, Value] | None:
    """The floor's and the ceiling's value of a column, where the table has both, once each."""
    found = {
        end: [row[place].value for row in table.rows if row[0].end == end and row[place].value]
        for end in ("floor", "ceiling")
    }
    if any(len(values) != 1 for values in found.values()):
        return None
    floor, ceiling = found["floor"][0], found["ceiling"][0]
    return (floor, ceiling) if floor and ceiling else None


def _field(end: str, cell: Cell, ends: tuple[Value, Value] | None, style: str) -> Field:
    value, place = cell.value, None
    if value is not None and ends is not None and end != "apart":
        place = place_between(value, *ends, logarithmic=cell.key.startswith(LOGARITHMIC))
    ideal = value.ideal if value is not None else None
    return Field(
        text=cell.text,
        below=cell.below,
        bold=cell.bold,
        key=cell.key,
        order=_order(cell),
        loss="" if value is None else repr(value.loss()[0]),
        place=None if place is None else f"{100 * place:.0f}%",
        holds_ideal=value is not None and ideal is not None and value.low <= ideal <= value.high,
        style=style,
    )


def _order(cell: Cell) -> str:
    if cell.value is not None:
        return repr(cell.value.value)
    found = NUMBER.fullmatch(cell.text)
    return found["number"].replace(",", "").replace("−", "-") if found else ""


def _style(table: Table, place: int) -> str:
    """How a column is set: as words if any of its texts is none of a number's."""
    texts = [row[place].text for row in table.rows if row[place].text not in NOTHING]
    if all(NUMBER.fullmatch(text) for text in texts):
        return ""
    return "words long" if max(map(len, texts)) >= LONG else "words"


def _direction(table: Table, place: int) -> str:
    return next((row[place].value.direction for row in table.rows if row[place].value), "")  # type: ignore[union-attr]


def _head(cell: Cell, direction: str, style: str) -> Head:
    title, meaning, arrow = cell.text, MEANINGS.get(direction, ""), ARROWS.get(direction, "")
    title = title.removesuffix(arrow).rstrip() if arrow else title
    return Head(title, arrow, meaning, cell.below, f"{style} wide".strip() if len(title) >= WIDE else style)
