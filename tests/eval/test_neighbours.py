"""Neighbours and spanning trees against full matrices, with ties, copies and loose bounds."""

from dataclasses import dataclass, field
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from eval.distances import neighbours as neighbours_module
from eval.distances.neighbours import Neighbours
from tests.reference.trees import Edge, spanning_trees

Matrix = npt.NDArray[np.float64]
quick = settings(max_examples=60, deadline=None)


@dataclass
class Table:
    """Pairs out of a matrix, with bounds that are off by up to a given share; counts what is asked."""

    full: Matrix
    symmetric: bool
    looseness: float = 0.3
    asked: list[tuple[int, int]] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int]:
        return self.full.shape[0], self.full.shape[1]

    def exact(self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> Matrix:
        self.asked += list(zip(rows.tolist(), columns.tolist(), strict=True))
        return np.asarray(self.full[rows, columns])

    def bounds(self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> tuple[Matrix, Matrix]:
        exact = self.full[rows, columns]
        share = np.random.default_rng(0).uniform(1 - self.looseness, 1, self.full.shape)[rows, columns]
        return exact * share, exact / share


@dataclass
class Doubtful(Table):
    """The same, with closer bounds between the first ones and the distances; some are worse, some nothing."""

    closer: list[tuple[int, int]] = field(default_factory=list)

    def tighter(self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> Matrix:
        self.closer += list(zip(rows.tolist(), columns.tolist(), strict=True))
        share = np.random.default_rng(1).choice([0.0, 0.5, 0.9, 1.0], self.full.shape)[rows, columns]
        return np.asarray(self.full[rows, columns] * share)


def table(seed: int, rows: int, columns: int, cells: int, looseness: float) -> Table:
    """Few cells: many ties and copies; columns 0: one set with itself."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, cells, (rows, 2)).astype(float)
    b = rng.integers(0, cells, (columns, 2)).astype(float) if columns else a
    return Table(cdist(a, b), columns == 0, looseness)


def filled(pairs: Table) -> Matrix:
    """The matrix in which a shape is never its own neighbour."""
    out = pairs.full.copy()
    if pairs.symmetric:
        np.fill_diagonal(out, np.inf)
    return out


def split(edges: npt.NDArray[np.int64], trees: int) -> list[list[Edge]]:
    """Each tree's edges, sorted."""
    return [sorted((int(i), int(j)) for i, j in part) for part in np.array_split(edges, trees)] if trees else []


tables = st.builds(
    table,
    st.integers(0, 10_000),
    st.integers(2, 15),
    st.sampled_from([0, 0, 1, 7]),
    st.sampled_from([1, 2, 4, 1000]),
    st.sampled_from([0.0, 0.3, 1.0]),
)


@quick
@given(tables, st.integers(0, 1))
def test_nearest_is_the_argmin_of_the_matrix(pairs: Table, axis: int) -> None:
    full = filled(pairs)
    index, distance = Neighbours(pairs).nearest(axis)
    assert (index == full.argmin(axis=axis)).all() and (distance == full.min(axis=axis)).all()


@quick
@given(tables, st.integers(1, 5))
def test_k_nearest_are_the_first_of_a_stable_sort(pairs: Table, k: int) -> None:
    full = filled(pairs)
    k = min(k, full.shape[1] - pairs.symmetric)
    index, distance = Neighbours(pairs).k_nearest(k)
    expected = np.argsort(full, axis=1, kind="stable")[:, :k]
    assert (index == expected).all() and (distance == np.take_along_axis(full, expected, axis=1)).all()


@quick
@given(tables, st.integers(1, 4), st.sampled_from([4, neighbours_module.LINE]))
def test_spanning_trees_are_those_of_the_matrix(pairs: Table, k: int, line: int) -> None:
    if not pairs.symmetric:
        with pytest.raises(ValueError, match="one set"):
            Neighbours(pairs).spanning_trees(k)
        return
    with mock.patch.object(neighbours_module, "LINE", line):  # long sets of pairs are sorted some at a time
        assert split(*Neighbours(pairs).spanning_trees(k)) == spanning_trees(pairs.full, k)


@quick
@given(tables, st.permutations(["nearest", "trees", "k", "part", "matrix"]))
def test_no_pair_is_solved_twice_whatever_is_asked(pairs: Table, questions: list[str]) -> None:
    neighbours, full = Neighbours(pairs), filled(pairs)
    for question in questions:
        if question == "nearest":
            assert (neighbours.nearest(1)[0] == full.argmin(axis=1)).all()
            assert (neighbours.nearest(0)[0] == full.argmin(axis=0)).all()
        elif question == "k":
            assert (neighbours.k_nearest(1)[1][:, 0] == full.min(axis=1)).all()
        elif question == "trees" and pairs.symmetric:
            assert split(*neighbours.spanning_trees(2)) == spanning_trees(pairs.full, 2)
        elif question == "part":
            rows, columns = np.arange(0, len(full), 2), np.arange(0, full.shape[1], 2)
            part = neighbours.part(rows, columns)
            assert (part.matrix() == pairs.full[::2, ::2]).all()
        elif question == "matrix":
            assert (neighbours.matrix() == pairs.full).all()
    unordered = {tuple(sorted(pair)) for pair in pairs.asked} if pairs.symmetric else set(pairs.asked)
    assert len(unordered) == len(pairs.asked) == neighbours.solved


@quick
@given(st.integers(0, 10_000), st.integers(3, 12), st.integers(2, 12))
def test_parts_of_a_union_share_what_was_solved(seed: int, g: int, r: int) -> None:
    whole = table(seed, g + r, 0, 4, 0.3)
    union = Neighbours(whole)
    between = union.part(np.arange(g), np.arange(g, g + r))
    assert (between.nearest(1)[0] == whole.full[:g, g:].argmin(axis=1)).all()
    assert (between.nearest(0)[1] == whole.full[:g, g:].min(axis=0)).all()
    own = union.part(np.arange(g), np.arange(g))
    assert own.symmetric and not between.symmetric
    assert split(*own.spanning_trees(1)) == spanning_trees(whole.full[:g, :g], 1)
    assert len(whole.asked) == union.solved == len(set(whole.asked))
    known = union.known()
    solved = np.eye(g + r, dtype=bool) | (whole.full == 0)  # zero is its own lower and upper bound
    for i, j in whole.asked:
        solved[i, j] = solved[j, i] = True
    assert (known[solved] == whole.full[solved]).all() and np.isnan(known[~solved]).all()


def test_tight_bounds_leave_few_pairs_to_solve() -> None:
    points = np.random.default_rng(0).normal(size=(400, 3))
    pairs = Table(cdist(points, points), True, 0.02)
    neighbours = Neighbours(pairs)
    neighbours.nearest()
    assert neighbours.solved < 2 * 400
    neighbours.spanning_trees(3)
    assert neighbours.solved < 400 * 399 // 2 // 10


def test_copies_do_not_make_every_pair_a_candidate() -> None:
    pairs = Table(np.zeros((300, 300)), True)
    neighbours = Neighbours(pairs)
    index, distance = neighbours.nearest()
    assert index[0] == 1 and (index[1:] == 0).all() and (distance == 0).all()
    neighbours.spanning_trees(1)
    assert neighbours.solved < 4 * 300


def test_large_distances_and_useless_bounds() -> None:
    points = np.random.default_rng(0).normal(size=(120, 2)) * 1e30
    pairs = Table(cdist(points, points), True, 1.0)
    assert split(*Neighbours(pairs).spanning_trees(2)) == spanning_trees(pairs.full, 2)


@pytest.mark.parametrize("k", [0, 5])
def test_too_many_neighbours_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match="1 to 4"):
        Neighbours(table(0, 5, 0, 3, 0.1)).k_nearest(k)
    with pytest.raises(ValueError, match="axis"):
        Neighbours(table(0, 5, 0, 3, 0.1)).nearest(2)


@quick
@given(tables, st.integers(1, 3), st.permutations(["nearest", "trees", "matrix"]))
def test_closer_bounds_change_no_answer(pairs: Table, k: int, questions: list[str]) -> None:
    doubtful = Doubtful(pairs.full, pairs.symmetric, pairs.looseness)
    neighbours, full = Neighbours(doubtful), filled(pairs)
    for question in questions:
        if question == "nearest":
            assert (neighbours.nearest()[0] == full.argmin(axis=1)).all()
        elif question == "matrix":
            assert (neighbours.matrix() == pairs.full).all()
        elif pairs.symmetric:
            assert split(*neighbours.spanning_trees(k)) == spanning_trees(pairs.full, k)
    for once in (doubtful.closer, doubtful.asked):
        unordered = {tuple(sorted(pair)) for pair in once} if pairs.symmetric else set(once)
        assert len(unordered) == len(once), "no pair is asked for twice"


def test_closer_bounds_spare_solving_and_reach_parts() -> None:
    points = np.random.default_rng(0).normal(size=(120, 3))
    full = cdist(points, points)
    plain, doubtful = Table(full, True, 0.5), Doubtful(full, True, 0.5)
    doubtful.tighter = lambda rows, columns: full[rows, columns] * 0.99  # type: ignore[method-assign]
    union = Neighbours(doubtful)
    part = np.arange(60)
    found = union.part(part, part).nearest()[0]
    assert (found == (full + np.diag([np.inf] * 120))[:60, :60].argmin(axis=1)).all()
    alone = Neighbours(plain).part(part, part)
    alone.nearest()
    assert len(doubtful.asked) < len(plain.asked) / 3


@pytest.mark.parametrize("columns", [0, 5])
def test_squares_cover_all_pairs_whatever_the_size(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours_module, "SIDE", 4)
    pairs = table(3, 9, columns, 1000, 0.3)
    neighbours = Neighbours(pairs)
    assert (neighbours.nearest()[0] == filled(pairs).argmin(axis=1)).all()
    assert (neighbours.matrix() == pairs.full).all() and len(pairs.asked) == len(set(pairs.asked))
