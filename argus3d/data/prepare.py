"""From a catalogue to training and evaluation data: clouds, occupancy samples and pictures in the OccNet layout."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from argus3d.data.catalogue import Catalogue, Item
from argus3d.data.files import beside, sha256_file, write_atomically, write_json
from argus3d.data.solid import MeshSolid
from argus3d.data.streams import item_rng
from argus3d.errors import UserError
from argus3d.render import render_png

BOX = 0.55  # queries cover [-0.55, 0.55]^3
ARRAYS = ("pointcloud.npz", "points.npz", "points_near.npz")


@dataclass(frozen=True)
class PrepareConfig:
    """How many points of which kind; part of the manifest, so that other settings never mix in one folder."""

    surface_points: int = 6144
    uniform_points: int = 12288
    near_points: int = 8192
    near_sigmas: tuple[float, ...] = (0.02, 0.04)
    seed: int = 0


def prepare(
    catalogue: Catalogue, root: Path, config: PrepareConfig | None = None, workers: int | None = None
) -> dict[str, Any]:
    """Prepare every item of `catalogue` under `root/<name>/<category>/<id>/` and write the manifest last.

    Finished items of an interrupted run are kept. An item that fails is listed in the manifest with its reason and
    stops nothing. Returns the manifest. Raises: UserError when the folder holds other settings.
    """
    config = config or PrepareConfig()
    folder = root / catalogue.name
    _check_settings(folder, config)
    items = catalogue.items()
    work = partial(_prepare_item, catalogue, folder, config)
    records = _map(work, items, workers or os.cpu_count() or 1, catalogue.name)
    shapes = [record for record in records if "failed" not in record]
    failed = [[record["id"], record["failed"]] for record in records if "failed" in record]
    manifest = {
        "schema": 1,
        "source": catalogue.name,
        "settings": asdict(config),
        "counts": {"asked": len(items), "found": len(shapes), "failed": len(failed)},
        "failed": failed,
        "shapes": shapes,
    }
    write_json(folder / "manifest.json", manifest)
    return manifest


def _map(work: Callable[[Item], dict[str, Any]], items: list[Item], workers: int, name: str) -> list[dict[str, Any]]:
    progress = partial(tqdm, total=len(items), desc=f"prepare {name}", unit="shape", disable=None)
    if workers == 1:
        return list(progress(map(work, items)))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return list(progress(pool.map(work, items, chunksize=4)))


def _check_settings(folder: Path, config: PrepareConfig) -> None:
    path = folder / "settings.json"
    wanted = json.loads(json.dumps(asdict(config)))
    if path.exists() and json.loads(path.read_text()) != wanted:
        raise UserError(f"{folder} was prepared with other settings (see {path}); remove it or name another root.")
    write_json(path, wanted)


def _prepare_item(catalogue: Catalogue, folder: Path, config: PrepareConfig, item: Item) -> dict[str, Any]:
    """Write the files of one item and return its manifest record; `record.json`, written last, marks it as whole."""
    target = folder / item.category / item.id
    record_path = target / "record.json"
    if record_path.exists():
        return dict(json.loads(record_path.read_text()))
    try:
        record = asdict(item) | _write_samples(catalogue, target, config, item)
    except UserError as error:
        return {"id": item.id, "failed": str(error)}
    write_json(record_path, record)
    return record


def _write_samples(catalogue: Catalogue, target: Path, config: PrepareConfig, item: Item) -> dict[str, Any]:
    rng = item_rng(config.seed, item.id)
    solid = catalogue.shape(item.id)
    points, normals = solid.surface(config.surface_points, rng)
    uniform = rng.uniform(-BOX, BOX, (config.uniform_points, 3)).astype(np.float16)
    sigma = np.resize(config.near_sigmas, config.near_points)[:, None]
    centres = points[rng.integers(len(points), size=config.near_points)]
    near = np.clip(centres + sigma * rng.standard_normal((config.near_points, 3)), -BOX, BOX).astype(np.float16)
    # Occupancy belongs to the stored, rounded points.
    found = solid.examine(uniform.astype(np.float64)) if isinstance(solid, MeshSolid) else None
    inside = found.inside if found else solid.contains(uniform.astype(np.float64))
    if not inside.any():
        raise UserError(f"{item.id}: no sampled point lies inside the shape; it is too thin to model, leave it out.")
    near_inside = solid.contains(near.astype(np.float64))
    _save(target / "pointcloud.npz", points=points.astype(np.float16), normals=normals.astype(np.float16))
    _save(target / "points.npz", points=uniform, occupancies=np.packbits(inside))
    _save(target / "points_near.npz", points=near, occupancies=np.packbits(near_inside))
    record: dict[str, Any] = {
        "inside": round(float(inside.mean()), 6),
        "disagreement": round(found.disagreement, 6) if found else 0.0,
        "solidity": round(found.solidity, 6) if found else 1.0,
    }
    render = render_png(*solid.mesh(), size=128)
    write_atomically(target / "render.png", render)
    write_atomically(target / "picture.png", catalogue.picture(item.id) or render)
    record["sha256"] = {name: sha256_file(target / name) for name in ARRAYS}
    return record


def _save(path: Path, **arrays: np.ndarray) -> None:
    with beside(path) as scratch:
        np.savez(scratch, **arrays)  # type: ignore[arg-type]
