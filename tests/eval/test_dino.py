"""DINOv2 from a cache of models: a tiny one of random weights stands in for it."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from argus3d.encoders.images import letterboxed
from argus3d.errors import UserError
from eval import dino
from eval.view_features import ENCODERS, ViewFeatures

transformers = pytest.importorskip("transformers", reason="DINOv2 comes with the extra argus3d[text]")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def write(cache: Path) -> Path:
    """The layout of the hub's cache, with a network of one small layer; returns the folder of its files."""
    repository = cache / "models--facebook--dinov2-base"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    folder = repository / "snapshots" / ("0" * 40)
    config = transformers.Dinov2Config(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14, mlp_ratio=1
    )
    torch.manual_seed(0)
    transformers.Dinov2Model(config).save_pretrained(folder)
    return folder


def pictures() -> list[np.ndarray]:
    return [np.random.default_rng(seed).integers(0, 256, (40, 30, 3), dtype=np.uint8) for seed in range(3)]


def test_it_gives_what_transformers_gives_one_picture_at_a_time(cache: Path) -> None:
    folder = write(cache)
    encoder = dino.Dino()
    every = encoder.encode(pictures())
    assert every.values.shape == (3, 1, 8) and bool(every.mask.all()) and encoder.features == 8
    assert torch.equal(encoder.encode(pictures()[1:2]).values[0], every.values[1])
    assert encoder.sha256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    net = transformers.Dinov2Model.from_pretrained(folder, local_files_only=True).eval()
    pixels = torch.from_numpy(letterboxed(pictures()[0], dino.SIDE) / np.float32(255))
    scaled = ((pixels - torch.tensor(dino.MEAN)) / torch.tensor(dino.DEVIATION)).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = net(scaled).pooler_output
    torch.testing.assert_close(every.values[0], expected)


def test_views_may_be_compared_by_it(cache: Path) -> None:
    write(cache)
    viewer = ViewFeatures.load(dino.NAME)
    assert viewer.encoder.name == dino.NAME and viewer.texts is None and dino.NAME in ENCODERS


def test_weights_that_were_never_fetched_are_named_with_what_to_do(cache: Path) -> None:
    with pytest.raises(UserError, match=r"hf download facebook/dinov2-base.*efficientnet-lite0-global"):
        dino.Dino()
    (write(cache) / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"not in this user's cache"):
        dino.Dino()
