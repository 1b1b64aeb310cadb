"""`argus3d-eval halves`: what noise alone gives, one half of a set against the other."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace

from eval import runs
from eval.clouds import CloudSet, halves
from eval.evaluate import evaluate_sets
from eval.results import require_place


def main(argv: Sequence[str]) -> int:
    """Measure one half of a set against the other."""
    start = time.monotonic()
    parser = argparse.ArgumentParser(
        prog="argus3d-eval halves", description="Measure one half of a set by the other.", allow_abbrev=False
    )
    parser.add_argument("reference", help=runs.SOURCE)
    runs.add_device(parser, "Chamfer distances")
    runs.add_arguments(parser)
    arguments = parser.parse_args(argv)
    require_place(arguments.out, arguments.reference)
    protocol = runs.get(arguments)
    clouds = runs.load(arguments.reference, arguments, protocol)
    first, second = halves(clouds, protocol.seed)
    by = arguments.device, arguments.backend
    result = evaluate_sets(first, second, protocol, runs.row_name(arguments), None, *by)
    result = replace(result, notes=(*_failed(clouds), *result.notes))
    return runs.finish(result, arguments, start, runs.command("halves", argv))


def _failed(clouds: CloudSet) -> list[str]:
    if not clouds.failed:
        return []
    item, reason = clouds.failed[0]
    return [f"{len(clouds.failed)} of {clouds.asked} shapes failed and are in neither half, the first {item}: {reason}"]
