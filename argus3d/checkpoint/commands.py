"""`argus3d import-released`, `argus3d info`."""

import argparse
import json
import sys
from pathlib import Path

from argus3d.checkpoint.importing import import_released
from argus3d.checkpoint.info import describe
from argus3d.checkpoint.original import read_sizes
from argus3d.checkpoint.shards import DTYPES
from argus3d.checkpoint.store import find

_STAGE_1 = {
    "equal": "the stage-2 file holds the same stage 1",
    "different": "the stage-2 file holds another stage 1, which was not used",
    "absent": "the stage-2 file holds no stage 1",
    "used": "stage 1 comes from the stage-2 file",
}


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands that make and describe checkpoints."""
    released = commands.add_parser("import-released", help="make a checkpoint of the two released .pt files")
    released.set_defaults(run=run_import)
    released.add_argument(
        "--stage1", type=Path, metavar="FILE", help="the released stage-1 file (default: stage 1 as stage 2 holds it)"
    )
    released.add_argument("--stage2", type=Path, required=True, metavar="FILE", help="the released stage-2 file")
    released.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the new checkpoint")
    released.add_argument(
        "--dtype", choices=DTYPES, default="float32",
        help="of the transformer; stage 1 is small, decides tokens by nearness and stays float32 (default: float32)",
    )  # fmt: skip
    released.add_argument(
        "--config",
        default="huge",
        metavar="NAME|FILE.json",
        help="sizes and classes of the model (default: huge, as released)",
    )

    info = commands.add_parser("info", help="sizes, hashes, training and warnings of a checkpoint")
    info.set_defaults(run=run_info)
    info.add_argument("checkpoint", nargs="?", default="nano", help="a shipped name or a folder (default: nano)")
    info.add_argument("--verify", action="store_true", help="read every file and compare its sha256")


def run_import(arguments: argparse.Namespace) -> None:
    """Import the released files and say what was made."""
    config, names = read_sizes(arguments.config)
    about = import_released(arguments.stage1, arguments.stage2, arguments.out, config, names, arguments.dtype, _say)
    compared = _STAGE_1[about.training["released"]["stage1_in_stage2"]]
    _say(f"stage 1 comes from {arguments.stage1}; {compared}" if arguments.stage1 else compared)
    made = describe(arguments.out)
    for warning in made["warnings"]:
        _say(f"warning: {warning}")
    keys = ("parameters", "tensors", "dtypes", "bytes", "training", "warnings")
    print(json.dumps({"checkpoint": str(arguments.out)} | {key: made[key] for key in keys}, indent=1))


def run_info(arguments: argparse.Namespace) -> None:
    """Print what a checkpoint is."""
    about = describe(find(arguments.checkpoint), arguments.verify)
    for warning in about["warnings"]:
        _say(f"warning: {warning}")
    print(json.dumps(about, indent=1, sort_keys=True))


def _say(line: str) -> None:
    print(line, file=sys.stderr)
