"""Training logs to a figure: what was validated, against the time spent."""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from argus3d.data.files import is_text
from eval.outputs import demand_apart
from eval.report.style import GENERATOR_COLOURS, GRID_COLOUR, picture, words, write_pictures

NOT_CURVES = ("step", "seconds", "threshold", "loss", "commitment", "occupancy", "restarts")
# Of the run itself rather than of what it learned; orders of magnitude apart, so on a logarithmic scale of their own.
COURSE = ("learning_rate", "gradient_norm", "perplexity", "steps_per_second")
GAIN = "validation_gain_"  # of conditions, in hundredths of what the losses are
LARGEST = 1 << 53  # whole numbers that are exact as real ones
MOST = 60  # curves of a log: more are not told apart
COLOURS = (*GENERATOR_COLOURS, "#D55E00", "#000000", "#999999")


def main(argv: Sequence[str]) -> int:
    """`argus3d-eval curves`: draw what training logs say of validation and loss."""
    parser = argparse.ArgumentParser(prog="argus3d-eval curves", description="Learning curves of training logs.")
    parser.add_argument("logs", nargs="+", type=Path, metavar="LOG", help="log.jsonl of a training; a panel each")
    parser.add_argument("--out", type=Path, nargs="+", required=True, help="a .png, .svg or .pdf, or several")
    arguments = parser.parse_args(argv)
    demand_apart(arguments.out, arguments.logs)
    logs: dict[str, list[dict[str, Any]]] = {}
    for path in arguments.logs:
        name = path.absolute().parent.name if path.stem == "log" else path.stem
        if name in logs:
            raise ValueError(f"two logs are called {name}; give them names of their own")
        logs[name] = read_log(path)
    write_pictures(arguments.out, lambda suffix: curves_figure(logs, suffix))
    return 0


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a training log.

    Raises : ValueError for a file without lines, with one that is no object of numbers and says no seconds, or whose
        last tells of nothing that is drawn, or of too much
    """
    lines: list[dict[str, Any]] = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            lines.append(_read_line(line))
    except (ValueError, RecursionError) as error:
        place = f"line {len(lines) + 1}: {error}"
        raise ValueError(f"{path} is no training log ({place}); give the log.jsonl of a training") from error
    if not lines:
        raise ValueError(f"{path} is empty; the training has not validated yet")
    count = sum(len(curves(lines)) for curves in (_learned, _gains, _course))
    if not 0 < count <= MOST:
        raise ValueError(f"{path}: its last line has {count:,} curves, and 1 to {MOST} can be drawn; leave some out")
    return lines


def _read_line(text: str) -> dict[str, Any]:
    line = json.loads(text)
    if not isinstance(line, dict) or not all(map(is_text, line)):
        raise ValueError("it is no object of numbers by name")
    odd = next((key for key, value in line.items() if not _is_number(value)), None)
    if odd is not None:
        raise ValueError(f"its {odd} is no number")
    seconds = line.get("seconds")
    if seconds is None or not math.isfinite(seconds):
        raise ValueError("it says no seconds")
    return line


def _is_number(value: Any) -> bool:
    """Of what is drawn; NaN is what a training that went astray has, and null nothing."""
    return value is None or isinstance(value, float) or (type(value) is int and abs(value) < LARGEST)


def points(lines: list[dict[str, Any]], curve: str) -> tuple[list[float], list[float]]:
    """Minutes of training, and what a curve is at each: nan where a line does not say."""
    found = [line.get(curve) for line in lines]
    return [line["seconds"] / 60 for line in lines], [math.nan if value is None else float(value) for value in found]


def curves_figure(logs: dict[str, list[dict[str, Any]]], suffix: str = ".png") -> bytes:
    """A picture with a column a log: what it learned; below, where the log tells it, what conditions gain; the course.

    The same bytes for the same logs.

    Raises : ValueError for a suffix other than .png, .svg, .pdf
    """
    rows = [row for row in (_learned, _gains, _course) if row is _learned or any(map(row, logs.values()))]

    def draw(figure: Figure) -> None:
        heights = [2] + [1] * (len(rows) - 1)
        panels = figure.subplots(len(rows), len(logs), squeeze=False, sharex="col", height_ratios=heights)
        for column, (name, lines) in enumerate(logs.items()):
            told = [curves(lines) for curves in rows]
            for panel, curves in zip(panels[:, column], told, strict=True):
                _draw(panel, lines, curves)
                if curves and curves[0] in COURSE:
                    panel.set_yscale("log")
            panels[0, column].set_title(words(name.replace("-", " ")), loc="left", fontsize=8, pad=3)
            panels[max(row for row, curves in enumerate(told) if curves), column].set_xlabel("minutes of training")

    return picture((3.6 * len(logs), 1 + 1.6 * len(rows)), draw, suffix, dpi=200)


def _draw(panel: Axes, lines: list[dict[str, Any]], curves: list[str]) -> None:
    for index, curve in enumerate(curves):
        style = "-" if index < len(COLOURS) else ":"
        label, colour = words(curve.replace("_", " ")), COLOURS[index % len(COLOURS)]
        panel.plot(*points(lines, curve), style, color=colour, label=label)
    if not curves:
        panel.set_axis_off()
        return
    panel.grid(axis="y", color=GRID_COLOUR, linewidth=0.6)
    panel.legend(frameon=False, fontsize=6.5, loc="lower left", bbox_to_anchor=(-0.1, 1.1), ncols=2, borderpad=0)


def _learned(lines: list[dict[str, Any]]) -> list[str]:
    return [key for key in lines[-1] if key not in (*NOT_CURVES, *COURSE) and not key.startswith(GAIN)]


def _gains(lines: list[dict[str, Any]]) -> list[str]:
    return [key for key in lines[-1] if key.startswith(GAIN)]


def _course(lines: list[dict[str, Any]]) -> list[str]:
    return [key for key in COURSE if key in lines[-1]]
