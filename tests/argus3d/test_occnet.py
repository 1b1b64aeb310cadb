"""pointcloud.npz and points.npz of others: both forms of occupancies, and everything that is refused."""

import zipfile
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus3d.data.formats import occnet
from argus3d.data.formats.occnet import by_number, checked_pictures, is_picture, read_sampled
from argus3d.errors import UserError
from tests.argus3d.mix_files import JPG, PNG, cloud, npz, queries

GOOD = np.array([[0.5, 0, 0], [-0.5, 0.1, 0]], dtype=np.float32)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("packed", [True, False])
def test_what_was_stored_comes_back(dtype: type, packed: bool) -> None:
    found = read_sampled(cloud(3, dtype=dtype), queries(3, dtype=dtype, packed=packed), "x")
    with np.load(BytesIO(cloud(3, dtype=dtype))) as arrays:
        np.testing.assert_array_equal(found.points, arrays["points"].astype(np.float32))
        assert found.normals is not None
        np.testing.assert_array_equal(found.normals, arrays["normals"].astype(np.float32))
    assert {found.points.dtype, found.uniform.dtype} == {np.dtype(np.float32)}
    assert found.inside.dtype == bool and found.inside.shape == (61,)
    expected = np.abs(np.random.default_rng(3).uniform(-0.55, 0.55, (61, 3))).max(axis=1) < 0.3
    np.testing.assert_array_equal(found.inside[:-1], expected[:-1])
    assert found.inside[-1]  # in the last, incomplete byte


@given(st.lists(st.booleans(), min_size=9, max_size=80))
@settings(max_examples=40, deadline=None)
def test_packed_and_plain_occupancies_say_the_same(inside: list[bool]) -> None:
    points = np.zeros((len(inside), 3), dtype=np.float32)
    plain = np.array(inside)
    for form in (np.packbits(inside), plain, plain.astype(np.float32), plain.astype(np.uint8)):
        found = read_sampled(npz(points=GOOD), npz(points=points, occupancies=form), "x")
        assert found.inside.tolist() == inside
        assert found.normals is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "has no array points"),
        ({"points": GOOD[:, :2]}, r"points is float32 \(2, 2\), not floats of shape \(N, 3\)"),
        ({"points": GOOD[:0]}, r"\(0, 3\)"),
        ({"points": GOOD.astype(int)}, "points is int64"),
        ({"points": GOOD * np.nan}, "points holds values that are not finite"),
        ({"points": np.full((2, 3), np.inf, dtype=np.float16)}, "not finite"),
        ({"points": GOOD * 1e9}, r"points lie in -5e\+08 to 5e\+08, past 0.505; normalise"),
        ({"points": GOOD * 2}, "points lie in -1 to 1, past 0.505"),
        ({"points": GOOD * 0.1}, "the longest side is 0.1, not 1"),
        ({"points": GOOD, "normals": GOOD[:1]}, "2 points have 1 normals"),
        ({"points": GOOD, "normals": GOOD * np.nan}, "normals holds values that are not finite"),
        ({"points": GOOD, "normals": GOOD * 100}, "normals lie in"),
        ({"points": np.array([[None] * 3])}, "is damaged .*Python objects"),
    ],
)
def test_impossible_clouds_are_refused(arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=rf"^x/pointcloud\.npz.*{message}"):
        read_sampled(npz(**arrays), queries(), "x")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"points": np.zeros((20, 3))}, "has no array occupancies"),
        ({"occupancies": np.zeros(3)}, "has no array points"),
        ({"points": np.full((20, 3), 0.56), "occupancies": np.zeros(20)}, "past 0.555"),
        ({"points": np.zeros((20, 3)), "occupancies": np.zeros(2, dtype=np.uint8)}, r"20 points, .* uint8 \(2,\)"),
        ({"points": np.zeros((20, 3)), "occupancies": np.zeros(4, dtype=np.uint8)}, r"occupancies uint8 \(4,\)"),
        ({"points": np.zeros((20, 3)), "occupancies": np.zeros(19)}, r"occupancies float64 \(19,\)"),
        ({"points": np.zeros((20, 3)), "occupancies": np.zeros((20, 1))}, r"\(20, 1\)"),
        ({"points": np.zeros((20, 3)), "occupancies": np.full(20, 0.5)}, "other values than 0 and 1"),
        ({"points": np.zeros((20, 3)), "occupancies": np.full(20, np.nan)}, "other values than 0 and 1"),
        ({"points": np.zeros((20, 3)), "occupancies": np.full(20, "a")}, "other values than 0 and 1"),
    ],
)
def test_impossible_queries_are_refused(arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=rf"^x/points\.npz.*{message}"):
        read_sampled(cloud(), npz(**arrays), "x")


def test_every_cut_and_every_changed_byte_is_a_sentence_or_a_valid_shape() -> None:
    content = cloud(count=8)
    for length in range(0, len(content), 37):
        with pytest.raises(UserError, match="is damaged"):
            read_sampled(content[:length], queries(), "x")
    for place in range(0, len(content), 7):
        changed = bytes([*content[:place], content[place] ^ 0x55, *content[place + 1 :]])
        try:
            read_sampled(changed, queries(), "x")
        except UserError as error:
            assert "x/pointcloud.npz" in str(error)
    np.save(plain := BytesIO(), GOOD)
    for other in (b"", b"\x93NUMPY", plain.getvalue(), b"PK\x05\x06" + bytes(18)):
        with pytest.raises(UserError, match=r"is damaged|has no array"):
            read_sampled(other, queries(), "x")


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = BytesIO()
    np.savez_compressed(stream, points=np.zeros((1_000_000, 3), dtype=np.float32))
    assert len(stream.getvalue()) < 20_000
    monkeypatch.setattr(occnet, "MAX_ARRAYS", 1_000_000)
    with pytest.raises(UserError, match=r"x/pointcloud\.npz would unpack to 12000128 bytes, more than 1000000"):
        read_sampled(stream.getvalue(), queries(), "x")


def test_an_array_that_claims_to_be_huge_is_a_sentence() -> None:
    lie = BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**13, 3)}
    np.lib.format.write_array_header_1_0(lie, header)
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("points.npy", lie.getvalue() + GOOD.tobytes())
    with pytest.raises(UserError, match=r"x/pointcloud\.npz is damaged \(.*it holds 24 bytes"):
        read_sampled(out.getvalue(), queries(), "x")


def test_pictures_are_known_by_name_and_by_their_first_bytes() -> None:
    names = ["10.png", "2.PNG", "3.jpeg", "1.jpg", "cameras.npz", "png"]
    assert sorted(filter(is_picture, names), key=by_number) == ["1.jpg", "2.PNG", "3.jpeg", "10.png"]
    assert checked_pictures((PNG + b"1", JPG), "x") == (PNG + b"1", JPG)
    assert "x: picture 1 is neither PNG nor JPEG" in str(checked_pictures((PNG, b"GIF89a"), "x"))
