"""What a shape is asked to be: class, text, image and part, as vectors that stand before the tokens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isqrt
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from argus3d.config import ConditionConfig, TransformerConfig
from argus3d.errors import UserError

NO_CLASS = -1


class Encoded(NamedTuple):
    """Features of one kind of condition.

    values : (B, L, F) float32
    mask : (B, L) bool, False where nothing is given: there a learned vector stands instead
    """

    values: Tensor
    mask: Tensor

    def rows(self, index: Tensor) -> "Encoded":
        """Those of the rows (N,) int64."""
        return Encoded(self.values[index], self.mask[index])


@dataclass(frozen=True, eq=False)
class Conditions:
    """What each of B shapes is asked to be.

    category : (B,) int64 class indices, -1 where no class is asked for
    features : by kind ("text", "image", "part"). A kind that is here takes its place in the sequence in every row

    A kind may be absent in two ways, and both are learned: from the batch, or by its mask from a row.
    """

    category: Tensor
    features: Mapping[str, Encoded] = field(default_factory=dict)

    @classmethod
    def of(cls, condition: "Tensor | Conditions") -> "Conditions":
        """Class indices (B,) int64 alone are conditions too."""
        return cls(condition) if isinstance(condition, Tensor) else condition

    def __len__(self) -> int:
        return len(self.category)

    def rows(self, index: Tensor) -> Self:
        """Those of the rows (N,) int64, in that order."""
        return self._each(lambda tensor: tensor[index])

    def to(self, device: torch.device | str) -> Self:
        """The same on a device."""
        return self._each(lambda tensor: tensor.to(device))

    def dropped(self) -> Self:
        """As many rows that ask for nothing; their sequences are as long as these."""
        features = {kind: Encoded(v, torch.zeros_like(mask)) for kind, (v, mask) in self.features.items()}
        return type(self)(torch.full_like(self.category, NO_CLASS), features)

    def joined(self, other: Self) -> Self:
        """The rows of both, of the same kinds."""
        features = {
            kind: Encoded(*(torch.cat(pair) for pair in zip(mine, other.features[kind], strict=True)))
            for kind, mine in self.features.items()
        }
        return type(self)(torch.cat([self.category, other.category]), features)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        features = {kind: Encoded(*map(change, encoded)) for kind, encoded in self.features.items()}
        return type(self)(change(self.category), features)


class _Kind(nn.Module):
    """Features (B, L, F) and mask (B, L) -> vectors (B, L, D)."""

    def __init__(self, config: ConditionConfig, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.features)
        self.project = nn.Linear(config.features, width)
        self.positions = nn.Embedding(config.length, width)
        self.absent = nn.Parameter(torch.empty(width))
        # What is said begins on one scale with the positions that it is added to.
        nn.init.normal_(self.project.weight, std=0.02 * config.features**-0.5)
        nn.init.zeros_(self.project.bias)
        nn.init.normal_(self.positions.weight, std=0.02)
        nn.init.normal_(self.absent, std=0.02)

    def forward(self, encoded: Encoded) -> Tensor:
        given = self.project(self.norm(encoded.values.to(self.absent.dtype)))
        return torch.where(encoded.mask[..., None], given, self.absent.to(given.dtype)) + self.positions.weight


class ConditionEmbedding(nn.Module):
    """Conditions -> the vectors before the start vector; without conditions in the config it holds no weights but one.

    The order is class, text, image, part; each sees those before it. Source: Argus-3D (arXiv 2402.12225) section 3.3,
    where conditions are prepended to the sequence; what stands for those that are left out is that of classifier-free
    guidance (Ho and Salimans 2022).
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.kinds = nn.ModuleDict({one.kind: _Kind(one, config.width) for one in config.conditions})
        if config.droppable:
            self.no_class = nn.Parameter(torch.empty(config.width))
            nn.init.normal_(self.no_class, std=0.02)

    def forward(self, conditions: Conditions, classes: nn.Embedding, places: Tensor) -> Tensor:
        """Vectors (B, P, D), P = `prefix_length`.

        classes : holds the class vectors
        places : (T, D), the vectors of the tokens' positions; patches of a part have those of their tokens too

        Raises: UserError for a kind that is not in the config, features of another shape, or a class that is none.
        """
        self.check(conditions)
        category = conditions.category
        rows = classes(category.clamp(min=0))
        if self.config.droppable:
            rows = torch.where((category >= 0)[:, None], rows, self.no_class.to(rows.dtype))
        features = conditions.features
        given = {kind: self.kinds[kind](features[kind]) for kind in self.kinds if kind in features}
        if "part" in given:
            given["part"] = given["part"] + _of_patches(places)
        return torch.cat([rows[:, None], *(vectors.to(rows.dtype) for vectors in given.values())], 1)

    def check(self, conditions: Conditions) -> None:
        """Raises: UserError for a kind that is not in the config, features of another shape, or no class of it."""
        category, lowest = conditions.category, NO_CLASS if self.config.droppable else 0
        # On a GPU to look at a value is to wait for it; the sampler looks before it sends them there.
        fit = (category >= lowest) & (category < self.config.classes)
        if len(category) == 0 or (category.device.type == "cpu" and not bool(fit.all())):
            nothing = " (or -1 for none)" if self.config.droppable else ""
            raise UserError(
                f"class indices must lie in 0 .. {self.config.classes - 1}{nothing}; got {category.tolist()}."
            )
        for kind, encoded in conditions.features.items():
            known = self.config.condition(kind)
            wanted = (len(category), known.length, known.features)
            if tuple(encoded.values.shape) != wanted or tuple(encoded.mask.shape) != wanted[:2]:
                raise UserError(
                    f"{kind} features must be {wanted} with a mask {wanted[:2]}, not {tuple(encoded.values.shape)} "
                    f"with {tuple(encoded.mask.shape)}; this model was trained on {known.encoder}."
                )


def _of_patches(places: Tensor) -> Tensor:
    """Means (T / 4, D) over the patches of 2 x 2 tokens of vectors (T, D), of one grid or of three planes apart."""
    side = isqrt(len(places)) if isqrt(len(places)) ** 2 == len(places) else isqrt(len(places) // 3)
    grids = places.unflatten(0, (-1, side, side)).movedim(3, 1)  # (grids, D, S, S)
    return F.avg_pool2d(grids, 2).flatten(2).transpose(1, 2).flatten(0, 1)


def prefix_length(config: TransformerConfig, kinds: Sequence[str]) -> int:
    """Vectors before the start vector for a class and `kinds`."""
    return 1 + sum(config.condition(kind).length for kind in kinds)
