"""What a result says of training data."""

from pathlib import Path

import pytest

from argus3d.data.splits import write_split
from eval.overlap import Overlap, find_overlap
from eval.splits import load_part


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_split(tmp_path / "splits" / "toys-v1.json", "toys-v1", 1, "", {"train": ["a", "b"], "test": ["c", "d"]})
    return tmp_path


def seen(trained_on: list[str], ids: list[str], sources: set[str], root: Path) -> str:
    return find_overlap({"trained_on": trained_on}, ids, sources, root).seen


def test_known_ids_are_counted(root: Path) -> None:
    assert seen(["toys-v1/train"], ["c", "d"], {"toys"}, root) == "none of 2 reference shapes, by id"
    assert seen(["toys-v1/train"], ["b", "c", "d"], {"toys"}, root) == "1 of 3 reference shapes, by id"
    assert seen(["toys-v1/train", "toys-v1/test"], ["a", "c"], {"toys"}, root) == "2 of 2 reference shapes, by id"


def test_the_shipped_model_saw_none_of_its_test_shapes(root: Path) -> None:
    ids = load_part("nano-v1/test")
    trained_on = ["household-v1/train", "procedural-v1/train"]
    assert seen(trained_on, ids, {"household", "procedural"}, root) == "none of 131 reference shapes, by id"
    liked = load_part("nano-v1/train_like_test")
    assert seen(trained_on, liked, {"household", "procedural"}, root) == "131 of 131 reference shapes, by id"


def test_whole_sources_are_known_by_the_source(root: Path) -> None:
    released = ["objaverse", "shapenet"]
    assert seen(released, ["x", "y"], {"objaverse"}, root) == "all of 2 reference shapes"
    assert seen(released, ["x", "y"], {"objaverse", "shapenet"}, root) == "all of 2 reference shapes"
    assert seen(released, ["x", "y"], {"household", "components"}, root) == "none of 2 reference shapes, by source"
    for sources in ({"objaverse", "household"}, {"my-meshes"}, {""}):
        assert seen(released, ["x", "y"], sources, root) == "unknown how many reference shapes"


def test_what_is_not_known_is_said(root: Path) -> None:
    assert find_overlap({}, ["c"], {"toys"}, root) == Overlap("not said", "unknown")
    assert find_overlap({"trained_on": "all"}, ["c"], {"toys"}, root) == Overlap("not said", "unknown")
    assert seen(["mine-v1/train"], ["c"], {"toys"}, root) == "unknown, as split mine-v1/train is not here"
    assert seen(["objaverse-v1/train"], ["c"], {"toys"}, root) == "unknown, as split objaverse-v1/train is not here"
