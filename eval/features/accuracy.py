"""How well the point network tells classes, by its own test shapes."""

import json
from collections import defaultdict
from pathlib import Path

from argus3d.errors import UserError
from eval.features.network import WEIGHTS


def class_accuracy(path: Path = WEIGHTS) -> dict[str, tuple[int, int]]:
    """Class -> test shapes that the network was right on, and all of them, of all its sources together.

    path : the weights; their report lies beside them
    Raises : UserError where it does not, or is none
    """
    report = path.with_suffix(".json")
    try:
        tested = json.loads(report.read_text())["test"]
        found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for source in tested.values():
            for name, (right, every) in source["right_of_all"].items():
                found[name][0] += right
                found[name][1] += every
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{report} is no report of a point network ({error!r}); train it again.") from error
    return {name: (right, every) for name, (right, every) in sorted(found.items())}
