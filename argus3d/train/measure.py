"""A training step of stage 2 as this machine takes it, for what was predicted to be held against."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from argus3d.bench import seconds
from argus3d.config import TransformerConfig
from argus3d.model.transformer import ShapeTransformer

SIDE = 1024  # of the matrices that tell how fast this machine multiplies


@dataclass(frozen=True)
class MeasuredStep:
    """One step in float32 without conditions.

    memory : bytes by what holds them, named as in `predict.Prediction`
    seconds : median of the repeats
    """

    parameters: int
    memory: dict[str, int]
    seconds: float


def without_conditions(config: TransformerConfig) -> TransformerConfig:
    """The same sizes, asked for a class alone."""
    return replace(config, conditions=(), droppable=False)


def transformer_step(config: TransformerConfig, rows: int, repeats: int = 3) -> MeasuredStep:
    """Take steps of random weights on random tokens; what they would learn does not matter to what they cost.

    config : of any conditions, which are left away
    rows : of a step
    """
    config = without_conditions(config)
    torch.manual_seed(0)
    model = ShapeTransformer(config)
    optimizer = torch.optim.AdamW(model.parameters())
    tokens = torch.randint(config.vocabulary, (rows, config.tokens))
    category = torch.zeros(rows, dtype=torch.int64)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        _loss(model, tokens, category).backward()
        optimizer.step()

    taken = seconds(step, repeats, torch.device("cpu"))
    with _kept(model) as kept:
        _loss(model, tokens, category)
    weights = list(model.parameters())
    states = [value for entry in optimizer.state.values() for value in entry.values() if value.ndim]
    memory = {
        "weights": _bytes(weights),
        "gradients": _bytes([weight.grad for weight in weights if weight.grad is not None]),
        "optimizer": _bytes(states),
        "activations": sum(kept.values()),
    }
    return MeasuredStep(sum(weight.numel() for weight in weights), memory, statistics.median(taken))


def operations_per_second(repeats: int = 5) -> float:
    """Multiplications and additions a second that this processor reaches on large matrices in float32."""
    left, right = torch.randn(2, SIDE, SIDE)
    return 2 * SIDE**3 / min(seconds(lambda: left @ right, repeats, torch.device("cpu")))


def _loss(model: ShapeTransformer, tokens: Tensor, category: Tensor) -> Tensor:
    return F.cross_entropy(model(tokens, category).flatten(0, 1), tokens.flatten())


@contextmanager
def _kept(model: nn.Module) -> Iterator[dict[int, int]]:
    """Bytes of every storage that the way back needs and no weight owns."""
    owned = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    found: dict[int, int] = {}
    held: list[Tensor] = []  # so that no address comes twice

    def keep(tensor: Tensor) -> Tensor:
        held.append(tensor)
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in owned:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield found


def _bytes(tensors: list[Tensor] | list[nn.Parameter]) -> int:
    return sum(tensor.nbytes for tensor in tensors)
