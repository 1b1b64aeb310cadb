"""Rows of a step of stage 2: tokens of shapes, and what they are asked to be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from argus3d.config import TransformerConfig
from argus3d.data.partial import bottom_half, random_viewpoint
from argus3d.model.conditions import Encoded
from argus3d.train.token_groups import TokenGroup

Given = tuple[NDArray[np.float16], NDArray[np.bool_]]  # features (L, F) and mask (L,)


class TokenBatch(NamedTuple):
    """Rows of a step.

    tokens : (B, T) int64; category : (B,) int64, -1 for none
    texts, images : (B, L, F) float32 with masks, or None where the step is without
    parts : (B, N, 3) float32 and which rows have one (B,) bool, or None
    """

    tokens: Tensor
    category: Tensor
    texts: Encoded | None = None
    images: Encoded | None = None
    parts: tuple[Tensor, Tensor] | None = None

    def rows(self, rows: slice) -> "TokenBatch":
        """Some of the rows."""
        texts, images = (given and Encoded(given.values[rows], given.mask[rows]) for given in (self.texts, self.images))
        parts = self.parts and (self.parts[0][rows], self.parts[1][rows])
        return TokenBatch(self.tokens[rows], self.category[rows], texts, images, parts)


@dataclass(frozen=True)
class TokenRow:
    """One row of a batch; what its step has and it has not is None."""

    tokens: NDArray[np.int16]
    category: int
    kinds: Sequence[str]
    text: Given | None
    image: Given | None
    part: NDArray[np.float32] | None


def describe(
    group: TokenGroup, shape: int, variant: int, category: int, given: Sequence[str], kinds: Sequence[str],
    bottom: float, rng: np.random.Generator,
) -> TokenRow:  # fmt: skip
    """A shape's variant with what is given of the kinds of its step; `bottom` is the share of bottom halves."""
    text = (group.texts[0][shape], group.texts[1][shape]) if "text" in given and group.texts is not None else None
    image = None
    if "image" in given and group.images is not None:
        values = group.images[shape, variant, rng.integers(group.images.shape[2])]
        image = values, np.ones(len(values), bool)
    part = _cut(group, shape, variant, bottom, rng) if "part" in given and group.clouds is not None else None
    return TokenRow(group.tokens[shape, variant], category, kinds, text, image, part)


def _cut(
    group: TokenGroup, shape: int, variant: int, bottom: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Half as many points (N / 2, 3) as the cloud has, of a part of a variant; some twice where the part has fewer."""
    assert group.clouds is not None and group.matrices is not None
    changed = group.clouds[shape].astype(np.float64) @ group.matrices[shape, variant]
    changed /= np.ptp(changed, axis=0).max()
    part = bottom_half(changed) if rng.random() < bottom else random_viewpoint(changed, rng)
    count = len(changed) // 2
    return np.asarray(part[rng.choice(len(part), count, replace=len(part) < count)], np.float32)


def stack_rows(rows: Sequence[TokenRow], config: TransformerConfig) -> TokenBatch:
    """The rows of a batch as tensors."""
    tokens = torch.from_numpy(np.stack([row.tokens for row in rows]).astype(np.int64))
    category, kinds = torch.tensor([row.category for row in rows]), rows[0].kinds
    return TokenBatch(
        tokens, category,
        _encoded([row.text for row in rows], "text", config) if "text" in kinds else None,
        _encoded([row.image for row in rows], "image", config) if "image" in kinds else None,
        _parts([row.part for row in rows]) if "part" in kinds else None,
    )  # fmt: skip


def _encoded(rows: Sequence[Given | None], kind: str, config: TransformerConfig) -> Encoded:
    sizes = config.condition(kind)
    values = torch.zeros(len(rows), sizes.length, sizes.features)
    mask = torch.zeros(len(rows), sizes.length, dtype=torch.bool)
    for place, row in enumerate(rows):
        if row is not None:
            values[place] = torch.from_numpy(row[0].astype(np.float32))
            mask[place] = torch.from_numpy(row[1])
    return Encoded(values, mask)


def _parts(parts: Sequence[NDArray[np.float32] | None]) -> tuple[Tensor, Tensor]:
    given = torch.tensor([part is not None for part in parts])
    count = next((len(part) for part in parts if part is not None), 1)
    points = np.stack([np.zeros((count, 3), np.float32) if part is None else part for part in parts])
    return torch.from_numpy(points), given
