"""Preparing meshes for training and evaluation, beside trimesh as a plain user would write it.

    python -m pip install --editable ".[bench]" --constraint constraints.txt
    python -m benchmarks.prepare --out reports/results/bench-prepare.json --data-root artifacts/data

Takes the same random meshes of `household` and `components`, fetched where they are missing, on both sides, and the
same reader, queries and processes. Theirs is `trimesh.sample.sample_surface` and `Trimesh.contains`, on some of the
meshes: all of them would take hours. Runs alternate: ours, theirs, ours. Asked of ours with two processes and no
pictures: 20 meshes a second, 4 with 100,000 uniform queries, and 20 times trimesh's rate.
"""

import argparse
import importlib.metadata
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh

from argus3d.bench import conditions
from argus3d.data.catalogue import Item
from argus3d.data.components import ComponentsCatalogue, fetch_components
from argus3d.data.files import npz, write_json
from argus3d.data.household import HouseholdCatalogue, fetch_household
from argus3d.data.prepare import prepare
from argus3d.data.prepared import PreparedData
from argus3d.data.shape_files import BOX, PrepareConfig
from argus3d.data.solid import MeshSolid
from argus3d.data.streams import item_rng
from argus3d.data.views import view_files
from argus3d.engine import local
from argus3d.errors import UserError
from argus3d.render import render_png
from benchmarks.watched import Watched

Report = dict[str, Any]
MeshSource = HouseholdCatalogue | ComponentsCatalogue

DEFAULTS = PrepareConfig(pictures=False)
MANY = replace(DEFAULTS, uniform_points=100_000)
AT_LEAST = {"defaults": 20.0, "100,000 uniform queries": 4.0}  # meshes a second
TIMES = 20.0  # trimesh's rate
CHUNK = 4096  # queries that `contains` gets at a time, so that its candidates fit the memory


@dataclass(frozen=True)
class Chosen:
    """Some items of a source."""

    source: MeshSource
    chosen: tuple[Item, ...]

    @property
    def name(self) -> str:
        return self.source.name

    def items(self) -> list[Item]:
        return list(self.chosen)

    def shape(self, item_id: str) -> MeshSolid:
        return self.source.shape(item_id)

    def picture(self, item_id: str) -> None:
        return None

    def part(self, count: int) -> "Chosen":
        """The first so many of them."""
        return replace(self, chosen=self.chosen[:count])


def choose(source: MeshSource, count: int) -> Chosen:
    """Random items, the same in every run."""
    items = source.items()
    order = np.random.default_rng(0).permutation(len(items))[:count]
    return Chosen(source, tuple(items[index] for index in order))


def ours(sets: Sequence[Chosen], config: PrepareConfig, root: Path, workers: int) -> Report:
    """`prepare` of each set: seconds of all, and from the first result to the last, and what was refused."""
    rows: Report = {}
    for chosen in sets:
        by, start = Watched(local(workers)), time.perf_counter()
        counts = prepare(chosen, root, config, by)["counts"]
        seconds = time.perf_counter() - start
        rows[chosen.name] = {"seconds": seconds, "working": by.working, "refused": counts["failed"]}
    return rows


@dataclass(frozen=True)
class Answer:
    """Of one mesh by trimesh: seconds to load, sample and save, seconds in `contains`, and how far it agrees."""

    plain: float
    contains: float
    watertight: bool
    agreement: float


def plain(source: MeshSource, root: Path) -> Callable[[str], Answer]:
    """What trimesh does with one mesh, and what it answers of the queries that ours stored below `root`."""
    return partial(_plain, source, PreparedData(root, [source.name]))


