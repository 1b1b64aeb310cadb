"""`argus3d-eval table`: tables of results, and of how far their numbers move when one choice is made otherwise."""

import importlib
from collections.abc import Callable, Sequence

SENSITIVITY = "--sensitivity"


def main(argv: Sequence[str]) -> int | None:
    """Hand on to what lays out results, or, with --sensitivity, to what measures how far they move."""
    # Laying out results needs none of the libraries that measuring does.
    name = "eval.sensitivity.command" if SENSITIVITY in argv else "eval.report.tables"
    run: Callable[[Sequence[str]], int | None] = importlib.import_module(name).main
    return run(argv)
