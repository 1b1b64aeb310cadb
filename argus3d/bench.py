"""How fast a machine writes tokens and makes meshes, beside what its memory would allow."""

import os
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from argus3d import memory
from argus3d.config import AutoencoderConfig, TransformerConfig
from argus3d.meshing import meshes_of_tokens
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from argus3d.sampler import Draw, Sampler


def seconds(work: Callable[[], Any], repeats: int, device: torch.device) -> list[float]:
    """Wall-clock seconds of each of `repeats` calls, after one that does not count; the device is idle around each."""
    work()
    taken = []
    for _ in range(repeats):
        settle(device)
        start = time.perf_counter()
        work()
        settle(device)
        taken.append(time.perf_counter() - start)
    return taken


def settle(device: torch.device) -> None:
    """Wait until a device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def conditions(device: torch.device) -> dict[str, Any]:
    """What a number was measured on."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.*)$", lines.read_text(), re.MULTILINE) if lines.exists() else None
    return found[1] if found else platform.machine()


def bandwidth(device: torch.device) -> float:
    """Bytes a second that a device reads and writes in a large copy: the best of several."""
    source = torch.ones(2**28 if device.type == "cuda" else 2**26, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / min(seconds(lambda: target.copy_(source), 10, device))


def bytes_per_step(config: TransformerConfig, dtype: torch.dtype, rows: int) -> float:
    """Fewest bytes that a token of each of `rows` samples must move: all weights once, the cache so far once.

    Of the tables only the output layer is read whole; the cache is on average half as long as the sequence.
    """
    looked_up = (config.positions + 1 + config.classes) * config.width * dtype.itemsize
    cache = rows * config.layers * 2 * config.width * dtype.itemsize * (config.tokens + 2) / 2
    return memory.transformer_bytes(config, dtype) - looked_up + cache


def random_transformer(config: TransformerConfig, device: torch.device, dtype: torch.dtype) -> ShapeTransformer:
    """Weights drawn on the device itself, in their dtype: no second copy anywhere."""
    with torch.device("meta"):
        transformer = ShapeTransformer(config).to(dtype)
    transformer = transformer.to_empty(device=device).eval().requires_grad_(False)
    for name, parameter in transformer.named_parameters():
        scale = name.endswith(("ln1.weight", "ln2.weight"))
        parameter.fill_(1) if scale else parameter.normal_(std=0.02)
    return transformer


def measure_sampling(name: str, transformer: ShapeTransformer, wanted: int | None, repeats: int) -> dict[str, Any]:
    """Seconds of token grids of `wanted` shapes, None for as many as fit, beside the floor of memory bandwidth."""
    config, weight = transformer.config, transformer.value_start
    device, dtype = weight.device, weight.dtype
    rows = memory.batch_size(config, dtype, device, wanted)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    sampler = Sampler(transformer, Draw(top_k=min(250, config.vocabulary)))
    condition, seeds = torch.arange(rows) % config.classes, range(rows)
    start = time.perf_counter()
    sampler.tokens(condition, seeds)
    settle(device)
    first = time.perf_counter() - start
    taken = seconds(lambda: sampler.tokens(condition, seeds), repeats, device)
    best = float(np.median(taken))
    speed = bandwidth(device)
    floor = bytes_per_step(config, dtype, rows) * config.tokens / speed
    report = {
        "what": "tokens", "model": name, "dtype": str(dtype).removeprefix("torch."), "batch_size": rows,
        "tokens": config.tokens, "seconds": [round(one, 4) for one in taken], "seconds_first": round(first, 4),
        "seconds_per_shape": round(best / rows, 5), "tokens_per_second": round(rows * config.tokens / best, 1),
        "bandwidth_bytes_per_second": round(speed), "floor_seconds_per_shape": round(floor / rows, 5),
        "share_of_floor": round(floor / best, 3), "conditions": conditions(device),
    }  # fmt: skip
    if device.type == "cuda":
        report["peak_memory_bytes"] = torch.cuda.max_memory_allocated(device)
        report["reserved_memory_bytes"] = torch.cuda.max_memory_reserved(device)
    return report


def measure_meshing(
    name: str, autoencoder: ShapeAutoencoder, tokens: Tensor, resolution: int, threshold: float, repeats: int
) -> dict[str, Any]:
    """Seconds from token grids (B, T) to meshes: planes, occupancy and surface."""
    device, shapes = tokens.device, len(tokens)
    faces = [len(mesh.faces) for mesh in meshes_of_tokens(autoencoder, tokens, resolution, threshold)]
    taken = seconds(lambda: list(meshes_of_tokens(autoencoder, tokens, resolution, threshold)), repeats, device)
    with torch.no_grad():
        planes = seconds(lambda: [autoencoder.decode(row[None]) for row in tokens], repeats, device)
    return {
        "what": "meshes", "model": name, "shapes": shapes, "empty": faces.count(0), "resolution": resolution,
        "seconds": [round(one, 4) for one in taken], "seconds_per_shape": round(float(np.median(taken)) / shapes, 5),
        "seconds_per_shape_planes": round(float(np.median(planes)) / shapes, 5),
        "mean_faces": round(float(np.mean(faces))), "conditions": conditions(device),
    }  # fmt: skip


class BallAutoencoder(ShapeAutoencoder):
    """Every layer at its full cost on random weights, and a ball at the end, since random planes are no surface.

    The decoder's weights carry the first feature through to the logit: 40 (0.16 - |p|^2), zero at radius 0.4.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config)
        last = cast(nn.Linear, self.decoder.features[-1])
        with torch.no_grad():
            for parameter in self.decoder.parameters():
                parameter.zero_()
            last.weight[:2, 0] = torch.tensor([1.0, -1.0])
            self.decoder.out.weight[0, :2] = torch.tensor([1.0, -1.0])
        line = torch.linspace(-0.5, 0.5, config.plane_resolution) * (1 + config.padding)
        ball = 40 * (0.16 / 3 - (line[:, None].square() + line.square()) / 2)
        self.register_buffer("ball", ball, persistent=False)

    def decode(self, tokens: Tensor) -> Tensor:
        planes = super().decode(tokens)
        planes[:, :, 0] = self.ball  # type: ignore[assignment]
        return planes
