"""How the split files that come with the package were made: each again, byte for byte, from what was fetched."""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from argus3d.data.catalogue import Catalogue, Item
from argus3d.data.components import ComponentsCatalogue, series_of
from argus3d.data.derived_splits import DERIVED
from argus3d.data.files import write_json
from argus3d.data.household import HouseholdCatalogue
from argus3d.data.procedural import CATEGORIES, ProceduralCatalogue
from argus3d.data.split_rules import GROUPS_RULE, IDS_RULE, alike, ranked, split_groups, split_ids
from argus3d.data.splits import write_split
from eval.splits import FOLDER

NO_CLASS = "other"  # household's name for what fits nowhere
FEW_OF_HOUSEHOLD, FEW_OF_EACH = 36, 3  # of the part that many samples are made for each of
PARTS_OF_EACH = 13  # electronic parts of a class: about as many together as pieces of household

Parts = dict[str, list[str]]
Items = Mapping[str, Sequence[Item]]  # by source


@dataclass(frozen=True)
class Recipe:
    """What a split is made of, by which rule."""

    sources: tuple[str, ...]
    rule: str
    parts: Callable[[str, Items], Parts]


def make_split(name: str, items: Items, path: Path) -> Parts:
    """Write the split `name` of the items of its sources to `path`, and return its parts."""
    recipe = RECIPES[name]
    parts = recipe.parts(name, items)
    write_split(path, name, 1, recipe.rule, parts)
    return parts


def main(argv: Sequence[str]) -> int:
    """`argus3d-eval split`: make a split file of the package again; of a derived split that is its rule alone."""
    parser = argparse.ArgumentParser(prog="argus3d-eval split", description="Make a split file again, byte for byte.")
    parser.add_argument("name", choices=[*RECIPES, *DERIVED])
    parser.add_argument("--data-root", type=Path, default=Path("artifacts/data"), help="folder of all data")
    parser.add_argument("--out", type=Path, help="file to write (default: the package's own)")
    arguments = parser.parse_args(argv)
    path = arguments.out or FOLDER / f"{arguments.name}.json"
    if arguments.name in DERIVED:
        write_json(path, DERIVED[arguments.name].to_json())
        print(json.dumps({"file": str(path), "command": DERIVED[arguments.name].command}))
        return 0
    items = {source: _catalogue(source, arguments.data_root).items() for source in RECIPES[arguments.name].sources}
    parts = make_split(arguments.name, items, path)
    print(json.dumps({"file": str(path), "ids": {part: len(ids) for part, ids in parts.items()}}))
    return 0


def _catalogue(source: str, root: Path) -> Catalogue:
    if source == "household":
        return HouseholdCatalogue(root / "raw" / "household")
    if source == "components":
        return ComponentsCatalogue(root / "raw" / "components")
    return ProceduralCatalogue()


def _of_ids(name: str, items: Items) -> Parts:
    (source,) = items.values()
    return split_ids((item.id for item in source), name)


def _of_series(name: str, items: Items) -> Parts:
    classes: dict[str, list[str]] = defaultdict(list)
    for item in items["components"]:
        classes[item.category].append(item.id)
    parts = split_groups(classes, name, series_of)
    labels = _labels(items)
    return {**parts, "train_like_test": alike(parts["test"], parts["train"], labels.__getitem__, name)}


def _nano(name: str, items: Items) -> Parts:
    return _first_of_each(name, items, 6)


def _nano_procedural(name: str, items: Items) -> Parts:
    return _first_of_each(name, items, 10)


def _nano_2(name: str, items: Items) -> Parts:
    """All of household's test shapes, and the first `PARTS_OF_EACH` of each class of components."""
    labels = _labels(items)
    household = split_ids((item.id for item in items["household"]), "household-v1")
    components = _of_series("components-v1", {"components": items["components"]})
    test = list(household["test"])
    for category in sorted({item.category for item in items["components"]}):
        of_class = [item for item in components["test"] if labels[item][1] == category]
        test += ranked(of_class, name)[:PARTS_OF_EACH]
    train = [*household["train"], *components["train"]]
    enough, asked = Counter(labels[item] for item in train), Counter(labels[item] for item in test)

    def label(item: str) -> tuple[str, str]:
        source, category = labels[item]
        return (source, category) if enough[labels[item]] >= asked[labels[item]] else (source, NO_CLASS)

    def some(side: str, components: Sequence[str], of_household: int, of_each: int) -> list[str]:
        found = ranked(household[side], name)[:of_household]
        for category in sorted({item.category for item in items["components"]}):
            found += [item for item in components if labels[item] == ("components", category)][:of_each]
        return found

    few = some("test", test, FEW_OF_HOUSEHOLD, FEW_OF_EACH)
    return {
        "test": test,
        "train_like_test": alike(test, train, label, name),
        "few": few,
        "train_like_few": alike(few, train, label, name),
        "handful": some("test", test, FEW_OF_HOUSEHOLD // 3, FEW_OF_EACH // 3),
        "few_of_val": some("val", ranked(components["val"], name), FEW_OF_HOUSEHOLD, FEW_OF_EACH),
    }


def _first_of_each(name: str, items: Items, count: int) -> Parts:
    """Household's test shapes of the classes nano knows, and the first `count` procedural ones of each."""
    labels = _labels(items)
    sides = {source: split_ids((item.id for item in held), f"{source}-v1") for source, held in items.items()}
    test = [item for item in sides.get("household", {}).get("test", []) if labels[item][1] in CATEGORIES]
    for category in CATEGORIES:
        of_class = [item for item in sides["procedural"]["test"] if labels[item][1] == category]
        test += ranked(of_class, name)[:count]
    train = [item for side in sides.values() for item in side["train"]]
    return {"test": test, "train_like_test": alike(test, train, labels.__getitem__, name)}


def _labels(items: Items) -> dict[str, tuple[str, str]]:
    """Id -> source and class."""
    return {item.id: (source, item.category) for source, held in items.items() for item in held}


_LIKE = "train_like_test holds, test shape by test shape, a training shape of the same"
RECIPES = {
    "household-v1": Recipe(("household",), IDS_RULE, _of_ids),
    "procedural-v1": Recipe(("procedural",), IDS_RULE, _of_ids),
    "components-v1": Recipe(("components",), f"{GROUPS_RULE}; the groups are series; {_LIKE} class", _of_series),
    "nano-v1": Recipe(
        ("household", "procedural"),
        "the twelve classes of procedural-v1: household-v1 and procedural-v1 together, of procedural-v1/test the first "
        f"6 of each class by sha256('nano-v1:id'); {_LIKE} source and class (procedural where household has no more)",
        _nano,
    ),
    "nano-v2": Recipe(
        ("household", "components"),
        f"household-v1/test, and of components-v1/test the first {PARTS_OF_EACH} of each class by "
        f"sha256('nano-v2:id'); {_LIKE} source and class (household's `other` where that class has too few); few "
        f"holds {FEW_OF_HOUSEHOLD} household shapes of test and the first {FEW_OF_EACH} of each class of components, "
        "few_of_val as many of val, handful a third of few; train_like_few is to few what train_like_test is to test",
        _nano_2,
    ),
    "nano-procedural-v1": Recipe(
        ("procedural",),
        "procedural-v1 alone, of its test part the first 10 of each class by sha256('nano-procedural-v1:id'); "
        f"{_LIKE} class",
        _nano_procedural,
    ),
}
