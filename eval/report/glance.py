"""All tasks at a glance: a line a folder of samples, in it what was given beside what came, for a few classes."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from eval.report.task_sheets import paste_given
from eval.report.tiles import GAP, GREY, INK, LABEL, TILE, paste, read_json, sample_picture

ACROSS = 5  # shapes of a line

Record = dict[str, Any]


def glance_sheet(folders: Sequence[Path], classes: Sequence[str] = ()) -> bytes:
    """PNG with a line a folder: its title above pairs of what was given and the first sample; always the same bytes.

    folders : of samples; their names are the titles
    classes : of each the first sample, never the finest; by default a few evenly through the alphabet
    Raises : ValueError for a folder without samples, or without one of a class; FileNotFoundError for a picture that is
        missing
    """
    lines = [_shown(folder, classes) for folder in folders]
    across = max(map(len, lines))
    height = LABEL + GAP // 2 + TILE + LABEL + GAP
    sheet = Image.new("RGB", (GAP + across * (2 * TILE + GAP), GAP + len(lines) * height), "white")
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(14), ImageFont.load_default(11)
    for number, (folder, records) in enumerate(zip(folders, lines, strict=True)):
        y = GAP + number * height
        draw.text((GAP, y + LABEL / 2), folder.name.replace("_", " "), INK, font, "lm")
        y += LABEL + GAP // 2
        for place, record in enumerate(records):
            x = GAP + place * (2 * TILE + GAP)
            paste_given(sheet, draw, folder, record, (x, y))
            paste(sheet, draw, sample_picture(folder, record), (x + TILE, y), "white")
            draw.text((x + TILE * 1.5, y + TILE + LABEL / 2), str(record["category"]), GREY, small, "mm")
    content = io.BytesIO()
    sheet.save(content, "png")
    return content.getvalue()


def _shown(folder: Path, classes: Sequence[str]) -> list[Record]:
    """The first sample of each class to be shown; one that says of nothing given was made by its class."""
    first: dict[str, Record] = {}
    for record in sorted(read_json(folder / "manifest.json")["samples"], key=lambda record: record.get("number", 0)):
        first.setdefault(str(record["category"]), {"given": {"category": record["category"]}} | record)
    if not first:
        raise ValueError(f"{folder}: no samples, so no contact sheet; is the manifest empty?")
    if missing := [name for name in classes if name not in first]:
        raise ValueError(f"{folder} has no sample of {missing[0]}; its classes: {', '.join(sorted(first))}")
    every, count = sorted(first), min(ACROSS, len(first))
    return [first[name] for name in classes or (every[place * len(every) // count] for place in range(count))]
