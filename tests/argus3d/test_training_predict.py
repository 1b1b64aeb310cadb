"""Memory and operations of a step, predicted and counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from argus3d.config import ArgusConfig
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from argus3d.train.predict import Plan, autoencoder_step, transformer_step
from argus3d.train.spread import recompute_blocks
from tests.argus3d.sizes import GUIDED

NANO = ArgusConfig.preset("nano")
TRANSFORMER = replace(NANO.transformer, layers=3)
QUERIES = 1000


@contextmanager
def kept(model: nn.Module) -> Iterator[dict[int, int]]:
    """Bytes of every storage that autograd keeps and no weight owns."""
    owned = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    found: dict[int, int] = {}
    held = []

    def keep(tensor: Tensor) -> Tensor:
        held.append(tensor)
        if tensor.untyped_storage().data_ptr() not in owned:
            found[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield found


def transformer_loss(model: ShapeTransformer, rows: int, bfloat16: bool) -> Tensor:
    tokens = torch.zeros((rows, model.config.tokens), dtype=torch.int64)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        logits = model(tokens, torch.zeros(rows, dtype=torch.int64))
    return F.cross_entropy(logits.float().flatten(0, 1), tokens.flatten())


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("bfloat16", [False, True])
def test_the_memory_of_stage_2_is_as_predicted(bfloat16: bool, recompute: bool) -> None:
    model, rows = ShapeTransformer(TRANSFORMER), 2
    if recompute:
        recompute_blocks(model)
    with kept(model) as found:
        transformer_loss(model, rows, bfloat16)
    plan = Plan(rows, bfloat16=bfloat16, recompute=recompute, on_cpu=True)
    memory = transformer_step(TRANSFORMER, plan).memory
    predicted = memory["activations"] + memory.get("weights in bfloat16", 0)
    if recompute:  # the block that is being computed again is not there yet, nor are its weights
        one, none = (replace(TRANSFORMER, layers=layers) for layers in (1, 0))
        block, head = (transformer_step(config, replace(plan, recompute=False)).memory for config in (one, none))
        predicted -= block["activations"] - head["activations"]
        if bfloat16:
            predicted -= memory["weights in bfloat16"] - head["weights in bfloat16"]
    assert predicted == pytest.approx(sum(found.values()), rel=0.1)


def test_the_operations_of_stage_2_are_as_predicted() -> None:
    model, rows = ShapeTransformer(TRANSFORMER), 2
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # it cannot see into the others
        transformer_loss(model, rows, False).backward()
    assert transformer_step(TRANSFORMER, Plan(rows)).flops == pytest.approx(counter.get_total_flops(), rel=0.02)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_the_memory_of_stage_1_is_as_predicted(bfloat16: bool) -> None:
    model = ShapeAutoencoder(NANO.autoencoder)
    points, queries = torch.rand(1, model.config.points, 3) - 0.5, torch.rand(1, QUERIES, 3) - 0.5
    with kept(model) as found, torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        model(points, queries)
    memory = autoencoder_step(NANO.autoencoder, QUERIES, Plan(1, bfloat16=bfloat16)).memory
    predicted = memory["activations"] + memory.get("weights in bfloat16", 0)
    assert predicted == pytest.approx(sum(found.values()), rel=0.1)


def test_the_operations_of_stage_1_are_as_predicted() -> None:
    model = ShapeAutoencoder(NANO.autoencoder)
    with FlopCounterMode(display=False) as counter:
        logits, _ = model(torch.rand(2, model.config.points, 3) - 0.5, torch.rand(2, QUERIES, 3) - 0.5)
        logits.sum().backward()
    predicted = autoencoder_step(NANO.autoencoder, QUERIES, Plan(2)).flops
    assert predicted == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_what_adamw_holds_is_as_predicted() -> None:
    model = ShapeTransformer(TRANSFORMER)
    optimizer = torch.optim.AdamW(model.parameters())
    transformer_loss(model, 1, False).backward()
    optimizer.step()
    memory = transformer_step(TRANSFORMER, Plan(1)).memory
    states = [value for entry in optimizer.state.values() for value in entry.values() if value.ndim]
    assert memory["optimizer"] == sum(value.nbytes for value in states)
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert memory["weights"] == memory["gradients"] == sum(gradient.nbytes for gradient in gradients)


def test_a_plan_moves_what_it_is_for() -> None:
    config = ArgusConfig.preset("huge").transformer
    one = transformer_step(config, Plan(64))
    sliced = transformer_step(config, Plan(64, accumulate=4))
    assert sliced.memory["activations"] * 4 == one.memory["activations"] and sliced.flops == one.flops
    again = transformer_step(config, Plan(64, recompute=True))
    assert again.memory["activations"] < one.memory["activations"] / 5 and again.flops == one.flops
    eight = transformer_step(config, Plan(64, processes=8, sharded=True))
    assert eight.memory["optimizer"] * 8 == pytest.approx(one.memory["optimizer"], abs=64)
    assert eight.bytes < one.bytes / 7
    assert transformer_step(config, Plan(64, ema=True)).memory["average"] == one.memory["weights"]
    assert one.seconds(1e15, 2) == one.flops / 2e15
    card, cpu = (transformer_step(NANO.transformer, Plan(8, on_cpu=on_cpu)) for on_cpu in (False, True))
    assert cpu.memory["activations"] > card.memory["activations"] and cpu.flops == card.flops
    # 6 operations a weight and token, and attention
    assert 1 < one.flops / (6 * one.parameters * 64 * 1025) < 1.1


def test_conditions_make_sequences_longer() -> None:
    alone = transformer_step(replace(GUIDED, conditions=()), Plan(4))
    guided = transformer_step(GUIDED, Plan(4))
    assert guided.flops > alone.flops and guided.memory["activations"] > alone.memory["activations"]
