"""From a class name and a seed to a shape, and the catalogue of the first shapes of each class."""

import difflib
from dataclasses import dataclass

import numpy as np

from argus3d.data.catalogue import Item
from argus3d.data.procedural.chairs import chair
from argus3d.data.procedural.draft import Choices, Draft
from argus3d.data.procedural.soft import bed, sofa
from argus3d.data.procedural.solid import ProceduralSolid, normalised
from argus3d.data.procedural.storage import cabinet, shelf, table
from argus3d.data.procedural.vehicles import airplane, car
from argus3d.data.procedural.vessels import bottle, lamp, mug, vase
from argus3d.errors import UserError

_CLASSES = {
    "chair": chair,
    "table": table,
    "lamp": lamp,
    "bed": bed,
    "shelf": shelf,
    "sofa": sofa,
    "mug": mug,
    "bottle": bottle,
    "airplane": airplane,
    "car": car,
    "cabinet": cabinet,
    "vase": vase,
}

# The order is part of every seed: new classes go to the end.
CATEGORIES: tuple[str, ...] = tuple(_CLASSES)


def make(category: str, seed: int) -> ProceduralSolid:
    """Make the shape of a class that belongs to a seed, the same on every machine.

    seed : int >= 0.

    Raises: UserError for a class that is not in CATEGORIES or a negative seed.
    """
    if category not in _CLASSES:
        near = difflib.get_close_matches(category, CATEGORIES, n=3, cutoff=0.4) or CATEGORIES
        raise UserError(f"procedural: no class named {category!r}; did you mean {', '.join(near)}?")
    if seed < 0:
        raise UserError(f"procedural: seed {seed} of class {category!r} is negative; use 0 or more.")
    draft = _draft(category, seed)
    return ProceduralSolid(normalised(draft.parts), category, draft.caption, draft.parameters)


def _draft(category: str, seed: int) -> Draft:
    stream = np.random.SeedSequence([seed, CATEGORIES.index(category)])
    return _CLASSES[category](Choices(np.random.Generator(np.random.PCG64(stream))))


@dataclass(frozen=True)
class ProceduralCatalogue:
    """The first `count` shapes of every class; ids are the class and the seed, such as chair-00042."""

    count: int = 400

    @property
    def name(self) -> str:
        """The name of the source."""
        return "procedural"

    def items(self) -> list[Item]:
        """Return all items, sorted by id."""
        return [self._item(category, seed) for category in sorted(CATEGORIES) for seed in range(self.count)]

    def shape(self, item_id: str) -> ProceduralSolid:
        """Return the shape behind an id.

        Raises: UserError for an id that is not in the catalogue.
        """
        category, _, digits = item_id.rpartition("-")
        if not digits.isdecimal() or item_id != f"{category}-{int(digits):05d}" or int(digits) >= self.count:
            raise UserError(
                f"procedural: no shape {item_id!r}; ids run from chair-00000 to chair-{self.count - 1:05d}."
            )
        return make(category, int(digits))

    def picture(self, item_id: str) -> bytes | None:
        """Return None: there is no picture beside the shape itself."""
        return None

    def _item(self, category: str, seed: int) -> Item:
        return Item(f"{category}-{seed:05d}", category, _draft(category, seed).caption, "procedural", "MIT")
