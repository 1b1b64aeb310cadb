"""Distances and a result of clouds drawn here, as JSON: what a process with other settings is to repeat.

NUMBA_CPU_NAME=generic python -m tests.measured_here distances
python -m tests.measured_here distances result
"""

import json
import sys

import numpy as np

from eval.distances.chamfer import chamfer_matrix
from eval.distances.emd import emd_matrix
from eval.distances.kernels import threads
from eval.evaluate import evaluate


def clouds(seed: int, count: int = 8, points: int = 256) -> np.ndarray:
    """Surfaces of ellipsoids, (count, points, 3) float32."""
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((count, points, 3))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    return (directions * rng.uniform(0.1, 0.5, (count, 1, 3))).astype(np.float32)


def measured(what: str) -> object:
    """Chamfer distances of two kinds and EMDs, or the result of an evaluation."""
    few, others = clouds(0), clouds(1)
    if what == "result":
        return evaluate(few, others, "smoke").to_json()
    by_kind = {kind: chamfer_matrix(few, others, kind).tolist() for kind in ("squared_mean", "l2_mean")}
    return by_kind | {"emd": emd_matrix(few[:4, :32], others[:4, :32]).tolist()}


if __name__ == "__main__":
    threads.WORTH = 1  # share even work that is not worth it
    print(json.dumps({what: measured(what) for what in sys.argv[1:]}))
