"""From prices to an interval that holds the best matching's cost, or to the best matching itself.

Any prices p give a lower bound of the total cost: sum over i of min over j of (cost(i, j) + p(j)), less the sum of p.
Good ones leave most points matched where that minimum is; the rest are matched along shortest augmenting paths, which
are short. Costs are computed when they are looked at, in float64, and not stored.

Prices come from an auction or, for small clouds, from a few Sinkhorn rounds, which are cheaper there and whose own
answer would be a few per cent off.
"""

import numpy as np
from numba import njit, prange

TIGHT = 4e-16  # of the extent; what rounding leaves of an equality
ROUNDING = 1e-13  # of the extent; more than rounding can do to a mean of costs
ROUNDS = 20
BLUR = 0.03  # of the mean cost; larger starts worse, smaller needs more rounds
TINY = 1e-30  # keeps sums that underflow from dividing by zero; prices need not be good to be right
FAR = 1e300  # instead of infinity, which fast arithmetic does not know

# As in the auction, but sums keep their order: they are what is certified.
FAST = {"nnan", "ninf", "nsz", "contract"}


@njit(parallel=True, cache=True, nogil=True)
def certify_pairs(x, y, squared, gap, offsets, prices, matchings):  # type: ignore[no-untyped-def]
    """Upper and lower bound of the mean cost of the best matching, of many pairs.

    x, y : (K, 3, P) float64, extent about 1
    squared : True for squared distances, None for distances
    gap : largest upper - lower, relative to upper; where prices prove less, or gap is 0, the best matching is found
        and both bounds are its cost
    offsets : (K,) float64, added to both bounds
    prices, matchings : of `auction_pairs`; used up
    returns : (K,), (K,) float64; the upper bound is the cost of a matching
    """
    upper, lower = np.empty(x.shape[0]), np.empty(x.shape[0])
    for k in prange(x.shape[0]):
        upper[k], lower[k] = _certify(x[k], y[k], squared, gap, offsets[k], prices[k], matchings[k])
    return upper, lower


@njit(parallel=True, cache=True, nogil=True)
def match_pairs(x, y, squared, offsets):  # type: ignore[no-untyped-def]
    """Mean cost of the best matching, of many pairs of small clouds: P x P numbers are stored for each core.

    x, y, squared, offsets : see `certify_pairs`
    returns : (K,) float64
    Source : Jonker and Volgenant, Computing 1987; Cuturi, NeurIPS 2013 for the start
    """
    values = np.empty(x.shape[0])
    for k in prange(x.shape[0]):
        prices = _balancing_prices(x[k], y[k], squared)
        best, nearest = _best_values(x[k], y[k], squared, prices)
        column_of = np.full(x.shape[2], -1, np.int64)
        _augment(x[k], y[k], squared, best, nearest, prices, column_of)
        values[k] = offsets[k] + _mean_cost(x[k], y[k], squared, column_of)
    return values


@njit(parallel=True, cache=True, nogil=True)
def bound_pairs(x, y, squared, offsets):  # type: ignore[no-untyped-def]
    """What the prices that `match_pairs` begins with prove, for an eighth of its time.

    x, y, squared, offsets : see `certify_pairs`
    returns : (K,) float64, lower bounds of its values
    """
    lower = np.empty(x.shape[0])
    for k in prange(x.shape[0]):
        prices = _balancing_prices(x[k], y[k], squared)
        best, _ = _best_values(x[k], y[k], squared, prices)
        lower[k] = offsets[k] + max(best.mean() - prices.mean() - ROUNDING, 0.0)
    return lower


@njit(cache=True, nogil=True)
def _certify(x, y, squared, gap, offset, prices, column_of):  # type: ignore[no-untyped-def]
    best, nearest = _best_values(x, y, squared, prices)
    if gap > 0 and column_of.min() >= 0:
        upper = offset + _mean_cost(x, y, squared, column_of)
        lower = offset + max(best.mean() - prices.mean() - ROUNDING, 0.0)
        if upper - lower <= gap * upper:
            return upper, lower
    _augment(x, y, squared, best, nearest, prices, column_of)
    value = offset + _mean_cost(x, y, squared, column_of)
    return value, value


