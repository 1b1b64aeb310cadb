"""Checkpoints: two safetensors files and a JSON that says what they are. Strict, or refused."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from argus3d.config import ArgusConfig
from argus3d.data.files import beside, sha256_file, write_json
from argus3d.errors import UserError
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer

SCHEMA = 1
SHIPPED = Path(__file__).parent / "checkpoints"
_STAGES = ("autoencoder", "transformer")


@dataclass
class Argus:
    """Both stages, and what is needed to use them.

    categories : names of the classes, in the order of their indices
    threshold : occupancy probability of the surface, tuned on validation shapes
    training : how it was trained: data, command, seed, seconds, losses
    """

    config: ArgusConfig
    autoencoder: ShapeAutoencoder
    transformer: ShapeTransformer
    categories: tuple[str, ...]
    threshold: float
    training: Mapping[str, Any] = field(default_factory=dict)


def save(argus: Argus, folder: Path) -> None:
    """Write `autoencoder.safetensors`, `transformer.safetensors` and, last, `argus.json`."""
    for stage in _STAGES:
        tensors = getattr(argus, stage).state_dict().items()
        state = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors}
        with beside(folder / f"{stage}.safetensors") as scratch:
            save_file(state, scratch)
    write_json(folder / "argus.json", {
        "schema": SCHEMA,
        "config": asdict(argus.config),
        "categories": list(argus.categories),
        "threshold": argus.threshold,
        "training": dict(argus.training),
        "sha256": {stage: sha256_file(folder / f"{stage}.safetensors") for stage in _STAGES},
    })  # fmt: skip


def find(name: str) -> Path:
    """The folder of a checkpoint: a shipped name such as "nano", or a path. Raises: UserError when neither is there."""
    for folder in (SHIPPED / name, Path(name)):
        if (folder / "argus.json").is_file():
            return folder
    shipped = sorted(path.parent.name for path in SHIPPED.glob("*/argus.json"))
    known = ", ".join(shipped) or "none"
    raise UserError(f"no checkpoint {name!r}: give a folder with an argus.json, or one of {known}.")


def load(folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Argus:
    """Read what `save` wrote, in evaluation mode.

    Raises: UserError when a file is missing or damaged, or a tensor is missing, unknown or of another shape.
    """
    about = _read_about(folder / "argus.json")
    config = ArgusConfig.from_dict(about["config"])
    with torch.device("meta"):
        autoencoder, transformer = ShapeAutoencoder(config.autoencoder), ShapeTransformer(config.transformer)
    for stage, module in zip(_STAGES, (autoencoder, transformer), strict=True):
        path = folder / f"{stage}.safetensors"
        _fill(module, _read_tensors(path, about["sha256"][stage]), path)
        module.to(device=device, dtype=dtype).eval()
    categories, threshold = tuple(about["categories"]), float(about["threshold"])
    return Argus(config, autoencoder, transformer, categories, threshold, about["training"])


def _read_about(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{path} is missing; a checkpoint is a folder that holds it beside two safetensors files.")
    try:
        about = dict(json.loads(path.read_text()))
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); copy the checkpoint again.") from error
    keys = {"schema", "config", "categories", "threshold", "training", "sha256"}
    if set(about) != keys or about["schema"] != SCHEMA:
        raise UserError(f"{path} should have schema {SCHEMA} and the keys {sorted(keys)}; it has {sorted(about)}.")
    return about


def _read_tensors(path: Path, sha256: str) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise UserError(f"{path} is missing; copy the checkpoint again.")
    if sha256_file(path) != sha256:
        raise UserError(f"{path} is not the file that argus.json describes (other sha256); copy the checkpoint again.")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is damaged ({error}); copy the checkpoint again.") from error


def _fill(module: nn.Module, state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Strict load: every tensor that the sizes ask for, no other, each of its shape."""
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    missing, unknown = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    if missing or unknown:
        raise UserError(
            f"{path}: {len(missing)} tensors are missing{_first(missing)} and {len(unknown)} unknown{_first(unknown)}; "
            "the file is of another model or version."
        )
    wrong = [name for name, shape in wanted.items() if tuple(state[name].shape) != shape]
    if wrong:
        raise UserError(f"{path}: {wrong[0]} is {tuple(state[wrong[0]].shape)}, the sizes ask for {wanted[wrong[0]]}.")
    module.load_state_dict(state, strict=True, assign=True)


def _first(names: list[str]) -> str:
    return f" (the first: {names[0]})" if names else ""
