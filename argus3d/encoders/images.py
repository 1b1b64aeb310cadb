"""Pictures as encoders take them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from argus3d.data.formats.images import WHITE
from argus3d.errors import UserError


def letterboxed(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The whole image, never distorted, in the middle of a white square: (side, side, 3) uint8.

    image : (H, W, 3) uint8

    Raises: UserError for another shape or type.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise UserError(f"an image is (H, W, 3) uint8, not {image.shape} {image.dtype}; `load_image` reads files so.")
    scale = side / max(image.shape[:2])
    height, width = (max(1, round(scale * length)) for length in image.shape[:2])
    canvas = Image.new("RGB", (side, side), WHITE)
    small = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
    canvas.paste(small, ((side - width) // 2, (side - height) // 2))
    return np.asarray(canvas)
