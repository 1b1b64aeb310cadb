"""`argus3d train autoencoder|transformer`."""

import argparse
import json
import shlex
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from argus3d import checkpoint
from argus3d.commands import positive
from argus3d.config import ArgusConfig
from argus3d.data.prepared import PreparedData, PreparedShape
from argus3d.errors import UserError
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from argus3d.train.autoencoder import AutoencoderRecipe, AutoencoderTraining
from argus3d.train.data import OccupancyData
from argus3d.train.options import add_options, augmentation, loop_config, shapes, start
from argus3d.train.processes import first, first_before_others
from argus3d.train.state import trained
from argus3d.train.transformer import TokenData, TransformerTraining, Variants, encode_shapes


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
    transformer = stages.add_parser("transformer", help="stage 2: tokens from a class; writes the checkpoint of both")
    transformer.set_defaults(run=train_transformer)
    add_options(transformer, steps=10000, batch=8, rate=1e-3)
    transformer.add_argument("--autoencoder", type=Path, required=True, help="the --out folder of stage 1")
    transformer.add_argument("--classes", required=True, help="class names with commas; their order is their index")
    transformer.add_argument(
        "--variants", type=int, action="append", default=[], metavar="K",
        help="for each --split: augmented encodings of a shape (default: 4)",
    )  # fmt: skip
    transformer.add_argument(
        "--weight", type=float, action="append", default=[], metavar="W",
        help="for each --split: how often a shape is drawn, relative (default: 1)",
    )  # fmt: skip
    transformer.add_argument("--checkpoint", type=Path, required=True, help="folder for the finished checkpoint")


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
        validation = {split.stem: OccupancyData(shapes(data, split, "val")[:60]) for split in arguments.split}
        training = AutoencoderTraining(
            ArgusConfig.preset(arguments.preset).autoencoder, config, recipe,
            groups, [1 / len(groups)] * len(groups), validation, execution,
        )  # fmt: skip
        seconds = training.run(arguments.out)
        if first():
            print(json.dumps(trained(arguments.out).course | {"seconds": round(seconds)}))


def train_transformer(arguments: argparse.Namespace) -> None:
    """Train stage 2 on the tokens of a trained stage 1 and write the checkpoint of both."""
    config = ArgusConfig.preset(arguments.preset)
    classes = tuple(arguments.classes.split(","))
    config = replace(config, transformer=replace(config.transformer, classes=len(classes)))
    loop = loop_config(arguments)
    with start(arguments) as execution:
        autoencoder = ShapeAutoencoder(config.autoencoder)
        autoencoder.load_state_dict(trained(arguments.autoencoder).weights)
        with first_before_others():
            train, validation = _token_data(arguments, autoencoder.eval().to(execution.device), classes)
        training = TransformerTraining(config.transformer, loop, train, validation, execution)
        seconds = training.run(arguments.out)
        if first():
            _write_checkpoint(arguments, config, autoencoder.cpu(), classes)
            print(json.dumps(trained(arguments.out).course | {"seconds": round(seconds)}))


def _token_data(
    arguments: argparse.Namespace, autoencoder: ShapeAutoencoder, classes: tuple[str, ...]
) -> tuple[TokenData, TokenData]:
    data = PreparedData(arguments.root, arguments.source)
    parts: dict[str, list[TokenData]] = {"train": [], "val": []}
    for index, split in enumerate(arguments.split):
        variants = Variants(arguments.variants[index] if index < len(arguments.variants) else 4)
        weight = arguments.weight[index] if index < len(arguments.weight) else 1.0
        for part, rows in parts.items():
            found = [shape for shape in shapes(data, split, part) if shape.category in classes]
            cache = arguments.out / f"tokens-{split.stem}-{part}.npy"
            kind = variants if part == "train" else Variants(1)
            rows.append(_rows(encode_shapes(autoencoder, found, kind, arguments.seed, cache), found, classes, weight))
    return TokenData.join(parts["train"]), TokenData.join(parts["val"])


def _write_checkpoint(
    arguments: argparse.Namespace, config: ArgusConfig, autoencoder: ShapeAutoencoder, classes: tuple[str, ...]
) -> None:
    weights, course = trained(arguments.out)
    transformer = ShapeTransformer(config.transformer)
    transformer.load_state_dict(weights)
    stages = {"autoencoder": trained(arguments.autoencoder).course, "transformer": course}
    about = {
        "command": shlex.join(["argus3d", *sys.argv[1:]]),
        "seed": arguments.seed,
        "data": [split.stem for split in arguments.split],
        "stages": stages,
        "machine": f"{torch.get_num_threads()} CPU threads" if arguments.device == "cpu" else arguments.device,
    }
    threshold = float(stages["autoencoder"]["threshold"])
    checkpoint.save(
        checkpoint.Argus(config, autoencoder, transformer, classes, threshold, about), arguments.checkpoint
    )


def _rows(tokens: np.ndarray, shapes: list[PreparedShape], classes: tuple[str, ...], weight: float) -> TokenData:
    """Tokens (S, K, T) of shapes as S * K rows that share each shape's weight."""
    count = tokens.shape[1]
    index = np.array([classes.index(shape.category) for shape in shapes], np.int64)
    weights = np.full(len(index) * count, weight / count)
    return TokenData(tokens.reshape(-1, tokens.shape[2]), index.repeat(count), weights)

