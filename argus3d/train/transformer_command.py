"""`argus3d train transformer`."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from argus3d import checkpoint
from argus3d.config import ArgusConfig, ConditionConfig
from argus3d.data.prepared import PreparedData
from argus3d.encoders import IMAGE_ENCODERS, TEXT_ENCODERS, image_encoder, text_encoder
from argus3d.errors import UserError
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from argus3d.train.options import add_options, loop_config, shapes, start
from argus3d.train.processes import first, first_before_others
from argus3d.train.state import trained
from argus3d.train.token_groups import GroupMaker, TokenGroup, Variants
from argus3d.train.transformer import TransformerTraining


def add_parser(stages: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `train transformer`."""
    parser = stages.add_parser("transformer", help="stage 2: tokens from conditions; writes the checkpoint of both")
    parser.set_defaults(run=run)
    add_options(parser, steps=10000, batch=8, rate=1e-3)
    parser.add_argument("--autoencoder", type=Path, required=True, help="the --out folder of stage 1")
    parser.add_argument(
        "--classes", required=True,
        help="class names with commas; their order is their index. Shapes of other categories are of no class",
    )  # fmt: skip
    parser.add_argument(
        "--text", choices=TEXT_ENCODERS, help="learn to follow texts: the captions, as this encoder sees them"
    )
    parser.add_argument(
        "--image", choices=IMAGE_ENCODERS, help="learn to follow pictures, of `argus3d data prepare --views`"
    )
    parser.add_argument("--part", action="store_true", help="learn to complete parts of clouds")
    parser.add_argument(
        "--variants", type=int, action="append", default=[], metavar="K",
        help="for each --split: augmented encodings of a shape (default: 4)",
    )  # fmt: skip
    parser.add_argument(
        "--weight", type=float, action="append", default=[], metavar="W",
        help="for each --split: how often a shape is drawn, relative (default: 1)",
    )  # fmt: skip
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder for the finished checkpoint")


def run(arguments: argparse.Namespace) -> None:
    """Train stage 2 on the tokens of a trained stage 1 and write the checkpoint of both."""
    classes = tuple(arguments.classes.split(","))
    if len(set(classes)) < len(classes):
        raise UserError("--classes names a class twice.")
    config = _config(arguments, len(classes))
    loop = loop_config(arguments)
    with start(arguments) as execution:
        autoencoder = ShapeAutoencoder(config.autoencoder)
        autoencoder.load_state_dict(trained(arguments.autoencoder).weights)
        autoencoder = autoencoder.eval().to(execution.device)
        maker = GroupMaker(autoencoder, classes, config.transformer.conditions, arguments.seed, arguments.out)
        with first_before_others():
            train, validation = _groups(arguments, maker)
        training = TransformerTraining(config.transformer, loop, train, validation, autoencoder, execution=execution)
        seconds = training.run(arguments.out)
        if first():
            _write_checkpoint(arguments, config, autoencoder.cpu(), classes)
            print(json.dumps(trained(arguments.out).course | {"seconds": round(seconds)}))


def _config(arguments: argparse.Namespace, classes: int) -> ArgusConfig:
    """The preset with the conditions that were asked for."""
    config = ArgusConfig.preset(arguments.preset)
    conditions = []
    if arguments.text:
        text = text_encoder(arguments.text)
        conditions.append(ConditionConfig("text", text.name, text.features, text.length))
    if arguments.image:
        image = image_encoder(arguments.image)
        conditions.append(ConditionConfig("image", image.name, image.features, image.length))
    if arguments.part:
        conditions.append(config.autoencoder.part_condition)
    return replace(
        config,
        transformer=replace(config.transformer, classes=classes, conditions=tuple(conditions), droppable=True),
    )


def _groups(arguments: argparse.Namespace, maker: GroupMaker) -> tuple[list[TokenGroup], list[TokenGroup]]:
    """The shapes to learn from and those to validate on, a group a split. Raises: UserError for a class of no shape."""
    data = PreparedData(arguments.root, arguments.source)
    found: dict[str, list[TokenGroup]] = {"train": [], "val": []}
    for index, split in enumerate(arguments.split):
        variants = Variants(arguments.variants[index] if index < len(arguments.variants) else 4)
        weight = arguments.weight[index] if index < len(arguments.weight) else 1.0
        for part, groups in found.items():
            kind = variants if part == "train" else Variants(1)
            groups.append(maker.group(f"{split.stem}-{part}", shapes(data, split, part), kind, weight))
    _require_shapes(maker.classes, found["train"])
    return found["train"], found["val"]


def _require_shapes(classes: Sequence[str], groups: Sequence[TokenGroup]) -> None:
    held = {int(index) for group in groups for index in group.classes}
    empty = [name for index, name in enumerate(classes) if index not in held]
    if empty:
        raise UserError(f"no training shape is of the class {', '.join(empty)}; leave it out of --classes.")


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
