"""Result files to a figure: a small panel a metric, rows as points with their intervals."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eval.report.columns import ARROWS, GENERATION, Column, any_has, measured
from eval.report.rows import Row, Value
from eval.report.style import GENERATOR_COLOURS, GRID_COLOUR, MARKER_COLOURS, OTHER_COLOUR, picture, words

# Values as far apart as floor and ceiling of these metrics share a panel only on a logarithmic scale.
LOGARITHMIC = "ecd_"


def metrics_figure(rows: Sequence[Row], suffix: str = ".png") -> bytes:
    """A picture of all generation metrics; the same bytes for the same rows.

    rows : of kind "generation", drawn from top to bottom; bands show the intervals of floor and ceiling
    Raises : ValueError for no such rows, or a suffix other than .png, .svg, .pdf
    """
    drawn = [row for row in rows if row.kind == "generation"]
    if not drawn:
        raise ValueError("no result of kind generation among the rows; there is nothing to draw")
    blocks = [GENERATION[name] for name in measured(drawn)]
    shown = [place for place in range(len(blocks[0])) if any(any_has(drawn, block[place]) for block in blocks)]
    lines = [[block[place] for place in shown] for block in blocks]

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(lines), len(lines[0]), sharey=True, squeeze=False)
        for line, panels in zip(lines, axes, strict=True):
            for column, panel in zip(line, panels, strict=True):
                _panel(panel, column, drawn)
        protocol = drawn[0].protocol
        figure.supxlabel(
            f"protocol {words(protocol['name'])}, {protocol['confidence']:.0%} intervals; bands: floor and ceiling; "
            "dotted: a perfect generator",
            fontsize=7,
            color=OTHER_COLOUR,
        )

    return picture((11, len(lines) * (0.75 + 0.24 * len(drawn))), draw, suffix)


def _panel(panel: Axes, column: Column, rows: Sequence[Row]) -> None:
    found = [(place, row, row.metrics[column.key]) for place, row in enumerate(rows) if column.key in row.metrics]
    if not found:
        panel.set_axis_off()
        return
    if column.key.startswith(LOGARITHMIC) and all(entry.value > 0 for _, _, entry in found):
        panel.set_xscale("log")
    colours = _colours(rows)
    for place, row, entry in found:
        if row.name in MARKER_COLOURS:
            _band(panel, entry, column.scale, colours[row.name])
        _point(panel, place, entry, column.scale, colours[row.name], hollow=bool(row.role))
    _dress(panel, column, rows, found[0][2])


def _dress(panel: Axes, column: Column, rows: Sequence[Row], entry: Value) -> None:
    """Titles, names of the rows, and the ideal where there is one."""
    if entry.ideal is not None:
        panel.axvline(entry.ideal * column.scale, color="black", linewidth=0.8, linestyle=":")
    better = {"lower": "lower is better", "higher": "higher is better", "towards": f"best at {_ideal(entry, column)}"}
    said = [column.title, column.sign, ARROWS[entry.direction]]
    panel.set_title(" ".join(word for word in said if word), fontsize=9, fontweight="bold")
    panel.set_xlabel(better[entry.direction], fontsize=7, color=OTHER_COLOUR)
    panel.set_yticks(range(len(rows)), [words(row.title) for row in rows])
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.tick_params(axis="y", length=0)
    panel.grid(axis="x", color=GRID_COLOUR, linewidth=0.5)
    panel.set_axisbelow(True)


def _ideal(entry: Value, column: Column) -> str:
    return "" if entry.ideal is None else f"{entry.ideal * column.scale:g}"


def _point(panel: Axes, place: int, entry: Value, scale: float, colour: str, hollow: bool) -> None:
    if not math.isnan(entry.low) and not math.isnan(entry.high):
        panel.hlines([place], entry.low * scale, entry.high * scale, color=colour, linewidth=1.6)
    face = "white" if hollow else colour
    panel.plot([entry.value * scale], [place], marker="o", markersize=5, color=colour, markerfacecolor=face)


def _band(panel: Axes, entry: Value, scale: float, colour: str) -> None:
    if math.isnan(entry.low) or math.isnan(entry.high):
        return
    panel.axvspan(entry.low * scale, entry.high * scale, color=colour, alpha=0.13, linewidth=0)


def _colours(rows: Sequence[Row]) -> dict[str, str]:
    generators = [row.name for row in rows if not row.role]
    own = {name: GENERATOR_COLOURS[place % len(GENERATOR_COLOURS)] for place, name in enumerate(generators)}
    return {row.name: own.get(row.name, MARKER_COLOURS.get(row.name, OTHER_COLOUR)) for row in rows}
