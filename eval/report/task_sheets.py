"""Contact sheets of tasks: what was given, the samples made of it, and the shape that it was taken from."""

import io
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from eval.report.clouds import draw_cloud
from eval.report.tiles import (
    GAP,
    GREY,
    HEAD,
    INK,
    RIGHT_TINT,
    TILE,
    TITLE,
    Picture,
    original,
    paste,
    paste_image,
    paste_words,
    read_json,
    sample_picture,
)

ACROSS = 6  # samples of a shape: the first, not the finest
PARTS = "parts.npz"
LEFT_TINT = (243, 243, 238)

Records = list[dict[str, Any]]


def task_sheet(folder: Path, originals: dict[str, Picture]) -> bytes:
    """PNG of a row a class: of its first shape what was given, then samples, then the shape itself.

    folder : of samples whose manifest says for which shape each was made
    originals : pictures of prepared shapes
    Raises : ValueError for samples that do not say it, FileNotFoundError for a picture that is missing
    """
    rows = _first_of_each_class(folder)
    across = min(ACROSS, max(map(len, rows.values())))
    width, height = TITLE + (across + 2) * TILE + 2 * GAP, HEAD + len(rows) * (TILE + GAP)
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(14), ImageFont.load_default(11)
    places = [TITLE, *(TITLE + GAP + (1 + place) * TILE for place in range(across)), width - TILE]
    headings = ["given", *(f"sample {place + 1}" for place in range(across)), "the shape"]
    for x, heading in zip(places, headings, strict=True):
        draw.text((x + TILE / 2, HEAD / 2), heading, GREY, small, "mm")
    for number, (category, records) in enumerate(rows.items()):
        y = HEAD + number * (TILE + GAP)
        draw.text((8, y + TILE / 2), category, INK, font, "lm")
        paste_given(sheet, draw, folder, records[0], (places[0], y))
        for x, record in zip(places[1:-1], records, strict=False):
            paste(sheet, draw, sample_picture(folder, record), (x, y), "white")
        paste(sheet, draw, original(originals, str(records[0]["shape"])), (places[-1], y), RIGHT_TINT)
    content = io.BytesIO()
    sheet.save(content, "png")
    return content.getvalue()


def _first_of_each_class(folder: Path) -> dict[str, Records]:
    """Class -> the samples of the first shape of it, by number."""
    found: dict[str, Records] = defaultdict(list)
    shapes: dict[str, str] = {}
    for record in read_json(folder / "manifest.json")["samples"]:
        if "shape" not in record or "number" not in record:
            raise ValueError(f"{folder}: sample {record['id']} does not say for which shape it was made")
        category = str(record["category"] or "no class")
        if shapes.setdefault(category, record["shape"]) == record["shape"]:
            found[category].append(record)
    if not found:
        raise ValueError(f"{folder}: no samples, so no contact sheet; is the manifest empty?")
    return {category: sorted(found[category], key=lambda record: int(record["number"])) for category in sorted(found)}


def paste_given(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, folder: Path, record: dict[str, Any], corner: tuple[int, int]
) -> None:
    """The part as a cloud, else the picture, else the words; nothing was given: a word that says so."""
    given = record.get("given") or {}
    if "part" in given:
        paste_image(sheet, draw_cloud(_part(folder, str(record["shape"]))), corner, LEFT_TINT)
    elif "image" in given:
        paste(sheet, draw, folder / str(given["image"]), corner, LEFT_TINT)
    else:
        paste_words(sheet, draw, str(given.get("text") or given.get("category") or "nothing"), corner, LEFT_TINT)


def _part(folder: Path, shape: str) -> Any:
    path = folder / PARTS
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; make the folder again")
    with np.load(path, allow_pickle=False) as parts:
        if shape not in parts:
            raise ValueError(f"{path} has no part of {shape}; make the folder again")
        return parts[shape]
