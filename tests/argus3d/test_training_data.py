"""Shapes as training reads them: from memory or from the disk."""

from pathlib import Path

import numpy as np
import pytest
import torch

from argus3d.data.files import npz
from argus3d.data.prepare import prepare
from argus3d.data.prepared import PreparedData
from argus3d.engine import local
from argus3d.errors import UserError
from argus3d.train.data import Augmentation, OccupancyData, normalised
from tests.argus3d.balls import SMALL, BallCatalogue


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    prepare(BallCatalogue(), folder, SMALL, engine=local(1))
    return folder


def test_shapes_that_do_not_fit_in_memory_give_the_same_batches(root: Path) -> None:
    shapes = list(PreparedData(root, ["balls"]).shapes.values())
    held, read = OccupancyData(shapes), OccupancyData(shapes, held_bytes=1000)
    assert held._held is not None and read._held is None
    for seed in range(3):
        first, second = (
            data.batch(np.array([4, 0, 5]), 50, 60, Augmentation(yaw=30), np.random.default_rng(seed))
            for data in (held, read)
        )
        assert all(torch.equal(mine, other) for mine, other in zip(first, second, strict=True))


def test_shapes_without_queries_near_the_surface_give_uniform_ones(root: Path) -> None:
    shape = PreparedData(root, ["balls"]).shapes["ball-03"]
    record = {**shape.record, "sha256": {k: v for k, v in shape.record["sha256"].items() if "near" not in k}}
    data = OccupancyData([type(shape)(record, shape.place)])
    stored = data.shape(0)
    assert np.array_equal(stored.near, stored.uniform) and np.array_equal(stored.near_inside, stored.uniform_inside)
    still = Augmentation(scale=0, mirror_x=False, mirror_z=False)
    batch = data.batch(np.array([0]), 50, 60, still, np.random.default_rng(0))
    known = {tuple(row) for row in stored.uniform.astype(np.float32).round(4).tolist()}
    assert {tuple(row) for row in batch.queries[0].numpy().round(4).tolist()} <= known


@pytest.mark.parametrize("yaw", [0.0, 90.0])
def test_a_changed_cloud_has_longest_side_1_again(root: Path, yaw: float) -> None:
    rng = np.random.default_rng(1)
    stored = OccupancyData(list(PreparedData(root, ["balls"]).shapes.values())).shape(1)
    for _ in range(5):
        matrix = Augmentation(scale=0.4, scaled_share=1, yaw=yaw).matrix(rng)
        changed = stored.cloud.astype(np.float64) @ normalised(stored, matrix)
        assert np.ptp(changed, axis=0).max() == pytest.approx(1, abs=1e-2)


def test_a_turn_keeps_heights_and_is_no_larger_than_asked() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        matrix = Augmentation(mirror_x=False, mirror_z=False, scaled_share=0, yaw=20).matrix(rng)
        assert np.allclose(matrix @ matrix.T, np.eye(3)) and np.allclose(matrix[1], [0, 1, 0])
        assert np.degrees(np.arccos(matrix[0, 0])) <= 20 + 1e-6


def test_files_are_read_when_they_are_asked_for(root: Path) -> None:
    shapes = list(PreparedData(root, ["balls"]).shapes.values())
    data = OccupancyData(shapes, held_bytes=0)
    path = root / "balls" / shapes[2].category / shapes[2].id / "pointcloud.npz"
    before = path.read_bytes()
    path.write_bytes(npz({"points": np.full((300, 3), 0.25, np.float16)}))
    try:
        assert (data.shape(2).cloud == 0.25).all()
    finally:
        path.write_bytes(before)


def test_more_queries_than_are_stored_are_refused(root: Path) -> None:
    data = OccupancyData(list(PreparedData(root, ["balls"]).shapes.values()))
    with pytest.raises(UserError, match=r"100000 queries of each kind .* 400 uniform and 200 near"):
        data.batch(np.array([0]), 10, 100_000, Augmentation(), np.random.default_rng(0))
