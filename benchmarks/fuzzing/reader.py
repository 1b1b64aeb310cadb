"""What is fuzzed: a reader, the file that it is given, and valid files to begin with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fuzzing.mutate import Mutation


def nothing(folder: Path) -> None:
    """No other files are needed."""


@dataclass(frozen=True)
class Reader:
    """One reader.

    file : the fuzzed file's path below the target folder
    read : given the path of that file, as users' commands are
    seeds : valid files, small; each must be read without an error
    hostile : files that are read as they are, and not mutated, such as those that unpack to more than memory holds
    own : mutations that know the format
    around : writes what else lies in the target folder, once
    named : what else than the file's name a message may say of where it is: ids, folders
    """

    name: str
    file: str
    read: Callable[[Path], object]
    seeds: Callable[[], Sequence[bytes]]
    own: tuple[Mutation, ...] = ()
    hostile: Callable[[], Sequence[bytes]] = tuple
    around: Callable[[Path], None] = nothing
    named: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """A message must hold one of these."""
        return (Path(self.file).name, *self.named)
