"""Training logs to a figure: what was validated, against the time spent."""

import argparse
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from eval.report.figures import GENERATOR_COLOURS, METADATA, STYLE
from eval.report.output import write_whole

NOT_CURVES = ("step", "seconds", "threshold", "loss", "commitment", "occupancy")


def main(argv: Sequence[str]) -> int:
    """`argus3d-eval curves`: draw what training logs say of validation and loss."""
    parser = argparse.ArgumentParser(prog="argus3d-eval curves", description="Learning curves of training logs.")
    parser.add_argument("logs", nargs="+", type=Path, metavar="LOG", help="log.jsonl of a training; a panel each")
    parser.add_argument("--out", type=Path, required=True, help="a .png, .svg or .pdf")
    arguments = parser.parse_args(argv)
    logs = {path.stem: read_log(path) for path in arguments.logs}
    write_whole(arguments.out, curves_figure(logs, arguments.out.suffix))
    return 0


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a training log.

    Raises : ValueError for a file without lines, or with one that is no JSON object
    """
    try:
        lines = [dict(json.loads(line)) for line in path.read_text().splitlines()]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is no training log ({error}); give the log.jsonl of a training") from error
    if not lines:
        raise ValueError(f"{path} is empty; the training has not validated yet")
    return lines


def curves_figure(logs: dict[str, list[dict[str, Any]]], suffix: str = ".png") -> bytes:
    """A picture with a panel a log; the same bytes for the same logs.

    Raises : ValueError for a suffix other than .png, .svg, .pdf
    """
    if suffix not in METADATA:
        raise ValueError(f"figures are {', '.join(METADATA)}, not {suffix!r}")
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * len(logs), 2.6), dpi=200, layout="constrained")
        FigureCanvasAgg(figure)
        for index, (name, lines) in enumerate(logs.items()):
            panel = figure.add_subplot(1, len(logs), index + 1)
            minutes = [line["seconds"] / 60 for line in lines]
            for curve, colour in zip(_curves(lines), GENERATOR_COLOURS, strict=False):
                panel.plot(minutes, [line[curve] for line in lines], color=colour, label=curve.replace("_", " "))
            panel.set_title(name.replace("-", " "), loc="left", fontsize=8, pad=3)
            panel.set_xlabel("minutes of training")
            panel.grid(axis="y", color="#dddddd", linewidth=0.6)
            panel.legend(frameon=False, fontsize=6.5, loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=4)
        stream = io.BytesIO()
        figure.savefig(stream, format=suffix[1:], metadata=METADATA[suffix])
    return stream.getvalue()


def _curves(lines: list[dict[str, Any]]) -> list[str]:
    return [key for key in lines[-1] if key not in NOT_CURVES]
