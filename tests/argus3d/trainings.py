"""Trainings of both stages that take a second or two."""

import functools
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from argus3d.config import TransformerConfig
from argus3d.data.prepare import prepare
from argus3d.data.prepared import PreparedData
from argus3d.engine import local
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.train.autoencoder import AutoencoderRecipe, AutoencoderTraining
from argus3d.train.data import OccupancyData
from argus3d.train.loop import LoopConfig
from argus3d.train.token_groups import VIEWS, TokenGroup, Variants
from argus3d.train.training import SINGLE, Execution, Training
from argus3d.train.transformer import TransformerRecipe, TransformerTraining
from tests.argus3d.balls import SMALL, BallCatalogue
from tests.argus3d.sizes import GUIDED, LEARNER, TRANSFORMER

LOOP = LoopConfig(
    steps=24, batch=2, learning_rate=3e-3, warmup=4, bfloat16=False, validate_every=12, save_every=8, seed=5
)
RECIPE = AutoencoderRecipe(queries=32, unquantized_steps=6, restart_every=3)
# Few steps, past the start of the codebook, with all that is kept beside the weights.
TOGETHER = replace(LOOP, steps=9, batch=4, save_every=4, validate_every=4, ema=0.5)
BEST_TOGETHER = replace(TOGETHER, keep_best="validation_loss")


@contextmanager
def double_precision() -> Iterator[None]:
    """A block in which all that is trained is float64.

    Two orders of one sum differ by rounding. In float32 that can put a value on the other side of a ReLU, a maximum or
    a border between codes, and AdamW makes steps as long as the others of the least gradients: from the fourth step,
    weights are apart by whole steps. In float64 they stay together, so that what is apart is a fault.
    """
    read, single = torch.from_numpy, torch.Tensor.float
    torch.set_default_dtype(torch.float64)
    torch.from_numpy = lambda array: read(array).double() if array.dtype == np.float32 else read(array)
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)
        torch.from_numpy, torch.Tensor.float = read, single  # type: ignore[method-assign]


@functools.cache
def balls() -> OccupancyData:
    """Six prepared balls."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(BallCatalogue(), Path(folder), SMALL, engine=local(1))
        return OccupancyData(list(PreparedData(Path(folder), ["balls"]).shapes.values()))


def autoencoder_training(
    loop: LoopConfig = LOOP, execution: Execution = SINGLE, recipe: AutoencoderRecipe = RECIPE
) -> AutoencoderTraining:
    """Stage 1 on balls, drawn from two groups."""
    data = balls()
    return AutoencoderTraining(LEARNER, loop, recipe, [data, data], [0.5, 0.5], {"balls": data}, execution)


def transformer_training(
    loop: LoopConfig = LOOP, execution: Execution = SINGLE, dropout: float = 0.0
) -> TransformerTraining:
    """Stage 2 on four shapes of random tokens, the last of which is drawn as often as the others together."""
    tokens = np.random.default_rng(0).integers(16, size=(4, 1, 64)).astype(np.int16)
    classes = np.array([0, 1, 2, 0])
    groups = [TokenGroup(1.0, tokens[:3], classes[:3]), TokenGroup(3.0, tokens[3:], classes[3:])]
    return _stage_2(replace(TRANSFORMER, dropout=dropout), loop, groups, None, execution)


def guided_group(shapes: int = 4, variants: int = 3, images: bool = True) -> TokenGroup:
    """Shapes of one class with random tokens, texts, pictures and clouds; only the conditions tell them apart."""
    rng = np.random.default_rng(1)
    tokens = rng.integers(16, size=(shapes, 1, 64)).repeat(variants, 1).astype(np.int16)
    text, image = GUIDED.condition("text"), GUIDED.condition("image")
    texts = rng.standard_normal((shapes, text.length, text.features)).astype(np.float16)
    mask = np.arange(text.length)[None] <= np.arange(shapes)[:, None] % text.length
    looks = rng.standard_normal((shapes, 1, 1, image.length, image.features))
    noise = 0.3 * rng.standard_normal((shapes, 2, VIEWS, image.length, image.features))
    pictures = (looks + noise).astype(np.float16)
    clouds = (rng.standard_normal((shapes, 64, 3)) * rng.uniform(0.1, 1, (shapes, 1, 3))).astype(np.float16)
    matrices = np.stack([Variants(variants).matrices(np.random.default_rng(i)) for i in range(shapes)])
    classes = np.zeros(shapes, np.int64)
    return TokenGroup(1.0, tokens, classes, clouds, matrices, (texts, mask), pictures if images else None)


def guided_training(
    loop: LoopConfig = LOOP, groups: Sequence[TokenGroup] | None = None, recipe: TransformerRecipe | None = None,
    execution: Execution = SINGLE,
) -> TransformerTraining:  # fmt: skip
    """Stage 2 on shapes with all kinds of conditions."""
    return _stage_2(GUIDED, loop, [guided_group()] if groups is None else groups, recipe, execution)


def _stage_2(
    config: TransformerConfig, loop: LoopConfig, groups: Sequence[TokenGroup], recipe: TransformerRecipe | None,
    execution: Execution,
) -> TransformerTraining:  # fmt: skip
    torch.manual_seed(3)
    autoencoder = ShapeAutoencoder(LEARNER)
    return TransformerTraining(config, loop, groups, groups, autoencoder, recipe, execution)


def log(folder: Path) -> list[dict[str, Any]]:
    """The lines of a training log without what a clock says."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: line[key] for key in line if key not in ("seconds", "steps_per_second")} for line in lines]


def same_weights(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether two state dicts agree in every bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Interrupted(Exception):
    """Stands for a kill."""


def interrupt(training: Training[Any], step: int) -> None:
    """Make the training stop as a kill would, at `step`."""
    inner = training.losses

    def stopping(number: int, batch: Any, rows: slice) -> dict[str, torch.Tensor]:
        if number == step:
            raise Interrupted
        return inner(number, batch, rows)

    training.losses = stopping  # type: ignore[method-assign]


def spoil(training: Training[Any], step: int, name: str = "loss") -> None:
    """Make the loss of `step` no number, or only its gradient."""
    inner = training.losses

    def spoiled(number: int, batch: Any, rows: slice) -> dict[str, torch.Tensor]:
        losses = inner(number, batch, rows)
        if number == step and name == "loss":
            losses["loss"] = losses["loss"] * torch.nan
        if number == step and name == "gradient":
            losses["loss"].register_hook(lambda gradient: gradient * torch.inf)
        return losses

    training.losses = spoiled  # type: ignore[method-assign]
