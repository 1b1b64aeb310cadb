"""Contact sheets."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from argus3d.data.formats.images import load_image
from argus3d.errors import UserError
from eval.report.sheets import PAIRS, RIGHT_TINT, TILE, Pair, contact_sheet, main


def picture(path: Path, shade: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), (shade, shade, shade)).save(path)
    return path


def prepared_picture(root: Path, item: str, shade: int) -> None:
    """A prepared shape of which there is nothing but a picture."""
    picture(root / "household" / "any" / item / "render.png", shade)
    ids = sorted(path.name for path in (root / "household" / "any").iterdir())
    manifest = {"shapes": [{"id": found, "category": "any"} for found in ids]}
    (root / "household" / "manifest.json").write_text(json.dumps(manifest))


def sample(item: str, category: str, **facts: Any) -> dict[str, Any]:
    return {"id": item, "category": category, "empty": False, "source": "household", "iou": 0.5} | facts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two chairs, one of them empty, and a lamp; originals of the same ids and one more, which is nearest to all."""
    samples = [sample("chair-0", "chair"), sample("chair-1", "chair", empty=True), sample("lamp-0", "lamp")]
    for item in ("chair-0", "lamp-0"):
        picture(tmp_path / "folder" / "pictures" / f"{item}.png", 50)
    for item in ("chair-0", "chair-1", "lamp-0", "near"):
        prepared_picture(tmp_path / "data", item, 100)
    (tmp_path / "folder" / "manifest.json").write_text(json.dumps({"samples": samples}))
    nearest = {"chair-0": {"id": "near", "distance": 0.001}}
    (tmp_path / "nearest.json").write_text(json.dumps({"nearest": nearest}))
    return tmp_path


def sheet(folder: Path, *words: str) -> Image.Image:
    out = folder / "sheet.png"
    main([words[0], str(folder / "folder"), "--data-root", str(folder / "data"), "--out", str(out), *words[1:]])
    return Image.open(out)


def test_samples_stand_beside_their_nearest(folder: Path) -> None:
    pixels = np.asarray(sheet(folder, "samples", "--nearest", str(folder / "nearest.json"))).reshape(-1, 3)
    plain, tinted = [50, 50, 50], np.round(100 * np.array(RIGHT_TINT) / 255)
    assert np.sum(np.abs(pixels - plain).max(1) <= 1) >= 2 * TILE**2  # two samples
    assert np.sum(np.abs(pixels - tinted).max(1) <= 1) >= TILE**2  # one nearest


def test_reconstructions_stand_beside_originals_a_row_a_class(folder: Path) -> None:
    both = sheet(folder, "reconstructions")
    manifest = folder / "folder" / "manifest.json"
    chairs = [entry for entry in json.loads(manifest.read_text())["samples"] if entry["category"] == "chair"]
    manifest.write_text(json.dumps({"samples": chairs}))
    one = sheet(folder, "reconstructions")
    assert one.width == both.width
    assert one.height < both.height


def test_only_the_first_of_each_class_are_shown_and_sources_take_turns(folder: Path) -> None:
    samples = [sample(f"chair-{n}", "chair") for n in range(PAIRS + 2)]
    samples.append(sample("made", "chair", source="procedural"))
    for entry in samples:
        made = entry["id"] == "made"
        picture(folder / "folder" / "pictures" / f"{entry['id']}.png", 7 if made else 50)
        prepared_picture(folder / "data", entry["id"], 100)
    (folder / "folder" / "manifest.json").write_text(json.dumps({"samples": samples}))
    assert 7 in np.asarray(sheet(folder, "reconstructions"))


def test_the_same_pictures_give_the_same_bytes(folder: Path) -> None:
    rows = {"chair": [Pair(load_image(folder / "folder" / "pictures" / "chair-0.png"), None, "CD 1.0")]}
    once, twice = contact_sheet(rows, ("a", "b")), contact_sheet(rows, ("a", "b"))
    assert once == twice
    assert Image.open(io.BytesIO(once)).info == {}


def test_a_missing_picture_is_named(folder: Path) -> None:
    (folder / "folder" / "pictures" / "lamp-0.png").unlink()
    with pytest.raises(UserError, match=r"lamp-0\.png is missing"):
        sheet(folder, "reconstructions")


def test_an_original_that_is_not_prepared_is_named(folder: Path) -> None:
    (folder / "data" / "household" / "any" / "lamp-0" / "render.png").unlink()
    with pytest.raises(UserError, match=r"lamp-0.render\.png cannot be read"):
        sheet(folder, "reconstructions")


def test_no_shapes_give_no_sheet() -> None:
    with pytest.raises(ValueError, match="no shapes"):
        contact_sheet({}, ("a", "b"))
