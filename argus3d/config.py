"""Sizes of both stages: frozen dataclasses, one line a preset, JSON in and out."""

import json
import math
from dataclasses import MISSING, Field, asdict, dataclass, fields
from typing import Any, Self

from argus3d.errors import UserError

CONDITION_KINDS = ("text", "image", "part")
ENCODER_UNETS = ("none", "unused", "used")
REPRESENTATIONS = ("coupled", "triplane", "grid")
MAX_SIZE = 1 << 20
# Of what is repeated in a model, and of powers of two.
_MOST = {"layers": 512, "blocks": 512, "unet_depth": 16, "down_steps": 16, "plane_resolution": 1 << 14}


def _from_dict(cls: type, values: dict[str, Any]) -> Any:
    """Fields that have defaults may be missing: files from before they were there mean the defaults."""
    if not isinstance(values, dict):
        raise UserError(f"{cls.__name__}: expected an object of sizes, not {str(values)[:40]!r}.")
    known = {field.name for field in fields(cls)}
    needed = {field.name for field in fields(cls) if field.default is MISSING}
    unknown, missing = sorted(set(values) - known), sorted(needed - set(values))
    if unknown or missing:
        raise UserError(f"{cls.__name__}: unknown keys {unknown}, missing keys {missing}; it is of another version.")
    for field in fields(cls):
        if field.name in values:
            _require_fit(cls.__name__, field, values[field.name])
    return cls(**values)


def _require_fit(owner: str, field: "Field[Any]", value: Any) -> None:
    """Refuse what no model has: sizes beyond all memory would be counted, or filled, for hours before they fail."""
    if field.type is int or (field.type == int | None and value is not None):
        least, most = int(field.name not in ("down_steps", "classes")), _MOST.get(field.name, MAX_SIZE)
        if type(value) is not int or not least <= value <= most:
            raise UserError(f"{owner}: {field.name} is {str(value)[:40]}, not a whole number from {least} to {most}.")
    if field.type is float and (type(value) not in (int, float) or not abs(value) < MAX_SIZE):
        raise UserError(f"{owner}: {field.name} is {str(value)[:40]}, not a finite number.")
    if field.type in (str, bool) and not isinstance(value, field.type):
        raise UserError(f"{owner}: {field.name} is {str(value)[:40]!r}, not of the type {field.type.__name__}.")


@dataclass(frozen=True)
class ConditionConfig:
    """One kind of condition beside the class.

    kind : one of `CONDITION_KINDS`
    encoder : whose features they are: a name of `argus3d.encoders`, or "autoencoder" for the part of a cloud
    features, length : the encoder gives `length` vectors of `features` numbers each, which stand before the tokens
    """

    kind: str
    encoder: str
    features: int
    length: int

    def __post_init__(self) -> None:
        if self.kind not in CONDITION_KINDS:
            raise UserError(f"no condition is of the kind {self.kind!r}; there are {', '.join(CONDITION_KINDS)}.")
        if self.features < 1 or self.length < 1:
            raise UserError(f"{self.kind}: features {self.features} and length {self.length} must be at least 1.")


