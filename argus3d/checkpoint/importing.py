"""The released .pt files become a checkpoint of ours, tensor by tensor."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from argus3d.checkpoint.argus import STAGES
from argus3d.checkpoint.released import (
    RESOLUTION,
    THRESHOLD,
    holds_stage_2,
    is_finite,
    our_states,
    released_name,
    require_finite,
    same,
)
from argus3d.checkpoint.shards import DTYPES, FileFacts, write_stage
from argus3d.checkpoint.store import About
from argus3d.checkpoint.strict import shapes_of
from argus3d.checkpoint.torch_file import TorchFile, read_torch_file
from argus3d.config import ArgusConfig
from argus3d.errors import UserError


def import_released(
    stage1: Path | None, stage2: Path, out: Path, config: ArgusConfig, names: tuple[str, ...], dtype: str,
    say: Callable[[str], None],
) -> About:  # fmt: skip
    """Write the checkpoint `out` of files as the original code writes them.

    stage1 : stage 1's own file, which the original samples with; None takes it from within the stage-2 file
    names : of the classes, in the order of their indices
    dtype : of the transformer, one of `DTYPES`; the autoencoder is always float32
    say : told the name of each file that was written

    Memory is that of one shard, whatever the size of the files (all of the file if it was written before PyTorch 1.6).
    Raises: UserError when a file is not what it should be, `out` is taken or the disk is too small; nothing is kept.
    """
    _require_new(out)
    for path in sorted(out.absolute().parent.glob(f".{out.name}.*.part")):
        say(f"{path} belongs to an import that was killed or still runs; remove it if none runs")
    transformer = _read(stage2, True)
    inside = our_states(transformer.state, config, str(stage2))
    if stage1 is None:
        if "autoencoder" not in inside:
            raise UserError(f"{stage2} holds no stage 1 (no name begins with vqvae_model.); give its file as --stage1.")
        autoencoder, states, compared = transformer, inside, "used"
    else:
        autoencoder = _read(stage1, False)
        states = inside | our_states(autoencoder.state, config, str(stage1))
        compared = _compared(states["autoencoder"], inside.get("autoencoder"))
    files = {"autoencoder": autoencoder, "transformer": transformer}
    given = {"stage1": stage1, "stage2": stage2}
    facts = {"stage1_in_stage2": compared} | {
        name: {"file": path.name, "bytes": path.stat().st_size} for name, path in given.items() if path is not None
    }
    dtypes = {"autoencoder": "float32", "transformer": dtype}
    needed = sum(
        prod(shape) * DTYPES[dtypes[stage]].itemsize for stage in STAGES for shape in shapes_of(states[stage]).values()
    )
    _require_room(out, needed)
    with _folder_beside(out, needed) as scratch:
        written: dict[str, FileFacts] = {}
        for stage in STAGES:
            for name, file_facts in _convert(scratch, stage, files[stage], states[stage], DTYPES[dtypes[stage]]):
                written[name] = file_facts
                say(f"{name}: {file_facts.bytes} bytes")
        training = dict(files["transformer"].scalars) | {"released": facts}
        about = About(config, names, THRESHOLD, RESOLUTION, dtype, training, written)
        about.write(scratch)
    return about


def _read(path: Path, wants_stage_2: bool) -> TorchFile:
    file = read_torch_file(path)
    if holds_stage_2(file.state) and not wants_stage_2:
        raise UserError(f"{path} is a stage-2 file; give it as --stage2, and the stage-1 file as --stage1.")
    if wants_stage_2 and not holds_stage_2(file.state):
        raise UserError(f"{path} is no stage-2 file (no name begins with transformer_model.); give it as --stage1.")
    return file


def _compared(used: dict[str, Tensor], other: dict[str, Tensor] | None) -> str:
    """How the autoencoder inside the stage-2 file compares with the one of the stage-1 file, which is used."""
    if other is None:
        return "absent"
    return "equal" if all(same(used[name], other[name]) for name in used) else "different"


def _convert(
    folder: Path, stage: str, file: TorchFile, state: dict[str, Tensor], dtype: torch.dtype
) -> Iterator[tuple[str, FileFacts]]:
    """Write a stage; its pages of `file` are let go as soon as they are in a copy or in a shard."""
    uncopied: list[Tensor] = []

    def read(name: str) -> Tensor:
        tensor = state[name]
        converted = tensor.to(dtype)
        if not is_finite(converted):
            released = released_name(stage, name)
            require_finite(released, tensor, str(file.path))
            raise UserError(f"{file.path}: {released} holds values past the range of {dtype}; take --dtype bfloat16.")
        if converted is tensor:
            uncopied.append(tensor)
        else:
            file.release(tensor)
        return converted

    for written in write_stage(folder, stage, shapes_of(state), dtype, read):
        for tensor in uncopied:
            file.release(tensor)
        uncopied.clear()
        yield written


def _require_new(out: Path) -> None:
    if (out / "argus.json").exists():
        raise UserError(
            f"{out} already holds a checkpoint and stays as it is; use or remove it, or give another --out."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} already exists and is not empty; give another --out.")
    if out.is_mount():
        raise UserError(f"{out} is where a disk is mounted and cannot be renamed into place; give a folder inside it.")


def _require_room(out: Path, needed: int) -> None:
    there = next(parent for parent in out.absolute().parents if parent.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise UserError(
            f"{out} needs {needed} bytes and {there} has {free} free; free {needed - free} more, give another --out, "
            "or --dtype bfloat16, which halves the transformer of float32."
        )


@contextmanager
def _folder_beside(out: Path, needed: int) -> Iterator[Path]:
    """A scratch folder that becomes `out` when the block ends well, and is removed when it does not."""
    scratch = out.absolute().with_name(f".{out.absolute().name}.{os.getpid()}.part")
    try:
        scratch.mkdir(parents=True)
        yield scratch
        os.replace(scratch, out)
    except OSError as error:
        raise UserError(
            f"{out} could not be written ({error}) and nothing of it was kept; it needs {needed} bytes: "
            "free them or give another --out."
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
