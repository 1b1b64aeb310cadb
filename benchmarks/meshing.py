"""Planes to meshes of 128 cells: coarse to fine, dense, and the released way (adaptive, point by point, PyMCubes).

    python -m benchmarks.meshing --out reports/results/bench-meshing.json

All ways run in turn, again and again, and ratios are medians of such pairs. Shapes: three of nano, and at the released
sizes a ball and a gyroid. All use every core; nothing runs on a GPU.
"""

import argparse
import json
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import KDTree

from argus3d.bench import conditions
from argus3d.config import ArgusConfig
from argus3d.data.files import write_json
from argus3d.generator import ArgusGenerator
from argus3d.meshing import OccupancyField, dense_occupancy, extract_mesh, logit, occupancy_of_field
from argus3d.model.autoencoder import ShapeAutoencoder
from tests.argus3d.fields import ball, gyroid, pass_through
from tests.reference.meshing import adaptive_occupancy, padded_marching_cubes, point_logits

CELLS = 128
THRESHOLD = 0.2  # of the released model
SIDE = 1.1


@dataclass(frozen=True)
class Shape:
    """What a mesh is made of."""

    name: str
    autoencoder: ShapeAutoencoder
    planes: torch.Tensor
    threshold: float


@dataclass(frozen=True)
class Run:
    """One way's work on one shape."""

    occupancy: float  # seconds
    extraction: float  # seconds
    evaluations: int
    vertices: NDArray[np.floating]
    points: float = 0.0  # seconds of `occupancy` in the decoder alone

    @property
    def seconds(self) -> float:
        return self.occupancy + self.extraction


def ours(shape: Shape, cells: int = CELLS) -> Run:
    """Coarse to fine on separable tables, and our marching cubes."""
    start = time.perf_counter()
    field = OccupancyField(shape.autoencoder.decoder, shape.planes, cells)
    values = occupancy_of_field(field, np.float32(logit(shape.threshold)))
    filled = time.perf_counter()
    mesh = extract_mesh(values, shape.threshold, SIDE)
    return Run(filled - start, time.perf_counter() - filled, field.evaluated, mesh.vertices)


def dense(shape: Shape) -> Run:
    """The same arithmetic at every sample."""
    start = time.perf_counter()
    values = dense_occupancy(shape.autoencoder, shape.planes, CELLS).numpy()
    filled = time.perf_counter()
    mesh = extract_mesh(values, shape.threshold, SIDE)
    return Run(filled - start, time.perf_counter() - filled, values.size, mesh.vertices)


def released(shape: Shape) -> Run:
    """The released way, written plainly."""
    in_decoder = 0.0

    def evaluate(points: NDArray[np.float32]) -> NDArray[np.float32]:
        nonlocal in_decoder
        begun = time.perf_counter()
        logits = point_logits(shape.autoencoder, shape.planes, points)
        in_decoder += time.perf_counter() - begun
        return logits

    start = time.perf_counter()
    values, evaluations = adaptive_occupancy(evaluate, logit(shape.threshold))
    filled = time.perf_counter()
    vertices, _ = padded_marching_cubes(values, logit(shape.threshold), SIDE)
    return Run(filled - start, time.perf_counter() - filled, evaluations, vertices, in_decoder)


WAYS: dict[str, Callable[[Shape], Run]] = {"ours": ours, "dense": dense, "released": released}


def shapes() -> list[Shape]:
    """Three samples of nano, and two analytic fields at the released sizes."""
    generator = ArgusGenerator.load("nano")
    nano, found = generator.argus.autoencoder, []
    for category in ("chair", "lamp", "airplane"):
        tokens = torch.from_numpy(generator.sample(category, 1, seed=0)[0].tokens)
        with torch.no_grad():
            found.append(Shape(f"nano, {category}", nano, nano.decode(tokens[None])[0], generator.argus.threshold))
    released_sizes = ArgusConfig.preset("huge").autoencoder
    model = pass_through(released_sizes)
    found.append(Shape("released sizes, ball", model, ball(0.4).planes(released_sizes), THRESHOLD))
    found.append(Shape("released sizes, gyroid", model, gyroid(1.5, 60).planes(released_sizes), THRESHOLD))
    return found


def distance(here: NDArray[np.floating], there: NDArray[np.floating]) -> float:
    """How far, in cells, the vertex of `here` lies that is furthest from all of `there`."""
    return float(KDTree(there).query(here)[0].max()) * CELLS / SIDE


def line(shape: Shape, repeats: int) -> dict[str, Any]:
    """One shape's line of the report."""
    runs: dict[str, list[Run]] = {way: [] for way in WAYS}
    for repeat in range(repeats + 1):
        for way, work in WAYS.items():
            run = work(shape)
            if repeat:  # the first round compiles and warms
                runs[way].append(run)
    last = {way: done[-1] for way, done in runs.items()}
    pairs = list(zip(runs["ours"], runs["released"], strict=True))
    sets = {way: {vertex.tobytes() for vertex in last[way].vertices} for way in ("ours", "dense")}
    return {
        "shape": shape.name,
        "ways": {way: summary(done) for way, done in runs.items()},
        "ratios": {
            "released to ours": median([theirs.seconds / own.seconds for own, theirs in pairs]),
            "released without bookkeeping to ours": median(
                [(theirs.points + theirs.extraction) / own.seconds for own, theirs in pairs]
            ),
            "dense to ours": median(
                [every.seconds / own.seconds for own, every in zip(runs["ours"], runs["dense"], strict=True)]
            ),
        },
        "surface": {
            "vertices": len(last["ours"].vertices),
            "vertices of dense missed": len(sets["dense"] - sets["ours"]),
            "vertices not of dense": len(sets["ours"] - sets["dense"]),
            "furthest of released from ours, cells": round(
                distance(last["released"].vertices, last["ours"].vertices), 4
            ),
            "furthest of ours from released, cells": round(
                distance(last["ours"].vertices, last["released"].vertices), 4
            ),
        },
    }


def median(values: list[float]) -> float:
    return round(float(np.median(values)), 4)


def summary(runs: list[Run]) -> dict[str, Any]:
    """Medians of one way's runs."""
    return {
        "seconds": median([run.seconds for run in runs]),
        "fastest": round(min(run.seconds for run in runs), 4),
        "slowest": round(max(run.seconds for run in runs), 4),
        "occupancy": median([run.occupancy for run in runs]),
        "extraction": median([run.extraction for run in runs]),
        "evaluations": runs[-1].evaluations,
    }


def at_size(shape: Shape, cells: int, repeats: int) -> dict[str, Any]:
    """What a mesh of so many cells costs."""
    ours(shape, cells)
    return {"shape": shape.name, "cells": cells, **summary([ours(shape, cells) for _ in range(repeats)])}


def peak_memory(cells: int) -> float:
    """GB that a mesh of the gyroid takes at most over what the process had before; for a process of its own."""
    shape = shapes()[-1]
    ours(shape, 64)  # compile
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours(shape, cells)
    return round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e9, 3)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        peak = pool.submit(peak_memory, 512).result()
    measured = shapes()
    lines = [line(shape, arguments.repeats) for shape in measured]
    report = {
        "lines": lines,
        "smallest ratio of released to ours": min(entry["ratios"]["released to ours"] for entry in lines),
        "sizes": [
            at_size(shape, cells, 3 if cells < 256 else 1)
            for shape in (measured[0], measured[-1])
            for cells in (64, 128, 256, 512)
        ],
        "peak memory, GB, 512 cells, gyroid": peak,
        "conditions": conditions(torch.device("cpu")) | {"repeats": arguments.repeats},
    }
    write_json(arguments.out, report)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
