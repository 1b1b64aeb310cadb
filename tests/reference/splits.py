"""Cutting groups, the slow and obvious way: every pair of cuts of every order is tried."""

import hashlib
from collections.abc import Mapping


def cut_class(sizes: Mapping[str, int], name: str, turns: int) -> dict[str, set[str]]:
    """Part -> groups of one class: of all orders and cuts, the first that is the fewest shapes off."""
    total = sum(sizes.values())
    best = None
    for turn in range(turns):
        keys = {group: hashlib.sha256(f"{name}:{turn}:{group}".encode()).hexdigest() for group in sizes}
        order = sorted(sizes, key=lambda group: keys[group])
        for first in range(len(order) + 1):
            for second in range(first, len(order) + 1):
                parts = {"train": order[:first], "val": order[first:second], "test": order[second:]}
                needed = ["train", "test", "val"][: len(order)]
                if any(not parts[part] for part in needed):
                    continue
                in_train = sum(sizes[group] for group in parts["train"])
                in_both = in_train + sum(sizes[group] for group in parts["val"])
                off = abs(in_train - 0.7 * total) + abs(in_both - 0.8 * total)
                if best is None or off < best[0] - 1e-9:
                    best = off, parts
    assert best is not None
    return {part: set(groups) for part, groups in best[1].items()}
