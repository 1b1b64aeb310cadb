"""Smaller sets out of two sets, class by class as far as the classes allow it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eval.sensitivity.shapes import Pair

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """Some shapes of both sets.

    generated, reference : (n,) int64, in order
    """

    generated: Indices
    reference: Indices


def disjoint_parts(pair: Pair, size: int, count: int) -> list[Part]:
    """Draws of smaller sets at random, two by two without a shape in common.

    size : of each part, at most half the pair's
    returns : 2 * count parts. Where both sets have as many shapes of each class, parts have so too, but for what does
        not divide evenly: sets drawn class by class are more alike than sets drawn at random
    """
    rng = np.random.default_rng(pair.protocol.seed)
    generated, reference = pair.generated.categories, pair.reference.categories
    if Counter(generated) != Counter(reference):
        generated = reference = ("",) * pair.size
    drawn = [(_two(generated, size, rng), _two(reference, size, rng)) for _ in range(count)]
    return [Part(made[side], real[side]) for made, real in drawn for side in (0, 1)]


def exchanged_references(pair: Pair, count: int) -> list[Part]:
    """Half the generated shapes against one half of the reference, and against the other.

    returns : 2 * count parts, two by two with the same generated shapes and none of the reference in common
    """
    parts = disjoint_parts(pair, pair.size // 2, count)
    first = [part.generated for part in parts[::2] for _ in (0, 1)]
    return [Part(generated, part.reference) for generated, part in zip(first, parts, strict=True)]


def _two(classes: Sequence[str], size: int, rng: np.random.Generator) -> Indices:
    """Two disjoint draws, (2, size), each row in order."""
    names, order = np.array(classes), rng.permutation(len(classes))
    taken: list[Indices] = []
    for name, count in sorted(Counter(classes).items()):
        share = size * count // len(classes)
        taken.append(order[names[order] == name][: 2 * share].reshape(2, share))
    whole = np.concatenate(taken, axis=1)
    rest = order[~np.isin(order, whole)]
    missing = size - whole.shape[1]
    return np.sort(np.concatenate([whole, rest[: 2 * missing].reshape(2, missing)], axis=1), axis=1)
