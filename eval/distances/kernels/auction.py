"""Auction of one cloud's points among the other's: prices under which nearly everybody has what suits him best.

A free bidder takes the object of least cost plus price and raises its price until the next best would suit him as
well, and `step` beyond; who had it before is free again. When all have an object, the matching costs at most `step` a
point more than the best. Steps shrink from scale to scale and prices stay, so that the last scales find little to do.

Costs are never stored. Objects lie in kd order in leaves of LEAF; a bid visits the leaves whose box and cheapest price
leave a hope. It keeps the best candidates it saw and the value below which nothing else lies: prices only rise, so as
long as the second best candidate is below that value, the bidder's next bid needs no visit at all.

Everything here is float32 and proves nothing: `assignment` turns the prices into an interval in float64.
"""

import numpy as np
import numpy.typing as npt
from numba import njit, prange

LANES = 16  # points done at once; the least value of each half leaf is known apart
LEAF = 32
ROWS = 4  # of a leaf: x, y, z, price
SIDES = 7  # of a box: lowest corner, highest corner, cheapest price
KEPT = 16  # candidates a bidder remembers
FAR = np.float32(1e30)

FIRST_STEP = 0.1  # in units of the clouds' extent, as all costs here
SHRINK = 5.0
LAST_STEP = 2e-6  # float32 prices tell no more
BIDS_A_POINT = 5000  # a stop for what should not be; what is left unmatched is matched by `assignment`

# Sums may be reordered and multiply-adds fused; infinities and NaN never come in (callers check).
FAST = {"nnan", "ninf", "nsz", "contract", "arcp", "reassoc"}


