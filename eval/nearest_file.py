"""Which training shape is nearest to each sample, as `argus3d-eval nearest` writes it for sheets and pages to read."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from argus3d.data.files import read_json_object, write_json
from argus3d.errors import UserError

COPY = 0.05  # a p-value below it is called near a copy; of new shapes that share would be
WAY_OUT = "make it again by argus3d-eval nearest"


@dataclass(frozen=True)
class Nearest:
    """The nearest training shape of a generated shape, of the same class.

    id : of the training shape
    distance : Chamfer distance, squared mean, in side^2
    p_value : of the hypothesis that the generated shape is one more of the training shapes' kind, small for copies (see
        `eval.metrics.novelty`); None where the class has a single training shape
    """

    id: str
    distance: float
    p_value: float | None

    @property
    def near_copy(self) -> bool:
        """Whether few training shapes lie as near to another."""
        return self.p_value is not None and self.p_value < COPY


def write_nearest(path: Path, found: Mapping[str, Nearest], training: Sequence[str], points: int) -> None:
    """Write what is nearest by the ids of samples.

    training : what was searched
    points : of a cloud
    """
    nearest = {item: asdict(one) for item, one in found.items()}
    write_json(path, {"schema": 1, "points": points, "training": list(training), "nearest": nearest})


def read_nearest(path: Path) -> dict[str, Nearest]:
    """What is nearest, by the ids of samples. Raises : UserError for a file that does not say it"""
    if not path.is_file():
        raise UserError(f"{path} is missing; make it by argus3d-eval nearest.")
    nearest = read_json_object(path, WAY_OUT).get("nearest")
    if not isinstance(nearest, dict):
        raise UserError(f"{path} says of no sample what is nearest; {WAY_OUT}.")
    return {str(item): _nearest(path, item, said) for item, said in nearest.items()}


def _nearest(path: Path, item: str, said: Any) -> Nearest:
    try:
        p_value = said.get("p_value")
        return Nearest(str(said["id"]), _finite(said["distance"]), None if p_value is None else _finite(p_value))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: what is nearest to {item[:60]!r} is damaged ({error!r:.100}); {WAY_OUT}.") from error


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is no distance or share")
    return float(value)
