"""How often 95 % intervals of set metrics hold what they are intervals of, by simulation.

    python -m benchmarks.interval_coverage --out reports/results/interval-coverage.json [--replicates 1000]

Each replicate draws two sets, measures them, takes the intervals of `eval.intervals` as protocol argus3d-v1 does, and
asks whether they hold the metric's mean over pairs of sets of the same sizes. For sets of one distribution that mean is
known for 1-NNA, (n - 1) / (2 n - 1), and for ECD, 2, and its parts, 0; elsewhere it is the mean of the replicates.

Distances are squared, as the protocol's Chamfer distances are: between points of Gaussians and of clusters, and between
procedural shapes. Of these there is a pool, from which sets are drawn without replacement; as that pool is not endless,
intervals look too wide there, by up to 4 % at 2 x 200 of 5,000, which is worth about 1 point. Cells that are not asked
for stay in the report as they were.
"""

import argparse
import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from argus3d.data.files import write_json
from benchmarks.dense_sets import NAMES, DenseSets
from benchmarks.shapes import procedural
from eval import intervals
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.neighbours import Neighbours
from eval.protocol import get_protocol

Values = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Values]

PROTOCOL = get_protocol("argus3d-v1")
SHARES = NAMES[:4]
METRICS = ("mmd", *NAMES, "ecd", "ecd1")
SIZES = (100, 200, 400)
POOL, POOL_POINTS, POOL_LARGEST = (
    5000,
    256,
    200,
)  # shapes, points a shape, and shapes a set beyond which it is too small
LONG = 200  # shapes a set beyond which half the replicates must do
CLUSTERS, DIMENSIONS = 10, 16


@dataclass(frozen=True)
class Case:
    """Two distributions to draw sets from.

    draw : (rng, n) to the (2 n, 2 n) distances of n generated and n reference shapes
    same : whether the distributions are one
    """

    draw: Draw
    same: bool
    sizes: tuple[int, ...] = SIZES


def gaussians(dimensions: int, shift: float = 0.0, scale: float = 1.0) -> Draw:
    """Generated shapes scaled by `scale` and moved by `shift` along one axis."""

    def draw(rng: np.random.Generator, size: int) -> Values:
        points = rng.normal(size=(2 * size, dimensions))
        points[:size] *= scale
        points[:size, 0] += shift
        return squared(points)

    return draw


def clusters(spread: float, dropped: int = 0) -> Draw:
    """Ten flat clusters of different widths, the i-th with weight 1 / i.

    spread : of their centres, in each dimension; 0.5 lets them overlap, 2 sets them far apart
    dropped : how many of the first the generated shapes lack
    """
    fixed = np.random.default_rng(0)
    centres = spread * fixed.normal(size=(CLUSTERS, DIMENSIONS))
    widths = np.linspace(0.2, 1, CLUSTERS)[:, None] * np.linspace(1, 0.1, DIMENSIONS)
    weights = 1 / np.arange(1, CLUSTERS + 1)

    def some(rng: np.random.Generator, size: int, first: int) -> Values:
        chances = np.where(np.arange(CLUSTERS) < first, 0, weights)
        chosen = rng.choice(CLUSTERS, size=size, p=chances / chances.sum())
        return np.asarray(centres[chosen] + widths[chosen] * rng.normal(size=(size, DIMENSIONS)))

    return lambda rng, size: squared(np.concatenate([some(rng, size, dropped), some(rng, size, 0)]))


def squared(points: Values) -> Values:
    """Squared Euclidean distances."""
    return np.asarray(cdist(points, points, "sqeuclidean"))


@cache
def pool() -> npt.NDArray[np.float32]:
    """Chamfer distances of procedural shapes of all classes, kept beside the simulation's processes."""
    found: Values = Neighbours(ChamferPairs(procedural(POOL, POOL_POINTS))).matrix()
    return found.astype(np.float32)


def from_pool(rng: np.random.Generator, size: int) -> Values:
    """Shapes of the pool, each at most once."""
    chosen = rng.choice(POOL, 2 * size, replace=False)
    return np.asarray(pool()[np.ix_(chosen, chosen)], np.float64)


CASES = {
    "Gaussian, 2 dimensions": Case(gaussians(2), True),
    "Gaussian, 4 dimensions": Case(gaussians(4), True),
    "Gaussian, 16 dimensions": Case(gaussians(16), True),
    "clusters": Case(clusters(0.5), True),
    "clusters far apart": Case(clusters(2.0), True),
    "procedural shapes": Case(from_pool, True, tuple(size for size in SIZES if size <= POOL_LARGEST)),
    "Gaussian, 4 dimensions, shifted": Case(gaussians(4, shift=0.75), False, (100, 200)),
    "Gaussian, 8 dimensions, too tight": Case(gaussians(8, scale=0.8), False, (100, 200)),
    "clusters, the largest dropped": Case(clusters(0.5, dropped=1), False, (100, 200)),
}


