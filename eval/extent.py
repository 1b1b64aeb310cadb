"""What a shape needs to be measured in single precision: a size, and a place where its points stay apart."""

from typing import Any

import numpy as np
import numpy.typing as npt

from argus3d.errors import UserError

LARGEST = float(np.finfo(np.float32).max)
MOST_MOVED = 1e-3  # of the longest side


def require_size(cloud: npt.NDArray[Any], name: str) -> None:
    """Refuse a cloud (P, 3) whose points are all equal, which no box can scale; one point alone is let pass.

    name : what an error calls the shape
    Raises : UserError
    """
    if len(cloud) > 1 and (cloud == cloud[0]).all():
        raise UserError(f"{name}: all of its points are equal, so that it has no size; repair or drop it")


def require_single(points: npt.NDArray[Any], name: str) -> None:
    """Refuse a shape that single precision cannot hold: its steps would move points by more than `MOST_MOVED`.

    points : (..., 3), finite, of the whole shape; what has no size is let pass
    name : what an error calls the shape
    Raises : UserError
    """
    exact = points.reshape(-1, 3).astype(np.float64)
    low, high = exact.min(axis=0), exact.max(axis=0)
    farthest = float(np.maximum(np.abs(low), np.abs(high)).max())
    if farthest > LARGEST:
        raise UserError(f"{name}: a coordinate of {farthest:.3g} is beyond single precision ({LARGEST:.3g}); shrink it")
    side = float((high - low).max())
    if not side or _step(farthest) <= MOST_MOVED * side:
        return
    if _step(side) > MOST_MOVED * side:
        raise UserError(f"{name}: its longest side of {side:.3g} is too small for single precision; scale it up")
    raise UserError(
        f"{name}: lies too far from the origin for its size: single precision has steps of {_step(farthest):.3g} at "
        f"{farthest:.6g}, its longest side is {side:.3g}; centre it first"
    )


def _step(value: float) -> float:
    return float(np.spacing(np.float32(value)))
