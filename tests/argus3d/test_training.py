"""Both stages learn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from argus3d.train.autoencoder import AutoencoderTraining
from argus3d.train.data import Augmentation
from tests.argus3d.sizes import LEARNER
from tests.argus3d.trainings import LOOP, RECIPE, autoencoder_training, balls, log, transformer_training


def test_the_autoencoder_learns_what_a_ball_is(tmp_path: Path) -> None:
    loop = replace(LOOP, steps=130, batch=4, learning_rate=5e-3, warmup=20, validate_every=130, save_every=130)
    recipe = replace(RECIPE, queries=100, unquantized_steps=100)
    AutoencoderTraining(LEARNER, loop, recipe, [balls()], [1.0], {"balls": balls()}).run(tmp_path)
    last = log(tmp_path)[-1]
    assert last["iou_balls"] > 0.45  # everything inside would be 0.13 to 0.3
    assert 0.2 <= last["threshold"] <= 0.7
    assert 1 <= last["perplexity"] <= 16


def test_the_transformer_learns_by_heart(tmp_path: Path) -> None:
    training = transformer_training(replace(LOOP, steps=150, batch=8, learning_rate=1e-2))
    assert abs(training.validate()["validation_loss"] - np.log(16)) < 0.05  # it begins without an opinion
    training.run(tmp_path)
    assert log(tmp_path)[-1]["validation_loss"] < 0.5


def test_weights_decide_how_often_rows_are_drawn() -> None:
    drawn = transformer_training(replace(LOOP, batch=600)).batch(0).category
    assert abs((drawn == 0).float().mean() - 4 / 6) < 0.08


def test_augmentation_keeps_points_and_occupancy_together() -> None:
    rng = np.random.default_rng(0)
    batch = balls().batch(np.array([0, 5]), 100, 150, Augmentation(scale=0.4, scaled_share=1.0), rng)
    assert batch.points.shape == (2, 100, 3) and batch.queries.shape == (2, 300, 3)
    extent = batch.points.abs().amax((1, 2))
    assert ((extent > 0.42) & (extent < 0.51)).all()
    for points, queries, inside in zip(batch.points, batch.queries, batch.inside, strict=True):
        half = points.abs().amax(0)  # balls stay ellipsoids under mirrors and axis scales
        distance = ((queries / half) ** 2).sum(1)
        assert inside[distance < 0.7].all() and not inside[distance > 1.25].any()


def test_queries_near_the_surface_count_what_they_are_told_to() -> None:
    plain, heavy, none = (
        autoencoder_training(recipe=replace(RECIPE, near_weight=weight)).batch(3) for weight in (1.0, 4.0, 0.0)
    )
    assert torch.equal(heavy.weight[:, :32], plain.weight[:, :32])
    assert torch.equal(heavy.weight[:, 32:], 4 * plain.weight[:, 32:])
    assert none.weight[:, 32:].sum() == 0 < none.weight.sum()