def _plain(source: MeshSource, prepared: PreparedData, item_id: str) -> Answer:
    (shape,) = prepared.select([item_id])
    found = [shape.occupancy(kind) for kind in ("uniform", "near")]
    queries = np.concatenate([points for points, _ in found]).astype(np.float64)
    start = time.perf_counter()
    mesh = trimesh.Trimesh(*source.mesh(item_id))
    mesh.apply_translation(-mesh.bounds.mean(0))
    mesh.apply_scale(1 / mesh.extents.max())
    points, faces = trimesh.sample.sample_surface(mesh, DEFAULTS.surface_points, seed=0)
    normals = mesh.face_normals[faces]
    sampled = time.perf_counter()
    inside = np.concatenate([mesh.contains(queries[i : i + CHUNK]) for i in range(0, len(queries), CHUNK)])
    asked = time.perf_counter()
    npz({"points": points.astype(np.float16), "normals": normals.astype(np.float16)})
    npz({"points": queries.astype(np.float16), "occupancies": np.packbits(inside)})
    rest = time.perf_counter() - asked
    same = np.concatenate([inside_ours for _, inside_ours in found]) == inside
    return Answer(sampled - start + rest, asked - sampled, bool(mesh.is_watertight), float(same.mean()))


def theirs(sets: Sequence[Chosen], root: Path, workers: int) -> dict[str, list[Answer]]:
    """The meshes of each set that ours did not refuse, by as many processes."""
    found = {}
    for chosen in sets:
        kept = PreparedData(root, [chosen.name]).shapes
        ids = [item.id for item in chosen.items() if item.id in kept]
        found[chosen.name] = list(local(workers).map(partial(plain, chosen.source, root), ids))
    return found


def rate(answers: Sequence[Answer], workers: int, queries: int = 0) -> float:
    """Meshes a second of trimesh, processes as busy as they can be; `queries` more scale what `contains` took."""
    per_mesh = DEFAULTS.uniform_points + DEFAULTS.near_points
    seconds = sum(a.plain + a.contains * (per_mesh + queries) / per_mesh for a in answers)
    return workers * len(answers) / seconds


def profile(sets: Sequence[Chosen]) -> Report:
    """Milliseconds of one processor a mesh in each step: mean and median."""
    rows: Report = {}
    for chosen in sets:
        steps = [row for item in chosen.items() if (row := _steps(chosen.source, item.id))][1:]  # the first compiles
        rows[chosen.name] = {
            name: {
                "mean": round(1e3 * statistics.mean(row[name] for row in steps), 2),
                "median": round(1e3 * statistics.median(row[name] for row in steps), 2),
            }
            for name in steps[0]
        }
    return rows


def _steps(source: MeshSource, item_id: str) -> dict[str, float]:
    """Processor seconds of each step, or none of them for a mesh that is refused."""
    rng, laps = item_rng(0, item_id), {}
    last = time.process_time()

    def lap(name: str) -> None:
        nonlocal last
        laps[name] = time.process_time() - last
        last = time.process_time()

    mesh = source.mesh(item_id)
    lap("read the mesh")
    solid = MeshSolid.from_mesh(*mesh, item_id)
    lap("repair and find thin parts")
    try:
        points, normals = solid.surface(DEFAULTS.surface_points, rng)
    except UserError:
        return {}
    lap("30,000 surface points")
    uniform = rng.uniform(-BOX, BOX, (DEFAULTS.uniform_points, 3))
    near = points[rng.integers(len(points), size=DEFAULTS.near_points)]
    near = near + np.resize(DEFAULTS.near_sigmas, len(near))[:, None] * rng.standard_normal(near.shape)
    lap("draw queries")
    solid.examine(uniform)
    lap("12,288 uniform queries")
    solid.contains(near)
    lap("8,192 near queries")
    npz({"points": points.astype(np.float16), "normals": normals.astype(np.float16)})
    npz({"uniform": uniform.astype(np.float16), "near": near.astype(np.float16)})
    lap("files")
    render_png(*solid.mesh(), size=128)
    lap("small picture (not counted)")
    view_files(*solid.mesh())
    lap("12 views of 224 pixels (not counted)")
    return laps


