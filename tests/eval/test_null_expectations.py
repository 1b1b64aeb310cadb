"""What set metrics give for sets of one distribution, for sets that lie apart, and for more samples than references."""

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.distance import cdist

from eval.distances.sets import Sets
from eval.metrics.coverage import coverage
from eval.metrics.ecd import edge_count, edge_moments, nested_ecd
from eval.metrics.mmd import mmd
from eval.metrics.one_nna import one_nna
from eval.metrics.relabelling import relabelled_counts

Matrix = npt.NDArray[np.float64]


def sets_of(a: Matrix, b: Matrix) -> Sets:
    squared = "sqeuclidean"
    return Sets.of_matrices(cdist(a, b, squared), cdist(a, a, squared), cdist(b, b, squared))


def test_ecd_is_two_on_average_over_all_labellings_of_the_path() -> None:
    values = []
    for first in combinations(range(6), 3):
        rank = np.argsort([*first, *(node for node in range(6) if node not in first)])
        values.append(edge_count(np.column_stack([rank[:-1], rank[1:]]), 3, 3).value)
    assert len(values) == 20 and np.mean(values) == pytest.approx(2.0, abs=1e-12)
    assert sum(value > 3 for value in values) == 12


def test_ecd_is_two_on_average_over_random_labellings() -> None:
    rng = np.random.default_rng(0)
    edges, _ = sets_of(rng.normal(size=(40, 5)), rng.normal(size=(60, 5))).union.spanning_trees(4)
    moments = edge_moments(edges, 40, 60)
    counts = relabelled_counts(edges, 40, 100, 20_000, 0) - np.array([float(moments.mean_1), float(moments.mean_2)])
    inverse = np.linalg.inv([[float(moments.var_1), float(moments.cov)], [float(moments.cov), float(moments.var_2)]])
    assert np.einsum("di,ij,dj->d", counts, inverse, counts).mean() == pytest.approx(2.0, abs=0.08)


@pytest.mark.parametrize("dimensions", [1, 2, 16])
def test_sets_of_one_distribution(dimensions: int) -> None:
    found = []
    for seed in range(20):
        rng = np.random.default_rng([seed, dimensions])
        sets = sets_of(rng.normal(size=(150, dimensions)), rng.normal(size=(150, dimensions)))
        accuracy = one_nna(sets)
        found.append((coverage(sets), accuracy.value, accuracy.generated, accuracy.reference))
    covered, value, generated, reference = np.mean(found, axis=0)
    assert 0.49 < covered < 0.62
    assert (value, generated, reference) == pytest.approx((149 / 299,) * 3, abs=0.03)


@pytest.mark.parametrize(("size", "expected"), [(100, (199, 1076, 2358)), (200, (399, 2076, 4347))])
def test_ecd_of_sets_that_lie_apart_grows_with_shapes_and_trees(size: int, expected: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    sets = sets_of(rng.normal(size=(size, 16)) + 50, rng.normal(size=(size, 16)))
    found = nested_ecd(sets, (1, 5, 10))
    assert [part.value for part in found] == pytest.approx(expected, rel=0.03)
    assert [part.per_edge for part in found] == pytest.approx([1.0, 1.1, 1.1], abs=0.12)


@pytest.mark.parametrize(("dimensions", "once", "five"), [(1, 0.55, 0.92), (2, 0.60, 0.96), (16, 0.52, 0.87)])
def test_more_samples_than_references_cover_more_and_match_better(dimensions: int, once: float, five: float) -> None:
    covered, matched = [], []
    for seed in range(3):
        rng = np.random.default_rng([seed, dimensions])
        reference = rng.normal(size=(400, dimensions))
        both = [sets_of(rng.normal(size=(count, dimensions)), reference) for count in (400, 2000)]
        covered.append([coverage(sets) for sets in both])
        matched.append([mmd(sets) for sets in both])
    assert np.mean(covered, axis=0) == pytest.approx((once, five), abs=0.03)
    assert (np.array(matched)[:, 0] > np.array(matched)[:, 1]).all()
