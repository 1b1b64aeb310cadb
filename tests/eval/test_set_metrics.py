"""COV, MMD, 1-NNA, novelty against loops, their laws and null expectations."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from eval.distances.sets import Sets
from eval.metrics.coverage import coverage
from eval.metrics.mmd import mmd
from eval.metrics.one_nna import one_nna
from tests.reference import metrics as reference

Matrix = npt.NDArray[np.float64]
quick = settings(max_examples=40, deadline=None)


def matrices(a: Matrix, b: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    return cdist(a, b), cdist(a, a), cdist(b, b)


def sets_of(a: Matrix, b: Matrix) -> Sets:
    return Sets.of_matrices(*matrices(a, b))


@st.composite
def points(draw: st.DrawFn) -> tuple[Matrix, Matrix]:
    """Two sets on a coarse grid, so that ties and copies are common."""
    size = draw(st.integers(2, 9))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    cells = draw(st.sampled_from([2, 4, 1000]))
    return rng.integers(0, cells, (size, 2)).astype(float), rng.integers(0, cells, (size, 2)).astype(float)


@quick
@given(points())
def test_equal_the_loops_with_ties_and_copies(sets: tuple[Matrix, Matrix]) -> None:
    gr, gg, rr = matrices(*sets)
    found = Sets.of_matrices(gr, gg, rr)
    assert mmd(found) == pytest.approx(reference.mmd(gr), rel=1e-12)
    assert coverage(found) == reference.coverage(gr)
    assert one_nna(found).value == reference.one_nna(gr, gg, rr)
    halves = np.array(reference.one_nna_halves(gr, gg, rr)) / len(gg)
    assert (one_nna(found).generated, one_nna(found).reference) == tuple(halves)
    assert 0 < coverage(found) <= 1 and 0 <= one_nna(found).value <= 1


@quick
@given(points(), st.integers(0, 100))
def test_a_part_is_the_sets_of_its_shapes(sets: tuple[Matrix, Matrix], seed: int) -> None:
    rng = np.random.default_rng(seed)
    g, r = (np.sort(rng.choice(len(points), rng.integers(1, len(points) + 1), replace=False)) for points in sets)
    found, expected = sets_of(*sets).part(g, r), sets_of(sets[0][g], sets[1][r])
    assert mmd(found) == mmd(expected) and coverage(found) == coverage(expected)
    assert (found.union.matrix() == expected.union.matrix()).all()


@quick
@given(st.integers(0, 10_000))
def test_order_of_shapes_does_not_matter_without_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(8, 3)), rng.normal(size=(8, 3))
    before, after = sets_of(a, b), sets_of(rng.permutation(a), rng.permutation(b))
    assert mmd(after) == pytest.approx(mmd(before))
    assert coverage(after) == coverage(before)
    assert one_nna(after).value == one_nna(before).value


def test_copies_of_the_reference_score_zero_and_distant_sets_one() -> None:
    reference_set = np.random.default_rng(0).normal(size=(20, 3))
    assert one_nna(sets_of(reference_set, reference_set)).value == 0.0
    assert mmd(sets_of(reference_set, reference_set)) == 0.0
    assert coverage(sets_of(reference_set, reference_set)) == 1.0
    assert one_nna(sets_of(reference_set + 100, reference_set)).value == 1.0


def test_one_shape_repeated_covers_little_and_is_told_apart() -> None:
    reference_set = np.random.default_rng(0).normal(size=(20, 3))
    collapsed = np.repeat(reference_set[:1] + 0.01, 20, axis=0)
    assert coverage(sets_of(collapsed, reference_set)) == 1 / 20
    assert one_nna(sets_of(collapsed, reference_set)).value > 0.9


def test_swapped_arguments_are_noticed() -> None:
    # Generated shapes all near one reference of two clusters: lopsided on purpose.
    generated = np.array([[0.0, 0], [0.1, 0], [0.2, 0]])
    references = np.array([[0.0, 1], [10, 0], [20, 0]])
    there, back = sets_of(generated, references), sets_of(references, generated)
    assert coverage(there) == 1 / 3 and coverage(back) == 2 / 3
    assert mmd(there) > 9 and mmd(back) < 2


def test_null_expectations() -> None:
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        sets = sets_of(rng.normal(size=(80, 4)), rng.normal(size=(80, 4)))
        found.append((one_nna(sets).value, coverage(sets)))
    accuracy, covered = np.mean(found, axis=0)
    assert accuracy == pytest.approx(0.5, abs=0.03)
    assert 0.5 < covered < 0.62


def test_one_nna_refuses_what_it_cannot_say() -> None:
    with pytest.raises(ValueError, match="2 generated and 3 reference"):
        one_nna(sets_of(np.zeros((2, 2)), np.zeros((3, 2))))
    with pytest.raises(ValueError, match="at least two"):
        one_nna(sets_of(np.zeros((1, 2)), np.zeros((1, 2))))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_matrices_that_hold_no_distances_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite and 0 or more"):
        Sets.of_matrices(np.full((3, 3), bad), np.zeros((3, 3)), np.zeros((3, 3)))
