"""Objaverse-MIX in every shape in which people have it: packed, cut, unpacked, in part, damaged."""

import os
import pickle
import random
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from argus3d.data.catalogue import Archived, Sampled
from argus3d.data.formats.occnet import read_sampled
from argus3d.data.objaverse import ObjaverseCatalogue
from argus3d.data.prepare import prepare
from argus3d.data.prepare_views import prepare_views
from argus3d.data.prepared import PreparedData
from argus3d.data.shape_files import PrepareConfig
from argus3d.engine import local
from argus3d.errors import UserError
from tests.argus3d.mix_files import (
    archive,
    cloud,
    metadata,
    picture_files,
    queries,
    rename_members,
    shape_files,
    uid,
    write_archive,
    write_files,
    write_json_gz,
    write_volumes,
)

pytest.importorskip("py7zr", reason="7z archives are read with py7zr, of the extra `data`")

IDS = {
    chunk: [uid(number) for number in numbers] for chunk, numbers in (("000-000", range(4)), ("000-003", range(4, 9)))
}


def write_mix(folder: Path) -> Path:
    """Two chunks, one whole and one in volumes, and their annotations."""
    shapes = folder / "occupancies"
    write_archive(shapes / "000-000.7z", shape_files("000-000", range(4)))
    write_archive(shapes / "000-003.7z", shape_files("000-003/000-003", range(4, 9)), volume=3000)
    known = folder / "annotations"
    lvis = {"Armchair": [uid(0), uid(5)], "bow_(weapon)": [uid(6), uid(100)]}
    write_json_gz(known / "lvis-annotations.json.gz", lvis)
    licences = ["by", "by-nc", "cc0", None]
    write_json_gz(known / "metadata/000-000.json.gz", {uid(n): metadata(n, licences[n]) for n in range(4)})
    write_json_gz(known / "hf-objaverse-v1/metadata/000-003.json.gz", {uid(n): metadata(n) for n in range(4, 8)})
    (known / "Cap3D_automated_Objaverse_full.csv").write_text(f'{uid(0)},"a chair, red"\n{uid(100)},elsewhere\n')
    return folder


@pytest.fixture
def mix(tmp_path: Path) -> Path:
    return write_mix(tmp_path / "mix")


def samples_of(catalogue: ObjaverseCatalogue) -> dict[str, Sampled | UserError]:
    found = [pair for _, ids in catalogue.portions() for pair in catalogue.samples(ids)]
    assert sorted(item_id for item_id, _ in found) == [item.id for item in catalogue.items()]  # each exactly once
    return dict(found)


def assert_is_shape(found: Sampled | UserError, number: int) -> None:
    assert isinstance(found, Sampled), found
    expected = read_sampled(cloud(number), queries(number), "x")
    for key in ("points", "normals", "uniform", "inside"):
        np.testing.assert_array_equal(getattr(found, key), getattr(expected, key))


def test_items_know_class_caption_licence_and_creator(mix: Path) -> None:
    catalogue = ObjaverseCatalogue(mix)
    assert isinstance(catalogue, Archived)
    items = {item.id: item for item in catalogue.items()}
    assert list(items) == sorted(uid(number) for number in range(9))
    assert [items[uid(n)].category for n in (0, 1, 5, 6)] == ["armchair", "unclassed", "armchair", "bow_weapon"]
    assert [items[uid(n)].caption for n in (0, 1, 5, 8)] == ["a chair, red", "Thing 1", "Thing 5", ""]
    assert [items[uid(n)].licence for n in (0, 1, 2, 3, 4, 8)] == ["by", "by-nc", "cc0", "", "by", ""]
    assert [items[uid(n)].creator for n in (3, 8)] == ["User 3", ""]
    assert {item.source for item in items.values()} == {"objaverse"}


def test_portions_are_chunks_in_the_order_of_their_archives(mix: Path) -> None:
    catalogue = ObjaverseCatalogue(mix)
    assert catalogue.portions() == list(IDS.items())
    assert catalogue.counts == {
        "chunks_asked": 160, "chunks_found": 2, "objects_found": 9, "left_out_licence": 0, "taken": 9,
        "classed": 3, "captioned": 1, "without_licence": 2,
    }  # fmt: skip
    assert len(catalogue.missing_chunks) == 158 and catalogue.missing_chunks[:2] == ["000-001", "000-002"]
    assert catalogue.reports == [(min(uid(3), uid(8)), "It has no licence record, nor have 1 more.")]


def test_samples_come_back(mix: Path) -> None:
    catalogue = ObjaverseCatalogue(mix)
    found = samples_of(catalogue)
    for number in range(9):
        assert_is_shape(found[uid(number)], number)
    chosen = [IDS["000-003"][3], IDS["000-003"][1]]
    assert [item_id for item_id, _ in catalogue.samples(chosen)] == [chosen[1], chosen[0]]
    assert list(catalogue.samples([])) == []


