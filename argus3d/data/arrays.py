"""Arrays of .npy and .npz files that anyone may have written: nothing is unpickled, and no size is believed."""

import io
import math
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from argus3d.data.files import regular, require_bounded
from argus3d.errors import raise_if_machine

_HEADER_BYTES = 1 << 14  # numpy reads none of more than 10,000, but first takes the memory of all that is called one
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npy(path: Path) -> NDArray[Any]:
    """The array of an .npy file.

    Raises: OSError, and ValueError for a file that is no array of plain numbers or texts, or holds less than it says
    """
    with regular(path).open("rb") as stream:
        _read_header(stream.read(_HEADER_BYTES), path.stat().st_size)
        stream.seek(0)
        found: NDArray[Any] = np.load(stream, allow_pickle=False)
        return found


def read_npz(source: Path | bytes, wanted: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """Arrays of an .npz file by name, without those that it does not have.

    source : its path, or its content
    wanted : names, None for all

    Raises: OSError, and ValueError as `read_npy`, and for a file that unpacks to far more than it is, see
    `require_bounded`
    """
    packed = source.stat().st_size if isinstance(source, Path) else len(source)
    stream, name = (regular(source), source) if isinstance(source, Path) else (io.BytesIO(source), None)
    try:
        with zipfile.ZipFile(stream) as archive:
            require_bounded(archive, packed)
            names = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
            keys = names if wanted is None else [key for key in wanted if key in names]
            return {key: _array(archive.read(names[key])) for key in keys}
    except OSError as error:
        raise_if_machine(error, name)
        if error.filename is not None:
            raise
        raise ValueError(str(error)) from error  # zipfile sought a place that is not in the file
    except ValueError:
        raise
    except Exception as error:  # zipfile and numpy stumble over damaged bytes in many ways
        raise_if_machine(error, name)
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _array(content: bytes) -> NDArray[Any]:
    shape, by_columns, dtype, end = _read_header(content[:_HEADER_BYTES], len(content))
    values = np.frombuffer(content, dtype, math.prod(shape), end)
    return values.reshape(shape, order="F" if by_columns else "C").copy()


def _read_header(start: bytes, size: int) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether it is stored by columns, dtype, and bytes of the header of an .npy that has `size` bytes in all.

    start : of its bytes

    Raises: ValueError for objects, and for more values than there are bytes: numpy would ask for the memory first
    """
    stream = io.BytesIO(start)
    try:
        version = np.lib.format.read_magic(stream)
        shape, by_columns, dtype = _HEADERS[version](stream)
    except Exception as error:  # numpy stumbles over damaged headers in many ways
        raise_if_machine(error)
        raise ValueError(f"its header is damaged ({type(error).__name__}: {error})") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which could run code and are not read")
    if any(isinstance(side, bool) for side in shape):  # numpy takes them for numbers here and trips over them later
        raise ValueError(f"its shape is {shape}")
    needed = math.prod(shape) * max(1, dtype.itemsize)
    if min(shape, default=0) < 0 or needed > size - stream.tell():
        raise ValueError(f"its shape is {shape} of {dtype}, but it holds {size - stream.tell()} bytes")
    return shape, by_columns, dtype, stream.tell()
