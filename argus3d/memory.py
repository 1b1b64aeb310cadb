"""Devices: which are there, how much memory is free, and what of the model fits in it."""

import os
import re
import sys
from collections.abc import Collection
from pathlib import Path

import torch

from argus3d.checkpoint.shards import DTYPES
from argus3d.config import ArgusConfig, TransformerConfig
from argus3d.decoding import bucket_of, samples_of
from argus3d.errors import UserError
from argus3d.model.conditions import prefix_length

# Left free for activations, the mesh of a shape and the libraries themselves.
RESERVE = 2**29


def find_device(name: str) -> torch.device:
    """A device such as cpu, cuda or cuda:1. Raises: UserError when torch does not know it or it is not there."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"{name!r} is no device; say cpu, cuda or cuda:1.") from error
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"{name} is a device that nothing was tried on; say cpu, cuda or cuda:1.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"torch sees {torch.cuda.device_count()} CUDA devices, so {name} is not there; without a GPU leave out "
            "--device, with one install a CUDA build of torch."
        )
    return device


def free_bytes(device: torch.device) -> int:
    """Bytes that can still be allocated: of the card, or of this machine within the limit of its control group."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + cached
    lines = Path("/proc/meminfo")
    if not lines.exists():  # systems without it tell what they have, not what is free
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    available = re.search(r"MemAvailable:\s+(\d+) kB", lines.read_text())
    assert available is not None
    return min(int(available[1]) * 1024, left_in_group(Path("/sys/fs/cgroup")))


def left_in_group(group: Path) -> int:
    """Bytes up to the limit of a control group, which containers set; the largest integer where there is none."""
    limit, statistics = group / "memory.max", group / "memory.stat"
    if not limit.exists() or limit.read_text().strip() == "max":
        return sys.maxsize
    # Pages of files that were read count as used, and are given back when memory runs short.
    used = int((group / "memory.current").read_text())
    cached = re.search(r"^file (\d+)$", statistics.read_text(), re.MULTILINE)
    return int(limit.read_text()) - used + (int(cached[1]) if cached else 0)


def readable(size: float) -> str:
    """A number of bytes for people, such as 7.3 GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def transformer_bytes(config: TransformerConfig, dtype: torch.dtype) -> int:
    """Bytes of the weights; the largest terms, biases and norms included."""
    width = config.width
    block = 12 * width**2 + 13 * width
    tables = (config.vocabulary + config.positions + 1 + config.classes) * width
    tables += sum((one.features + one.length) * width for one in config.conditions)
    tables += sum(one.features // 4 * width for one in config.conditions if one.kind == "part")
    return (config.layers * block + tables + width * (width + 6) + config.vocabulary) * dtype.itemsize


def row_bytes(config: TransformerConfig, dtype: torch.dtype, kinds: Collection[str] = ()) -> int:
    """Bytes that one more row in a batch takes: its cache, as long as conditions of `kinds` make it, the vectors of its
    places if there is a part, and the float64 work on logits.
    """
    positions = bucket_of(prefix_length(config, kinds) + config.tokens)
    vectors = 2 * config.layers * positions + (config.tokens + 1 if "part" in kinds else 0)
    return vectors * config.width * dtype.itemsize + 64 * config.vocabulary


def require_weights(config: ArgusConfig, dtype: torch.dtype, device: torch.device, name: str) -> None:
    """Raises: UserError when the weights do not fit, saying how much is missing and which dtype would fit."""
    free, needed = free_bytes(device), transformer_bytes(config.transformer, dtype) + RESERVE
    if needed <= free:
        return
    sizes = {option: transformer_bytes(config.transformer, value) + RESERVE for option, value in DTYPES.items()}
    fitting = [f"--dtype {option} needs {readable(size)}" for option, size in sizes.items() if size <= free]
    raise UserError(
        f"{name} needs {readable(needed)} on {device} in {_name(dtype)} and {readable(free)} are free, "
        f"{readable(needed - free)} too few; {fitting[0] if fitting else 'no --dtype is small enough for this device'}."
    )


def batch_size(
    config: TransformerConfig, dtype: torch.dtype, device: torch.device, wanted: int | None,
    kinds: Collection[str] = (), guided: bool = False,
) -> int:  # fmt: skip
    """Shapes to decode together: `wanted`, or for None as many as fit, at most a tile.

    kinds : of conditions beside the class; guided : whether a shape takes two rows

    Raises: UserError when they do not fit, saying how much is missing and how many would.
    """
    tile, each = samples_of(device, guided), row_bytes(config, dtype, kinds) * (2 if guided else 1)
    free = free_bytes(device) - RESERVE
    fitting = max(0, free) // each
    # More shapes than a tile are decoded tile after tile.
    needed = each * min(wanted or 1, tile)
    if needed > free:
        advice = f"--batch-size {fitting} fits" if fitting else "free some memory or use another --device"
        raise UserError(
            f"{wanted or 1} shapes at a time need {readable(needed)} on {device} beside the weights, "
            f"{readable(needed - free)} more than is free; {advice}."
        )
    return wanted or min(tile, fitting)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
