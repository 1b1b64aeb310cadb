"""`argus3d-eval completion`: completions of partial shapes against their parts and the shapes they were cut from."""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from argus3d.errors import UserError
from eval import runs
from eval.baselines import of_reference, of_training
from eval.completion import evaluate_completion
from eval.overlap import about_samples
from eval.protocol import Protocol
from eval.results import require_place
from eval.sample_folder import read_parts
from eval.selection import select
from eval.sources import Job, jobs_of
from eval.task_folder import Task, facts, read_tasks


def main(argv: Sequence[str]) -> int:
    """Measure completions, or what stands in their place."""
    start = time.monotonic()
    parser = argparse.ArgumentParser(
        prog="argus3d-eval completion",
        description="Measure completions of partial shapes (TMD, UHD, MMD ...).",
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, help="of `argus3d complete --like SPLIT/PART`, with parts.npz")
    add_arguments(parser)
    runs.add_arguments(parser)
    arguments = parser.parse_args(argv)
    require_place(arguments.out)
    protocol = runs.get(arguments)
    tasks = read_tasks(arguments.folder, arguments.reference, arguments.data_root, categories(arguments))
    parts = read_parts(arguments.folder, [task.shape.id for task in tasks])
    measured, notes = in_place(tasks, arguments, protocol)
    result = evaluate_completion(measured, parts, protocol, runs.row_name(arguments))
    result = replace(result, notes=(*result.notes, *notes))
    return runs.finish(result, arguments, start, runs.command("completion", argv), about(tasks, arguments))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what commands for samples of a reference have in common."""
    parser.add_argument("reference", metavar="SPLIT/PART", help="the shapes that the samples were made for")
    parser.add_argument("--category", metavar="A,B", help="only shapes of these classes")
    parser.add_argument(
        "--baseline", choices=("reference", "training"),
        help="measure, in the place of the folder's samples, the shapes themselves, or training shapes of their class",
    )  # fmt: skip
    parser.add_argument("--training", metavar="SPLIT/PART,...", help="the shapes of --baseline training")


def categories(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The classes of --category."""
    return tuple(dict.fromkeys(filter(None, (arguments.category or "").split(","))))


def in_place(
    tasks: list[Task], arguments: argparse.Namespace, protocol: Protocol
) -> tuple[Sequence[Task], Sequence[str]]:
    """The tasks with what --baseline puts in the place of their samples, and what to know of it."""
    if (arguments.baseline == "training") != bool(arguments.training):
        raise UserError("--baseline training takes its shapes from --training SPLIT/PART; give both or neither.")
    if arguments.baseline == "reference":
        return of_reference(tasks), ()
    if arguments.baseline == "training":
        return of_training(tasks, _training(arguments), protocol.seed)
    return tasks, ()


def about(tasks: Sequence[Task], arguments: argparse.Namespace) -> dict[str, str]:
    """For `Result.data`: how the samples were made and what their checkpoint was trained on; nothing of baselines."""
    if arguments.baseline:
        return {"baseline": arguments.baseline}
    chosen = select(arguments.reference, arguments.data_root, categories(arguments))
    classes = [task.shape.category for task in tasks for _ in task.samples]
    return facts(arguments.folder) | about_samples(str(arguments.folder), classes, chosen, arguments.data_root)


def _training(arguments: argparse.Namespace) -> Iterator[Job]:
    for source in filter(None, arguments.training.split(",")):
        jobs = jobs_of(source, arguments.data_root)
        # Without it the row would be of the other parts alone, and change with what is prepared.
        if all(job.problem for job in jobs):
            raise UserError(f"{source}: none of its shapes is there; prepare them, or leave it out of --training.")
        yield from jobs
