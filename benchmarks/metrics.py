"""Set metrics, and the distances under them, beside the strongest packages that give the same answers.

    python -m pip install --editable ".[bench]" --constraint constraints.txt
    python -m benchmarks.metrics --out reports/results/bench-metrics.json --data-root artifacts/data [--part NAME ...]

Ours and theirs run in turn in one process, and ratios are medians of such pairs. A peer that would take hours is
measured on some of the pairs, before and after ours, and scaled; the report says on how many. Parts that are not asked
for stay in the report as they were. Wants a quiet machine: OpenMP in particular slows down beside other work.
"""

import argparse
import importlib.metadata
import json
import os
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt
import torch

from argus3d.bench import conditions
from argus3d.data.files import write_json
from benchmarks import peers
from benchmarks.shapes import Shapes, procedural
from eval.distances.chamfer import chamfer_matrix
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.emd import emd
from eval.distances.emd_bounds import EmdPairs
from eval.distances.sets import Sets
from eval.metrics.coverage import coverage
from eval.metrics.ecd import ecd
from eval.metrics.mmd import mmd
from eval.metrics.one_nna import one_nna

Points = npt.NDArray[np.float32]
Report = dict[str, Any]
T = TypeVar("T")

GAP = 1e-3  # of a single EMD; set metrics ask for exact ones
TREES = 10  # of ECD
ABSOLUTE, RELATIVE = 1e-6, 1e-5  # how far distances may differ; |a|^2 + |b|^2 - 2ab loses digits


@dataclass(frozen=True)
class Sizes:
    """How much is measured; the defaults are those of the report."""

    matrix: int = 200  # clouds a side of the matrix
    products: int = 1  # its rows by three products
    clouds: int = 1000  # a set, by CD
    checked: int = 50  # a set, for metrics from the peer's whole matrix
    trees: int = 2  # of the peer, before ours and again after
    pairs: int = 8  # single EMDs
    emd_clouds: int = 300  # a set, by EMD
    emd_pairs: int = 8  # a core, of the peer, before ours and again after
    counts: tuple[int, ...] = (100, 200, 500, 1000, 2000)  # clouds a set
    points: tuple[int, ...] = (512, 1024, 2048, 4096, 8192, 16384)
    points_clouds: int = 16  # a side of the matrix at each
    points_emds: int = 3
    simplex_points: int = 4096  # beyond them a cost matrix for POT would take 0.5 GB and more
    large: int = 10_000  # a set, once
    repeats: int = 3


def all_pairs(shapes: Shapes, sizes: Sizes) -> Report:
    """Every CD between two sets, trees and blocks built inside."""
    a, b, sources = shapes.halves(sizes.matrix)
    few = a[: sizes.products]
    chamfer_matrix(a[:2], b[:2])
    own, trees, products = [], [], []
    for _ in range(sizes.repeats):
        seconds, found = timed(lambda: chamfer_matrix(a, b))
        own.append(seconds)
        seconds, by_trees = timed(lambda: peers.chamfer_by_trees(a, b))
        trees.append(seconds)
        seconds, by_products = timed(lambda: peers.chamfer_by_products(few, b))
        products.append(seconds * len(a) / len(few))
    return {
        "what": f"all pairs CD, {len(a)} x {len(b)} clouds of {a.shape[1]:,} points, build included",
        "ours": taken(own) | {"pairs_per_second": round(found.size / statistics.median(own))},
        "peers": {
            "pykdtree, queries joined per tree": beside(own, trees, 6) | agreement(found, by_trees),
            "three products in torch": beside(own, products, 300, f"{few.shape[0]} of {len(a)} rows, scaled")
            | agreement(found[: len(few)], by_products),
        },
        "sources": sources,
    }


def set_metrics(shapes: Shapes, sizes: Sizes) -> Report:
    """COV, MMD, 1-NNA and ECD by CD, against all pairs by pykdtree alone: metrics come to it for nothing."""
    a, b, _ = shapes.halves(sizes.checked)
    scores, _ = scores_by_chamfer(a, b)
    whole = [peers.chamfer_by_trees(x, y) for x, y in ((a, b), (a, a), (b, b))]
    theirs = scores_of(Sets.of_matrices(whole[0], whole[1], whole[2]))
    check(np.array(list(scores.values())), np.array(list(theirs.values())))
    a, b, sources = shapes.halves(sizes.clouds)
    union = np.concatenate([a, b])
    share = len(union) * (len(union) - 1) / (2 * sizes.trees * len(union))

    def some_trees(first: int) -> float:
        some = union[first : first + sizes.trees]
        return timed(lambda: peers.one_way_by_trees(union, some))[0]

    own, trees = [], []
    for repeat in range(sizes.repeats):
        first = 2 * sizes.trees * repeat
        before = some_trees(first)
        seconds, (scores, solved) = timed(lambda: scores_by_chamfer(a, b))
        own.append(seconds)
        trees.append((before + some_trees(first + sizes.trees)) * share)
    measured = f"{2 * sizes.trees} of {len(union):,} trees a time, distances only, scaled"
    return {
        "what": f"COV, MMD, 1-NNA and ECD (k = {TREES}) by CD, {len(a):,} + {len(b):,} clouds",
        "ours": taken(own) | {"at_most": 60, "solved_pairs_per_cloud": round(solved / len(union), 1)},
        "peers": {"pykdtree, all pairs": beside(own, trees, 50, measured)},
        "values": scores,
        "same_values_by_all_pairs": f"{sizes.checked} + {sizes.checked} clouds",
        "sources": sources,
    }


