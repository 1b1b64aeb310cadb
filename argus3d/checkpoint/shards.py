"""Safetensors files: a stage in one file, or in shards of at most 1 GiB, one in memory at a time."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from argus3d.checkpoint.strict import Shapes
from argus3d.data.files import beside, sha256_file
from argus3d.errors import UserError
from argus3d.pools import pool

SHARD_BYTES = 2**30
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_STORED = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
_FILE_NAME = re.compile(r"(autoencoder|transformer)(-\d{5}-of-\d{5})?\.safetensors")


@dataclass(frozen=True)
class FileFacts:
    """What argus.json says of a file."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class TensorFacts:
    """What the header of a file says of a tensor; `dtype` is one of `DTYPES`."""

    shape: tuple[int, ...]
    dtype: str
    path: Path

    @property
    def bytes(self) -> int:
        return prod(self.shape) * DTYPES[self.dtype].itemsize


def plan(shapes: Shapes, dtype: torch.dtype, limit: int | None = None) -> list[list[str]]:
    """Names in order, cut into shards of at most `limit` bytes (1 GiB); a tensor is never split."""
    limit = SHARD_BYTES if limit is None else limit
    shards: list[list[str]] = [[]]
    filled = 0
    for name, shape in shapes.items():
        size = prod(shape) * dtype.itemsize
        if shards[-1] and filled + size > limit:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
    return shards


def write_stage(
    folder: Path, stage: str, shapes: Shapes, dtype: torch.dtype, read: Callable[[str], Tensor]
) -> Iterator[tuple[str, FileFacts]]:
    """Write the tensors that `read` gives, as `dtype`; the name and the facts of each file as soon as it is whole."""
    shards = plan(shapes, dtype)
    for index, names in enumerate(shards, 1):
        place = f"-{index:05d}-of-{len(shards):05d}" if len(shards) > 1 else ""
        path = folder / f"{stage}{place}.safetensors"
        with beside(path) as scratch:
            _save({name: read(name).detach().to("cpu", dtype).contiguous() for name in names}, scratch)
        yield path.name, FileFacts(sha256_file(path), path.stat().st_size)


def _save(state: dict[str, Tensor], path: Path) -> None:
    path.touch()
    mode = path.stat().st_mode  # safetensors makes its files readable by their owner only
    try:
        save_file(state, path)
        path.chmod(mode)
    except SafetensorError as error:  # it hides the OSError of a full disk
        raise OSError(f"{path.name} could not be written: {error}") from error


def is_ours(name: str) -> bool:
    """Whether a checkpoint can have a file of this name."""
    return _FILE_NAME.fullmatch(name) is not None


def files_of(folder: Path, files: Mapping[str, Mapping[str, object]]) -> dict[str, FileFacts]:
    """The facts of the files that argus.json names, each of them there and of its size.

    Raises: UserError for a name that is no checkpoint's, a missing file, or one of another size.
    """
    facts = {}
    for name, values in files.items():
        if not is_ours(name) or set(values) != set(FileFacts.__annotations__):
            raise UserError(f"{folder / 'argus.json'} names a file {name!r} that no checkpoint has; copy it again.")
        facts[name] = FileFacts(str(values["sha256"]), int(str(values["bytes"])))
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path} is missing; copy the checkpoint again.")
        if path.stat().st_size != facts[name].bytes:
            raise UserError(
                f"{path} is not the file that argus.json describes ({path.stat().st_size} bytes instead of "
                f"{facts[name].bytes}); copy the checkpoint again."
            )
    return facts


def verify(folder: Path, files: Mapping[str, FileFacts]) -> None:
    """Hash every file, two at a time. Raises: UserError for the first that is not what argus.json says."""
    with pool(min(2, max(1, len(files)))) as threads:
        hashes = threads.map(sha256_file, [folder / name for name in files])
        for (name, facts), sha256 in zip(files.items(), hashes, strict=True):
            if sha256 != facts.sha256:
                raise UserError(
                    f"{folder / name} is not the file that argus.json describes (other sha256); "
                    "copy the checkpoint again."
                )


def headers(folder: Path, stage: str, files: Mapping[str, FileFacts]) -> dict[str, TensorFacts]:
    """Name, shape, dtype and file of each tensor of a stage; no tensor is read.

    Raises: UserError for a damaged file, a dtype that is not of `DTYPES`, or a tensor that two files hold.
    """
    tensors: dict[str, TensorFacts] = {}
    for path in (folder / name for name in files if name.startswith(stage)):
        with _opened(path) as stream:
            for name in stream.keys():  # noqa: SIM118 - it is no dict
                part = stream.get_slice(name)
                if part.get_dtype() not in _STORED or name in tensors:
                    raise UserError(f"{path}: {name} is {part.get_dtype()} or there twice; copy the checkpoint again.")
                tensors[name] = TensorFacts(tuple(part.get_shape()), _STORED[part.get_dtype()], path)
    return tensors


def read_stage(paths: list[Path], device: str, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """All tensors of some files, on `device` and as `dtype` (None: as stored).

    What stays as stored on the CPU is mapped, not copied; otherwise one shard is in host memory at a time.
    """
    state: dict[str, Tensor] = {}
    for path in paths:
        with _opened(path) as stream:
            state |= {name: stream.get_tensor(name).to(device, dtype) for name in stream.keys()}  # noqa: SIM118
    return state


def read_tensor(name: str, facts: TensorFacts) -> Tensor:
    """One tensor of a file."""
    with _opened(facts.path) as stream:
        return stream.get_tensor(name)


def _opened(path: Path) -> safe_open:
    try:
        return safe_open(path, framework="pt")
    except SafetensorError as error:
        raise UserError(f"{path} is damaged ({error}); copy the checkpoint again.") from error


def as_json(files: Mapping[str, FileFacts]) -> dict[str, dict[str, object]]:
    """The files as argus.json holds them."""
    return {name: asdict(facts) for name, facts in files.items()}
