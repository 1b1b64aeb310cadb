"""Image files of people: upright, on white, and refused where they are none."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from argus3d.data.formats.images import image_from_bytes, load_image
from argus3d.encoders.images import letterboxed
from argus3d.errors import UserError

RED = (255, 0, 0)


def file_of(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def claimed(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_every_format(form: str) -> None:
    found = image_from_bytes(file_of(Image.new("RGB", (8, 6), RED), form), "x")
    assert found.shape == (6, 8, 3) and found.dtype == np.uint8
    np.testing.assert_allclose(found.astype(int), np.broadcast_to(RED, (6, 8, 3)), atol=3)


def test_transparency_is_on_white() -> None:
    half = image_from_bytes(file_of(Image.new("RGBA", (2, 2), (0, 0, 0, 128))), "x")
    assert (half == 127).all()
    clear = Image.new("P", (2, 2), 0)
    clear.putpalette([*RED] * 256)
    assert (image_from_bytes(file_of(clear, transparency=0), "x") == 255).all()
    assert (image_from_bytes(file_of(clear), "x") == RED).all()


def test_grey_becomes_rgb() -> None:
    assert (image_from_bytes(file_of(Image.new("L", (2, 2), 77)), "x") == 77).all()
    deep = Image.fromarray(np.full((2, 2), 77 * 257, np.uint16))
    assert (image_from_bytes(file_of(deep), "x") == 77).all()
    assert (image_from_bytes(file_of(Image.new("1", (2, 2), 1)), "x") == 255).all()
    assert image_from_bytes(file_of(Image.new("CMYK", (2, 2)), "JPEG"), "x").shape == (2, 2, 3)


def test_photos_are_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera on its side
    assert image_from_bytes(file_of(Image.new("RGB", (8, 6)), "JPEG", exif=exif), "x").shape == (8, 6, 3)


def test_files_that_are_refused(tmp_path: Path) -> None:
    whole = file_of(Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)))
    files = {
        "text.png": (b"this is a text", "this is no image that can be read"),
        "empty.png": (b"", "the file is empty"),
        "cut.png": (whole[: len(whole) // 2], "the image is broken"),
        "none.png": (claimed(0, 5), "image"),
        "large.png": (claimed(12_000, 9_000), r"has 12,000 x 9,000 pixels, more than the limit of 100,000,000"),
        "bomb.png": (claimed(30_000, 30_000), r"more than 100,000,000 pixels; scale it down"),
        "script.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "this is no image"),
        "real.tiff": (file_of(Image.new("F", (2, 2)), "TIFF"), "8 bits a channel"),
    }
    for name, (content, reason) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f"{name}: .*{reason}") as caught:
            load_image(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="there is no such file"):
        load_image(tmp_path / "missing.png")
    with pytest.raises(UserError, match="there is no such file"):
        load_image(tmp_path)


BROKEN_FILES = [
    file_of(Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 10, 3), np.uint8)), form)
    for form in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(BROKEN_FILES), st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255)), max_size=6), st.data()
)
def test_a_broken_file_is_read_or_refused(content: bytes, changes: list[tuple[int, int]], data: st.DataObject) -> None:
    spoilt = bytearray(content)
    for place, value in changes:
        spoilt[place % len(spoilt)] = value
    spoilt = spoilt[: data.draw(st.integers(0, len(spoilt)))]
    try:
        assert image_from_bytes(bytes(spoilt), "x").dtype == np.uint8
    except UserError as error:
        assert str(error).startswith("x: ") and "\n" not in str(error)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(8, 64))
def test_letterboxing_keeps_the_whole_and_its_proportions(height: int, width: int, side: int) -> None:
    square = letterboxed(np.zeros((height, width, 3), np.uint8), side)
    assert square.shape == (side, side, 3)
    dark = square.max(2) == 0
    rows, columns = int(dark.any(1).sum()), int(dark.any(0).sum())
    assert dark.sum() == rows * columns and max(rows, columns) == side
    assert abs(rows * width - columns * height) <= max(height, width)  # within a pixel, or one pixel thin
    assert (square[~dark] == 255).all()


def test_a_square_of_the_size_is_untouched() -> None:
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(letterboxed(image, 32), image)
