"""Folders of samples that were made for shapes of a reference, made up for the tests of tasks."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import trimesh

from argus3d.data.prepared import PreparedData
from tests.eval.toys import write_toys

Axes = npt.NDArray[np.float64]
POINTS = 2500  # of a prepared shape; baselines take 2,048 of them by protocol smoke


def prepare(root: Path, classes: Mapping[str, int]) -> dict[str, Axes]:
    """Prepare ellipsoids as split part toys-v1/test; returns their half axes by id."""
    write_toys(root, classes, points=POINTS)
    shapes = PreparedData(root, ["toys"]).shapes.values()
    return {shape.id: np.abs(shape.cloud().astype(np.float64)).max(axis=0) for shape in shapes}


def write_tasks(
    folder: Path,
    axes: Mapping[str, Axes],
    samples: Callable[[str, int], Axes | None],
    each: int = 3,
    given: Callable[[str], dict[str, str]] = lambda shape: {},
    parts: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write ellipsoids as samples of shapes.

    samples : of shape and number the half axes, None for a sample that came out empty
    parts : whether to write the bottom half of each shape as what was given
    """
    (folder / "meshes").mkdir(parents=True)
    records = []
    for shape in axes:
        for number in range(each):
            item, own = f"{shape}-{number}", samples(shape, number)
            file = None
            if own is not None:
                file = f"meshes/{item}.ply"
                ball = trimesh.creation.icosphere(subdivisions=2)
                trimesh.Trimesh(ball.vertices * own, ball.faces, process=False).export(folder / file)
            records.append(
                {"id": item, "category": "", "seed": 0, "file": file, "empty": file is None, "shape": shape,
                 "number": number, "given": given(shape)}
            )  # fmt: skip
    if parts:
        np.savez(folder / "parts.npz", **{shape: below(own) for shape, own in axes.items()})
    write_manifest(folder, records, settings or {"each": each})
    return folder


def below(own: Axes, points: int = 60) -> npt.NDArray[np.float32]:
    """Points of the lower half of an ellipsoid."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((points, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    directions[:, 1] = -np.abs(directions[:, 1])
    return (directions * own).astype(np.float32)


def write_manifest(folder: Path, records: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> None:
    content = {"schema": 1, "samples": list(records), "checkpoint": {}, "command": "", "settings": dict(settings)}
    (folder / "manifest.json").write_text(json.dumps(content))


def edit(folder: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the records of a manifest in place."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    change(content["samples"])
    path.write_text(json.dumps(content))
