"""What a training step takes, known before it is run: memory of a process, floating point operations, seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from argus3d.config import AutoencoderConfig, TransformerConfig
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.conditions import prefix_length
from argus3d.model.transformer import BLOCK, ShapeTransformer

FLOAT = 4  # bytes


@dataclass(frozen=True)
class Plan:
    """How a step is computed.

    rows : of a step, over all processes; each computes its share in `accumulate` slices
    sharded : every process holds its share of weights, gradients and optimiser alone (FSDP2)
    on_cpu : where attention in bfloat16 keeps its probabilities, which GPUs compute again
    """

    rows: int
    processes: int = 1
    accumulate: int = 1
    sharded: bool = False
    recompute: bool = False
    bfloat16: bool = True
    ema: bool = False
    on_cpu: bool = False

    @property
    def rows_at_once(self) -> int:
        """Rows of a slice."""
        return self.rows // (self.processes * self.accumulate)


@dataclass(frozen=True)
class Prediction:
    """Of one process and one step.

    memory : bytes by what holds them; `activations` is what the way back needs, and libraries take more beside it
    flops : of the model, forward and back, over all rows; work that is done again does not count
    """

    parameters: int
    memory: dict[str, int]
    flops: float

    @property
    def bytes(self) -> int:
        return sum(self.memory.values())

    def seconds(self, peak: float, processes: int = 1) -> float:
        """Seconds of a step on `processes` devices that reach `peak` operations a second each."""
        return self.flops / (peak * processes)

    def told(self, peak: float, processes: int) -> dict[str, Any]:
        """All of it, with the seconds on such devices, as JSON values."""
        known = {"parameters": self.parameters, "memory_bytes": self.memory, "bytes": self.bytes, "flops": self.flops}
        return known | {"seconds": self.seconds(peak, processes)}


def transformer_step(config: TransformerConfig, plan: Plan) -> Prediction:
    """Predict a step of stage 2 in which every row has every kind of condition."""
    with torch.device("meta"):
        model = ShapeTransformer(config)
    length = config.tokens + prefix_length(config, [condition.kind for condition in config.conditions])
    products = 12 * config.layers * config.width**2 + (config.width + config.vocabulary) * config.width
    attention = 4 * config.layers * length**2 * config.width
    head = 2 * config.tokens * (config.width + config.vocabulary) * config.width
    forward = 24 * config.layers * config.width**2 * length + attention + head
    memory = _held(_count(model), plan)
    memory["activations"] = plan.rows_at_once * _row_of_transformer(config, plan, length)
    if plan.bfloat16:  # copies that live from the way there to the way back; FSDP2 gathers them block by block
        memory["weights in bfloat16"] = 2 * (products // config.layers if plan.sharded else products)
    return Prediction(_count(model), memory, 3 * forward * plan.rows)


def _row_of_transformer(config: TransformerConfig, plan: Plan, length: int) -> int:
    """Bytes that a row keeps for the way back.

    Of a block, a position keeps: the inputs of two norms in float32, the inputs of the products (three casts of the
    first norm's output in bfloat16, one tensor in float32), query, key, value, and both sides of GELU.
    """
    vectors = 2 * FLOAT + 16 * 2 if plan.bfloat16 else 16 * FLOAT
    block = length * (vectors * config.width + FLOAT * (config.heads + 4))
    if config.dropout:
        block += 2 * length * config.width  # a byte for what each of two drop-outs let through
    if plan.on_cpu and plan.bfloat16 and not config.dropout:
        ends = (min(start + BLOCK, length) for start in range(0, length, BLOCK))
        block += 2 * config.heads * sum(end * (end - (end - 1) // BLOCK * BLOCK) for end in ends)
    head = config.tokens * ((4 * 2 + FLOAT if plan.bfloat16 else 5 * FLOAT) * config.width + FLOAT * config.vocabulary)
    if plan.recompute:
        return config.layers * length * config.width * FLOAT + block + head
    return config.layers * block + head


def autoencoder_step(config: AutoencoderConfig, queries: int, plan: Plan) -> Prediction:
    """Predict a step of stage 1 with `queries` a row, by running it on tensors without content."""
    with torch.device("meta"):
        model = ShapeAutoencoder(config)
    counter = FlopCounterMode(display=False)
    with _kept() as kept, counter:
        _forward(model, queries, torch.bfloat16 if plan.bfloat16 else torch.float32)
    memory = _held(_count(model), plan)
    memory["activations"] = plan.rows_at_once * (sum(kept.values()) + _pooling(config))
    if plan.bfloat16:
        memory["weights in bfloat16"] = 2 * _count(model)
    return Prediction(_count(model), memory, 3 * counter.get_total_flops() * plan.rows)


def _forward(model: ShapeAutoencoder, queries: int, dtype: torch.dtype) -> None:
    """One row, without the pooling by cells, whose sizes depend on the data; see `_pooling`."""
    config = model.config
    blocks = cast(list[nn.Module], list(model.encoder.blocks))
    net = blocks[0](model.encoder.point_in(_empty(config.points, model.encoder.point_in.in_features)))
    for block in blocks[1:]:
        net = block(torch.cat([net, net], 1))
    model.encoder.plane_out(net)
    model = model.to(dtype)
    side = config.plane_resolution
    latents = model.coupler(_empty(1, 3, config.plane_channels, side, side).to(dtype))
    codes = model.quantizer.project(latents)
    planes = model.uncoupler(model.quantizer.expand(codes))
    places = _empty(1, queries, 3)
    features = model.decoder.sample_planes(planes.float(), places)  # float32 under autocast, too
    model.decoder.from_features(features.to(dtype), places.to(dtype))


def _pooling(config: AutoencoderConfig) -> int:
    """Bytes that pooling by cells keeps of a row: the cells, who holds each maximum, and what the planes are means of.

    It multiplies nothing.
    """
    planes, long = 3, 8
    holders = planes * (config.blocks - 1) * config.encoder_hidden
    return config.points * (holders + planes * long + FLOAT * config.plane_channels)


def _empty(*shape: int) -> Tensor:
    return torch.empty(*shape, device="meta", requires_grad=True)


@contextmanager
def _kept() -> Iterator[dict[int, int]]:
    """Bytes of each storage that the way back keeps, weights left out."""
    found: dict[int, int] = {}
    storages: list[Any] = []  # held, so that no address comes twice

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            storages.append(tensor.untyped_storage())
            found[storages[-1]._cdata] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield found


def _held(parameters: int, plan: Plan) -> dict[str, int]:
    """What does not depend on the rows: AdamW keeps two numbers for each weight, all in float32."""
    share = -(-parameters // plan.processes) if plan.sharded else parameters
    held = {"weights": share, "gradients": share, "optimizer": 2 * share}
    if plan.ema:
        held["average"] = share
    return {name: FLOAT * count for name, count in held.items()}


def _count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
