"""Rules that cut ids into train, val and test: by the order of a hash, which no one chose."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import accumulate

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
IDS_RULE = "sorted by sha256('name:id'), cut at 70 % train, 10 % val, the rest test"
GROUPS_RULE = (
    "class by class, whole groups of near-duplicates: sorted by sha256('name:turn:group'), cut where the shapes come "
    "closest to 70 % train, 10 % val, the rest test, no part empty while there are groups for it; of the turns 0 to "
    "255 the one that comes closest"
)
TURNS = 256


def ranked(ids: Iterable[str], salt: str) -> list[str]:
    """The ids in the order of sha256("salt:id")."""
    return sorted(ids, key=lambda item: (hashlib.sha256(f"{salt}:{item}".encode()).hexdigest(), item))


def split_ids(ids: Iterable[str], name: str) -> dict[str, list[str]]:
    """Cut ids into train, val and test (70 / 10 / 20) by the order of a hash.

    ids : unique ids of all shapes
    name : the split's name; part of the hash, so another name is another split
    returns : part -> sorted ids; every id is in exactly one part

    Raises: ValueError for an id that comes twice
    """
    order = ranked(_unique(ids, name), name)
    train_end = round(SHARES["train"] * len(order))
    val_end = round((SHARES["train"] + SHARES["val"]) * len(order))
    return _parts(order, train_end, val_end)


def split_groups(
    classes: Mapping[str, Sequence[str]], name: str, group_of: Callable[[str], str]
) -> dict[str, list[str]]:
    """Cut each class into train, val and test (70 / 10 / 20) so that no group is on two sides; see `GROUPS_RULE`.

    classes : class -> unique ids
    name : the split's name, part of the hash
    group_of : the group of an id, such as a series of near-duplicates
    returns : part -> sorted ids; a class of one group is in train alone, of two in train and test

    Raises: ValueError for an id that comes twice, or a group in two classes
    """
    _unique((item for ids in classes.values() for item in ids), name)
    parts: dict[str, list[str]] = {part: [] for part in SHARES}
    owners: dict[str, str] = {}
    for category, ids in sorted(classes.items()):
        members: dict[str, list[str]] = defaultdict(list)
        for item in ids:
            members[group_of(item)].append(item)
        for group in members:
            if owners.setdefault(group, category) != category:
                raise ValueError(f"split {name}: group {group} is in two classes, {owners[group]} and {category}")
        for part, groups in _cut_groups({group: len(held) for group, held in members.items()}, name).items():
            parts[part] += [item for group in groups for item in members[group]]
    return {part: sorted(ids) for part, ids in parts.items()}


def alike(ids: Sequence[str], among: Iterable[str], label_of: Callable[[str], Hashable], salt: str) -> list[str]:
    """For each of `ids`, in order, another of `among` with the same label: the next by the order of a hash.

    Raises: ValueError where a label has too few
    """
    held: dict[Hashable, list[str]] = defaultdict(list)
    for item in ranked(among, salt):
        held[label_of(item)].append(item)
    for label, count in Counter(map(label_of, ids)).items():
        if len(held[label]) < count:
            raise ValueError(f"{salt}: {count} of {label!r} are asked for, there are {len(held[label])}")
    waiting = {label: iter(items) for label, items in held.items()}
    return [next(waiting[label_of(item)]) for item in ids]


def _unique(ids: Iterable[str], name: str) -> list[str]:
    every = list(ids)
    twice = [item for item, count in Counter(every).items() if count > 1]
    if twice:
        raise ValueError(f"split {name}: the id {twice[0]} comes twice; ids must be unique")
    return every


def _parts(order: Sequence[str], train_end: int, val_end: int) -> dict[str, list[str]]:
    return {
        "train": sorted(order[:train_end]),
        "val": sorted(order[train_end:val_end]),
        "test": sorted(order[val_end:]),
    }


def _cut_groups(sizes: Mapping[str, int], name: str) -> dict[str, list[str]]:
    """Part -> groups of one class, of all turns the closest to the shares."""
    cuts = [_best_cuts(ranked(sizes, f"{name}:{turn}"), sizes) for turn in range(TURNS)]
    _, order, train_end, val_end = min(cuts, key=lambda cut: cut[0])
    return _parts(order, train_end, val_end)


def _best_cuts(order: list[str], sizes: Mapping[str, int]) -> tuple[float, list[str], int, int]:
    """How many shapes two cuts are off, the order, and the cuts: groups of train, groups of train and val."""
    held = [0, *accumulate(sizes[group] for group in order)]
    count = len(order)
    test, val = int(count >= 2), int(count >= 3)  # the fewest groups of each

    def off(end: int, share: float) -> float:
        return abs(held[end] - share * held[-1])

    # The best second cut at or after each place, found from the end.
    seconds = [(off(end, SHARES["train"] + SHARES["val"]), end) for end in range(1 + val, count - test + 1)]
    best_seconds = list(accumulate(reversed(seconds), min))[::-1]
    firsts = enumerate(best_seconds, start=1)
    distance, train_end, val_end = min(
        (off(end, SHARES["train"]) + other, end, second) for end, (other, second) in firsts
    )
    return distance, order, train_end, val_end
