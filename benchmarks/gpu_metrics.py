"""Chamfer distances on a card, beside three products in torch on the same card and beside its limit; see gpu.py.

The limit is that of float32 multiply-adds, two operations a lane and cycle at the highest clock. Of ours, only the
subtractions, products and additions of the direct form count: 8 a pair of points for both ways, though two minima take
as much time as two of them. What is timed begins with clouds in host memory and ends with distances there; the peer's
clouds lie on the card already.
"""

import subprocess
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from argus3d.bench import conditions, seconds
from benchmarks.metrics import TREES, agreement, beside, scores_of, taken
from benchmarks.peers import chamfer_by_products_on_device
from eval.distances.backends import chamfer_matrix, chamfer_pairs, described
from eval.distances.neighbours import Neighbours
from eval.distances.sets import Sets

Points = npt.NDArray[np.float32]

OPERATIONS = 8  # a pair of points
LANES = {(7, 0): 64, (7, 2): 64, (7, 5): 64, (8, 0): 64}  # float32, of a multiprocessor; 128 in all later ones

# As in gpu.py.
TARGETS = (
    ("all pairs CD: times three products in torch", "chamfer/times_three_products", 25.0, "least"),
    ("all pairs CD: share of the float32 limit", "chamfer/share_of_limit", 0.40, "least"),
)


def measure(device: torch.device, clouds: Points, matrix: int, repeats: int, limit: float) -> dict[str, Any]:
    """All pairs of some clouds, and the set metrics of all, with the CPU's answers beside.

    clouds : (2 N, P, 3) float32; halves are the sets
    matrix : clouds a side of the matrix
    limit : operations a second of the device, see `float32_limit`
    Raises : RuntimeError when answers differ
    """
    name = str(device)
    a, b = clouds[:matrix], clouds[-matrix:]
    x, y = torch.tensor(a, device=device), torch.tensor(b, device=device)
    found = chamfer_matrix(a, b, device=name)
    theirs_found = chamfer_by_products_on_device(x, y).cpu().numpy().astype(np.float64)
    own, theirs = [], []
    for _ in range(repeats):
        own += seconds(lambda: chamfer_matrix(a, b, device=name), 1, device)
        theirs += seconds(lambda: chamfer_by_products_on_device(x, y), 1, device)
    ours, peer = taken(own), beside(own, theirs, 25)
    rate = found.size / min(own)
    return {
        "what": f"all pairs CD, {matrix} x {matrix} clouds of {clouds.shape[1]:,} points, host to host",
        "conditions": conditions(device) | described(name),
        "ours": ours | {"pairs_per_second": round(rate)},
        "three products in torch": peer | agreement(found, theirs_found),
        "times_three_products": peer["ratio"],
        "limit_operations_per_second": limit,
        "share_of_limit": round(rate * OPERATIONS * clouds.shape[1] ** 2 / limit, 4),
        "largest_relative_difference_from_cpu": _from_cpu(found, chamfer_matrix(a, b)),
        "same_neighbours_as_cpu": _same_neighbours(np.concatenate([a, b]), name),
        "set_metrics": _set_metrics(device, clouds, repeats),
    }


def float32_limit(device: torch.device) -> float:
    """Operations a second of float32 multiply-adds, at the highest clock that nvidia-smi tells."""
    card = torch.cuda.get_device_properties(device)
    query = ["nvidia-smi", "-i", f"GPU-{card.uuid}", "--query-gpu=clocks.max.sm", "--format=csv,noheader,nounits"]
    megahertz = float(subprocess.run(query, capture_output=True, text=True, check=True).stdout)
    return card.multi_processor_count * LANES.get((card.major, card.minor), 128) * 2 * megahertz * 1e6


def _from_cpu(found: npt.NDArray[np.float64], exact: npt.NDArray[np.float64]) -> float:
    """The largest difference, of the CPU's value. Raises: RuntimeError beyond 1e-5."""
    worst = float(np.max(np.abs(found - exact) / np.maximum(exact, np.finfo(float).tiny)))  # copies must be at 0
    if not worst <= 1e-5:
        raise RuntimeError(f"the device's distances are off by {worst} of themselves")
    return worst


def _same_neighbours(union: Points, device: str) -> bool:
    """Whether nearest clouds are those of the CPU. Raises: RuntimeError where they are not."""
    index, _ = Neighbours(chamfer_pairs(union, device=device)).nearest()
    if not np.array_equal(index, Neighbours(chamfer_pairs(union)).nearest()[0]):
        raise RuntimeError("the device finds other nearest clouds than the CPU")
    return True


def _set_metrics(device: torch.device, clouds: Points, repeats: int) -> dict[str, Any]:
    half = len(clouds) // 2

    def scores() -> dict[str, float]:
        return scores_of(Sets(chamfer_pairs(clouds, device=str(device)), half))

    return {
        "what": f"COV, MMD, 1-NNA and ECD (k = {TREES}) by CD, {half:,} + {half:,} clouds",
        "values": scores(),
        "ours": taken(seconds(scores, repeats, device)),
    }
