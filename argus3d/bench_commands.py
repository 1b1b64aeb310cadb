"""`argus3d bench sample`, `argus3d bench mesh`."""

import argparse
import json

import torch

from argus3d import bench, memory
from argus3d.arguments import batch_size, positive
from argus3d.checkpoint.shards import DTYPES
from argus3d.config import ArgusConfig
from argus3d.generator import ArgusGenerator
from argus3d.model.transformer import ShapeTransformer
from argus3d.sampler import sample_tokens


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `bench` with its two parts."""
    parts = commands.add_parser("bench", help="measure this machine").add_subparsers(dest="part", required=True)
    sample = parts.add_parser("sample", help="speed of writing tokens, beside the floor of memory bandwidth")
    sample.set_defaults(run=run_sample)
    sample.add_argument("--batch-size", type=batch_size, metavar="N|auto", help="shapes at a time (default: auto)")
    sample.add_argument("--dtype", choices=DTYPES, help="of the transformer (default: as stored)")
    mesh = parts.add_parser("mesh", help="speed from tokens to meshes")
    mesh.set_defaults(run=run_mesh)
    mesh.add_argument("--count", type=positive, default=16, help="shapes (default: 16)")
    mesh.add_argument("--resolution", type=positive, default=128, help="cells along a side (default: 128)")
    for parser in (sample, mesh):
        model = parser.add_mutually_exclusive_group()
        model.add_argument("--checkpoint", default="nano", help="a shipped name or a folder (default: nano)")
        model.add_argument("--config", metavar="PRESET", help="no checkpoint: random weights of these sizes")
        parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
        parser.add_argument("--repeats", type=positive, default=3)


def run_sample(arguments: argparse.Namespace) -> None:
    """Print the speed of writing tokens as JSON."""
    name, transformer = _transformer(arguments)
    print(json.dumps(bench.measure_sampling(name, transformer, arguments.batch_size, arguments.repeats), indent=1))


def _transformer(arguments: argparse.Namespace) -> tuple[str, ShapeTransformer]:
    dtype = DTYPES[arguments.dtype] if arguments.dtype else None
    if arguments.config is None:
        generator = ArgusGenerator.load(arguments.checkpoint, arguments.device, dtype)
        return generator.name, generator.argus.transformer
    config, place = ArgusConfig.preset(arguments.config), memory.find_device(arguments.device)
    memory.require_weights(config, dtype or torch.float32, place, arguments.config)
    transformer = bench.random_transformer(config.transformer, place, dtype or torch.float32)
    return f"{arguments.config}, random weights", transformer


def run_mesh(arguments: argparse.Namespace) -> None:
    """Print the speed from tokens to meshes as JSON."""
    if arguments.config is None:
        name, generator = arguments.checkpoint, ArgusGenerator.load(arguments.checkpoint, arguments.device)
        autoencoder, threshold = generator.argus.autoencoder, generator.argus.threshold
        condition = torch.arange(arguments.count) % len(generator.categories)
        tokens = sample_tokens(generator.argus.transformer, condition, seeds=range(arguments.count))
    else:
        name, config = f"{arguments.config}, a ball", ArgusConfig.preset(arguments.config).autoencoder
        place = memory.find_device(arguments.device)
        autoencoder, threshold = bench.BallAutoencoder(config).to(place).eval(), 0.5
        tokens = torch.randint(config.codebook_size, (arguments.count, config.tokens), device=place)
    measured = bench.measure_meshing(name, autoencoder, tokens, arguments.resolution, threshold, arguments.repeats)
    print(json.dumps(measured, indent=1))
