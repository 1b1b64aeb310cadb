"""`argus3d train autoencoder|transformer`."""

import argparse
import sys
from pathlib import Path

import torch

from argus3d.config import ArgusConfig
from argus3d.data.prepared import PreparedData, PreparedShape
from argus3d.data.splits import read_part
from argus3d.train.autoencoder import AutoencoderRecipe, AutoencoderTraining
from argus3d.train.data import OccupancyData
from argus3d.train.loop import LoopConfig


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `train` and its two stages."""
    stages = commands.add_parser("train", help="train one of the two stages").add_subparsers(dest="stage", required=True)
    autoencoder = stages.add_parser("autoencoder", help="stage 1: shapes to tokens and back")
    autoencoder.set_defaults(run=train_autoencoder)
    _add_common(autoencoder, steps=18000, batch=4, rate=1.5e-3)


def _add_common(parser: argparse.ArgumentParser, steps: int, batch: int, rate: float) -> None:
    parser.add_argument("--preset", default="nano", help="sizes of the model (default: nano)")
    parser.add_argument("--root", type=Path, default=Path("artifacts/data"), help="folder of prepared data")
    parser.add_argument(
        "--split", type=Path, action="append", required=True, metavar="FILE",
        help="a split file; its parts train and val are used; several share the batches equally",
    )  # fmt: skip
    parser.add_argument("--source", action="append", required=True, help="a prepared source that the splits draw from")
    parser.add_argument("--out", type=Path, required=True, help="folder for the state, the log and the resume")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--batch-size", type=int, default=batch)
    parser.add_argument("--learning-rate", type=float, default=rate)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")


def loop_config(arguments: argparse.Namespace) -> LoopConfig:
    """The loop's settings as asked for on the command line."""
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
    """Train stage 1 to its last step."""
    data = PreparedData(arguments.root, arguments.source)
    groups = [OccupancyData(_shapes(data, split, "train")) for split in arguments.split]
    validation = {split.stem: OccupancyData(_shapes(data, split, "val")[:60]) for split in arguments.split}
    training = AutoencoderTraining(
        ArgusConfig.preset(arguments.preset).autoencoder, loop_config(arguments), AutoencoderRecipe(),
        groups, [1 / len(groups)] * len(groups), validation, arguments.device,
    )  # fmt: skip
    seconds = training.run(arguments.out)
    print(f"stage 1 trained in {seconds:.0f} s with {torch.get_num_threads()} threads", file=sys.stderr)
