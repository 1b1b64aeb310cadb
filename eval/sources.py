"""Which shapes a folder or a split holds, and how each is read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from argus3d.data.files import shown
from argus3d.data.formats.mesh_files import MESH_SUFFIXES
from argus3d.data.prepared import PreparedData, PreparedShape, prepared_sources
from argus3d.data.shape_files import CLOUD
from argus3d.data.stores import Folder
from argus3d.errors import UserError, raise_if_machine
from eval.extent import require_single, require_size
from eval.meshes import sample_mesh_file
from eval.sample_folder import SampleRecord, read_manifest
from eval.splits import is_split_part, load_part

Points = npt.NDArray[np.float32]
Made = TypeVar("Made")

EMPTY = "empty: the manifest says this sample has no surface"


@dataclass(frozen=True)
class Job:
    """One shape: who it is and how its points (and normals, if any) are had; `problem` if that is known to fail.

    file : the mesh, None where there is none
    source : the catalogue it comes from, "" where unknown
    prepared : where the shape is prepared data
    root : the folder of its source, from which reasons of failure name files
    draw : (points, stream) -> (points, 3) float32 and the normals there, or None
    """

    id: str
    category: str
    file: Path | None
    draw: Callable[[int, np.random.Generator], tuple[Points, Points | None]]
    problem: str = ""
    source: str = ""
    prepared: PreparedShape | None = None
    root: Path = Path()

    def reason(self, error: Exception) -> str:
        """What an error says, with files named from the root on: results do not tell where sources lay."""
        spelled = {str(root).rstrip("/") for root in (self.root, self.root.absolute(), self.root.resolve())}
        longest = sorted(map(re.escape, spelled), key=len, reverse=True)
        return re.sub(rf"(?<![^\s'\"(])({'|'.join(longest)})/", "", str(error))


def tried(job: Job, work: Callable[[], Made], failed: list[tuple[str, str]]) -> Made | None:
    """What `work` makes of a shape, None where it fails; then id and reason are told to `failed`."""
    try:
        if job.problem:
            raise UserError(job.problem)
        return work()
    except (UserError, OSError) as error:
        raise_if_machine(error)  # a result would lack a shape that is there
        failed.append((job.id, job.reason(error)))
        return None


def jobs_of(source: str, data_root: Path | None) -> list[Job]:
    """Shapes of a folder or of a split part, see `jobs_of_folder` and `jobs_of_split`.

    Raises : UserError for what is neither, or a split without `data_root`
    """
    if Path(source).is_dir():
        return jobs_of_folder(Path(source))
    if not is_split_part(source, data_root):
        raise UserError(
            f"{source}: no such file, folder or split; give a folder of meshes or samples, a .npy, .npz or .pt array, "
            "or a split part such as household-v1/test"
        )
    if data_root is None:
        raise UserError(f"{source} is a split: name the folder of prepared data with --data-root")
    return jobs_of_split(source, data_root)


def jobs_of_folder(folder: Path) -> list[Job]:
    """Shapes of a folder of samples with manifest.json, of prepared data, or of meshes (classes by sub-folder).

    Raises : UserError for a folder of none of these
    """
    manifest = read_manifest(folder)
    if "samples" in manifest:
        return [_job_of_sample(SampleRecord(folder, entry)) for entry in manifest["samples"]]
    if "shapes" in manifest:
        prepared = PreparedData(folder.parent, [folder.name]).shapes.values()
        return [_job_of_prepared(shape, folder) for shape in prepared]
    sampled = sorted(folder.rglob(CLOUD))
    if sampled:
        return [_job_of_cloud(path.parent, folder) for path in sampled]
    meshes = shown(path for path in folder.rglob("*") if path.suffix.lower() in MESH_SUFFIXES)
    if not meshes:
        raise UserError(
            f"{folder}: no samples manifest, no {CLOUD}, no meshes ({' '.join(MESH_SUFFIXES)}); "
            "for an array name the file itself"
        )
    return [_job_of_mesh(path, folder) for path in meshes]


def checkpoint_facts(folder: Path) -> dict[str, Any]:
    """What the manifest of a folder of samples says of the checkpoint that made it, nothing where it says nothing."""
    checkpoint = read_manifest(folder).get("checkpoint")
    return checkpoint if isinstance(checkpoint, dict) else {}


def prepared_shapes(data_root: Path) -> dict[str, PreparedShape]:
    """Id -> prepared shape of every source under a root. Raises : UserError where nothing is prepared"""
    if not prepared_sources(data_root):
        raise UserError(f"{data_root}: no prepared data; name their folder with --data-root, or prepare them")
    return PreparedData(data_root).shapes


def _job_of_sample(record: SampleRecord) -> Job:
    place = record.file or record.folder  # a sample without a file has a problem, so that nothing is read
    problem = "" if record.file and not record.empty else str(record.said.get("problem") or EMPTY)
    return Job(record.id, record.category, place, partial(sample_mesh_file, place), problem, root=record.folder)


def _job_of_mesh(path: Path, root: Path) -> Job:
    below = path.relative_to(root)
    category = below.parts[0] if len(below.parts) > 1 else ""
    return Job(below.as_posix(), category, path, partial(sample_mesh_file, path), root=root)


def _job_of_cloud(folder: Path, root: Path) -> Job:
    """A shape in the layout of prepared data that no manifest speaks of."""
    return _job_of_prepared(PreparedShape({"id": folder.name, "category": folder.parent.name}, Folder(folder)), root)


def _job_of_prepared(shape: PreparedShape, root: Path) -> Job:
    source = str(shape.record.get("source", ""))
    return Job(shape.id, shape.category, None, partial(_draw_stored, shape), source=source, prepared=shape, root=root)


def jobs_of_split(source: str, data_root: Path) -> list[Job]:
    """Shapes of a split part such as "household-v1/test".

    data_root : folder of prepared data
    Raises : UserError where nothing is prepared; a shape that is not there is a job with a `problem`
    """
    ids = load_part(source, data_root)
    there = prepared_shapes(data_root)  # a split may mix sources, whose ids never collide: the whole root is searched
    return [_job_of_prepared(there[item], data_root) if item in there else _missing(item) for item in ids]


def _missing(item: str) -> Job:
    def draw(points: int, rng: np.random.Generator) -> tuple[Points, None]:
        raise UserError(f"{item} is not prepared")

    return Job(item, "", None, draw, problem="not prepared: it is in no manifest under the data root")


def _draw_stored(shape: PreparedShape, points: int, rng: np.random.Generator) -> tuple[Points, Points | None]:
    stored, normals = shape.cloud(), shape.normals()
    if not np.isfinite(stored).all():
        raise UserError(f"{shape.id} holds points that are not finite")
    require_single(stored, shape.id)
    chosen = chosen_points(stored, points, rng)
    cloud = stored[chosen].astype(np.float32)
    require_size(cloud, shape.id)
    if normals is None or normals.shape != stored.shape:
        return cloud, None
    return cloud, normals[chosen].astype(np.float32)


def chosen_points(stored: npt.NDArray[Any], points: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Which of the stored points are taken, (points,) int64. Raises: UserError where there are too few."""
    if stored.ndim != 2 or stored.shape[1] != 3:
        raise UserError(f"expected points of shape (Q, 3), got {stored.shape}")
    if len(stored) < points:
        raise UserError(f"{len(stored)} stored points, {points} asked; store more or use a protocol of fewer points")
    return rng.choice(len(stored), points, replace=False)
