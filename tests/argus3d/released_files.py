"""Small files as the released ones are."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from argus3d.checkpoint import released_names
from argus3d.config import ArgusConfig
from tests.argus3d.sizes import AUTOENCODER, TRANSFORMER

CONFIG = ArgusConfig(replace(AUTOENCODER, encoder_unet="unused"), TRANSFORMER)
EMBEDDING, TIED = "transformer_model.emb.weight", "transformer_model.z_value_dec.weight"


def stage_2(seed: int = 0) -> dict[str, Tensor]:
    """A whole stage-2 state dict of random numbers; the tied pair is one tensor."""
    generator = torch.Generator().manual_seed(seed)
    state = {name: torch.randn(shape, generator=generator) for name, shape in released_names(CONFIG).items()}
    return state | {TIED: state[EMBEDDING]}


def stage_1(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The stage-1 part of a stage-2 state dict, without its prefix."""
    prefix = "vqvae_model."
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def transformer_only(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The transformer's part of a stage-2 state dict."""
    return {name: tensor for name, tensor in state.items() if name.startswith("transformer_model.")}


def write(folder: Path, state: dict[str, Tensor], **scalars: Any) -> list[str]:
    """Write both files and the sizes; the arguments of `import-released` for them."""
    torch.save({"model": stage_1(state)}, folder / "stage1.pt")
    torch.save({"model": state} | scalars, folder / "stage2.pt")
    (folder / "sizes.json").write_text(CONFIG.to_json())
    return [
        "--stage1", str(folder / "stage1.pt"), "--stage2", str(folder / "stage2.pt"),
        "--config", str(folder / "sizes.json"), "--out", str(folder / "out"),
    ]  # fmt: skip
