"""Contact sheets of completions and guided samples."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from argus3d.errors import UserError
from eval.report.clouds import draw_cloud
from eval.report.sheets import main
from eval.report.task_sheets import ACROSS, LEFT_TINT
from eval.report.tiles import TILE
from tests.eval.report.test_sheets import picture, prepared_picture

GIVEN, SAMPLE, SHAPE = 30, 60, 90


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two chairs and a lamp, two samples each, one of them empty."""
    records = []
    for shape in ("chair-0", "chair-1", "lamp-0"):
        prepared_picture(tmp_path / "data", shape, SHAPE)
        for number in (1, 0):
            item, empty = f"{shape}-{number}", shape == "lamp-0" and number == 1
            if not empty:
                picture(tmp_path / "folder" / "pictures" / f"{item}.png", SAMPLE)
            category = shape.split("-")[0]
            records.append({"id": item, "category": category, "empty": empty, "shape": shape, "number": number})
    write(tmp_path, records)
    return tmp_path


def write(folder: Path, records: list[dict[str, Any]]) -> None:
    (folder / "folder" / "manifest.json").write_text(json.dumps({"samples": records}))


def records(folder: Path, **given: str) -> None:
    """Say what was given for all samples."""
    path = folder / "folder" / "manifest.json"
    write(folder, [entry | {"given": given} for entry in json.loads(path.read_text())["samples"]])


def sheet(folder: Path, what: str) -> np.ndarray[Any, Any]:
    out = folder / "sheet.png"
    assert main([what, str(folder / "folder"), "--data-root", str(folder / "data"), "--out", str(out)]) == 0
    return np.asarray(Image.open(out)).astype(int)


def grey(pixels: np.ndarray[Any, Any], shade: int) -> int:
    return int((np.abs(pixels - shade).max(axis=2) <= 1).sum())


def test_a_row_a_class_shows_what_was_given_samples_and_the_shape(folder: Path) -> None:
    picture(folder / "folder" / "given" / "any.png", GIVEN)
    records(folder, image="given/any.png", text="not shown where there is a picture")
    pixels = sheet(folder, "guided")
    assert grey(pixels, SAMPLE) >= 3 * TILE**2, "two of a chair, one of the lamp"
    blue_or_grey = np.abs(pixels - np.array([SHAPE, SHAPE, SHAPE]) * [226 / 255, 236 / 255, 247 / 255]).max(axis=2) <= 2
    assert blue_or_grey.sum() >= 2 * TILE**2, "a row a class"
    assert (pixels.max(axis=2) <= GIVEN).sum() >= 2 * TILE**2


def test_words_are_written_where_words_were_given(folder: Path) -> None:
    heights = {}
    for text in ("", "a very " * 40 + "long description"):
        records(folder, **({"text": text} if text else {}))
        heights[text] = sheet(folder, "guided").shape[0]
    assert len(set(heights.values())) == 1, "a long text does not push anything"


def test_parts_are_drawn_in_a_colour_of_their_own(folder: Path) -> None:
    records(folder, part="viewpoint")
    with pytest.raises(UserError, match=r"parts\.npz is missing"):
        sheet(folder, "completions")
    points = np.random.default_rng(0).uniform(-0.3, 0.3, (500, 3)).astype(np.float32)
    np.savez(folder / "folder" / "parts.npz", **{"chair-0": points})
    with pytest.raises(UserError, match="no part of lamp-0"):
        sheet(folder, "completions")
    np.savez(folder / "folder" / "parts.npz", **{"chair-0": points, "lamp-0": points})
    pixels = sheet(folder, "completions")
    assert (pixels[..., 2] > pixels[..., 0] + 60).sum() > 500


def test_only_the_first_samples_are_shown(folder: Path) -> None:
    records(folder)
    narrow = sheet(folder, "guided").shape[1]
    many = []
    for number in range(ACROSS + 5):
        picture(folder / "folder" / "pictures" / f"n{number}.png", SAMPLE)
        many.append({"id": f"n{number}", "category": "chair", "empty": False, "shape": "chair-0", "number": number})
    write(folder, many)
    assert sheet(folder, "guided").shape[1] == narrow + (ACROSS - 2) * TILE


def test_samples_that_name_no_shape_are_refused(folder: Path) -> None:
    write(folder, [{"id": "a", "category": "chair", "empty": True}])
    with pytest.raises(UserError, match="sample a does not say for which shape"):
        sheet(folder, "guided")
    write(folder, [])
    with pytest.raises(UserError, match="with samples"):
        sheet(folder, "guided")


def test_nearer_points_cover_farther_ones() -> None:
    towards = np.array([[0.4, 0.3, 0.5]])
    near, far = (np.asarray(draw_cloud(points)) for points in (towards, -towards))
    assert near[near[..., 0] < 250].astype(int).mean() < far[far[..., 0] < 250].astype(int).mean()
    outside = np.asarray(draw_cloud(np.array([[9.0, 9.0, 9.0]])))
    assert (outside == 255).all()
    line = np.linspace(-1, 1, 50)[:, None] * [np.sin(np.radians(35)), np.tan(np.radians(25)), np.cos(np.radians(35))]
    seen = np.asarray(draw_cloud(line * 0.4))
    assert 0 < (seen[..., 0] < 250).sum() < 40, "a line towards the viewer is a dot"


def test_a_glance_shows_the_first_sample_of_each_class_beside_what_was_given(folder: Path) -> None:
    picture(folder / "folder" / "given" / "any.png", GIVEN)
    records(folder, image="given/any.png")
    out = folder / "glance.png"
    assert main(["glance", str(folder / "folder"), str(folder / "folder"), "--out", str(out)]) == 0
    pixels = np.asarray(Image.open(out)).astype(int)
    tint = [int(GIVEN * shade / 255) for shade in LEFT_TINT]
    given = int((np.abs(pixels - tint).max(axis=2) <= 1).sum())
    assert given == pytest.approx(4 * TILE**2, rel=0.02), "a chair and the lamp, in both lines"
    assert grey(pixels, SAMPLE) == pytest.approx(4 * TILE**2, rel=0.02), "sample 0 of the lamp, not the empty one"
    once = out.read_bytes()
    assert main(["glance", str(folder / "folder"), str(folder / "folder"), "--out", str(out)]) == 0
    assert out.read_bytes() == once


def test_a_glance_at_some_classes(folder: Path) -> None:
    records(folder, text="words")
    widths = {}
    for names in ("chair", "lamp,chair"):
        out = folder / "glance.png"
        assert main(["glance", str(folder / "folder"), "--category", names, "--out", str(out)]) == 0
        widths[names] = Image.open(out).width
    assert widths["lamp,chair"] > widths["chair"]
    with pytest.raises(UserError, match="no sample of cat; its classes: chair, lamp"):
        main(["glance", str(folder / "folder"), "--category", "cat", "--out", str(folder / "glance.png")])


def test_a_glance_of_nothing_is_refused(folder: Path) -> None:
    write(folder, [])
    with pytest.raises(UserError, match="with samples"):
        main(["glance", str(folder / "folder"), "--out", str(folder / "glance.png")])
