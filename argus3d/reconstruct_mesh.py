"""A mesh file through the autoencoder and back, in the place and size that it came with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from argus3d.data.files import sha256_file
from argus3d.data.formats.mesh_files import read_mesh_file
from argus3d.data.shape_files import BOX
from argus3d.data.solid import MeshSolid
from argus3d.data.streams import item_rng
from argus3d.generator import ArgusGenerator, Request, Sample, SamplingConfig
from argus3d.reconstruct import iou, probabilities, there_and_back
from argus3d.samples import SampleFiles, mesh_bytes, sample_files, slug

QUERIES = 100_000  # uniform in the box, for IoU
POINTS = 50_000  # of each surface, for F-score: so many that two samples of one surface score 1
WITHIN = 0.02  # longest sides: how near a point counts as found

Turn = NDArray[np.float64]
# A point (3,) of the file times this is y up, and its inverse is its transpose.
UP: Mapping[str, Turn] = {"y": np.eye(3), "z": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])}


@dataclass(frozen=True)
class Frame:
    """Where a file's mesh lies: shape = (point @ turn - centre) / side.

    turn : (3, 3), see `UP`; centre : (3,); side : the longest of the box
    """

    turn: Turn
    centre: NDArray[np.float64]
    side: float

    @classmethod
    def of(cls, vertices: NDArray[np.float64], up: str) -> "Frame":
        """The frame of a mesh's vertices (V, 3), y or z up."""
        turned = vertices @ UP[up]
        low, high = turned.min(0), turned.max(0)
        return cls(UP[up], (low + high) / 2, float((high - low).max()))

    def restored(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (N, 3) of the shape, in the file's own coordinates."""
        back: NDArray[np.float64] = (points.astype(np.float64) * self.side + self.centre) @ self.turn.T
        return back


def reconstruct_file(
    generator: ArgusGenerator, path: Path, up: str, seed: int, config: SamplingConfig, file_type: str
) -> tuple[SampleFiles, dict[str, Any]]:
    """The files of a mesh as the autoencoder gives it back, and what the record says of it.

    up : "y" or "z", the axis that points up in the file

    The mesh is in the file's coordinates, tokens and picture are of the shape. `f_score` is of surface points within
    `WITHIN` longest sides; `iou` is None where the mesh is not closed, as nothing says what is inside.
    Raises: UserError for a file that is no shape.
    """
    vertices, faces = read_mesh_file(path)
    frame, name = Frame.of(vertices, up), slug(path.stem) or "mesh"
    solid = MeshSolid.from_mesh(vertices @ frame.turn, faces, str(path))
    rng = item_rng(seed, name)
    cloud, _ = solid.surface(generator.argus.autoencoder.config.points, rng)
    tokens, planes = there_and_back(generator, cloud)
    sample = next(generator.shapes([Request(name, None)], tokens, seed, config))
    closed = bool(trimesh.Trimesh(solid.vertices, solid.faces, process=False).is_watertight)
    facts: dict[str, Any] = {
        "mesh": path.name, "mesh_sha256": sha256_file(path), "side": frame.side, "centre": frame.centre.tolist(),
        "closed": closed, "f_score": round(f_score(sample, solid, rng), 6), "iou": None,
    }  # fmt: skip
    if closed:
        queries = rng.uniform(-BOX, BOX, (QUERIES, 3)).astype(np.float32)
        _, threshold = generator.surface(config)
        found = probabilities(generator, planes, queries) >= threshold
        facts["iou"] = round(iou(found, solid.contains(queries.astype(np.float64))), 6)
    return _in_frame(sample_files(sample, file_type), sample, frame, file_type), facts


def f_score(sample: Sample, solid: MeshSolid, rng: np.random.Generator) -> float:
    """Harmonic mean of the shares of either surface's points that lie within `WITHIN` of the other's, in [0, 1].

    Source: Tatarchenko et al. 2019 (arXiv 1905.03678)
    """
    if sample.empty:
        return 0.0
    mesh = trimesh.Trimesh(sample.vertices, sample.faces, process=False)
    made = np.asarray(trimesh.sample.sample_surface(mesh, POINTS, seed=rng)[0])
    wanted, _ = solid.surface(POINTS, rng)
    precision = float((cKDTree(wanted).query(made)[0] <= WITHIN).mean())
    recall = float((cKDTree(made).query(wanted)[0] <= WITHIN).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _in_frame(made: SampleFiles, sample: Sample, frame: Frame, file_type: str) -> SampleFiles:
    name = made.record["file"]
    if name is None:
        return made
    content = mesh_bytes(frame.restored(sample.vertices), sample.faces, file_type)
    return SampleFiles(made.record, made.files | {name: content}, made.tokens)
