"""Contact sheets: pictures in pairs, a row a class, from folders of samples and prepared data."""

import argparse
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageDraw, ImageFont

from argus3d.data.files import write_atomically
from argus3d.data.prepared import PreparedShape
from eval.nearest_file import Nearest, read_nearest
from eval.report.glance import glance_sheet
from eval.report.task_sheets import task_sheet
from eval.report.tiles import (
    GAP,
    GREY,
    HEAD,
    INK,
    LABEL,
    RIGHT_TINT,
    TILE,
    TITLE,
    Picture,
    blank_sheet,
    paste,
    png,
    prepared_picture,
    sample_picture,
    shortened,
)
from eval.sample_folder import SampleRecord, of_classes, read_samples
from eval.sources import prepared_shapes

PAIRS = 5  # of each class: the first of the manifest, not the finest


@dataclass(frozen=True)
class Pair:
    """Two pictures side by side, None where there is no shape, and a line below them."""

    left: Picture | None
    right: Picture | None
    caption: str


def main(argv: Sequence[str]) -> int:
    """`argus3d-eval sheet`: samples beside what they are to be compared with."""
    parser = argparse.ArgumentParser(prog="argus3d-eval sheet", description="Contact sheets of folders of samples.")
    what = parser.add_subparsers(required=True, metavar="WHAT", dest="what")
    samples = what.add_parser("samples", help="each sample beside its nearest training shape")
    samples.add_argument("--nearest", type=Path, required=True, help="JSON of argus3d-eval nearest")
    back = what.add_parser("reconstructions", help="each reconstruction beside the shape it was made from")
    done = what.add_parser("completions", help="parts, their completions and the shapes they were cut from")
    led = what.add_parser("guided", help="texts, pictures or classes, samples guided by them, and the shapes described")
    for command in (samples, back, done, led):
        command.add_argument("folder", type=Path, help="folder of samples with manifest.json and pictures")
        command.add_argument("--data-root", type=Path, required=True, help="folder of prepared data")
    glance = what.add_parser("glance", help="a line a folder: what was given beside what came, for a few classes")
    glance.add_argument("folder", type=Path, nargs="+", help="folders of samples with manifest.json and pictures")
    for command, default in ((samples, "all"), (back, "all"), (done, "all"), (led, "all"), (glance, "a few")):
        command.add_argument("--category", metavar="A,B", help=f"these classes (default: {default})")
        command.add_argument("--out", type=Path, required=True, help="a .png")
    arguments = parser.parse_args(argv)
    write_atomically(arguments.out, _drawn(arguments))
    return 0


def _drawn(arguments: argparse.Namespace) -> bytes:
    classes = arguments.category.split(",") if arguments.category else ()
    if arguments.what == "glance":
        return glance_sheet(arguments.folder, classes)
    samples, prepared = of_classes(read_samples(arguments.folder), classes), prepared_shapes(arguments.data_root)
    if arguments.what in ("completions", "guided"):
        return task_sheet(samples, prepared)
    if arguments.what == "samples":
        rows = sample_rows(samples, read_nearest(arguments.nearest), prepared)
        return contact_sheet(rows, ("sample", "nearest in training"))
    return contact_sheet(reconstruction_rows(samples, prepared), ("reconstruction", "original"))


def sample_rows(
    samples: Sequence[SampleRecord], nearest: Mapping[str, Nearest], prepared: Mapping[str, PreparedShape]
) -> dict[str, list[Pair]]:
    """Class -> its first samples with their nearest training shapes; below them the Chamfer distance."""

    def pair(sample: SampleRecord) -> Pair:
        found = nearest.get(sample.id)
        right = prepared_picture(prepared, found.id) if found else None
        return Pair(sample_picture(sample), right, f"CD {found.distance:.4f}" if found else "")

    return _rows(samples, pair)


def reconstruction_rows(
    samples: Sequence[SampleRecord], prepared: Mapping[str, PreparedShape]
) -> dict[str, list[Pair]]:
    """Class -> its first reconstructions, sources in turn, with their originals; below them the IoU."""

    def pair(sample: SampleRecord) -> Pair:
        caption = f"IoU {sample.measured('iou'):.2f} {sample.source}"
        return Pair(sample_picture(sample), prepared_picture(prepared, sample.id), caption)

    return _rows(_in_turn(samples), pair)


def contact_sheet(rows: dict[str, list[Pair]], headings: tuple[str, str]) -> bytes:
    """PNG of titled rows of pairs; `headings` stand above the left and the right of each. The same bytes every time.

    Raises : ValueError for no rows at all
    """
    if not rows:
        raise ValueError("no shapes, so no contact sheet; is the manifest empty?")
    across = max(len(pairs) for pairs in rows.values())
    line = TILE + LABEL
    sheet = blank_sheet(TITLE + across * (2 * TILE + GAP), HEAD + len(rows) * (line + GAP))
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(14), ImageFont.load_default(11)
    for place in range(across):
        x = TITLE + place * (2 * TILE + GAP)
        for heading, start in zip(headings, (x, x + TILE), strict=True):
            draw.text((start + TILE / 2, HEAD / 2), heading, GREY, small, "mm")
    for number, (title, pairs) in enumerate(rows.items()):
        y = HEAD + number * (line + GAP)
        draw.text((8, y + TILE / 2), shortened(title), INK, font, "lm")
        for place, pair in enumerate(pairs):
            x = TITLE + place * (2 * TILE + GAP)
            paste(sheet, draw, pair.left, (x, y), "white")
            paste(sheet, draw, pair.right, (x + TILE, y), RIGHT_TINT)
            draw.text((x + TILE, y + TILE + LABEL / 2), shortened(pair.caption, 48), GREY, small, "mm")
    return png(sheet)


def _rows(samples: Sequence[SampleRecord], pair: Callable[[SampleRecord], Pair]) -> dict[str, list[Pair]]:
    rows: dict[str, list[Pair]] = defaultdict(list)
    for sample in samples:
        if len(rows[sample.title]) < PAIRS:
            rows[sample.title].append(pair(sample))
    return dict(sorted(rows.items()))


def _in_turn(samples: Sequence[SampleRecord]) -> list[SampleRecord]:
    """Samples with the sources of each class taking turns."""
    turns: dict[tuple[str, str], int] = defaultdict(int)
    placed = []
    for sample in samples:
        key = (sample.category, sample.source)
        placed.append((turns[key], sample))
        turns[key] += 1
    return [sample for _, sample in sorted(placed, key=lambda entry: entry[0])]
