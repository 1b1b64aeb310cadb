"""Several processes that train one model, as `torchrun` starts them: who is who, and what they tell each other."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from argus3d.errors import UserError

T = TypeVar("T")
# The first may have much to prepare before the others go on.
PATIENCE = timedelta(hours=2)


@contextmanager
def joined(device: str, parallel: str | None) -> Iterator[str]:
    """Join the processes that `torchrun` started, and leave them at the end; gives the device of this one.

    Raises: UserError when there are several processes and `parallel` does not say how they share the work, or none.
    """
    count = _number("WORLD_SIZE", "1")
    if parallel is None and count > 1:
        raise UserError(f"{count} processes were started; say --parallel ddp or --parallel fsdp.")
    if parallel is None:
        yield device
        return
    if "RANK" not in os.environ:
        raise UserError(
            f"--parallel {parallel} is for processes that torchrun starts; say "
            "`torchrun --nproc-per-node N -m argus3d train ...`."
        )
    own = f"cuda:{_number('LOCAL_RANK')}" if device == "cuda" else device
    if own.startswith("cuda"):
        torch.cuda.set_device(own)
    dist.init_process_group("cpu:gloo,cuda:nccl" if own.startswith("cuda") else "gloo", timeout=PATIENCE)
    try:
        yield own
    finally:
        dist.destroy_process_group()


def _number(name: str, otherwise: str = "") -> int:
    """What torchrun says in the environment. Raises: UserError for what it would not say."""
    said = os.environ.get(name, otherwise)
    if not said.isdecimal():
        raise UserError(f"the environment says {name}={said!r}; unset it, or start by torchrun, which sets it.")
    return int(said)


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, 0 for the first."""
    return dist.get_rank() if dist.is_initialized() else 0


def first() -> bool:
    """Whether this process is the one that writes files and talks to people."""
    return rank() == 0


@contextmanager
def first_before_others() -> Iterator[None]:
    """The first process does the block alone, then the others do it, and find what the first has written."""
    if not first():
        dist.barrier()
    yield
    if first() and world() > 1:
        dist.barrier()


def averaged(values: Tensor) -> Tensor:
    """The mean of equal-shaped tensors of all processes."""
    if world() > 1:
        dist.all_reduce(values)
        values /= world()
    return values


def gathered(rows: Tensor) -> Tensor:
    """Rows (N, ...) of all processes, in their order: (W * N, ...)."""
    if world() == 1:
        return rows
    parts = [torch.empty_like(rows) for _ in range(world())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def copy_from_first(*tensors: Tensor) -> None:
    """Overwrite tensors by those of the first process."""
    if world() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)


def said_by_first(value: T) -> T:
    """What the first process holds as `value`."""
    if world() == 1:
        return value
    said = [value]
    dist.broadcast_object_list(said, 0)
    return said[0]
