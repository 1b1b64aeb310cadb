"""All tasks at a glance: a line a folder of samples, in it what was given beside what came, for a few classes."""

from collections.abc import Sequence
from pathlib import Path

from PIL import ImageDraw, ImageFont

from eval.report.task_sheets import paste_given
from eval.report.tiles import GAP, GREY, INK, LABEL, TILE, blank_sheet, paste, png, sample_picture, shortened
from eval.sample_folder import SampleRecord, of_classes, read_samples

ACROSS = 5  # shapes of a line


def glance_sheet(folders: Sequence[Path], classes: Sequence[str] = ()) -> bytes:
    """PNG with a line a folder: its title above pairs of what was given and the first sample; always the same bytes.

    folders : of samples; their names are the titles
    classes : of each the first sample, never the finest; by default a few evenly through the alphabet
    Raises : UserError for a folder without samples, or without one of a class, or a picture that is missing
    """
    lines = [_shown(folder, classes) for folder in folders]
    across = max(map(len, lines))
    height = LABEL + GAP // 2 + TILE + LABEL + GAP
    sheet = blank_sheet(GAP + across * (2 * TILE + GAP), GAP + len(lines) * height)
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(14), ImageFont.load_default(11)
    for number, (folder, samples) in enumerate(zip(folders, lines, strict=True)):
        y = GAP + number * height
        draw.text((GAP, y + LABEL / 2), shortened(folder.name.replace("_", " "), 80), INK, font, "lm")
        y += LABEL + GAP // 2
        for place, sample in enumerate(samples):
            x = GAP + place * (2 * TILE + GAP)
            paste_given(sheet, draw, sample, (x, y))
            paste(sheet, draw, sample_picture(sample), (x + TILE, y), "white")
            draw.text((x + TILE * 1.5, y + TILE + LABEL / 2), shortened(sample.title), GREY, small, "mm")
    return png(sheet)


def _shown(folder: Path, classes: Sequence[str]) -> list[SampleRecord]:
    """The first sample of each class to be shown; one that says of nothing given was made by its class."""
    first: dict[str, SampleRecord] = {}
    for sample in sorted(of_classes(read_samples(folder), classes), key=lambda sample: sample.number):
        said = {"given": {"category": sample.category}} | dict(sample.said)
        first.setdefault(sample.title, SampleRecord(folder, said))
    every, count = sorted(first), min(ACROSS, len(first))
    return [first[name] for name in classes or (every[place * len(every) // count] for place in range(count))]