def one_emd(shapes: Shapes, sizes: Sizes) -> Report:
    """Single EMDs of real shapes; solvers get the matrix of costs for nothing, and its seconds are told."""
    a, b, sources = shapes.halves(sizes.pairs)
    emd(a[0], b[0], GAP)
    peers.emd_of_pair((a[0], b[0]))
    own, simplex, paths, matrices, off = [], [], [], [], []
    for x, y in zip(a, b, strict=True):
        seconds, found = timed(lambda: emd(x, y, GAP))  # noqa: B023
        own.append(seconds)
        seconds, cost = timed(lambda: peers.costs(x, y))  # noqa: B023
        matrices.append(seconds)
        seconds, best = timed(lambda: peers.emd_by_simplex(cost))  # noqa: B023
        simplex.append(seconds)
        seconds, other = timed(lambda: peers.emd_by_paths(cost))  # noqa: B023
        paths.append(seconds)
        check(np.array(best), np.array(other))
        if not found.lower <= best * (1 + 1e-9) or not best <= found.upper * (1 + 1e-9):
            raise RuntimeError(f"the optimum {best} lies outside the certified interval of {found}")
        off.append(found.value / best - 1)
    return {
        "what": f"one EMD, {a.shape[1]:,} points, gap {GAP:g}",
        "ours": taken(own),
        "peers": {
            "POT ot.emd2": beside(own, simplex, 4, "without the matrix of costs"),
            "scipy linear_sum_assignment": beside(own, paths, None, "without the matrix of costs"),
        },
        "matrix_of_costs_seconds": round(statistics.median(matrices), 4),
        "largest_relative_error": float(f"{max(off):.2g}"),
        "sources": sources,
    }


def one_nna_emd(shapes: Shapes, sizes: Sizes) -> Report:
    """1-NNA by exact EMD, against POT on all pairs, a process on each core."""
    a, b, sources = shapes.halves(sizes.emd_clouds)
    union = np.concatenate([a, b])
    every = len(union) * (len(union) - 1) // 2
    cores = os.cpu_count() or 1
    some = np.random.default_rng(2).permutation(every)[: 2 * sizes.emd_pairs * cores]
    rows, columns = (indices[some] for indices in np.triu_indices(len(union), 1))
    pairs = [(union[i], union[j]) for i, j in zip(rows, columns, strict=True)]
    one_nna(Sets(EmdPairs(union[:4]), 2))
    with peers.processes(cores) as pool:
        before, _ = timed(lambda: list(pool.map(peers.emd_of_pair, pairs[::2])))
        own, (value, solved) = timed(lambda: one_nna_by_emd(a, b))
        after, _ = timed(lambda: list(pool.map(peers.emd_of_pair, pairs[1::2])))
    theirs = (before + after) * every / len(pairs)
    return {
        "what": f"1-NNA by exact EMD, {len(a)} + {len(b)} clouds of {a.shape[1]:,} points",
        "ours": taken([own]) | {"solved_pairs_per_cloud": round(solved / len(union), 1)},
        "peers": {
            "POT, all pairs": beside([own], [theirs], 40, f"{len(pairs)} of {every:,} pairs on {cores} cores, scaled")
        },
        "values": {"one_nna": value},
        "sources": sources,
    }


def cost(shapes: Shapes, sizes: Sizes) -> Report:
    """What set metrics by CD cost against the number of shapes, and single distances against that of points."""
    most = procedural(2 * sizes.points_clouds, max(sizes.points))
    at_count(shapes, min(sizes.counts))  # compiles
    at_points(most, min(sizes.points), sizes)
    return {
        "what": "cost against the number of shapes and of points",
        "shapes": [at_count(shapes, count) for count in sizes.counts],
        "points": [at_points(most, points, sizes) for points in sizes.points],
    }


def large(shapes: Shapes, sizes: Sizes) -> Report:
    """What sets cost that nobody has a matrix for, in time and memory."""
    at_count(shapes, min(sizes.counts))  # compiles
    row = at_count(shapes, sizes.large)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "what": f"COV, MMD, 1-NNA and ECD (k = {TREES}) by CD, {sizes.large:,} + {sizes.large:,} clouds",
        **row,
        "peak_gigabytes_of_the_process": {"value": round(peak / 1e9, 2), "at_most": 16},
    }


