"""What the commands that use a checkpoint have in common: their arguments, how shapes are written, progress."""

import argparse
import errno
import json
import shlex
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from argus3d import checkpoint
from argus3d.arguments import batch_size, positive
from argus3d.batches import Loading
from argus3d.checkpoint.shards import DTYPES
from argus3d.data.prepared import PreparedData, PreparedShape
from argus3d.data.splits import read_part
from argus3d.engine import Engine
from argus3d.errors import UserError
from argus3d.generator import ArgusGenerator, SamplingConfig
from argus3d.meter import Meter
from argus3d.samples import FORMATS, SampleFiles, SampleFolder

HERE = "this process alone"


def add_generator(parser: argparse.ArgumentParser) -> None:
    """Add what names a checkpoint and says how its meshes are cut and written."""
    parser.add_argument("--checkpoint", default="nano", help="a shipped name or a folder (default: nano)")
    parser.add_argument("--out", type=Path, required=True, help="folder for meshes, pictures and the manifest")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resolution", type=positive, help="cells along a side (default: the checkpoint's)")
    parser.add_argument("--threshold", type=float, help="occupancy probability (default: the checkpoint's)")
    parser.add_argument("--format", choices=FORMATS, default="ply", help="of the mesh files (default: ply)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    parser.add_argument("--dtype", choices=DTYPES, help="of the transformer (default: as stored)")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add where prepared shapes lie."""
    parser.add_argument("--root", type=Path, default=Path("artifacts/data"), help="folder of prepared data")
    parser.add_argument("--source", action="append", default=[], help="a prepared source that the split draws from")


def add_words(parser: argparse.ArgumentParser) -> None:
    """Add what a shape can be asked to be."""
    parser.add_argument(
        "--category", help="one class; may be left out where the checkpoint has a single one, or can do without"
    )
    parser.add_argument("--text", metavar="WORDS", help='what it should be, such as "a low round table"')
    parser.add_argument("--image", type=Path, metavar="FILE", help="a picture of it, such as a PNG or a JPEG")


def add_draw(parser: argparse.ArgumentParser) -> None:
    """Add how tokens are drawn."""
    parser.add_argument(
        "--batch-size", type=batch_size, default=None, metavar="N|auto",
        help="shapes whose tokens are written together; no shape depends on it (default: auto, as memory allows)",
    )  # fmt: skip
    parser.add_argument("--top-k", type=positive, help="draw from the likeliest (default: 250, or all if fewer)")
    parser.add_argument("--top-p", type=float, help="draw from the likeliest that sum to this (default: off)")
    parser.add_argument("--temperature", type=float, default=1.0, help="divides the logits (default: 1)")
    parser.add_argument("--greedy", action="store_true", help="the likeliest token at each step")
    parser.add_argument(
        "--guidance", type=float, default=1.0, metavar="G",
        help="how many times what is asked for counts; more is truer to it and less various (default: 1, as it is)",
    )  # fmt: skip


def sampling_config(arguments: argparse.Namespace, generator: ArgusGenerator) -> SamplingConfig:
    """What the arguments of `add_draw` and `add_generator` say; top-k at most what there is, unless asked for."""
    return SamplingConfig(
        arguments.top_k or min(250, generator.argus.config.transformer.vocabulary), arguments.top_p,
        arguments.temperature, arguments.greedy, arguments.guidance,
        resolution=arguments.resolution, threshold=arguments.threshold,
    )  # fmt: skip


def prepared_shapes(arguments: argparse.Namespace, split_part: str) -> list[PreparedShape]:
    """The prepared shapes of a FILE/PART. Raises: UserError where some are missing."""
    path, _, part = split_part.rpartition("/")
    return PreparedData(arguments.root, arguments.source).select(read_part(Path(path), part))


def split_name(split_part: str) -> str:
    """What manifests call a FILE/PART, such as nano-v1/test."""
    path, _, part = split_part.rpartition("/")
    return f"{Path(path).stem}/{part}"


def command() -> str:
    """The command line of this process."""
    return shlex.join(["argus3d", *sys.argv[1:]])


def checkpoint_facts(name: str) -> dict[str, Any]:
    """What manifests say of a checkpoint."""
    return checkpoint.facts(checkpoint.find(name))


def loading_of(arguments: argparse.Namespace) -> Loading:
    """The checkpoint that the arguments of `add_generator` name."""
    return Loading(arguments.checkpoint, arguments.device, arguments.dtype)


def open_generator(arguments: argparse.Namespace, by: Engine | None) -> ArgusGenerator:
    """The checkpoint, with a word on stderr where its weights look untrained.

    by : where an engine makes the shapes the checkpoint only answers questions here, and no device is needed
    """
    loading = loading_of(arguments)
    generator = (replace(loading, device="cpu") if by else loading).generator()
    for warning in checkpoint.warnings(generator.argus):
        print(f"argus3d: warning: {warning}", file=sys.stderr)
    return generator


def common_settings(arguments: argparse.Namespace, facts: dict[str, str]) -> dict[str, Any]:
    """What decides the shapes and their files, beside how tokens are drawn."""
    return {
        "seed": arguments.seed, "checkpoint": facts["sha256"], "format": arguments.format, "dtype": arguments.dtype,
        "resolution": arguments.resolution, "threshold": arguments.threshold,
    }  # fmt: skip


def write_shapes(folder: SampleFolder, results: Iterable[tuple[SampleFiles, dict[str, Any]]], bar: "Bar") -> None:
    """Write shapes as they come. Raises: UserError when the disk is full; what was finished stays."""
    try:
        for made, facts in results:
            folder.keep(made, **facts)
            bar.shape()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"no space left for {folder.folder}; its {folder.finished} finished shapes are whole. "
            "Free some space and run the same command again: it goes on from there."
        ) from error


class Bar:
    """Progress over shapes: half of a shape is its tokens, half its mesh and files."""

    def __init__(self, what: str, shapes: int) -> None:
        self.left = shapes
        form = "{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining}{postfix}"
        self.bar = Meter(total=shapes, desc=what, bar_format=form)
        self._say()

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def tokens(self, shapes: float) -> None:
        """So many shapes' worth of tokens more are there."""
        self.bar.update(shapes / 2)

    def shape(self) -> None:
        """One shape more is written."""
        self.left -= 1
        self._say()
        self.bar.update(0.5)

    def _say(self) -> None:
        self.bar.set_postfix_str(f"{self.left} shapes left", refresh=False)


def report(manifest: dict[str, Any]) -> None:
    """Say how many shapes there are: to people, and as JSON."""
    samples = manifest["samples"]
    empty = sum(sample["empty"] for sample in samples)
    print(f"{len(samples)} shapes, {empty} of them empty", file=sys.stderr)
    print(json.dumps({"shapes": len(samples), "empty": empty, "checkpoint": manifest["checkpoint"]}))
