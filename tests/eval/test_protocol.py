"""Protocols: hashed, refused when misspelt, read back as written."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.distances import chamfer
from eval.evaluate import evaluate
from eval.protocol import PRESETS, Protocol, get_protocol
from tests.reference.approxmatch import approximate_emd


def test_every_field_moves_the_hash() -> None:
    base = get_protocol("argus3d-v1")
    others: dict[str, Any] = {
        "name": "mine", "points": 1024, "emd_points": 128, "normalization": "none", "chamfer": "l2_mean", "ecd_k": 1,
        "interval_repeats": 10, "confidence": 0.9, "seed": 1, "emd": "mean_squared",
        "emd_solver": "approximate_matching", "unknowns": ("k of ECD",),
    }  # fmt: skip
    hashes = {dataclasses.replace(base, **{key: value}).hash for key, value in others.items()}
    assert len(hashes | {base.hash}) == len(others) + 1
    assert dataclasses.replace(base).hash == base.hash and len(base.hash) == 64


def test_the_default_says_what_the_field_does() -> None:
    v1 = get_protocol("argus3d-v1")
    assert (v1.points, v1.normalization, v1.chamfer, v1.ecd_k) == (2048, "box", "squared_mean", 10)
    assert "smoke" in PRESETS


def test_published_hashes_stay() -> None:
    # Results and tables name them: a field added later must not change them.
    assert get_protocol("argus3d-v1").hash == "e6736afa9da38e5505729b08a755a8ecc8da78259031dd4905fc6c0f4c39caf1"
    assert "unknowns" not in get_protocol("argus3d-v1").to_json()


def test_results_never_call_another_distance_emd() -> None:
    names = {name: get_protocol(name).emd_name for name in PRESETS}
    assert names == {
        "argus3d-v1": "emd", "smoke": "emd", "argus3d-paper": "emd", "pointflow": "emd_approx", "dpm": "emd_approx",
        "lion": "emd_squared_approx", "lion-box": "emd_squared_approx", "pvd": "emd_squared_approx",
    }  # fmt: skip
    assert Protocol("mine", emd="mean_squared").emd_name == "emd_squared"


def test_the_choices_of_papers() -> None:
    papers = {name: get_protocol(name) for name in ("pointflow", "dpm", "lion", "lion-box", "pvd")}
    for preset in papers.values():
        assert (preset.points, preset.emd_points, preset.chamfer) == (2048, 2048, "squared_mean")
    assert {name: preset.normalization for name, preset in papers.items()} == {
        "pointflow": "none", "dpm": "box_2", "lion": "none", "lion-box": "box", "pvd": "none",
    }  # fmt: skip
    assert not papers["pointflow"].unknowns and "EMD" in papers["dpm"].unknowns[0]
    paper = get_protocol("argus3d-paper")
    assert any("light-field" in entry for entry in paper.unknowns) and "k of ECD" in paper.unknowns


@pytest.mark.parametrize("name", ["pointflow", "dpm", "pvd", "lion-box"])
def test_a_paper_s_numbers_are_those_of_its_choices(name: str) -> None:
    rng = np.random.default_rng(0)
    clouds = (rng.random((2, 5, 32, 3)) * rng.uniform(0.2, 2, (2, 5, 1, 3))).astype(np.float32)
    protocol = dataclasses.replace(get_protocol(name), points=32, emd_points=32, ecd_k=1)
    found = evaluate(*clouds, protocol).metrics
    side = {"pointflow": None, "pvd": None, "dpm": 2.0, "lion-box": 1.0}[name]
    if side:
        low, high = clouds.min(axis=2, keepdims=True), clouds.max(axis=2, keepdims=True)
        clouds = (clouds - (low + high) / 2) * side / (high - low).max(axis=3, keepdims=True)
    generated, reference = clouds
    squared = protocol.emd == "mean_squared"
    costs = np.array([[approximate_emd(r, g, squared) for r in reference] for g in generated])
    assert found[f"mmd_{protocol.emd_name}"].value == pytest.approx(costs.min(axis=0).mean(), rel=1e-4)
    assert found[f"mmd_{protocol.emd_name}"].unit == ("side^2" if name == "lion-box" else "")
    distances = np.array([[chamfer(g, r) for r in reference] for g in generated])
    assert found["mmd_cd"].value == pytest.approx(distances.min(axis=0).mean(), rel=1e-4)
    assert not any(key.endswith("_emd") for key in found)


def test_json_there_and_back(tmp_path: Path) -> None:
    mine = Protocol("mine", points=512, ecd_k=1)
    for each in (mine, *PRESETS.values()):
        assert Protocol.from_json(json.loads(json.dumps(each.to_json()))) == each
    (tmp_path / "mine.json").write_text(json.dumps({"name": "mine", "points": 512, "ecd_k": 1}))
    assert get_protocol(str(tmp_path / "mine.json")) == mine


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"poinst": 1}, "unknown protocol key 'poinst'"),
        ({"chamfer": "cd"}, "chamfer is 'cd'"),
        ({"points": 0}, "points must be"),
        ({"points": 10.5}, "points must be"),
        ({"points": 16}, "emd_points 256 is more"),
        ({"confidence": 95}, "between 0 and 1"),
        ({"seed": -1}, "seed"),
        ({"interval_repeats": 1}, "at least 2"),
        ({"hash": "0"}, "hash does not belong"),
        ({"emd_solver": "sinkhorn"}, "emd_solver is 'sinkhorn'"),
        ({"unknowns": "k of ECD"}, "unknowns must be a list"),
    ],
)
def test_mistakes_are_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Protocol.from_json({"name": "mine", **change})


def test_files_that_are_no_protocol(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="argus3d-v1, smoke"):
        get_protocol("argus-v1")
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text("[]")
    with pytest.raises(ValueError, match="not JSON"):
        get_protocol(str(tmp_path / "a.json"))
    with pytest.raises(ValueError, match="JSON object"):
        get_protocol(str(tmp_path / "b.json"))
    with pytest.raises(ValueError, match="needs a name"):
        Protocol.from_json({"points": 512})


def test_a_threshold_of_covt_is_part_of_the_hash_only_where_there_is_one() -> None:
    plain = PRESETS["argus3d-v1"]
    near = dataclasses.replace(plain, covt_cd=0.01)
    assert near.hash != plain.hash and "covt_cd" not in plain.to_json() and near.to_json()["covt_cd"] == 0.01
    assert Protocol.from_json(near.to_json()) == near
    for wrong in (0, -1.0, math.inf, "near", True):
        with pytest.raises(ValueError, match="covt_emd must be a distance above 0"):
            dataclasses.replace(plain, covt_emd=wrong)
