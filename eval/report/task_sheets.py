"""Contact sheets of tasks: what was given, the samples made of it, and the shape that it was taken from."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from argus3d.data.formats.images import load_image
from argus3d.data.prepared import PreparedShape
from eval.report.clouds import draw_cloud
from eval.report.tiles import (
    GAP,
    GREY,
    HEAD,
    INK,
    RIGHT_TINT,
    TILE,
    TITLE,
    blank_sheet,
    paste,
    paste_image,
    paste_words,
    png,
    prepared_picture,
    sample_picture,
    shortened,
)
from eval.sample_folder import SampleRecord, read_parts

ACROSS = 6  # samples of a shape: the first, not the finest
LEFT_TINT = (243, 243, 238)


def task_sheet(samples: Sequence[SampleRecord], prepared: Mapping[str, PreparedShape]) -> bytes:
    """PNG of a row a class: of its first shape what was given, then samples, then the shape itself.

    samples : of a manifest that says for which shape each was made
    Raises : UserError for samples that do not say it, or a picture that is missing
    """
    rows = _first_of_each_class(samples)
    across = min(ACROSS, max(map(len, rows.values())))
    width, height = TITLE + (across + 2) * TILE + 2 * GAP, HEAD + len(rows) * (TILE + GAP)
    sheet = blank_sheet(width, height)
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(14), ImageFont.load_default(11)
    places = [TITLE, *(TITLE + GAP + (1 + place) * TILE for place in range(across)), width - TILE]
    headings = ["given", *(f"sample {place + 1}" for place in range(across)), "the shape"]
    for x, heading in zip(places, headings, strict=True):
        draw.text((x + TILE / 2, HEAD / 2), heading, GREY, small, "mm")
    for number, (title, records) in enumerate(rows.items()):
        y = HEAD + number * (TILE + GAP)
        draw.text((8, y + TILE / 2), shortened(title), INK, font, "lm")
        paste_given(sheet, draw, records[0], (places[0], y))
        for x, record in zip(places[1:-1], records, strict=False):
            paste(sheet, draw, sample_picture(record), (x, y), "white")
        paste(sheet, draw, prepared_picture(prepared, records[0].shape), (places[-1], y), RIGHT_TINT)
    return png(sheet)


def _first_of_each_class(samples: Sequence[SampleRecord]) -> dict[str, list[SampleRecord]]:
    """Class -> the samples of the first shape of it, by number."""
    found: dict[str, list[SampleRecord]] = defaultdict(list)
    shapes: dict[str, str] = {}
    for sample in samples:
        if shapes.setdefault(sample.title, sample.shape) == sample.shape:
            found[sample.title].append(sample)
    return {title: sorted(found[title], key=lambda sample: sample.number) for title in sorted(found)}


def paste_given(sheet: Image.Image, draw: ImageDraw.ImageDraw, sample: SampleRecord, corner: tuple[int, int]) -> None:
    """The part as a cloud, else the picture, else the words; nothing was given: a word that says so."""
    given = sample.given
    if "part" in given:
        part = read_parts(sample.folder, [sample.shape])[sample.shape]
        paste_image(sheet, draw_cloud(part), corner, LEFT_TINT)
    elif "image" in given:
        paste(sheet, draw, load_image(sample.given_image), corner, LEFT_TINT)
    else:
        paste_words(sheet, draw, given.get("text") or given.get("category") or "nothing", corner, LEFT_TINT)
