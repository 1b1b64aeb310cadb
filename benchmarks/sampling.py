"""Tokens with a cache against computing everything again, as the released code does, and how fast nano samples.

    python -m benchmarks.sampling --out reports/results/bench-sampling.json

The two ways run in turn in one process, on the same weights, and must give the same tokens.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from argus3d.bench import conditions, measure_sampling
from argus3d.config import TransformerConfig
from argus3d.data.files import write_json
from argus3d.generator import ArgusGenerator, SamplingConfig
from argus3d.model.transformer import ShapeTransformer
from argus3d.sampler import sample_tokens
from tests.reference import released_sampler

BATCHES = (1, 2, 4, 8, 16, 32, 64)
# The sizes of the golden vectors: 1,024 tokens at a small width.
SMALL = TransformerConfig(64, 3, 4, 64, 1024, 55, 1024)


def small_transformer() -> ShapeTransformer:
    """Weights large enough that tokens matter."""
    torch.manual_seed(0)
    transformer = ShapeTransformer(SMALL).eval()
    for parameter in transformer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return transformer


def timed(work: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Seconds of one call, and what it gave."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def against_released(transformer: ShapeTransformer, rows: int, repeats: int) -> dict[str, Any]:
    """Greedy tokens both ways, in turn. Raises: RuntimeError when they differ."""
    condition = torch.arange(rows) % transformer.config.classes
    sample_tokens(transformer, condition, seeds=range(rows), greedy=True)
    ours, released = [], []
    for _ in range(repeats):
        seconds, tokens = timed(lambda: released_sampler.sample(transformer, condition, 1, greedy=True))
        released.append(seconds)
        seconds, cached = timed(lambda: sample_tokens(transformer, condition, seeds=range(rows), greedy=True))
        ours.append(seconds)
        if not torch.equal(tokens, cached):
            raise RuntimeError("the two ways gave other tokens")
    ratios = [theirs / mine for theirs, mine in zip(released, ours, strict=True)]
    return {
        "batch_size": rows,
        "tokens": transformer.config.tokens,
        "seconds": [round(one, 4) for one in ours],
        "seconds_released_way": [round(one, 3) for one in released],
        "ratio": round(statistics.median(ratios), 1),
        "ratios": [round(one, 1) for one in ratios],
        "same_tokens": True,
    }


def class_to_mesh(generator: ArgusGenerator, count: int, repeats: int) -> dict[str, Any]:
    """Shapes a second from a class name to a mesh of 64 cells."""
    config = SamplingConfig(resolution=64)
    generator.sample("chair", count, config=config)
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        generator.sample("chair", count, config=config)
        taken.append(time.perf_counter() - start)
    return {"shapes": count, "seconds": taken, "shapes_per_second": round(count / statistics.median(taken), 2)}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    nano = ArgusGenerator.load("nano")
    report = {
        "cached_against_released_way": {
            "small width, 1,024 tokens": against_released(small_transformer(), 1, 3),
            "nano, 400 tokens": against_released(nano.argus.transformer, 16, 1),
        },
        "nano": {
            **{
                f"batch {rows}": measure_sampling("nano", nano.argus.transformer, rows, 1 if rows > 16 else 3)
                for rows in BATCHES
            },
            "class to mesh": class_to_mesh(nano, 16, 3),
        },
        "conditions": conditions(torch.device("cpu")),
    }
    write_json(arguments.out, report)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
