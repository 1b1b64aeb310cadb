"""ShapeNet as Occupancy Networks preprocessed it: classes, lists, samples, pictures and cameras."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from argus3d.checkpoint.released import CATEGORIES
from argus3d.data.catalogue import Archived, Sampled
from argus3d.data.shapenet import SYNSETS, SYNSETS_13, ShapeNetCatalogue, derive_shapenet13
from argus3d.errors import UserError
from tests.argus3d.mix_files import JPG, cloud, npz, queries, shapenet_files, write_files

CHAIR, PLANE, BAG = "03001627", "02691156", "02773838"
LISTS = {"train": ["aa1", "u-b.2"], "val": ["cc3"], "test": ["dd4"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = shapenet_files(CHAIR, LISTS) | shapenet_files(PLANE, {"train": ["aa1"], "val": [], "test": ["ee5"]})
    write_files(tmp_path, files | shapenet_files(BAG, {"train": ["ff6"], "val": [], "test": []}))
    (tmp_path / "metadata.yaml").write_text("'03001627': {id: '03001627', name: chair}\n")
    return tmp_path


def test_classes_are_in_the_order_of_the_released_model() -> None:
    assert list(SYNSETS) == sorted(SYNSETS) and len(set(SYNSETS)) == len(CATEGORIES) == 55
    names = dict(zip(SYNSETS, CATEGORIES, strict=True))
    assert [names[synset] for synset in SYNSETS_13] == [
        "plane", "bench", "cabinet", "car", "chair", "display", "lamp", "loudspeaker", "rifle", "sofa", "table",
        "telephone", "vessel",
    ]  # fmt: skip


def test_ids_are_unique_across_synsets(folder: Path) -> None:
    catalogue = ShapeNetCatalogue(folder)
    assert isinstance(catalogue, Archived)
    items = catalogue.items()
    assert [item.id for item in items] == [
        f"{PLANE}-aa1", f"{PLANE}-ee5", f"{BAG}-ff6", f"{CHAIR}-aa1", f"{CHAIR}-cc3", f"{CHAIR}-dd4", f"{CHAIR}-u-b.2",
    ]  # fmt: skip
    assert [item.category for item in items] == ["plane", "plane", "bag", "chair", "chair", "chair", "chair"]
    assert [(name, len(ids)) for name, ids in catalogue.portions()] == [(PLANE, 2), (BAG, 1), (CHAIR, 4)]
    assert catalogue.counts == {
        "synsets_asked": 3, "synsets_found": 3, "listed": 7, "found": 7, "missing": 0, "in_no_list": 0,
    }  # fmt: skip
    assert pickle.loads(pickle.dumps(catalogue)).items() == items


def test_classes_asked_for_are_counted(folder: Path) -> None:
    catalogue = ShapeNetCatalogue(folder, classes=13)
    assert {item.category for item in catalogue.items()} == {"plane", "chair"}
    assert catalogue.counts["synsets_asked"] == 13 and catalogue.counts["synsets_found"] == 2
    assert len(catalogue.missing_synsets) == 11 and catalogue.missing_synsets[0] == "02828884"
    assert catalogue.reports == [(BAG, "It is no synset of the classes asked for.")]
    assert len(ShapeNetCatalogue(folder, classes=55).missing_synsets) == 52
    with pytest.raises(UserError, match="read with 13 or 55 classes, not 7"):
        ShapeNetCatalogue(folder, classes=7)
    with pytest.raises(UserError, match="has no folder of a synset such as 02691156"):
        ShapeNetCatalogue(folder / "none")


def test_samples_come_back_in_their_order(folder: Path) -> None:
    catalogue = ShapeNetCatalogue(folder)
    found = list(catalogue.samples([f"{CHAIR}-cc3", f"{CHAIR}-aa1"]))
    assert [item_id for item_id, _ in found] == [f"{CHAIR}-cc3", f"{CHAIR}-aa1"]
    shape = found[0][1]
    assert isinstance(shape, Sampled)
    with np.load(folder / CHAIR / "cc3" / "pointcloud.npz") as arrays:
        np.testing.assert_array_equal(shape.points, arrays["points"].astype(np.float32))
    assert shape.uniform.shape == (61, 3) and shape.inside.shape == (61,)


def test_listed_models_that_are_missing_fail_alone(folder: Path) -> None:
    for path in (folder / CHAIR / "cc3").rglob("*.*"):
        path.unlink()
    (folder / CHAIR / "cc3" / "img_choy2016").rmdir()
    (folder / CHAIR / "cc3").rmdir()
    (folder / CHAIR / "dd4" / "points.npz").write_bytes(queries(0)[:99])
    write_files(folder / CHAIR / "extra", {"pointcloud.npz": cloud(1), "points.npz": queries(1)})
    write_files(folder / CHAIR / "..odd", {"points.npz": b""})
    catalogue = ShapeNetCatalogue(folder)
    assert {key: catalogue.counts[key] for key in ("listed", "found", "missing", "in_no_list")} == {
        "listed": 7, "found": 7, "missing": 1, "in_no_list": 1,
    }  # fmt: skip
    assert catalogue.reports == [(f"{CHAIR}/..odd", "Its name is no model id; it is not read.")]
    found = dict(catalogue.samples(dict(catalogue.portions())[CHAIR]))
    assert "cc3/pointcloud.npz cannot be read (No such file" in str(found[f"{CHAIR}-cc3"])
    assert "dd4/points.npz is damaged" in str(found[f"{CHAIR}-dd4"])
    assert {key for key, value in found.items() if isinstance(value, Sampled)} == {
        f"{CHAIR}-{model}" for model in ("aa1", "u-b.2", "extra")
    }
    assert f"{CHAIR}-cc3" in catalogue.splits()["val"] and f"{CHAIR}-extra" not in str(catalogue.splits())


def test_ids_of_elsewhere_are_refused(folder: Path) -> None:
    catalogue = ShapeNetCatalogue(folder)
    for item_id in (f"{CHAIR}-../x", "00000000-aa1", "aa1", f"{CHAIR}-", f"{CHAIR}-/etc"):
        [(_, error)] = catalogue.samples([item_id])
        assert "ids are SYNSET-MODEL" in str(error)


def test_lists_may_have_empty_lines_and_other_line_ends(folder: Path) -> None:
    (folder / CHAIR / "train.lst").write_bytes(b"\r\naa1\r\n\r\nu-b.2")
    assert ShapeNetCatalogue(folder).splits() == {
        "train": [f"{PLANE}-aa1", f"{BAG}-ff6", f"{CHAIR}-aa1", f"{CHAIR}-u-b.2"],
        "val": [f"{CHAIR}-cc3"],
        "test": [f"{PLANE}-ee5", f"{CHAIR}-dd4"],
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"aa1\n", r"test\.lst: aa1 is in train\.lst too"),
        (b"../aa1\n", r"test\.lst: '\.\./aa1' is no model id"),
        (b"a b\n", "is no model id"),
        (b"\xff\xfe\n", r"test\.lst cannot be read"),
    ],
)
def test_damaged_lists_are_refused(folder: Path, content: bytes, message: str) -> None:
    (folder / CHAIR / "test.lst").write_bytes(content)
    with pytest.raises(UserError, match=message):
        ShapeNetCatalogue(folder)


def test_without_lists_there_are_models_but_no_splits(folder: Path) -> None:
    for part in LISTS:
        (folder / CHAIR / f"{part}.lst").unlink()
    catalogue = ShapeNetCatalogue(folder)
    assert len(catalogue.items()) == 7 and catalogue.counts["in_no_list"] == 4
    with pytest.raises(UserError, match=rf"{CHAIR}/train\.lst is missing"):
        catalogue.splits()


def test_the_split_of_13_classes_needs_them_all(folder: Path) -> None:
    with pytest.raises(UserError, match="lacks 11 of the 13 synsets, first 02828884"):
        derive_shapenet13(ShapeNetCatalogue(folder))
    for synset in SYNSETS_13:
        write_files(folder, shapenet_files(synset, {"train": ["a"], "val": ["b"], "test": ["c"]}, views=0))
    parts = derive_shapenet13(ShapeNetCatalogue(folder))
    expected = zip([*LISTS, "train_like_test"], "abca", strict=True)
    assert parts == {part: [f"{synset}-{model}" for synset in SYNSETS_13] for part, model in expected}
    assert derive_shapenet13(ShapeNetCatalogue(folder, classes=13)) == parts
    write_files(folder, shapenet_files(CHAIR, {"train": ["a"], "val": ["b"], "test": ["c", "d"]}, views=0))
    with pytest.raises(UserError, match=f"its train lists are shorter .* 2 of '{CHAIR}' are asked for, there are 1"):
        derive_shapenet13(ShapeNetCatalogue(folder))


def test_pictures_and_their_cameras(folder: Path) -> None:
    catalogue = ShapeNetCatalogue(folder)
    ids = dict(catalogue.portions())[CHAIR]
    (folder / CHAIR / "aa1" / "img_choy2016" / "001.jpg").write_bytes(b"GIF")
    for path in (folder / CHAIR / "dd4" / "img_choy2016").glob("*.jpg"):
        path.unlink()
    found = dict(catalogue.views(ids))
    assert list(found) == ids
    assert found[f"{CHAIR}-cc3"] == (JPG + b"\x00", JPG + b"\x01")
    assert "picture 1 is neither PNG nor JPEG" in str(found[f"{CHAIR}-aa1"])
    assert "has no pictures" in str(found[f"{CHAIR}-dd4"])
    camera, world = catalogue.cameras(f"{CHAIR}-cc3")
    np.testing.assert_array_equal(camera, np.stack([np.eye(3), 2 * np.eye(3)]))
    assert world.shape == (2, 3, 4)


def test_a_synset_without_pictures_gives_none(folder: Path) -> None:
    write_files(folder, shapenet_files("02747177", {"train": ["a"]}, views=0))
    catalogue = ShapeNetCatalogue(folder)
    assert list(catalogue.views(["02747177-a"])) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"cameras\.npz is not of 2 cameras"),
        (npz(camera_mat_0=np.eye(3), world_mat_0=np.eye(3, 4)), "is not of 2 cameras .*camera_mat_1"),
        (npz(**{f"{kind}_{view}": np.eye(2) for kind in ("camera_mat", "world_mat") for view in (0, 1)}), r"\(2, 2\)"),
    ],
)
def test_damaged_cameras_are_refused(folder: Path, content: bytes, message: str) -> None:
    (folder / CHAIR / "aa1" / "img_choy2016" / "cameras.npz").write_bytes(content)
    with pytest.raises(UserError, match=message):
        ShapeNetCatalogue(folder).cameras(f"{CHAIR}-aa1")
