"""Sampling with nano: tokens with and without a cache, meshes coarse to fine and dense, shapes a second.

    python benchmarks/sampling.py --out reports/results/bench-sampling.json
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from argus3d.data.files import write_json
from argus3d.generator import ArgusGenerator, SamplingConfig
from argus3d.meshing import dense_occupancy, extract_mesh, mesh_of_planes
from argus3d.model.transformer import ShapeTransformer
from argus3d.sampler import sample_tokens

BATCH = 16


def seconds(work: Callable[[], Any], repeats: int) -> list[float]:
    """Wall-clock seconds of each of `repeats` calls, after one that does not count."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return taken


@torch.no_grad()
def tokens_without_cache(transformer: ShapeTransformer, condition: torch.Tensor) -> torch.Tensor:
    """Greedy tokens as the released code makes them: the whole sequence computed again at every step."""
    tokens = torch.zeros((len(condition), transformer.config.tokens), dtype=torch.int64)
    for step in range(tokens.shape[1]):
        tokens[:, step] = transformer(tokens[:, : step + 1], condition)[:, -1].argmax(1)
    return tokens


def row(name: str, shapes: int, taken: list[float]) -> dict[str, Any]:
    """One line of the report: median, spread and rate."""
    median = float(np.median(taken))
    return {
        "what": name,
        "shapes": shapes,
        "seconds": round(median, 4),
        "fastest": round(min(taken), 4),
        "slowest": round(max(taken), 4),
        "shapes_per_second": round(shapes / median, 3),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    generator = ArgusGenerator.load("nano")
    argus, config = generator.argus, SamplingConfig()
    condition = torch.arange(BATCH) % len(generator.categories)
    seeds = list(range(BATCH))
    tokens = sample_tokens(argus.transformer, condition, seeds=seeds)
    with torch.no_grad():
        planes = [argus.autoencoder.decode(grid[None])[0] for grid in tokens]

    def meshes(resolution: int) -> Callable[[], Any]:
        return lambda: [mesh_of_planes(argus.autoencoder, one, resolution, argus.threshold) for one in planes]

    def dense(resolution: int) -> Callable[[], Any]:
        def work() -> None:
            for one in planes:
                extract_mesh(dense_occupancy(argus.autoencoder, one, resolution).numpy(), argus.threshold)

        return work

    rows = [
        row("tokens", BATCH, seconds(lambda: generator.tokens(condition.tolist(), seeds, config), 5)),
        row("tokens, no cache", BATCH, seconds(lambda: tokens_without_cache(argus.transformer, condition), 1)),
        row("planes to mesh, 64 cells", BATCH, seconds(meshes(64), 3)),
        row("planes to mesh, 64 cells, dense", BATCH, seconds(dense(64), 3)),
        row("planes to mesh, 128 cells", BATCH, seconds(meshes(128), 1)),
        row("planes to mesh, 128 cells, dense", BATCH, seconds(dense(128), 1)),
        row("class to mesh, 64 cells", BATCH, seconds(lambda: generator.sample("chair", BATCH), 3)),
    ]
    rate = {entry["what"]: entry["shapes_per_second"] for entry in rows}
    report = {
        "rows": rows,
        "ratios": {
            "cache against none": round(rate["tokens"] / rate["tokens, no cache"], 2),
            "coarse to fine against dense, 64": round(
                rate["planes to mesh, 64 cells"] / rate["planes to mesh, 64 cells, dense"], 2
            ),
            "coarse to fine against dense, 128": round(
                rate["planes to mesh, 128 cells"] / rate["planes to mesh, 128 cells, dense"], 2
            ),
        },
        "conditions": {
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "load": os.getloadavg()[0],
            "processor": platform.machine(),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    write_json(arguments.out, report)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
