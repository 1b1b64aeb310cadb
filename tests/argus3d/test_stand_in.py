"""The stand-in of Objaverse-MIX is read like the real files."""

from pathlib import Path

import numpy as np

from argus3d.data import stand_in
from argus3d.data.make_splits import make_split
from argus3d.data.objaverse import ObjaverseCatalogue
from argus3d.data.procedural.catalogue import make
from argus3d.data.shape_files import PrepareConfig


def test_it_is_read_whole_and_fills_both_sides(tmp_path: Path) -> None:
    uids = stand_in.write_objaverse(tmp_path / "mix", ["chair", "mug"], 2)
    catalogue = ObjaverseCatalogue(tmp_path / "mix")
    items = {item.id: item for item in catalogue.items()}
    assert set(items) == set(uids) and len(uids) == 8 and catalogue.reports == []
    assert [items[uid].category for uid in uids] == ["chair"] * 4 + ["mug"] * 4
    assert all(item.licence == "cc0" and item.caption for item in items.values())
    _, parts = make_split("objaverse-v1", tmp_path / "mix", tmp_path / "data")
    for part in ("lvis-train", "lvis-test"):
        assert sorted(items[uid].category for uid in parts[part]) == ["chair", "chair", "mug", "mug"]


def test_its_shapes_are_the_procedural_ones(tmp_path: Path) -> None:
    uid = stand_in.write_objaverse(tmp_path, ["table"], 1)[0]
    catalogue = ObjaverseCatalogue(tmp_path)
    (portion,) = (ids for _, ids in catalogue.portions())
    sampled = dict(catalogue.samples(portion))[uid]
    solid = make("table", dict(stand_in._uids("table", 1))[uid])
    usual = PrepareConfig()
    assert len(sampled.points) >= usual.surface_points and len(sampled.uniform) >= usual.uniform_points
    inside = solid.contains(sampled.uniform.astype(np.float64))
    assert (inside == sampled.inside).mean() > 0.999 and 0 < inside.mean() < 1
    assert abs(np.ptp(sampled.points, axis=0).max() - 1) < 0.01

