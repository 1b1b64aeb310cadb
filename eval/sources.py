"""Which shapes a folder or a split holds, and how each is read."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from argus3d.errors import UserError
from eval.meshes import MESH_SUFFIXES, sample_mesh_file
from eval.splits import FOLDER, load_part

Points = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Job:
    """One shape: who it is and how its points (and normals, if any) are had; `problem` if that is known to fail."""

    id: str
    category: str
    path: Path
    read: Callable[[Path, int, np.random.Generator], tuple[Points, Points | None]]
    problem: str = ""


def jobs_of_folder(folder: Path) -> list[Job]:
    """Shapes of a folder of samples with manifest.json, of prepared data, or of meshes (classes by sub-folder).

    Raises : UserError for a folder of none of these
    """
    manifest = _manifest(folder)
    if "samples" in manifest:
        return [_job_of_sample(folder, entry) for entry in manifest["samples"]]
    prepared = sorted(folder.rglob("pointcloud.npz"))
    if prepared:
        return [Job(path.parent.name, path.parent.parent.name, path, _draw_stored) for path in prepared]
    meshes = sorted(path for path in folder.rglob("*") if path.suffix.lower() in MESH_SUFFIXES)
    if not meshes:
        raise UserError(
            f"{folder}: no samples manifest, no pointcloud.npz, no meshes ({' '.join(MESH_SUFFIXES)}); "
            "for an array name the file itself"
        )
    jobs = []
    for path in meshes:
        relative = path.relative_to(folder)
        category = relative.parts[0] if len(relative.parts) > 1 else ""
        jobs.append(Job(relative.as_posix(), category, path, sample_mesh_file))
    return jobs


def checkpoint_sha256(folder: Path) -> str | None:
    """sha256 of the checkpoint that made a folder of samples, None where no manifest names one."""
    checkpoint = _manifest(folder).get("checkpoint")
    return str(checkpoint["sha256"]) if isinstance(checkpoint, dict) and "sha256" in checkpoint else None


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: not JSON ({error}); make the folder again") from error
    return content if isinstance(content, dict) else {}


def _job_of_sample(folder: Path, entry: dict[str, Any]) -> Job:
    if "id" not in entry:
        raise UserError(f"{folder / 'manifest.json'}: a sample has no id; make the folder again")
    empty = bool(entry.get("empty")) or not entry.get("file")
    return Job(
        id=str(entry["id"]),
        category=str(entry.get("category") or ""),
        path=folder / str(entry.get("file") or ""),
        read=sample_mesh_file,
        problem="empty: the manifest says this sample has no surface" if empty else "",
    )


def is_split_part(source: str) -> bool:
    """Whether a source names a part of a split file, such as "household-v1/test"."""
    return "/" in source and (FOLDER / f"{source.split('/')[0]}.json").is_file()


def jobs_of_split(source: str, data_root: Path) -> list[Job]:
    """Shapes of a split part such as "household-v1/test".

    data_root : folder of prepared data
    Raises : UserError where nothing is prepared; a shape that is not there is a job with a `problem`
    """
    ids = load_part(source, FOLDER)
    # A split may mix sources, whose ids never collide, so the whole root is searched.
    there = {path.parent.name: path for path in data_root.glob("*/*/*/pointcloud.npz")}
    if not there:
        raise UserError(f"{data_root}: no prepared data, but split {source} needs it; prepare it, or mend --data-root")
    missing = "not prepared: it has no pointcloud.npz under the data root"
    return [
        Job(item, there[item].parent.parent.name, there[item], _draw_stored)
        if item in there
        else Job(item, "", data_root, _draw_stored, problem=missing)
        for item in ids
    ]


def _draw_stored(path: Path, points: int, rng: np.random.Generator) -> tuple[Points, Points | None]:
    try:
        with np.load(path) as content:
            stored, normals = content["points"], content.get("normals")
    except (KeyError, ValueError, EOFError) as error:
        raise UserError(f"{path.name} holds no readable points ({error})") from error
    if not np.isfinite(stored).all():
        raise UserError(f"{path.name} holds points that are not finite")
    chosen = chosen_points(stored, points, rng)
    if normals is None or normals.shape != stored.shape:
        return stored[chosen].astype(np.float32), None
    return stored[chosen].astype(np.float32), normals[chosen].astype(np.float32)


def chosen_points(stored: npt.NDArray[Any], points: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Which of the stored points are taken, (points,) int64. Raises: UserError where there are too few."""
    if stored.ndim != 2 or stored.shape[1] != 3:
        raise UserError(f"expected points of shape (Q, 3), got {stored.shape}")
    if len(stored) < points:
        raise UserError(f"{len(stored)} stored points, {points} asked; store more or use a protocol of fewer points")
    return rng.choice(len(stored), points, replace=False)
