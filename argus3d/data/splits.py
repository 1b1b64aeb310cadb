"""Split files: versioned lists of ids whose sha256 is checked at every reading."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from argus3d.errors import UserError


def ids_sha256(ids: Sequence[str]) -> str:
    """Hex sha256 of the ids, one a line."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def read_split(path: Path) -> dict[str, list[str]]:
    """Part -> ids of a split file.

    Raises: UserError when the file is missing, is no split file, or its ids do not match their sha256.
    """
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.json"))) or "none"
        raise UserError(f"there is no split file {path}; {path.parent} holds: {known}.")
    try:
        parts = json.loads(path.read_text())["parts"]
        lists = {part: [str(item) for item in entry["ids"]] for part, entry in parts.items()}
        sums = {part: entry["sha256"] for part, entry in parts.items()}
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no split file ({error!r}); restore it from version control.") from error
    for part, ids in lists.items():
        if ids_sha256(ids) != sums[part]:
            raise UserError(f"{path}: the ids of {part} do not match their sha256; restore it from version control.")
    return lists


def read_part(path: Path, part: str) -> list[str]:
    """The ids of one part of a split file. Raises: UserError as `read_split`, and for a part that does not exist."""
    lists = read_split(path)
    if part not in lists:
        raise UserError(f"{path} has no part {part!r}; it has {', '.join(lists)}.")
    return lists[part]
