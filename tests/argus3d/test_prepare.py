import io
import json
import os
import pickle
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from argus3d.data.catalogue import Archived, Item, Sampled
from argus3d.data.prepare import prepare
from argus3d.data.prepared import PreparedData
from argus3d.data.shape_files import PrepareConfig
from argus3d.data.splits import ids_sha256, read_part
from argus3d.engine import local
from argus3d.errors import UserError
from tests.argus3d.balls import SMALL, Ball, BallCatalogue


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    prepare(BallCatalogue(), root, SMALL, engine=local(1))
    return root


@dataclass(frozen=True)
class DrawnBalls:
    """Balls that come sampled, in two archives of three; `broken` ones are damaged, `gone` archives are missing."""

    broken: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    points: int = 350
    name: str = "drawn"

    def items(self) -> list[Item]:
        return BallCatalogue().items()

    def portions(self) -> list[tuple[str, list[str]]]:
        ids = [item.id for item in self.items()]
        return [("000-000", ids[2::-1]), ("000-001", ids[3:])]

    def samples(self, ids: Sequence[str]) -> Iterator[tuple[str, Sampled | UserError]]:
        for item_id in ids:
            if item_id in self.broken or any(item_id in held for name, held in self.portions() if name in self.gone):
                yield item_id, UserError(f"{item_id}: damaged; fetch it again.")
                continue
            ball, rng = Ball(0.15 + 0.05 * int(item_id[-2:])), np.random.default_rng(int(item_id[-2:]))
            points, normals = ball.surface(self.points, rng)
            uniform = rng.uniform(-0.55, 0.55, (500, 3))
            yield item_id, Sampled(points, normals, uniform, ball.contains(uniform))

    def views(self, ids: Sequence[str]) -> Iterator[tuple[str, tuple[bytes, ...] | UserError]]:
        yield from ((item_id, (b"front", b"side")) for item_id in ids)


class BareBalls(DrawnBalls):
    """Without normals."""

    def samples(self, ids: Sequence[str]) -> Iterator[tuple[str, Sampled | UserError]]:
        for item_id, sampled in super().samples(ids):
            yield item_id, sampled if isinstance(sampled, UserError) else replace(sampled, normals=None)


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
    prepare(BallCatalogue(count=2), root, SMALL, engine=local(1))
    (root / "balls" / "manifest.json").unlink()
    half = root / "balls" / "lamp" / "ball-01"
    (half / "record.json").unlink()
    (half / "points.npz").write_bytes(b"cut short")
    prepare(BallCatalogue(), root, SMALL, engine=local(2))
    assert contents(root) == contents(prepared)


@pytest.mark.parametrize("catalogue", [BallCatalogue(count=2), DrawnBalls()])
def test_a_finished_shape_of_which_a_file_is_gone_is_made_again(
    catalogue: BallCatalogue | DrawnBalls, tmp_path: Path
) -> None:
    config = replace(SMALL, surface_points=200, uniform_points=300)
    prepare(catalogue, tmp_path, config, engine=local(1))
    before, other = contents(tmp_path), tmp_path / catalogue.name / "chair" / "ball-00" / "points.npz"
    kept, folder = other.stat().st_mtime_ns, tmp_path / catalogue.name / "lamp" / "ball-01"
    for lost in [path.name for path in folder.iterdir() if path.name != "record.json"]:
        (folder / lost).unlink()
        prepare(catalogue, tmp_path, config, engine=local(1))
        assert contents(tmp_path) == before, lost
    for lost in ("render.png", "picture.png"):
        (folder / lost).unlink()
    prepare(catalogue, tmp_path, config, engine=local(1))
    assert contents(tmp_path) == before and other.stat().st_mtime_ns == kept


def test_a_cloud_without_normals_is_whole_without_pictures(tmp_path: Path) -> None:
    config = replace(SMALL, surface_points=200, uniform_points=300)
    prepare(BareBalls(), tmp_path, config, engine=local(1))
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("pointcloud.npz")}
    prepare(BareBalls(), tmp_path, config, engine=local(1))
    assert not list(tmp_path.rglob("*.png"))
    assert {path: path.stat().st_mtime_ns for path in times} == times, "what is whole is not made again"


