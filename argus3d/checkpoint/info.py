"""What a checkpoint is, read from its JSON and the headers of its files; the large tensors stay on disk."""

import json
from collections import Counter
from collections.abc import Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

from torch import Tensor

from argus3d.checkpoint.argus import STAGES, empty_stages
from argus3d.checkpoint.shards import TensorFacts, read_tensor, verify
from argus3d.checkpoint.store import About, stage_headers
from argus3d.checkpoint.untrained import initial_constants, stage_warnings
from argus3d.config import ArgusConfig
from argus3d.data.files import sha256_file

# What the released model was trained on: all of both, so that no shape of theirs is new to it.
RELEASED_DATA = ("objaverse", "shapenet")


def facts(folder: Path) -> dict[str, Any]:
    """Name and sha256 of a checkpoint, and `trained_on`, where it is known, for the manifests of its samples.

    `trained_on` is a list of parts of splits, such as "household-v1/train", and of whole sources, such as "objaverse".
    """
    about = About.read(folder)
    known: dict[str, Any] = {"name": folder.absolute().name, "sha256": sha256_file(folder / "argus.json")}
    if isinstance(data := about.training.get("data"), list | dict):
        return known | {"trained_on": [f"{split}/train" for split in data]}
    if "released" in about.training and about.config == ArgusConfig.preset("huge"):
        return known | {"trained_on": list(RELEASED_DATA)}
    return known


def describe(folder: Path, hash_files: bool = False) -> dict[str, Any]:
    """argus.json, and by stage the parameters, tensors, dtypes and bytes; `warnings` tells what looks untrained.

    hash_files : read every file to compare its sha256; without, only its size is compared

    Raises: UserError when a file is missing or damaged, or its tensors are not those of the configuration.
    """
    about = About.read(folder)
    if hash_files:
        verify(folder, about.files)
    facts: dict[str, Any] = {key: {} for key in ("parameters", "tensors", "dtypes", "bytes")}
    warnings: list[str] = []
    for stage, module in zip(STAGES, empty_stages(about.config), strict=True):
        tensors = stage_headers(folder, about, stage, module)
        facts["parameters"][stage] = sum(prod(tensor.shape) for tensor in tensors.values())
        facts["tensors"][stage] = len(tensors)
        facts["dtypes"][stage] = dict(Counter(tensor.dtype for tensor in tensors.values()))
        facts["bytes"][stage] = sum(tensor.bytes for tensor in tensors.values())
        warnings += stage_warnings(stage, initial_constants(module), partial(_read, tensors))
    said = json.loads((folder / "argus.json").read_text())
    return said | facts | {"hashed": hash_files, "warnings": warnings}


def _read(tensors: Mapping[str, TensorFacts], name: str) -> Tensor:
    return read_tensor(name, tensors[name])
