"""`argus3d-eval figure`: one command for the figures of results, sweeps, choices and codes."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from eval.outputs import demand_apart
from eval.report.codes_figure import codes_figure, read_codes
from eval.report.metrics_figure import metrics_figure
from eval.report.rows import read_rows
from eval.report.sensitivity_figure import sensitivity_figure
from eval.report.sensitivity_tables import read_pairs
from eval.report.style import write_pictures
from eval.report.sweep_figures import sweeps_figure
from eval.report.sweeps import read_sweep

KINDS = ("results", "sweep", "sensitivity", "codes")


def main(argv: Sequence[str]) -> int:
    """Draw one figure, in as many formats as are named."""
    parser = argparse.ArgumentParser(
        prog="argus3d-eval figure", description="Figures of measurements.",
        epilog="The trees of ECD: argus3d-eval figure --graph GENERATED... REFERENCE --out FILE.",
    )  # fmt: skip
    parser.add_argument("results", nargs="*", type=Path, metavar="RESULT", help="result JSON; rows in this order")
    parser.add_argument("--sweep", action="append", type=Path, help="in place of results: a sweep (JSON)")
    parser.add_argument("--sensitivity", type=Path, metavar="JSON", help="or what table --sensitivity wrote")
    parser.add_argument("--codes", nargs="+", type=Path, metavar="FOLDER", help="or how often samples use each code")
    parser.add_argument("--out", type=Path, nargs="+", required=True, help="a .png, .svg or .pdf, or several")
    arguments = parser.parse_args(argv)
    if sum(bool(getattr(arguments, kind)) for kind in KINDS) != 1:
        parser.error("a figure is one of result files, --sweep, --sensitivity, --codes or --graph: name one of them")
    named = [arguments.sensitivity] if arguments.sensitivity else []
    demand_apart(arguments.out, [*arguments.results, *(arguments.sweep or []), *named])
    write_pictures(arguments.out, _drawn(arguments))
    return 0


def _drawn(arguments: argparse.Namespace) -> Callable[[str], bytes]:
    """The figure that was asked for, in the format of a suffix; what it shows is read once."""
    if arguments.sweep:
        sweeps = [read_sweep(path) for path in arguments.sweep]
        return lambda suffix: sweeps_figure(sweeps, suffix)
    if arguments.sensitivity:
        pair = read_pairs(arguments.sensitivity)[0]
        return lambda suffix: sensitivity_figure(pair, suffix)
    if arguments.codes:
        codes = read_codes(arguments.codes)
        return lambda suffix: codes_figure(codes, suffix)
    rows = read_rows(arguments.results)
    return lambda suffix: metrics_figure(rows, suffix)
