"""Our format: safetensors files and, written last, an argus.json that says what they are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from argus3d.checkpoint.argus import STAGES, Argus, class_names, empty_stages
from argus3d.checkpoint.shards import (
    DTYPES,
    FileFacts,
    TensorFacts,
    as_json,
    files_of,
    headers,
    is_ours,
    read_stage,
    verify,
    write_stage,
)
from argus3d.checkpoint.strict import fill, require_match, shapes_of
from argus3d.config import ArgusConfig
from argus3d.data.files import read_json_object, write_json
from argus3d.errors import UserError

SCHEMA = 2
SHIPPED = Path(__file__).parents[1] / "checkpoints"


@dataclass(frozen=True)
class About:
    """argus.json: what a checkpoint is. `dtype` is the transformer's; the autoencoder always computes in float32."""

    config: ArgusConfig
    categories: tuple[str, ...]
    threshold: float
    resolution: int
    dtype: str
    training: Mapping[str, Any]
    files: Mapping[str, FileFacts]

    def write(self, folder: Path) -> None:
        """Write argus.json: from then on the folder is a checkpoint."""
        values = {key: getattr(self, key) for key in self.__annotations__}
        values |= {"config": asdict(self.config), "files": as_json(self.files), "training": dict(self.training)}
        write_json(folder / "argus.json", values | {"schema": SCHEMA, "categories": list(self.categories)})

    @classmethod
    def read(cls, folder: Path) -> "About":
        """Raises: UserError when argus.json is missing or damaged, or a file that it names is missing or cut off."""
        path = folder / "argus.json"
        if not path.is_file():
            raise UserError(f"{path} is missing; a checkpoint is a folder that holds it beside safetensors files.")
        values = read_json_object(path, "copy the checkpoint again")
        keys = {"schema", *cls.__annotations__}
        if set(values) != keys or values["schema"] != SCHEMA:
            raise UserError(
                f"{path} should have schema {SCHEMA} and the keys {sorted(keys)}; it has schema "
                f"{values.get('schema')} and {sorted(values)}."
            )
        if values["dtype"] not in tuple(DTYPES):
            raise UserError(f"{path}: dtype {values['dtype']!r} is none of {', '.join(DTYPES)}; copy it again.")
        if not isinstance(values["config"], dict) or not isinstance(values["training"], dict):
            raise UserError(f"{path}: config or training is no object; copy the checkpoint again.")
        try:
            config, files = ArgusConfig.from_dict(values["config"]), files_of(folder, values["files"])
            names = class_names(values["categories"], config.transformer.classes)
            return cls(
                config, names, float(values["threshold"]), int(values["resolution"]),
                values["dtype"], values["training"], files,
            )  # fmt: skip
        except (UserError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise error if str(folder) in str(error) else UserError(f"{path}: {error}") from error


def save(argus: Argus, folder: Path, autoencoder: torch.dtype = torch.float32) -> None:
    """Write a checkpoint, in the place of an older one if `folder` holds one.

    autoencoder : what its weights are written as, and rounded to; the transformer keeps its dtype

    Raises: UserError when a stage is absent or the transformer of a dtype that checkpoints do not have.
    """
    dtype = argus.transformer.value_start.dtype
    name = next((name for name, value in DTYPES.items() if value == dtype), None)
    if name is None:
        raise UserError(f"a transformer of {dtype} is not stored; convert it to one of {', '.join(DTYPES)}.")
    files: dict[str, FileFacts] = {}
    for stage, module, stored in zip(
        STAGES, (argus.autoencoder, argus.transformer), (autoencoder, dtype), strict=True
    ):
        state = module.state_dict()
        files |= dict(write_stage(folder, stage, shapes_of(state), stored, state.__getitem__))
    About(argus.config, argus.categories, argus.threshold, argus.resolution, name, argus.training, files).write(folder)
    for path in folder.iterdir():
        if path.name not in files and is_ours(path.name):
            path.unlink()


def find(name: str) -> Path:
    """The folder of a checkpoint: a shipped name such as "nano", or a path. Raises: UserError when neither is there."""
    for folder in (SHIPPED / name, Path(name)):
        if (folder / "argus.json").is_file():
            return folder
    shipped = sorted(path.parent.name for path in SHIPPED.glob("*/argus.json"))
    known = ", ".join(shipped) or "none"
    raise UserError(f"no checkpoint {name!r}: give a folder with an argus.json, or one of {known}.")


def load(folder: Path, device: str = "cpu", dtype: torch.dtype | None = None) -> Argus:
    """Read what `save` wrote, in evaluation mode; every file is hashed first.

    dtype : of the transformer, None for as stored; the autoencoder is float32

    Raises: UserError when a file is missing or damaged, or a tensor is missing, unknown or of another shape or dtype.
    """
    about = About.read(folder)
    verify(folder, about.files)
    modules = empty_stages(about.config)
    for stage, module, wanted in zip(STAGES, modules, (torch.float32, dtype), strict=True):
        stage_headers(folder, about, stage, module)  # before a shard is read: a wrong checkpoint is refused at once
        paths = [folder / name for name in about.files if name.startswith(stage)]
        fill(module, read_stage(paths, device, wanted), str(folder / stage))
        module.eval()
    return Argus(about.config, *modules, about.categories, about.threshold, about.training, about.resolution)


def stage_headers(folder: Path, about: About, stage: str, empty: nn.Module) -> dict[str, TensorFacts]:
    """What the files of a stage hold, compared with a module of its sizes; no tensor is read.

    Raises: UserError when a file is damaged, or a tensor is missing, unknown or of another shape or dtype.
    """
    tensors = headers(folder, stage, about.files)
    found = {name: facts.shape for name, facts in tensors.items()}
    require_match(found, shapes_of(empty.state_dict()), str(folder / f"{stage}.safetensors"))
    # Of stage 1, argus.json does not say: half precision takes half the disk, but it computes in float32.
    stored = about.dtype if stage == "transformer" else next(iter(tensors.values())).dtype
    for name, facts in tensors.items():
        if facts.dtype != stored:
            raise UserError(f"{facts.path}: {name} is {facts.dtype}, not {stored}; copy the checkpoint again.")
    return tensors
