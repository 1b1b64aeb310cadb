"""What a command writes must not be what it reads."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from argus3d.errors import UserError


def demand_apart(outputs: Sequence[Path], inputs: Iterable[Path]) -> None:
    """Refuse to write over what was given, by whatever names.

    Raises : UserError for an output that is one of the inputs
    """
    there = [path for path in outputs if path.exists()]
    for given in inputs:
        hit = next((path for path in there if given.exists() and path.samefile(given)), None)
        if hit is not None:
            raise UserError(f"{hit} is read, and would be written over; give --out another name.")


def with_suffixes(base: Path, suffixes: Iterable[str]) -> list[Path]:
    """The files of a path without suffix."""
    return [Path(f"{base}{suffix}") for suffix in suffixes]
