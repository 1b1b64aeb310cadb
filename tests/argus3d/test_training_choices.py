"""Stage 1 of every representation, and with codes that move by gradients."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from argus3d.errors import UserError
from argus3d.train.autoencoder import AutoencoderRecipe, AutoencoderTraining
from argus3d.train.loop import LoopConfig
from argus3d.train.state import trained
from tests.argus3d.sizes import LEARNER
from tests.argus3d.trainings import LOOP, RECIPE, Interrupted, balls, interrupt, log, same_weights

GRADIENT = replace(RECIPE, codebook="gradient", commitment=1.0)
SHORT = replace(LOOP, steps=8, validate_every=8, save_every=4)


def training(
    representation: str = "coupled", recipe: AutoencoderRecipe = RECIPE, loop: LoopConfig = SHORT
) -> AutoencoderTraining:
    config = replace(LEARNER, representation=representation)
    return AutoencoderTraining(config, loop, recipe, [balls()], [1.0], {"balls": balls()})


@pytest.mark.parametrize("representation", ["triplane", "grid"])
def test_all_representations_train_and_resume_exactly(representation: str, tmp_path: Path) -> None:
    training(representation).run(tmp_path / "whole")
    broken = training(representation)
    interrupt(broken, 6)
    with pytest.raises(Interrupted):
        broken.run(tmp_path / "broken")
    training(representation).run(tmp_path / "broken")
    weights = [trained(tmp_path / name).weights for name in ("whole", "broken")]
    assert same_weights(*weights) and log(tmp_path / "whole") == log(tmp_path / "broken")
    assert 0 <= log(tmp_path / "whole")[-1]["iou_balls"] <= 1


@pytest.mark.parametrize("representation", ["triplane", "grid"])
def test_all_representations_learn(representation: str, tmp_path: Path) -> None:
    loop = replace(LOOP, steps=150, batch=4, learning_rate=3e-3, validate_every=10, save_every=150)
    training(representation, replace(RECIPE, unquantized_steps=100), loop).run(tmp_path)
    course = [line["iou_balls"] for line in log(tmp_path)]
    assert course[-1] > course[0] + 0.1


def test_the_gradient_of_codes_is_that_of_their_term_times_its_weight() -> None:
    one = training(recipe=replace(GRADIENT, unquantized_steps=0))
    weight = one.model.quantizer.codebook.weight
    torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(0))
    batch = one.batch(0)
    one.losses(0, batch, slice(0, 2))["loss"].backward()
    codes = one.model.codes(batch.points).detach()
    fresh = weight.detach().clone().requires_grad_()
    F.mse_loss(fresh[one.model.quantizer.nearest(codes)], codes).backward()
    assert weight.grad is not None and fresh.grad is not None
    torch.testing.assert_close(weight.grad, one.model.config.codebook_weight * fresh.grad)


def test_weights_of_both_terms_are_in_the_loss() -> None:
    one = training(recipe=replace(GRADIENT, unquantized_steps=0))
    found = one.losses(0, one.batch(0), slice(0, 2))
    # Both terms are one number: its gradient goes to the codes by one of them, to the latents by the other.
    both = 1.0 + one.model.config.codebook_weight
    torch.testing.assert_close(found["loss"], found["occupancy"] + both * found["commitment"])


def test_codes_move_by_gradient_and_are_not_restarted(tmp_path: Path) -> None:
    one = training(recipe=GRADIENT)
    one.run(tmp_path)
    assert one.codebook.restarts == 0 and 1 <= one.report()["perplexity"] <= 16
    weights = trained(tmp_path).weights["quantizer.codebook.weight"]
    assert not torch.equal(weights, one.codebook.total)  # as it started
    again = training(recipe=GRADIENT)
    again.run(tmp_path)  # nothing is left to do
    assert same_weights(trained(tmp_path).weights, one.model.state_dict())


def test_a_codebook_without_a_start_is_used_as_it_was_made() -> None:
    one = training(recipe=replace(RECIPE, unquantized_steps=0))
    made = one.model.quantizer.codebook.weight.clone()
    one.losses(0, one.batch(0), slice(0, 2))
    assert torch.equal(one.model.quantizer.codebook.weight, made)


def test_another_way_to_move_codes_is_another_run(tmp_path: Path) -> None:
    training().run(tmp_path)
    with pytest.raises(UserError, match=r"recipe.codebook was averages and is gradient"):
        training(recipe=replace(RECIPE, codebook="gradient")).run(tmp_path)
    with pytest.raises(UserError, match="codebook 'frozen' is not known; it is averages or gradient"):
        replace(RECIPE, codebook="frozen")


def test_a_run_from_before_there_was_a_choice_goes_on(tmp_path: Path) -> None:
    broken = training()
    interrupt(broken, 6)
    with pytest.raises(Interrupted):
        broken.run(tmp_path)
    saved = torch.load(tmp_path / "last.pt", weights_only=True)
    for name in ("recipe.codebook", "model.representation"):
        del saved["training"][name]
    torch.save(saved, tmp_path / "last.pt")
    with pytest.raises(UserError, match=r"model.representation was coupled and is grid"):
        training("grid").run(tmp_path)
    training().run(tmp_path)
    assert trained(tmp_path).course["step"] == 8
