"""A checkpoint of the smallest sizes that takes every kind of condition, and toys in the place of its encoders."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from argus3d import checkpoint
from argus3d.checkpoint import Argus
from argus3d.config import ArgusConfig, ConditionConfig
from argus3d.data.prepare import prepare
from argus3d.data.prepare_views import prepare_views
from argus3d.data.splits import ids_sha256
from argus3d.encoders import Encoded
from argus3d.encoders.interface import checked_text
from argus3d.engine import local
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from tests.argus3d.balls import SMALL, BallCatalogue
from tests.argus3d.sizes import AUTOENCODER, CLASSES, TRANSFORMER

TEXT = ConditionConfig("text", "minilm-sentence", 5, 1)
IMAGE = ConditionConfig("image", "efficientnet-lite0-patches", 7, 4)


@dataclass(frozen=True)
class ToyEncoder:
    """Random features of a stream of each text's or image's own."""

    name: str
    features: int
    length: int
    sha256: str = "5" * 64

    def encode(self, things: Sequence[str] | Sequence[NDArray[np.uint8]]) -> Encoded:
        for thing in things:
            if isinstance(thing, str):
                checked_text(thing, len(thing.split()), 20, self.name)
        contents = [thing.encode() if isinstance(thing, str) else thing.tobytes() for thing in things]
        streams = [np.random.default_rng(list(hashlib.sha256(content).digest())) for content in contents]
        rows = [stream.standard_normal((self.length, self.features)) for stream in streams]
        values = torch.tensor(np.array(rows), dtype=torch.float32).reshape(-1, self.length, self.features)
        return Encoded(values, torch.ones(values.shape[:2], dtype=torch.bool))


def use_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let checkpoints be guided by toys."""
    for kind, config in {"text": TEXT, "image": IMAGE}.items():
        toy = ToyEncoder(config.encoder, config.features, config.length)
        monkeypatch.setattr(f"argus3d.prompts.{kind}_encoder", lambda name, device, toy=toy: toy)


def write_guided(folder: Path, conditions: Sequence[ConditionConfig] | None = None) -> Path:
    """A checkpoint of random weights that takes all conditions, or some, and none."""
    torch.manual_seed(3)
    taken = (TEXT, IMAGE, AUTOENCODER.part_condition) if conditions is None else tuple(conditions)
    config = ArgusConfig(AUTOENCODER, replace(TRANSFORMER, conditions=taken, droppable=True))
    autoencoder, transformer = ShapeAutoencoder(config.autoencoder), ShapeTransformer(config.transformer)
    for parameter in [*autoencoder.parameters(), *transformer.parameters()]:
        torch.nn.init.normal_(parameter, std=0.3)
    for parameter in transformer.conditions.parameters():
        torch.nn.init.normal_(parameter, std=3)  # so that they are heard
    checkpoint.save(Argus(config, autoencoder, transformer, CLASSES, 0.5, resolution=12), folder)
    return folder


def write_balls(folder: Path, count: int = 4, views: bool = True) -> Path:
    """Prepared balls under `folder` / data; returns the split file of all of them."""
    catalogue = BallCatalogue(count)
    prepare(catalogue, folder / "data", SMALL, local(1))
    if views:
        prepare_views(catalogue, folder / "data", engine=local(1))
    ids = [item.id for item in catalogue.items()]
    split = folder / "balls-v1.json"
    split.write_text(json.dumps({"parts": {"test": {"ids": ids, "sha256": ids_sha256(ids)}}}))
    return split
