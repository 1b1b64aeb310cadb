"""Clouds that are there more than once."""

import numpy as np
import numpy.typing as npt
import pytest

from eval.distances.chamfer import chamfer_self_matrix
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.copies import MANY, Copies
from eval.distances.emd import emd_self_matrix
from eval.distances.emd_bounds import EmdPairs
from eval.distances.neighbours import Neighbours
from tests.reference.trees import spanning_trees

Clouds = npt.NDArray[np.float32]


def repeated(kinds: int, copies: int, points: int = 12, seed: int = 0) -> Clouds:
    """`copies` of each of some clouds, shuffled."""
    rng = np.random.default_rng(seed)
    return rng.random((kinds, points, 3), dtype=np.float32)[rng.permutation(np.repeat(np.arange(kinds), copies))]


def test_the_same_are_found_within_and_between_sets() -> None:
    a, b = repeated(3, 2), repeated(3, 1)
    rows, columns = np.indices((6, 3)).reshape(2, -1)
    expected = (a[rows] == b[columns]).all(axis=(1, 2))
    assert (Copies(a, b).same(rows, columns) == expected).all() and expected.sum() == 6
    assert not Copies(b, None).same(np.array([0]), np.array([1]))[0]


def test_pairs_of_copies_are_solved_once() -> None:
    asked = []

    def solve(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        asked.extend(zip(rows.tolist(), columns.tolist(), strict=True))
        return rows * 100.0 + columns

    a, b = repeated(2, 5), repeated(4, 3, seed=1)
    rows, columns = np.indices((10, 12)).reshape(2, -1)
    found = Copies(a, b).once(solve, rows, columns)
    assert len(asked) == 8 and len(set(asked)) == 8
    first_a = [next(j for j in range(10) if (a[j] == a[i]).all()) for i in rows]
    first_b = [next(j for j in range(12) if (b[j] == b[i]).all()) for i in columns]
    assert found.tolist() == [i * 100.0 + j for i, j in zip(first_a, first_b, strict=True)]


@pytest.mark.parametrize("copies", [2, MANY])
@pytest.mark.parametrize("kind", ["cd", "emd"])
def test_answers_are_those_of_the_matrix(kind: str, copies: int) -> None:
    clouds = repeated(3, copies)
    full = chamfer_self_matrix(clouds) if kind == "cd" else emd_self_matrix(clouds)
    neighbours = Neighbours(ChamferPairs(clouds) if kind == "cd" else EmdPairs(clouds))
    apart = full + np.diag([np.inf] * len(full))
    assert (neighbours.nearest()[0] == apart.argmin(axis=1)).all()
    edges, trees = neighbours.spanning_trees(2)
    found = [sorted((int(i), int(j)) for i, j in part) for part in np.array_split(edges, trees)]
    assert found == spanning_trees(full, 2)
    assert (neighbours.matrix() == full).all()


def test_ten_thousand_copies_take_no_pair_of_theirs() -> None:
    asked: list[int] = []

    class Counting(ChamferPairs):
        def _solve(
            self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
        ) -> npt.NDArray[np.float64]:
            asked.append(len(rows))
            return super()._solve(rows, columns)

    union = Neighbours(Counting(repeated(2, 1500, points=4)))
    assert (union.nearest()[1] == 0).all() and union.spanning_trees(3)[1] == 3
    assert sum(asked) <= 9 * 3  # of 4.5 million pairs: each square of them asks for the distance of the two kinds again
