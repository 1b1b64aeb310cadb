"""Contact sheets: pictures in pairs, a row a class, from folders of samples and prepared data."""

import argparse
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFont

from eval.report.output import write_whole

TILE, GAP, LABEL, TITLE, HEAD = 128, 14, 16, 112, 26  # pixels
PAIRS = 5  # of each class: the first of the manifest, not the finest
INK, GREY = (30, 30, 30), (120, 120, 120)
RIGHT_TINT = (226, 236, 247)


Picture = Path | zipfile.Path


@dataclass(frozen=True)
class Pair:
    """Two pictures side by side, None where there is no shape, and a line below them."""

    left: Picture | None
    right: Picture | None
    caption: str


def main(argv: Sequence[str]) -> int:
    """`argus3d-eval sheet`: samples beside their nearest training shapes, or reconstructions beside originals."""
    parser = argparse.ArgumentParser(prog="argus3d-eval sheet", description="Contact sheets of folders of samples.")
    what = parser.add_subparsers(required=True, metavar="WHAT", dest="what")
    samples = what.add_parser("samples", help="each sample beside its nearest training shape")
    samples.add_argument("--nearest", type=Path, required=True, help="JSON of argus3d-eval nearest")
    back = what.add_parser("reconstructions", help="each reconstruction beside the shape it was made from")
    for command in (samples, back):
        command.add_argument("folder", type=Path, help="folder of samples with manifest.json and pictures")
        command.add_argument("--data-root", type=Path, required=True, help="folder of prepared data")
        command.add_argument("--out", type=Path, required=True, help="a .png")
    arguments = parser.parse_args(argv)
    originals = _pictures(arguments.data_root)
    if arguments.what == "samples":
        nearest = _read(arguments.nearest)["nearest"]
        rows = sample_rows(arguments.folder, nearest, originals)
        headings = ("sample", "nearest in training")
    else:
        rows = reconstruction_rows(arguments.folder, originals)
        headings = ("reconstruction", "original")
    write_whole(arguments.out, contact_sheet(rows, headings))
    return 0


def sample_rows(folder: Path, nearest: dict[str, Any], originals: dict[str, Picture]) -> dict[str, list[Pair]]:
    """Class -> its first samples with their nearest training shapes; below them the Chamfer distance."""

    def pair(sample: dict[str, Any]) -> Pair:
        found = nearest.get(sample["id"])
        right = _original(originals, found["id"]) if found else None
        return Pair(_picture(folder, sample), right, f"CD {found['distance']:.4f}" if found else "")

    return _rows(_read(folder / "manifest.json")["samples"], pair)


def reconstruction_rows(folder: Path, originals: dict[str, Picture]) -> dict[str, list[Pair]]:
    """Class -> its first reconstructions, sources in turn, with their originals; below them the IoU."""

    def pair(sample: dict[str, Any]) -> Pair:
        caption = f"IoU {sample['iou']:.2f} {sample['source']}"
        return Pair(_picture(folder, sample), _original(originals, sample["id"]), caption)

    return _rows(_in_turn(_read(folder / "manifest.json")["samples"]), pair)


def contact_sheet(rows: dict[str, list[Pair]], headings: tuple[str, str]) -> bytes:
    """PNG of titled rows of pairs; `headings` stand above the left and the right of each. The same bytes every time.

    Raises : ValueError for no rows at all
    """
    if not rows:
        raise ValueError("no shapes, so no contact sheet; is the manifest empty?")
    across = max(len(pairs) for pairs in rows.values())
    line = TILE + LABEL
    sheet = Image.new("RGB", (TITLE + across * (2 * TILE + GAP), HEAD + len(rows) * (line + GAP)), "white")
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(14), ImageFont.load_default(11)
    for place in range(across):
        x = TITLE + place * (2 * TILE + GAP)
        for heading, start in zip(headings, (x, x + TILE), strict=True):
            draw.text((start + TILE / 2, HEAD / 2), heading, GREY, small, "mm")
    for number, (title, pairs) in enumerate(rows.items()):
        y = HEAD + number * (line + GAP)
        draw.text((8, y + TILE / 2), title, INK, font, "lm")
        for place, pair in enumerate(pairs):
            x = TITLE + place * (2 * TILE + GAP)
            _paste(sheet, draw, pair.left, (x, y), "white")
            _paste(sheet, draw, pair.right, (x + TILE, y), RIGHT_TINT)
            draw.text((x + TILE, y + TILE + LABEL / 2), pair.caption, GREY, small, "mm")
    content = io.BytesIO()
    sheet.save(content, "png")
    return content.getvalue()


def _paste(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    path: Picture | None,
    corner: tuple[int, int],
    background: str | tuple[int, int, int],
) -> None:
    """Put a picture on white onto `background`, or the word "empty" where there is none."""
    x, y = corner
    tile = Image.new("RGB", (TILE, TILE), background)
    if path is not None:
        with path.open("rb") as stream, Image.open(stream) as picture:
            scaled = picture.convert("RGB").resize((TILE, TILE), Image.Resampling.LANCZOS)
        # white turns into the background, and shades keep their depth
        tile = ImageChops.multiply(scaled, tile)
    sheet.paste(tile, corner)
    if path is None:
        draw.text((x + TILE / 2, y + TILE / 2), "empty", GREY, ImageFont.load_default(12), "mm")


def _rows(samples: Sequence[dict[str, Any]], pair: Callable[[dict[str, Any]], Pair]) -> dict[str, list[Pair]]:
    rows: dict[str, list[Pair]] = defaultdict(list)
    for sample in samples:
        if len(rows[sample["category"]]) < PAIRS:
            rows[sample["category"]].append(pair(sample))
    return dict(sorted(rows.items()))


def _in_turn(samples: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Samples with the sources of each class taking turns."""
    turns: dict[tuple[str, str], int] = defaultdict(int)
    placed = []
    for sample in samples:
        key = (sample["category"], sample["source"])
        placed.append((turns[key], sample))
        turns[key] += 1
    return [sample for _, sample in sorted(placed, key=lambda entry: entry[0])]


def _picture(folder: Path, sample: dict[str, Any]) -> Path | None:
    if sample["empty"]:
        return None
    path = folder / "pictures" / f"{sample['id']}.png"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; make the folder again")
    return path


def _pictures(data_root: Path) -> dict[str, Picture]:
    """Id -> picture of every prepared shape, drawn like the samples, from folders and packs."""
    found: dict[str, Picture] = {path.parent.name: path for path in sorted(data_root.glob("*/*/*/render.png"))}
    for pack in map(zipfile.ZipFile, sorted(data_root.glob("*/packs/*.zip"))):
        names = (name for name in pack.namelist() if name.endswith("/render.png"))
        found |= {name.split("/")[-2]: zipfile.Path(pack, name) for name in names}
    return found


def _original(originals: dict[str, Picture], item: str) -> Picture:
    if item not in originals:
        raise FileNotFoundError(f"there is no picture of {item} in the prepared data; prepare it again")
    return originals[item]


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; make it first")
    return dict(json.loads(path.read_text()))
