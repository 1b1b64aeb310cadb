"""What shapes are asked to be while stage 2 learns."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from argus3d.data.prepare import prepare
from argus3d.data.prepared import PreparedData
from argus3d.engine import local
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.conditions import NO_CLASS
from argus3d.train.caches import cached
from argus3d.train.token_batches import describe, stack_rows
from argus3d.train.token_groups import MIRRORED, PLAIN, GroupMaker, Variants
from argus3d.train.transformer import TransformerRecipe, TransformerTraining
from tests.argus3d.balls import SMALL, BallCatalogue
from tests.argus3d.sizes import AUTOENCODER
from tests.argus3d.trainings import LOOP, guided_group, guided_training, log


def test_a_step_is_decided_by_its_number() -> None:
    first, again = guided_training(), guided_training()
    for number in range(12):
        one, other = first.batch(number), again.batch(number)
        assert torch.equal(one.tokens, other.tokens) and torch.equal(one.category, other.category)
        for mine, theirs in ((one.texts, other.texts), (one.images, other.images), (one.parts, other.parts)):
            assert (mine is None) == (theirs is None)
            if mine is not None and theirs is not None:
                assert torch.equal(mine[0], theirs[0]) and torch.equal(mine[1], theirs[1])


def test_kinds_take_their_place_and_are_left_out_as_often_as_the_recipe_says() -> None:
    training = guided_training(replace(LOOP, batch=20), recipe=TransformerRecipe(kind=0.4, nothing=0.2, no_class=0.5))
    batches = [training.batch(number) for number in range(300)]
    for kind in ("texts", "images", "parts"):
        there = [getattr(batch, kind) for batch in batches if getattr(batch, kind) is not None]
        assert 0.3 < len(there) / 300 < 0.5
        given = np.mean([mask.reshape(20, -1)[:, 0].float().mean().item() for _, mask in there])
        assert given == pytest.approx(0.8, abs=0.03), kind
    alone = torch.cat([b.category for b in batches if b.texts is None and b.images is None and b.parts is None])
    company = torch.cat([b.category for b in batches if b.texts is not None])
    assert (alone == NO_CLASS).float().mean() == pytest.approx(0.2, abs=0.05)
    assert (company == NO_CLASS).float().mean() == pytest.approx(0.2 + 0.8 * 0.5, abs=0.05)


def test_a_row_without_anything_has_no_kind_of_condition() -> None:
    training = guided_training(replace(LOOP, batch=20), recipe=TransformerRecipe(kind=1, nothing=0.5))
    batch = training.batch(0)
    assert batch.texts is not None and batch.images is not None and batch.parts is not None
    given = torch.stack([batch.texts.mask[:, 0], batch.images.mask[:, 0], batch.parts[1]])
    assert torch.equal(given[0], given[1]) and torch.equal(given[0], given[2])
    assert 2 < given[0].sum() < 18
    assert (batch.category[~given[0]] == NO_CLASS).all()
    assert (batch.texts.values[~given[0]] == 0).all(), "nothing of a text may leak where none is given"


def test_pictures_are_of_the_variant_whose_tokens_are_learned() -> None:
    group = guided_group(variants=5)
    marked = replace(group, tokens=np.arange(5, dtype=np.int16)[None, :, None].repeat(4, 0).repeat(64, 2))
    training = guided_training(replace(LOOP, batch=50), [marked], TransformerRecipe(kind=1, nothing=0))
    batch = training.batch(3)
    assert batch.images is not None and marked.images is not None
    assert set(batch.tokens[:, 0].tolist()) == {PLAIN, MIRRORED}
    for variant, values in zip(batch.tokens[:, 0].tolist(), batch.images.values, strict=True):
        own = marked.images[:, variant].reshape(-1, *values.shape)
        assert any(np.array_equal(values.numpy(), picture.astype(np.float32)) for picture in own)


def test_shapes_without_pictures_are_learned_from_without_them() -> None:
    training = guided_training(LOOP, [guided_group(images=False)], TransformerRecipe(kind=1, nothing=0))
    batch = training.batch(0)
    assert batch.images is not None and not batch.images.mask.any()
    assert "validation_loss_image" not in training.validate()


def test_what_a_kind_gains_is_counted_over_the_groups_that_have_it() -> None:
    pictured, bare = guided_group(), guided_group(shapes=3, images=False)
    bare = replace(bare, tokens=np.zeros_like(bare.tokens))
    alone, beside = (guided_training(LOOP, groups).validate() for groups in ([pictured], [pictured, bare]))
    assert alone["validation_gain_image"] == beside["validation_gain_image"] != 0
    for kind in ("image", "text", "part"):
        gain = alone["validation_loss_nothing"] - alone[f"validation_loss_{kind}"]
        assert alone[f"validation_gain_{kind}"] == pytest.approx(gain, abs=2e-5)
    assert beside["validation_loss_nothing"] != pytest.approx(alone["validation_loss_nothing"], abs=1e-3)


def test_a_part_is_of_the_variant_that_it_comes_with() -> None:
    group = guided_group()
    assert group.clouds is not None and group.matrices is not None
    for variant in range(3):
        row = describe(group, 1, variant, 0, ("part",), ("part",), 0.5, np.random.default_rng(variant))
        whole = group.clouds[1].astype(np.float64) @ group.matrices[1, variant]
        whole /= np.ptp(whole, axis=0).max()
        assert row.part is not None and row.part.shape == (32, 3)
        near = np.abs(row.part[:, None] - whole[None]).max(2).min(1)
        assert near.max() < 1e-6


def test_each_kind_tells_which_shape_it_is(tmp_path: Path) -> None:
    group = guided_group()
    training = guided_training(replace(LOOP, batch=8, steps=600, learning_rate=5e-3, validate_every=600), [group])
    training.run(tmp_path)

    def surprise(*kinds: str) -> float:
        """Mean loss of the first token, which only conditions tell."""
        rng = np.random.default_rng(0)
        rows = [describe(group, shape, PLAIN, NO_CLASS, kinds, kinds, 0, rng) for shape in range(4)]
        batch = stack_rows(rows, training.model.config)
        with torch.no_grad():
            logits = training.model(batch.tokens, training.conditions(batch))[:, 0]
        return float(torch.nn.functional.cross_entropy(logits, batch.tokens[:, 0]))

    nothing = surprise()
    assert nothing > 1, "four shapes that are equally likely"
    for kind in ("text", "image", "part"):
        assert surprise(kind) < nothing / 2, kind
    assert log(tmp_path)[-1].keys() >= {f"validation_loss{end}" for end in ("", "_nothing", "_text", "_image", "_part")}


def test_slices_of_a_batch_give_its_loss() -> None:
    training = guided_training(replace(LOOP, batch=4), recipe=TransformerRecipe(kind=1))
    batch = training.batch(2)
    whole = training.losses(2, batch, slice(0, 4))["loss"]
    halves = [training.losses(2, batch, rows)["loss"] for rows in (slice(0, 2), slice(2, 4))]
    torch.testing.assert_close(torch.stack(halves).mean(), whole)


@pytest.fixture(scope="module")
def balls(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    root = tmp_path_factory.mktemp("data")
    prepare(BallCatalogue(), root, SMALL, engine=local(1))
    return PreparedData(root, ["balls"])


def maker(folder: Path, seed: int = 0) -> GroupMaker:
    torch.manual_seed(seed)
    model = ShapeAutoencoder(AUTOENCODER).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return GroupMaker(model, ("lamp", "table"), (AUTOENCODER.part_condition,), 0, folder)


def test_a_group_holds_variants_classes_and_what_conditions_need(balls: PreparedData, tmp_path: Path) -> None:
    shapes = list(balls.shapes.values())
    group = maker(tmp_path).group("balls-train", shapes, Variants(3), 2.0)
    assert group.tokens.shape == (6, 3, 64) and group.tokens.dtype == np.int16
    assert group.classes.tolist() == [NO_CLASS, 0] * 3, "chairs are of no class here"
    assert group.clouds is not None and [group.clouds[shape].shape for shape in range(6)] == [(64, 3)] * 6
    assert group.matrices is not None
    assert np.array_equal(group.matrices[:, PLAIN], np.eye(3)[None].repeat(6, 0))
    assert np.array_equal(group.matrices[:, MIRRORED], np.diag([-1.0, 1, 1])[None].repeat(6, 0))
    assert len(np.unique(group.matrices[:, 2], axis=0)) > 3
    assert group.texts is None and group.images is None


def test_tokens_are_made_once_and_anew_for_another_autoencoder(
    balls: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = list(balls.shapes.values())
    first = maker(tmp_path).group("balls", shapes, Variants(2), 1.0).tokens
    other = maker(tmp_path, seed=1).group("balls", shapes, Variants(2), 1.0).tokens
    fewer = maker(tmp_path).group("balls", shapes[:4], Variants(2), 1.0).tokens
    assert not np.array_equal(first, other) and np.array_equal(first[:4], fewer)
    assert len(list(tmp_path.glob("tokens-balls-*.npy"))) == 3

    def fail(self: ShapeAutoencoder, points: torch.Tensor) -> torch.Tensor:
        raise AssertionError("encoded again")

    monkeypatch.setattr(ShapeAutoencoder, "encode", fail)
    assert np.array_equal(maker(tmp_path).group("balls", shapes, Variants(2), 1.0).tokens, first)


def test_a_cache_that_was_interrupted_is_made_again(tmp_path: Path) -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield np.ones(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached(tmp_path, "rows", {"seed": 1}, (2, 2), np.float32, broken)
    assert not list(tmp_path.glob("rows-*.npy"))
    found = cached(tmp_path, "rows", {"seed": 1}, (2, 2), np.float32, lambda: iter([np.ones(2), np.zeros(2)]))
    assert found.tolist() == [[1, 1], [0, 0]] and not found.flags.writeable


def test_settings_name_what_must_agree(tmp_path: Path) -> None:
    guided_training().run(tmp_path)
    other: TransformerTraining = guided_training(recipe=TransformerRecipe(kind=0.9))
    with pytest.raises(Exception, match=r"recipe\.kind was 0\.25 and is 0\.9"):
        other.run(tmp_path)
