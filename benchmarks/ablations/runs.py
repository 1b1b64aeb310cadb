"""Training of what is compared, each run in a folder of its own beside what was measured of it.

An interrupted run goes on; one that was measured is read from its `measured.json`.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from argus3d.checkpoint import Argus
from argus3d.config import ArgusConfig, TransformerConfig
from argus3d.data.files import write_json
from argus3d.generator import ArgusGenerator, SamplingConfig
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from argus3d.train.autoencoder import AutoencoderTraining
from argus3d.train.loop import LoopConfig
from argus3d.train.state import trained
from argus3d.train.token_groups import GroupMaker, TokenGroup, Variants
from argus3d.train.training import flat
from argus3d.train.transformer import TransformerTraining
from benchmarks.ablations import measure
from benchmarks.ablations.shapes import Shapes
from benchmarks.ablations.studies import Stage1, Stage2
from eval.protocol import Protocol

Measured = dict[str, Any]


@dataclass(frozen=True)
class Budget:
    """What all runs are given alike.

    draw : how samples are made
    variants : encodings of a shape that stage 2 learns from: as it is, mirrored, then changed at random
    """

    autoencoder: LoopConfig
    transformer: LoopConfig
    draw: SamplingConfig
    variants: int = 2


@dataclass(frozen=True)
class Workshop:
    """Where runs are made; `protocol` is what their samples are measured by."""

    shapes: Shapes
    budget: Budget
    protocol: Protocol
    folder: Path

    def autoencoder(self, stage: Stage1, seed: int) -> Measured:
        """What is measured of stage 1, which is trained before unless it was."""
        loop = replace(self.budget.autoencoder, seed=seed)
        settings = {"loop": asdict(loop), "stage": asdict(stage), **self._common()}
        return _kept(self._of(stage, seed), settings, lambda folder: self._stage_1(stage, loop, folder))

    def transformer(self, stage: Stage2) -> Measured:
        """What is measured of stage 2, which is trained before unless it was, on the first seed of its stage 1."""
        first = self.autoencoder(stage.autoencoder, 0)
        settings = {
            "loop": asdict(self.budget.transformer), "stage": asdict(stage), **self._common(),
            "variants": self.budget.variants, "draw": asdict(self.budget.draw), "protocol": self.protocol.hash,
        }  # fmt: skip
        place = self.folder / f"{stage.name}-stage-2"
        return _kept(place, settings, lambda folder: self._stage_2(stage, first["threshold"], folder))

    def _common(self) -> dict[str, Any]:
        return {"shapes": [[source.name, len(source.train), len(source.val)] for source in self.shapes.sources]}

    def _of(self, stage: Stage1, seed: int) -> Path:
        return self.folder / f"{stage.name}-seed-{seed}"

    def _stage_1(self, stage: Stage1, loop: LoopConfig, folder: Path) -> Measured:
        groups = self.shapes.train(stage.share)
        equal = [1 / len(groups)] * len(groups)
        training = AutoencoderTraining(stage.config, loop, stage.recipe, groups, equal, self.shapes.watched())
        seconds = training.run(folder)
        model = _autoencoder(stage, folder)
        measured = measure.reconstructions(model, self.shapes.val(), loop.bfloat16)
        sizes = {"tokens": stage.config.tokens, "parameters": _parameters(model)}
        return measured | sizes | {"seconds": seconds, "training_shapes": sum(map(len, groups))}

    def _stage_2(self, stage: Stage2, threshold: float, folder: Path) -> Measured:
        loop, classes = self.budget.transformer, self.shapes.classes
        autoencoder = _autoencoder(stage.autoencoder, self._of(stage.autoencoder, 0))
        tokens, vocabulary = stage.autoencoder.config.tokens, stage.autoencoder.config.codebook_size
        config = TransformerConfig(
            stage.width, stage.layers, stage.heads, vocabulary, tokens, len(classes), tokens, 0.0, droppable=True
        )
        maker = GroupMaker(autoencoder, classes, (), loop.seed, folder)
        train, val = self._groups(maker, stage.share)
        training = TransformerTraining(config, loop, train, val, autoencoder)
        seconds = training.run(folder)
        transformer = ShapeTransformer(config)
        transformer.load_state_dict(trained(folder).weights)
        argus = Argus(
            ArgusConfig(stage.autoencoder.config, config), autoencoder, transformer.eval(), classes, threshold
        )
        found = measure.samples(ArgusGenerator(argus), self.shapes.asked(), self.budget.draw, self.protocol)
        return found | {
            "seconds": seconds,
            "validation_loss": measure.losses(transformer, val), "train_loss": measure.losses(transformer, train),
            "tokens": tokens, "parameters": _parameters(transformer), "training_shapes": sum(map(len, train)),
        }  # fmt: skip

    def _groups(self, maker: GroupMaker, share: float) -> tuple[list[TokenGroup], list[TokenGroup]]:
        """What stage 2 learns from, and what it is validated on."""
        train, val = Variants(self.budget.variants), Variants(1)
        sources = self.shapes.generated
        return (
            [maker.group(f"{source.name}-train", source.share(share), train, 1.0) for source in sources],
            [maker.group(f"{source.name}-val", source.val, val, 1.0) for source in sources],
        )


def _kept(folder: Path, settings: dict[str, Any], make: Callable[[Path], Measured]) -> Measured:
    """What `measured.json` of a folder says if it is of these settings, else what `make` finds."""
    path, known = folder / "measured.json", json.loads(json.dumps(flat(settings)))
    if path.exists():
        content = json.loads(path.read_text())
        if content["settings"] == known:
            return dict(content["measured"])
    measured = make(folder)
    write_json(path, {"settings": known, "measured": measured})
    return measured


def _autoencoder(stage: Stage1, folder: Path) -> ShapeAutoencoder:
    model = ShapeAutoencoder(stage.config)
    model.load_state_dict(trained(folder).weights)
    return model.eval()


def _parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
