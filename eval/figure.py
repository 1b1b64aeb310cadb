"""`argus3d-eval figure`: figures of measurements, and of the trees of ECD, which are measured for the figure."""

import importlib
from collections.abc import Callable, Sequence

GRAPH = "--graph"


def main(argv: Sequence[str]) -> int | None:
    """Hand on to what draws results, or, with --graph, to what grows trees over sets of shapes."""
    # Drawing results needs none of the libraries that measuring does.
    name = "eval.graphs" if GRAPH in argv else "eval.report.figures"
    run: Callable[[Sequence[str]], int | None] = importlib.import_module(name).main
    return run(argv)
