"""Earth mover's distance between clouds of equal size: exact, or certified to a gap that the caller sets."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eval.distances.kernels.assignment import ROUNDS, bound_pairs, certify_pairs, match_pairs
from eval.distances.kernels.auction import LAST_STEP, auction_pairs, in_order
from eval.distances.kernels.threads import threads_for

Clouds = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
SMALLEST = 1e-300  # extent; below it differences lose their digits
LARGEST = 1e100  # beyond it, squares would come near the largest float64
EXACT_STEP = 1e-4  # of the extent, where an exact answer is asked for: paths are cheaper than an auction's last scales
SMALL = 400  # points; up to here the best matching is had for less than an auction
ROUNDING = 1e-12  # relative, more than a product does
AT_ONCE = 2_000_000  # points of a side worked on at a time


@dataclass(frozen=True)
class Emd:
    """An earth mover's distance and the certified interval that the best matching's lies in.

    value : of the best matching found, so equal to upper
    lower : no matching is better; equal to upper where the matching found is the best
    """

    value: float
    lower: float
    upper: float


def emd(a: npt.ArrayLike, b: npt.ArrayLike, gap: float = 1e-3) -> Emd:
    """Mean distance between matched points under the best one-to-one matching.

    a : (P, 3) float32
    b : (P, 3) float32
    gap : upper - lower is at most gap times upper; 0 asks for the best matching itself, to rounding
    returns : Emd, in the clouds' unit, lower is closer, exactly 0 for copies in any order; the same to the last bit
        when a and b change places or their points another order
    Raises : ValueError for clouds of different sizes, an empty cloud, a value that is not finite, or a negative gap
    Source : Rubner et al., IJCV 2000; as a mean matched Euclidean distance, PointFlow (ICCV 2019), exact;
        Bertsekas, Ann. Oper. Res. 1988 for the auction, Jonker and Volgenant, Computing 1987 for the paths
    """
    return _one(a, b, False, gap)


def emd_squared(a: npt.ArrayLike, b: npt.ArrayLike, gap: float = 1e-3) -> Emd:
    """Mean squared distance between matched points under the one-to-one matching for which it is least.

    a, b, gap : see `emd`
    returns : Emd, in the clouds' unit squared; not a metric, and its matching is not that of `emd`
    Raises : ValueError, see `emd`
    """
    return _one(a, b, True, gap)


def emd_matrix(generated: npt.ArrayLike, reference: npt.ArrayLike) -> Clouds:
    """Exact earth mover's distance of every generated cloud to every reference cloud, over this machine's cores.

    generated : (G, P, 3) float32
    reference : (R, P, 3) float32
    returns : (G, R) float64, see `emd`; the transpose of the matrix with the arguments swapped, to the last bit
    Raises : ValueError, see `emd`
    """
    a = prepared(generated, "generated")
    b = prepared(reference, "reference")
    demand_equal_sizes(a, b)
    rows, columns = np.indices((len(a), len(b))).reshape(2, -1)
    return solve_pairs(a, b, rows, columns, False, 0.0)[0].reshape(len(a), len(b))


def emd_self_matrix(clouds: npt.ArrayLike) -> Clouds:
    """Exact earth mover's distance of every cloud of a set to every other, each pair solved once.

    clouds : (N, P, 3) float32
    returns : (N, N) float64, symmetric, zero diagonal
    Raises : ValueError, see `emd`
    """
    a = prepared(clouds, "clouds")
    rows, columns = np.triu_indices(len(a), 1)
    matrix = np.zeros((len(a), len(a)))
    matrix[rows, columns] = solve_pairs(a, a, rows, columns, False, 0.0)[0]
    return matrix + matrix.T


def emd_pairs(generated: npt.ArrayLike, reference: npt.ArrayLike, squared: bool = False) -> Clouds:
    """Exact earth mover's distance of each generated cloud to the reference cloud of the same index.

    generated, reference : (N, P, 3) float32
    squared : distances are squared, see `emd_squared`
    returns : (N,) float64, see `emd`
    Raises : ValueError, see `emd`, and for sets of different sizes
    """
    a = prepared(generated, "generated")
    b = prepared(reference, "reference")
    demand_equal_sizes(a, b)
    if len(a) != len(b):
        raise ValueError(f"pairs need as many clouds in both sets; generated has {len(a)}, reference {len(b)}")
    indices = np.arange(len(a))
    return solve_pairs(a, b, indices, indices, squared, 0.0)[0]


def solve_pairs(
    clouds_a: Clouds, clouds_b: Clouds, rows: Indices, columns: Indices, squared: bool, gap: float
) -> tuple[Clouds, Clouds]:
    """Upper and lower bound of many pairs' earth mover's distance, over this machine's cores.

    clouds_a, clouds_b : (N, P, 3), (M, P, 3) float64, of `prepared`
    rows, columns : (K,) int64, which cloud of a with which of b
    squared : whether distances are squared
    gap : see `emd`
    returns : (K,), (K,) float64; the upper bound is the value of a matching, and each the same to the last bit when
        the clouds change places
    """
    upper, lower = np.zeros(len(rows)), np.zeros(len(rows))
    batch = max(1, AT_ONCE // clouds_a.shape[1])
    for start in range(0, len(rows), batch):
        some = slice(start, start + batch)
        upper[some], lower[some] = _solve_batch(clouds_a[rows[some]], clouds_b[columns[some]], squared, gap)
    return upper, lower


def bound_small_pairs(clouds_a: Clouds, clouds_b: Clouds, rows: Indices, columns: Indices, squared: bool) -> Clouds:
    """Lower bounds of what `solve_pairs` finds for clouds of up to SMALL points, mostly within a tenth of it.

    clouds_a, clouds_b, rows, columns, squared : see `solve_pairs`
    returns : (K,) float64
    """
    lower = np.zeros(len(rows))
    batch = max(1, AT_ONCE // clouds_a.shape[1])
    for start in range(0, len(rows), batch):
        some = np.arange(start, min(start + batch, len(rows)))
        pairs = _ordered(clouds_a[rows[some]], clouds_b[columns[some]], squared)
        with _threads_for(pairs):
            bounds = bound_pairs(pairs.x, pairs.y, pairs.kind, pairs.offsets)
        lower[some[pairs.differ]] = bounds * pairs.units * (1 - ROUNDING)
    return lower


@dataclass(frozen=True)
class _Ordered:
    """Pairs as kernels take them: see `certify_pairs` for x, y, kind and offsets.

    differ : (D,) int64, which of the pairs given are no copies; x, y, offsets and units are of these
    units : (D,) float64, what costs are multiplied by
    """

    differ: Indices
    x: Clouds
    y: Clouds
    kind: bool | None
    offsets: Clouds
    units: Clouds


def _ordered(a: Clouds, b: Clouds, squared: bool) -> _Ordered:
    """Put the cloud that comes first first, so that swapped clouds give the same bits."""
    order = _compared(a, b)
    differ = np.flatnonzero(order)
    swap = (order[differ] > 0)[:, None, None]
    a, b = np.where(swap, b[differ], a[differ]), np.where(swap, a[differ], b[differ])
    x, y, scales, offsets = _normalised(a, b, squared)
    return _Ordered(differ, x, y, True if squared else None, offsets, scales**2 if squared else scales)


def _solve_batch(a: Clouds, b: Clouds, squared: bool, gap: float) -> tuple[Clouds, Clouds]:
    upper, lower = np.zeros(len(a)), np.zeros(len(a))
    pairs = _ordered(a, b, squared)
    some = (pairs.x, pairs.y, pairs.kind)
    with _threads_for(pairs):
        if pairs.x.shape[2] <= SMALL:
            upper[pairs.differ] = lower[pairs.differ] = match_pairs(*some, pairs.offsets) * pairs.units
            return upper, lower
        last_step = EXACT_STEP if gap == 0 else LAST_STEP
        prices, matchings = auction_pairs(*some, gap, pairs.offsets, last_step)
        above, below = certify_pairs(*some, gap, pairs.offsets, prices, matchings)
    upper[pairs.differ], lower[pairs.differ] = above * pairs.units, below * pairs.units
    return upper, lower


def _threads_for(pairs: _Ordered) -> AbstractContextManager[None]:
    return threads_for(len(pairs.x), ROUNDS * pairs.x.shape[2] ** 2)


def _compared(a: Clouds, b: Clouds) -> Indices:
    """-1, 0 or 1 for each pair: which cloud comes first, by the first number that differs; 0 for copies."""
    flat_a, flat_b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    first = (flat_a != flat_b).argmax(axis=1)[:, None]
    difference = np.take_along_axis(flat_a, first, 1) - np.take_along_axis(flat_b, first, 1)
    return np.sign(difference[:, 0]).astype(np.int64)


def _normalised(a: Clouds, b: Clouds, squared: bool) -> tuple[Clouds, Clouds, Clouds, Clouds]:
    """Pairs as (K, 3, P) in boxes of longest side 1; the scales; the cost in that unit that all matchings share.

    Squared distances split into that of the centroids, shared, and those of the clouds about their centroids.
    """
    # Differences to a point of the cloud first: far from the origin, sums would lose digits.
    origin = a[:, :1]
    x, y = (a - origin).transpose(0, 2, 1), (b - origin).transpose(0, 2, 1)
    shift = np.zeros((len(a), 3, 1))
    if squared:
        middle, other = x.mean(axis=2, keepdims=True), y.mean(axis=2, keepdims=True)
        x, y, shift = x - middle, y - other, middle - other
    low, high = np.minimum(x.min(axis=2), y.min(axis=2)), np.maximum(x.max(axis=2), y.max(axis=2))
    # Clouds of one place each differ by their centroids alone, which are then the unit; denormal ones have none.
    scales = (high - low).max(axis=1)
    if squared:
        scales = np.maximum(scales, 1e-8 * np.abs(shift[:, :, 0]).max(axis=1))
    scales = np.maximum(scales, SMALLEST)
    units = scales[:, None, None]
    offsets = ((shift / units) ** 2).sum(axis=(1, 2))
    return np.ascontiguousarray(x / units), np.ascontiguousarray(y / units), scales, offsets


def prepared(clouds: npt.ArrayLike, name: str) -> Clouds:
    """Clouds as the solver wants them: checked, and their points in kd order.

    clouds : (N, P, 3) float32
    returns : (N, P, 3) float64
    Raises : ValueError, see `emd`; it calls the set `name`
    """
    array = np.ascontiguousarray(clouds, dtype=np.float64)
    if array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(f"{name}: expected clouds of shape (N, P, 3), got {array.shape}")
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise ValueError(f"{name}: empty, shape {array.shape}; every set needs a cloud and every cloud a point")
    # NaN compares false, infinities are too large.
    good = (np.abs(array) <= LARGEST).all(axis=(1, 2))
    if not good.all():
        raise ValueError(
            f"{name}: cloud {int(np.argmin(good))} holds a value that is not finite or beyond {LARGEST:g}; "
            "repair or drop it"
        )
    return in_order(array)


def demand_equal_sizes(a: Clouds, b: Clouds) -> None:
    """Refuse clouds that cannot be matched one to one.

    Raises : ValueError that names both counts
    """
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"EMD needs clouds of equal size; generated has {a.shape[1]} points, reference {b.shape[1]}: "
            "sample both with the same number of points"
        )


def demand_gap(gap: float) -> None:
    """Refuse a gap that no interval can have.

    Raises : ValueError
    """
    if not gap >= 0:
        raise ValueError(f"gap must be 0 or more, got {gap}")


def _one(a: npt.ArrayLike, b: npt.ArrayLike, squared: bool, gap: float) -> Emd:
    demand_gap(gap)
    clouds_a = prepared(np.asarray(a)[None], "generated")
    clouds_b = prepared(np.asarray(b)[None], "reference")
    demand_equal_sizes(clouds_a, clouds_b)
    only = np.zeros(1, np.int64)
    upper, lower = solve_pairs(clouds_a, clouds_b, only, only, squared, float(gap))
    return Emd(float(upper[0]), float(lower[0]), float(upper[0]))
