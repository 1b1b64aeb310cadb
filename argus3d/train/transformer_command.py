"""`argus3d train transformer`."""

import argparse
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from argus3d import checkpoint
from argus3d.checkpoint.strict import require_match, shapes_of
from argus3d.config import ArgusConfig, ConditionConfig
from argus3d.data.prepared import PreparedData, PreparedShape
from argus3d.encoders import IMAGE_ENCODERS, TEXT_ENCODERS, image_encoder, text_encoder
from argus3d.errors import UserError
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from argus3d.train.options import add_options, loop_config, shapes, start
from argus3d.train.processes import first, first_before_others
from argus3d.train.state import trained
from argus3d.train.token_groups import GroupMaker, TokenGroup, Variants
from argus3d.train.transformer import TransformerTraining

PARTS = ("train", "val")


def add_parser(stages: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `train transformer`."""
    parser = stages.add_parser("transformer", help="stage 2: tokens from conditions; writes the checkpoint of both")
    parser.set_defaults(run=run)
    add_options(parser, steps=10000, batch=8, rate=1e-3)
    parser.add_argument("--autoencoder", type=Path, required=True, help="the --out folder of stage 1")
    parser.add_argument(
        "--classes", metavar="A,B",
        help="class names; shapes of other categories are of no class (default: every category of a training shape)",
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
    loop = loop_config(arguments)
    with start(arguments) as execution:
        data = PreparedData(arguments.root, arguments.source)
        held = {split: {part: shapes(data, split, part) for part in PARTS} for split in arguments.split}
        classes = _classes(arguments.classes, [shape for parts in held.values() for shape in parts["train"]])
        config = _config(arguments, len(classes))
        autoencoder = _autoencoder(config, arguments.autoencoder).to(execution.device)
        maker = GroupMaker(autoencoder, classes, config.transformer.conditions, arguments.seed, arguments.out)
        with first_before_others():
            train, validation = _groups(arguments, held, maker)
        training = TransformerTraining(config.transformer, loop, train, validation, autoencoder, execution=execution)
        seconds = training.run(arguments.out)
        if first():
            _write_checkpoint(arguments, config, autoencoder.cpu(), classes)
            print(json.dumps(trained(arguments.out).course | {"seconds": round(seconds)}))


def _classes(given: str | None, train: Sequence[PreparedShape]) -> tuple[str, ...]:
    """Names of the classes, in the order of their indices. Raises: UserError for one twice, or of no shape."""
    held = {shape.category for shape in train}
    if given is None:
        return tuple(sorted(held))
    classes = tuple(given.split(","))
    if len(set(classes)) < len(classes):
        raise UserError(f"--classes {given} names a class twice.")
    if empty := [name for name in classes if name not in held]:
        raise UserError(f"no training shape is of the class {', '.join(empty)}; leave it out of --classes.")
    return classes


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


def _autoencoder(config: ArgusConfig, folder: Path) -> ShapeAutoencoder:
    """The trained stage 1. Raises: UserError where it is missing, or of other sizes than the preset."""
    weights, model = trained(folder).weights, ShapeAutoencoder(config.autoencoder)
    require_match(shapes_of(weights), shapes_of(model.state_dict()), f"the stage 1 in {folder}")
    model.load_state_dict(weights)
    return model.eval()


def _groups(
    arguments: argparse.Namespace, held: Mapping[Path, Mapping[str, Sequence[PreparedShape]]], maker: GroupMaker
) -> tuple[list[TokenGroup], list[TokenGroup]]:
    """The shapes to learn from and those to validate on, a group a split."""
    found: dict[str, list[TokenGroup]] = {part: [] for part in PARTS}
    for index, (split, parts) in enumerate(held.items()):
        variants = Variants(arguments.variants[index] if index < len(arguments.variants) else 4)
        weight = arguments.weight[index] if index < len(arguments.weight) else 1.0
        for part in PARTS:
            kind = variants if part == "train" else Variants(1)
            found[part].append(maker.group(f"{split.stem}-{part}", parts[part], kind, weight))
    return found["train"], found["val"]


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
    argus = checkpoint.Argus(config, autoencoder, transformer, classes, threshold, about)
    # Half the size for changes of 3e-4; last.pt has them in full.
    checkpoint.save(argus, arguments.checkpoint, autoencoder=torch.float16)
