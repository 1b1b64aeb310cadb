"""What contact sheets are put together from: pictures of samples and of prepared shapes, on tiles."""

import json
import textwrap
import zipfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageOps

TILE, GAP, LABEL, TITLE, HEAD = 128, 14, 16, 112, 26  # pixels
INK, GREY = (30, 30, 30), (120, 120, 120)
RIGHT_TINT = (226, 236, 247)

Picture = Path | zipfile.Path


def paste(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    path: Picture | None,
    corner: tuple[int, int],
    background: str | tuple[int, int, int],
) -> None:
    """Put a picture on white onto `background`, or the word "empty" where there is none."""
    if path is None:
        paste_words(sheet, draw, "empty", corner, background)
        return
    with path.open("rb") as stream, Image.open(stream) as picture:
        paste_image(sheet, picture.convert("RGB"), corner, background)


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
    lines = textwrap.wrap(words, 20, max_lines=7, placeholder=" …")
    draw.multiline_text(
        (x + TILE / 2, y + TILE / 2), "\n".join(lines), GREY, ImageFont.load_default(12), "mm", 3, "center"
    )


def sample_picture(folder: Path, sample: dict[str, Any]) -> Path | None:
    """The picture of a sample of a manifest, None of an empty one. Raises: FileNotFoundError"""
    if sample["empty"]:
        return None
    path = folder / "pictures" / f"{sample['id']}.png"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; make the folder again")
    return path


def prepared_pictures(data_root: Path) -> dict[str, Picture]:
    """Id -> picture of every prepared shape, drawn like the samples, from folders and packs."""
    found: dict[str, Picture] = {path.parent.name: path for path in sorted(data_root.glob("*/*/*/render.png"))}
    for pack in map(zipfile.ZipFile, sorted(data_root.glob("*/packs/*.zip"))):
        names = (name for name in pack.namelist() if name.endswith("/render.png"))
        found |= {name.split("/")[-2]: zipfile.Path(pack, name) for name in names}
    return found


def original(originals: dict[str, Picture], item: str) -> Picture:
    """The picture of a prepared shape. Raises: FileNotFoundError"""
    if item not in originals:
        raise FileNotFoundError(f"there is no picture of {item} in the prepared data; prepare it again")
    return originals[item]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises: FileNotFoundError"""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; make it first")
    return dict(json.loads(path.read_text()))