@njit(cache=True, nogil=True)
def _cost(square, squared):  # type: ignore[no-untyped-def]
    if squared is None:
        return np.sqrt(square)
    return square


@njit(cache=True, nogil=True, fastmath=FAST)
def _costs(x, y, z, objects, squared, out):  # type: ignore[no-untyped-def]
    """Cost of matching one point with each object."""
    xs, ys, zs = objects[0], objects[1], objects[2]
    for j in range(out.shape[0]):
        dx, dy, dz = xs[j] - x, ys[j] - y, zs[j] - z
        cost = dx * dx + dy * dy + dz * dz
        out[j] = _cost(cost, squared)


@njit(cache=True, nogil=True)
def _mean_cost(x, y, squared, column_of):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(x.shape[1]):
        square = 0.0
        for axis in range(3):
            square += (x[axis, i] - y[axis, column_of[i]]) ** 2
        total += _cost(square, squared)
    return total / x.shape[1]


@njit(cache=True, nogil=True, fastmath=FAST)
def _best_values(x, y, squared, prices):  # type: ignore[no-untyped-def]
    """For each point the least cost plus price, and an object that has it."""
    size = x.shape[1]
    best, nearest, line = np.empty(size), np.empty(size, np.int64), np.empty(size)
    for i in range(size):
        _costs(x[0, i], x[1, i], x[2, i], y, squared, line)
        least = line[0] + prices[0]
        for j in range(size):
            line[j] += prices[j]
            least = line[j] if line[j] < least else least
        j = 0
        while line[j] != least:
            j += 1
        best[i], nearest[i] = least, j
    return best, nearest


@njit(cache=True, nogil=True, fastmath={"nnan", "ninf", "nsz", "contract", "reassoc"})
def _balancing_prices(x, y, squared):  # type: ignore[no-untyped-def]
    """Prices after some rounds of scaling rows, then columns, of a blurred matching to sums of one.

    In float32, and with (1 - t / 1024)^1024 for exp(-t): any prices are right, these are near enough to good ones.
    """
    size = x.shape[1]
    kernel = np.empty((size, size), np.float32)
    sums, factors = np.empty(size, np.float32), np.ones(size, np.float32)
    objects, one, tiny = y.astype(np.float32), np.float32(1), np.float32(TINY)
    xs, ys, zs = objects[0], objects[1], objects[2]
    mean = 0.0
    for i in range(size):
        px, py, pz, total = np.float32(x[0, i]), np.float32(x[1, i]), np.float32(x[2, i]), np.float32(0)
        line = kernel[i]
        for j in range(size):
            dx, dy, dz = xs[j] - px, ys[j] - py, zs[j] - pz
            line[j] = _cost(dx * dx + dy * dy + dz * dz, squared)
            total += line[j]
        mean += total / size**2
    if mean == 0:
        return np.zeros(size)
    slope = np.float32(-1 / (1024 * BLUR * mean))
    for i in range(size):
        line = kernel[i]
        for j in range(size):
            power = max(one + slope * line[j], np.float32(0))
            power = power * power * power * power
            power = power * power * power * power
            power = power * power * power * power
            power = power * power * power * power
            line[j] = power * power * power * power
    for _ in range(ROUNDS):
        sums[:] = np.float32(0)
        for i in range(size):
            line, total = kernel[i], np.float32(0)
            for j in range(size):
                total += line[j] * factors[j]
            factor = one / (total + tiny)
            for j in range(size):
                sums[j] += factor * line[j]
        for j in range(size):
            factors[j] = one / (sums[j] + tiny)
    return -BLUR * mean * np.log(factors.astype(np.float64))


