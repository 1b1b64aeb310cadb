"""Distances by an engine's workers: the same answers, and a killed run goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from argus3d import engine
from argus3d.errors import UserError
from eval.clouds import CloudSet
from eval.distances.approxmatch import ApproxPairs
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.emd_bounds import EmdPairs
from eval.distances.kept import Kept
from eval.distances.neighbours import Indices, Neighbours, Pairs, Values
from eval.distances.tiles import EXACT, STORED, tiled
from eval.evaluate import evaluate_sets
from eval.protocol import get_protocol

HERE = engine.local(1)


def clouds(count: int, points: int = 48, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((count, points, 3)) * rng.uniform(0.1, 0.4, (count, 1, 3))).astype(np.float32)


def openings() -> list[Callable[[], Pairs]]:
    both = clouds(30), clouds(40, seed=1)
    union = np.concatenate([both[0], both[1], both[0][:3]])
    return [
        partial(ChamferPairs, *both),
        partial(ChamferPairs, union, kind="l2_mean"),
        partial(EmdPairs, union, squared=True),
        partial(EmdPairs, *both),
        partial(ApproxPairs, union, 30, True),
    ]


@pytest.mark.parametrize("which", range(5))
def test_answers_are_those_of_the_pairs(which: int) -> None:
    open_pairs = openings()[which]
    plain = Neighbours(open_pairs())
    with tiled(open_pairs, HERE) as pairs:
        assert (pairs.shape, pairs.symmetric) == (plain.shape, plain.symmetric)
        found = Neighbours(pairs)
        for axis in (0, 1):
            for own, other in zip(found.nearest(axis), plain.nearest(axis), strict=True):
                np.testing.assert_array_equal(own, other)
        if plain.symmetric:
            np.testing.assert_array_equal(found.spanning_trees(2)[0], plain.spanning_trees(2)[0])
        np.testing.assert_array_equal(found.matrix(), plain.matrix())


def test_small_clouds_keep_their_closer_bounds() -> None:
    (_, chamfer, emd, *_) = openings()
    rows, columns = np.arange(5), np.arange(5, 10)
    with tiled(emd, HERE) as pairs:
        np.testing.assert_array_equal(pairs.tighter(rows, columns), emd().tighter(rows, columns))
    with tiled(chamfer, HERE) as pairs:
        assert pairs.tighter is None


def test_no_pairs_have_no_distances() -> None:
    none = np.empty(0, np.int64)
    with tiled(openings()[2], HERE) as pairs:
        answers = [pairs.exact(none, none), *pairs.bounds(none, none), pairs.tighter(none, none)]
    assert all(answer.shape == (0,) and answer.dtype == np.float64 for answer in answers)


@dataclass(frozen=True)
class Failing:
    """Pairs at distances row + column / 1000, of which a line is left for each; `fails` cannot be solved."""

    log: Path
    fails: int | None = None
    shape = (100, 100)
    symmetric = False

    def __call__(self) -> "Failing":
        return self

    def exact(self, rows: Indices, columns: Indices) -> Values:
        if self.fails in rows:
            raise KeyboardInterrupt
        with self.log.open("a") as stream:
            stream.writelines(f"{row} {column}\n" for row, column in zip(rows, columns, strict=True))
        return rows + columns / 1000

    def bounds(self, rows: Indices, columns: Indices) -> tuple[Values, Values]:
        return np.zeros(len(rows)), np.full(len(rows), np.inf)


@pytest.mark.parametrize("torn", [0, 1, STORED.itemsize - 1])
def test_a_killed_run_goes_on_from_its_finished_tiles(torn: int, tmp_path: Path) -> None:
    kept, log = tmp_path / "kept" / "a.tiles", tmp_path / "log"
    rows, columns = np.repeat(np.arange(50), 2), np.tile([3, 7], 50)
    with pytest.raises(KeyboardInterrupt), tiled(Failing(log, fails=45), HERE, kept) as pairs:
        pairs.exact(rows, columns)
    finished = 2 * 45 // EXACT * EXACT
    assert kept.stat().st_size == finished * STORED.itemsize
    with kept.open("ab") as stream:
        stream.write(b"x" * torn)
    with tiled(Failing(log), HERE, kept) as pairs:
        np.testing.assert_array_equal(pairs.exact(rows, columns), rows + columns / 1000)
    solved = log.read_text().splitlines()
    assert len(solved) == len(set(solved)) == 100
    with tiled(Failing(log), HERE, kept) as pairs:
        np.testing.assert_array_equal(pairs.exact(rows[::-1], columns[::-1]), (rows + columns / 1000)[::-1])
    assert len(log.read_text().splitlines()) == 100


def test_a_result_is_the_same_by_processes(tmp_path: Path) -> None:
    sets = [
        CloudSet(name, clouds(12, 256, seed), tuple(f"{name}{i}" for i in range(12)), ("",) * 12, asked=12)
        for name, seed in (("generated", 0), ("reference", 1))
    ]
    protocol = get_protocol("smoke")
    plain = evaluate_sets(*sets, protocol).to_json()
    for _ in range(2):  # the second time all distances are there
        assert evaluate_sets(*sets, protocol, cache=tmp_path, engine=engine.local(2)).to_json() == plain
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".npy", ".npy", ".tiles", ".tiles"]


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "first byte": lambda content: b"\0" + content[1:],
    "five bytes": lambda content: content[:5],
    "one bit": lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:],
    "no digest": lambda content: content[:-32],
    "more": lambda content: content + b"x",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_named_and_makes_no_result(damage: str, tmp_path: Path) -> None:
    known = tmp_path / "kept.npy"
    pairs = ChamferPairs(clouds(9, 32, 0))
    kept = Kept(pairs, 4, known)
    union = Neighbours(kept)
    union.k_nearest(3)
    kept.save(union)
    rows, columns = np.triu_indices(9, 1)
    assert np.array_equal(Kept(pairs, 4, known).exact(rows, columns), pairs.exact(rows, columns))
    known.write_bytes(DAMAGES[damage](known.read_bytes()))
    with pytest.raises(UserError, match=r"kept\.npy .*; remove it"):
        Kept(pairs, 4, known)


def test_a_cache_of_other_shapes_is_named(tmp_path: Path) -> None:
    known = tmp_path / "kept.npy"
    np.save(known, np.zeros((3, 3)))
    with pytest.raises(UserError, match=r"kept\.npy holds float64 \(3, 3\) in place of 5 x 5 distances"):
        Kept(ChamferPairs(clouds(9, 32, 0)), 4, known)


@pytest.mark.parametrize("distance", [np.nan, -1.0, np.inf])
def test_tiles_that_hold_no_distances_are_named(distance: float, tmp_path: Path) -> None:
    kept = tmp_path / "a.tiles"
    np.array([(0, 1, distance)], STORED).tofile(kept)
    pairs = Failing(tmp_path / "log")
    with pytest.raises(UserError, match=r"a\.tiles holds what is no distance"), tiled(pairs, HERE, kept):
        pass
