"""What contact sheets are put together from: pictures of samples and of prepared shapes, on tiles."""

import io
import textwrap
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageOps

from argus3d.data.formats.images import image_from_bytes, load_image
from argus3d.data.prepared import PreparedShape
from argus3d.errors import UserError
from eval.sample_folder import SampleRecord

TILE, GAP, LABEL, TITLE, HEAD = 128, 14, 16, 112, 26  # pixels
INK, GREY = (30, 30, 30), (120, 120, 120)
RIGHT_TINT = (226, 236, 247)
MOST_PIXELS = 300_000_000  # of a sheet: 900 MB of memory

Picture = npt.NDArray[np.uint8]  # (H, W, 3)


def paste(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    picture: Picture | None,
    corner: tuple[int, int],
    background: str | tuple[int, int, int],
) -> None:
    """Put a picture on white onto `background`, or the word "empty" where there is none."""
    if picture is None:
        paste_words(sheet, draw, "empty", corner, background)
    else:
        paste_image(sheet, Image.fromarray(picture), corner, background)


def paste_image(
    sheet: Image.Image, picture: Image.Image, corner: tuple[int, int], background: str | tuple[int, int, int]
) -> None:
    """Put a picture on white onto `background`, whole and undistorted."""
    scaled = ImageOps.pad(picture, (TILE, TILE), Image.Resampling.LANCZOS, "white")
    # white turns into the background, and shades keep their depth
    sheet.paste(ImageChops.multiply(scaled, Image.new("RGB", (TILE, TILE), background)), corner)


def paste_words(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    words: str,
    corner: tuple[int, int],
    background: str | tuple[int, int, int],
) -> None:
    """Write words into the middle of a tile, as many as there is room for."""
    x, y = corner
    sheet.paste(Image.new("RGB", (TILE, TILE), background), corner)
    lines = textwrap.wrap(words[:200], 20, max_lines=7, placeholder=" …")
    draw.multiline_text(
        (x + TILE / 2, y + TILE / 2), "\n".join(lines), GREY, ImageFont.load_default(12), "mm", 3, "center"
    )


def blank_sheet(width: int, height: int) -> Image.Image:
    """A white sheet of so many pixels. Raises : UserError for more than MOST_PIXELS"""
    if width * height > MOST_PIXELS:
        raise UserError(
            f"the sheet would have {width:,} x {height:,} pixels, more than {MOST_PIXELS:,}; name some classes by "
            "--category."
        )
    return Image.new("RGB", (width, height), "white")


def shortened(words: str, most: int = 24) -> str:
    """Words of one line that end where a title's or a caption's room does."""
    line = " ".join(words.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def png(sheet: Image.Image) -> bytes:
    """The file of a sheet; the same bytes for the same pixels."""
    content = io.BytesIO()
    sheet.save(content, "png")
    return content.getvalue()


def sample_picture(sample: SampleRecord) -> Picture | None:
    """The picture of a sample, None of an empty one. Raises : UserError for one that is missing or damaged"""
    return load_image(sample.picture) if sample.picture else None


def prepared_picture(prepared: Mapping[str, PreparedShape], item: str) -> Picture:
    """The picture of a prepared shape. Raises : UserError for a shape that is not prepared, or has no picture"""
    if item not in prepared:
        raise UserError(f"{shortened(item, 80)} is not among the prepared shapes; name their folder with --data-root.")
    return image_from_bytes(prepared[item].render(), f"the picture of {item}")
