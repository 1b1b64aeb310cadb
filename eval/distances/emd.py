"""Earth mover's distance between clouds of equal size, by exact assignment."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from eval.distances.kernels.assignment import assign

Cloud = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Emd:
    """An earth mover's distance and the certified interval it lies in."""

    value: float
    lower: float
    upper: float


def emd(a: npt.ArrayLike, b: npt.ArrayLike, gap: float = 1e-3) -> Emd:
    """Mean distance between matched points under the best one-to-one matching.

    a : (P, 3) float32
    b : (P, 3) float32
    gap : largest relative width of [lower, upper] that the caller accepts; the exact solver used here always gives 0
    returns : Emd, in the clouds' unit, lower is closer, 0 for copies in any order; lower == upper
    Raises : ValueError for clouds of different sizes, an empty cloud, a value that is not finite, or a negative gap
    Source : Rubner et al., IJCV 2000; as a mean matched Euclidean distance, PointFlow (ICCV 2019), exact
    """
    if not gap >= 0:
        raise ValueError(f"gap must be 0 or more, got {gap}")
    clouds_a = _checked(np.asarray(a)[None], "generated")
    clouds_b = _checked(np.asarray(b)[None], "reference")
    _demand_equal_sizes(clouds_a, clouds_b)
    value = _solve(clouds_a[0], clouds_b[0])
    return Emd(value, value, value)


def emd_matrix(generated: npt.ArrayLike, reference: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Earth mover's distance of every generated cloud to every reference cloud, over this machine's cores.

    generated : (G, P, 3) float32
    reference : (R, P, 3) float32
    returns : (G, R) float64, see `emd`
    Raises : ValueError, see `emd`
    """
    a = _checked(generated, "generated")
    b = _checked(reference, "reference")
    _demand_equal_sizes(a, b)
    return np.stack(_rows(a, b, upper_only=False))


def emd_self_matrix(clouds: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Earth mover's distance of every cloud of a set to every other, each pair solved once.

    clouds : (N, P, 3) float32
    returns : (N, N) float64, symmetric, zero diagonal
    Raises : ValueError, see `emd`
    """
    a = _checked(clouds, "clouds")
    upper = np.stack(_rows(a, a, upper_only=True))
    return upper + upper.T


def emd_pairs(generated: npt.ArrayLike, reference: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Earth mover's distance of each generated cloud to the reference cloud of the same index.

    generated, reference : (N, P, 3) float32
    returns : (N,) float64, see `emd`
    Raises : ValueError, see `emd`
    """
    a = _checked(generated, "generated")
    b = _checked(reference, "reference")
    _demand_equal_sizes(a, b)
    return np.array([_solve(x, y) for x, y in zip(a, b, strict=True)])


def _solve(a: Cloud, b: Cloud) -> float:
    cost = cdist(a, b)
    return float(cost[np.arange(len(cost)), assign(cost)].mean())


def _rows(a: Cloud, b: Cloud, upper_only: bool) -> list[npt.NDArray[np.float64]]:
    """Rows of the matrix, one a job; the solver leaves Python's lock, so threads share the cores."""

    def row(i: int) -> npt.NDArray[np.float64]:
        first = i + 1 if upper_only else 0
        return np.array([0.0] * first + [_solve(a[i], b[j]) for j in range(first, len(b))])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(row, range(len(a))))


def _demand_equal_sizes(a: Cloud, b: Cloud) -> None:
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"EMD needs clouds of equal size; generated has {a.shape[1]} points, reference {b.shape[1]}: "
            "sample both with the same number of points"
        )


def _checked(clouds: npt.ArrayLike, name: str) -> Cloud:
    array = np.ascontiguousarray(clouds, dtype=np.float64)
    if array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(f"{name}: expected clouds of shape (N, P, 3), got {array.shape}")
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise ValueError(f"{name}: empty, shape {array.shape}; every set needs a cloud and every cloud a point")
    good = np.isfinite(array).all(axis=(1, 2))
    if not good.all():
        raise ValueError(f"{name}: cloud {int(np.argmin(good))} holds a value that is not finite; repair or drop it")
    return array
