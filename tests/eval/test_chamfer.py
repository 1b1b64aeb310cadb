"""Chamfer distance against loops, and its laws."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from eval.distances import chamfer
from eval.distances.chamfer import KINDS, chamfer_matrix, chamfer_self_matrix
from eval.distances.kernels.blocks import BLOCK, LEAF, LEAVES, pack
from eval.distances.kernels.nearest import sum_in_any_order
from tests.reference import distances as reference

Clouds = npt.NDArray[np.float32]
quick = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 10_000)
sizes = st.sampled_from([1, 2, 3, 5, 63, 64, 65, 130])


def cloud(seed: int, points: int, scale: float = 1.0) -> Clouds:
    return (np.random.default_rng(seed).normal(size=(points, 3)) * scale).astype(np.float32)


@quick
@given(seeds, sizes, sizes, st.sampled_from(KINDS), st.sampled_from([1e-3, 1.0, 1e3]))
def test_equals_the_loop_at_any_size(seed: int, p: int, q: int, kind: str, scale: float) -> None:
    a, b = cloud(seed, p, scale), cloud(seed + 1, q, scale)
    assert chamfer(a, b, kind) == pytest.approx(reference.chamfer(a, b, kind), rel=1e-6)


@quick
@given(seeds, sizes, sizes, st.sampled_from(KINDS))
def test_swapped_arguments_give_the_same_bits(seed: int, p: int, q: int, kind: str) -> None:
    a, b = cloud(seed, p), cloud(seed + 1, q)
    assert chamfer(a, b, kind) == chamfer(b, a, kind)


@quick
@given(seeds, sizes, st.sampled_from(KINDS))
def test_order_of_points_does_not_matter_and_copies_are_at_zero(seed: int, p: int, kind: str) -> None:
    a, b = cloud(seed, p) + 100, cloud(seed + 1, p) + 100
    order = np.random.default_rng(seed).permutation(p)
    assert chamfer(a[order], b, kind) == chamfer(a, b[order], kind) == chamfer(a, b, kind)
    assert chamfer(a, a[order], kind) == 0.0


@quick
@given(seeds, st.integers(1, 3000), st.sampled_from(KINDS))
def test_order_of_points_does_not_matter_where_distances_differ_by_millions(seed: int, p: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(p, 3))
    b = a + rng.normal(size=(p, 3)) * 10.0 ** rng.uniform(-6, 0, (p, 1))
    a, b = a.astype(np.float32), b.astype(np.float32)
    assert chamfer(a[rng.permutation(p)], b[rng.permutation(p)], kind) == chamfer(a, b, kind)


@quick
@given(seeds, st.integers(1, 40), st.floats(0, 40), st.booleans())
def test_sums_are_exact_in_any_order(seed: int, blocks: int, powers: float, single: bool) -> None:
    rng = np.random.default_rng(seed)
    values = 10.0 ** rng.uniform(-powers, 0, (blocks, BLOCK)) * rng.integers(0, 2, (blocks, BLOCK))
    values = values.astype(np.float32).astype(np.float64) if single else values
    found = sum_in_any_order(values)
    assert found == sum_in_any_order(rng.permutation(values.ravel()).reshape(values.shape))
    assert found == pytest.approx(math.fsum(values.ravel()), rel=1e-15, abs=0)


@quick
@given(seeds)
def test_rigid_motion_and_scale(seed: int) -> None:
    a, b = cloud(seed, 40), cloud(seed + 1, 30)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    moved = [(x @ turn + [0.3, -0.2, 0.1]).astype(np.float32) for x in (a, b)]
    assert chamfer(*moved) == pytest.approx(chamfer(a, b), rel=1e-5)
    assert chamfer(2 * a, 2 * b) == pytest.approx(4 * chamfer(a, b), rel=1e-6)
    assert chamfer(2 * a, 2 * b, "l2_mean") == pytest.approx(2 * chamfer(a, b, "l2_mean"), rel=1e-6)


@quick
@given(seeds, st.sampled_from([1, 100, 256, 1000, 2049]), st.sampled_from([100, 700]), st.sampled_from([1, 3, 20, 0]))
def test_leaves_left_out_change_nothing(seed: int, p: int, q: int, cells: int) -> None:
    # Few cells: many points in the same place, and many equally near.
    a, b = cloud(seed, p), cloud(seed + 1, q)
    if cells:
        a, b = np.round(a * cells) / np.float32(cells), np.round(b * cells) / np.float32(cells)
    there, back = cKDTree(b).query(a)[0], cKDTree(a).query(b)[0]
    assert chamfer(a, b) == pytest.approx((there**2).mean() + (back**2).mean(), rel=1e-6)
    assert chamfer(a, b, "l2_half") == pytest.approx((there.mean() + back.mean()) / 2, rel=1e-6)


def test_flat_and_repeated_clouds() -> None:
    flat = cloud(0, 300) * np.array([1, 0, 0], np.float32)
    point = np.full((10_000, 3), 0.25, np.float32)
    assert chamfer(flat, flat[::-1]) == 0.0 and chamfer(point, point[:1]) == 0.0
    assert chamfer(point, flat) == pytest.approx(reference.chamfer(point[:1], flat), rel=1e-6)


@quick
@given(seeds, sizes)
def test_packing_keeps_every_point_in_its_box(seed: int, p: int) -> None:
    points = cloud(seed, p)
    blocks = pack(points[None])
    lanes = blocks.points[0].transpose(0, 2, 1).reshape(-1, 3)
    assert sorted(map(tuple, lanes[:p].tolist())) == sorted(map(tuple, points.tolist()))
    assert (lanes[p:] == lanes[p - 1]).all()
    leaves = lanes.reshape(-1, LEAF, 3)
    assert (blocks.lows[0] == leaves.min(axis=1).T).all() and (blocks.highs[0] == leaves.max(axis=1).T).all()
    whole = leaves.reshape(-1, LEAVES * LEAF, 3)
    assert (np.stack([whole.min(axis=1), whole.max(axis=1)], axis=1) == blocks.boxes[0]).all()


def test_matrices_hold_the_pairs() -> None:
    a = np.stack([cloud(i, 70) for i in range(5)])
    b = np.stack([cloud(i + 9, 50) for i in range(3)])
    matrix = chamfer_matrix(a, b)
    assert matrix.shape == (5, 3) and matrix.dtype == np.float64
    assert all(matrix[i, j] == chamfer(a[i], b[j]) for i in range(5) for j in range(3))
    own = chamfer_self_matrix(a)
    assert (own == own.T).all() and (np.diag(own) == 0).all()
    assert (own == chamfer_matrix(a, a)).all()


def test_conventions_differ_as_their_names_say() -> None:
    a = np.array([[0, 0, 0], [2, 0, 0]], np.float32)
    b = np.array([[0, 0, 2]], np.float32)
    found = {kind: chamfer(a, b, kind) for kind in KINDS}
    root = 8**0.5
    assert found == pytest.approx(
        {"squared_mean": 6 + 4, "l2_mean": (2 + root) / 2 + 2, "l2_half": (2 + root) / 4 + 1, "squared_sum": 12 + 4}
    )


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (np.zeros((0, 3)), np.zeros((2, 3)), "generated: empty"),
        (np.zeros((2, 3)), np.full((2, 3), np.nan), "reference: cloud 0 holds a value that is not finite"),
        (np.zeros((2, 2)), np.zeros((2, 3)), "shape"),
        (np.full((2, 3), 1e20), np.zeros((2, 3)), "normalise"),
    ],
)
def test_bad_clouds_are_named(a: Clouds, b: Clouds, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        chamfer(a, b)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="squared_mean"):
        chamfer(np.zeros((2, 3)), np.zeros((2, 3)), "cd")
