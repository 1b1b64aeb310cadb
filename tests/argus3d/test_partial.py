import numpy as np
import pytest

from argus3d.data.partial import KEPT, bottom_half, random_viewpoint


@pytest.fixture
def cloud() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (1000, 3)).astype(np.float16)


def rows(points: np.ndarray) -> set[tuple[float, ...]]:
    return {tuple(row) for row in points.tolist()}


@pytest.mark.parametrize("kept", [0.25, 0.5, 1.0])
def test_a_viewpoint_keeps_its_share_of_the_points(cloud: np.ndarray, kept: float) -> None:
    part = random_viewpoint(cloud, np.random.default_rng(1), kept)
    assert part.shape == (round(1000 * kept), 3) and part.dtype == cloud.dtype
    assert rows(part) <= rows(cloud)


def test_what_is_kept_is_nearer_to_the_viewpoint_than_what_is_not(cloud: np.ndarray) -> None:
    direction = np.random.default_rng(3).standard_normal(3)
    viewpoint = direction / np.linalg.norm(direction)
    part = random_viewpoint(cloud, np.random.default_rng(3), 0.4)
    left = [row for row in cloud.tolist() if tuple(row) not in rows(part)]
    distances = [np.linalg.norm(np.array(points, np.float64) - viewpoint, axis=1) for points in (part, left)]
    assert distances[0].max() <= distances[1].min()


def test_the_share_is_drawn_between_a_quarter_and_three_quarters(cloud: np.ndarray) -> None:
    shares = [len(random_viewpoint(cloud, np.random.default_rng(seed))) / 1000 for seed in range(50)]
    assert KEPT[0] <= min(shares) < 0.35 and 0.65 < max(shares) <= KEPT[1]


def test_the_same_stream_gives_the_same_part_and_another_one_another(cloud: np.ndarray) -> None:
    first, again, other = (random_viewpoint(cloud, np.random.default_rng(seed), 0.5) for seed in (4, 4, 5))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_the_bottom_half_is_below_the_middle(cloud: np.ndarray) -> None:
    part = bottom_half(cloud + np.float16(0.1))
    assert 400 < len(part) < 600
    middle = (cloud[:, 1].max() + cloud[:, 1].min()) / 2 + 0.1
    assert part[:, 1].max() <= middle + 1e-3
    assert len(bottom_half(np.zeros((5, 3)))) == 5, "a flat shape has no other half"
