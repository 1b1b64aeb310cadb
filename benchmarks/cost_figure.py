"""What things cost against size: metrics from `bench-metrics.json`, tokens from `bench-sampling.json`.

python -m benchmarks.cost_figure reports/figures/bench-metrics.png reports/figures/bench-sampling.png
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.cost_table import RESULTS
from eval.report.style import GENERATOR_COLOURS, GRID_COLOUR, picture, write_pictures

SUBS = (1.0, 2.0, 5.0)  # marks of an axis that spans less than WIDE
WIDE = 200.0
Line = tuple[str, list[int], list[float]]


def cost_figure(report: dict[str, Any], suffix: str = ".png") -> bytes:
    """Seconds of set metrics against the number of shapes, milliseconds of a pair against that of points.

    report : of `benchmarks.metrics`, parts `cost` and `set_metrics`
    returns : the same bytes for the same report
    """
    panels = {
        "COV, MMD, 1-NNA and ECD by CD": (_against_shapes(report), "clouds a set", "seconds"),
        "one CD": (_against_points(report, "cd_ms", "pykdtree", "cd_pykdtree_ms"), "points a cloud", "ms"),
        "one EMD, gap 0.001": (_against_points(report, "emd_ms", "POT", "emd_pot_ms"), "points a cloud", "ms"),
    }
    return _picture(panels, suffix)


def speed_figure(report: dict[str, Any], suffix: str = ".png") -> bytes:
    """Seconds a shape and tokens a second against the batch.

    report : of `benchmarks.sampling`, part `nano`
    returns : the same bytes for the same report
    """
    rows = sorted(
        (row for row in report["nano"].values() if row.get("what") == "tokens"), key=lambda row: int(row["batch_size"])
    )
    batches = [row["batch_size"] for row in rows]
    shape = [
        ("measured", batches, [row["seconds_per_shape"] for row in rows]),
        ("if memory were all", batches, [row["floor_seconds_per_shape"] for row in rows]),
    ]
    tokens = [("measured", batches, [row["tokens_per_second"] for row in rows])]
    return _picture(
        {
            f"{rows[0]['tokens']} tokens of nano": (shape, "shapes in a batch", "seconds a shape"),
            "tokens written": (tokens, "shapes in a batch", "a second"),
        },
        suffix,
    )


def _picture(panels: dict[str, tuple[list[Line], str, str]], suffix: str) -> bytes:
    """Panels beside each other: title, its curves, and what is across and up."""

    def draw(figure: Figure) -> None:
        for panel, (title, (lines, across, up)) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
            _panel(panel, title, lines)
            panel.set_xlabel(across)
            panel.set_ylabel(up)

    return picture((3 * len(panels), 2.6), draw, suffix, dpi=200)


def _against_shapes(report: dict[str, Any]) -> list[Line]:
    rows = report["cost"]["shapes"]
    counts = [row["clouds_per_set"] for row in rows]
    name, peer = next(iter(report["set_metrics"]["peers"].items()))
    union = sum(report["set_metrics"]["sources"].values())
    pair = peer["median"] / (union * (union - 1))
    return [
        ("ours", counts, [row["seconds"] for row in rows]),
        (f"{name}, scaled", counts, [pair * 2 * count * (2 * count - 1) for count in counts]),
    ]


def _against_points(report: dict[str, Any], ours: str, peer: str, theirs: str) -> list[Line]:
    """The curves of two keys; a peer may stop early."""
    lines = []
    for label, key in (("ours", ours), (peer, theirs)):
        rows = [row for row in report["cost"]["points"] if key in row]
        lines.append((label, [row["points"] for row in rows], [row[key] for row in rows]))
    return lines


def _panel(panel: Axes, title: str, lines: list[Line]) -> None:
    """Curves on logarithmic axes, the measured places marked."""
    for (label, across, up), colour in zip(lines, GENERATOR_COLOURS, strict=False):
        panel.loglog(across, up, marker="o", markersize=3, linewidth=1.2, color=colour, label=label)
    panel.set_title(title, loc="left", fontsize=8, pad=3)
    panel.set_xticks(lines[0][1], [f"{place:,}" for place in lines[0][1]], fontsize=6.5)
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.yaxis.set_major_locator(LogLocator(subs=SUBS if _narrow(lines) else (1.0,)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.grid(axis="y", color=GRID_COLOUR, linewidth=0.6)
    panel.legend(frameon=False, fontsize=7)


def _narrow(lines: list[Line]) -> bool:
    """Whether curves span so little that powers of ten are too few marks."""
    values = [value for _, _, up in lines for value in up]
    return max(values) < WIDE * min(values)


FIGURES = {"bench-metrics": cost_figure, "bench-sampling": speed_figure}


def main(words: list[str]) -> int:
    """Draw each file named, from the report of that name."""
    for out in map(Path, words):
        if out.stem not in FIGURES:
            raise SystemExit(f"{out}: figures of cost are called {' and '.join(FIGURES)}, and .png, .svg or .pdf")
        report = json.loads((RESULTS / f"{out.stem}.json").read_text())
        write_pictures([out], partial(FIGURES[out.stem], report))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