def in_order(clouds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each cloud's points in kd order, the same for every order they come in.

    clouds : (N, P, 3) float64
    returns : (N, P, 3) float64
    """
    return np.stack([_kd_order(cloud[np.lexsort(cloud.T[::-1])]) for cloud in clouds])


@njit(cache=True)
def _kd_order(points):  # type: ignore[no-untyped-def]
    """Halve along the widest side until LEAF points are left; stable, so the order depends on the points only."""
    order = np.arange(len(points))
    open_ = [(0, len(points))]
    while len(open_) > 0:
        start, end = open_.pop()
        if end - start <= LEAF:
            continue
        part = points[order[start:end]]
        widest, width = 0, -1.0
        for axis in range(3):
            side = part[:, axis].max() - part[:, axis].min()
            if side > width:
                widest, width = axis, side
        order[start:end] = order[start:end][np.argsort(part[:, widest], kind="mergesort")]
        middle = start + (end - start + LEAF - 1) // LEAF // 2 * LEAF
        open_.append((start, middle))
        open_.append((middle, end))
    return points[order]


@njit(parallel=True, cache=True, nogil=True)
def auction_pairs(bidders, objects, squared, gap, offsets, last_step):  # type: ignore[no-untyped-def]
    """Prices and matchings of many pairs, each about within `gap` of the best, or as near as float32 allows.

    bidders, objects : (K, 3, P) float64, P at least 2, objects in kd order, extent about 1
    squared : True for squared distances, None for distances: by type, as a choice in the loops would cost a fifth
    gap : at which to stop, relative to the mean cost plus the pair's offset
    offsets : (K,) float64
    last_step : smaller steps are not taken
    returns : prices (K, P) float64, object of each bidder (K, P) int64, -1 for none
    """
    prices = np.empty((bidders.shape[0], bidders.shape[2]))
    matchings = np.full(prices.shape, -1, np.int64)
    for k in prange(bidders.shape[0]):
        _auction(bidders[k], objects[k], squared, gap, offsets[k], last_step, prices[k], matchings[k])
    return prices, matchings


@njit(cache=True, nogil=True)
def _auction(bidders, objects, squared, gap, offset, last_step, prices, matching):  # type: ignore[no-untyped-def]
    """One pair: scale after scale, until the review is content."""
    size = bidders.shape[1]
    leaves, boxes = _pack(objects)
    queries = bidders.astype(np.float32)
    leaf_count = leaves.shape[0] // (ROWS * LEAF)
    slot_of = np.full(size, -1, np.int64)  # where in `leaves` a bidder's object has its price
    bidder_at = np.full(leaves.shape[0], -1, np.int32)
    memory = (np.zeros((size, KEPT), np.int32), np.full((size, KEPT), FAR, np.float32), np.full(size, -FAR, np.float32))
    work = (
        np.empty(boxes.shape[0] // SIDES, np.float32),
        np.empty(leaf_count * LEAF, np.float32),
        np.empty(2 * leaf_count, np.int64),
        np.empty(2 * leaf_count, np.float32),
    )
    free = np.arange(size)[::-1].copy()
    count, bids, step = size, BIDS_A_POINT * size, FIRST_STEP
    while True:
        bids = _sell(queries, leaves, boxes, squared, step, slot_of, bidder_at, memory, work, free, count, bids)
        if bids == 0:
            break
        step /= SHRINK
        cost, excess, count = _review(queries, leaves, boxes, squared, step, slot_of, memory, work, free)
        if excess <= gap * (cost + offset * size) or step < last_step:
            break
        for i in free[:count]:
            bidder_at[slot_of[i]] = -1
            slot_of[i] = -1
    for j in range(size):
        prices[j] = leaves[(j // LEAF * ROWS + 3) * LEAF + j % LEAF]
    for i in range(size):
        if slot_of[i] >= 0:
            matching[i] = slot_of[i] // (ROWS * LEAF) * LEAF + slot_of[i] % LEAF


@njit(cache=True, nogil=True)
def _pack(objects):  # type: ignore[no-untyped-def]
    """Leaves and boxes as flat arrays of rows of fixed length: the compiler sees that no two rows overlap.

    Places left over are filled with the last point at a price that nobody pays.
    """
    size = objects.shape[1]
    leaf_count = (size + LEAF - 1) // LEAF
    chunks = (leaf_count + LANES - 1) // LANES
    leaves = np.empty(leaf_count * ROWS * LEAF, np.float32)
    boxes = np.full(chunks * SIDES * LANES, np.float32(0))
    for leaf in range(leaf_count):
        for axis in range(3):
            row = leaves[(leaf * ROWS + axis) * LEAF : (leaf * ROWS + axis + 1) * LEAF]
            for lane in range(LEAF):
                row[lane] = objects[axis, min(leaf * LEAF + lane, size - 1)]
            boxes[(leaf // LANES * SIDES + axis) * LANES + leaf % LANES] = row.min()
            boxes[(leaf // LANES * SIDES + 3 + axis) * LANES + leaf % LANES] = row.max()
        for lane in range(LEAF):
            leaves[(leaf * ROWS + 3) * LEAF + lane] = 0.0 if leaf * LEAF + lane < size else FAR
    return leaves, boxes


@njit(cache=True, nogil=True, fastmath=FAST)
def _sell(queries, leaves, boxes, squared, step, slot_of, bidder_at, memory, work, free, count, bids):  # type: ignore[no-untyped-def]
    """Bid until nobody of the `count` bidders on the stack `free` is left; returns how many of `bids` are left."""
    slots, costs, limits = memory
    rise = np.float32(step)
    # Wide enough that the candidates last for some bids, and few enough that they fit.
    margin = np.float32(min(step, 1.0 / np.sqrt(queries.shape[1])))
    while count > 0 and bids > 0:
        bids -= 1
        i = free[count - 1]
        best, second, slot = _remembered(i, slots, costs, leaves)
        if second > limits[i]:
            best, second, slot = _search(i, queries, leaves, boxes, squared, margin, slots, costs, limits, work)
        leaves[slot] += (second - best) + rise
        leaf = slot // (ROWS * LEAF)
        boxes[(leaf // LANES * SIDES + 6) * LANES + leaf % LANES] = _cheapest(leaves, (leaf * ROWS + 3) * LEAF)
        before = bidder_at[slot]
        bidder_at[slot] = i
        slot_of[i] = slot
        if before >= 0:
            slot_of[before] = -1
            free[count - 1] = before
        else:
            count -= 1
    return bids


@njit(cache=True, nogil=True, fastmath=FAST)
def _remembered(i, slots, costs, leaves):  # type: ignore[no-untyped-def]
    """Best and second best value among the candidates that a bidder remembers, and the place of the best."""
    best, second, found = FAR, FAR, 0
    for t in range(KEPT):
        value = costs[i, t] + leaves[slots[i, t]]
        if value < best:
            second = best
            best = value
            found = t
        elif value < second:
            second = value
    return best, second, np.int64(slots[i, found])


@njit(cache=True, nogil=True, fastmath=FAST)
def _search(i, queries, leaves, boxes, squared, margin, slots, costs, limits, work):  # type: ignore[no-untyped-def]
    """Best and second best value for bidder i among all objects, and the place of the best.

    slots, costs, limits : of i are set: what lies within `margin` of the second best, and what all others reach
    """
    bounds, values, places, lows = work
    x, y, z = queries[0, i], queries[1, i], queries[2, i]
    leaf_count = leaves.shape[0] // (ROWS * LEAF)
    _box_bounds(boxes, x, y, z, squared, bounds)
    # The second lowest of the half leaves' lowest values is no better than the second best of all.
    low, second_low, limit = FAR, FAR, FAR
    leaf = slots[i, 0] // (ROWS * LEAF)
    first, following, seen = leaf, 0, 0
    while True:
        for part in range(2):
            base = leaf * ROWS * LEAF + part * LANES
            least = _values(leaves, base, x, y, z, squared, values, seen * LANES)
            lows[seen] = least
            places[seen] = base + 3 * LEAF
            seen += 1
            if least < low:
                second_low = low
                low = least
            elif least < second_low:
                second_low = least
        limit = second_low + margin
        while following < leaf_count and (bounds[following] >= limit or following == first):
            following += 1
        if following >= leaf_count:
            break
        leaf = following
        following += 1
    best, second, found, kept, dropped = FAR, FAR, np.int64(0), 0, limit
    for part in range(seen):
        if lows[part] >= limit:
            continue
        for lane in range(LANES):
            value = values[part * LANES + lane]
            if value >= limit:
                continue
            slot = places[part] + lane
            if value < best:
                second = best
                best = value
                found = slot
            elif value < second:
                second = value
            if kept < KEPT:
                slots[i, kept] = slot
                costs[i, kept] = value - leaves[slot]
                kept += 1
            elif value < dropped:
                dropped = value
    limits[i] = dropped
    for t in range(kept, KEPT):
        costs[i, t] = FAR
    # The best goes first: the next search starts there.
    for t in range(kept):
        if slots[i, t] == found:
            slots[i, 0], slots[i, t] = slots[i, t], slots[i, 0]
            costs[i, 0], costs[i, t] = costs[i, t], costs[i, 0]
    return best, second, found


@njit(cache=True, nogil=True, fastmath=FAST)
def _values(leaves, base, x, y, z, squared, out, at):  # type: ignore[no-untyped-def]
    """Cost plus price of LANES objects, written to out[at:]; returns the least."""
    least = FAR
    for lane in range(LANES):
        value = _cost(_square(leaves, base + lane, x, y, z), squared) + leaves[base + 3 * LEAF + lane]
        out[at + lane] = value
        least = value if value < least else least
    return least


@njit(cache=True, nogil=True, fastmath=FAST)
def _cost(square, squared):  # type: ignore[no-untyped-def]
    if squared is None:
        return np.sqrt(square)
    return square


@njit(cache=True, nogil=True, fastmath=FAST)
def _square(leaves, place, x, y, z):  # type: ignore[no-untyped-def]
    """Squared distance to the object whose x is at `place`."""
    dx, dy, dz = leaves[place] - x, leaves[place + LEAF] - y, leaves[place + 2 * LEAF] - z
    return dx * dx + dy * dy + dz * dz


@njit(cache=True, nogil=True, fastmath=FAST)
def _box_bounds(boxes, x, y, z, squared, out):  # type: ignore[no-untyped-def]
    """Cost to the nearest place of each leaf's box plus the leaf's cheapest price."""
    for chunk in range(out.shape[0] // LANES):
        base = chunk * SIDES * LANES
        for lane in range(LANES):
            dx = _outside(boxes[base + lane], boxes[base + lane + 3 * LANES], x)
            dy = _outside(boxes[base + lane + LANES], boxes[base + lane + 4 * LANES], y)
            dz = _outside(boxes[base + lane + 2 * LANES], boxes[base + lane + 5 * LANES], z)
            cost = _cost(dx * dx + dy * dy + dz * dz, squared)
            out[chunk * LANES + lane] = cost + boxes[base + lane + 6 * LANES]


@njit(cache=True, nogil=True, fastmath=FAST)
def _outside(low, high, x):  # type: ignore[no-untyped-def]
    """How far x lies outside of [low, high]; max() would keep the loop from being vectorised."""
    below, above = low - x, x - high
    out = below if below > above else above
    return out if out > np.float32(0) else np.float32(0)


@njit(cache=True, nogil=True, fastmath=FAST)
def _cheapest(leaves, base):  # type: ignore[no-untyped-def]
    least = FAR
    for lane in range(LEAF):
        least = leaves[base + lane] if leaves[base + lane] < least else least
    return least


@njit(cache=True, nogil=True, fastmath=FAST)
def _review(queries, leaves, boxes, squared, step, slot_of, memory, work, free):  # type: ignore[no-untyped-def]
    """Total cost, how far it may be above the best, and how many have what is over `step` worse than their best.

    free : filled with those
    """
    slots, costs, limits = memory
    bounds, values = work[0], work[1]
    total, excess, count = 0.0, 0.0, 0
    for i in range(queries.shape[1]):
        x, y, z = queries[0, i], queries[1, i], queries[2, i]
        slot = slot_of[i]
        cost = _cost(_square(leaves, slot - 3 * LEAF, x, y, z), squared)
        own = cost + leaves[slot]
        best, _, _ = _remembered(i, slots, costs, leaves)
        if best > limits[i]:
            best = own
            _box_bounds(boxes, x, y, z, squared, bounds)
            for leaf in range(leaves.shape[0] // (ROWS * LEAF)):
                if bounds[leaf] < best:
                    for part in range(2):
                        start = leaf * ROWS * LEAF + part * LANES
                        best = min(best, _values(leaves, start, x, y, z, squared, values, 0))
        total += cost
        excess += own - best
        if own - best > step:
            free[count] = i
            count += 1
    return total, excess, count
