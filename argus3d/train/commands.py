"""`argus3d train autoencoder|transformer|predict`."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from argus3d.arguments import positive
from argus3d.config import ArgusConfig
from argus3d.data.prepared import PreparedData, PreparedShape
from argus3d.errors import UserError
from argus3d.train import transformer_command
from argus3d.train.autoencoder import AutoencoderRecipe, AutoencoderTraining
from argus3d.train.data import OccupancyData
from argus3d.train.options import add_options, augmentation, loop_config, shapes, start
from argus3d.train.predict import Plan, autoencoder_step, transformer_step
from argus3d.train.processes import first
from argus3d.train.state import trained
from argus3d.train.training import PARALLEL

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
    predict = stages.add_parser("predict", help="memory and time of a step of both stages, on paper")
    predict.set_defaults(run=predict_steps)
    predict.add_argument("--preset", default="huge", help="sizes of the model (default: huge)")
    predict.add_argument("--batch-size", type=positive, default=16, help="rows of a step (default: %(default)s)")
    predict.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="what computes it (default: cuda)")
    predict.add_argument("--processes", type=positive, default=1, help="devices (default: 1)")
    predict.add_argument("--parallel", choices=PARALLEL, default="ddp", help="how they share the work (default: ddp)")
    predict.add_argument("--accumulate", type=positive, default=1, metavar="N", help="slices of a step (default: 1)")
    predict.add_argument("--recompute", action="store_true", help="stage 2 keeps the inputs of blocks alone")
    predict.add_argument("--ema", action="store_true", help="with a moving average of the weights")
    predict.add_argument(
        "--peak", type=float, default=989e12, metavar="FLOPS",
        help="operations a second of a device in bfloat16 (default: 989e12, an H100)",
    )  # fmt: skip
    predict.add_argument("--share", type=float, default=0.45, help="of the peak that is reached (default: 0.45)")


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


def predict_steps(arguments: argparse.Namespace) -> None:
    """Print what a step of each stage would take."""
    config, count = ArgusConfig.preset(arguments.preset), arguments.processes
    on_cpu = arguments.device == "cpu"
    plan = Plan(arguments.batch_size, count, arguments.accumulate, ema=arguments.ema, on_cpu=on_cpu)
    if plan.rows_at_once * count * arguments.accumulate != plan.rows:
        raise UserError(f"{plan.rows} rows cannot be cut into {count} x {arguments.accumulate} equal slices.")
    stage_2 = replace(plan, sharded=arguments.parallel == "fsdp", recompute=arguments.recompute)
    found = {
        "autoencoder": autoencoder_step(config.autoencoder, 2 * AutoencoderRecipe().queries, plan),
        "transformer": transformer_step(config.transformer, stage_2),
    }
    reached = arguments.share * arguments.peak
    print(json.dumps({name: one.told(reached, count) for name, one in found.items()}, indent=1))


def _evenly(shapes: Sequence[PreparedShape]) -> list[PreparedShape]:
    """At most `VALIDATED` shapes, evenly from all: their order is by class."""
    chosen = np.unique(np.linspace(0, len(shapes) - 1, VALIDATED).round().astype(int))
    return [shapes[index] for index in chosen]
