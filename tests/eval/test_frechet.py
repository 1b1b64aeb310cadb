"""Frechet and kernel distance against loops, closed forms and simulations."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics import frechet
from eval.metrics.frechet import frechet_distance, frechet_extrapolated, kernel_distance
from tests.reference import frechet as loops

Features = npt.NDArray[np.float64]
quick = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 10_000)
sizes = st.integers(2, 12)


def turn(rng: np.random.Generator, size: int) -> Features:
    return np.linalg.qr(rng.standard_normal((size, size)))[0]


def whitened(rng: np.random.Generator, count: int, size: int) -> Features:
    """Vectors whose own mean is 0 and whose own covariance is the identity."""
    drawn = rng.standard_normal((count, size))
    upright = np.linalg.qr(drawn - drawn.mean(axis=0))[0]
    return upright * np.sqrt(count - 1)


@quick
@given(seeds, st.integers(1, 5))
def test_frechet_equals_the_root_of_the_product_of_covariances(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((size + 6, size)), 0.3 + 2 * rng.standard_normal((size + 9, size))
    assert frechet_distance(a, b) == pytest.approx(loops.frechet(a, b), rel=1e-6)


@quick
@given(seeds)
def test_closed_form_of_gaussians(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = 6
    deviations_g, deviations_r, shift = rng.uniform(0, 2, (3, size))
    basis = turn(rng, size)
    a = whitened(rng, 20, size) * deviations_g @ basis
    b = (whitened(rng, 31, size) * deviations_r + shift) @ basis
    exact = (shift**2).sum() + ((deviations_g - deviations_r) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(exact, rel=1e-9)


def test_singular_covariances_known_by_hand() -> None:
    along, across = np.array([[1.0, 0, 0], [-1, 0, 0]]), np.array([[0, 3.0, 0], [0, -3, 0]])
    assert frechet_distance(along, across) == pytest.approx(2 + 18)  # variances 2 and 18, nothing shared
    assert frechet_distance(along, 3 * along) == pytest.approx((3 * 2**0.5 - 2**0.5) ** 2)
    still = np.ones((4, 3))
    assert frechet_distance(still, np.zeros((5, 3))) == 3
    assert frechet_distance(still, still) == 0


@quick
@given(seeds, sizes, sizes, sizes)
def test_laws_of_frechet_also_with_fewer_shapes_than_features(seed: int, g: int, r: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((g, size)), 1 + rng.standard_normal((r, size)) * rng.uniform(0, 3, size)
    there = frechet_distance(a, b)
    basis, shift = turn(rng, size), rng.standard_normal(size)
    assert there >= 0
    assert frechet_distance(b, a) == pytest.approx(there, rel=1e-9)
    assert frechet_distance(a @ basis + shift, b @ basis + shift) == pytest.approx(there, rel=1e-9)
    assert frechet_distance(5 * a, 5 * b) == pytest.approx(25 * there, rel=1e-9)
    assert frechet_distance(rng.permutation(a), rng.permutation(b)) == pytest.approx(there, rel=1e-9)
    assert frechet_distance(b, rng.permutation(b)) == pytest.approx(0, abs=1e-12 * np.square(b).sum())


def test_bias_falls_with_the_sets_and_extrapolation_takes_most_of_it() -> None:
    rng = np.random.default_rng(0)
    plain, extrapolated = {}, {}
    for count in (30, 60, 120):
        pairs = [rng.standard_normal((2, count, 12)) for _ in range(40)]
        plain[count] = np.mean([frechet_distance(a, b) for a, b in pairs])
        extrapolated[count] = np.mean([frechet_extrapolated(a, b) for a, b in pairs])
    assert plain[30] == pytest.approx(2 * plain[60], rel=0.15)
    assert plain[60] == pytest.approx(2 * plain[120], rel=0.15)
    assert all(abs(extrapolated[count]) < 0.12 * plain[count] for count in plain)


def test_extrapolation_finds_the_distance_of_the_distributions() -> None:
    rng = np.random.default_rng(1)
    drawn = [(rng.standard_normal((150, 8)), 2 * rng.standard_normal((150, 8)) + 0.5, seed) for seed in range(20)]
    exact = 8 * (1 + 0.25)
    assert np.mean([frechet_extrapolated(*entry) for entry in drawn]) == pytest.approx(exact, rel=0.03)
    assert frechet_extrapolated(*drawn[0]) == frechet_extrapolated(*drawn[0])


@quick
@given(seeds, sizes, sizes, sizes, st.integers(1, 5))
def test_kernel_distance_equals_the_loop_whatever_the_blocks(seed: int, g: int, r: int, size: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((g, size)), 1 + rng.standard_normal((r, size))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frechet, "ROWS", rows)
        assert kernel_distance(a, b) == pytest.approx(loops.kernel_distance(a, b), rel=1e-9, abs=1e-9)


def test_kernel_distance_known_by_hand() -> None:
    a, b = np.array([[1.0], [1.0]]), np.array([[0.0], [0.0]])
    assert kernel_distance(a, b) == 2**3 + 1 - 2
    # Copies lose the pairs of a shape with itself, the largest of all, on one side only.
    assert kernel_distance([[1.0], [-1.0]], [[1.0], [-1.0]]) == -8


@quick
@given(seeds, sizes, sizes, sizes)
def test_laws_of_kernel_distance(seed: int, g: int, r: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((g, size)), 1 + rng.standard_normal((r, size))
    there, basis = kernel_distance(a, b), turn(rng, size)
    assert kernel_distance(b, a) == pytest.approx(there, rel=1e-9, abs=1e-9)
    assert kernel_distance(a @ basis, b @ basis) == pytest.approx(there, rel=1e-9, abs=1e-9)
    assert kernel_distance(rng.permutation(a), rng.permutation(b)) == pytest.approx(there, rel=1e-9, abs=1e-9)


def test_kernel_distance_has_no_bias_at_any_size() -> None:
    rng = np.random.default_rng(2)
    for count in (4, 20, 60):
        found = [kernel_distance(*rng.standard_normal((2, count, 16))) for _ in range(400)]
        assert abs(np.mean(found)) < 3 * np.std(found) / len(found) ** 0.5
        assert 0.2 < np.mean(np.array(found) < 0) < 0.8
    moved = [kernel_distance(rng.standard_normal((20, 16)), 0.5 + rng.standard_normal((20, 16))) for _ in range(400)]
    larger = [kernel_distance(rng.standard_normal((80, 16)), 0.5 + rng.standard_normal((80, 16))) for _ in range(200)]
    assert np.mean(moved) > 0.2
    assert np.mean(larger) == pytest.approx(np.mean(moved), rel=0.1)


@pytest.mark.parametrize("measure", [frechet_distance, frechet_extrapolated, kernel_distance])
def test_bad_input_is_named(measure: Callable[[Features, Features], float]) -> None:
    good = np.random.default_rng(0).standard_normal((5, 3))
    broken = good.copy()
    broken[2, 1] = np.nan
    with pytest.raises(ValueError, match="reference: features 2 hold a value that is not finite"):
        measure(good, broken)
    with pytest.raises(ValueError, match="generated: features of 1 shapes"):
        measure(good[:1], good)
    with pytest.raises(ValueError, match="reference: features of 0 shapes"):
        measure(good, good[:0])
    with pytest.raises(ValueError, match="generated has 2 features, reference 3"):
        measure(good[:, :2], good)
    with pytest.raises(ValueError, match=r"generated: expected features of shape \(N, D\)"):
        measure(good[0], good)


def test_extrapolation_needs_halves_of_two() -> None:
    good = np.random.default_rng(0).standard_normal((5, 3))
    with pytest.raises(ValueError, match="sets of four or more, got 3 generated"):
        frechet_extrapolated(good[:3], good)
