"""Rows that no generator made but that give its numbers meaning: the reference itself, random training shapes."""

from collections.abc import Iterable, Mapping, Sequence

from argus3d.data.streams import item_rng
from argus3d.errors import UserError
from eval.sources import Job
from eval.task_folder import Task, again


def of_reference(tasks: Sequence[Task]) -> list[Task]:
    """The same tasks with each shape itself in the place of its samples, its points drawn anew for each."""
    return [Task(task.shape, tuple(again(task.shape, n) for n in range(len(task.samples)))) for task in tasks]


def of_training(tasks: Sequence[Task], training: Iterable[Job], seed: int) -> list[Task]:
    """The same tasks with random training shapes of the class in the place of the samples.

    Raises : UserError for a class of which there are fewer training shapes than samples of a shape
    """
    pools: dict[str, list[Job]] = {}
    for job in training:
        if not job.problem:
            pools.setdefault(job.category, []).append(job)
    return [Task(task.shape, tuple(_retrieved(task, pools, seed))) for task in tasks]


def _retrieved(task: Task, pools: Mapping[str, list[Job]], seed: int) -> list[Job]:
    count, category = len(task.samples), task.shape.category
    pool = pools.get(category, [])
    if len(pool) < count:
        raise UserError(
            f"there are {len(pool)} training shapes of class {category!r}, but {count} are wanted in the place of the "
            "samples; name more parts with --training, or leave the class away by --category."
        )
    chosen = item_rng(seed, f"training:{task.shape.id}").choice(len(pool), count, replace=False)
    return [again(pool[index], number) for number, index in enumerate(chosen)]
