"""The splits of the package: checked on every use, and each what its rule makes."""

import json
from pathlib import Path

import pytest

from argus3d.data.catalogue import Item
from argus3d.data.components import series_of
from argus3d.data.derived_splits import DERIVED, write_derived
from argus3d.data.procedural import ProceduralCatalogue
from argus3d.data.split_rules import split_ids
from argus3d.data.splits import write_split
from argus3d.errors import UserError
from eval.cli import main
from eval.split_recipes import FEW_OF_EACH, PARTS_OF_EACH, RECIPES, make_split
from eval.splits import FOLDER, is_split_part, load_part, load_split

IDS = [f"shape{index}" for index in range(100)]


def test_tampering_and_misspelling_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "splits" / "toys-v1.json"
    parts = split_ids(IDS, "toys-v1")
    write_split(path, "toys-v1", 1, "", parts)
    assert load_split("toys-v1", tmp_path) == parts and load_part("toys-v1/val", tmp_path) == parts["val"]
    with pytest.raises(UserError, match=r"there is no split toys; there are components-v1, .*procedural-v1, .*toys-v1"):
        load_split("toys", tmp_path)
    with pytest.raises(UserError, match="there is no split toys-v1"):
        load_split("toys-v1")
    with pytest.raises(UserError, match="has no part 'tset'; it has test, train, val"):
        load_part("toys-v1/tset", tmp_path)
    content = json.loads(path.read_text())
    content["parts"]["test"]["ids"].pop()
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="ids of test do not match"):
        load_split("toys-v1", tmp_path)
    path.write_text("[]")
    with pytest.raises(UserError, match="holds no JSON object but a list"):
        load_split("toys-v1", tmp_path)


def test_the_splits_that_come_with_the_package_are_whole() -> None:
    for name in RECIPES:
        assert load_split(name)["test"]


def test_a_derived_split_is_found_where_it_was_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lies with your data: name its folder with --data-root"):
        load_part("objaverse-v1/test-core")
    with pytest.raises(UserError, match=r"was not made yet under .*: run `argus3d data split objaverse-v1"):
        load_part("objaverse-v1/test-core", tmp_path)
    parts = {part: [] for part in DERIVED["objaverse-v1"].parts} | {"train": ["a"], "test": ["c"], "test-core": ["c"]}
    path = write_derived("objaverse-v1", parts, tmp_path)
    assert load_split("objaverse-v1", tmp_path) == parts and load_part("objaverse-v1/test-core", tmp_path) == ["c"]
    content = json.loads(path.read_text())
    assert content["rule"] == DERIVED["objaverse-v1"].rule and content["parts"]["train"]["sha256"]
    with pytest.raises(ValueError, match="has the parts"):
        write_derived("objaverse-v1", {"train": ["a"]}, tmp_path)
    with pytest.raises(ValueError, match="a is in train and in test"):
        write_derived("objaverse-v1", parts | {"test": ["a"]}, tmp_path)
    with pytest.raises(UserError, match="household-v1 is no split that is made from data of your own"):
        write_derived("household-v1", parts, tmp_path)


def test_what_a_part_of_a_split_looks_like(tmp_path: Path) -> None:
    assert is_split_part("household-v1/test") and is_split_part("objaverse-v1/test-core")
    assert not is_split_part("household-v1") and not is_split_part("household-v1/") and not is_split_part("a/b")
    assert not is_split_part("toys-v1/test", tmp_path)
    write_split(tmp_path / "splits" / "toys-v1.json", "toys-v1", 1, "", {"test": ["a"]})
    assert is_split_part("toys-v1/test", tmp_path) and not is_split_part("toys-v1/test/x", tmp_path)


def test_the_command_makes_procedural_splits_again_byte_for_byte(tmp_path: Path) -> None:
    for name in ("procedural-v1", "nano-procedural-v1", *DERIVED):
        out = tmp_path / f"{name}.json"
        assert main(["split", name, "--data-root", str(tmp_path), "--out", str(out)]) == 0
        assert out.read_bytes() == (FOLDER / f"{name}.json").read_bytes()


def test_the_command_says_what_has_to_be_fetched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for source in ("household", "components"):
        assert main(["split", f"{source}-v1", "--data-root", str(tmp_path), "--out", str(tmp_path / "s.json")]) == 1
        assert f"argus3d data fetch {source}" in capsys.readouterr().err
    assert not (tmp_path / "s.json").exists()


