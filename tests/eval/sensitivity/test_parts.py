"""Smaller sets out of two sets."""

from collections import Counter

import numpy as np
import pytest

from eval.protocol import get_protocol
from eval.sensitivity.parts import disjoint_parts, exchanged_references
from eval.sensitivity.shapes import Pair, Shapes

CLASSES = ("chair",) * 11 + ("lamp",) * 5 + ("sofa",)


def pair(generated: tuple[str, ...] = CLASSES, reference: tuple[str, ...] = CLASSES) -> Pair:
    sides = (Shapes("x", tuple(map(str, range(len(some)))), some, None) for some in (generated, reference))
    return Pair("x", *sides, get_protocol("smoke"))


@pytest.mark.parametrize("size", [2, 5, 8])
def test_two_by_two_they_share_no_shape(size: int) -> None:
    parts = disjoint_parts(pair(), size, 10)
    assert len(parts) == 20
    for one, other in zip(parts[::2], parts[1::2], strict=True):
        for a, b in ((one.generated, other.generated), (one.reference, other.reference)):
            assert len(a) == len(b) == size and not set(a.tolist()) & set(b.tolist())
            assert (np.diff(a) > 0).all()
    assert len({part.generated.tobytes() for part in parts}) > 1


def test_classes_keep_their_shares() -> None:
    for part in disjoint_parts(pair(), 8, 20):
        for rows in (part.generated, part.reference):
            counts = Counter(CLASSES[row] for row in rows)
            assert counts["chair"] >= 5 and counts["lamp"] >= 2


def test_sets_of_other_classes_are_drawn_as_if_they_had_none() -> None:
    other = ("chair",) * 8 + ("",) * 9
    sizes = {
        sum(other[row] == "chair" for row in part.reference) for part in disjoint_parts(pair(CLASSES, other), 8, 30)
    }
    assert len(sizes) > 2, "shares vary as chance has it"


def test_the_seed_decides() -> None:
    first, again = (disjoint_parts(pair(), 5, 3) for _ in range(2))
    assert all((a.generated == b.generated).all() for a, b in zip(first, again, strict=True))


def test_references_are_exchanged_under_the_same_samples() -> None:
    parts = exchanged_references(pair(), 10)
    assert len(parts) == 20
    for one, other in zip(parts[::2], parts[1::2], strict=True):
        assert (one.generated == other.generated).all() and len(one.generated) == len(CLASSES) // 2
        assert not set(one.reference.tolist()) & set(other.reference.tolist())