def measure(sets: Sequence[Chosen], parts: Sequence[Chosen], scratch: Path, workers: int) -> Report:
    """All of the report but the conditions."""
    few = [chosen.part(workers) for chosen in sets]
    ours(few, DEFAULTS, scratch / "compiled", workers)
    first = ours(sets, DEFAULTS, scratch / "first", workers)
    answers = theirs(parts, scratch / "first", workers)
    second = ours(sets, DEFAULTS, scratch / "second", workers)
    many = ours(sets, MANY, scratch / "many", workers)
    counts = {chosen.name: len(chosen.items()) for chosen in sets}
    meshes = " + ".join(f"{count} {name}" for name, count in counts.items())
    beside = partial(_beside, answers=answers, counts=counts, workers=workers)
    return {
        "what": f"prepare {meshes} meshes, {workers} processes",
        "defaults": beside([first, second], "defaults", 0),
        "100,000 uniform queries": beside(
            [many], "100,000 uniform queries", MANY.uniform_points - DEFAULTS.uniform_points
        ),
        "agreement_on_watertight_meshes": {name: _agreement(found) for name, found in answers.items()},
        "processor_milliseconds_a_mesh": profile(sets),
    }


def _beside(
    runs: Sequence[Report],
    settings: str,
    more: int,
    *,
    answers: dict[str, list[Answer]],
    counts: dict[str, int],
    workers: int,
) -> Report:
    """Rates of each source and of both together; theirs scaled to these queries.

    The rate is that of the work, from the first result to the last; the start of processes is beside it.
    """
    rows: Report = {}
    for name in (*counts, "together"):
        names = list(counts) if name == "together" else [name]
        seconds = [sum(run[each]["seconds"] for each in names) for run in runs]
        working = [sum(run[each]["working"] for each in names) for run in runs]
        meshes = sum(counts[each] for each in names)
        mine = (meshes - len(names)) / statistics.median(working)
        # Together means as many of each, as ours has them.
        other = meshes / sum(counts[each] / rate(answers[each], workers, more) for each in names)
        rows[name] = {
            "ours": {
                "seconds": [round(each, 2) for each in seconds],
                "seconds_working": [round(each, 2) for each in working],
                "meshes_per_second_with_start": round(meshes / statistics.median(seconds), 2),
                "meshes_per_second": round(mine, 2),
                "at_least": AT_LEAST[settings],
                "refused": sum(runs[0][each]["refused"] for each in names),
            },
            "trimesh": {
                "meshes_per_second": round(other, 4),
                "measured": f"on {sum(len(answers[each]) for each in names)} of them"
                + (", time in contains scaled by the queries" if more else ""),
                "ratio": round(mine / other, 1),
                "at_least": TIMES,
            },
        }
    return rows


def _agreement(answers: Sequence[Answer]) -> Report:
    """On what share of the queries of watertight meshes `contains` and what ours stored are equal."""
    shares = [answer.agreement for answer in answers if answer.watertight]
    if not shares:
        return {"meshes": 0, "of": len(answers)}
    return {
        "meshes": len(shares),
        "of": len(answers),
        "median": round(statistics.median(shares), 5),
        "mean": round(statistics.mean(shares), 5),
        "least": round(min(shares), 5),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data-root", type=Path, default=Path("artifacts/data"))
    parser.add_argument("--count", type=int, default=300, help="meshes of each source")
    parser.add_argument("--theirs", type=int, default=20, help="of these, how many trimesh gets")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    household = HouseholdCatalogue(fetch_household(arguments.data_root))
    components = ComponentsCatalogue(fetch_components(arguments.data_root))
    sets = [choose(household, arguments.count), choose(components, arguments.count)]
    parts = [chosen.part(arguments.theirs) for chosen in sets]
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        report = measure(sets, parts, Path(scratch), arguments.workers)
    versions = {name: importlib.metadata.version(name) for name in ("numba", "trimesh", "rtree", "libigl")}
    machine = conditions(torch.device("cpu")) | versions | {"load_before": round(before, 2)}
    write_json(arguments.out, report | {"conditions": machine | {"processes": arguments.workers}})
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
