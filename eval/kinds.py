"""The kinds of distance that a protocol asks for, over the shapes of two sets."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from eval.distances.approxmatch import ApproxPairs
from eval.distances.backends import chamfer_pairs, resolve
from eval.distances.emd_bounds import EmdPairs
from eval.distances.neighbours import Pairs
from eval.protocol import Protocol

Points = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Kind:
    """One kind of distance within the union of two sets, generated shapes first.

    suffix : "cd" or the protocol's `emd_name`, which ends the metrics' names
    backend : what computes it
    open_pairs : gives the pairs of the union; picklable
    """

    suffix: str
    backend: str
    open_pairs: Callable[[], Pairs]


def kinds(
    generated: Points, reference: Points, protocol: Protocol, device: str = "cpu", backend: str | None = None
) -> tuple[Kind, Kind]:
    """Chamfer distance, then earth mover's distance.

    generated, reference : (G, P, 3), (R, P, 3) float32, the protocol's points, normalised
    device, backend : of Chamfer distances, see `eval.distances.backends.resolve`
    """
    union = np.concatenate([generated, reference])
    by_chamfer = partial(chamfer_pairs, union, kind=protocol.chamfer, device=device, backend=backend)
    return (
        Kind("cd", resolve(device, backend), by_chamfer),
        Kind(protocol.emd_name, "numba", emd_pairs(union, len(generated), protocol)),
    )


def emd_pairs(clouds: Points, generated: int, protocol: Protocol) -> Callable[[], Pairs]:
    """What opens the pairs of a union, generated shapes first, by the protocol's earth mover's distance."""
    thinned = clouds[:, point_positions(protocol.points, protocol.emd_points, protocol.seed)]
    squared = protocol.emd == "mean_squared"
    if protocol.emd_solver == "approximate_matching":
        return partial(ApproxPairs, thinned, generated, squared)
    return partial(EmdPairs, thinned, squared=squared)


def point_positions(stored: int, wanted: int, seed: int) -> npt.NDArray[np.int64]:
    """Which points of each cloud are used: the same positions in all, as a cloud's own order may follow its shape."""
    if stored == wanted:
        return np.arange(stored)
    return np.sort(np.random.default_rng(seed).choice(stored, wanted, replace=False))
