"""What moves the metrics, as a figure: a panel a metric, a line an alternative, its change with its interval."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eval.report.columns import Column
from eval.report.sensitivity_tables import clear, columns_of, keys_of
from eval.report.style import GENERATOR_COLOURS, GRID_COLOUR, OTHER_COLOUR, picture, words

SHOWN = ("cov", "one_nna", "mmd")  # metrics of distances
GAP = 0.7  # between choices, in lines
WIDEST = 3.0  # factors beyond it stand at the border: changes of unit, which say nothing of shapes

Line = tuple[str, str, Mapping[str, Any]]  # label, kind, changes by metric


def sensitivity_figure(pair: Mapping[str, Any], suffix: str = ".png") -> bytes:
    """A picture of one pair that `argus3d-eval table --sensitivity` measured; the same bytes for the same numbers.

    Raises : ValueError for a suffix other than .png, .svg, .pdf, or no choice that moves a metric which is drawn
    """
    lines, places, ticks = _lines(pair["choices"])
    if not lines:
        raise ValueError(f"no choice of {pair['name']} moves {', '.join(SHOWN)}; there is nothing to draw")
    keys = [key for choice in pair["choices"] for key in keys_of(choice) if key.startswith(SHOWN)]
    columns = columns_of(pair["metrics"], keys)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
        for panel, column in zip(panels, columns, strict=True):
            _panel(panel, lines, places, column)
        panels[0].set_yticks([place for place, _ in ticks], [words(label) for _, label in ticks])
        for tick, (place, _) in zip(panels[0].get_yticklabels(), ticks, strict=True):
            tick.set_fontweight("normal" if place in places else "bold")
        panels[0].set_ylim(places[-1] + 1, 0)
        said = (
            f"{words(pair['name'])}, {pair['size']} shapes a set, protocol {words(pair['protocol']['name'])}; lines: "
            f"{pair['protocol']['confidence']:.0%} intervals of the change, grey: what other draws differ by"
        )
        figure.supxlabel(said, fontsize=7, color=OTHER_COLOUR)

    return picture((2.2 + 1.55 * len(columns), 0.8 + 0.17 * places[-1]), draw, suffix)


def _lines(choices: Sequence[Mapping[str, Any]]) -> tuple[list[Line], list[float], list[tuple[float, str]]]:
    """Lines from top to bottom, their places, and place and text of them and of the choices above them."""
    lines: list[Line] = []
    places: list[float] = []
    ticks: list[tuple[float, str]] = []
    place = 0.0
    for choice in choices:
        if not any(key.startswith(SHOWN) for key in keys_of(choice)):
            continue
        place += GAP + 1
        usual = "" if choice["kind"] == "exchanged" else f", in place of {choice['usual']}"
        ticks.append((place, f"{choice['title']}{usual}"))
        for entry in choice["alternatives"]:
            place += 1
            lines.append((entry["label"], choice["kind"], entry["changes"]))
            places.append(place)
            ticks.append((place, entry["label"]))
    return lines, places, ticks


def _panel(panel: Axes, lines: Sequence[Line], places: Sequence[float], column: Column) -> None:
    factor = any(changes[column.key]["factor"] for _, _, changes in lines if column.key in changes)
    panel.axvline(1.0 if factor else 0.0, color="black", linewidth=0.8, linestyle=":")
    for place, (_, kind, changes) in zip(places, lines, strict=True):
        change = changes.get(column.key)
        if change is not None and change["change"] is not None:
            _mark(panel, place, kind, change)
    if factor:
        panel.set_xscale("log")
        panel.set_xlim(1 / WIDEST, WIDEST)
        panel.set_xticks([0.5, 1.0, 2.0], ["×½", "×1", "×2"])
        panel.minorticks_off()
    panel.set_title(words(column.title), fontsize=8, fontweight="bold")
    panel.set_xlabel("factor" if factor else "points of %", fontsize=7)
    panel.grid(axis="x", color=GRID_COLOUR, linewidth=0.5)
    panel.set_axisbelow(True)
    panel.tick_params(axis="y", length=0)


def _mark(panel: Axes, place: float, kind: str, change: Mapping[str, Any]) -> None:
    """One change: a dot with its interval, filled where it is clear of none; chance as a grey bar."""
    scale = 1.0 if change["factor"] else 100.0
    known = change["low"] is not None and change["high"] is not None
    ends = [scale * change[end] for end in ("low", "high")] if known else []
    if kind == "exchanged":
        if ends:
            panel.hlines([place], *ends, color="#bbbbbb", linewidth=5)
        return
    colour = GENERATOR_COLOURS[0] if kind == "paired" else OTHER_COLOUR
    value = scale * change["change"]
    if change["factor"] and not 1 / WIDEST < value < WIDEST:
        said = f"×{value:,.0f}" if value > 1 else f"×{value:.2f}"
        at, side = (WIDEST, "right") if value > 1 else (1 / WIDEST, "left")
        panel.text(at, place, said, ha=side, va="center", fontsize=6, color=colour)
        return
    if ends and not math.isclose(*ends):
        panel.hlines([place], *ends, color=colour, linewidth=1.2)
    filled = kind == "paired" and clear(change)
    panel.plot([value], [place], "o", markersize=3.5, color=colour, markerfacecolor=colour if filled else "white")
