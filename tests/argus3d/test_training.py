import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from argus3d.data.prepare import prepare
from argus3d.data.prepared import PreparedData
from argus3d.engine import local
from argus3d.errors import UserError
from argus3d.model.quantizer import Quantizer
from argus3d.train.autoencoder import AutoencoderRecipe, AutoencoderTraining
from argus3d.train.codebook import CodebookAverage
from argus3d.train.data import Augmentation, OccupancyData
from argus3d.train.loop import LoopConfig
from argus3d.train.transformer import TokenData, TransformerTraining
from tests.argus3d.balls import SMALL, BallCatalogue
from tests.argus3d.sizes import AUTOENCODER, TRANSFORMER

LOOP = LoopConfig(
    steps=24, batch=2, learning_rate=3e-3, warmup=4, bfloat16=False, validate_every=12, save_every=8, seed=5
)
RECIPE = AutoencoderRecipe(queries=32, unquantized_steps=6, restart_every=3)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> OccupancyData:
    root = tmp_path_factory.mktemp("data")
    prepare(BallCatalogue(), root, SMALL, engine=local(1))
    return OccupancyData(list(PreparedData(root, ["balls"]).shapes.values()))


def autoencoder_training(data: OccupancyData, loop: LoopConfig = LOOP) -> AutoencoderTraining:
    return AutoencoderTraining(AUTOENCODER, loop, RECIPE, [data, data], [0.5, 0.5], {"balls": data})


def transformer_training(loop: LoopConfig = LOOP) -> TransformerTraining:
    tokens = np.random.default_rng(0).integers(16, size=(4, 64)).astype(np.int16)
    rows = TokenData(tokens, np.array([0, 1, 2, 0]), np.array([1.0, 1.0, 1.0, 3.0]))
    return TransformerTraining(TRANSFORMER, loop, rows, rows)


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


class Interrupted(Exception):
    pass


def interrupt(training, step: int) -> None:  # type: ignore[no-untyped-def]
    """Make the training stop as a kill would, at `step`."""
    inner = training.step

    def stopping(number: int) -> dict[str, torch.Tensor]:
        if number == step:
            raise Interrupted
        return inner(number)

    training.step = stopping


@pytest.mark.parametrize("stage", ["autoencoder", "transformer"])
@pytest.mark.parametrize("step", [7, 19])
def test_a_resumed_run_ends_with_the_same_weights(data: OccupancyData, tmp_path: Path, stage: str, step: int) -> None:
    def fresh():  # type: ignore[no-untyped-def]
        return autoencoder_training(data) if stage == "autoencoder" else transformer_training()

    whole, first, second = fresh(), fresh(), fresh()
    whole.run(tmp_path / "whole")
    interrupt(first, step)
    with pytest.raises(Interrupted):
        first.run(tmp_path / "broken")
    second.run(tmp_path / "broken")
    expected = whole.model.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in second.model.state_dict().items())
    kept = [{key: value for key, value in line.items() if key != "seconds"} for line in log(tmp_path / "broken")]
    assert [line["step"] for line in kept] == [12, 24]
    assert kept[-1] == {key: value for key, value in log(tmp_path / "whole")[-1].items() if key != "seconds"}


def test_the_autoencoder_learns_what_a_ball_is(data: OccupancyData, tmp_path: Path) -> None:
    loop = replace(LOOP, steps=130, batch=4, learning_rate=5e-3, warmup=20, validate_every=130, save_every=130)
    recipe = replace(RECIPE, queries=100, unquantized_steps=100)
    AutoencoderTraining(AUTOENCODER, loop, recipe, [data], [1.0], {"balls": data}).run(tmp_path)
    last = log(tmp_path)[-1]
    assert last["iou_balls"] > 0.45  # everything inside would be 0.13 to 0.3
    assert 0.2 <= last["threshold"] <= 0.7


def test_the_transformer_learns_by_heart(tmp_path: Path) -> None:
    training = transformer_training(replace(LOOP, steps=150, batch=8, learning_rate=1e-2))
    assert abs(training.validate()["validation_loss"] - np.log(16)) < 0.05  # it begins without an opinion
    training.run(tmp_path)
    assert log(tmp_path)[-1]["validation_loss"] < 0.5


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_state(tmp_path: Path) -> None:
    training = transformer_training()
    inner = training.step
    training.step = lambda n: inner(n) if n != 10 else {"loss": inner(n)["loss"] * torch.nan}  # type: ignore
    with pytest.raises(UserError, match=r"loss at step 10 is nan; the last good state is .*last\.pt"):
        training.run(tmp_path)
    assert torch.load(tmp_path / "last.pt", weights_only=True)["done"] == 8


def test_a_folder_of_other_settings_is_refused(tmp_path: Path) -> None:
    transformer_training(replace(LOOP, steps=2)).run(tmp_path)
    with pytest.raises(UserError, match="trained with other settings"):
        transformer_training(replace(LOOP, steps=3)).run(tmp_path)


def test_weights_decide_how_often_rows_are_drawn() -> None:
    training = transformer_training(replace(LOOP, batch=600))
    drawn = []
    training._loss = lambda tokens, classes: drawn.append(classes) or torch.zeros(())  # type: ignore
    training.step(0)
    assert abs((drawn[0] == 0).mean() - 4 / 6) < 0.08


def test_augmentation_keeps_points_and_occupancy_together(data: OccupancyData) -> None:
    rng = np.random.default_rng(0)
    batch = data.batch(np.array([0, 5]), 100, 150, Augmentation(scale=0.4, scaled_share=1.0), rng)
    assert batch.points.shape == (2, 100, 3) and batch.queries.shape == (2, 300, 3)
    extent = batch.points.abs().amax((1, 2))
    assert ((extent > 0.42) & (extent < 0.51)).all()
    for points, queries, inside in zip(batch.points, batch.queries, batch.inside, strict=True):
        half = points.abs().amax(0)  # balls stay ellipsoids under mirrors and axis scales
        distance = ((queries / half) ** 2).sum(1)
        assert inside[distance < 0.7].all() and not inside[distance > 1.25].any()


def test_the_codebook_stays_in_use() -> None:
    quantizer = Quantizer(AUTOENCODER)
    quantizer.codebook.weight.requires_grad_(False)
    average, generator = CodebookAverage(quantizer, 0.5), torch.Generator().manual_seed(0)
    latents = torch.randn(500, 2, generator=generator)
    average.start(latents, generator)
    assert len(quantizer.nearest(latents).unique()) == 16
    quantizer.codebook.weight[:15] = 50.0  # fifteen codes that nobody takes
    for _ in range(12):
        average.update(latents, quantizer.nearest(latents))
        average.restart(latents, generator)
    assert len(quantizer.nearest(latents).unique()) > 12


def test_codes_move_to_the_mean_of_their_latents() -> None:
    quantizer = Quantizer(AUTOENCODER)
    quantizer.codebook.weight.requires_grad_(False)
    average = CodebookAverage(quantizer, 0.5)
    latents = torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    for _ in range(40):
        average.update(latents, torch.tensor([2, 2]))
    torch.testing.assert_close(quantizer.codebook.weight[2], torch.tensor([2.0, 0.0]))
