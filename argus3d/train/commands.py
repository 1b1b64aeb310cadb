"""`argus3d train autoencoder|transformer`."""

import argparse
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from argus3d import checkpoint
from argus3d.config import ArgusConfig
from argus3d.data.prepared import PreparedData, PreparedShape
from argus3d.data.splits import read_part
from argus3d.errors import UserError
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.train.autoencoder import AutoencoderRecipe, AutoencoderTraining
from argus3d.train.data import OccupancyData
from argus3d.train.loop import LoopConfig
from argus3d.train.transformer import TokenData, TransformerTraining, Variants, encode_shapes


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `train` and its two stages."""
    train = commands.add_parser("train", help="train one of the two stages")
    stages = train.add_subparsers(dest="stage", required=True)
    autoencoder = stages.add_parser("autoencoder", help="stage 1: shapes to tokens and back")
    autoencoder.set_defaults(run=train_autoencoder)
    _add_common(autoencoder, steps=18000, batch=4, rate=1.5e-3)
    transformer = stages.add_parser("transformer", help="stage 2: tokens from a class; writes the checkpoint of both")
    transformer.set_defaults(run=train_transformer)
    _add_common(transformer, steps=10000, batch=8, rate=1e-3)
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


def _add_common(parser: argparse.ArgumentParser, steps: int, batch: int, rate: float) -> None:
    parser.add_argument("--preset", default="nano", help="sizes of the model (default: nano)")
    parser.add_argument("--root", type=Path, default=Path("artifacts/data"), help="folder of prepared data")
    parser.add_argument(
        "--split", type=Path, action="append", required=True, metavar="FILE",
        help="a split file, whose parts train and val are used; may be given several times",
    )  # fmt: skip
    parser.add_argument("--source", action="append", required=True, help="a prepared source that the splits draw from")
    parser.add_argument("--out", type=Path, required=True, help="folder for the state, the log and the resume")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--batch-size", type=int, default=batch)
    parser.add_argument("--learning-rate", type=float, default=rate)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")


def _loop(arguments: argparse.Namespace) -> LoopConfig:
    return LoopConfig(
        steps=arguments.steps, batch=arguments.batch_size, learning_rate=arguments.learning_rate, seed=arguments.seed
    )


def _shapes(data: PreparedData, split: Path, part: str) -> list[PreparedShape]:
    """The shapes of a split's part that could be prepared; the others are counted on stderr."""
    ids = read_part(split, part)
    found = [item_id for item_id in ids if item_id in data.shapes]
    if len(found) < len(ids):
        print(f"{split.stem}/{part}: {len(ids) - len(found)} of {len(ids)} shapes are not prepared", file=sys.stderr)
    return data.select(found)


def train_autoencoder(arguments: argparse.Namespace) -> None:
    """Train stage 1 to its last step; the splits share the batches equally."""
    data = PreparedData(arguments.root, arguments.source)
    groups = [OccupancyData(_shapes(data, split, "train")) for split in arguments.split]
    validation = {split.stem: OccupancyData(_shapes(data, split, "val")[:60]) for split in arguments.split}
    training = AutoencoderTraining(
        ArgusConfig.preset(arguments.preset).autoencoder, _loop(arguments), AutoencoderRecipe(),
        groups, [1 / len(groups)] * len(groups), validation, arguments.device,
    )  # fmt: skip
    seconds = training.run(arguments.out)
    print(json.dumps(_course(arguments.out) | {"seconds": round(seconds)}))


def _course(folder: Path) -> dict[str, Any]:
    """The last line of a training log."""
    return dict(json.loads((folder / "log.jsonl").read_text().splitlines()[-1]))


def train_transformer(arguments: argparse.Namespace) -> None:
    """Train stage 2 on the tokens of a trained stage 1 and write the checkpoint of both."""
    config = ArgusConfig.preset(arguments.preset)
    classes = tuple(arguments.classes.split(","))
    config = replace(config, transformer=replace(config.transformer, classes=len(classes)))
    autoencoder = _trained_autoencoder(config, arguments.autoencoder).to(arguments.device)
    data = PreparedData(arguments.root, arguments.source)
    parts: dict[str, list[TokenData]] = {"train": [], "val": []}
    for index, split in enumerate(arguments.split):
        variants = Variants(arguments.variants[index] if index < len(arguments.variants) else 4)
        weight = arguments.weight[index] if index < len(arguments.weight) else 1.0
        for part, rows in parts.items():
            shapes = [shape for shape in _shapes(data, split, part) if shape.category in classes]
            cache = arguments.out / f"tokens-{split.stem}-{part}.npy"
            kind = variants if part == "train" else Variants(1)
            rows.append(_rows(encode_shapes(autoencoder, shapes, kind, arguments.seed, cache), shapes, classes, weight))
    training = TransformerTraining(
        config.transformer, _loop(arguments), TokenData.join(parts["train"]), TokenData.join(parts["val"]),
        arguments.device,
    )  # fmt: skip
    seconds = training.run(arguments.out)
    stages = {"autoencoder": _course(arguments.autoencoder), "transformer": _course(arguments.out)}
    about = {
        "command": shlex.join(["argus3d", *sys.argv[1:]]),
        "seed": arguments.seed,
        "data": [split.stem for split in arguments.split],
        "stages": stages,
        "machine": f"{torch.get_num_threads()} CPU threads" if arguments.device == "cpu" else arguments.device,
    }
    threshold = float(stages["autoencoder"]["threshold"])
    argus = checkpoint.Argus(config, autoencoder, training.model, classes, threshold, about)
    checkpoint.save(argus, arguments.checkpoint)
    print(json.dumps(stages["transformer"] | {"seconds": round(seconds)}))


def _rows(tokens: np.ndarray, shapes: list[PreparedShape], classes: tuple[str, ...], weight: float) -> TokenData:
    """Tokens (S, K, T) of shapes as S * K rows that share each shape's weight."""
    count = tokens.shape[1]
    index = np.array([classes.index(shape.category) for shape in shapes], np.int64)
    weights = np.full(len(index) * count, weight / count)
    return TokenData(tokens.reshape(-1, tokens.shape[2]), index.repeat(count), weights)


def _trained_autoencoder(config: ArgusConfig, folder: Path) -> ShapeAutoencoder:
    path = folder / "last.pt"
    if not path.exists():
        raise UserError(f"{path} is missing; train stage 1 with `argus3d train autoencoder --out {folder}` first.")
    model = ShapeAutoencoder(config.autoencoder)
    model.load_state_dict(torch.load(path, weights_only=True, map_location="cpu")["state"]["model"])
    return model.eval()
