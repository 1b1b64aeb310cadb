"""Sets of clouds from wherever shapes lie: samples, meshes, arrays, prepared data, splits.

Each shape is drawn from a random stream of its own, (seed, id): order, count and company change no point.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from argus3d.data.arrays import read_npy, read_npz
from argus3d.data.files import is_text
from argus3d.data.pickles import require_modest
from argus3d.data.streams import item_rng
from argus3d.errors import UserError, raise_if_machine
from eval.extent import require_single, require_size
from eval.sources import Job, chosen_points, jobs_of, tried

ARRAY_SUFFIXES = (".npy", ".npz", ".pt")

Points = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CloudSet:
    """Clouds of one set, with what was asked for and what could not be had.

    name : what reports call the set
    clouds : (N, P, 3) float32
    ids : one a cloud, unique
    categories : one a cloud, "" where unknown
    asked : shapes the source was asked for; len(ids) + len(failed)
    failed : (id, reason) of each shape that gave no cloud
    normals : (N, P, 3) float32, of unit length, where they were asked for and every shape has them
    """

    name: str
    clouds: Points
    ids: tuple[str, ...]
    categories: tuple[str, ...]
    asked: int
    failed: tuple[tuple[str, str], ...] = ()
    normals: Points | None = None

    def __post_init__(self) -> None:
        """Refuse sets that contradict themselves."""
        if self.clouds.ndim != 3 or self.clouds.shape[2] != 3:
            raise ValueError(f"{self.name}: expected clouds of shape (N, P, 3), got {self.clouds.shape}")
        if self.normals is not None and self.normals.shape != self.clouds.shape:
            raise ValueError(f"{self.name}: clouds of shape {self.clouds.shape}, normals of {self.normals.shape}")
        if not len(self.clouds) == len(self.ids) == len(self.categories):
            raise ValueError(
                f"{self.name}: {len(self.clouds)} clouds, {len(self.ids)} ids, {len(self.categories)} categories"
            )
        if self.asked != len(self.ids) + len(self.failed):
            raise ValueError(
                f"{self.name}: {self.asked} shapes asked, but {len(self.ids)} found and {len(self.failed)} failed"
            )
        if len(set(self.ids)) != len(self.ids):
            twice = next(item for index, item in enumerate(self.ids) if item in self.ids[:index])
            raise ValueError(f"{self.name}: id {twice!r} comes twice; ids must be unique")


def load_clouds(
    source: str,
    points: int,
    seed: int,
    data_root: Path | None = None,
    name: str | None = None,
    normals: bool = False,
    only: Collection[str] | None = None,
) -> CloudSet:
    """Get a set of clouds.

    source : a folder of samples with manifest.json, a folder of meshes (classes by sub-folder), a folder of prepared
        data, a .npy, .npz or .pt array (N, Q, 3), or a split part such as "household-v1/test"
    points : P; drawn by area from meshes, without replacement from stored points
    seed : with each shape's id it decides the points
    data_root : folder of prepared data, needed for splits only
    name : of the set; by default `source`
    normals : whether to keep the surface's normals; meshes have them, prepared data too, arrays do not
    only : ids of the shapes that are wanted, of all but arrays; by default all
    returns : CloudSet of P points a cloud; shapes that gave none are in `failed`
    Raises : UserError for a source that does not exist, has no shapes, or of which every shape failed
    """
    path = Path(source)
    label = name or source
    if path.is_file() and path.suffix in ARRAY_SUFFIXES:
        return _from_array(path, points, seed, label)
    jobs = jobs_of(source, data_root)
    if only is not None:
        jobs = [job for job in jobs if job.id in only]
    return _gather(label, jobs, points, seed, normals)


def draw(clouds: CloudSet, count: int, seed: int) -> CloudSet:
    """`count` of the shapes asked for, chosen by hash of (seed, id), in the set's own order; failed ones stay failed.

    Raises : UserError if fewer were asked for, or none of the chosen has a cloud
    """
    if not 1 <= count <= clouds.asked:
        raise UserError(f"{clouds.name}: {count} shapes asked, {clouds.asked} there; ask for 1 to {clouds.asked}")
    every = [*clouds.ids, *(item for item, _ in clouds.failed)]
    chosen = set(_by_hash(every, seed)[:count])
    failed = tuple(entry for entry in clouds.failed if entry[0] in chosen)
    indices = [index for index, item in enumerate(clouds.ids) if item in chosen]
    if not indices:
        raise UserError(f"{clouds.name}: none of the {count} chosen shapes has a cloud; ask for more")
    return replace(_pick(clouds, indices), asked=count, failed=failed)


def thin(clouds: CloudSet, count: int, seed: int) -> CloudSet:
    """`count` of the shapes found, chosen by hash of (seed, id), in the set's own order.

    Raises : UserError if fewer were found
    """
    if count > len(clouds.ids):
        raise UserError(f"{clouds.name}: {count} shapes asked, {len(clouds.ids)} found; ask for fewer")
    return _pick(clouds, chosen_by_hash(clouds.ids, count, seed))


def chosen_by_hash(ids: Sequence[str], count: int, seed: int) -> list[int]:
    """Indices of `count` ids, those whose hash with the seed comes first, in their own order."""
    chosen = set(_by_hash(ids, seed)[:count])
    return [index for index, item in enumerate(ids) if item in chosen]


def halves(clouds: CloudSet, seed: int) -> tuple[CloudSet, CloudSet]:
    """Two disjoint sets of found shapes, equal in size, chosen by hash of (seed, id); of an odd number one is left.

    Categories fall as chance has it: halves of equal categories would be more alike than two sets of one distribution
    are, and 1-NNA of a few shapes a category would sink well below 0.5.

    Raises : UserError for fewer than two shapes
    """
    size = len(clouds.ids) // 2
    if size < 1:
        raise UserError(f"{clouds.name}: {len(clouds.ids)} shapes cannot be halved")
    ranked = _by_hash(clouds.ids, seed)
    row = {item: index for index, item in enumerate(clouds.ids)}
    first, second = (sorted(row[item] for item in part) for part in (ranked[:size], ranked[size : 2 * size]))
    return _pick(clouds, first), _pick(clouds, second)


def _by_hash(ids: Iterable[str], seed: int) -> list[str]:
    return sorted(ids, key=lambda item: hashlib.sha256(f"draw:{seed}:{item}".encode()).hexdigest())


def _pick(clouds: CloudSet, indices: list[int]) -> CloudSet:
    return CloudSet(
        name=clouds.name,
        clouds=clouds.clouds[indices],
        ids=tuple(clouds.ids[index] for index in indices),
        categories=tuple(clouds.categories[index] for index in indices),
        asked=len(indices),
        normals=None if clouds.normals is None else clouds.normals[indices],
    )


def _gather(name: str, jobs: list[Job], points: int, seed: int, with_normals: bool) -> CloudSet:
    found: list[Job] = []
    clouds: list[Points] = []
    normals: list[Points] = []
    failed: list[tuple[str, str]] = []
    for job in jobs:
        drawn = tried(job, partial(job.draw, points, item_rng(seed, job.id)), failed)
        if drawn is None:
            continue
        cloud, own = drawn
        clouds.append(cloud)
        found.append(job)
        normals += [own] if with_normals and own is not None else []
    if not clouds:
        first = f"the first: {failed[0][0]}: {failed[0][1]}" if failed else "it names none"
        raise UserError(f"{name}: none of its {len(jobs)} shapes gave a cloud; {first}")
    return CloudSet(
        name=name,
        clouds=np.stack(clouds),
        ids=tuple(job.id for job in found),
        categories=tuple(job.category for job in found),
        asked=len(jobs),
        failed=tuple(failed),
        normals=np.stack(normals) if len(normals) == len(clouds) else None,
    )


def _from_array(path: Path, points: int, seed: int, name: str) -> CloudSet:
    array, ids = _read_array(path)
    if array.dtype.kind not in "fiu":
        raise UserError(f"{path}: expected clouds of numbers, got {array.dtype}; save them as float32")
    if array.ndim != 3 or array.shape[2] != 3 or len(array) == 0:
        raise UserError(f"{path}: expected clouds of shape (N, P, 3) with N above 0, got {array.shape}")
    labels = ids or tuple(f"{index:05d}" for index in range(len(array)))
    if len(labels) != len(array):
        raise UserError(f"{path}: {len(labels)} ids for {len(array)} clouds")
    named = [f"{path}: cloud {index}" + f" ({item})" * bool(ids) for index, item in enumerate(labels)]
    bad = ~np.isfinite(array).all(axis=(1, 2))
    if bad.any():
        raise UserError(f"{named[int(np.argmax(bad))]} holds a value that is not finite; repair or drop it")
    if array.shape[1] < points:
        raise UserError(
            f"{path}: clouds of {array.shape[1]} points, the protocol asks for {points}; sample more, "
            "or use a protocol of fewer points"
        )
    drawn = []
    for cloud, item, which in zip(array, labels, named, strict=True):
        require_single(cloud, which)
        drawn.append(cloud[chosen_points(cloud, points, item_rng(seed, item))].astype(np.float32))
        require_size(drawn[-1], which)
    return CloudSet(name, np.stack(drawn), labels, ("",) * len(labels), asked=len(labels))


def _read_array(path: Path) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """The clouds in an array file, and their ids where it names them."""
    try:
        if path.suffix == ".npy":
            return read_npy(path), ()
        if path.suffix == ".npz":
            content = read_npz(path, ("ids", "clouds"))
            ids = tuple(str(item) for item in np.atleast_1d(content["ids"])) if "ids" in content else ()
            if not all(map(is_text, ids)):
                raise ValueError("its ids are not in letters")
            return content["clouds"], ids
        return _torch_array(path), ()
    except KeyError as error:
        raise UserError(f"{path}: no array named 'clouds'; save it as np.savez(path, clouds=...)") from error
    except Exception as error:  # numpy, zipfile, pickle and torch each have their own errors for a broken file
        raise_if_machine(error, path)
        raise UserError(f"{path}: not a readable array of clouds ({error})") from error


def _torch_array(path: Path) -> npt.NDArray[Any]:
    """The tensor of a .pt file. Raises : many errors for a broken one, or one that asks for more than it holds"""
    import torch  # heavy, and needed by this one format only

    require_modest(path)
    found = torch.load(path, map_location="cpu", weights_only=True)
    what = found.dtype if isinstance(found, torch.Tensor) else type(found).__name__
    try:
        return np.asarray(found.detach().numpy())
    except (AttributeError, TypeError, RuntimeError) as error:  # no tensor, a type unknown to numpy, a sparse one
        wanted = "one tensor (N, P, 3) of float16, float32 or float64"
        raise ValueError(f"it holds {what}; save {wanted}, as torch.save(clouds, path)") from error
