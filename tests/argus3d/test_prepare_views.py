import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from argus3d.data.prepare import prepare
from argus3d.data.prepare_views import prepare_views
from argus3d.data.prepared import PreparedData
from argus3d.engine import local
from argus3d.errors import UserError
from tests.argus3d.balls import SMALL, BallCatalogue
from tests.argus3d.test_prepare import DrawnBalls, contents

FEW = replace(SMALL, surface_points=200, uniform_points=300)


def test_twelve_views_stand_beside_each_shape_and_resume(tmp_path: Path) -> None:
    catalogue = BallCatalogue(count=3)
    prepare(catalogue, tmp_path, SMALL, engine=local(1))
    listed = prepare_views(catalogue, tmp_path, engine=local(1))
    assert listed["counts"] == {"asked": 3, "found": 3, "failed": 0}
    views = PreparedData(tmp_path).shapes["ball-01"].views()
    assert len(views) == 12 and Image.open(io.BytesIO(views[0])).size == (224, 224)
    before = contents(tmp_path)
    folder = tmp_path / "balls" / "lamp" / "ball-01"
    (folder / "views.json").unlink()
    (folder / "img" / "003.png").write_bytes(b"cut short")
    prepare_views(catalogue, tmp_path, engine=local(2))
    assert contents(tmp_path) == before


def test_packs_hold_the_same_views(tmp_path: Path) -> None:
    catalogue = BallCatalogue(count=3, broken=("ball-02",))
    for name, packed in (("loose", False), ("packed", True)):
        prepare(catalogue, tmp_path / name, SMALL, engine=local(1), packed=packed)
        assert prepare_views(catalogue, tmp_path / name, engine=local(1))["counts"]["asked"] == 2
    loose, packs = (PreparedData(tmp_path / name).shapes["ball-00"] for name in ("loose", "packed"))
    assert loose.views() == packs.views() and len(packs.views()) == 12
    assert loose.place.read("img/cameras.npz") == packs.place.read("img/cameras.npz")


@pytest.mark.parametrize("packed", [False, True])
def test_a_source_of_samples_brings_its_own_views(tmp_path: Path, packed: bool) -> None:
    prepare(DrawnBalls(), tmp_path, FEW, engine=local(1), packed=packed)
    prepare_views(DrawnBalls(), tmp_path, engine=local(1))
    assert PreparedData(tmp_path).shapes["ball-04"].views() == [b"front", b"side"]


def test_shapes_without_pictures_are_named(tmp_path: Path) -> None:
    class Blind(DrawnBalls):
        def views(self, ids):  # type: ignore[no-untyped-def]
            yield from ((item_id, (b"front",)) for item_id in ids if item_id != "ball-05")

    prepare(Blind(), tmp_path, FEW, engine=local(1))
    listed = prepare_views(Blind(), tmp_path, engine=local(1))
    assert listed["failed"] == [["ball-05", "ball-05: drawn has no pictures of it."]]
    assert PreparedData(tmp_path).shapes["ball-05"].views() == []


def test_views_want_prepared_shapes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="argus3d data prepare balls"):
        prepare_views(BallCatalogue(), tmp_path, engine=local(1))
