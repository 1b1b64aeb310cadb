"""A model over several processes: a copy in each (DDP), or a share of every tensor in each (FSDP2).

What torch has for it is imported where it is used: it takes longer than all else that a command imports.
"""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from argus3d.errors import UserError
from argus3d.train.training import Training

Losses = Callable[[int, Any, slice], dict[str, Tensor]]


class _Stage(nn.Module):
    """A stage as a module whose forward pass is its losses, since DDP looks at gradients of a forward pass."""

    def __init__(self, stage: Training[Any]) -> None:
        super().__init__()
        self.model, self.stage = stage.model, stage

    def forward(self, number: int, batch: Any, rows: slice) -> dict[str, Tensor]:
        return self.stage.losses(number, batch, rows)


class Spread:
    """The losses of a stage, computed over processes in the way that `parallel` says.

    Raises: UserError when the model is of a kind that FSDP cannot cut.
    """

    def __init__(self, stage: Training[Any], parallel: str | None, bfloat16: bool) -> None:
        self._ddp: DistributedDataParallel | None = None
        self.losses: Losses = stage.losses
        if parallel == "ddp":
            self._ddp = DistributedDataParallel(_Stage(stage), find_unused_parameters=not stage.uses_all())
            self.losses = self._ddp
        if parallel == "fsdp":
            _shard(stage.model, bfloat16)

    def alone(self) -> AbstractContextManager[None]:
        """A block in which gradients stay in their process, since more of the same step are to come."""
        return self._ddp.no_sync() if self._ddp is not None else nullcontext()


def _shard(model: nn.Module, bfloat16: bool) -> None:
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    halved = {"param_dtype": torch.bfloat16, "reduce_dtype": torch.float32} if bfloat16 else {}
    policy = MixedPrecisionPolicy(**halved, cast_forward_inputs=False)
    # Parameters outside the blocks are let go after a forward pass like those of the blocks: one that stayed would
    # not show what the optimiser or an average of weights does to its shares.
    # The logits are a view, and nothing changes them in place.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view tensor")
    shard = partial(fully_shard, mp_policy=policy, reshard_after_forward=True)
    for block in blocks_of(model, "fsdp"):
        shard(block)
    shard(model)


def blocks_of(model: nn.Module, wish: str) -> nn.ModuleList:
    """The blocks of a transformer. Raises: UserError for a model without."""
    blocks = getattr(model, "blocks", None)
    if blocks is None:
        raise UserError(f"{wish} is for the transformer; stage 1 has no blocks; use ddp, or nothing.")
    return cast(nn.ModuleList, blocks)


def recompute_blocks(model: nn.Module) -> None:
    """Keep the input of each block alone and compute the block again on the way back, with the same random numbers."""
    for block in blocks_of(model, "recompute"):
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)


def whole(value: Any) -> Any:
    """A tree of dicts and lists whose shared-out tensors are put together in the memory of the host.

    All processes must call it; only in the first the whole tensors are kept.
    """
    if not dist.is_initialized():
        return value
    if isinstance(value, Tensor):
        full = together(value)
        return full if full is value else full.cpu() if dist.get_rank() == 0 else None
    if isinstance(value, dict):
        return {key: whole(part) for key, part in value.items()}
    if isinstance(value, list):
        return [whole(part) for part in value]
    return value


def together(tensor: Tensor) -> Tensor:
    """The whole of a tensor that may be shared out, on its device. All processes must call it."""
    if not dist.is_initialized():
        return tensor
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(tensor: Tensor, model: Tensor) -> Tensor:
    """`tensor` cut as `model` is, if it is cut."""
    if not dist.is_initialized():
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(model, DTensor):
        return tensor
    return distribute_tensor(tensor.to(model.device), model.device_mesh, model.placements, src_data_rank=None)


def like_parameters(state: dict[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The saved state of an optimiser, cut as its parameters are."""
    parameters = dict(enumerate(parameter for group in optimizer.param_groups for parameter in group["params"]))
    cut = {
        index: {
            name: like(value, parameters[index]) if value.shape == parameters[index].shape else value
            for name, value in entry.items()
        }
        for index, entry in state["state"].items()
    }
    return {**state, "state": cut}
