"""All that waits for a GPU, in one run: `benchmarks/gpu.sh`, or

    python -m benchmarks.gpu --out reports/results/bench-gpu.json

The released sizes with random weights, in bfloat16: tokens at batch 1, 16 and 64 beside the floor of memory bandwidth
and beside the released way (everything computed again at every step, float32 with and without TF32); planes and a mesh
at 128 cells; whether graphs, batch and precision change tokens; Chamfer distances (gpu_metrics.py). Without a CUDA
device it measures nothing and says so.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from argus3d.bench import BallAutoencoder, conditions, measure_meshing, measure_sampling, random_transformer, settle
from argus3d.config import ArgusConfig
from argus3d.data.files import write_json
from argus3d.decoding import StepDecoder
from argus3d.generator import ArgusGenerator
from argus3d.model.transformer import ShapeTransformer
from argus3d.sampler import sample_tokens
from benchmarks import gpu_metrics
from benchmarks.shapes import POINTS, procedural
from tests.reference import released_sampler

# What was asked of one H100 or H200: name, measured value, limit, and whether the limit is a least or a most.
TARGETS = (
    ("batch 16: seconds a shape", "tokens/16/seconds_per_shape", 0.35, "most"),
    ("batch 16: share of the bandwidth floor", "tokens/16/share_of_floor", 0.70, "least"),
    ("batch 16: memory, GB", "memory_gb", 24.0, "most"),
    ("batch 1: seconds a shape", "tokens/1/seconds_per_shape", 4.0, "most"),
    ("batch 64: seconds a shape", "tokens/64/seconds_per_shape", 0.15, "most"),
    ("batch 16: times the released way, float32", "times_released/float32", 100.0, "least"),
    ("batch 16: times the released way, TF32", "times_released/tf32", 30.0, "least"),
    ("planes and mesh, 128 cells: seconds a shape", "mesh/seconds_per_shape", 0.1, "most"),
)


def measure(
    device: torch.device, config: ArgusConfig, batches: tuple[int, ...], resolution: int, repeats: int, lengths: int
) -> dict[str, Any]:
    """All measurements, `lengths` of them for the released way; sizes are arguments so that a test can rehearse it."""
    transformer = random_transformer(config.transformer, device, torch.bfloat16)
    tokens = {rows: measure_sampling("random weights", transformer, rows, repeats) for rows in batches}
    report: dict[str, Any] = {"conditions": conditions(device), "config": config.to_json()}
    report["tokens"] = {str(rows): one for rows, one in tokens.items()}
    report["same_tokens"] = same_tokens(transformer, batches)
    middle = batches[len(batches) // 2]
    report["memory_gb"] = tokens[middle].get("reserved_memory_bytes", 0) / 1e9
    del transformer
    report["released_way"] = released_way(device, config, middle, lengths)
    ours = tokens[middle]["seconds_per_shape"]
    report["times_released"] = {name: one["seconds_per_shape"] / ours for name, one in report["released_way"].items()}
    ball = BallAutoencoder(config.autoencoder).to(device).eval()
    grids = torch.randint(config.autoencoder.codebook_size, (16, config.autoencoder.tokens), device=device)
    report["mesh"] = measure_meshing("a ball", ball, grids, resolution, 0.5, repeats)
    return report


def same_tokens(transformer: ShapeTransformer, batches: tuple[int, ...]) -> dict[str, bool]:
    """Whether the first rows come out the same in batches of all sizes, and with graphs as without."""
    rows, device = max(batches), transformer.value_start.device
    condition = torch.arange(rows) % transformer.config.classes
    whole = sample_tokens(transformer, condition, seeds=range(rows), top_k=None)
    same = {}
    for count in batches:
        part = sample_tokens(transformer, condition[:count], seeds=range(count), top_k=None)
        same[f"batch {count}"] = torch.equal(part, whole[:count])
    return same | {"graphs": _graphs_change_nothing(transformer, condition[:1].to(device))}


class _Eager(StepDecoder):
    """Every step called one operation at a time."""

    def capture(self) -> None:
        return


def _graphs_change_nothing(transformer: ShapeTransformer, condition: torch.Tensor) -> bool:
    shape = (1, transformer.config.tokens)
    steps = min(200, shape[1])  # past the first graphs
    found = []
    for kind in (StepDecoder, _Eager):
        decoder = kind(transformer, 1, lambda logits, uniform: logits.argmax(1))
        found.append(decoder.run(condition, torch.zeros(shape), torch.full(shape, -1), steps, None))
    return torch.equal(*found)


def released_way(device: torch.device, config: ArgusConfig, rows: int, lengths: int) -> dict[str, dict[str, Any]]:
    """Seconds of a roll-out that computes everything again: steps of some lengths measured, the sum by trapezoids."""
    transformer = random_transformer(config.transformer, device, torch.float32)
    condition = torch.arange(rows, device=device) % config.transformer.classes
    counts = np.unique(np.linspace(1, config.transformer.tokens, lengths).astype(int))
    found = {}
    for name, allowed in (("float32", False), ("tf32", True)):
        torch.backends.cuda.matmul.allow_tf32 = allowed
        steps = [_one_step(transformer, condition, int(count)) for count in counts]
        total = float(np.trapezoid(steps, counts)) + steps[0]
        found[name] = {
            "lengths": counts.tolist(), "seconds_of_a_step": [round(step, 5) for step in steps],
            "seconds": round(total, 3), "seconds_per_shape": round(total / rows, 4),
        }  # fmt: skip
    torch.backends.cuda.matmul.allow_tf32 = False
    return found


@torch.no_grad()
def _one_step(transformer: ShapeTransformer, condition: torch.Tensor, count: int) -> float:
    tokens = torch.zeros((len(condition), count), dtype=torch.int64, device=condition.device)
    top_k = min(250, transformer.config.vocabulary)

    def work() -> None:
        released_sampler.logits_of_all(transformer, tokens, condition)[:, -2].topk(top_k)

    work()
    settle(condition.device)
    start = time.perf_counter()
    work()
    settle(condition.device)
    return time.perf_counter() - start


@torch.no_grad()
def precision(device: torch.device, count: int) -> dict[str, float]:
    """What bfloat16 does to a trained model: nano's own samples judged in both precisions."""
    exact = ArgusGenerator.load("nano", str(device)).argus.transformer
    rounded = ArgusGenerator.load("nano", str(device), torch.bfloat16).argus.transformer
    condition = torch.arange(count, device=device) % exact.config.classes
    tokens = sample_tokens(exact, condition, seeds=range(count))
    logits = [model(tokens, condition).float() for model in (exact, rounded)]
    nll = [float(F.cross_entropy(one.flatten(0, 1), tokens.flatten())) for one in logits]
    return {
        "perplexity_float32": float(np.exp(nll[0])),
        "perplexity_bfloat16": float(np.exp(nll[1])),
        "likeliest_token_the_same": float((logits[0].argmax(2) == logits[1].argmax(2)).float().mean()),
    }