def at_count(shapes: Shapes, count: int) -> Report:
    """COV, MMD, 1-NNA and ECD by CD of `count` + `count` clouds."""
    a, b, sources = shapes.halves(count)
    seconds, (_, solved) = timed(lambda: scores_by_chamfer(a, b))
    return {
        "clouds_per_set": count,
        "seconds": round(seconds, 3),
        "solved_pairs_per_cloud": round(solved / (2 * count), 1),
        "share_of_pairs_solved": round(solved / (count * (2 * count - 1)), 4),
        "sources": sources,
    }


def at_points(most: Points, points: int, sizes: Sizes) -> Report:
    """Milliseconds a pair of clouds of so many points, which any first ones of a drawn cloud are."""
    a, b = np.split(np.ascontiguousarray(most[:, :points]), 2)
    chamfer, found = timed(lambda: chamfer_matrix(a, b))
    trees, by_trees = timed(lambda: peers.chamfer_by_trees(a, b))
    few = list(zip(a, b, strict=True))[: sizes.points_emds]
    solved, _ = timed(lambda: [emd(*pair, GAP) for pair in few])
    row = {
        "points": points,
        "cd_ms": round(1e3 * chamfer / found.size, 4),
        "cd_pykdtree_ms": round(1e3 * trees / found.size, 4),
        "cd_ratio": round(trees / chamfer, 2),
        "emd_ms": round(1e3 * solved / len(few), 2),
    } | agreement(found, by_trees)
    if points > sizes.simplex_points:
        return row
    simplex, _ = timed(lambda: [peers.emd_of_pair(pair) for pair in few])
    return row | {"emd_pot_ms": round(1e3 * simplex / len(few), 2), "emd_ratio": round(simplex / solved, 2)}


def scores_by_chamfer(a: Points, b: Points) -> tuple[dict[str, float], int]:
    """Set metrics, and how many pairs were solved for them."""
    sets = Sets(ChamferPairs(np.concatenate([a, b])), len(a))
    return scores_of(sets), sets.union.solved


def scores_of(sets: Sets) -> dict[str, float]:
    """COV, MMD, 1-NNA and ECD."""
    return {"cov": coverage(sets), "mmd": mmd(sets), "one_nna": one_nna(sets).value, "ecd": ecd(sets, TREES).value}


def one_nna_by_emd(a: Points, b: Points) -> tuple[float, int]:
    """1-NNA, and how many pairs were solved for it."""
    sets = Sets(EmdPairs(np.concatenate([a, b])), len(a))
    return one_nna(sets).value, sets.union.solved


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of one call, and what it gave."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def taken(seconds: list[float]) -> Report:
    """The median of some runs, and each."""
    return {"median": round(statistics.median(seconds), 4), "seconds": [round(one, 4) for one in seconds]}


def beside(own: list[float], theirs: list[float], at_least: float | None, measured: str = "all of it") -> Report:
    """A peer's runs, each over ours of the same round."""
    ratios = [other / mine for mine, other in zip(own, theirs, strict=True)]
    goal = {} if at_least is None else {"at_least": at_least}
    return taken(theirs) | goal | {
        "measured": measured,
        "ratio": round(statistics.median(ratios), 1),
        "ratios": [round(one, 1) for one in ratios],
    }  # fmt: skip


def agreement(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> dict[str, float]:
    """How far two computations of the same differ at most. Raises: RuntimeError when they do not agree."""
    check(ours, theirs)
    return {"largest_difference": float(f"{np.abs(ours - theirs).max():.2g}")}


def check(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> None:
    """Raises: RuntimeError when two computations of the same do not agree."""
    if not np.allclose(ours, theirs, rtol=RELATIVE, atol=ABSOLUTE):
        raise RuntimeError(f"the answers differ: {ours} here, {theirs} there")


PARTS: dict[str, Callable[[Shapes, Sizes], Report]] = {
    "all_pairs": all_pairs,
    "set_metrics": set_metrics,
    "one_emd": one_emd,
    "one_nna_emd": one_nna_emd,
    "cost": cost,
    "large": large,
}


def measured(part: str, shapes: Shapes, sizes: Sizes) -> Report:
    """One part of the report, with what it was measured on."""
    before = os.getloadavg()[0]
    report = PARTS[part](shapes, sizes)
    machine = conditions(torch.device("cpu")) | versions() | {"numba_threads": numba.get_num_threads()}
    return report | {"conditions": machine | {"load_before": round(before, 2)}}


def versions() -> dict[str, str]:
    """Of what is measured, beyond `conditions`."""
    return {name: importlib.metadata.version(name) for name in ("numba", "scipy", "pykdtree", "POT")}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data-root", type=Path, default=Path("artifacts/data"))
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one; may be given again")
    parser.add_argument("--repeats", type=int, default=Sizes.repeats)
    arguments = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    shapes, sizes = Shapes(arguments.data_root), Sizes(repeats=arguments.repeats)
    report = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    for part in arguments.part or PARTS:
        report[part] = measured(part, shapes, sizes)
        write_json(arguments.out, report)
        print(json.dumps({part: report[part]}, indent=1), flush=True)


if __name__ == "__main__":
    main()
