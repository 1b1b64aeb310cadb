"""Which shapes are measured, and how a number of samples is split over their classes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus3d.data.splits import write_split
from argus3d.errors import UserError
from eval.clouds import draw, load_clouds
from eval.selection import select, shares
from tests.eval.toys import write_toys

CLASSES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 50), min_size=1)


def test_all_or_some_classes_or_some_shapes(tmp_path: Path) -> None:
    ids = write_toys(tmp_path, {"chair": 6, "lamp": 4, "table": 2})
    whole = select("toys-v1/test", tmp_path)
    assert whole is not None and list(whole.ids) == ids and whole.sources == {"toys"}
    some = select("toys-v1/test", tmp_path, ("lamp", "table"))
    assert some is not None and list(some.ids) == ids[6:] and some.classes == {"lamp": 4, "table": 2}
    few = select("toys-v1/test", tmp_path, ("lamp", "table"), 3, seed=5)
    assert few is not None and len(few.ids) == 3 and set(few.ids) < set(some.ids)
    assert few.classes == some.classes, "shares are those of the whole part"


def test_the_draw_is_that_of_sets_of_clouds(tmp_path: Path) -> None:
    write_toys(tmp_path, {"chair": 6, "lamp": 4})
    clouds = load_clouds("toys-v1/test", 16, 0, tmp_path)
    chosen = select("toys-v1/test", tmp_path, (), 5, seed=3)
    assert chosen is not None and chosen.ids == draw(clouds, 5, 3).ids
    only = load_clouds("toys-v1/test", 16, 0, tmp_path, only=frozenset(chosen.ids))
    assert only.ids == chosen.ids and (only.clouds == draw(clouds, 5, 3).clouds).all()


def test_what_cannot_be_selected_is_said(tmp_path: Path) -> None:
    write_toys(tmp_path, {"chair": 6, "lamp": 4})
    with pytest.raises(UserError, match=r"no shape of class 'cair'; its classes: chair, lamp"):
        select("toys-v1/test", tmp_path, ("cair",))
    with pytest.raises(UserError, match=r"7 shapes of chair asked, 6 there; ask for 1 to 6 with --count"):
        select("toys-v1/test", tmp_path, ("chair",), 7)
    np.save(tmp_path / "a.npy", np.zeros((3, 20, 3)))
    assert select(str(tmp_path / "a.npy"), None, (), 2) is None
    with pytest.raises(UserError, match="is an array, whose clouds have no class"):
        select(str(tmp_path / "a.npy"), None, ("chair",))


def test_shapes_that_are_not_prepared_have_no_class_and_are_counted(tmp_path: Path) -> None:
    ids = write_toys(tmp_path, {"chair": 3})
    write_split(tmp_path / "splits" / "toys-v2.json", "toys-v2", 1, "", {"test": [*ids, "gone-1", "gone-2"]})
    chairs = select("toys-v2/test", tmp_path, ("chair",))
    assert chairs is not None and list(chairs.ids) == ids and chairs.left_out == 2
    every = select("toys-v2/test", tmp_path)
    assert (
        every is not None and len(every.ids) == 5 and every.left_out == 0 and shares(every.classes, 5) == {"chair": 5}
    )


@given(CLASSES, st.integers(1, 300))
def test_shares_are_in_proportion_to_less_than_one_shape(classes: dict[str, int], count: int) -> None:
    split = shares(classes, count)
    assert sum(split.values()) == count
    total = sum(classes.values())
    assert all(abs(split.get(name, 0) - count * size / total) < 1 for name, size in classes.items())


@given(CLASSES)
def test_as_many_as_there_are_gives_each_class_its_own(classes: dict[str, int]) -> None:
    assert shares(classes, sum(classes.values())) == dict(sorted(classes.items()))


def test_largest_remainders_by_hand() -> None:
    assert shares({"chair": 5, "lamp": 3, "table": 2}, 4) == {"chair": 2, "lamp": 1, "table": 1}
    assert shares({"b": 1, "a": 1, "c": 1}, 2) == {"a": 1, "b": 1}
    assert shares({"chair": 3, "": 9}, 2) == {"chair": 2}
    with pytest.raises(UserError, match="names no class"):
        shares({"": 3}, 2)