def against_targets(
    report: dict[str, Any], targets: tuple[tuple[str, str, float, str], ...] = TARGETS
) -> list[dict[str, Any]]:
    """The asked and the measured, one row a target."""
    rows = []
    for name, path, limit, kind in targets:
        value: Any = report
        for key in path.split("/"):
            value = value[key]
        met = value <= limit if kind == "most" else value >= limit
        rows.append({"what": name, "measured": round(float(value), 4), f"at_{kind}": limit, "met": bool(met)})
    return rows


def main() -> int:
    """Measure on the first CUDA device, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device: nothing was measured and nothing written.", file=sys.stderr)
        return 1
    device = torch.device("cuda")
    limit = gpu_metrics.float32_limit(device)
    report = measure(device, ArgusConfig.preset("huge"), (1, 16, 64), 128, 3, 9)
    report["precision"] = precision(device, 48)
    report["chamfer"] = gpu_metrics.measure(device, procedural(2000, POINTS), 300, 5, limit)
    report["targets"] = against_targets(report, TARGETS + gpu_metrics.TARGETS)
    write_json(arguments.out, report)
    print(json.dumps({key: report[key] for key in ("conditions", "same_tokens", "precision")}, indent=1))
    for row in report["targets"]:
        print(f"{'met   ' if row['met'] else 'MISSED'} {row['what']:46} {row['measured']:10.4f}  {row}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
