"""Image files of people as arrays: one way to read them, and to refuse what is no picture."""

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from argus3d.data.formats.gltf import BROKEN
from argus3d.errors import UserError, raise_if_machine

MAX_PIXELS = 100_000_000  # 300 MB as an array; a few kB of a file may claim many times that
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # others may start programs, as EPS does
_AT_ONCE = 4_000_000  # pixels
WHITE = (255, 255, 255)


def load_image(path: Path) -> NDArray[np.uint8]:
    """An image file as (H, W, 3) uint8, upright, on white where it is transparent; of an animation the first frame.

    Raises: UserError for a file that is missing, no image, cut off, or of more than `MAX_PIXELS`.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; give the path of an image.")
    return image_from_bytes(path.read_bytes(), str(path))


def image_from_bytes(content: bytes, name: str) -> NDArray[np.uint8]:
    """The content of an image file as `load_image` gives it; `name` is what errors call it.

    Raises: as `load_image`.
    """
    if not content:
        raise UserError(f"{name}: the file is empty; give an image such as a PNG or a JPEG.")
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UserError(
                    f"{name}: the image has {image.width:,} x {image.height:,} pixels, more than the limit of "
                    f"{MAX_PIXELS:,}; scale it down."
                )
            ImageOps.exif_transpose(image, in_place=True)
            return _on_white(image, name)
    except UnidentifiedImageError as error:
        raise UserError(f"{name}: this is no image that can be read; give a PNG or a JPEG.") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"{name}: the image has more than {MAX_PIXELS:,} pixels; scale it down.") from error
    except (*BROKEN, SyntaxError, EOFError) as error:  # Pillow has no one error for broken files
        raise_if_machine(error, name)
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{name}: the image is broken ({reason}); save it again.") from error


def _on_white(image: Image.Image, name: str) -> NDArray[np.uint8]:
    """The image as (H, W, 3); some rows at once, since copies of a large one are larger than itself."""
    if image.mode == "F":
        raise UserError(f"{name}: an image of real numbers has no known white; save it with 8 bits a channel.")
    image.load()
    found = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, _AT_ONCE // image.width)
    for start in range(0, image.height, rows):
        end = min(start + rows, image.height)
        found[start:end] = np.asarray(_rgb(image.crop((0, start, image.width, end))))
    return found


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip to 8
        image = Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) // 257).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    canvas = Image.new("RGBA", image.size, (*WHITE, 255))
    return Image.alpha_composite(canvas, image).convert("RGB")
