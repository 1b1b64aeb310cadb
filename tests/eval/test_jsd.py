"""JSD against a loop over nodes in exact fractions, its laws, known answers and null expectation."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics.jsd import RESOLUTION, jsd
from tests.reference import more_metrics as loops

Cloud = npt.NDArray[np.float32]
quick = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 10_000)


def uniform(rng: np.random.Generator, count: int, points: int, side: float = 0.55) -> Cloud:
    return rng.uniform(-side / 2, side / 2, (count, points, 3)).astype(np.float32)


@quick
@given(seeds, st.booleans(), st.integers(3, 6))
def test_equals_the_loop_outside_and_halfway_between_nodes_too(seed: int, ball: bool, resolution: int) -> None:
    rng = np.random.default_rng(seed)
    # Eighths fall halfway between nodes of several resolutions; side 1.3 reaches out of the cube.
    generated = np.concatenate([uniform(rng, 1, 12, 1.3), rng.integers(-4, 5, (1, 12, 3)) / np.float32(8)])
    generated[:, 0] = 0  # clouds all outside are refused
    reference = uniform(rng, 3, 6, 0.55)
    found = jsd(generated, reference, ball, resolution)
    assert found.value == pytest.approx(loops.jsd(generated, reference, ball, resolution), abs=1e-12)


@quick
@given(seeds)
def test_laws(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = uniform(rng, 3, 20), uniform(rng, 4, 15)
    there = jsd(a, b, resolution=6).value
    assert 0 <= there <= 1
    assert jsd(b, a, resolution=6).value == pytest.approx(there, abs=1e-12)
    assert jsd(a, a).value == 0
    assert jsd(rng.permutation(rng.permutation(a), axis=1), b, resolution=6).value == there
    assert jsd(np.repeat(a, 2, axis=0), b, resolution=6).value == pytest.approx(there, abs=1e-12)
    # Whose point it is does not count: only the average shape is seen.
    assert jsd(a.reshape(6, 10, 3), b, resolution=6).value == there


@quick
@given(seeds, st.permutations(range(3)))
def test_same_turn_of_both_sets_changes_nothing(seed: int, axes: list[int]) -> None:
    rng = np.random.default_rng(seed)
    a, b = uniform(rng, 3, 20, 1.0), uniform(rng, 4, 15, 1.0)
    for ball in (True, False):
        assert jsd(-a[..., axes], -b[..., axes], ball).value == pytest.approx(jsd(a, b, ball).value, abs=1e-12)


def test_answers_known_by_hand() -> None:
    left, right = np.array([[[-0.3, 0, 0]]]), np.array([[[0.3, 0, 0]]])  # sets of one cloud of one point
    assert jsd(left, right).value == 1 and jsd(left, left).value == 0
    half = jsd(np.concatenate([left, right], axis=1), left).value
    assert half == pytest.approx(1.5 - 0.75 * np.log2(3))  # of (1/2, 1/2) and (1, 0)


def test_the_lattice_is_the_published_one() -> None:
    # Nodes on the faces, 1/27 apart: the border between the first two nodes is half of that from the face.
    step = 1 / (RESOLUTION - 1)
    face, same, next_one = (np.array([[[x, 0.01, 0.01]]]) for x in (-0.5, -0.5 + 0.49 * step, -0.5 + 0.51 * step))
    assert jsd(face, same, ball=False).value == 0 and jsd(face, next_one, ball=False).value == 1
    corner, diagonal = np.full((1, 2, 3), 0.5), np.full((1, 2, 3), 0.31)
    corner[0, 1] = diagonal[0, 1] = 0
    assert jsd(corner, diagonal, ball=False).value == 0.5
    assert 0 < jsd(corner, np.zeros((1, 2, 3))).value < 1  # beyond the ball it counts at a node of the ball


def test_points_outside_are_counted_and_a_cloud_all_outside_is_refused() -> None:
    inside = uniform(np.random.default_rng(0), 2, 4)
    some = inside.copy()
    some[0, 1] = some[1, 2] = 0.45  # in the cube, not in the ball
    found = jsd(some, inside)
    assert (found.outside_generated, found.outside_reference) == (0.25, 0)
    assert jsd(some, inside, ball=False).outside_generated == 0
    far = inside.copy()
    far[1] += 5
    with pytest.raises(ValueError, match="reference: no point of cloud 1 is in the ball"):
        jsd(inside, far)
    with pytest.raises(ValueError, match="generated: no point of cloud 1 is in the cube"):
        jsd(far, inside, ball=False)
    with pytest.raises(ValueError, match="no point of cloud 0"):
        jsd(1000 * uniform(np.random.default_rng(1), 2, 4), inside)


def test_bad_input_is_named() -> None:
    good = uniform(np.random.default_rng(0), 3, 4)
    broken = good.copy()
    broken[2, 1, 0] = np.nan
    with pytest.raises(ValueError, match="reference: cloud 2 holds a value that is not finite"):
        jsd(good, broken)
    with pytest.raises(ValueError, match="generated: empty"):
        jsd(good[:0], good)
    with pytest.raises(ValueError, match="generated: empty"):
        jsd(good[:, :0], good)
    with pytest.raises(ValueError, match="resolution of 3"):
        jsd(good, good, resolution=2)


def test_null_expectation_falls_with_points_and_is_not_0() -> None:
    rng = np.random.default_rng(0)
    nodes = 8**3
    for points in (5_000, 20_000):
        # Side 8/7 and clipping make all nodes of the cube equally likely.
        sides = (np.clip(uniform(rng, 1, points, 8 / 7), -0.5, 0.5) for _ in range(24))
        found = np.mean([jsd(a, b, ball=False, resolution=8).value for a, b in zip(sides, sides, strict=True)])
        assert found == pytest.approx((nodes - 1) / (4 * points * np.log(2)), rel=0.05)
