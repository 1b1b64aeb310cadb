"""Split files: versioned lists of ids whose sha256 is checked at every reading."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from argus3d.data.files import read_json_object, shown, write_json
from argus3d.errors import UserError

SIDES = ("train", "val", "test")


def ids_sha256(ids: Sequence[str]) -> str:
    """Hex sha256 of the ids, one a line."""
    return hashlib.sha256("\n".join(ids).encode(errors="surrogatepass")).hexdigest()


def write_split(path: Path, name: str, version: int, rule: str, parts: Mapping[str, Sequence[str]]) -> None:
    """Write a split file with the sha256 of each part's ids.

    parts : train, val and test share no id; other parts, such as "train_like_test", are drawn from them

    Raises: ValueError for an id on two sides, or twice in a part
    """
    for part, ids in parts.items():
        if len(set(ids)) != len(ids):
            raise ValueError(f"split {name}: an id comes twice in {part}")
    for one, other in combinations((side for side in SIDES if side in parts), 2):
        if both := set(parts[one]) & set(parts[other]):
            raise ValueError(f"split {name}: {min(both)} is in {one} and in {other}")
    listed = {part: {"ids": list(ids), "sha256": ids_sha256(ids)} for part, ids in parts.items()}
    write_json(path, {"name": name, "version": version, "rule": rule, "parts": listed})


def read_split(path: Path) -> dict[str, list[str]]:
    """Part -> ids of a split file.

    Raises: UserError when the file is missing, is no split file, or its ids do not match their sha256.
    """
    if not path.is_file():
        if path.suffix != ".json":
            raise UserError(f"{path} is no split file; name a part of one, as in my-v1.json/test.")
        known = ", ".join(file.stem for file in shown(path.parent.glob("*.json"))) or "none"
        raise UserError(f"there is no split file {path}; {path.parent} holds: {known}.")
    try:
        parts = read_json_object(path, "restore it, or make it again")["parts"]
        lists = {part: [str(item) for item in entry["ids"]] for part, entry in parts.items()}
        sums = {part: entry["sha256"] for part, entry in parts.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no split file ({error!r}); restore it, or make it again.") from error
    for part, ids in lists.items():
        if ids_sha256(ids) != sums[part]:
            raise UserError(f"{path}: the ids of {part} do not match their sha256; restore it, or make it again.")
    return lists


def read_part(path: Path, part: str) -> list[str]:
    """The ids of one part of a split file. Raises: UserError as `read_split`, and for a part that does not exist."""
    lists = read_split(path)
    if part not in lists:
        raise UserError(f"{path} has no part {part!r}; it has {', '.join(lists)}.")
    return lists[part]
