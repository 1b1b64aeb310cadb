"""Light fields and their distances on one core: milliseconds a mesh against its faces, pairs a second.

NUMBA_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m benchmarks.lightfield --out bench-lightfield.json
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import trimesh

from argus3d.bench import conditions
from argus3d.data.files import write_json
from eval.distances.lightfield import LightField, LightFieldPairs, light_field
from eval.distances.neighbours import Neighbours

SECTIONS = (8, 16, 32, 64, 128, 256)  # around a torus's tube; twice as many along it
SHAPES = 160
ROUNDS = 5


def main() -> int:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JSON with the numbers")
    arguments = parser.parse_args()
    light_field(*torus(SECTIONS[0], 0.3))  # compile
    described = []
    for sections in SECTIONS:
        vertices, faces = torus(sections, 0.3)
        took = median(lambda vertices=vertices, faces=faces: light_field(vertices, faces))  # type: ignore[misc]
        described.append({"faces": len(faces), "milliseconds": round(1e3 * took, 2)})
        print(f"{len(faces):6d} faces: {1e3 * took:.1f} ms a mesh", file=sys.stderr)
    content = {"schema": 1, "what": "light fields"} | conditions(torch.device("cpu"))
    write_json(arguments.out, content | {"descriptors": described, "distances": distances()})
    return 0


def distances() -> dict[str, Any]:
    """Pairs a second, all of them and their bounds, and how many of them nearest neighbours need."""
    fields = boxes()
    pairs = LightFieldPairs(fields)
    rows, columns = np.triu_indices(SHAPES, 1)
    pairs.exact(rows[:1], columns[:1])
    pairs.bounds(rows[:1], columns[:1])
    exact, bounds = (median(lambda work=work: work(rows, columns)) for work in (pairs.exact, pairs.bounds))  # type: ignore[misc]
    neighbours = Neighbours(pairs)
    neighbours.nearest()
    print(f"{len(rows) / exact:,.0f} distances, {len(rows) / bounds:,.0f} bounds a second", file=sys.stderr)
    return {
        "shapes": SHAPES,
        "exact_pairs_per_second": round(len(rows) / exact),
        "bounds_per_second": round(len(rows) / bounds),
        "solved_share_nearest": round(neighbours.solved / len(rows), 4),
    }


def boxes() -> LightField:
    """Light fields of pairs of boxes with random sides and places."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(SHAPES):
        both = [trimesh.creation.box(rng.uniform(0.1, 1, 3)).apply_translation(rng.uniform(-0.4, 0.4, 3)) for _ in "ab"]
        joined = trimesh.util.concatenate(both)
        made.append(light_field(joined.vertices, joined.faces))
    return np.stack(made)


def torus(sections: int, tube: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    shape = trimesh.creation.torus(1, tube, major_sections=2 * sections, minor_sections=sections)
    return np.array(shape.vertices), np.array(shape.faces)


def median(work: Callable[[], object]) -> float:
    """Seconds."""
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    raise SystemExit(main())
