"""Import and load a checkpoint of the released size, random weights: seconds and peak memory of each step.

    python -m benchmarks.import_memory --scratch FOLDER --out reports/results/bench-import.json

SCRATCH needs 30 GB. The bfloat16 checkpoint (7.3 GB) stays there as `huge`, everything else is removed.
"""

import argparse
import json
import mmap
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from argus3d.bench import conditions
from argus3d.checkpoint import load, released_names
from argus3d.checkpoint.importing import import_released
from argus3d.checkpoint.released import CATEGORIES
from argus3d.config import ArgusConfig
from argus3d.data.files import write_json

HUGE = ArgusConfig.preset("huge")
PREFIX = "vqvae_model."
EMBEDDING, TIED = "transformer_model.emb.weight", "transformer_model.z_value_dec.weight"


def write_released(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """A file as released, filled tensor by tensor through a shared mapping: it need not fit into memory."""
    with FakeTensorMode():
        state = {name: torch.empty(shape) for name, shape in shapes.items()}
        if TIED in state:
            state[TIED] = state[EMBEDDING]
        content = {"model": state, "it": 3584000, "epoch_it": 100, "loss_val_best": 1.0}
        with torch.serialization.skip_data(materialize_fake_tensors=True):
            torch.save(content, path)
    with torch.serialization.set_default_mmap_options(mmap.MAP_SHARED):  # what goes to a tensor goes to the file
        state = torch.load(path, mmap=True, weights_only=True)["model"]
        torch.manual_seed(0)
        for tensor in state.values():
            tensor.normal_(std=0.02)


def peak_bytes() -> int:
    """Highest resident memory of this process so far, mapped pages of files included (VmHWM)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def out_of_cache(path: Path) -> None:
    """Drop a file's pages from the page cache, so that reading means reading from the disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measured(work: Callable[[], Any]) -> dict[str, Any]:
    """Seconds of `work`, and the peak before and after it."""
    before, start = peak_bytes(), time.perf_counter()
    work()
    return {"seconds": round(time.perf_counter() - start, 1), "peak_before": before, "peak": peak_bytes()}


def run_import(scratch: Path, dtype: str) -> dict[str, Any]:
    """In a process of its own: the import of both files."""
    files = scratch / "stage1.pt", scratch / "stage2.pt", scratch / "huge"
    return measured(lambda: import_released(*files, HUGE, CATEGORIES, dtype, print))


def run_load(scratch: Path, touch: bool) -> dict[str, Any]:
    """In a process of its own: loading what was imported; `touch` reads every weight, as the first forward does."""

    def work() -> None:
        argus = load(scratch / "huge")
        if touch:
            for parameter in argus.transformer.parameters():
                torch.aminmax(parameter)

    return measured(work)


def alone(function: Callable[..., Any], *values: object) -> Any:
    """The result of `function` in a fresh process, whose peak is nobody else's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, values)


def row(what: str, taken: dict[str, Any], size: int) -> dict[str, Any]:
    """One line of the report; `ratio` is the peak against the size of the files that are read."""
    return {"what": what, **taken, "file_bytes": size, "ratio": round(taken["peak"] / size, 3)}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    scratch: Path = arguments.scratch
    scratch.mkdir(parents=True, exist_ok=True)
    files = [scratch / "stage1.pt", scratch / "stage2.pt"]
    shapes = released_names(HUGE)
    stage1 = {name.removeprefix(PREFIX): shape for name, shape in shapes.items() if name.startswith(PREFIX)}
    rows = []
    try:
        alone(write_released, files[0], stage1)
        alone(write_released, files[1], shapes)
        size = sum(file.stat().st_size for file in files)
        for dtype in ("float32", "bfloat16"):
            shutil.rmtree(scratch / "huge", ignore_errors=True)
            for file in files:
                out_of_cache(file)
            rows.append(row(f"import to {dtype}", alone(run_import, scratch, dtype), size))
    finally:
        for file in files:
            file.unlink(missing_ok=True)
    shards = sorted((scratch / "huge").glob("*.safetensors"))
    size = sum(shard.stat().st_size for shard in shards)
    for what, touch in (("load bfloat16", False), ("load bfloat16 and read every weight", True)):
        for shard in shards:
            out_of_cache(shard)
        rows.append(row(what, alone(run_load, scratch, touch), size))
    report = {
        "rows": rows,
        "conditions": conditions(torch.device("cpu"))
        | {
            "files": "random weights of the released sizes, not in the page cache; sha256 of every shard included",
            "peak": "VmHWM of a process of its own, mapped pages included",
        },
    }
    write_json(arguments.out, report)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
