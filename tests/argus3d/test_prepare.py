import json
from pathlib import Path

import numpy as np
import pytest

from argus3d.data.prepare import PrepareConfig, prepare
from argus3d.data.prepared import PreparedData
from argus3d.data.splits import ids_sha256, read_part
from argus3d.errors import UserError
from tests.argus3d.balls import SMALL, BallCatalogue


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    prepare(BallCatalogue(), root, SMALL, workers=1)
    return root


def test_the_layout_is_that_of_occupancy_networks(prepared: Path) -> None:
    folder = prepared / "balls" / "chair" / "ball-02"
    with np.load(folder / "points.npz") as points:
        assert points["points"].shape == (400, 3) and points["points"].dtype == np.float16
        assert points["occupancies"].shape == (50,) and points["occupancies"].dtype == np.uint8
    with np.load(folder / "pointcloud.npz") as cloud:
        assert cloud["points"].shape == cloud["normals"].shape == (300, 3)
    assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_occupancy_belongs_to_the_stored_points(prepared: Path) -> None:
    shape = PreparedData(prepared, ["balls"]).shapes["ball-04"]
    for kind in ("uniform", "near"):
        points, inside = shape.occupancy(kind)
        assert (BallCatalogue().shape("ball-04").contains(points.astype(np.float64)) == inside).all()
        assert 0.02 < inside.mean() < 0.98


def test_workers_and_interruptions_change_no_byte(prepared: Path, tmp_path: Path) -> None:
    root = tmp_path / "two"
    prepare(BallCatalogue(count=2), root, SMALL, workers=1)
    (root / "balls" / "manifest.json").unlink()
    half = root / "balls" / "lamp" / "ball-01"
    (half / "record.json").unlink()
    (half / "points.npz").write_bytes(b"cut short")
    prepare(BallCatalogue(), root, SMALL, workers=2)
    assert contents(root) == contents(prepared)


def test_one_bad_shape_stops_nothing_and_is_named(tmp_path: Path) -> None:
    manifest = prepare(BallCatalogue(broken=("ball-01",)), tmp_path, SMALL, workers=1)
    assert manifest["counts"] == {"asked": 6, "found": 5, "failed": 1}
    assert manifest["failed"][0][0] == "ball-01" and "no faces" in manifest["failed"][0][1]
    with pytest.raises(UserError, match=r"1 of 2 shapes are not under .* first ball-01"):
        PreparedData(tmp_path, ["balls"]).select(["ball-00", "ball-01"])


def test_other_settings_do_not_mix(prepared: Path) -> None:
    before = contents(prepared)
    with pytest.raises(UserError, match="prepared with other settings"):
        prepare(BallCatalogue(), prepared, PrepareConfig(surface_points=10), workers=1)
    assert contents(prepared) == before


def test_a_source_that_is_not_prepared_says_how(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="argus3d data prepare balls"):
        PreparedData(tmp_path, ["balls"])


def test_splits_are_checked_at_every_reading(tmp_path: Path) -> None:
    ids = ["a", "b"]
    path = tmp_path / "toy-v1.json"
    path.write_text(json.dumps({"parts": {"test": {"ids": ids, "sha256": ids_sha256(ids)}}}))
    assert read_part(path, "test") == ids
    with pytest.raises(UserError, match="no part 'train'; it has test"):
        read_part(path, "train")
    path.write_text(path.read_text().replace('"b"', '"c"'))
    with pytest.raises(UserError, match="ids of test do not match their sha256"):
        read_part(path, "test")
    with pytest.raises(UserError, match=r"there is no split file .*toy-v2.json"):
        read_part(tmp_path / "toy-v2.json", "test")
