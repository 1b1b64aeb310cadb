"""Shapes a second that a loader reads from packs, beside reading the same bytes and nothing else.

    python -m benchmarks.reading --out reports/results/bench-reading.json --scratch FOLDER

Prepares ellipsoids of the default sizes (30,000 surface points, 12,288 and 8,192 queries) into packs below FOLDER,
4.7 GB that stay there for the next run, and draws one epoch of 2,048 + 2,048 points of each by a torch DataLoader.
Asked: above 300 shapes a second with two workers. Once with the packs in the memory of the machine, once without.
"""

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from argus3d.bench import conditions
from argus3d.data.catalogue import Item
from argus3d.data.files import write_json
from argus3d.data.prepare import prepare
from argus3d.data.prepared import PreparedData
from argus3d.data.shape_files import PrepareConfig
from argus3d.train.stream import ShapeStream

ASKED = 300
BATCH = 16


@dataclass(frozen=True)
class Ellipsoid:
    """A solid whose half axes are `axes`."""

    axes: NDArray[np.float64]

    def surface(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        directions = rng.standard_normal((count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        return directions * self.axes, directions

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = ((points / self.axes) ** 2).sum(1) < 1
        return inside

    def mesh(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        raise NotImplementedError("no pictures are asked for")


@dataclass(frozen=True)
class Ellipsoids:
    """A source of as many as are asked for."""

    count: int
    name: str = "ellipsoids"

    def items(self) -> list[Item]:
        return [Item(f"ellipsoid-{index:06d}", "ellipsoid", "an ellipsoid", self.name) for index in range(self.count)]

    def shape(self, item_id: str) -> Ellipsoid:
        axes = 0.5 - 0.3 * np.random.default_rng(int(item_id[-6:])).random(3)
        axes[0] = 0.5
        return Ellipsoid(axes)

    def picture(self, item_id: str) -> None:
        return None


def epoch(stream: ShapeStream, workers: int, number: int) -> float:
    """Seconds of one epoch in batches, start of the workers included."""
    start = time.perf_counter()
    seen = sum(len(batch.row) for batch in DataLoader(stream.at(number), BATCH, shuffle=True, num_workers=workers))
    if seen != len(stream):
        raise RuntimeError(f"{seen} shapes of {len(stream)} came")
    return time.perf_counter() - start


def read_files(packs: list[Path]) -> float:
    """Seconds to read the packs from end to end in this process: the limit of one core."""
    start = time.perf_counter()
    for pack in packs:
        with pack.open("rb", buffering=0) as stream:
            while stream.read(1 << 22):
                pass
    return time.perf_counter() - start


def forget(packs: list[Path]) -> None:
    """Drop the packs from the machine's memory, as far as it lets them go."""
    os.sync()
    for pack in packs:
        descriptor = os.open(pack, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def measure(root: Path, count: int, workers: int, repeats: int) -> dict[str, Any]:
    """Rates of the loader and of plain reading, in turn."""
    prepare(Ellipsoids(count), root, PrepareConfig(pictures=False), packed=True)
    packs = sorted((root / "ellipsoids" / "packs").glob("*.zip"))
    stream = ShapeStream(list(PreparedData(root, ["ellipsoids"]).shapes.values()))
    rows: dict[str, list[float]] = {"in memory": [], "from the disk": [], "bytes alone, in memory": []}
    read_files(packs)
    for number in range(repeats):
        rows["in memory"].append(count / epoch(stream, workers, number))
        rows["bytes alone, in memory"].append(count / read_files(packs))
    for number in range(repeats):
        forget(packs)
        rows["from the disk"].append(count / epoch(stream, workers, number))
        read_files(packs)
    size = sum(pack.stat().st_size for pack in packs)
    return {"shapes": count, "bytes": size, "workers": workers, "shapes_per_second": rows, "asked": ASKED}


def main() -> None:
    parser = argparse.ArgumentParser(description="Reading packs of prepared shapes.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True, help="folder for 4.7 GB of packs")
    parser.add_argument("--shapes", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    before = os.getloadavg()[0]
    measured = measure(arguments.scratch, arguments.shapes, 2, arguments.repeats)
    machine = conditions(torch.device("cpu")) | {"load_before": round(before, 2)}
    write_json(arguments.out, measured | {"conditions": machine})
    for name, rates in measured["shapes_per_second"].items():
        print(f"{name}: {' '.join(f'{rate:.0f}' for rate in rates)} shapes a second (asked {ASKED})")


if __name__ == "__main__":
    main()
