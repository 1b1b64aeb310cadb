"""Normalisation: what each name does."""

import numpy as np
import pytest

from eval.normalize import normalize, normalize_pairs

CLOUDS = (np.random.default_rng(0).random((3, 50, 3)) * [1, 2, 4] + 7).astype(np.float32)


def test_box() -> None:
    found = normalize(CLOUDS, "box")
    assert found.dtype == np.float32
    assert (found.max(axis=1) + found.min(axis=1)) == pytest.approx(np.zeros((3, 3)), abs=1e-6)
    assert (found.max(axis=1) - found.min(axis=1)).max(axis=1) == pytest.approx(np.ones(3))


def test_unit_sphere_and_none() -> None:
    found = normalize(CLOUDS, "unit_sphere")
    assert np.linalg.norm(found, axis=2).max(axis=1) == pytest.approx(np.ones(3))
    assert found.mean(axis=1) == pytest.approx(np.zeros((3, 3)), abs=1e-6)
    assert (normalize(CLOUDS, "none") == CLOUDS).all()


def test_place_and_size_of_a_cloud_do_not_matter() -> None:
    assert normalize(CLOUDS * 3 - 5, "box") == pytest.approx(normalize(CLOUDS, "box"), abs=1e-5)


def test_pairs_move_by_the_reference_and_keep_a_misplacement() -> None:
    moved, reference = normalize_pairs(CLOUDS + 4, CLOUDS, "box")
    assert (reference == normalize(CLOUDS, "box")).all()
    size = (CLOUDS.max(axis=1) - CLOUDS.min(axis=1)).max(axis=1)
    assert (moved - reference) == pytest.approx(np.broadcast_to((4 / size)[:, None, None], moved.shape), rel=1e-4)


def test_mistakes_are_named() -> None:
    clouds = CLOUDS.copy()
    clouds[1] = 3
    with pytest.raises(ValueError, match="generated: all points of cloud 1 are equal"):
        normalize(clouds, "box", "generated")
    with pytest.raises(ValueError, match="choose one of box"):
        normalize(CLOUDS, "Box")
