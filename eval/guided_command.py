"""`argus3d-eval guided`: samples that were guided by shapes' classes, texts or pictures against those shapes."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from eval import runs
from eval.completion_command import about, add_arguments, categories, in_place
from eval.guided import evaluate_guided
from eval.results import require_place
from eval.task_folder import read_tasks
from eval.view_features import ENCODERS, ViewFeatures


def main(argv: Sequence[str]) -> int:
    """Measure guided samples, or what stands in their place; with --against also how they differ from others."""
    start = time.monotonic()
    parser = argparse.ArgumentParser(
        prog="argus3d-eval guided",
        description="Measure samples that were guided by a reference's shapes.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, help="of `argus3d sample --like SPLIT/PART --by ...`")
    add_arguments(parser)
    parser.add_argument(
        "--against", type=Path, metavar="FOLDER",
        help="samples for the same shapes, guided in another way: differences from theirs are measured too",
    )  # fmt: skip
    parser.add_argument(
        "--views-by", action="append", default=[], metavar="ENCODER", choices=ENCODERS,
        help="also compare features of rendered views by this encoder (%(choices)s); may be given again",
    )  # fmt: skip
    parser.add_argument("--cache", type=Path, help="folder that keeps features of views between runs")
    runs.add_arguments(parser)
    arguments = parser.parse_args(argv)
    require_place(arguments.out)
    protocol = runs.get(arguments)
    tasks, others = (
        read_tasks(folder, arguments.reference, arguments.data_root, categories(arguments)) if folder else []
        for folder in (arguments.folder, arguments.against)
    )
    viewers = [ViewFeatures.load(name, arguments.cache) for name in dict.fromkeys(arguments.views_by)]
    measured, notes = in_place(tasks, arguments, protocol)
    result = evaluate_guided(measured, protocol, runs.row_name(arguments), viewers, others)
    against = {"against": arguments.against.name} if arguments.against else {}
    result = replace(result, notes=(*result.notes, *notes), data={**result.data, **against})
    return runs.finish(result, arguments, start, runs.command("guided", argv), about(tasks, arguments))
