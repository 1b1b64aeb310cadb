"""The nearest training shape of each generated shape: what the generator may have copied."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eval.clouds import CloudSet, load_clouds
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.sets import Sets
from eval.metrics.novelty import compare_novelty
from eval.nearest_file import COPY, Nearest, write_nearest
from eval.normalize import normalize
from eval.results import require_place

# Enough to order neighbours; thousands of training shapes are searched.
POINTS = 512


def main(argv: Sequence[str]) -> int:
    """`argus3d-eval nearest`: write the nearest training shape of the same class for each generated shape."""
    parser = argparse.ArgumentParser(prog="argus3d-eval nearest", description="Nearest training shape of each sample.")
    parser.add_argument("generated", help="folder of samples")
    parser.add_argument("training", nargs="+", help="split parts such as household-v1/train, or folders")
    parser.add_argument("--data-root", type=Path, help="folder of prepared data, for splits")
    parser.add_argument("--out", type=Path, required=True, help="JSON: generated id -> training id, distance, p-value")
    arguments = parser.parse_args(argv)
    require_place(arguments.out, arguments.generated, *arguments.training)
    generated = load_clouds(arguments.generated, POINTS, 0, arguments.data_root)
    training = [load_clouds(source, POINTS, 0, arguments.data_root) for source in arguments.training]
    found = nearest_training_shapes(generated, training)
    near = sum(one.near_copy for one in found.values())
    print(
        f"{len(found)} of {len(generated.ids)} samples have training shapes of their class; {near} lie nearer to one "
        f"than all but {COPY:.0%} of training shapes to another (of new shapes about {COPY * len(found):.0f})",
        file=sys.stderr,
    )
    write_nearest(arguments.out, found, arguments.training, POINTS)
    return 0


def nearest_training_shapes(generated: CloudSet, training: Sequence[CloudSet]) -> dict[str, Nearest]:
    """Per generated id the nearest training shape of the same class.

    generated, training : clouds of equally many points; each is moved and scaled to the unit box before
    returns : shapes of a class that no training shape has are left out
    """
    found: dict[str, Nearest] = {}
    for category in sorted(set(generated.categories)):
        rows = [index for index, name in enumerate(generated.categories) if name == category]
        ids: list[str] = []
        clouds = [normalize(generated.clouds[rows], "box", "generated")]
        for part in training:
            mine = [index for index, name in enumerate(part.categories) if name == category]
            ids += [part.ids[index] for index in mine]
            clouds.append(normalize(part.clouds[mine], "box", "training"))
        if not ids:
            continue
        sets = Sets(ChamferPairs(np.concatenate(clouds)), len(rows))
        nearest, distance = sets.between.nearest(axis=1)
        p_values = compare_novelty(sets).p_value.tolist() if len(ids) > 1 else [None] * len(rows)
        for row, best, far, p_value in zip(rows, nearest, distance, p_values, strict=True):
            found[generated.ids[row]] = Nearest(ids[best], float(far), p_value)
    return found
