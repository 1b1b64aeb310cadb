"""pointcloud.npz and points.npz as Occupancy Networks wrote them, checked before anything is believed."""

import io
import re
import zipfile
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from argus3d.data.arrays import read_npz
from argus3d.data.catalogue import Sampled
from argus3d.errors import UserError, raise_if_machine

_PICTURE_STARTS = {".png": b"\x89PNG\r\n\x1a\n", ".jpg": b"\xff\xd8\xff", ".jpeg": b"\xff\xd8\xff"}
CLOUD, QUERIES = "pointcloud.npz", "points.npz"
MAX_ARRAYS = 256 << 20  # bytes of a file's arrays unpacked: 100,000 points with normals are 2.4 MB
_SURFACE = 0.505  # half a side of 1, and what rounding to float16 may add
_BOX = 0.555
_LEAST_SIDE = 0.5  # of the cloud's box: a shape within a ball of diameter 1 has more than 1 / sqrt(3)


def read_sampled(cloud: bytes, queries: bytes, name: str) -> Sampled:
    """The shape of the two files' contents.

    cloud : pointcloud.npz with `points` (N, 3) in [-0.5, 0.5] and, mostly, `normals` (N, 3)
    queries : points.npz with `points` (Q, 3) in [-0.55, 0.55] and `occupancies`, (Q,) or packed to bits, high bit first
    name : of the shape, for errors
    returns : points, normals and uniform in float32

    Raises UserError for a damaged or oversized file, missing or misshapen arrays, values that are not finite or lie
    out of range, and a cloud too small for a normalised shape.
    """
    surface = _arrays(cloud, f"{name}/{CLOUD}")
    points = _vectors(surface, "points", f"{name}/{CLOUD}", _SURFACE)
    side = float(np.ptp(points, axis=0).max())
    if side < _LEAST_SIDE:
        raise UserError(f"{name}/{CLOUD}: the longest side is {side:.3g}, not 1; normalise the shape.")
    normals = _vectors(surface, "normals", f"{name}/{CLOUD}", 1.01) if "normals" in surface else None
    if normals is not None and len(normals) != len(points):
        raise UserError(f"{name}/{CLOUD}: {len(points)} points have {len(normals)} normals; make the file again.")
    asked = _arrays(queries, f"{name}/{QUERIES}")
    uniform = _vectors(asked, "points", f"{name}/{QUERIES}", _BOX)
    return Sampled(points, normals, uniform, _inside(asked, len(uniform), f"{name}/{QUERIES}"))


def is_picture(name: str) -> bool:
    """Whether a file is a PNG or JPEG by its name."""
    return PurePosixPath(name).suffix.lower() in _PICTURE_STARTS


def by_number(name: str) -> list[tuple[int, str]]:
    """Sorts 2.png before 10.png."""
    return [(int(digits or -1), text) for digits, text in re.findall(r"(\d+)|(\D+)", name)]


def checked_pictures(contents: tuple[bytes, ...], name: str) -> tuple[bytes, ...] | UserError:
    """The pictures of a shape, if each begins as PNG or JPEG files do."""
    for number, content in enumerate(contents):
        if not content.startswith(tuple(_PICTURE_STARTS.values())):
            return UserError(f"{name}: picture {number} is neither PNG nor JPEG; fetch it again.")
    return contents


def _arrays(content: bytes, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz that are read here; no object is unpickled, and no more is unpacked than the limit."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_ARRAYS:
            raise UserError(f"{name} would unpack to {size} bytes, more than {MAX_ARRAYS}; it is not read.")
        return read_npz(content, ("points", "normals", "occupancies"))
    except UserError:
        raise
    except Exception as error:  # zipfile stumbles over damaged bytes in many ways
        raise_if_machine(error, name)
        raise UserError(f"{name} is damaged ({type(error).__name__}: {error}); fetch it again.") from error


def _vectors(arrays: dict[str, NDArray[Any]], key: str, name: str, limit: float) -> NDArray[np.float32]:
    """(N, 3) float32 of an array with all values finite and at most `limit` from 0."""
    if key not in arrays:
        raise UserError(f"{name} has no array {key}; it is not of the layout of Occupancy Networks.")
    values = arrays[key]
    if values.ndim != 2 or values.shape[1] != 3 or len(values) == 0 or values.dtype.kind != "f":
        raise UserError(f"{name}: {key} is {values.dtype} {values.shape}, not floats of shape (N, 3); make it again.")
    with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
        values = np.ascontiguousarray(values, dtype=np.float32)  # first: numpy is slow in float16
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UserError(f"{name}: {key} holds values that are not finite; make the file again.")
    if max(-low, high) > limit:
        raise UserError(f"{name}: {key} lie in {low:.4g} to {high:.4g}, past {limit:g}; normalise the shape.")
    return values


def _inside(arrays: dict[str, NDArray[Any]], count: int, name: str) -> NDArray[np.bool_]:
    """(Q,) bool of occupancies as they are or packed to bits."""
    if "occupancies" not in arrays:
        raise UserError(f"{name} has no array occupancies; it is not of the layout of Occupancy Networks.")
    values = arrays["occupancies"]
    if values.dtype == np.uint8 and values.shape == (-(-count // 8),):
        return np.unpackbits(values)[:count].astype(bool)
    if values.shape != (count,):
        raise UserError(f"{name}: {count} points, occupancies {values.dtype} {values.shape}; make the file again.")
    if values.dtype.kind not in "buif" or not np.isin(values, (0, 1)).all():
        raise UserError(f"{name}: occupancies hold other values than 0 and 1; make the file again.")
    return values.astype(bool)
