"""Shapes as pictures in a notebook."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from argus3d.generator import Sample
from argus3d.render import Model, render
from eval.nearest_file import Nearest

Picture = npt.NDArray[np.uint8]

SIZE, CAPTION = 160, 18  # pixels
INK = (60, 60, 60)
AZIMUTH, ELEVATION = 35.0, 25.0  # degrees, as all pictures of shapes are drawn
FRAME_MILLISECONDS, COLOURS = 90, 64


def picture(sample: Sample, size: int = SIZE) -> Picture:
    """A shape from the usual side, (size, size, 3) uint8; white where it is empty."""
    if sample.empty:
        return np.full((size, size, 3), 255, np.uint8)
    return render(sample.vertices, sample.faces, size, AZIMUTH, ELEVATION)


def grid(samples: Sequence[Sample], columns: int = 6, captions: Sequence[str] = ()) -> Image.Image:
    """Shapes in rows of `columns`, each over its caption.

    captions : one a shape; none at all for their ids
    Raises : ValueError for no shapes, or another number of captions
    """
    return sheet([picture(sample) for sample in samples], columns, captions or [sample.id for sample in samples])


def sheet(pictures: Sequence[Picture], columns: int, captions: Sequence[str]) -> Image.Image:
    """Pictures of one size, (H, W, 3) uint8, in rows of `columns`, each over its caption. Raises: ValueError"""
    if not pictures or len(pictures) != len(captions):
        raise ValueError(f"{len(pictures)} pictures and {len(captions)} captions; give as many of both, at least one")
    height, width, _ = pictures[0].shape
    columns, line = min(columns, len(pictures)), height + CAPTION
    image = Image.new("RGB", (columns * width, -(-len(pictures) // columns) * line), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    for place, (one, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = place % columns * width, place // columns * line
        image.paste(Image.fromarray(one), (x, y))
        draw.text((x + width / 2, y + height + CAPTION / 2), caption, INK, font, "mm")
    return image


def turning(sample: Sample, frames: int = 24, size: int = 2 * SIZE) -> bytes:
    """A GIF of a shape that turns once about the vertical.

    Raises : ValueError for an empty shape
    """
    if sample.empty:
        raise ValueError(f"{sample.id} is empty, there is nothing to turn; take another")
    model = Model.from_mesh(sample.vertices, sample.faces)
    turns = (AZIMUTH + 360 * frame / frames for frame in range(frames))
    first, *others = [Image.fromarray(model.seen_from(turn, ELEVATION, size)).quantize(COLOURS) for turn in turns]
    content = io.BytesIO()
    first.save(content, "gif", save_all=True, append_images=others, duration=FRAME_MILLISECONDS, loop=0)
    return content.getvalue()


def beside_nearest(
    samples: Sequence[Sample], training: Sequence[Sample], nearest: Mapping[str, Nearest], columns: int = 6
) -> Image.Image:
    """Each shape above its nearest training shape, with their Chamfer distance, and the p-value of being no copy.

    nearest : by id of the sample, see `eval.nearest.nearest_training_shapes`; samples that it lacks are left out
    """
    by_id = {shape.id: shape for shape in training}
    found = [(sample, nearest[sample.id]) for sample in samples if sample.id in nearest]
    pairs = [np.concatenate([picture(sample), picture(by_id[one.id])]) for sample, one in found]
    words = [f"CD {one.distance:.4f}" + ("" if one.p_value is None else f", p {one.p_value:.2f}") for _, one in found]
    return sheet(pairs, columns, words)