def test_listing_reads_no_content(mix: Path) -> None:
    """Content in the middle of an archive may be damaged without listing noticing."""
    path = mix / "occupancies" / "000-000.7z"
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes(500) + whole[540:])
    catalogue = ObjaverseCatalogue(mix)
    assert catalogue.portions() == list(IDS.items())
    assert catalogue.reports == [(min(uid(3), uid(8)), "It has no licence record, nor have 1 more.")]


def test_workers_get_a_small_catalogue(mix: Path) -> None:
    catalogue = ObjaverseCatalogue(mix, licences=["by"])
    copy = pickle.loads(pickle.dumps(catalogue))
    assert copy.portions() == catalogue.portions()
    assert copy.items() == catalogue.items()
    assert len(catalogue.items()) == 5
    assert b"Thing" not in pickle.dumps(catalogue)
    assert len(dict(copy.samples(copy.portions()[0][1]))) == 1


@pytest.mark.parametrize("depth", ["000-000", "000-000/000-000"])
def test_unpacked_chunks_give_the_same(mix: Path, depth: str) -> None:
    packed = samples_of(ObjaverseCatalogue(mix))
    (mix / "occupancies" / "000-000.7z").unlink()
    write_files(mix / "occupancies", shape_files(depth, range(4)))
    catalogue = ObjaverseCatalogue(mix)
    assert [name for name, _ in catalogue.portions()] == ["000-000-unpacked", "000-003"]
    found = samples_of(catalogue)
    assert found.keys() == packed.keys()
    for number in range(9):
        assert_is_shape(found[uid(number)], number)


def test_what_is_there_twice_is_taken_once(mix: Path) -> None:
    """Unpacked before packed, whole before in part, a lower chunk before a higher one; the rest is reported."""
    shapes = mix / "occupancies"
    unpacked = shape_files("000-000", range(2))
    del unpacked[f"000-000/{uid(1)}/points.npz"]
    write_files(shapes, unpacked)
    write_archive(shapes / "000-004.7z", shape_files("000-004", range(7, 10)))
    catalogue = ObjaverseCatalogue(mix)
    assert catalogue.portions() == [
        ("000-000-unpacked", [uid(0)]),
        ("000-000", [uid(1), uid(2), uid(3)]),
        ("000-003", IDS["000-003"]),
        ("000-004", [uid(9)]),
    ]
    assert catalogue.counts["objects_twice"] == 4
    reports = dict(catalogue.reports)
    assert uid(1) in reports["occupancies/000-000"]
    assert uid(0) in reports["occupancies/000-000.7z"]
    assert "2 objects" in reports["occupancies/000-004.7z"] and uid(7) in reports["occupancies/000-004.7z"]
    found = samples_of(catalogue)
    assert all(isinstance(shape, Sampled) for shape in found.values())


def test_an_object_that_is_twice_in_an_archive_is_taken_whole(tmp_path: Path) -> None:
    files = {f"000-000/{uid(1)}/points.npz": b"alone"} | shape_files("000-000/000-000", range(1, 3))
    write_archive(tmp_path / "occupancies/000-000.7z", files)
    catalogue = ObjaverseCatalogue(tmp_path)
    assert_is_shape(samples_of(catalogue)[uid(1)], 1)
    assert any(f"first {uid(1)}" in why for _, why in catalogue.reports)


def test_chunks_that_cannot_be_read_are_reported_and_the_others_go_on(mix: Path) -> None:
    shapes = mix / "occupancies"
    (shapes / "000-003.7z.002").unlink()
    (shapes / "000-007.7z").write_bytes((shapes / "000-000.7z").read_bytes()[:-30])
    (shapes / "notes.txt").touch()
    (shapes / ".cache").mkdir()
    catalogue = ObjaverseCatalogue(mix)
    assert [name for name, _ in catalogue.portions()] == ["000-000"]
    assert catalogue.counts["chunks_failed"] == 2
    assert {"000-003", "000-007"} <= set(catalogue.missing_chunks)
    reports = dict(catalogue.reports)
    assert "000-003.7z.002 is missing" in reports["occupancies/000-003.7z"]
    assert "000-007.7z is truncated" in reports["occupancies/000-007.7z"]
    assert "of no chunk" in reports["occupancies/notes.txt"]
    asked = ObjaverseCatalogue(mix, chunks=["000-000", "000-002"])
    assert asked.missing_chunks == ["000-002"] and asked.counts["chunks_asked"] == 2


