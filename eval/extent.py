"""What a cloud needs to be measured: a size."""

from typing import Any

import numpy.typing as npt

from argus3d.errors import UserError


def require_size(cloud: npt.NDArray[Any], name: str) -> None:
    """Refuse a cloud (P, 3) whose points are all equal, which no box can scale; one point alone is let pass.

    name : what an error calls the shape
    Raises : UserError
    """
    if len(cloud) > 1 and (cloud == cloud[0]).all():
        raise UserError(f"{name}: all of its points are equal, so that it has no size; repair or drop it")