def test_packs_hold_the_same_shapes_as_folders(prepared: Path, tmp_path: Path) -> None:
    prepare(BallCatalogue(), tmp_path, SMALL, engine=local(1), packed=True)
    pack = tmp_path / "balls" / "packs" / "00000.zip"
    with zipfile.ZipFile(pack) as archive:
        for name in archive.namelist():
            assert archive.read(name) == (prepared / "balls" / name).read_bytes()
        assert len(archive.namelist()) == 6 * 5
    loose, packed = (PreparedData(root, ["balls"]).shapes for root in (prepared, tmp_path))
    assert sorted(loose) == sorted(packed)
    for item_id, shape in packed.items():
        assert (shape.cloud() == loose[item_id].cloud()).all()
        pairs = zip(shape.occupancy("near"), loose[item_id].occupancy("near"), strict=True)
        assert all((a == b).all() for a, b in pairs)
        assert shape.render() == loose[item_id].render()
        assert shape.record == loose[item_id].record | {"pack": "00000.zip"}


def test_interrupted_packs_are_made_again_to_the_same_bytes(tmp_path: Path) -> None:
    catalogue = DrawnBalls()
    config = replace(SMALL, surface_points=200, uniform_points=300)
    whole = tmp_path / "whole"
    prepare(catalogue, whole, config, engine=local(2), packed=True)
    before = contents(whole)
    for lost in ("drawn/packs/000-001.jsonl", "drawn/packs/000-000.zip", "drawn/manifest.json"):
        (whole / lost).unlink()
        prepare(catalogue, whole, config, engine=local(1), packed=True)
        assert contents(whole) == before


def test_pieces_of_a_pack_are_not_taken_for_it(tmp_path: Path) -> None:
    prepare(BallCatalogue(), tmp_path, SMALL, engine=local(1), packed=True)
    pack = tmp_path / "balls" / "packs" / "00000.zip"
    shape = PreparedData(tmp_path, ["balls"]).shapes["ball-03"]
    content = pack.read_bytes()
    start = content.index(b"lamp/ball-03/pointcloud.npz")
    pack.write_bytes(content[: start + 200] + b"?" + content[start + 201 :])
    with pytest.raises(UserError, match=r"00000\.zip cannot be read \(lamp/ball-03/pointcloud\.npz: .*prepare it"):
        shape.cloud()
    pack.with_suffix(".jsonl").unlink()
    with pytest.raises(UserError, match=r"00000\.jsonl beside it is missing"):
        PreparedData(tmp_path, ["balls"])


@pytest.mark.parametrize("packed", [False, True])
def test_sources_that_come_sampled(tmp_path: Path, packed: bool) -> None:
    catalogue = DrawnBalls(broken=("ball-01",))
    assert isinstance(pickle.loads(pickle.dumps(catalogue)), Archived)
    assert not isinstance(BallCatalogue(), Archived)
    config = replace(SMALL, surface_points=200, uniform_points=300)
    manifest = prepare(catalogue, tmp_path, config, engine=local(1), packed=packed)
    assert manifest["counts"] == {"asked": 6, "found": 5, "failed": 1}
    assert manifest["failed"] == [["ball-01", "ball-01: damaged; fetch it again."]]
    shape = PreparedData(tmp_path, ["drawn"]).shapes["ball-02"]
    source = dict(catalogue.samples(["ball-02"]))["ball-02"]
    assert isinstance(source, Sampled)
    known = {tuple(row) for row in source.points.astype(np.float16)}
    assert len(known & {tuple(row) for row in shape.cloud()}) == 200
    points, inside = shape.occupancy("uniform")
    stored = map(tuple, source.uniform.astype(np.float16))
    truth = dict(zip(stored, source.inside.tolist(), strict=True))
    assert [truth[tuple(row)] for row in points] == inside.tolist()
    assert shape.queries == ("uniform",)
    with pytest.raises(UserError, match=r"points_near\.npz"):
        shape.occupancy("near")


def test_a_cloud_is_drawn_like_the_shape_it_is_of(prepared: Path, tmp_path: Path) -> None:
    prepare(DrawnBalls(points=9000), tmp_path, replace(SMALL, surface_points=8192), engine=local(1))
    cloud = PreparedData(tmp_path).shapes["ball-03"].render()
    mesh = PreparedData(prepared, ["balls"]).shapes["ball-03"].render()
    drawn, truth = (np.asarray(Image.open(io.BytesIO(picture)).convert("L")) < 250 for picture in (cloud, mesh))
    assert (drawn & truth).sum() / (drawn | truth).sum() > 0.9


