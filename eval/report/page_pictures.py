"""Pictures inside the page: figures as they are, contact sheets made smaller."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from argus3d.data.formats.images import image_from_bytes
from argus3d.errors import UserError

TYPES = {".png": "png", ".svg": "svg+xml", ".webp": "webp", ".jpg": "jpeg"}
LONGEST = 16_383  # pixels of a side that WebP has room for
SHEET_QUALITY = 72  # of WebP; shaded shapes keep their edges, and a sheet takes a sixth of its PNG
# What a picture shows, by how its name ends; the numbers and names in it are also in the page's tables.
SHOWS = {
    "bench-metrics": "seconds of metrics against the number of shapes, and of a distance against the number of points",
    "bench-sampling": "seconds a shape and tokens a second against the number of shapes in a batch",
    "codes": "how often the shapes of each set use each code, the most used first",
    "graph": "the shortest tree over generated and reference shapes of each set, its edges by the sets that they join",
    "sensitivity": "how far each metric moves when one choice of the protocol is another",
    "sweeps": "metrics against guidance scale and against which tokens are drawn, on validation shapes",
    "ablations-size": "metrics of small models against their size",
    "ablations-data": "metrics of small models against the share of the training shapes that they saw",
    "metrics": "each metric of each row with its interval; bands from floor and ceiling, a dotted line at the ideal",
    "glance": "for each task, what was given beside the first sample, for a few classes",
    "samples": "a row a class: its first samples, each beside its nearest training shape",
    "reconstructions": "a row a class: reconstructed test shapes, each beside its original",
    "by-category": "samples asked for by class, beside the shapes whose class it is",
    "by-text": "samples asked for by words, beside the shapes described",
    "by-image": "samples asked for by a picture, beside the shapes pictured",
    "by-nothing": "samples asked for by nothing, beside shapes drawn at random",
    "complete-viewpoint": "parts seen from one side, their completions, and the whole shapes",
    "complete-bottom": "lower parts, their completions, and the whole shapes",
    "nano-training": "what validation said of a training, against the minutes spent",
}


@dataclass(frozen=True)
class Picture:
    """A picture in the page: `source` is a data URI, `alt` says what it shows."""

    title: str
    alt: str
    source: str
    width: int | None
    height: int | None


def figure(path: Path) -> Picture:
    """A figure, byte for byte.

    Raises : UserError for a file that is missing, or no picture that browsers show
    """
    if path.suffix not in TYPES:
        raise UserError(f"{path}: pictures of the page are {', '.join(TYPES)}")
    content = _read(path)
    pixels = None if path.suffix == ".svg" else image_from_bytes(content, str(path))
    return _picture(path, content, TYPES[path.suffix], pixels)


def sheet(path: Path) -> Picture:
    """A contact sheet as WebP, the same bytes for the same picture and library.

    Raises : UserError for a file that is missing, or no picture
    """
    pixels = image_from_bytes(_read(path), str(path))
    if max(pixels.shape) > LONGEST:
        raise UserError(f"{path} has a side of {max(pixels.shape):,} pixels, more than {LONGEST:,}; draw fewer shapes.")
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "webp", quality=SHEET_QUALITY, method=6)
    return _picture(path, stream.getvalue(), "webp", pixels)


def _picture(path: Path, content: bytes, kind: str, pixels: NDArray[np.uint8] | None) -> Picture:
    title = path.stem.replace("-", " ").replace("_", " ")
    shows = next((words for end, words in SHOWS.items() if path.stem.endswith(end)), "")
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    height, width = (None, None) if pixels is None else pixels.shape[:2]
    return Picture(title, f"{title}: {shows}" if shows else title, source, width, height)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise UserError(f"{path} is missing; draw it first, or leave it out.")
    return path.read_bytes()
