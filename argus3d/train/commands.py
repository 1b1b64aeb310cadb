"""`argus3d train autoencoder|transformer`."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from argus3d.commands import positive
from argus3d.config import ArgusConfig
from argus3d.data.prepared import PreparedData, PreparedShape
from argus3d.errors import UserError
from argus3d.train import transformer_command
from argus3d.train.autoencoder import AutoencoderRecipe, AutoencoderTraining
from argus3d.train.data import OccupancyData
from argus3d.train.options import add_options, augmentation, loop_config, shapes, start
from argus3d.train.processes import first
from argus3d.train.state import trained

VALIDATED = 60  # shapes of each split


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `train` and its two stages."""
    train = commands.add_parser("train", help="train one of the two stages")
    stages = train.add_subparsers(dest="stage", required=True)
    autoencoder = stages.add_parser("autoencoder", help="stage 1: shapes to tokens and back")
    autoencoder.set_defaults(run=train_autoencoder)
    add_options(autoencoder, steps=18000, batch=4, rate=1.5e-3)
    usual = AutoencoderRecipe()
    recipe = autoencoder.add_argument_group("stage 1")
    recipe.add_argument(
        "--queries", type=positive, default=usual.queries,
        help="uniform ones of a shape, and as many near its surface (default: %(default)s)",
    )  # fmt: skip
    recipe.add_argument(
        "--near-weight", type=float, default=usual.near_weight, metavar="W",
        help="what a query near the surface counts, where a uniform one counts 1 (default: %(default)s)",
    )  # fmt: skip
    recipe.add_argument(
        "--augmentation", metavar="JSON", help=f"settings other than {json.dumps(asdict(usual.augmentation))}"
    )
    transformer_command.add_parser(stages)


def train_autoencoder(arguments: argparse.Namespace) -> None:
    """Train stage 1 to its last step; the splits share the batches equally."""
    if arguments.parallel == "fsdp" or arguments.recompute:
        raise UserError("stage 1 fits every card: use --parallel ddp, and no --recompute.")
    usual = AutoencoderRecipe()
    recipe = replace(
        usual,
        queries=arguments.queries,
        near_weight=arguments.near_weight,
        augmentation=augmentation(arguments.augmentation, usual.augmentation),
    )
    config = loop_config(arguments)
    with start(arguments) as execution:
        data = PreparedData(arguments.root, arguments.source)
        groups = [OccupancyData(shapes(data, split, "train")) for split in arguments.split]
        validation = {split.stem: OccupancyData(_evenly(shapes(data, split, "val"))) for split in arguments.split}
        training = AutoencoderTraining(
            ArgusConfig.preset(arguments.preset).autoencoder, config, recipe,
            groups, [1 / len(groups)] * len(groups), validation, execution,
        )  # fmt: skip
        seconds = training.run(arguments.out)
        if first():
            print(json.dumps(trained(arguments.out).course | {"seconds": round(seconds)}))


def _evenly(shapes: Sequence[PreparedShape]) -> list[PreparedShape]:
    """At most `VALIDATED` shapes, evenly from all: their order is by class."""
    chosen = np.unique(np.linspace(0, len(shapes) - 1, VALIDATED).round().astype(int))
    return [shapes[index] for index in chosen]