def test_nothing_to_read_is_an_error(tmp_path: Path, mix: Path) -> None:
    with pytest.raises(UserError, match=r"holds no object of Objaverse-MIX that can be read: fetch occupancies"):
        ObjaverseCatalogue(tmp_path / "none")
    for part in (mix / "occupancies").glob("000-00*.7z*"):
        part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"can be read: .*000-000\.7z is truncated"):
        ObjaverseCatalogue(mix)


def test_bad_objects_cost_only_themselves(tmp_path: Path) -> None:
    files = shape_files("000-000", range(6))
    files[f"000-000/{uid(0)}/points.npz"] = b"no npz"
    del files[f"000-000/{uid(1)}/points.npz"]
    files[f"000-000/{uid(2)}/pointcloud.npz"] = cloud(2, dtype=np.float32).replace(
        b"\x00\x00\x00\x3f", b"\x00\x00\xc0\x7f"
    )
    files["000-000/readme.txt"] = b"not of an object"
    write_archive(tmp_path / "occupancies/000-000.7z", files)
    found = samples_of(ObjaverseCatalogue(tmp_path))
    assert f"{uid(0)}/points.npz is damaged" in str(found[uid(0)])
    assert f"has no member 000-000/{uid(1)}/points.npz" in str(found[uid(1)])
    assert isinstance(found[uid(2)], UserError) and f"{uid(2)}/pointcloud.npz" in str(found[uid(2)])
    for number in (3, 4, 5):
        assert_is_shape(found[uid(number)], number)
    write_files(tmp_path / "u/occupancies", files)
    again = samples_of(ObjaverseCatalogue(tmp_path / "u"))
    assert {key for key, value in again.items() if isinstance(value, UserError)} == {uid(0), uid(1), uid(2)}
    assert f"{uid(1)}/points.npz cannot be read (No such file" in str(again[uid(1)])


@pytest.mark.parametrize("files", [["points.npz"], ["points.npz", "pointcloud.npz"]])
def test_a_member_that_leads_out_fails_as_its_object(tmp_path: Path, files: list[str]) -> None:
    path = tmp_path / "occupancies/000-000.7z"
    write_archive(path, shape_files("000-000", range(2)))
    rename_members(path, {f"000-000/{uid(1)}/{file}": f"../{uid(1)}/{file}" for file in files})
    found = samples_of(ObjaverseCatalogue(tmp_path))
    assert_is_shape(found[uid(0)], 0)
    assert ("is refused, because its path leads out" if len(files) == 2 else "has no member") in str(found[uid(1)])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["000-000.7z", "occupancies"]


