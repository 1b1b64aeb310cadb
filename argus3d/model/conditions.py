"""What a shape is asked to be: class, text, image and part, as vectors before the tokens; a part beside them, too."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from argus3d.config import ConditionConfig, TransformerConfig
from argus3d.errors import UserError
from argus3d.model.places import SCALE, of_patches, out_of_patches

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


def _said(features: int, width: int) -> nn.Sequential:
    """Features -> vectors on one scale with the positions that they are added to, and that they would drown else."""
    project, norm = nn.Linear(features, width), nn.LayerNorm(width)
    nn.init.normal_(project.weight, std=SCALE)
    nn.init.zeros_(project.bias)
    nn.init.constant_(norm.weight, SCALE)
    return nn.Sequential(nn.LayerNorm(features), project, norm)


class _Kind(nn.Module):
    """Features (B, L, F) and mask (B, L) -> vectors (B, L, D)."""

    def __init__(self, config: ConditionConfig, width: int) -> None:
        super().__init__()
        self.said = _said(config.features, width)
        self.positions = nn.Embedding(config.length, width)
        self.absent = nn.Parameter(torch.empty(width))
        # Patches of a part have the places of their tokens.
        nn.init.normal_(self.positions.weight, std=0.0 if config.kind == "part" else SCALE)
        nn.init.normal_(self.absent, std=SCALE)

    def forward(self, encoded: Encoded) -> Tensor:
        given = self.said(encoded.values.to(self.absent.dtype))
        return torch.where(encoded.mask[..., None], given, self.absent.to(given.dtype)) + self.positions.weight


class ConditionEmbedding(nn.Module):
    """Conditions -> the vectors before the start vector; without conditions in the config it holds no weights but one.

    The order is class, text, image, part; each sees those before it. What a part has at a token's own place is added
    to the input that writes the token, too: a model of nano's size learns that within some hundred steps, and in a
    thousand hardly to look for it among the patches. Source: Argus-3D (arXiv 2402.12225) section 3.3,
    where conditions are prepended to the sequence; what stands for those that are left out is that of classifier-free
    guidance (Ho and Salimans 2022).
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.kinds = nn.ModuleDict({one.kind: _Kind(one, config.width) for one in config.conditions})
        if config.droppable:
            self.no_class = nn.Parameter(torch.empty(config.width))
            nn.init.normal_(self.no_class, std=SCALE)
        part = next((one for one in config.conditions if one.kind == "part"), None)
        self.beside = None if part is None else _said(part.features // 4, config.width)

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
            given["part"] = given["part"] + of_patches(places)
        return torch.cat([rows[:, None], *(vectors.to(rows.dtype) for vectors in given.values())], 1)

    def at_places(self, conditions: Conditions) -> Tensor | None:
        """What stands with each token (B, T, D), of a part; 0 in rows without one, None where no row has one."""
        if self.beside is None or "part" not in conditions.features:
            return None
        values, mask = conditions.features["part"]
        said: Tensor = self.beside(out_of_patches(values.to(self.no_class.dtype)))
        return said * mask[:, :1, None]

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


def prefix_length(config: TransformerConfig, kinds: Collection[str]) -> int:
    """Vectors before the start vector for a class and `kinds`."""
    return 1 + sum(config.condition(kind).length for kind in kinds)
