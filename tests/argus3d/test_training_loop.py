"""What the loop promises: rates, slices, clipping, averages, an early end, and a stop at what is no number."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from argus3d.errors import UserError
from argus3d.train.ahead import ahead
from argus3d.train.average import WeightAverage
from argus3d.train.loop import LoopConfig
from argus3d.train.spread import recompute_blocks
from argus3d.train.state import trained
from argus3d.train.training import Execution
from tests.argus3d.trainings import (
    LOOP,
    autoencoder_training,
    double_precision,
    log,
    same_weights,
    spoil,
    transformer_training,
)


@given(warmup=st.integers(0, 50), steps=st.integers(1, 300), schedule=st.sampled_from(["cosine", "constant"]))
def test_the_rate_rises_to_its_peak_and_never_rises_again(warmup: int, steps: int, schedule: str) -> None:
    config = LoopConfig(steps=steps, batch=1, learning_rate=2.0, warmup=warmup, schedule=schedule)
    rates = [config.rate(step) for step in range(max(steps, warmup + 1))]
    assert rates[:warmup] == [2.0 * (step + 1) / warmup for step in range(warmup)]
    after = rates[warmup:]
    assert after[0] == 2.0 and all(0 < later <= sooner for sooner, later in pairwise(after))
    if schedule == "constant":
        assert set(after) == {2.0}
    elif steps > warmup:
        assert config.rate(steps) == pytest.approx(0.04)


@pytest.mark.parametrize("seed", [2, 5])
@pytest.mark.parametrize("make", [autoencoder_training, transformer_training])
def test_slices_of_a_batch_are_the_batch(make, seed: int, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    loop = replace(LOOP, batch=8, seed=seed, validate_every=1)
    with double_precision():
        make(loop).run(tmp_path / "whole")
        make(loop, Execution(accumulate=2)).run(tmp_path / "sliced")
    whole, sliced = (trained(tmp_path / name).weights for name in ("whole", "sliced"))
    assert {weight.dtype for weight in whole.values()} == {torch.float64}
    assert all((whole[name] - sliced[name]).abs().max() < 1e-10 for name in whole)
    for one, other in zip(log(tmp_path / "whole"), log(tmp_path / "sliced"), strict=True):
        assert one == pytest.approx(other, abs=1e-6)  # as many places as the log has


def test_slices_that_are_not_equal_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a batch of 2 cannot be cut into 1 \(processes\) x 3 \(--accumulate\)"):
        transformer_training(execution=Execution(accumulate=3)).run(tmp_path)


def test_gradients_are_clipped_and_their_norm_is_told(tmp_path: Path) -> None:
    # Where a gradient is far below the epsilon of AdamW, the step is as small as the gradient.
    training = transformer_training(replace(LOOP, steps=1, clip=1e-12, weight_decay=0.0))
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    training.run(tmp_path)
    assert log(tmp_path)[0]["gradient_norm"] > 0.1
    moved = max((value - before[name]).abs().max() for name, value in training.model.state_dict().items())
    assert moved < 1e-6


def test_the_same_batch_comes_out_with_and_without_a_thread_and_errors_come_through() -> None:
    assert list(ahead(lambda number: number**2, 3, 6)) == [(3, 9), (4, 16), (5, 25)]
    assert list(ahead(lambda number: number, 6, 6)) == []
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda number: 1 // (2 - number), 0, 4))


def test_the_average_is_that_of_the_weights() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(0.0)
        average, expected = WeightAverage(model, 0.5), 0.0
        for number in range(6):
            model.weight.fill_(float(number))
            average.update(number)
            decay = min(0.5, (1 + number) / (10 + number))
            expected = decay * expected + (1 - decay) * number
    assert average.weights["weight"].item() == pytest.approx(expected)
    average.swap()
    assert model.weight.item() == pytest.approx(expected)
    average.swap()
    assert model.weight.item() == 5.0 and average.weights["weight"].item() == pytest.approx(expected)


def test_the_average_is_validated_and_becomes_the_checkpoint(tmp_path: Path) -> None:
    plain, averaged = transformer_training(), transformer_training(replace(LOOP, ema=0.9))
    plain.run(tmp_path / "plain")
    averaged.run(tmp_path / "averaged")
    assert same_weights(plain.model.state_dict(), averaged.model.state_dict())  # the training itself is the same
    kept = trained(tmp_path / "averaged").weights
    assert not same_weights(kept, averaged.model.state_dict())
    told = log(tmp_path / "averaged")[-1]["validation_loss"]
    averaged.model.load_state_dict(kept)
    assert averaged.validate()["validation_loss"] == told
    assert told != log(tmp_path / "plain")[-1]["validation_loss"]


def test_training_ends_when_validation_gets_no_better_and_the_best_is_kept(tmp_path: Path) -> None:
    loop = replace(LOOP, validate_every=2, save_every=100, keep_best="validation_loss", patience=3)
    losses = iter([5.0, 3.0, 4.0, 2.0, 2.5, math.nan, 2.0, 9.0, 9.0, 9.0])
    weights = {}

    def validate() -> dict[str, float]:
        weights[len(weights)] = {name: value.clone() for name, value in training.model.state_dict().items()}
        return {"validation_loss": next(losses)}

    training = transformer_training(loop)
    training.validate = validate  # type: ignore[method-assign]
    training.run(tmp_path)
    assert [line["step"] for line in log(tmp_path)] == [2, 4, 6, 8, 10, 12, 14]
    kept = trained(tmp_path)
    assert kept.course["step"] == 8 and kept.course["validation_loss"] == 2.0
    assert same_weights(kept.weights, weights[3])
    again = transformer_training(loop)
    again.run(tmp_path)  # ended for good
    assert len(log(tmp_path)) == 7


def test_other_metrics_than_losses_are_better_when_higher(tmp_path: Path) -> None:
    assert replace(LOOP, keep_best="iou_balls").better(0.5, 0.4)
    assert not replace(LOOP, keep_best="iou_balls").better(0.4, 0.4)
    assert replace(LOOP, keep_best="validation_loss").better(0.3, 0.4)
    assert replace(LOOP, keep_best="validation_loss_text").better(0.3, 0.4)
    assert not replace(LOOP, keep_best="validation_loss").better(math.nan, None)
    with pytest.raises(UserError, match="--keep-best iou is not among what is validated: validation_loss"):
        transformer_training(replace(LOOP, keep_best="iou")).run(tmp_path)


@pytest.mark.parametrize(("name", "said"), [("loss", "the loss at"), ("gradient", "the norm of the gradients at")])
def test_what_is_no_number_stops_and_keeps_the_last_state(tmp_path: Path, name: str, said: str) -> None:
    training = transformer_training(replace(LOOP, ema=0.9))
    spoil(training, 10, name)
    with pytest.raises(UserError, match=rf"{said} step 10 is (nan|inf); the last good state is .*last\.pt"):
        training.run(tmp_path)
    saved = torch.load(tmp_path / "last.pt", weights_only=True)
    assert saved["done"] == 8
    assert all(value.isfinite().all() for value in saved["state"]["model"].values())
    assert not (tmp_path / "log.jsonl").exists()


def test_no_number_before_the_first_save_is_told_as_that(tmp_path: Path) -> None:
    training = transformer_training()
    spoil(training, 2)
    with pytest.raises(UserError, match="at step 2 is nan; no state was saved before it"):
        training.run(tmp_path)


def test_a_line_of_the_log_says_what_a_curve_needs(tmp_path: Path) -> None:
    autoencoder_training().run(tmp_path)
    line = log(tmp_path)[-1]
    assert line["learning_rate"] == LOOP.rate(23)
    for name in ("loss", "occupancy", "commitment", "running_loss", "gradient_norm", "perplexity", "restarts"):
        assert math.isfinite(line[name]), name
    assert "steps_per_second" in (tmp_path / "log.jsonl").read_text()


def test_blocks_computed_again_give_the_same_bits() -> None:
    gradients = []
    for again in (False, True):
        training = transformer_training(dropout=0.3)
        if again:
            recompute_blocks(training.model)
        torch.manual_seed(3)
        training.losses(0, training.batch(0), slice(0, 2))["loss"].backward()
        gradients.append({name: parameter.grad for name, parameter in training.model.named_parameters()})
    assert same_weights(*gradients)


def test_blocks_computed_again_keep_less() -> None:
    kept = []
    for again in (False, True):
        training = transformer_training()
        if again:
            recompute_blocks(training.model)
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, sizes=sizes: sizes.append(t.nbytes) or t, lambda t: t):
            training.losses(0, training.batch(0), slice(0, 2))
        kept.append(sum(sizes))
    assert kept[1] < kept[0] / 3


def test_a_model_without_blocks_cannot_be_computed_again(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="recompute is for the transformer"):
        autoencoder_training(execution=Execution(recompute=True)).run(tmp_path)
