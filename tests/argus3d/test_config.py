import json
from dataclasses import asdict

import pytest

from argus3d.config import ArgusConfig, AutoencoderConfig, TransformerConfig
from argus3d.errors import UserError


@pytest.mark.parametrize("name", ["nano", "base", "large", "huge"])
def test_presets_survive_json(name: str) -> None:
    config = ArgusConfig.preset(name)
    assert ArgusConfig.from_json(config.to_json()) == config


def test_huge_is_the_released_model() -> None:
    config = ArgusConfig.preset("huge")
    assert config.autoencoder == AutoencoderConfig(256, 32, 32, 32, 4, 32, 512, 8192, 4, 0.4, 5, 0.1, 3)
    assert config.transformer == TransformerConfig(3072, 32, 24, 8192, 1024, 55, 1024)


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'giant'.*nano, base, large, huge"):
        ArgusConfig.preset("giant")


def test_unknown_and_missing_keys_are_refused() -> None:
    values = asdict(ArgusConfig.preset("nano"))
    values["transformer"]["depth"] = values["transformer"].pop("layers")
    with pytest.raises(UserError, match=r"unknown keys \['depth'\], missing keys \['layers'\]"):
        ArgusConfig.from_json(json.dumps(values))


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(UserError, match="plane_resolution 20 must be divisible by 16"):
        AutoencoderConfig(20, 4, 4, 4, 3, 4, 8, 16, 2, 0.4, 3, 0.1, 2)
    with pytest.raises(UserError, match="width 10 must be divisible by heads 3"):
        TransformerConfig(10, 1, 3, 16, 4, 1, 4)
    with pytest.raises(UserError, match="tokens 5 must not exceed positions 4"):
        TransformerConfig(8, 1, 2, 16, 5, 1, 4)


def test_stages_must_agree() -> None:
    nano, base = ArgusConfig.preset("nano"), ArgusConfig.preset("base")
    with pytest.raises(UserError, match="writes 400 tokens, the transformer 1024"):
        ArgusConfig(nano.autoencoder, base.transformer)
