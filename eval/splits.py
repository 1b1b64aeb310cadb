"""Splits: versioned lists of ids, checked by sha256 on every use."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from argus3d.data.files import write_json
from argus3d.data.splits import ids_sha256, read_part, read_split

FOLDER = Path(__file__).parent / "splits"
SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
RULE = "sorted by sha256('name:id'), cut at 70 % train, 10 % val, the rest test"


def split_ids(ids: Iterable[str], name: str) -> dict[str, list[str]]:
    """Cut ids into train, val and test (70 / 10 / 20) by the order of a hash, which no one chose.

    ids : unique ids of all shapes
    name : the split's name; part of the hash, so another name is another split
    returns : part -> sorted ids; every id is in exactly one part
    Raises : ValueError for an id that comes twice
    """
    every = list(ids)
    if len(set(every)) != len(every):
        raise ValueError(f"split {name}: an id comes twice; ids must be unique")
    ranked = sorted(every, key=lambda item: (hashlib.sha256(f"{name}:{item}".encode()).hexdigest(), item))
    train_end = round(SHARES["train"] * len(ranked))
    val_end = round((SHARES["train"] + SHARES["val"]) * len(ranked))
    return {
        "train": sorted(ranked[:train_end]),
        "val": sorted(ranked[train_end:val_end]),
        "test": sorted(ranked[val_end:]),
    }


def write_split(path: Path, name: str, version: int, parts: Mapping[str, Sequence[str]], rule: str = RULE) -> None:
    """Write a split file with the sha256 of each part's ids.

    Raises : ValueError for an id in two parts
    """
    every = [item for ids in parts.values() for item in ids]
    if len(set(every)) != len(every):
        raise ValueError(f"split {name}: an id is in two parts")
    listed = {part: {"ids": list(ids), "sha256": ids_sha256(ids)} for part, ids in parts.items()}
    write_json(path, {"name": name, "version": version, "rule": rule, "parts": listed})


def load_split(name: str, folder: Path = FOLDER) -> dict[str, list[str]]:
    """The ids of each part of a split.

    name : "household-v1", for the file household-v1.json in `folder`
    returns : part -> ids
    Raises : UserError for a split that does not exist, is no split file, or whose ids do not match their sha256
    """
    return read_split(folder / f"{name}.json")


def load_part(split: str, folder: Path = FOLDER) -> list[str]:
    """The ids of one part, by "household-v1/test".

    Raises : UserError, see `load_split`, and for a part that does not exist
    """
    name, _, part = split.partition("/")
    return read_part(folder / f"{name}.json", part)
