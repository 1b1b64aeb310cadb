"""Bounds of Chamfer distances hold, and what is asked through them is what the matrix says."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from eval.distances.chamfer import KINDS, chamfer_matrix, chamfer_self_matrix
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.kernels import lattice
from eval.distances.kernels.blocks import BLOCK, pack
from eval.distances.neighbours import Neighbours
from tests.reference.trees import spanning_trees

Clouds = npt.NDArray[np.float32]
quick = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 10_000)


def clouds(seed: int, size: int, points: int, scale: float = 1.0, offset: float = 0.0, cells: int = 0) -> Clouds:
    """Thin boxes of many shapes; on a coarse grid, if cells are given, with a copy of the first at the end."""
    rng = np.random.default_rng(seed)
    out = rng.uniform(-0.5, 0.5, (size, points, 3)) * rng.uniform(0.02, 1, (size, 1, 3))
    if cells:
        out = np.round(out * cells) / cells
        out[-1] = rng.permutation(out[0])
    return (out * scale + offset).astype(np.float32)


@quick
@given(
    seeds,
    st.sampled_from([1, 2, 65, 300]),
    st.sampled_from([1, 40, 300]),
    st.sampled_from(KINDS),
    st.sampled_from([1e-20, 1e-3, 1.0, 1e4]),
    st.sampled_from([0.0, 1.0, 1e4]),
    st.sampled_from([0, 1, 8]),
)
def test_bounds_hold(seed: int, p: int, q: int, kind: str, scale: float, offset: float, cells: int) -> None:
    a = clouds(seed, 5, p, scale, offset * scale, cells)
    b = clouds(seed + 1, 4, q, scale, offset * scale, cells)
    b[0] = a[1, np.arange(q) % p]
    pairs = ChamferPairs(a, b, kind)
    rows, columns = np.mgrid[:5, :4].reshape(2, -1)
    exact = pairs.exact(rows, columns)
    lower, upper = pairs.bounds(rows, columns)
    assert (exact == chamfer_matrix(a, b, kind).ravel()).all()
    assert (lower >= 0).all() and (lower <= exact).all() and (exact <= upper).all()
    some = np.array([7, 2, 19, 7])
    few = pairs.bounds(rows[some], columns[some])
    assert few[0] == pytest.approx(lower[some], rel=1e-3) and few[1] == pytest.approx(upper[some], rel=1e-3)


def test_bounds_are_tight_where_clouds_differ() -> None:
    a, b = clouds(0, 20, 1000), clouds(1, 20, 1000)
    pairs = ChamferPairs(a, b)
    rows, columns = np.mgrid[:20, :20].reshape(2, -1)
    exact = pairs.exact(rows, columns)
    lower, upper = pairs.bounds(rows, columns)
    assert np.median(lower / exact) > 0.9 and np.median(upper / exact) < 1.6


@quick
@given(seeds, st.sampled_from(KINDS), st.sampled_from([0, 2, 16]), st.sampled_from([3, 100]))
def test_answers_are_those_of_the_matrix(seed: int, kind: str, cells: int, points: int) -> None:
    a, b = clouds(seed, 7, points, cells=cells), clouds(seed + 1, 5, points + 1, cells=cells)
    between, full = Neighbours(ChamferPairs(a, b, kind)), chamfer_matrix(a, b, kind)
    for axis in (0, 1):
        index, distance = between.nearest(axis)
        assert (index == full.argmin(axis=axis)).all() and (distance == full.min(axis=axis)).all()
    own, full = Neighbours(ChamferPairs(a, kind=kind)), chamfer_self_matrix(a, kind)
    edges, trees = own.spanning_trees(2)
    found = [sorted(map(tuple, edges[tree * 6 : tree * 6 + 6].tolist())) for tree in range(trees)]
    assert found == spanning_trees(full, 2)
    assert (own.matrix() == full).all()


def test_few_real_pairs_are_solved() -> None:
    kinds = clouds(0, 10, 500)
    jitter = np.random.default_rng(1).uniform(-0.05, 0.05, (200, 1, 3)).astype(np.float32)
    own = Neighbours(ChamferPairs(np.repeat(kinds, 20, axis=0) + jitter))
    own.nearest()
    own.spanning_trees(2)
    assert own.solved < 200 * 199 // 2 // 4


@quick
@given(seeds, st.sampled_from([1, 30]), st.sampled_from([1e-3, 1.0, 1e5]), st.sampled_from([0.0, 3.3, 1e3, 1e9]))
def test_a_lattice_holds_its_points_and_keeps_their_mean(seed: int, p: int, scale: float, offset: float) -> None:
    points = clouds(seed, 2, p, scale, min(offset * scale, 5e8))
    flat = points.reshape(-1, 3).astype(np.float64)
    grid = lattice.around(flat.min(axis=0), flat.max(axis=0))
    assert (grid.blocks <= lattice.BLOCKS + 1).all()
    axes = [grid.origin[axis] + np.arange(grid.blocks[axis] * lattice.SIDE) * grid.step for axis in range(3)]
    assert all((axis == axis.astype(np.float32)).all() for axis in axes), "no vertex is rounded"
    side = lattice.SIDE
    vertices = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    blocked = vertices.reshape(grid.blocks[0], side, grid.blocks[1], side, grid.blocks[2], side, 3)
    blocked = blocked.transpose(0, 2, 4, 1, 3, 5, 6).reshape(-1, 3)
    share, spread = lattice.weights(points, grid, False)
    assert (share >= 0).all() and share.sum(axis=1) == pytest.approx(p, rel=1e-5)
    rounding = 1e-6 * p * (grid.step * 40 + np.abs(flat).max())
    assert share @ blocked == pytest.approx(points.sum(axis=1, dtype=np.float64), abs=rounding)
    assert (spread >= 0).all() and (spread <= 0.75 * p * grid.step**2 * (1 + 1e-9)).all()
    field = lattice.fields(pack(points), grid, np.arange(len(share[0]) // BLOCK), False)
    expected = np.stack([cKDTree(cloud).query(blocked)[0] ** 2 for cloud in points])
    assert np.abs(field - expected).max() <= 1e-5 * expected.max()
