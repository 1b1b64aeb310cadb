"""JSD and distances of features in results: what they are taken of, and their intervals."""

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from eval.cloud_metrics import cloud_metrics
from eval.features import load
from eval.metrics.frechet import frechet_distance, kernel_distance
from eval.metrics.jsd import jsd
from eval.normalize import normalize
from eval.protocol import get_protocol

Clouds = npt.NDArray[np.float32]
SMOKE = get_protocol("smoke")
NETWORK = load()


def shapes(seed: int, count: int = 24, points: int = 128) -> Clouds:
    """Boxes of random proportions, each of longest side 1."""
    rng = np.random.default_rng(seed)
    clouds = (rng.random((count, points, 3)) - 0.5) * rng.uniform(0.2, 1, (count, 1, 3))
    return normalize(clouds.astype(np.float32), "box")


def test_values_are_those_of_the_functions() -> None:
    g, r = shapes(0), shapes(1)
    found, notes = cloud_metrics(g, r, SMOKE)
    assert found["jsd"].value == jsd(g, r, ball=False).value and not notes
    features = NETWORK.features(g), NETWORK.features(r)
    assert found[f"frechet_{NETWORK.name}"].value == frechet_distance(*features)
    assert found[f"kernel_{NETWORK.name}"].value == kernel_distance(*features)
    for entry in found.values():
        assert entry.low <= entry.value <= entry.high and entry.direction == "lower"


@pytest.mark.parametrize(("normalization", "ball"), [("box_2", False), ("unit_sphere", True)])
def test_every_normalisation_fills_the_lattice(normalization: str, ball: bool) -> None:
    g, r = (normalize(shapes(seed), normalization) for seed in (0, 1))
    protocol = dataclasses.replace(SMOKE, normalization=normalization)
    assert cloud_metrics(g, r, protocol)[0]["jsd"].value == jsd(g / 2, r / 2, ball).value


def test_clouds_outside_the_ball_are_told() -> None:
    protocol = dataclasses.replace(SMOKE, normalization="none")
    found, notes = cloud_metrics(shapes(0) * 2, shapes(1), protocol)
    assert "jsd" in found and any("generated points lie outside the ball" in note for note in notes)
    found, notes = cloud_metrics(shapes(0) + 9, shapes(1), protocol)
    assert "jsd" not in found and any("no jsd: generated: no point of cloud 0" in note for note in notes)


def test_a_cloud_without_size_has_no_features() -> None:
    flat = shapes(0)
    flat[5] = 0
    found, notes = cloud_metrics(flat, shapes(1), dataclasses.replace(SMOKE, normalization="none"))
    assert list(found) == ["jsd"] and any("no distances of features: generated" in note for note in notes)


def test_few_shapes_have_no_intervals() -> None:
    found, _ = cloud_metrics(shapes(0, 6), shapes(1, 6), SMOKE)
    assert all(np.isnan(entry.low) and not np.isnan(entry.value) for entry in found.values())


def test_intervals_cover_the_mean() -> None:
    # Of sets this size: of a few dozen shapes JSD nears its largest value, and halves tell too little of its spread.
    few = dataclasses.replace(SMOKE, interval_repeats=20)
    pairs = [(shapes(2 * seed, 64), shapes(2 * seed + 1, 64) * np.float32(0.8)) for seed in range(40)]
    found = [cloud_metrics(g, r, few)[0] for g, r in pairs]
    for key in ("jsd", f"kernel_{NETWORK.name}"):
        mean = np.mean([entry[key].value for entry in found])
        assert np.mean([entry[key].low <= mean <= entry[key].high for entry in found]) >= 0.9, key
