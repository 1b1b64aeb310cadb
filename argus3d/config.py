"""Sizes of both stages: frozen dataclasses, one line a preset, JSON in and out."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from argus3d.errors import UserError


def _from_dict(cls: type, values: dict[str, Any]) -> Any:
    known = {field.name for field in fields(cls)}
    unknown, missing = sorted(set(values) - known), sorted(known - set(values))
    if unknown or missing:
        raise UserError(f"{cls.__name__}: unknown keys {unknown}, missing keys {missing}; it is of another version.")
    return cls(**values)


@dataclass(frozen=True)
class AutoencoderConfig:
    """Sizes of stage 1. `down_steps` halvings take a plane of `plane_resolution` to the token grid.

    Source: architecture of the released model; `encoder_unet` keeps the encoder U-Net that the released files hold and
    never run.
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
    encoder_unet: bool = True

    def __post_init__(self) -> None:
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
    def tokens(self) -> int:
        return self.token_side**2


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of stage 2. `positions` is the longest token sequence with positions; `dropout` acts in training only."""

    width: int
    layers: int
    heads: int
    vocabulary: int
    tokens: int
    classes: int
    positions: int
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise UserError(f"width {self.width} must be divisible by heads {self.heads}.")
        if self.tokens > self.positions:
            raise UserError(f"tokens {self.tokens} must not exceed positions {self.positions}.")


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
            _from_dict(AutoencoderConfig, values["autoencoder"]), _from_dict(TransformerConfig, values["transformer"])
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`. Raises: UserError for unknown or missing keys."""
        return cls.from_dict(json.loads(text))


_PAPER_AUTOENCODER = AutoencoderConfig(256, 32, 32, 32, 4, 32, 512, 8192, 4, 0.4, 5, 0.1, 3)
# fmt: off
_PRESETS = {
    "nano":  (AutoencoderConfig(80, 16, 16, 32, 3, 16, 128, 1024, 4, 0.4, 5, 0.1, 2, False),
              TransformerConfig(192, 6, 6, 1024, 400, 12, 400, 0.0)),
    "base":  (AutoencoderConfig(256, 32, 32, 32, 4, 32, 512, 4096, 4, 0.4, 5, 0.1, 3),
              TransformerConfig(768, 12, 12, 4096, 1024, 55, 1024)),
    "large": (_PAPER_AUTOENCODER, TransformerConfig(2048, 24, 16, 8192, 1024, 55, 1024)),
    "huge":  (_PAPER_AUTOENCODER, TransformerConfig(3072, 32, 24, 8192, 1024, 55, 1024)),
}
# fmt: on