@dataclass(frozen=True)
class AutoencoderConfig:
    """Sizes of stage 1. `down_steps` halvings take a plane of `plane_resolution` to the token grid.

    The released model has three quirks, which are the defaults here because its weights have learned around them:
    encoder_unet : "unused" holds the weights of a U-Net over the planes and never runs it; "used" runs it; "none"
    aligned : False samples planes half a cell off the cells that points were pooled into; True samples where they are
    codebook_weight : weight of the term that moves codes to latents, beside 1 for latents to codes, the other way round
        than in the paper of VQ-VAE. Training by moving averages takes neither

    points : of a cloud, in training, and so wherever a shape is encoded
    latent_filters : of the U-Net over the token grid; None for as many as `unet_filters`, those of the planes' own
    local_coordinates : whether the encoder is also told where in its cell a point lies; the released one is not
    representation : what tokens stand for. "coupled", the released one: places that the three planes share; "triplane":
        places of one plane each, by the same convolutions; "grid": places of space, for which every size of a plane is
        one of a grid of cells
    """

    plane_resolution: int
    plane_channels: int
    encoder_hidden: int
    decoder_hidden: int
    unet_depth: int
    unet_filters: int
    latent_channels: int
    codebook_size: int
    code_dim: int
    codebook_weight: float
    blocks: int
    padding: float
    down_steps: int = 3
    encoder_unet: str = "unused"
    aligned: bool = False
    points: int = 30000
    latent_filters: int | None = None
    local_coordinates: bool = False
    representation: str = "coupled"

    def __post_init__(self) -> None:
        if self.representation not in REPRESENTATIONS:
            raise UserError(f"representation {self.representation!r} is none of {', '.join(REPRESENTATIONS)}.")
        if self.encoder_unet not in ENCODER_UNETS:
            raise UserError(f"encoder_unet {self.encoder_unet!r} is none of {', '.join(ENCODER_UNETS)}.")
        if self.representation == "grid" and self.encoder_unet != "none":
            raise UserError(f'encoder_unet {self.encoder_unet!r} is a U-Net over planes; for a grid say "none".')
        step = 2**self.down_steps * 2 ** (self.unet_depth - 1)
        if self.plane_resolution % step:
            raise UserError(
                f"plane_resolution {self.plane_resolution} must be divisible by {step} "
                f"(down_steps {self.down_steps}, unet_depth {self.unet_depth})."
            )

    @property
    def token_side(self) -> int:
        return self.plane_resolution // 2**self.down_steps

    @property
    def token_shape(self) -> tuple[int, ...]:
        """Of what a token sequence is read off, row by row: (S, S), (3, S, S) for planes xz, xy, yz, or (S, S, S)."""
        side = self.token_side
        return {"coupled": (side, side), "triplane": (3, side, side), "grid": (side,) * 3}[self.representation]

    @property
    def tokens(self) -> int:
        return math.prod(self.token_shape)

    @property
    def part_condition(self) -> ConditionConfig:
        """How this autoencoder describes a part of a cloud: its latents in patches of 2 x 2 cells.

        Raises: UserError for a grid, which has no such patches.
        """
        if self.representation == "grid":
            raise UserError("a grid does not describe parts; train an autoencoder of planes for completion.")
        return ConditionConfig("part", "autoencoder", 4 * self.latent_channels, self.tokens // 4)


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of stage 2. `positions` is the longest token sequence with positions; `dropout` acts in training only.

    conditions : kinds that it takes beside the class, none in the released model
    droppable : whether it knows what to do where a condition is not given: it was trained with conditions left out,
        for which it has learned vectors. The released model always has a class
    """

    width: int
    layers: int
    heads: int
    vocabulary: int
    tokens: int
    classes: int
    positions: int
    dropout: float = 0.1
    conditions: tuple[ConditionConfig, ...] = ()
    droppable: bool = False

    def __post_init__(self) -> None:
        kinds = [condition.kind for condition in self.conditions]
        if len(set(kinds)) < len(kinds):
            raise UserError(f"the conditions {', '.join(kinds)} name a kind twice; one encoder a kind.")
        if kinds and not self.droppable:
            raise UserError(f"the conditions {', '.join(kinds)} want droppable: nothing else says that one is absent.")
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout {self.dropout} must be a share, from 0 to below 1.")
        if self.width % self.heads:
            raise UserError(f"width {self.width} must be divisible by heads {self.heads}.")
        if self.tokens > self.positions:
            raise UserError(f"tokens {self.tokens} must not exceed positions {self.positions}.")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`. Raises: UserError for unknown or missing keys."""
        if not isinstance(values, dict) or not isinstance(values.get("conditions", ()), list | tuple):
            raise UserError("TransformerConfig: expected an object of sizes, whose conditions are a list.")
        conditions = tuple(_from_dict(ConditionConfig, condition) for condition in values.get("conditions", ()))
        transformer: Self = _from_dict(cls, values | {"conditions": conditions})
        return transformer

    def condition(self, kind: str) -> ConditionConfig:
        """Raises: UserError for a kind that this transformer does not take; it names those that it does."""
        for condition in self.conditions:
            if condition.kind == kind:
                return condition
        kinds = ", ".join(["class", *(condition.kind for condition in self.conditions)])
        raise UserError(f"this model takes no {kind}; it is guided by {kinds}.")


@dataclass(frozen=True)
class ArgusConfig:
    """Both stages; they must agree on the number of tokens and on the vocabulary."""

    autoencoder: AutoencoderConfig
    transformer: TransformerConfig

    def __post_init__(self) -> None:
        if self.autoencoder.tokens != self.transformer.tokens:
            raise UserError(
                f"the autoencoder writes {self.autoencoder.tokens} tokens, the transformer {self.transformer.tokens}."
            )
        if self.autoencoder.codebook_size != self.transformer.vocabulary:
            raise UserError(
                f"codebook_size {self.autoencoder.codebook_size} and vocabulary {self.transformer.vocabulary} differ."
            )
        for condition in self.transformer.conditions:
            if condition.kind == "part" and condition != self.autoencoder.part_condition:
                raise UserError(f"the autoencoder gives {self.autoencoder.part_condition}, not {condition}.")

    @classmethod
    def preset(cls, name: str) -> Self:
        """The sizes of `nano`, `base`, `large` or `huge`. Raises: UserError for any other name."""
        if name not in _PRESETS:
            raise UserError(f"no preset is called {name!r}; there are {', '.join(_PRESETS)}.")
        autoencoder, transformer = _PRESETS[name]
        return cls(autoencoder, transformer)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`. Raises: UserError for unknown or missing keys."""
        if set(values) != {"autoencoder", "transformer"}:
            raise UserError(f"a configuration has the keys autoencoder and transformer, not {sorted(values)}.")
        return cls(
            _from_dict(AutoencoderConfig, values["autoencoder"]), TransformerConfig.from_dict(values["transformer"])
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`. Raises: UserError for unknown or missing keys, or a text that is no JSON object."""
        try:
            values = dict(json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise UserError(f"a configuration is a JSON object ({error}).") from error
        return cls.from_dict(values)


_PAPER_AUTOENCODER = AutoencoderConfig(256, 32, 32, 32, 4, 32, 512, 8192, 4, 0.4, 5, 0.1, 3)
# fmt: off
_PRESETS = {
    "nano":  (AutoencoderConfig(40, 24, 16, 32, 3, 24, 128, 256, 4, 0.4, 5, 0.1, 1, "none", True, 8192, 64, True),
              TransformerConfig(192, 6, 6, 256, 400, 12, 400, 0.0)),
    "base":  (AutoencoderConfig(256, 32, 32, 32, 4, 32, 512, 4096, 4, 0.4, 5, 0.1, 3),
              TransformerConfig(768, 12, 12, 4096, 1024, 55, 1024)),
    "large": (_PAPER_AUTOENCODER, TransformerConfig(2048, 24, 16, 8192, 1024, 55, 1024)),
    "huge":  (_PAPER_AUTOENCODER, TransformerConfig(3072, 32, 24, 8192, 1024, 55, 1024)),
}
# fmt: on
