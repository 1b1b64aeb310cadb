"""Input that is wrong, or odd: the documented answer, a note, or an error that names set and cloud."""

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from eval.distances.chamfer import chamfer
from eval.distances.emd import emd
from eval.evaluate import evaluate
from eval.protocol import get_protocol

Clouds = npt.NDArray[np.float32]
SMOKE = dataclasses.replace(get_protocol("smoke"), points=64, emd_points=16)
AS_THEY_COME = dataclasses.replace(SMOKE, normalization="none")


def shapes(seed: int, count: int = 20, points: int = 64) -> Clouds:
    """Boxes of random proportions."""
    rng = np.random.default_rng(seed)
    return ((rng.random((count, points, 3)) - 0.5) * rng.uniform(0.2, 1, (count, 1, 3))).astype(np.float32)


def one_changed(clouds: Clouds, factor: float) -> Clouds:
    out = clouds.copy()
    out[7] *= factor
    return out


def test_shapes_in_another_unit_change_nothing_in_boxes_of_their_own() -> None:
    plain, large = evaluate(shapes(0), shapes(1), SMOKE), evaluate(shapes(0) * 1024, shapes(1), SMOKE)
    assert plain.metrics == large.metrics and plain.notes == large.notes


def test_shapes_in_another_unit_are_told_where_sizes_count() -> None:
    result = evaluate(shapes(0) * 1000, shapes(1), AS_THEY_COME)
    assert result.metrics["one_nna_cd"].value == 1
    assert any("median generated shape has side" in note for note in result.notes)
    one = evaluate(one_changed(shapes(0), 1000), shapes(1), AS_THEY_COME)
    assert any("1 generated clouds" in note and "the first, 7," in note for note in one.notes)
    assert not any("unit" in note for note in evaluate(shapes(0), shapes(1), AS_THEY_COME).notes)


def test_one_shape_far_too_large_leaves_the_answers_exact() -> None:
    a, b = one_changed(shapes(0), 1000), shapes(1)
    found = evaluate(a, b, AS_THEY_COME).metrics
    to_each = np.array([[chamfer(x, y) for y in b] for x in a])
    assert found["mmd_cd"].value == pytest.approx(to_each.min(axis=0).mean())
    assert found["cov_cd"].value == len(set(to_each.argmin(axis=1))) / len(b)


def test_clouds_of_one_point() -> None:
    a, b = np.array([[0.0, 0, 0]], np.float32), np.array([[3.0, 4, 0]], np.float32)
    assert chamfer(a, b) == 50 and chamfer(a, b, "l2_mean") == 10 and emd(a, b).value == 5
    single = dataclasses.replace(AS_THEY_COME, points=1, emd_points=1)
    line = np.arange(20, dtype=np.float32)[:, None, None] * np.ones(3, np.float32)
    assert evaluate(line, line + 0.25, single).metrics["mmd_emd"].value == pytest.approx(3**0.5 / 4)
    with pytest.raises(ValueError, match=r"generated: all points of cloud 0 \(00000\) are equal"):
        evaluate(line, line + 0.25, dataclasses.replace(single, normalization="box"))


def test_all_points_equal_where_sizes_count() -> None:
    flat = np.zeros((20, 64, 3), np.float32) + np.arange(20, dtype=np.float32)[:, None, None]
    found = evaluate(flat, flat, AS_THEY_COME).metrics
    assert found["mmd_cd"].value == found["mmd_emd"].value == 0 and found["one_nna_cd"].value == 0


def test_ten_thousand_equal_points() -> None:
    rng = np.random.default_rng(0)
    spread, lump = rng.random((10_001, 3), dtype=np.float32), np.zeros((10_001, 3), np.float32)
    lump[0] = 1
    to_lump = np.minimum((spread**2).sum(axis=1), ((spread - 1) ** 2).sum(axis=1)).mean(dtype=np.float64)
    back = (10_000 * (spread**2).sum(axis=1).min() + ((spread - 1) ** 2).sum(axis=1).min()) / 10_001
    assert chamfer(spread, lump) == pytest.approx(to_lump + back, rel=1e-6)
    lengths, to_one = np.linalg.norm(spread, axis=1), np.linalg.norm(spread - 1, axis=1)
    found, best = emd(spread, lump), (lengths.sum(dtype=np.float64) + (to_one - lengths).min()) / 10_001
    assert found.lower * (1 - 1e-6) <= best <= found.upper * (1 + 1e-6) and found.upper / found.lower < 1.002
    assert chamfer(lump, lump[::-1]) == 0 and emd(lump, lump[::-1]).value == 0


def test_one_shape_again_and_again() -> None:
    tiny = dataclasses.replace(SMOKE, points=8, emd_points=1, interval_repeats=2)
    reference = shapes(1, 300, 8)
    copies = np.repeat(reference[:1], 300, axis=0)
    found = evaluate(copies, reference, tiny).metrics
    assert found["cov_cd"].value == 1 / 300 and found["one_nna_cd"].value > 0.99
