"""`argus3d sample`, `argus3d reconstruct`, `argus3d info`."""

import argparse
import json
import shlex
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from argus3d import checkpoint
from argus3d.data.files import sha256_file
from argus3d.data.prepared import PreparedData
from argus3d.data.splits import read_part
from argus3d.generator import ArgusGenerator, Request, SamplingConfig, requests, stream_seed
from argus3d.reconstruct import reconstruct
from argus3d.samples import SampleFolder, read_tokens


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands that use a checkpoint."""
    sample = commands.add_parser("sample", help="generate shapes into a folder")
    sample.set_defaults(run=run_sample)
    _add_generator(sample)
    what = sample.add_mutually_exclusive_group(required=True)
    what.add_argument("--category", help="one class")
    what.add_argument("--like", metavar="FILE/PART", help="as many of each class as this part of a split file holds")
    sample.add_argument("--count", type=_positive, default=16, help="shapes of --category (default: 16)")
    sample.add_argument("--batch-size", type=_positive, default=16)
    sample.add_argument("--top-k", type=_positive, default=250)
    sample.add_argument("--top-p", type=float)
    sample.add_argument("--temperature", type=float, default=1.0)
    sample.add_argument("--greedy", action="store_true", help="the likeliest token at each step")
    sample.add_argument(
        "--scramble", type=Path, metavar="FOLDER",
        help="no transformer: each token is drawn from those at its position in a folder of shapes (a floor)",
    )  # fmt: skip
    _add_data(sample)

    back = commands.add_parser("reconstruct", help="pass prepared shapes through the autoencoder")
    back.set_defaults(run=run_reconstruct)
    _add_generator(back)
    back.add_argument("--shapes", required=True, metavar="FILE/PART", help="a part of a split file")
    _add_data(back)

    info = commands.add_parser("info", help="sizes, hashes and training of a checkpoint")
    info.set_defaults(run=run_info)
    info.add_argument("checkpoint", nargs="?", default="nano")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} must be at least 1")
    return number


def _add_generator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", default="nano", help="a shipped name or a folder (default: nano)")
    parser.add_argument("--out", type=Path, required=True, help="folder for meshes, pictures and the manifest")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resolution", type=_positive, default=64, help="cells along a side (default: 64)")
    parser.add_argument("--threshold", type=float, help="occupancy probability (default: the checkpoint's)")
    parser.add_argument("--device", default="cpu")


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", type=Path, default=Path("artifacts/data"), help="folder of prepared data")
    parser.add_argument("--source", action="append", default=[], help="a prepared source that the split draws from")


def _split_part(text: str) -> list[str]:
    path, _, part = text.rpartition("/")
    return read_part(Path(path), part)


def _command() -> str:
    return shlex.join(["argus3d", *sys.argv[1:]])


def _checkpoint_facts(name: str) -> dict[str, str]:
    return {"name": checkpoint.find(name).name, "sha256": sha256_file(checkpoint.find(name) / "argus.json")}


def run_sample(arguments: argparse.Namespace) -> None:
    """Generate shapes; finished ones of an interrupted run are kept."""
    generator = ArgusGenerator.load(arguments.checkpoint, arguments.device)
    config = SamplingConfig(
        arguments.top_k, arguments.top_p, arguments.temperature, arguments.greedy,
        arguments.resolution, arguments.threshold,
    )  # fmt: skip
    wanted = _requests(arguments)
    for request in wanted:
        generator.class_index(request.category)
    facts = _checkpoint_facts(arguments.checkpoint)
    settings = asdict(config) | {"seed": arguments.seed, "checkpoint": facts["sha256"]}
    if arguments.scramble:
        settings["scramble"] = sha256_file(arguments.scramble / "manifest.json")
    folder = SampleFolder(arguments.out, settings)
    open_requests = [request for request in wanted if request.id not in folder]
    if arguments.scramble:
        tokens = _scrambled(read_tokens(arguments.scramble), open_requests, arguments.seed)
        shapes = generator.shapes(open_requests, tokens, arguments.seed, config)
    else:
        shapes = generator.generate(open_requests, arguments.seed, config, arguments.batch_size)
    for sample in tqdm(shapes, total=len(open_requests), desc="sample", unit="shape", disable=None):
        folder.write(sample)
    _report(folder.finish([request.id for request in wanted], facts, _command()))


def _requests(arguments: argparse.Namespace) -> list[Request]:
    if arguments.category:
        return requests(arguments.category, arguments.count)
    data = PreparedData(arguments.root, arguments.source)
    counts = Counter(shape.category for shape in data.select(_split_part(arguments.like)))
    return [request for category in sorted(counts) for request in requests(category, counts[category])]


def _scrambled(tokens: np.ndarray, wanted: list[Request], seed: int) -> torch.Tensor:
    """Tokens (B, T), each drawn from the column of `tokens` (S, T) at its position."""
    rows = [
        np.random.default_rng([stream_seed(seed, request.id), 0x5C4]).integers(len(tokens), size=tokens.shape[1])
        for request in wanted
    ]
    return torch.from_numpy(np.stack([tokens[row, np.arange(tokens.shape[1])] for row in rows]))


def run_reconstruct(arguments: argparse.Namespace) -> None:
    """Reconstruct prepared shapes, with the IoU of each in the manifest."""
    generator = ArgusGenerator.load(arguments.checkpoint, arguments.device)
    config = SamplingConfig(resolution=arguments.resolution, threshold=arguments.threshold)
    facts = _checkpoint_facts(arguments.checkpoint)
    settings = {"seed": arguments.seed, "resolution": arguments.resolution, "threshold": arguments.threshold}
    folder = SampleFolder(arguments.out, settings | {"checkpoint": facts["sha256"], "kind": "reconstruction"})
    shapes = PreparedData(arguments.root, arguments.source).select(_split_part(arguments.shapes))
    todo = [shape for shape in shapes if shape.id not in folder]
    by_id = {shape.id: shape.record for shape in shapes}
    results = reconstruct(generator, todo, arguments.seed, config)
    for sample, ious in tqdm(results, total=len(todo), desc="reconstruct", unit="shape", disable=None):
        record = by_id[sample.id]
        folder.write(sample, source=record["source"], solidity=record["solidity"], **ious)
    _report(folder.finish([shape.id for shape in shapes], facts, _command()))


def _report(manifest: dict[str, Any]) -> None:
    samples = manifest["samples"]
    empty = sum(sample["empty"] for sample in samples)
    print(f"{len(samples)} shapes, {empty} of them empty", file=sys.stderr)
    print(json.dumps({"shapes": len(samples), "empty": empty, "checkpoint": manifest["checkpoint"]}))


def run_info(arguments: argparse.Namespace) -> None:
    """Print what a checkpoint is."""
    folder = checkpoint.find(arguments.checkpoint)
    argus = checkpoint.load(folder)
    sizes = {
        stage: sum(parameter.numel() for parameter in getattr(argus, stage).parameters())
        for stage in ("autoencoder", "transformer")
    }
    about = json.loads((folder / "argus.json").read_text())
    print(json.dumps(about | {"parameters": sizes}, indent=1, sort_keys=True))
