"""Splits by name: those that come with the package, and those made on this machine from data of one's own."""

from pathlib import Path

from argus3d.data.derived_splits import DERIVED, derived_path
from argus3d.data.files import shown
from argus3d.data.splits import read_part, read_split
from argus3d.errors import UserError

FOLDER = Path(__file__).parent / "splits"


def load_split(name: str, data_root: Path | None = None) -> dict[str, list[str]]:
    """The ids of each part of a split.

    name : "household-v1"
    data_root : folder of all data, where splits made on this machine lie; not needed for those of the package
    returns : part -> ids

    Raises : UserError for a split that does not exist, was not made yet, is no split file, or whose ids do not match
        their sha256
    """
    return read_split(_find(name, data_root))


def load_part(split: str, data_root: Path | None = None) -> list[str]:
    """The ids of one part, by "household-v1/test".

    Raises : UserError, see `load_split`, and for a part that does not exist
    """
    name, _, part = split.partition("/")
    return read_part(_find(name, data_root), part)


def is_split_part(source: str, data_root: Path | None = None) -> bool:
    """Whether a source names a part of a split, such as "household-v1/test", made yet or not."""
    name, slash, part = source.partition("/")
    if not slash or not part or "/" in part:
        return False
    return name in _names(data_root)


def _find(name: str, data_root: Path | None) -> Path:
    """The file with the ids of a split."""
    if name in DERIVED:
        return _derived(name, data_root)
    path = FOLDER / f"{name}.json"
    if path.is_file():
        return path
    if name not in _names(data_root):
        raise UserError(f"there is no split {name}; there are {', '.join(_names(data_root))}.")
    assert data_root is not None  # only there more names are found
    return derived_path(name, data_root)


def _derived(name: str, data_root: Path | None) -> Path:
    command = DERIVED[name].command
    if data_root is None:
        raise UserError(f"split {name} lies with your data: name its folder with --data-root (made by `{command}`).")
    path = derived_path(name, data_root)
    if not path.is_file():
        raise UserError(f"split {name} was not made yet under {data_root}: run `{command}` with that root.")
    return path


def _names(data_root: Path | None) -> list[str]:
    """Names of all splits of the package and of this machine."""
    made = [] if data_root is None else derived_path("*", data_root).parent.glob("*.json")
    return sorted({*DERIVED, *(path.stem for path in shown([*FOLDER.glob("*.json"), *made]))})
