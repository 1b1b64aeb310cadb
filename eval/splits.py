"""Splits: versioned lists of ids, checked by sha256 on every use."""

from pathlib import Path

from argus3d.data.splits import read_part, read_split

FOLDER = Path(__file__).parent / "splits"


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