def test_a_folder_that_may_not_be_listed_is_reported(mix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(mix / "occupancies", shape_files("000-005", range(20, 22)))
    scandir = os.scandir

    def forbidden(path: str) -> object:
        if str(path).endswith("000-005"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    catalogue = ObjaverseCatalogue(mix)
    assert "000-005 cannot be listed (Permission denied)" in dict(catalogue.reports)["occupancies/000-005"]
    assert len(catalogue.items()) == 9


def test_an_archive_that_went_since_is_an_error_of_each_object(mix: Path) -> None:
    catalogue = ObjaverseCatalogue(mix)
    (mix / "occupancies" / "000-000.7z").unlink()
    found = dict(catalogue.samples(IDS["000-000"]))
    assert list(found) == IDS["000-000"] and all("there is no archive" in str(error) for error in found.values())
    with pytest.raises(UserError, match="is not in the portion 000-000; ask for one at a time"):
        list(catalogue.samples([uid(0), uid(5)]))
    with pytest.raises(UserError, match=f"has no object {uid(77)}"):
        list(catalogue.views([uid(77)]))


def test_licences_filter_by_each_object(mix: Path) -> None:
    catalogue = ObjaverseCatalogue(mix, licences=("cc0", "by-nc"))
    assert [item.id for item in catalogue.items()] == sorted([uid(1), uid(2)])
    assert catalogue.portions() == [("000-000", [uid(1), uid(2)])]
    assert catalogue.counts["left_out_licence"] == 7 and catalogue.counts["without_licence"] == 2


def test_annotations_may_be_missing_or_lie_elsewhere(mix: Path, tmp_path: Path) -> None:
    (mix / "annotations").rename(tmp_path / "known")
    bare = ObjaverseCatalogue(mix)
    assert {item.category for item in bare.items()} == {"unclassed"}
    assert {item.caption for item in bare.items()} == {""}
    assert [name for name, _ in bare.reports] == [
        "lvis-annotations.json.gz", "Cap3D_automated_Objaverse_full.csv", "metadata/000-000.json.gz", min(
            uid(number) for number in range(9)
        ),
    ]  # fmt: skip
    assert "with 1 more" in bare.reports[2][1]
    assert ObjaverseCatalogue(mix, annotations=tmp_path / "known").counts["classed"] == 3


def test_a_class_list_of_other_data_is_reported(mix: Path) -> None:
    write_json_gz(mix / "annotations/lvis-annotations.json.gz", {"chair": [uid(50)], "table": [uid(50)]})
    reports = [why for name, why in ObjaverseCatalogue(mix).reports if name == "lvis-annotations.json.gz"]
    assert any("do not belong together" in why for why in reports)
    assert any("1 objects are in several classes" in why for why in reports)
    (mix / "annotations/lvis-annotations.json.gz").write_bytes(b"")
    with pytest.raises(UserError, match=r"lvis-annotations\.json\.gz cannot be read"):
        ObjaverseCatalogue(mix)


@pytest.mark.parametrize("packed", [True, False])
def test_pictures_come_by_number(mix: Path, packed: bool) -> None:
    catalogue = ObjaverseCatalogue(mix)
    assert list(catalogue.views(IDS["000-003"])) == []
    files = picture_files("000-003/000-003", range(4, 8), views=11)
    files[f"000-003/000-003/{uid(7)}/3.png"] = b"no picture"
    pictures = mix / "rendered_images"
    if packed:
        write_archive(pictures / "000-003.7z", dict(reversed(files.items())))
    else:
        write_files(pictures, files)
    found = dict(catalogue.views(IDS["000-003"]))
    assert sorted(found) == sorted(IDS["000-003"])
    for number in (4, 5, 6):
        expected = tuple(files[f"000-003/000-003/{uid(number)}/{view}.png"] for view in range(11))
        assert found[uid(number)] == expected
    assert "picture 3 is neither PNG nor JPEG" in str(found[uid(7)])
    assert f"holds nothing of {uid(8)}" in str(found[uid(8)])


def test_pictures_that_are_not_unpacked_are_taken_from_the_archive(mix: Path) -> None:
    write_files(mix / "rendered_images", picture_files("000-000", range(0, 2)))
    write_archive(mix / "rendered_images/000-000.7z", picture_files("000-000", range(1, 4)))
    found = dict(ObjaverseCatalogue(mix).views(IDS["000-000"]))
    assert all(isinstance(pictures, tuple) and len(pictures) == 3 for pictures in found.values())
    assert len(found) == 4


def test_random_cuts_of_a_volume_are_sentences(tmp_path: Path) -> None:
    content = archive(shape_files("000-000", range(3)))
    folder = tmp_path / "occupancies"
    folder.mkdir()
    parts = write_volumes(folder / "000-000.7z", content, 1500)
    rng = random.Random(3)
    for _ in range(25):
        part = rng.choice(parts)
        whole = part.read_bytes()
        part.write_bytes(whole[: rng.randrange(len(whole))])
        with pytest.raises(UserError, match=r"000-000\.7z"):
            ObjaverseCatalogue(tmp_path)
        part.write_bytes(whole)
    assert len(ObjaverseCatalogue(tmp_path).items()) == 3


@pytest.mark.parametrize("packed", [True, False])
def test_what_prepare_makes_of_it(mix: Path, tmp_path: Path, packed: bool) -> None:
    """From the hub's archives to prepared shapes and views; what cannot be read is in the manifest with its reason."""
    files = shape_files("000-009", range(20, 22))
    files[f"000-009/{uid(21)}/points.npz"] = b"no npz"
    write_archive(mix / "occupancies/000-009.7z", files)
    write_archive(mix / "rendered_images/000-000.7z", picture_files("000-000", range(4)))
    catalogue = ObjaverseCatalogue(mix)
    config = PrepareConfig(surface_points=40, uniform_points=50)
    manifest = prepare(catalogue, tmp_path / "data", config, local(1), packed)
    assert manifest["counts"] == {"asked": 11, "found": 10, "failed": 1}
    assert manifest["failed"][0][0] == uid(21) and "points.npz is damaged" in manifest["failed"][0][1]
    shapes = PreparedData(tmp_path / "data", ["objaverse"]).shapes
    assert sorted(shapes) == sorted([*(uid(number) for number in range(9)), uid(20)])
    shape = shapes[uid(0)]
    assert shape.category == "armchair" and shape.record["caption"] == "a chair, red"
    with np.load(BytesIO(cloud(0))) as arrays:
        assert set(map(tuple, shape.cloud())) <= set(map(tuple, arrays["points"]))
    assert shape.occupancy("uniform")[0].shape == (50, 3)
    views = prepare_views(catalogue, tmp_path / "data", local(1))
    assert views["counts"] == {"asked": 10, "found": 4, "failed": 6}
