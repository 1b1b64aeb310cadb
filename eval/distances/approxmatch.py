"""The approximate matching that published earth mover's distances come from, for comparison with them and no other use.

It is no distance: about 20 % above the best matching, more or less by cloud; not symmetric; not 0 for copies; not in
proportion to the clouds' size. Two conventions are about, whose 1-NNA differ by several points on the same samples, so
each has a name of its own here and none is called `emd`.
"""

import numpy as np
import numpy.typing as npt

from eval.distances.chamfer import checked
from eval.distances.emd import demand_equal_sizes
from eval.distances.kernels.approxmatch import move_pairs

Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

# Factors of squared distances in exponents: -4^7 to -4^-1, and for squared costs a last one that is blind to distance.
LEVELS = np.array([-(4.0**exponent) for exponent in range(7, -2, -1)])
LEVELS_SQUARED = np.append(LEVELS, 0.0)


def emd_approx(generated: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Mean distance that mass moves in the approximate matching, by plain distances: PointFlow's kind.

    generated, reference : (P, 3) float32; points of the reference cloud ask for those of the generated one, as there
    returns : float, 0 or more, in the clouds' unit; mass that found no place in any level costs nothing
    Raises : ValueError for clouds of different sizes, an empty cloud, or a value that is not finite
    Source : Fan et al., CVPR 2017, released kernel; Yang et al., PointFlow, ICCV 2019, its levels and root
    """
    return _one(generated, reference, False)


def emd_squared_approx(generated: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Mean squared distance that mass moves in the approximate matching: PVD's and LION's kind.

    generated, reference : see `emd_approx`
    returns : float, 0 or more, in the clouds' unit squared
    Raises : ValueError, see `emd_approx`
    Source : Zhou et al., PVD, ICCV 2021, released kernel: one level more, and no root
    """
    return _one(generated, reference, True)


def approx_pairs(generated: npt.ArrayLike, reference: npt.ArrayLike, squared: bool) -> Values:
    """Approximate matching of each generated cloud with the reference cloud of the same index.

    generated, reference : (N, P, 3) float32
    squared : `emd_squared_approx` instead of `emd_approx`
    returns : (N,) float64
    Raises : ValueError, see `emd_approx`, and for sets of different sizes
    """
    giving, asking = _prepared(generated, "generated"), _prepared(reference, "reference")
    demand_equal_sizes(giving.swapaxes(1, 2), asking.swapaxes(1, 2))
    if len(giving) != len(asking):
        raise ValueError(f"pairs need as many clouds in both sets, got {len(giving)} and {len(asking)}")
    same = np.arange(len(giving))
    return np.asarray(move_pairs(asking, giving, same, same, LEVELS_SQUARED if squared else LEVELS, squared))


class ApproxPairs:
    """`neighbours.Pairs` of a union by the approximate matching, generated shapes first; nothing bounds it.

    Between the sets the reference cloud asks, as in the common code. Within a set that code keeps two different
    distances of each pair, as either may ask; here it is their mean.
    """

    symmetric = True

    def __init__(self, clouds: npt.ArrayLike, generated: int, squared: bool) -> None:
        """Keep the clouds.

        clouds : (N, P, 3) float32
        generated : G, how many of them are generated shapes
        squared : `emd_squared_approx` instead of `emd_approx`
        Raises : ValueError, see `emd_approx`
        """
        self._clouds = _prepared(clouds, "clouds")
        self.shape = (len(self._clouds), len(self._clouds))
        self._generated, self._squared = generated, squared

    def exact(self, rows: Indices, columns: Indices) -> Values:
        """Values of pairs, rows and columns (K,) int64; the same bits with both exchanged."""
        low, high = np.minimum(rows, columns), np.maximum(rows, columns)
        found = self._moved(high, low)
        inside = np.flatnonzero((low < self._generated) == (high < self._generated))
        found[inside] = (found[inside] + self._moved(low[inside], high[inside])) / 2
        return found

    def bounds(self, rows: Indices, columns: Indices) -> tuple[Values, Values]:
        """0 and infinity: mass may find no place, so not even a lower bound of the best matching holds."""
        return np.zeros(len(rows)), np.full(len(rows), np.inf)

    def _moved(self, asking: Indices, giving: Indices) -> Values:
        levels = LEVELS_SQUARED if self._squared else LEVELS
        return np.asarray(move_pairs(self._clouds, self._clouds, asking, giving, levels, self._squared))


def _one(generated: npt.ArrayLike, reference: npt.ArrayLike, squared: bool) -> float:
    return float(approx_pairs(np.asarray(generated)[None], np.asarray(reference)[None], squared)[0])


def _prepared(clouds: npt.ArrayLike, name: str) -> Values:
    """(N, P, 3) clouds, checked, as (N, 3, P) float64."""
    return np.ascontiguousarray(checked(clouds, name).swapaxes(1, 2), np.float64)
