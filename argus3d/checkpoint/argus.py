"""Both stages of the model together, and what is needed to use them."""

from collections.abc import Mapping
from typing import Any

import torch

from argus3d.config import ArgusConfig
from argus3d.data.files import is_name
from argus3d.errors import UserError
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer

STAGES = ("autoencoder", "transformer")


class Argus:
    """Stage 1 and stage 2. A released file may hold one of them only: the other is absent, never random.

    categories : names of the classes, in the order of their indices
    threshold : occupancy probability of the surface, tuned on validation shapes
    training : how it was trained: data, command, seed, seconds, losses
    resolution : cells along a side of a mesh, unless others are asked for
    """

    def __init__(
        self,
        config: ArgusConfig,
        autoencoder: ShapeAutoencoder | None,
        transformer: ShapeTransformer | None,
        categories: tuple[str, ...],
        threshold: float,
        training: Mapping[str, Any] | None = None,
        resolution: int = 64,
    ) -> None:
        self.config, self.categories, self.threshold, self.resolution = config, categories, threshold, resolution
        self.training: Mapping[str, Any] = training or {}
        self.stages: dict[str, ShapeAutoencoder | ShapeTransformer] = {}
        if autoencoder is not None:
            self.stages["autoencoder"] = autoencoder
        if transformer is not None:
            self.stages["transformer"] = transformer

    @property
    def autoencoder(self) -> ShapeAutoencoder:
        """Stage 1. Raises: UserError when it is absent."""
        stage = self.stages.get("autoencoder")
        if not isinstance(stage, ShapeAutoencoder):
            raise UserError("this model holds stage 2 only; give a state dict that holds stage 1 too.")
        return stage

    @property
    def transformer(self) -> ShapeTransformer:
        """Stage 2. Raises: UserError when it is absent."""
        stage = self.stages.get("transformer")
        if not isinstance(stage, ShapeTransformer):
            raise UserError("this model holds stage 1 only; give a state dict that holds stage 2 too.")
        return stage


def class_names(given: object, classes: int) -> tuple[str, ...]:
    """Names of classes as a file gives them. Samples are called by them, so that each must be a file's name.

    Raises: UserError for anything but a list of `classes` different names
    """
    if not isinstance(given, list) or not all(map(is_name, given)):
        raise UserError("categories are no list of names that files can have; copy the checkpoint again.")
    if len(given) != classes or len(set(given)) != classes:
        raise UserError(f"it names {len(set(given))} categories, but has {classes} classes; copy the checkpoint again.")
    return tuple(given)


def empty_stages(config: ArgusConfig) -> tuple[ShapeAutoencoder, ShapeTransformer]:
    """Both stages on the meta device: names and shapes without memory."""
    with torch.device("meta"):
        return ShapeAutoencoder(config.autoencoder), ShapeTransformer(config.transformer)