@njit(cache=True, nogil=True, fastmath=FAST)
def _lower_prices(x, y, squared, best, prices):  # type: ignore[no-untyped-def]
    """Lower each price until somebody is as well served by that object as by his best; returns who."""
    size = x.shape[1]
    least, closest, line = np.full(size, FAR), np.zeros(size, np.int64), np.empty(size)
    for i in range(size):
        _costs(x[0, i], x[1, i], x[2, i], y, squared, line)
        for j in range(size):
            excess = line[j] + prices[j] - best[i]
            closest[j] = i if excess < least[j] else closest[j]
            least[j] = excess if excess < least[j] else least[j]
    prices -= least
    return closest


@njit(cache=True, nogil=True)
def _augment(x, y, squared, best, nearest, prices, column_of):  # type: ignore[no-untyped-def]
    """Turn `column_of` into a matching of least cost; `best` and `prices` are kept such that cost + price >= best."""
    size = x.shape[1]
    row_of = np.full(size, -1, np.int64)
    line = np.empty(size)
    for i in range(size):
        j = column_of[i]
        if j >= 0:
            _costs(x[0, i], x[1, i], x[2, i], y[:, j : j + 1], squared, line[:1])
            if line[0] + prices[j] - best[i] <= TIGHT:
                row_of[j] = i
                continue
        column_of[i] = -1
    for i in range(size):
        if column_of[i] < 0 and row_of[nearest[i]] < 0:
            row_of[nearest[i]], column_of[i] = i, nearest[i]
    closest = _lower_prices(x, y, squared, best, prices)
    for j in range(size):
        if row_of[j] < 0 and column_of[closest[j]] < 0:
            row_of[j], column_of[closest[j]] = closest[j], j
    distance, open_, final = np.empty(size), np.empty(size), np.empty(size)
    before = np.empty(size, np.int64)
    for free in range(size):
        if column_of[free] >= 0:
            continue
        end = _shortest_path(x, y, squared, best, prices, free, row_of, line, distance, open_, final, before)
        reached = final[end]
        # Potentials move by how much nearer than the end a node was; then the path's edges swap sides.
        best[free] += reached
        for j in range(size):
            if final[j] >= 0 and j != end:
                best[row_of[j]] += reached - final[j]
                prices[j] += reached - final[j]
        j = end
        while True:
            i = before[j]
            row_of[j] = i
            j, column_of[i] = column_of[i], j
            if i == free:
                break


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _shortest_path(x, y, squared, best, prices, free, row_of, line, distance, open_, final, before):  # type: ignore[no-untyped-def]
    """Nearest unmatched object from point `free` by reduced cost.

    distance : of each object so far; open_ : the same, infinite once final; final : distance once final, else -1;
    before : point that each object was reached from
    """
    size = x.shape[1]
    for j in range(size):
        distance[j] = np.inf
        open_[j] = np.inf
        final[j] = -1.0
    i, base = free, 0.0
    while True:
        _costs(x[0, i], x[1, i], x[2, i], y, squared, line)
        offset = base - best[i]
        for j in range(size):
            through = offset + line[j] + prices[j]
            closer = through < distance[j] and final[j] < 0
            distance[j] = through if closer else distance[j]
            open_[j] = through if closer else open_[j]
            before[j] = i if closer else before[j]
        least, least_unmatched = np.inf, np.inf
        for j in range(size):
            unmatched = open_[j] if row_of[j] < 0 else np.inf
            least = open_[j] if open_[j] < least else least
            least_unmatched = unmatched if unmatched < least_unmatched else least_unmatched
        # Of equals an unmatched one: among copies, the others would all be passed first.
        ends = least_unmatched <= max(base, least) + TIGHT
        least = least_unmatched if ends else least
        nearest = 0
        while open_[nearest] != least or (ends and row_of[nearest] >= 0):
            nearest += 1
        # Rounding may leave it just below the one before; potentials moved back by that would be off by ever more.
        base = max(base, least)
        final[nearest] = base
        open_[nearest] = np.inf
        if row_of[nearest] < 0:
            return nearest
        i = row_of[nearest]