def test_a_source_with_too_few_samples_says_so(tmp_path: Path) -> None:
    said = "6 of 6 shapes failed .* 6 times 'it holds 100 surface points, 300 are asked for: ask for fewer.'"
    with pytest.raises(UserError, match=said):
        prepare(DrawnBalls(points=100), tmp_path, SMALL, engine=local(1))


def test_a_missing_archive_is_looked_for_again(tmp_path: Path) -> None:
    config = replace(SMALL, surface_points=200, uniform_points=300)
    first = prepare(DrawnBalls(gone=("000-001",)), tmp_path, config, engine=local(1), packed=True)
    assert first["counts"] == {"asked": 6, "found": 3, "failed": 3}
    assert prepare(DrawnBalls(), tmp_path, config, engine=local(1), packed=True)["counts"]["found"] == 6


def test_one_bad_shape_stops_nothing_and_is_named(tmp_path: Path) -> None:
    manifest = prepare(BallCatalogue(broken=("ball-01",)), tmp_path, SMALL, engine=local(1))
    assert manifest["counts"] == {"asked": 6, "found": 5, "failed": 1}
    assert manifest["failed"][0][0] == "ball-01" and "no faces" in manifest["failed"][0][1]
    with pytest.raises(UserError, match=r"1 of 2 shapes are not in .*\(balls\), first ball-01; prepare their source"):
        PreparedData(tmp_path, ["balls"]).select(["ball-00", "ball-01"])
    with pytest.raises(UserError, match=r"1 of 1 shapes are not in .*\(none\), .* with --source \(there are balls\)"):
        PreparedData(tmp_path, []).select(["ball-00"])


class Surprising(BallCatalogue):
    def shape(self, item_id: str) -> Ball:
        if item_id == "ball-03":
            raise ZeroDivisionError("nobody thought of this")
        return super().shape(item_id)


def test_a_failure_that_no_one_thought_of_is_named_too(tmp_path: Path) -> None:
    manifest = prepare(Surprising(), tmp_path, SMALL, engine=local(1))
    assert manifest["failed"] == [["ball-03", "ball-03: ZeroDivisionError: nobody thought of this"]]


def test_too_many_failures_stop_the_run_and_keep_what_is_done(tmp_path: Path) -> None:
    broken = tuple(f"ball-{index:02d}" for index in range(2, 28))
    catalogue = BallCatalogue(count=30, broken=broken)
    with pytest.raises(UserError, match=r"16 of 18 shapes failed \(30 asked\), most often: 16 times 'the mesh has no"):
        prepare(catalogue, tmp_path, SMALL, engine=local(1))
    assert len(list(tmp_path.rglob("record.json"))) == 2
    assert not (tmp_path / "balls" / "manifest.json").exists()
    assert prepare(catalogue, tmp_path, SMALL, engine=local(1), max_failed=0.9)["counts"]["found"] == 4


def test_other_settings_do_not_mix(prepared: Path) -> None:
    before = contents(prepared)
    with pytest.raises(UserError, match="prepared with other settings"):
        prepare(BallCatalogue(), prepared, PrepareConfig(surface_points=10), engine=local(1))
    with pytest.raises(UserError, match="prepared with other settings"):
        prepare(BallCatalogue(), prepared, SMALL, engine=local(1), packed=True)
    assert contents(prepared) == before


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_damaged_settings_are_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "balls").mkdir()
    (tmp_path / "balls" / "settings.json").write_text(content)
    with pytest.raises(UserError, match=r"settings\.json.*remove .*balls or name another root"):
        prepare(BallCatalogue(), tmp_path, SMALL, engine=local(1))


def test_ids_belong_to_one_shape(prepared: Path, tmp_path: Path) -> None:
    class Twice(BallCatalogue):
        def items(self) -> list[Item]:
            return [*super().items(), super().items()[1]]

    with pytest.raises(UserError, match="1 ids more than once, first ball-01"):
        prepare(Twice(), tmp_path, SMALL, engine=local(1))
    os.symlink(prepared / "balls", tmp_path / "balls")
    prepare(BallCatalogue(count=1, name="more"), tmp_path, SMALL, engine=local(1))
    with pytest.raises(UserError, match="share the id ball-00"):
        PreparedData(tmp_path)


def test_pictures_may_be_left_out(tmp_path: Path) -> None:
    prepare(BallCatalogue(count=1), tmp_path, replace(SMALL, pictures=False), engine=local(1))
    assert not list(tmp_path.rglob("*.png"))
    assert len(PreparedData(tmp_path).shapes["ball-00"].cloud()) == 300


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
