"""Preparing meshes on two Ray nodes of one CPU, beside one Ray node of two and two processes without Ray.

    python -m pip install --editable ".[cluster]" --constraint constraints.txt
    python -m benchmarks.engine --out reports/results/bench-engine.json --data-root artifacts/data

The same random meshes of `household`, fetched where they are missing, are prepared without pictures; runs take turns.
`seconds` are those of the whole run on a cluster that is up, start of the workers included; `seconds_working` those
from the first result to the last. Ratios are medians, since the first run may have kernels to compile. Asked: two
nodes take at most 10 % more than one of the same cores. Wants a quiet machine with two cores.
"""

import argparse
import importlib.metadata
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from argus3d import engine
from argus3d.bench import conditions
from argus3d.data.files import sha256_file, write_json
from argus3d.data.household import HouseholdCatalogue, fetch_household
from argus3d.data.prepare import prepare
from argus3d.engine import Engine
from benchmarks.prepare import DEFAULTS, Chosen, choose
from benchmarks.watched import Watched

Report = dict[str, Any]

AT_MOST = 0.1  # of two nodes' overhead
STORE = 200 * 2**20  # bytes of each node's object store


@contextmanager
def ray_nodes(cpus: Sequence[int]) -> Iterator[Engine]:
    """A Ray cluster on this machine, with nodes of so many CPUs."""
    from ray.cluster_utils import Cluster

    nodes = [{"num_cpus": count, "object_store_memory": STORE, "include_dashboard": False} for count in cpus]
    cluster = Cluster(initialize_head=True, head_node_args=nodes[0])
    for node in nodes[1:]:
        cluster.add_node(**node)
    try:
        yield engine.ray(cluster.address)
    finally:
        cluster.shutdown()


@contextmanager
def processes(workers: int) -> Iterator[Engine]:
    """Processes without Ray."""
    yield engine.local(workers)


WAYS: dict[str, Callable[[], AbstractContextManager[Engine]]] = {
    "two nodes of one CPU": partial(ray_nodes, (1, 1)),
    "one node of two CPUs": partial(ray_nodes, (2,)),
    "two processes": partial(processes, 2),
    "one process": partial(processes, 1),
}


def run(chosen: Chosen, way: str, root: Path) -> Report:
    """Prepare the meshes in one way: seconds, and the sha256 of the manifest, which holds those of all files."""
    with WAYS[way]() as by:
        watched = Watched(by)
        start = time.perf_counter()
        prepare(chosen, root, DEFAULTS, watched)
        seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "seconds_working": watched.working,
        "sha256": sha256_file(root / chosen.name / "manifest.json"),
    }


def measure(chosen: Chosen, repeats: int) -> Report:
    """All ways in turn, so many times."""
    runs: dict[str, list[Report]] = {way: [] for way in WAYS}
    for _ in range(repeats):
        for way, found in runs.items():
            with tempfile.TemporaryDirectory() as scratch:
                found.append(run(chosen, way, Path(scratch)))
    hashes = {one["sha256"] for found in runs.values() for one in found}
    if len(hashes) != 1:
        raise SystemExit("the ways do not give the same bytes")
    return {
        "meshes": len(chosen.chosen),
        "same_bytes": True,
        "ways": {way: _taken(found, len(chosen.chosen)) for way, found in runs.items()},
        "overhead": {
            "two nodes beside one": overhead(runs, "two nodes of one CPU", "one node of two CPUs") | {"asked": AT_MOST},
            "one node beside processes": overhead(runs, "one node of two CPUs", "two processes"),
        },
    }


def _taken(found: Sequence[Report], meshes: int) -> Report:
    whole, working = ([round(one[key], 3) for one in found] for key in ("seconds", "seconds_working"))
    rate = (meshes - 1) / statistics.median(working)
    return {"seconds": whole, "seconds_working": working, "meshes_per_second_working": round(rate, 2)}


def overhead(runs: dict[str, list[Report]], one: str, other: str) -> Report:
    """How much longer the one takes: medians of runs that follow each other."""
    return {
        key: round(statistics.median(a[key] / b[key] for a, b in zip(runs[one], runs[other], strict=True)) - 1, 4)
        for key in ("seconds", "seconds_working")
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data-root", type=Path, default=Path("artifacts/data"))
    parser.add_argument("--count", type=int, default=300, help="meshes")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    before = os.getloadavg()[0]
    chosen = choose(HouseholdCatalogue(fetch_household(arguments.data_root)), arguments.count)
    report = measure(chosen, arguments.repeats)
    versions = {name: importlib.metadata.version(name) for name in ("ray", "numba", "trimesh", "libigl")}
    machine = conditions(torch.device("cpu")) | versions | {"load_before": round(before, 2)}
    write_json(arguments.out, report | {"conditions": machine})
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
