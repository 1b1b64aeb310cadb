import json
import re
from dataclasses import replace
from math import prod
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from argus3d.checkpoint import from_released, released_names
from argus3d.checkpoint.released import CATEGORIES, categories
from argus3d.config import ArgusConfig
from argus3d.errors import UserError
from tests.argus3d.released_files import CONFIG, EMBEDDING, TIED, stage_1, stage_2, transformer_only

DATA = Path(__file__).parents[1] / "data"
STATE = stage_2()
NAMES = sorted(set(STATE) - {TIED})


def reference(stage: int) -> dict[str, tuple[int, ...]]:
    listed = json.loads((DATA / f"state_dict_stage{stage}.json").read_text())
    return {name: tuple(facts["shape"]) for name, facts in listed.items()}


def test_the_full_size_has_the_released_names_shapes_and_count() -> None:
    names = released_names(ArgusConfig.preset("huge"))
    assert names == reference(2)
    first = {name.removeprefix("vqvae_model."): shape for name, shape in names.items() if name.startswith("vqvae")}
    assert first == reference(1)
    assert sum(prod(shape) for name, shape in names.items() if name != TIED) == 3_670_362_821


@pytest.mark.parametrize(
    ("released", "ours"),
    [
        ("encoder.fc_pos.bias", "encoder.point_in.bias"),
        ("encoder.unet.up_convs.0.conv2.weight", "encoder.unet.up.0.convs.conv2.weight"),
        ("encoder.blocks.2.shortcut.weight", "encoder.blocks.2.shortcut.weight"),
        ("quantizer.encode_3plane_reso32.2.weight", "coupler.mix.2.weight"),
        ("quantizer.down.2.bias", "coupler.down.2.bias"),
        ("quantizer.project1.weight", "quantizer.to_code.weight"),
        ("quantizer.project2.weight", "quantizer.from_code.weight"),
        ("quantizer.quantizer.embedding.weight", "quantizer.codebook.weight"),
        ("quantizer.unet_after_quant.down_convs.1.conv1.weight", "uncoupler.unet.down.1.conv1.weight"),
        ("quantizer.unet_2d.up_convs.0.upconv.weight", "uncoupler.plane_unet.up.0.upconv.weight"),
        ("quantizer.unet_2d.conv_final.bias", "uncoupler.plane_unet.out.bias"),
        ("quantizer.up.1.weight", "uncoupler.up.1.weight"),
        ("quantizer.decode_3plane_reso256.4.weight", "uncoupler.split.4.weight"),
        ("decoder.fc_p.weight", "decoder.point_in.weight"),
        ("decoder.fc_c.1.weight", "decoder.features.1.weight"),
        ("decoder.fc_out.bias", "decoder.out.bias"),
    ],
)
def test_names_of_stage_1_go_where_they_belong_without_a_copy(released: str, ours: str) -> None:
    argus = from_released(STATE, CONFIG)
    assert argus.autoencoder.state_dict()[ours].data_ptr() == STATE[f"vqvae_model.{released}"].data_ptr()


@pytest.mark.parametrize("name", ["dec.ln2.bias", "emb.weight", "value_start", "blocks.1.attn.proj.weight"])
def test_names_of_stage_2_go_where_they_belong_without_a_copy(name: str) -> None:
    ours = from_released(STATE, CONFIG).transformer.state_dict()[name.replace("dec.", "head.")]
    assert ours.data_ptr() == STATE[f"transformer_model.{name}"].data_ptr()


def test_every_tensor_is_used_once() -> None:
    argus = from_released(STATE, CONFIG)
    used = [tensor.data_ptr() for stage in argus.stages.values() for tensor in stage.state_dict().values()]
    assert sorted(used) == sorted(STATE[name].data_ptr() for name in NAMES)


def test_a_part_makes_its_stage_and_the_other_is_absent() -> None:
    first, second = from_released(stage_1(STATE), CONFIG), from_released(transformer_only(STATE), CONFIG)
    assert not first.autoencoder.training and not second.transformer.training
    with pytest.raises(UserError, match="holds stage 1 only"):
        first.transformer  # noqa: B018
    with pytest.raises(UserError, match="holds stage 2 only"):
        second.autoencoder  # noqa: B018


def test_the_released_defaults() -> None:
    argus = from_released(STATE, CONFIG)
    assert (argus.threshold, argus.resolution, argus.categories) == (0.2, 128, ("class-00", "class-01", "class-02"))
    assert categories(55) == CATEGORIES and len(set(CATEGORIES)) == 55
    assert (CATEGORIES[0], CATEGORIES[18], CATEGORIES[36], CATEGORIES[54]) == ("plane", "chair", "bike", "washer")


def test_the_autoencoder_is_float32_and_the_transformer_as_it_came() -> None:
    argus = from_released({name: tensor.half() for name, tensor in STATE.items()}, CONFIG)
    assert argus.autoencoder.quantizer.codebook.weight.dtype == torch.float32
    assert argus.transformer.emb.weight.dtype == torch.float16


def short(name: str) -> str:
    return re.escape(name.split(".", 1)[1])


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(NAMES))
def test_any_missing_tensor_is_named(name: str) -> None:
    state = {key: tensor for key, tensor in STATE.items() if key != name}
    with pytest.raises(UserError, match=rf"{short(name)}"):
        from_released(state, CONFIG)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(NAMES))
def test_any_tensor_of_another_shape_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"the sizes ask for|instead of"):
        from_released(STATE | {name: torch.zeros(*STATE[name].shape, 2)}, CONFIG)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(NAMES), st.sampled_from([float("nan"), float("inf"), -float("inf")]))
def test_any_value_that_is_not_finite_is_named(name: str, value: float) -> None:
    broken = STATE[name].clone()
    broken.view(-1)[-1] = value
    changed = STATE | {name: broken} | ({TIED: broken} if name == EMBEDDING else {})
    with pytest.raises(UserError, match=rf"{short(name)} holds values that are not finite"):
        from_released(changed, CONFIG)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transformer_model.extra": torch.zeros(1)}, r"1 unknown \(the first: extra\)"),
        ({"vqvae_model.decoder.extra": torch.zeros(1)}, r"1 unknown \(the first: decoder.extra\)"),
        ({"extra": torch.zeros(1)}, "extra belongs to no stage"),
        ({"transformer_model.bias_value": torch.zeros(16, dtype=torch.int64)}, "bias_value is torch.int64"),
        ({TIED: torch.zeros(16, 16)}, r"z_value_dec.weight is not emb.weight"),
        ({"transformer_model.bias_value": torch.zeros(16, dtype=torch.float16)}, "mixes .*float16.*float32"),
    ],
)
def test_what_does_not_belong_is_refused(changes: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(UserError, match=message):
        from_released(STATE | changes, CONFIG)


def test_the_output_layer_may_be_absent_or_an_equal_copy() -> None:
    from_released({name: STATE[name] for name in NAMES}, CONFIG)
    from_released(STATE | {TIED: STATE[EMBEDDING].clone()}, CONFIG)


def test_other_sizes_are_told_by_name() -> None:
    asked = replace(CONFIG, transformer=replace(CONFIG.transformer, width=32, layers=5, positions=100))
    with pytest.raises(UserError, match="width 16 instead of 32, positions 64 instead of 100, layers 2 instead of 5"):
        from_released(STATE, asked)
    with pytest.raises(
        UserError, match=r"decoder_hidden 4 instead of 8, blocks 3 instead of 2; give its configuration"
    ):
        from_released(
            stage_1(STATE), replace(CONFIG, autoencoder=replace(CONFIG.autoencoder, decoder_hidden=8, blocks=2))
        )
