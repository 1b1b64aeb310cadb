"""Rules of splits: every id on one side, groups whole, shares met, nothing chosen by hand."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus3d.data.split_rules import TURNS, alike, split_groups, split_ids
from argus3d.data.splits import read_split, write_split
from tests.reference.splits import cut_class

IDS = [f"shape{index}" for index in range(100)]
SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=9)


def members(sizes: list[int], category: str) -> list[str]:
    return [f"{category}{group}-{index}" for group, size in enumerate(sizes) for index in range(size)]


def group_of(item: str) -> str:
    return item.split("-")[0]


def test_every_id_is_in_one_part_of_the_right_size() -> None:
    parts = split_ids(IDS, "toys-v1")
    assert {part: len(ids) for part, ids in parts.items()} == {"train": 70, "val": 10, "test": 20}
    assert sorted(item for ids in parts.values() for item in ids) == sorted(IDS)
    assert parts["test"] == sorted(parts["test"]) != IDS[:20]


def test_order_does_not_matter_and_the_name_does() -> None:
    assert split_ids(reversed(IDS), "toys-v1") == split_ids(IDS, "toys-v1") != split_ids(IDS, "toys-v2")
    classes = {"cup": IDS[:50], "pot": IDS[50:]}
    turned = {"pot": IDS[:49:-1], "cup": IDS[49::-1]}
    assert split_groups(turned, "toys-v1", str) == split_groups(classes, "toys-v1", str)
    assert split_groups(classes, "toys-v1", str) != split_groups(classes, "toys-v2", str)


def test_an_id_has_one_place_and_a_group_one_class() -> None:
    with pytest.raises(ValueError, match="the id a comes twice"):
        split_ids(["a", "a"], "toys-v1")
    with pytest.raises(ValueError, match="the id a comes twice"):
        split_groups({"cup": ["a"], "pot": ["a"]}, "toys-v1", str)
    with pytest.raises(ValueError, match="group a is in two classes, cup and pot"):
        split_groups({"cup": ["a-1"], "pot": ["a-2"]}, "toys-v1", group_of)


@settings(deadline=None, max_examples=60)
@given(SIZES, SIZES)
def test_groups_stay_whole_and_no_part_is_empty_without_need(cups: list[int], pots: list[int]) -> None:
    classes = {"cup": members(cups, "cup"), "pot": members(pots, "pot")}
    parts = split_groups(classes, "toys-v1", group_of)
    assert sorted(item for ids in parts.values() for item in ids) == sorted(classes["cup"] + classes["pot"])
    sides = {part: {group_of(item) for item in ids} for part, ids in parts.items()}
    assert sum(map(len, sides.values())) == len(cups) + len(pots)
    for category, sizes in (("cup", cups), ("pot", pots)):
        held = {part: sum(group.startswith(category) for group in groups) for part, groups in sides.items()}
        assert held["train"] >= 1 and (held["test"] >= 1 or len(sizes) < 2) and (held["val"] >= 1 or len(sizes) < 3)


@settings(deadline=None, max_examples=8)
@given(SIZES)
def test_no_other_cut_of_any_order_is_closer(sizes: list[int]) -> None:
    parts = split_groups({"cup": members(sizes, "cup")}, "toys-v1", group_of)
    best = cut_class({f"cup{group}": size for group, size in enumerate(sizes)}, "toys-v1", TURNS)

    def off(sides: dict[str, set[str]]) -> float:
        held = {part: sum(sizes[int(group[3:])] for group in groups) for part, groups in sides.items()}
        return abs(held["train"] - 0.7 * sum(sizes)) + abs(held["train"] + held["val"] - 0.8 * sum(sizes))

    mine = {part: {group_of(item) for item in ids} for part, ids in parts.items()}
    assert off(mine) == pytest.approx(off(best))


def test_shares_come_close_even_of_few_groups() -> None:
    parts = split_groups({"block": members([45, 30, 23, 11], "block")}, "toys-v1", group_of)
    assert {part: len(ids) for part, ids in parts.items()} == {"train": 75, "val": 11, "test": 23}


def test_alike_is_one_more_of_each_label_without_repeats() -> None:
    labels = {item: item[-1] for item in IDS}
    chosen = alike(IDS[:20], IDS[20:], labels.__getitem__, "toys-v1")
    assert [labels[item] for item in chosen] == [labels[item] for item in IDS[:20]]
    assert len(set(chosen)) == 20 and set(chosen) <= set(IDS[20:])
    assert chosen == alike(IDS[:20], IDS[:19:-1], labels.__getitem__, "toys-v1")
    with pytest.raises(ValueError, match="20 of 'x' are asked for, there are 3"):
        alike(IDS[:20], IDS[20:23], lambda item: "x", "toys-v1")


def test_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "toys-v1.json"
    parts = split_ids(IDS, "toys-v1")
    parts["first"] = parts["test"][:3]
    write_split(path, "toys-v1", 1, "a rule", parts)
    assert read_split(path) == parts
    content = json.loads(path.read_text())
    assert (content["name"], content["version"], content["rule"]) == ("toys-v1", 1, "a rule")


def test_no_id_is_written_on_two_sides(tmp_path: Path) -> None:
    path = tmp_path / "toys-v1.json"
    with pytest.raises(ValueError, match="a is in train and in test"):
        write_split(path, "toys-v1", 1, "", {"train": ["a", "b"], "test": ["a"]})
    with pytest.raises(ValueError, match="comes twice in core"):
        write_split(path, "toys-v1", 1, "", {"test": ["a"], "core": ["a", "a"]})
    assert not path.exists()
