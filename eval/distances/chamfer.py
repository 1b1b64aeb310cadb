"""Chamfer distance between clouds of points, exact, for one pair and for whole sets."""

import numpy as np
import numpy.typing as npt

from eval.distances.kernels.blocks import pack
from eval.distances.kernels.nearest import pair_sums

KINDS = ("squared_mean", "l2_mean", "l2_half", "squared_sum")
LARGEST = 1e9  # beyond it, squares of float32 differences would come near the largest float32
PAIRS = 1 << 20  # handed to the kernel at once; bounds the lists of indices


def chamfer(a: npt.ArrayLike, b: npt.ArrayLike, kind: str = "squared_mean") -> float:
    """Chamfer distance of two clouds: how far each point of one lies from the other, both ways.

    a : (P, 3) float32
    b : (Q, 3) float32
    kind : "squared_mean": mean squared distance a to b plus mean squared distance b to a (PointFlow's convention);
        "l2_mean": the same with plain distances; "l2_half": half of that; "squared_sum": sums instead of means
    returns : float, 0 or more, lower is closer; exactly 0 for copies
    Raises : ValueError for an empty cloud, a value that is not finite, or an unknown kind
    Source : Fan et al., CVPR 2017, equation 1 (squared_sum); Yang et al., PointFlow, ICCV 2019 (squared_mean)
    """
    return float(chamfer_matrix(np.asarray(a)[None], np.asarray(b)[None], kind)[0, 0])


def chamfer_matrix(
    generated: npt.ArrayLike, reference: npt.ArrayLike, kind: str = "squared_mean"
) -> npt.NDArray[np.float64]:
    """Chamfer distance of every generated cloud to every reference cloud.

    generated : (G, P, 3) float32
    reference : (R, Q, 3) float32
    returns : (G, R) float64, see `chamfer`; the transpose of the matrix with the arguments swapped, to the last bit
    Raises : ValueError, see `chamfer`
    """
    a = checked(generated, "generated")
    b = checked(reference, "reference")
    how = convention(kind, a.shape[1], b.shape[1])
    blocks_a, blocks_b = pack(a), pack(b)
    out = np.empty((len(a), len(b)))
    step = max(1, PAIRS // len(b))
    for first in range(0, len(a), step):
        rows, columns = np.mgrid[first : min(first + step, len(a)), : len(b)].reshape(2, -1)
        out[first : first + step] = pair_sums(blocks_a, blocks_b, rows, columns, *how).reshape(-1, len(b))
    return out


def chamfer_self_matrix(clouds: npt.ArrayLike, kind: str = "squared_mean") -> npt.NDArray[np.float64]:
    """Chamfer distance of every cloud of a set to every other, each pair computed once.

    clouds : (N, P, 3) float32
    returns : (N, N) float64, symmetric, zero diagonal
    Raises : ValueError, see `chamfer`
    """
    a = checked(clouds, "clouds")
    how = convention(kind, a.shape[1], a.shape[1])
    blocks = pack(a)
    out = np.zeros((len(a), len(a)))
    step = max(1, PAIRS // len(a))
    for first in range(0, len(a), step):
        rows, columns = np.mgrid[first : min(first + step, len(a)), : len(a)].reshape(2, -1)
        above = rows < columns
        rows, columns = rows[above], columns[above]
        out[rows, columns] = pair_sums(blocks, blocks, rows, columns, *how)
        out[columns, rows] = out[rows, columns]
    return out


def convention(kind: str, points_a: int, points_b: int) -> tuple[bool, float, float]:
    """Whether roots are taken, and the weights of the two directed sums, for a kind (see `chamfer`)."""
    if kind == "squared_mean":
        return False, 1.0 / points_a, 1.0 / points_b
    if kind == "l2_mean":
        return True, 1.0 / points_a, 1.0 / points_b
    if kind == "l2_half":
        return True, 0.5 / points_a, 0.5 / points_b
    if kind == "squared_sum":
        return False, 1.0, 1.0
    raise ValueError(f"unknown chamfer kind {kind!r}; choose one of {', '.join(KINDS)}")


def checked(clouds: npt.ArrayLike, name: str) -> npt.NDArray[np.float32]:
    """A set of clouds that can be measured, (N, P, 3) float32; ValueError naming set and cloud otherwise."""
    array = np.ascontiguousarray(clouds, dtype=np.float32)
    if array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(f"{name}: expected clouds of shape (N, P, 3), got {array.shape}")
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise ValueError(f"{name}: empty, shape {array.shape}; every set needs a cloud and every cloud a point")
    good = np.isfinite(array).all(axis=(1, 2))
    if not good.all():
        raise ValueError(f"{name}: cloud {int(np.argmin(good))} holds a value that is not finite; repair or drop it")
    if np.abs(array).max() > LARGEST:
        raise ValueError(f"{name}: coordinates beyond {LARGEST:g}; normalise the clouds first")
    return array
