"""Set metrics by loops over distance matrices, generated shapes in rows."""

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


def mmd(d_gr: Matrix) -> float:
    total = 0.0
    for r in range(d_gr.shape[1]):
        total += min(float(d_gr[g, r]) for g in range(d_gr.shape[0]))
    return total / d_gr.shape[1]


def coverage(d_gr: Matrix) -> float:
    hit = set()
    for g in range(d_gr.shape[0]):
        best = 0
        for r in range(d_gr.shape[1]):
            if d_gr[g, r] < d_gr[g, best]:
                best = r
        hit.add(best)
    return len(hit) / d_gr.shape[1]


def union(d_gr: Matrix, d_gg: Matrix, d_rr: Matrix) -> Matrix:
    """All distances, generated shapes first."""
    return np.concatenate([np.concatenate([d_gg, d_gr], axis=1), np.concatenate([d_gr.T, d_rr], axis=1)])


def one_nna(d_gr: Matrix, d_gg: Matrix, d_rr: Matrix) -> float:
    generated = d_gr.shape[0]
    every = union(d_gr, d_gg, d_rr)
    right = 0
    for i in range(len(every)):
        best = -1
        for j in range(len(every)):
            if j != i and (best < 0 or every[i, j] < every[i, best]):
                best = j
        right += (i < generated) == (best < generated)
    return right / len(every)
