"""Rows that no generator made but that give its numbers meaning: the reference itself, random training shapes."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from argus3d.data.streams import item_rng
from argus3d.errors import UserError
from eval.sources import Job
from eval.task_folder import Task, again


def of_reference(tasks: Sequence[Task]) -> list[Task]:
    """The same tasks with each shape itself in the place of its samples, its points drawn anew for each."""
    return [Task(task.shape, tuple(again(task.shape, n) for n in range(len(task.samples)))) for task in tasks]


def of_training(tasks: Sequence[Task], training: Iterable[Job], seed: int) -> tuple[list[Task], list[str]]:
    """The same tasks with random training shapes of the class in the place of the samples, and what to know of them.

    Where a class has fewer training shapes than there are samples of a shape, some stand for several. Training shapes
    that are known to fail are not drawn.

    Raises : UserError for a class without training shapes
    """
    pools: dict[str, list[Job]] = {}
    known = list(training)
    for job in known:
        if not job.problem:
            pools.setdefault(job.category, []).append(job)
    notes = []
    if failed := sum(bool(job.problem) for job in known):
        notes.append(f"{failed} of {len(known)} training shapes are not prepared or failed, and were not drawn")
    if small := {t.shape.category for t in tasks if len(pools.get(t.shape.category, ())) < len(t.samples)}:
        few = ", ".join(sorted(small))
        notes.append(f"some training shapes stand for several samples, as there are too few of {few}")
    return [Task(task.shape, tuple(_retrieved(task, pools, seed))) for task in tasks], notes


def _retrieved(task: Task, pools: Mapping[str, list[Job]], seed: int) -> list[Job]:
    pool = pools.get(task.shape.category, [])
    if not pool:
        raise UserError(
            f"there is no training shape of class {task.shape.category!r} to stand for samples; name more parts with "
            "--training, or leave the class away by --category."
        )
    order = np.resize(item_rng(seed, f"training:{task.shape.id}").permutation(len(pool)), len(task.samples))
    return [again(pool[index], number) for number, index in enumerate(order)]
