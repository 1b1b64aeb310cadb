"""Sweeps as figures: a line of panels a sweep, a metric against what is swept, with its intervals."""

import math
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eval.report.columns import ARROWS, Column
from eval.report.style import GENERATOR_COLOURS, GRID_COLOUR, OTHER_COLOUR, picture, words
from eval.report.sweeps import Sweep

WIDE = 8.0  # times from the least to the largest place on an axis from which on it is drawn logarithmically


def sweeps_figure(sweeps: Sequence[Sweep], suffix: str = ".png") -> bytes:
    """A picture of sweeps; the same bytes for the same ones.

    Raises : ValueError for a suffix other than .png, .svg, .pdf
    """
    across = max(len(sweep.columns) for sweep in sweeps)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(sweeps), across, squeeze=False)
        for sweep, panels in zip(sweeps, axes, strict=True):
            panels[0].set_ylabel(textwrap.fill(words(sweep.title), 26), fontsize=7)
            for panel in panels[len(sweep.columns) :]:
                panel.set_axis_off()
            for column, panel in zip(sweep.columns, panels, strict=False):
                _panel(panel, sweep, column)
        protocol = sweeps[0].rows[0].protocol
        name, share = words(protocol["name"]), f"{protocol['confidence']:.0%}"
        said = f"protocol {name}, {share} intervals; dotted: a perfect generator"
        figure.supxlabel(said, fontsize=7, color=OTHER_COLOUR)

    return picture((2.4 * across + 0.4, 2.1 * len(sweeps) + 0.3), draw, suffix)


def _panel(panel: Axes, sweep: Sweep, column: Column) -> None:
    steps = [step for step in sweep.steps if column.key in step.row.metrics]
    numbers = not any(math.isnan(step.value) for step in sweep.steps)
    places = [step.value for step in steps] if numbers else [float(sweep.steps.index(step)) for step in steps]
    entries = [step.row.metrics[column.key] for step in steps]
    colour = GENERATOR_COLOURS[0]
    for place, entry in zip(places, entries, strict=True):
        if not math.isnan(entry.low) and not math.isnan(entry.high):
            panel.vlines([place], entry.low * column.scale, entry.high * column.scale, color=colour, linewidth=1.4)
    line = "-" if numbers else "none"
    values = [entry.value * column.scale for entry in entries]
    panel.plot(places, values, linestyle=line, marker="o", markersize=4, color=colour)
    if entries[0].ideal is not None:
        panel.axhline(entries[0].ideal * column.scale, color="black", linewidth=0.8, linestyle=":")
    if numbers and min(places) > 0 and max(places) >= WIDE * min(places):
        panel.set_xscale("log")
    if not numbers:
        panel.set_xlim(-0.5, len(sweep.steps) - 0.5)
    panel.set_xticks(places, [words(step.label) for step in steps])
    panel.minorticks_off()
    said = [words(column.title), column.sign, ARROWS[entries[0].direction]]
    panel.set_title(" ".join(word for word in said if word), fontsize=8, fontweight="bold")
    panel.set_xlabel(words(sweep.axis), fontsize=7)
    panel.grid(axis="y", color=GRID_COLOUR, linewidth=0.5)
    panel.set_axisbelow(True)
