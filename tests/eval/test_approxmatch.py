"""The approximate matching: the same values as loops in float64, and what its conventions differ by."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.distances import approxmatch, emd
from eval.distances.approxmatch import ApproxPairs, emd_approx, emd_squared_approx
from eval.distances.emd import emd_squared
from eval.distances.sets import Sets
from eval.metrics.coverage import coverage
from eval.metrics.mmd import mmd
from eval.metrics.one_nna import one_nna
from tests.reference import approxmatch as reference
from tests.reference import metrics as by_loops

Clouds = npt.NDArray[np.float32]


def clouds(seed: int, count: int, points: int, size: float = 1.0) -> Clouds:
    return ((np.random.default_rng(seed).random((count, points, 3)) - 0.5) * size).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 9999), points=st.integers(1, 40), size=st.sampled_from([0.1, 1.0, 2.0, 4.0]))
def test_the_same_values_as_loops(seed: int, points: int, size: float) -> None:
    a, b = clouds(seed, 2, points, size)
    assert emd_approx(a, b) == pytest.approx(reference.approximate_emd(b, a, False), rel=1e-6)
    assert emd_squared_approx(a, b) == pytest.approx(reference.approximate_emd(b, a, True), rel=1e-6)


def test_one_point_moves_by_its_distance() -> None:
    a, b = np.zeros((1, 3), np.float32), np.array([[0.3, 0.4, 0.0]], np.float32)
    assert emd_approx(a, b) == pytest.approx(0.5, rel=1e-6)
    assert emd_squared_approx(a, b) == pytest.approx(0.25, rel=1e-6)


def test_it_costs_more_than_the_best_matching_and_is_no_distance() -> None:
    a, b = clouds(0, 2, 256)
    assert 1.1 < emd_approx(a, b) / emd(a, b, 0).value < 1.5
    assert emd_squared_approx(a, b) > 1.2 * emd_squared(a, b, 0).value
    assert emd_approx(a, b) != pytest.approx(emd_approx(b, a), rel=1e-4), "who asks matters"
    assert emd_approx(a, a[::-1]) > 0, "copies are not at distance 0"
    assert emd_approx(3 * a, 3 * b) != pytest.approx(3 * emd_approx(a, b), rel=1e-3), "size matters"


def test_mass_out_of_reach_stays_unless_a_last_level_is_blind() -> None:
    a, b = np.zeros((1, 3), np.float32), np.full((1, 3), 8, np.float32)
    assert emd_approx(a, b) < 1e-6
    assert emd_squared_approx(a, b) == pytest.approx(192, rel=1e-6)


def test_order_of_points_does_not_matter() -> None:
    a, b = clouds(1, 2, 100)
    order = np.random.default_rng(0).permutation(100)
    assert emd_approx(a[order], b[order[::-1]]) == pytest.approx(emd_approx(a, b), rel=1e-6)


@pytest.mark.parametrize("squared", [False, True])
def test_set_metrics_of_the_common_code(squared: bool) -> None:
    generated, references = clouds(2, 6, 24), clouds(3, 6, 24, 0.9)

    def matrix(a: Clouds, b: Clouds) -> npt.NDArray[np.float64]:
        return np.array([[reference.approximate_emd(y, x, squared) for y in b] for x in a])

    d_gr = matrix(generated, references)
    d_gg, d_rr = matrix(generated, generated), matrix(references, references)
    pairs = ApproxPairs(np.concatenate([generated, references]), 6, squared)
    sets = Sets(pairs, 6)
    assert mmd(sets) == pytest.approx(by_loops.mmd(d_gr), rel=1e-6)
    assert coverage(sets) == by_loops.coverage(d_gr)
    assert one_nna(sets).value == by_loops.one_nna(d_gr, (d_gg + d_gg.T) / 2, (d_rr + d_rr.T) / 2)
    rows, columns = np.triu_indices(12, 1)
    assert (pairs.exact(rows, columns) == pairs.exact(columns, rows)).all()


def test_bad_input_is_named() -> None:
    a = clouds(0, 1, 8)[0]
    with pytest.raises(ValueError, match="generated has 8 points, reference 7"):
        emd_approx(a, a[:7])
    with pytest.raises(ValueError, match="reference: cloud 0 holds a value that is not finite"):
        emd_squared_approx(a, np.full((8, 3), np.nan))
    with pytest.raises(ValueError, match="generated: empty"):
        emd_approx(a[:0], a)
    with pytest.raises(ValueError, match="clouds: expected"):
        ApproxPairs(a, 1, False)


def test_levels() -> None:
    assert approxmatch.LEVELS.tolist() == [-16384, -4096, -1024, -256, -64, -16, -4, -1, -0.25]
    assert approxmatch.LEVELS_SQUARED.tolist() == [*approxmatch.LEVELS.tolist(), 0]
