"""The nearest training shape of each generated shape: what the generator may have copied."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from argus3d.data.files import write_json
from eval.clouds import CloudSet, load_clouds
from eval.distances.chamfer import chamfer_matrix
from eval.normalize import normalize

# Enough to order neighbours; thousands of training shapes are searched.
POINTS = 512


def main(argv: Sequence[str]) -> int:
    """`argus3d-eval nearest`: write the nearest training shape of the same class for each generated shape."""
    parser = argparse.ArgumentParser(prog="argus3d-eval nearest", description="Nearest training shape of each sample.")
    parser.add_argument("generated", help="folder of samples")
    parser.add_argument("training", nargs="+", help="split parts such as household-v1/train, or folders")
    parser.add_argument("--data-root", type=Path, help="folder of prepared data, for splits")
    parser.add_argument("--out", type=Path, required=True, help="JSON: generated id -> training id and distance")
    arguments = parser.parse_args(argv)
    generated = load_clouds(arguments.generated, POINTS, 0, arguments.data_root)
    training = [load_clouds(source, POINTS, 0, arguments.data_root) for source in arguments.training]
    found = nearest_training_shapes(generated, training)
    print(f"{len(found)} of {len(generated.ids)} samples have training shapes of their class", file=sys.stderr)
    write_json(arguments.out, {"schema": 1, "points": POINTS, "training": arguments.training, "nearest": found})
    return 0


def nearest_training_shapes(generated: CloudSet, training: Sequence[CloudSet]) -> dict[str, dict[str, Any]]:
    """Per generated id the id and the Chamfer distance of the nearest training shape of the same class.

    generated, training : clouds of equally many points; each is moved and scaled to the unit box before
    returns : generated id -> {"id": str, "distance": float, squared mean, in side^2}; shapes of a class that no
        training shape has are left out
    """
    found: dict[str, dict[str, Any]] = {}
    for category in sorted(set(generated.categories)):
        rows = [index for index, name in enumerate(generated.categories) if name == category]
        ids: list[str] = []
        clouds = []
        for part in training:
            mine = [index for index, name in enumerate(part.categories) if name == category]
            ids += [part.ids[index] for index in mine]
            clouds.append(part.clouds[mine])
        if not ids:
            continue
        reference = normalize(np.concatenate(clouds), "box", "training")
        distances = chamfer_matrix(normalize(generated.clouds[rows], "box", "generated"), reference)
        for row, to_all in zip(rows, distances, strict=True):
            best = int(to_all.argmin())
            found[generated.ids[row]] = {"id": ids[best], "distance": float(to_all[best])}
    return found
