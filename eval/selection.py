"""Which shapes of a source are measured: of some classes, and of them so many by hash."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from argus3d.errors import UserError
from eval.clouds import ARRAY_SUFFIXES, chosen_by_hash
from eval.sources import jobs_of


@dataclass(frozen=True)
class Selection:
    """What is measured of a source.

    ids : in the source's order
    classes : class -> shapes of it before any were drawn; "" where it is unknown
    sources : catalogues that the ids come from, "" where unknown
    left_out : shapes whose class is unknown, where classes were asked for
    """

    ids: tuple[str, ...]
    classes: Mapping[str, int]
    sources: frozenset[str]
    left_out: int = 0


def select(
    source: str, data_root: Path | None, categories: Sequence[str] = (), count: int | None = None, seed: int = 0
) -> Selection | None:
    """The shapes of a folder or split that are of `categories` (() for all), `count` of them (None for all).

    returns : None for an array, whose shapes have no class and are known only once it is read
    Raises : UserError where a class has no shape, or there are fewer than `count`
    """
    if Path(source).is_file() and Path(source).suffix in ARRAY_SUFFIXES:
        if categories:
            raise UserError(f"{source} is an array, whose clouds have no class: leave --category away.")
        return None
    jobs = jobs_of(source, data_root)
    there = Counter(job.category for job in jobs)
    absent = [category for category in categories if category not in there]
    if absent:
        known = ", ".join(sorted(filter(None, there))) or "none"
        raise UserError(f"{source} has no shape of class {absent[0]!r}; its classes: {known}.")
    chosen = [job for job in jobs if not categories or job.category in categories]
    if count is not None and not 1 <= count <= len(chosen):
        of_classes = f" of {', '.join(categories)}" if categories else ""
        raise UserError(
            f"{source}: {count} shapes{of_classes} asked, {len(chosen)} there; ask for 1 to {len(chosen)} with --count."
        )
    ids = [job.id for job in chosen]
    drawn = range(len(ids)) if count is None else chosen_by_hash(ids, count, seed)
    return Selection(
        ids=tuple(ids[index] for index in drawn),
        classes=Counter(job.category for job in chosen),
        sources=frozenset(chosen[index].source for index in drawn),
        left_out=there[""] if categories else 0,
    )


def shares(classes: Mapping[str, int], count: int) -> dict[str, int]:
    """`count` shapes split over classes in proportion, by largest remainders; ties to the name that comes first.

    classes : class -> shapes, the proportions; unknown ones ("") have no share
    returns : class -> count, sorted, without classes that get none
    Raises : UserError where no class is known
    """
    known = {name: size for name, size in sorted(classes.items()) if name and size > 0}
    total = sum(known.values())
    if total == 0:
        raise UserError(
            "the reference names no class, so that none can be asked of a generator; give one with classes."
        )
    whole = {name: count * size // total for name, size in known.items()}
    by_remainder = sorted(known, key=lambda name: (-(count * known[name] % total), name))
    for name in by_remainder[: count - sum(whole.values())]:
        whole[name] += 1
    return {name: size for name, size in whole.items() if size}
