"""One choice after another on two small sets."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from argus3d.errors import UserError
from eval.evaluate import evaluate
from eval.protocol import Protocol, get_protocol
from eval.sensitivity.changes import Change
from eval.sensitivity.choices import choices
from eval.sensitivity.shapes import Pair, Shapes, other_reference
from eval.sensitivity.study import Study, study
from tests.eval.toys import write_toys

BASE = replace(get_protocol("smoke"), points=64, emd_points=16, f_score_points=64)
SIZE = 34


def write_clouds(folder: Path) -> tuple[Path, Path]:
    paths = folder / "a.npy", folder / "b.npy"
    for seed, path in enumerate(paths):
        rng = np.random.default_rng(seed)
        sides = rng.uniform(0.2, 1, (SIZE, 1, 3))
        np.save(path, ((rng.random((SIZE, 256, 3)) - 0.5) * sides * (1 + seed)).astype(np.float32))
    return paths


def shapes_of(path: Path) -> Shapes:
    ids = tuple(f"{index:05d}" for index in range(SIZE))
    return Shapes(str(path), ids, ("",) * SIZE, None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sensitivity")


@pytest.fixture(scope="module")
def pair(folder: Path) -> Pair:
    generated, reference = write_clouds(folder)
    return Pair("a against b", shapes_of(generated), shapes_of(reference), BASE)


@pytest.fixture(scope="module")
def found(pair: Pair, folder: Path) -> Study:
    return study(pair, [shapes_of(folder / "a.npy")], folder / "cache")


def changes(found: Study, key: str) -> dict[str, Mapping[str, Change]]:
    return dict(next(rows.alternatives for rows in found.rows if rows.key == key))


def test_a_change_of_scale_moves_only_what_has_a_unit(found: Study) -> None:
    larger = changes(found, "normalization")["box of side 2"]
    assert (larger["mmd_cd"].change, larger["mmd_emd"].change) == pytest.approx((4, 2), rel=1e-5)
    summed = changes(found, "chamfer")["squared, sums added"]
    assert summed["mmd_cd"].change == pytest.approx(BASE.points, rel=1e-5)
    for moved in (larger, summed):
        for key in ("cov_cd", "one_nna_cd"):
            assert (moved[key].change, moved[key].low, moved[key].high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("key", "label", "protocol"),
    [
        ("normalization", "unit sphere", replace(BASE, normalization="unit_sphere")),
        ("normalization", "as they come", replace(BASE, normalization="none")),
        ("points", "256", replace(BASE, points=256)),
        ("chamfer", "not squared, half of it", replace(BASE, chamfer="l2_half")),
        ("emd", "exact, squared", replace(BASE, emd="mean_squared")),
        ("emd", "approximate (PointFlow)", replace(BASE, emd_solver="approximate_matching")),
        ("emd_points", "64", replace(BASE, emd_points=64)),
        ("ecd_k", "5", replace(BASE, ecd_k=5)),
    ],
)
def test_each_choice_is_what_the_protocol_of_that_choice_measures(
    found: Study, pair: Pair, key: str, label: str, protocol: Protocol
) -> None:
    clouds = [shapes.clouds(protocol.points, BASE.seed) for shapes in (pair.generated, pair.reference)]
    whole = evaluate(*clouds, protocol).metrics
    moved = changes(found, key)[label]
    assert moved
    for metric, change in moved.items():
        there = metric.replace("_emd", f"_{protocol.emd_name}")
        assert change.value == pytest.approx(whole[there].value, rel=1e-9), metric
        own = found.metrics[metric].value
        expected = change.value / own if change.factor else change.value - own
        assert change.change == pytest.approx(expected, rel=1e-6, abs=1e-12), metric


def test_only_what_a_choice_touches_is_in_its_rows(found: Study) -> None:
    assert set(changes(found, "ecd_k")["5"]) == {"ecd_cd", "ecd_emd"}
    assert {key.split("_")[-1] for key in changes(found, "chamfer")["not squared, half of it"]} == {"cd"}
    assert not any("emd" in key for key in changes(found, "points")["256"])


def test_points_that_are_not_there_are_named(found: Study) -> None:
    assert set(changes(found, "points")) == {"256"}
    assert len(found.notes) == 1
    assert found.notes[0].startswith("points a cloud 512; 1,024; 2,048; 4,096; 8,192 left out: ")


def test_another_reference_and_chance(found: Study, folder: Path) -> None:
    itself = changes(found, "reference")[str(folder / "a.npy")]
    assert itself["mmd_cd"].value == 0 and np.isnan(itself["mmd_cd"].change)
    assert itself["cov_cd"].value == 1 and itself["one_nna_cd"].value < 0.5
    smaller = changes(found, "shapes")
    assert list(smaller) == ["17"] and smaller["17"]["mmd_cd"].change > 1, "fewer samples, farther matches"
    for key in ("seed", "half"):
        for changed in changes(found, key).values():
            assert changed["cov_cd"].change == 0 and changed["cov_cd"].high > 0


def test_what_is_known_is_not_measured_again(found: Study, pair: Pair, folder: Path) -> None:
    said: list[str] = []
    again = study(pair, [shapes_of(folder / "a.npy")], folder / "cache", said.append)
    assert said == ["the protocol itself, with intervals"]
    texts = [json.dumps(one.to_json(), sort_keys=True, allow_nan=False) for one in (found, again)]
    assert texts[0] == texts[1]


def test_every_choice_of_a_protocol_differs_in_one_thing() -> None:
    usual = get_protocol("argus3d-v1")
    for choice in choices(usual):
        assert choice.alternatives and choice.usual not in [one.label for one in choice.alternatives]
        for alternative in choice.alternatives:
            told = alternative.protocol.to_json()
            changed = {key for key, value in usual.to_json().items() if told[key] != value} - {"hash"}
            assert changed and changed <= {choice.key, "emd_solver"}


def test_another_reference_has_the_same_classes(tmp_path: Path) -> None:
    write_toys(tmp_path, {"chair": 6, "lamp": 3})
    own = Shapes(
        "toys-v1/test", ("toys-chair-00", "toys-lamp-00", "toys-chair-01"), ("chair", "lamp", "chair"), tmp_path
    )
    some = other_reference("toys-v1/test", Pair("x", own, own, BASE))
    assert sorted(some.categories) == ["chair", "chair", "lamp"]
    many = replace(own, ids=own.ids * 4, categories=own.categories * 4)
    with pytest.raises(UserError, match=r"toys-v1/test, chair: 8 shapes asked, 6 found"):
        other_reference("toys-v1/test", Pair("x", many, many, BASE))
    with pytest.raises(UserError, match="1 shapes gave no 64 points, the first is nobody"):
        replace(own, ids=("nobody", *own.ids), categories=("", *own.categories)).clouds(64, 0)
