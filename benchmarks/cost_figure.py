"""What metrics cost against size, from `reports/results/bench-metrics.json`.

python -m benchmarks.cost_figure reports/figures/bench-metrics.png
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.cost_table import RESULTS
from eval.report.figures import GENERATOR_COLOURS, METADATA, STYLE
from eval.report.output import write_whole

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
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 2.6), dpi=200, layout="constrained")
        FigureCanvasAgg(figure)
        for panel, (title, (lines, across, up)) in zip(figure.subplots(1, 3), panels.items(), strict=True):
            _panel(panel, title, lines)
            panel.set_xlabel(across)
            panel.set_ylabel(up)
        stream = io.BytesIO()
        figure.savefig(stream, format=suffix[1:], metadata=METADATA[suffix])
    return stream.getvalue()


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
    panel.grid(axis="y", color="#dddddd", linewidth=0.6)
    panel.legend(frameon=False, fontsize=7)


def main(words: list[str]) -> int:
    """Draw into the file named."""
    out = Path(words[0])
    report = json.loads((RESULTS / "bench-metrics.json").read_text())
    write_whole(out, cost_figure(report, out.suffix))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
