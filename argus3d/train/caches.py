"""Arrays that take minutes to make and seconds to read, kept beside a training."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from argus3d.data.files import beside

Rows = Callable[[], Iterator[NDArray[Any]]]


def cached(
    folder: Path, name: str, facts: Mapping[str, Any], shape: tuple[int, ...], dtype: DTypeLike, rows: Rows
) -> NDArray[Any]:
    """The array of `shape` whose rows `rows` makes, read only and paged in from the disk as it is used.

    facts : all that decides the array, JSON values; another choice makes another file, so nothing is ever mistaken
    """
    key = hashlib.sha256(json.dumps([facts, shape, str(np.dtype(dtype))], sort_keys=True).encode()).hexdigest()
    path = folder / f"{name}-{key[:12]}.npy"
    if not path.exists():
        with beside(path) as scratch:
            array = np.lib.format.open_memmap(scratch, mode="w+", dtype=dtype, shape=shape)
            for index, row in enumerate(rows()):
                array[index] = row
            array.flush()
    stored: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return stored


def weights_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """Hex digest of the names and values of a state dict."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
