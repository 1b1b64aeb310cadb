"""Splits whose ids lie in data that may not be passed on: the rule comes with the package, the ids are found here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argus3d.data.splits import write_split
from argus3d.errors import UserError

FOLDER = "splits"  # below the root of all data


@dataclass(frozen=True)
class DerivedSplit:
    """A split as a rule.

    source : whose ids it cuts
    rule : how ids are cut into train, val and test
    parts : part -> what it holds
    command : what writes the ids
    """

    name: str
    version: int
    source: str
    rule: str
    parts: Mapping[str, str]
    command: str

    def to_json(self) -> dict[str, Any]:
        """The rule as a file says it."""
        return {
            "name": self.name, "version": self.version, "source": self.source, "rule": self.rule,
            "parts": dict(self.parts), "command": self.command,
        }  # fmt: skip


_OBJAVERSE = DerivedSplit(
    name="objaverse-v1",
    version=1,
    source="objaverse",
    rule=(
        "all uids of object-paths.json.gz: train below 0.7, val below 0.8, the rest test, of sha256('objaverse-v1:uid')"
        " as a fraction of 2^256, so that a partial download changes no side; near-duplicates are not sought"
    ),
    parts={
        "train": "every uid of the side",
        "val": "every uid of the side",
        "test": "every uid of the side",
        "lvis-train": "those of train with a class in Objaverse-LVIS",
        "lvis-val": "those of val with a class in Objaverse-LVIS",
        "lvis-test": "those of test with a class in Objaverse-LVIS",
        "test-core": (
            "the first 2,000 of lvis-test, sorted by sha256('objaverse-v1:chunk'), then by sha256('objaverse-v1:uid')"
        ),
        "train-core": "the first 2,000 of lvis-train in the same order, for the row of a training set",
    },
    command="argus3d data split objaverse-v1 --path FOLDER --root ROOT",
)
_SHAPENET13 = DerivedSplit(
    name="shapenet13-v1",
    version=1,
    source="shapenet",
    rule=(
        "train.lst, val.lst and test.lst of the 13 classes, as they come with ShapeNet in Occupancy Networks' layout; "
        "ids are synset-model"
    ),
    parts={side: f"all ids of {side}.lst" for side in ("train", "val", "test")}
    | {"train_like_test": "for each shape of test another of train with its class, by sha256('shapenet13-v1:id')"},
    command="argus3d data split shapenet13-v1 --path FOLDER --root ROOT",
)
DERIVED: Mapping[str, DerivedSplit] = {split.name: split for split in (_OBJAVERSE, _SHAPENET13)}


def derived_path(name: str, data_root: Path) -> Path:
    """Where the ids of a derived split lie."""
    return data_root / FOLDER / f"{name}.json"


def write_derived(name: str, parts: Mapping[str, Sequence[str]], data_root: Path) -> Path:
    """Write the ids of a derived split below `data_root`, in the form of all split files, and return the path.

    parts : the ids of each part that the rule names

    Raises: UserError for a name that is no derived split; ValueError for other parts, or an id on two sides
    """
    if name not in DERIVED:
        raise UserError(f"{name} is no split that is made from data of your own; those are {', '.join(DERIVED)}.")
    split = DERIVED[name]
    if set(parts) != set(split.parts):
        raise ValueError(f"split {name} has the parts {sorted(split.parts)}, not {sorted(parts)}")
    path = derived_path(name, data_root)
    write_split(path, name, split.version, split.rule, {part: parts[part] for part in split.parts})
    return path
