import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import trimesh
from PIL import Image

from argus3d.cli import main
from argus3d.data.prepare import prepare
from argus3d.data.prepare_views import prepare_views
from argus3d.data.prepared import PreparedData
from argus3d.data.splits import write_split
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
    for lost in ("003.png", "cameras.npz"):
        (folder / "img" / lost).unlink()
        prepare_views(catalogue, tmp_path, engine=local(1))
        assert contents(tmp_path) == before, lost


def test_some_shapes_alone_get_views_and_the_others_later(tmp_path: Path) -> None:
    catalogue = BallCatalogue()
    prepare(catalogue, tmp_path, SMALL, engine=local(1))
    ids = list(PreparedData(tmp_path).shapes)
    listed = prepare_views(catalogue, tmp_path, local(1), only=[ids[1], "of-another-source"], listing="views-few.json")
    assert listed["counts"]["asked"] == 1 and (tmp_path / catalogue.name / "views-few.json").is_file()
    assert [shape.id for shape in PreparedData(tmp_path).shapes.values() if shape.has_views] == [ids[1]]
    assert not (tmp_path / catalogue.name / "views.json").exists()
    prepare_views(catalogue, tmp_path, local(1))
    assert all(shape.has_views for shape in PreparedData(tmp_path).shapes.values())


def test_what_was_made_from_shapes_stays_newer_than_their_list(tmp_path: Path) -> None:
    """Else `make` would sample and measure all anew after pictures were added."""
    catalogue, manifest = BallCatalogue(count=3), tmp_path / "balls" / "manifest.json"
    prepare(catalogue, tmp_path, SMALL, engine=local(1))
    os.utime(manifest, (1000, 1000))
    prepare(catalogue, tmp_path, SMALL, engine=local(1))
    assert manifest.stat().st_mtime == 1000
    before = manifest.read_bytes()
    manifest.write_bytes(before + b" ")
    prepare(catalogue, tmp_path, SMALL, engine=local(1))
    assert manifest.read_bytes() == before and manifest.stat().st_mtime > 1000


def test_some_shapes_of_packs_are_refused(tmp_path: Path) -> None:
    prepare(BallCatalogue(), tmp_path, SMALL, engine=local(1), packed=True)
    with pytest.raises(UserError, match=r"lies in packs, which get the pictures of all their shapes; say --views\."):
        prepare_views(BallCatalogue(), tmp_path, local(1), only=["ball-01"])


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


def test_the_command_draws_the_parts_that_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / "mine" / "box").mkdir(parents=True, exist_ok=True)
        trimesh.creation.box((1, 2, 3)).export(tmp_path / "mine" / "box" / f"{name}.ply")
    points = [f"--{kind}-points=256" for kind in ("surface", "uniform", "near")]
    command = ["data", "prepare", "folder", "--path", str(tmp_path / "mine"), "--root", str(tmp_path / "data"), *points]
    assert main(command) == 0
    first, *others = PreparedData(tmp_path / "data").shapes
    write_split(tmp_path / "own-v1.json", "own-v1", 1, "by hand", {"shown": [first], "other": others})
    assert main([*command, "--views-of", str(tmp_path / "own-v1.json" / "shown")]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["views"] == {"asked": 1, "found": 1, "failed": 0}
    assert [shape.id for shape in PreparedData(tmp_path / "data").shapes.values() if shape.has_views] == [first]
    assert main([*command, "--views-of", str(tmp_path / "own-v1.json" / "none")]) == 1
    assert "own-v1.json has no part 'none'; it has other, shown." in capsys.readouterr().err
