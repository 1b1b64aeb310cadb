"""The files of one prepared shape, in the layout of Occupancy Networks: what is drawn of it, and in which bytes."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from argus3d.data.catalogue import Item, Sampled, Solid
from argus3d.data.files import npz
from argus3d.data.solid import MeshSolid
from argus3d.data.streams import item_rng
from argus3d.errors import UserError
from argus3d.render import render_png

BOX = 0.55  # queries cover [-0.55, 0.55]^3
CLOUD, QUERIES = "pointcloud.npz", {"uniform": "points.npz", "near": "points_near.npz"}
RENDER, PICTURE = "render.png", "picture.png"
# Points of a cloud that are drawn, and how large: 7.4 side² of squares, on surfaces that mostly have 1 to 3.
SQUARES, SQUARE_SIDE = 8192, 0.03


@dataclass(frozen=True)
class PrepareConfig:
    """How many points of which kind; part of the manifest, so that other settings never mix in one folder.

    surface_points : on what is seen from outside, with normals; the released model was trained on 30,000
    uniform_points : queries uniform in the box
    near_points : queries about the surface, at normal distances of `near_sigmas` in turn
    pictures : whether a small picture of each shape is drawn; a source's own is kept where there is one
    """

    surface_points: int = 30000
    uniform_points: int = 12288
    near_points: int = 8192
    near_sigmas: tuple[float, ...] = (0.02, 0.04)
    seed: int = 0
    pictures: bool = True


@dataclass(frozen=True)
class ShapeFiles:
    """File name -> content of one shape, and its record in the manifest."""

    files: dict[str, bytes]
    record: dict[str, Any]


def files_of_solid(item: Item, solid: Solid, config: PrepareConfig, picture: bytes | None) -> ShapeFiles:
    """Sample a solid. Raises: UserError when nothing of it can be hit inside."""
    rng = item_rng(config.seed, item.id)
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
    files = {
        CLOUD: npz({"points": points.astype(np.float16), "normals": normals.astype(np.float16)}),
        QUERIES["uniform"]: _queries(uniform, inside),
        QUERIES["near"]: _queries(near, solid.contains(near.astype(np.float64))),
    }
    if config.pictures:
        render = render_png(*solid.mesh(), size=128)
        files |= {RENDER: render, PICTURE: picture or render}
    facts = {
        "disagreement": round(found.disagreement, 6) if found else 0.0,
        "solidity": round(found.solidity, 6) if found else 1.0,
    }
    return _shape_files(item, files, inside, facts)


def files_of_sampled(item: Item, sampled: Sampled, config: PrepareConfig) -> ShapeFiles:
    """Keep as many of a source's own samples as are asked for. Raises: UserError for fewer, or impossible ones."""
    rng = item_rng(config.seed, item.id)
    chosen = _choice(rng, len(sampled.points), config.surface_points, item.id, "surface points")
    asked = _choice(rng, len(sampled.uniform), config.uniform_points, item.id, "queries")
    cloud = {"points": sampled.points, "normals": sampled.normals}
    stored = {name: values[chosen].astype(np.float16) for name, values in cloud.items() if values is not None}
    uniform, inside = sampled.uniform[asked].astype(np.float16), sampled.inside[asked]
    for name, values in (stored | {"queries": uniform}).items():
        if not np.isfinite(values).all():
            raise UserError(f"{item.id}: its {name} hold a number that is not finite; leave it out.")
    files = {CLOUD: npz(stored), QUERIES["uniform"]: _queries(uniform, inside)}
    if config.pictures and sampled.normals is not None:
        render = render_png(*_squares(stored["points"][:SQUARES], stored["normals"][:SQUARES]), size=128)
        files |= {RENDER: render, PICTURE: render}
    return _shape_files(item, files, inside, {})


def _queries(points: NDArray[np.float16], inside: NDArray[np.bool_]) -> bytes:
    return npz({"points": points, "occupancies": np.packbits(inside)})


def _squares(
    points: NDArray[np.float16], normals: NDArray[np.float16]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A small square on each point, across its normal: a cloud that can be drawn as a mesh."""
    normal = normals.astype(np.float64)
    aside = np.cross(normal, np.eye(3)[np.abs(normal).argmin(1)])
    aside *= SQUARE_SIDE / 2 / np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-9)
    along = np.cross(normal, aside)
    turns = np.stack([aside + along, along - aside, -aside - along, aside - along], 1)
    corners = 4 * np.arange(len(points))[:, None, None] + np.array([[0, 1, 2], [0, 2, 3]])
    return (points.astype(np.float64)[:, None] + turns).reshape(-1, 3), corners.reshape(-1, 3)


def _choice(rng: np.random.Generator, there: int, asked: int, item_id: str, what: str) -> NDArray[np.int64]:
    if there < asked:
        raise UserError(f"{item_id} holds {there} {what}, {asked} are asked for: ask for fewer.")
    return np.sort(rng.choice(there, asked, replace=False))


def _shape_files(item: Item, files: dict[str, bytes], inside: NDArray[np.bool_], facts: dict[str, Any]) -> ShapeFiles:
    arrays = {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name.endswith(".npz")}
    return ShapeFiles(files, asdict(item) | facts | {"inside": round(float(inside.mean()), 6), "sha256": arrays})
