"""The .pt files of PyTorch: tensors mapped rather than copied, and nothing in a file is executed."""

import ctypes
import math
import mmap
import pickle
import re
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from argus3d.data.files import require_bounded
from argus3d.data.pickles import require_modest
from argus3d.errors import UserError, raise_if_machine

_SCALARS = ("it", "epoch_it", "loss_val_best")


@dataclass(frozen=True)
class TorchFile:
    """The state dict of a file and what else it tells.

    scalars : of the training, None where not finite
    mapped : whether the tensors are pages of the file rather than a copy
    """

    path: Path
    state: Mapping[str, Tensor]
    scalars: Mapping[str, int | float | None]
    mapped: bool

    def release(self, tensor: Tensor) -> None:
        """Let go of the memory of a tensor of this file; it comes back from the file when it is read again.

        The kernel would do so too, but only once memory is short, and until then the process looks as large as the
        file.
        """
        if not self.mapped or sys.platform != "linux":
            return
        storage, page = tensor.untyped_storage(), mmap.PAGESIZE
        start = -(-storage.data_ptr() // page) * page  # whole pages only: the others hold neighbours
        length = (storage.data_ptr() + storage.nbytes()) // page * page - start
        if length > 0:
            ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), mmap.MADV_DONTNEED)


def read_torch_file(path: Path) -> TorchFile:
    """The state dict under the key `model` of a file, or a file that is a state dict itself.

    Files written before PyTorch 1.6 cannot be mapped and are read into memory.
    Raises: UserError when the file is missing, cut off, no PyTorch file, holds no state dict, or would run code.
    """
    mapped = _is_zip(path)
    content = _load(path, mapped)
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds a {type(content).__name__} instead of a dict with the key model.")
    state = content.get("model", content)
    if not isinstance(state, Mapping) or not state or not all(map(_is_entry, state.items())):
        held = ", ".join(sorted(map(str, content))[:8]) or "nothing"
        raise UserError(f"{path} has no state dict under the key model (it holds {held}); give a checkpoint's file.")
    scalars = {key: _number(content[key]) for key in _SCALARS if key in content}
    return TorchFile(path, state, scalars, mapped)


def _is_entry(item: tuple[object, object]) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], Tensor)


def _is_zip(path: Path) -> bool:
    """Whether it is the zip archive of today's PyTorch (True) or the older bare pickle (False)."""
    if not path.is_file():
        raise UserError(f"{path} is missing; give the path of a released .pt file.")
    with path.open("rb") as stream:
        head = stream.read(256)
    if head.startswith(b"PK\x03\x04"):
        _require_torch_archive(path)
        return True
    if head.startswith(b"\x80"):
        return False
    if head.startswith(b"version https://git-lfs"):
        raise UserError(f"{path} is a git-lfs pointer, not the file itself; fetch it with `git lfs pull`.")
    if head.lstrip().startswith(b"<"):
        raise UserError(f"{path} is a web page, not a checkpoint; download the file behind that page.")
    raise UserError(f"{path} is {'no PyTorch file' if head else 'empty'}; download it again.")


def _require_torch_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            require_bounded(archive, path.stat().st_size)
    except zipfile.BadZipFile as error:  # the list of contents stands at the end
        raise UserError(f"{path} is cut off after {path.stat().st_size} bytes; download it again.") from error
    except Exception as error:  # zipfile stumbles over damaged lists in many ways
        raise_if_machine(error, path)
        raise UserError(f"{path} is damaged ({_line(error)}); download it again.") from error
    if not any(name.endswith("/data.pkl") for name in names):
        raise UserError(f"{path} is a zip archive but no PyTorch file; unpack it if the .pt file lies inside.")


def _load(path: Path, mapped: bool) -> Any:
    known = [(_numpy_scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    try:
        require_modest(path, mapped)
        with torch.serialization.safe_globals([*known, (_NumpyType, "numpy.dtype")]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        if named:
            raise UserError(
                f"{path} would run code when loaded (it names {named[1]}) and was not loaded; "
                "use a file that holds tensors and numbers only."
            ) from error
        raise UserError(f"{path} is damaged or holds more than tensors and numbers; download it again.") from error
    except Exception as error:  # a damaged stream makes the unpickler raise anything
        raise_if_machine(error, path)
        raise UserError(f"{path} is damaged ({_line(error)}); download it again.") from error


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class _NumpyType:
    """Stands in for numpy.dtype while a file is read, so that a best loss kept as numpy's scalar is no obstacle."""

    def __init__(self, code: str, align: bool, copy: bool) -> None:
        self.code, self.order = code, "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]


def _numpy_scalar(kind: _NumpyType, data: bytes) -> int | float:
    if not re.fullmatch(r"[biuf]\d", kind.code):
        raise pickle.UnpicklingError(f"a numpy scalar of type {kind.code}")
    return np.frombuffer(data, np.dtype(kind.order + kind.code))[0].item()


def _number(value: object) -> int | float | None:
    """A finite number, None for anything else."""
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    return value if isinstance(value, int | float) and math.isfinite(value) else None
