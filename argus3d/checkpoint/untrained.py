"""Weights that cannot have been trained: everything that starts as a constant is still that constant."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from argus3d.checkpoint.argus import Argus
from argus3d.model.encoder import ResidualBlock
from argus3d.model.transformer import ShapeTransformer

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def initial_constants(module: nn.Module) -> dict[str, float]:
    """Names of the parameters of a stage that the constructors set to one value, and the value; all are small."""
    constants: dict[str, float] = {"bias_value": 0.0} if isinstance(module, ShapeTransformer) else {}
    for name, part in module.named_modules():
        if isinstance(part, nn.LayerNorm):
            constants |= {f"{name}.weight": 1.0, f"{name}.bias": 0.0}
        elif isinstance(part, ResidualBlock):
            constants[f"{name}.fc_1.weight"] = 0.0
        elif isinstance(part, CONVOLUTIONS) or (isinstance(part, nn.Linear) and isinstance(module, ShapeTransformer)):
            constants[f"{name}.bias"] = 0.0
    return constants


def stage_warnings(stage: str, constants: dict[str, float], read: Callable[[str], Tensor]) -> list[str]:
    """What is suspicious of a stage, judged by its constant-initialised tensors, which `read` gives by name."""
    found = []
    if all(bool((read(name) == value).all()) for name, value in constants.items()):  # stops at the first that differs
        found.append(
            f"the {stage} looks untrained: all {len(constants)} tensors that start as zeros or ones are still that; "
            "its shapes will be noise."
        )
    broken = [name for name in constants if not torch.isfinite(read(name)).all()]
    if broken:
        found.append(f"the {stage} holds values that are not finite in {len(broken)} tensors, the first: {broken[0]}.")
    return found


def warnings(argus: Argus) -> list[str]:
    """One sentence for each thing that is suspicious of the weights; large tensors are not read."""
    found = []
    for stage, module in argus.stages.items():
        found += stage_warnings(stage, initial_constants(module), dict(module.named_parameters()).__getitem__)
    return found