def replicate(name: str, size: int, number: int) -> Values:
    """Value, low and high of each of METRICS, (11, 3), of the `number`-th pair of sets."""
    rng = np.random.default_rng([list(CASES).index(name), size, number])
    sets = DenseSets(CASES[name].draw(rng, size), PROTOCOL.ecd_k)
    splits = intervals.random_splits(size, size, PROTOCOL.interval_repeats // 2, number)
    everything, share = np.arange(size), PROTOCOL.confidence
    values = dict(zip(NAMES, sets.values(everything, everything), strict=True))
    drawn, matched = sets.on_halves(splits)
    halves = {key: drawn[..., column] for column, key in enumerate(NAMES)}
    distances = sets.distances(everything)
    found = {"mmd": (distances.mean(), *intervals.matching_interval(distances, matched, share))}
    for key, value in values.items():
        interval = (
            intervals.share_interval(value, halves[key], size, share)
            if key in SHARES
            else intervals.score_interval(value, halves[key], share)
        )
        found[key] = (value, *interval)
    for suffix in ("", "1"):
        zw, zd = f"zw{suffix}", f"zd{suffix}"
        both = np.stack([halves[zw], halves[zd]], axis=-1)
        length = values[zw] ** 2 + values[zd] ** 2
        found[f"ecd{suffix}"] = (
            length,
            *intervals.squared_length_interval(length, values[zw], values[zd], both, share),
        )
    return np.array([found[key] for key in METRICS])


def target(metric: str, same: bool, size: int, values: Values) -> float:
    """What the interval should hold: the mean over pairs of sets, where it is known without drawing any."""
    if same and metric.startswith("one_nna"):
        return (size - 1) / (2 * size - 1)
    if same and metric.startswith("z"):
        return 0.0
    if same and metric.startswith("ecd"):
        return 2.0
    return float(values.mean())


def cell(name: str, size: int, replicates: int, run: Callable[..., Any] = map) -> dict[str, Any]:
    """Coverage of every metric for sets of one size from one case.

    run : `map`, or that of a pool of processes
    """
    found = np.array(list(run(partial(replicate, name, size), range(replicates))))
    metrics = {}
    for column, metric in enumerate(METRICS):
        values, low, high = found[:, column].T
        mean = target(metric, CASES[name].same, size, values)
        covered = float(np.mean((low <= mean) & (mean <= high)))
        metrics[metric] = {
            "covered_percent": round(100 * covered, 1),
            "standard_error": round(100 * (covered * (1 - covered) / replicates) ** 0.5, 2),
            "too_high_percent": round(100 * float(np.mean(low > mean)), 1),
            "too_low_percent": round(100 * float(np.mean(high < mean)), 1),
            "mean": float(f"{mean:.5g}"),
            "standard_deviation": float(f"{values.std(ddof=1):.4g}"),
            "median_width": float(f"{np.median(high - low):.4g}"),
        }
    return {
        "distribution": name,
        "same": CASES[name].same,
        "size": size,
        "replicates": replicates,
        "metrics": metrics,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Simulate, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    pairs = "pairs of sets a cell, half at 400 (default: %(default)s)"
    parser.add_argument("--replicates", type=int, default=1000, help=pairs)
    parser.add_argument("--case", action="append", choices=list(CASES), help="only these cases; may be repeated")
    parser.add_argument("--size", action="append", type=int, help="only these sizes; may be repeated")
    arguments = parser.parse_args(argv)
    cells = {}
    if arguments.out.exists():
        cells = {(one["distribution"], one["size"]): one for one in json.loads(arguments.out.read_text())["cells"]}
    asked = [
        (name, size)
        for size in arguments.size or SIZES
        for name in arguments.case or CASES
        if size in CASES[name].sizes
    ]
    if any(name == "procedural shapes" for name, _ in asked):
        pool()  # before the processes fork, so that they share it
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("fork")) as processes:
        for name, size in asked:
            replicates = arguments.replicates // 2 if size > LONG else arguments.replicates
            cells[name, size] = cell(name, size, replicates, partial(processes.map, chunksize=10))
            print(json.dumps(summary(cells[name, size])), flush=True)
            write_json(arguments.out, report(list(cells.values())))


def summary(one: dict[str, Any]) -> dict[str, Any]:
    """A cell in a line."""
    return {
        "distribution": one["distribution"],
        "size": one["size"],
        **{metric: entry["covered_percent"] for metric, entry in one["metrics"].items()},
    }


def report(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """The file that is written."""
    return {
        "what": f"coverage of {100 * PROTOCOL.confidence:g} % intervals of set metrics, percent of replicates",
        "interval": PROTOCOL.interval,
        "splits": PROTOCOL.interval_repeats // 2,
        "trees": PROTOCOL.ecd_k,
        "cells": sorted(cells, key=lambda one: (list(CASES).index(one["distribution"]), one["size"])),
    }


if __name__ == "__main__":
    main()
