"""Splits: by hash, checked on every use."""

import json
from pathlib import Path

import pytest

from argus3d.data.procedural import ProceduralCatalogue
from argus3d.errors import UserError
from eval.splits import FOLDER, load_part, load_split, split_ids, write_split

IDS = [f"shape{index}" for index in range(100)]


def test_every_id_is_in_one_part_of_the_right_size() -> None:
    parts = split_ids(IDS, "toys-v1")
    assert {part: len(ids) for part, ids in parts.items()} == {"train": 70, "val": 10, "test": 20}
    assert sorted(item for ids in parts.values() for item in ids) == sorted(IDS)
    assert parts["test"] == sorted(parts["test"]) != IDS[:20]


def test_order_does_not_matter_and_the_name_does() -> None:
    assert split_ids(reversed(IDS), "toys-v1") == split_ids(IDS, "toys-v1") != split_ids(IDS, "toys-v2")


def test_written_and_read_back(tmp_path: Path) -> None:
    parts = split_ids(IDS, "toys-v1")
    write_split(tmp_path / "toys-v1.json", "toys-v1", 1, parts)
    assert load_split("toys-v1", tmp_path) == parts
    assert load_part("toys-v1/val", tmp_path) == parts["val"]


def test_tampering_and_misspelling_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "toys-v1.json"
    write_split(path, "toys-v1", 1, split_ids(IDS, "toys-v1"))
    with pytest.raises(UserError, match=r"no split file .*toys\.json; .* holds: toys-v1"):
        load_split("toys", tmp_path)
    with pytest.raises(UserError, match="has no part 'tset'; it has test, train, val"):
        load_part("toys-v1/tset", tmp_path)
    content = json.loads(path.read_text())
    content["parts"]["test"]["ids"].pop()
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="ids of test do not match"):
        load_split("toys-v1", tmp_path)
    path.write_text("[]")
    with pytest.raises(UserError, match="is no split file"):
        load_split("toys-v1", tmp_path)


def test_an_id_has_one_place(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="twice"):
        split_ids(["a", "a"], "toys-v1")
    with pytest.raises(ValueError, match="two parts"):
        write_split(tmp_path / "toys-v1.json", "toys-v1", 1, {"train": ["a"], "test": ["a"]})


def test_the_splits_that_come_with_the_package_are_whole() -> None:
    for path in FOLDER.glob("*.json"):
        assert load_split(path.stem)["test"]


def test_procedural_v1_is_the_rule_applied_to_the_catalogue() -> None:
    ids = [item.id for item in ProceduralCatalogue().items()]
    assert load_split("procedural-v1") == split_ids(ids, "procedural-v1")


def test_household_v1_cuts_all_796_objects_by_the_rule() -> None:
    parts = load_split("household-v1")
    ids = [item for part in parts.values() for item in part]
    assert len(ids) == 796
    assert parts == split_ids(ids, "household-v1")


@pytest.mark.parametrize("name", ["nano-v1", "nano-procedural-v1"])
def test_what_nano_is_measured_on_it_has_not_learned_from(name: str) -> None:
    sources = [load_split("household-v1"), load_split("procedural-v1")]
    train, test = ({item for source in sources for item in source[part]} for part in ("train", "test"))
    split = load_split(name)
    assert set(split["test"]) <= test
    assert set(split["train_like_test"]) <= train
    assert len(split["test"]) == len(split["train_like_test"]) == len(set(split["train_like_test"]))
