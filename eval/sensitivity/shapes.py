"""Two sets whose clouds can be drawn again, with other points or from another seed."""

import io
import shlex
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from argus3d.data.files import read_json_object
from argus3d.errors import UserError
from eval import runs
from eval.clouds import ARRAY_SUFFIXES, CloudSet, load_clouds, thin
from eval.evaluate import clouds_sha256, demand_comparable, points_of
from eval.protocol import Protocol
from eval.results import Result, read, record_path
from eval.score import measured_sets, parsed

Points = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Shapes:
    """Shapes of a source, in order.

    categories : one a shape, "" where unknown
    """

    source: str
    ids: tuple[str, ...]
    categories: tuple[str, ...]
    data_root: Path | None

    def clouds(self, points: int, seed: int) -> Points:
        """Their clouds, (N, points, 3) float32, as `load_clouds` draws them.

        Raises : UserError where a shape has no cloud of so many points
        """
        found = load_clouds(self.source, points, seed, self.data_root, only=frozenset(self.ids))
        row = {item: index for index, item in enumerate(found.ids)}
        lost = [item for item in self.ids if item not in row]
        if lost:
            raise UserError(f"{self.source}: {len(lost)} shapes gave no {points} points, the first is {lost[0]}")
        return found.clouds[[row[item] for item in self.ids]]


@dataclass(frozen=True)
class Pair:
    """A generated and a reference set of equal size, and the protocol from which choices depart."""

    name: str
    generated: Shapes
    reference: Shapes
    protocol: Protocol
    result: Result | None = None

    @property
    def size(self) -> int:
        """Shapes a set."""
        return len(self.generated.ids)


def pair_of_result(path: Path) -> Pair:
    """The sets that a result was measured on, by the command in its run record.

    Raises : UserError where there is no such record, it holds no such command, another command made the result, or its
        sets are others by now
    """
    result, record = read(path), record_path(path)
    if not record.is_file():
        raise UserError(f"{path}: {record.name}, which names its two sets, is not beside it; name the two sets instead")
    words = _recorded(record)
    if words[:2] != ["argus3d-eval", "score"]:
        raise UserError(f"{path} was not made by argus3d-eval score; name two sets instead")
    _demand_measuring(record, words[2:])
    pair = pair_of_sets(words[2:], result.name, result)
    for role, shapes in (("generated", pair.generated), ("reference", pair.reference)):
        clouds = points_of(_as_set(shapes, pair.protocol), role, pair.protocol)
        if clouds_sha256(clouds) != result.data.get(role):
            raise UserError(f"{path}: {shapes.source} holds other shapes than it was measured on; measure it again")
    return pair


def pair_of_sets(argv: Sequence[str], name: str = "", result: Result | None = None) -> Pair:
    """The sets that `argus3d-eval score` would measure with these arguments.

    name : by default both sources
    Raises : UserError, as that command, but nothing is sampled
    """
    arguments, (made, generated), (real, reference) = measured_sets(argv)
    protocol = runs.get(arguments)
    demand_comparable(generated, reference, protocol)
    size = min(len(generated.ids), len(reference.ids))

    def shapes(source: str, clouds: CloudSet) -> Shapes:
        kept = thin(clouds, size, protocol.seed)
        return Shapes(source, kept.ids, kept.categories, arguments.data_root)

    title = name or f"{_short(made)} against {_short(real)}"
    return Pair(title, shapes(made, generated), shapes(real, reference), protocol, result)


def other_reference(source: str, pair: Pair) -> Shapes:
    """As many shapes of another source as the pair's reference has, class by class, by hash of their ids.

    Raises : UserError where a class has too few shapes there
    """
    root, protocol = pair.reference.data_root, pair.protocol
    there = load_clouds(source, protocol.points, protocol.seed, root)
    wanted = {category: pair.reference.categories.count(category) for category in sorted({*pair.reference.categories})}
    if Path(source).suffix in ARRAY_SUFFIXES or set(there.categories) == {""}:
        wanted = {"": pair.size}
    chosen: list[str] = []
    for category, count in wanted.items():
        rows = [index for index, name in enumerate(there.categories) if name == category]
        of_class = CloudSet(
            f"{source}, {category or 'all classes'}",
            there.clouds[rows],
            tuple(there.ids[row] for row in rows),
            (category,) * len(rows),
            len(rows),
        )
        chosen += thin(of_class, count, protocol.seed).ids
    names = dict(zip(there.ids, there.categories, strict=True))
    return Shapes(source, tuple(chosen), tuple(names[item] for item in chosen), root)


def _recorded(record: Path) -> list[str]:
    """The words of the command in a run record. Raises : UserError for a record without one"""
    command = read_json_object(record, "name the two sets instead").get("command", "")
    try:
        return shlex.split(str(command))
    except ValueError as error:
        raise UserError(f"{record}: its command cannot be read ({error}); name the two sets instead") from error


def _demand_measuring(record: Path, words: Sequence[str]) -> None:
    """Raises : UserError for words that argus3d-eval score does not take, or that ask for its help alone"""
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            parsed(words)
    except SystemExit as error:
        raise UserError(
            f"{record}: argus3d-eval score {shlex.join(words)} measures nothing here; name the two sets instead"
        ) from error


def _as_set(shapes: Shapes, protocol: Protocol) -> CloudSet:
    clouds = shapes.clouds(protocol.points, protocol.seed)
    return CloudSet(shapes.source, clouds, shapes.ids, shapes.categories, len(shapes.ids))


def _short(source: str) -> str:
    """A split part as it is, a path by its last part."""
    return Path(source).name if Path(source).exists() else source