def test_household_v1_cuts_all_796_objects_by_the_rule(tmp_path: Path) -> None:
    parts = load_split("household-v1")
    ids = [item for part in parts.values() for item in part]
    assert len(ids) == 796
    items = [Item(item, "thing", "", "household") for item in ids]
    make_split("household-v1", {"household": items}, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (FOLDER / "household-v1.json").read_bytes()


def test_components_v1_cuts_no_series_in_two() -> None:
    parts = load_split("components-v1")
    sides = {part: {series_of(item) for item in parts[part]} for part in ("train", "val", "test")}
    assert not sides["train"] & sides["test"] and not sides["train"] & sides["val"] and not sides["val"] & sides["test"]
    assert [len(parts[part]) for part in sides] == pytest.approx([0.7 * 1530, 0.1 * 1530, 0.2 * 1530], abs=10)
    assert set(parts["train_like_test"]) <= set(parts["train"])
    assert len(set(parts["train_like_test"])) == len(parts["train_like_test"]) == len(parts["test"])


def test_components_of_a_small_library_are_cut_by_series_too(tmp_path: Path) -> None:
    pins = [f"led-{shape}-1x{pins:02d}" for shape in ("flat", "round", "square", "tall") for pins in range(1, 6)]
    items = [Item(item, "led", "", "components") for item in pins]
    parts = make_split("components-v1", {"components": items}, tmp_path / "a.json")
    make_split("components-v1", {"components": items[::-1]}, tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert {part: len({series_of(item) for item in ids}) for part, ids in parts.items()} == {
        "train": 2, "val": 1, "test": 1, "train_like_test": 2
    }  # fmt: skip


@pytest.mark.parametrize("name", ["nano-v1", "nano-v2", "nano-procedural-v1"])
def test_what_nano_is_measured_on_it_has_not_learned_from(name: str) -> None:
    sources = [load_split("household-v1"), load_split("components-v1"), load_split("procedural-v1")]
    train, test = ({item for source in sources for item in source[part]} for part in ("train", "test"))
    split = load_split(name)
    assert set(split["test"]) <= test
    assert set(split["train_like_test"]) <= train
    assert len(split["test"]) == len(split["train_like_test"]) == len(set(split["train_like_test"]))


def test_nano_v1_takes_household_shapes_of_its_classes_and_as_many_alike(tmp_path: Path) -> None:
    beds = [Item(f"bed{index}", "bed", "", "household") for index in range(10)]
    others = [Item(f"boat{index}", "boat", "", "household") for index in range(10)]
    procedural = ProceduralCatalogue(count=20).items()
    parts = make_split("nano-v1", {"household": [*beds, *others], "procedural": procedural}, tmp_path / "nano-v1.json")
    household = [item for item in parts["test"] if item.startswith(("bed", "boat")) and "-" not in item]
    assert household == sorted(household) and all(item.startswith("bed") for item in household)
    assert sum(item.startswith("chair") for item in parts["test"]) == 6
    assert [item.split("-")[0].rstrip("0123456789") for item in parts["test"]] == [
        item.split("-")[0].rstrip("0123456789") for item in parts["train_like_test"]
    ]


def test_nano_v2_takes_parts_of_every_class_and_goes_without_a_class_that_is_too_small(tmp_path: Path) -> None:
    # Ten boats: seven of them are learned from. Of the fireplaces, too many are not.
    boats = [Item(f"boat{index}", "boat", "", "household") for index in range(30)]
    others = [Item(f"thing{index}", "other", "", "household") for index in range(30)]
    held = split_ids([item.id for item in (*boats, *others)], "household-v1")
    rare = [Item(item, "fireplace", "", "household") for item in held["test"][:2]]
    household = [*rare, *(item for item in (*boats, *others) if item.id not in held["test"][:2])]
    letters = "abcdefghij"
    names = [f"resistor-{one}{other}" for one in letters for other in letters]  # a series each
    resistors = [Item(name, "resistor", "", "components") for name in names]
    parts = make_split("nano-v2", {"household": household, "components": resistors}, tmp_path / "nano-v2.json")
    assert set(held["test"]) <= set(parts["test"])
    assert sum(item.startswith("resistor") for item in parts["test"]) == PARTS_OF_EACH
    assert set(parts["few"]) <= set(parts["test"])
    assert set(parts["few_of_val"]) <= {*held["val"], *names} - set(parts["test"])
    for few in ("few", "few_of_val"):
        assert sum(item.startswith("resistor") for item in parts[few]) == FEW_OF_EACH
    assert set(parts["handful"]) < set(parts["few"])
    assert sum(item.startswith("resistor") for item in parts["handful"]) == FEW_OF_EACH // 3
    assert len(set(parts["train_like_few"])) == len(parts["few"])
    category = {item.id: item.category for item in (*household, *resistors)}
    for test, train in zip(parts["test"], parts["train_like_test"], strict=True):
        wanted = "other" if category[test] == "fireplace" else category[test]
        assert category[train] == wanted


def test_every_split_file_has_a_recipe() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == {*RECIPES, *DERIVED}
