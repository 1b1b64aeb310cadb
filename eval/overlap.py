"""What is known of measured samples: checkpoint, classes, and whether it was trained on the reference shapes."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argus3d.errors import UserError
from eval.selection import Selection
from eval.sources import checkpoint_facts
from eval.splits import is_split_part, load_part

NOT_SAID = "not said"
# Nothing of these is in a source that a checkpoint is said to be trained on as a whole.
OUR_SOURCES = {"household", "components", "procedural"}


@dataclass(frozen=True)
class Overlap:
    """What is known of a generator's training data.

    trained_on : names with commas, or "not said"
    seen : how many of the reference shapes are among them, in words
    """

    trained_on: str
    seen: str

    def to_json(self) -> dict[str, str]:
        """For `Result.data`."""
        return {"trained_on": self.trained_on, "seen_in_training": self.seen}


def about_samples(
    source: str, categories: Sequence[str], reference: Selection | None, data_root: Path | None
) -> dict[str, str]:
    """For `Result.data`: what the manifest of samples says, nothing for a part of a split, which no generator made.

    source : of the generated set
    categories : of the generated shapes, "" where unknown
    reference : None for an array
    """
    if is_split_part(source, data_root):
        return {}
    facts = checkpoint_facts(Path(source))
    if reference is None:
        overlap = find_overlap(facts, (), {""}, data_root)
    else:
        overlap = find_overlap(facts, reference.ids, reference.sources, data_root)
    classes = Counter(filter(None, categories))
    return {
        **({"checkpoint": str(facts["sha256"])} if "sha256" in facts else {}),
        **({"classes": ", ".join(f"{name} {size}" for name, size in sorted(classes.items()))} if classes else {}),
        **overlap.to_json(),
    }


def find_overlap(
    facts: Mapping[str, Any], ids: Collection[str], sources: Collection[str], data_root: Path | None
) -> Overlap:
    """The overlap of training data with reference shapes.

    facts : of the checkpoint, from the manifest of its samples; `trained_on` lists parts of splits, such as
        "household-v1/train", and whole sources, such as "objaverse"
    ids, sources : of the reference shapes, "" for an unknown source
    data_root : where splits of this machine lie
    """
    trained_on = facts.get("trained_on")
    if not isinstance(trained_on, list) or not trained_on:
        return Overlap(NOT_SAID, "unknown")
    names = [str(name) for name in trained_on]
    return Overlap(", ".join(names), _seen(names, ids, sources, data_root))


def _seen(names: Sequence[str], ids: Collection[str], sources: Collection[str], data_root: Path | None) -> str:
    whole = {name for name in names if "/" not in name}
    if whole and set(sources) <= whole:
        return f"all of {len(ids)} reference shapes"
    if whole and not set(sources) <= OUR_SOURCES:
        return "unknown how many reference shapes"
    seen: set[str] = set()
    for name in names:
        if name in whole:
            continue
        try:
            seen |= set(load_part(name, data_root)) & set(ids)
        except UserError:
            return f"unknown, as split {name} is not here"
    return f"{len(seen) or 'none'} of {len(ids)} reference shapes, by {'source' if whole else 'id'}"
