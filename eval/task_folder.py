"""Folders of samples that were each made for a shape of a reference: completions of its part, or guided by it.

Such a folder is one of samples whose manifest says of each for which shape it was made (`shape`), the how-manieth it is
(`number`) and what the generator was given (`given`); all shapes have equally many. Folders of completions hold the
parts in `parts.npz`, an array (M, 3) a shape, in the frame of the shape.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from argus3d.data.streams import item_rng
from argus3d.errors import UserError
from argus3d.meter import Meter
from eval.results import Counts
from eval.sample_folder import read_manifest, read_samples
from eval.sources import Job, jobs_of, jobs_of_folder, tried

Points = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Task:
    """A reference shape and the samples that were made for it.

    given : what the generator was given, by kind: "category", "text", "image", "part"; the same for all samples
    """

    shape: Job
    samples: tuple[Job, ...]
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Drawn:
    """Clouds of a task, each in the file's own coordinates.

    truth : (P, 3) float32
    found : the samples that have a surface, k of them; k may be 0
    samples : (k, D, 3) float32
    """

    task: Task
    truth: Points
    found: tuple[Job, ...]
    samples: Points


@dataclass
class Tally:
    """What was asked for and what could not be had, as tasks are drawn."""

    samples: int = 0
    shapes: int = 0
    failed_samples: list[tuple[str, str]] = field(default_factory=list)
    failed_shapes: list[tuple[str, str]] = field(default_factory=list)

    def counts(self) -> dict[str, Counts]:
        """For `Result.counts`."""
        found = self.samples - len(self.failed_samples), self.shapes - len(self.failed_shapes)
        return {
            "generated": Counts(self.samples, found[0], tuple(self.failed_samples)),
            "reference": Counts(self.shapes, found[1], tuple(self.failed_shapes)),
        }

    def notes(self) -> list[str]:
        """What a reader must know of it."""
        lost = [(self.failed_samples, self.samples, "samples"), (self.failed_shapes, self.shapes, "reference shapes")]
        return [
            f"{len(failed)} of {asked} {what} failed and are not in the numbers, the first {failed[0][0]}: "
            f"{failed[0][1]}"
            for failed, asked, what in lost
            if failed
        ]


def read_tasks(
    folder: Path, reference: str, data_root: Path | None = None, categories: Sequence[str] = ()
) -> list[Task]:
    """The tasks of a folder, in the order of the reference.

    reference : a split part, or a folder of shapes
    categories : only reference shapes of these classes; () for all
    Raises : UserError for samples that do not say for which shape they were made or name one that the reference lacks,
        for shapes without samples, and for shapes with more samples than others
    """
    shapes = {job.id: job for job in jobs_of(reference, data_root)}
    samples, given = _by_shape(folder)
    stray = [shape for shape in samples if shape not in shapes]
    if stray:
        raise UserError(f"{folder} has samples for {stray[0]}, which is not in {reference}; name the part they are of.")
    wanted = [job for job in shapes.values() if not categories or job.category in categories]
    if not wanted:
        raise UserError(f"{reference} has no shape of {', '.join(categories)}; leave --category away.")
    missing = [job for job in wanted if job.id not in samples]
    if missing:
        raise UserError(
            f"{folder} has no sample for {missing[0].id} and {len(missing) - 1} other of {len(wanted)} shapes of "
            f"{reference}; finish it, or measure only the classes that it has by --category."
        )
    tasks = [Task(job, tuple(samples[job.id]), given[job.id]) for job in wanted]
    _demand_even(folder, tasks)
    return tasks


def each(tasks: Sequence[Task]) -> int:
    """K, samples of each shape."""
    return len(tasks[0].samples)


def draw(tasks: Sequence[Task], points: int, dense: int, seed: int, tally: Tally) -> Iterator[Drawn]:
    """Clouds of one task after another; what fails is told to `tally`.

    points : of each reference shape
    dense : of each sample
    seed : decides, with each id, the points; the same shape under another id has other points
    """
    for task in Meter(tasks, desc="measure", unit="shape"):
        tally.shapes += 1
        tally.samples += len(task.samples)
        truth = _cloud(task.shape, points, seed, tally.failed_shapes)
        clouds = [_cloud(job, dense, seed, tally.failed_samples) for job in task.samples]
        if truth is not None:
            found = tuple(job for job, cloud in zip(task.samples, clouds, strict=True) if cloud is not None)
            there = [cloud for cloud in clouds if cloud is not None]
            yield Drawn(task, truth, found, np.array(there, np.float32).reshape(-1, dense, 3))


def again(shape: Job, number: int) -> Job:
    """The shape under another id, so that other points of it are drawn."""
    return replace(shape, id=f"{shape.id}#{number}")


def facts(folder: Path) -> dict[str, str]:
    """For `Result.data`: how the samples were made, as far as the manifest says."""
    settings = read_manifest(folder).get("settings", {})
    try:
        found = {key: str(settings[key]) for key in ("by", "cut", "each", "guidance") if settings.get(key) is not None}
        encoders = settings.get("encoders") or {}
        named = ", ".join(f"{kind} {one['name']} {str(one['sha256'])[:8]}" for kind, one in sorted(encoders.items()))
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder / 'manifest.json'}: its settings are damaged ({error!r}); make it again.") from error
    return found | ({"encoders": named} if named else {})


def _by_shape(folder: Path) -> tuple[dict[str, list[Job]], dict[str, dict[str, str]]]:
    """The samples of each shape in order of their numbers, and what was given."""
    found: dict[str, list[tuple[int, Job]]] = defaultdict(list)
    given: dict[str, dict[str, str]] = {}
    for record, job in zip(read_samples(folder), jobs_of_folder(folder), strict=True):
        found[record.shape].append((record.number, job))
        given[record.shape] = record.given
    ordered = {shape: sorted(entries, key=lambda entry: entry[0]) for shape, entries in found.items()}
    return {shape: [job for _, job in entries] for shape, entries in ordered.items()}, given


def _demand_even(folder: Path, tasks: Sequence[Task]) -> None:
    first = tasks[0]
    for task in tasks:
        if len(task.samples) != len(first.samples):
            raise UserError(
                f"{folder} has {len(first.samples)} samples for {first.shape.id}, but {len(task.samples)} for "
                f"{task.shape.id}; every shape needs as many, make the folder again."
            )


def _cloud(job: Job, points: int, seed: int, failed: list[tuple[str, str]]) -> Points | None:
    drawn = tried(job, partial(job.draw, points, item_rng(seed, job.id)), failed)
    return None if drawn is None else drawn[0]
