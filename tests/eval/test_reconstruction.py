"""Reconstructions as results: every measure against its own function, normals where there are some."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import trimesh

from argus3d.errors import UserError
from eval.clouds import CloudSet, load_clouds
from eval.distances.approxmatch import approx_pairs, emd_squared_approx
from eval.distances.emd import emd_squared
from eval.metrics.reconstruction import cd_l1, hausdorff, normal_consistency
from eval.normalize import normalize_pairs
from eval.protocol import get_protocol
from eval.reconstruction import evaluate_reconstruction, read_groups, read_ious

Clouds = npt.NDArray[np.float32]
TINY = dataclasses.replace(get_protocol("smoke"), points=48, emd_points=12, f_score_points=48)


def as_set(clouds: Clouds, normals: Clouds | None = None) -> CloudSet:
    ids = tuple(f"{index:02d}" for index in range(len(clouds)))
    return CloudSet("set", clouds, ids, ("",) * len(ids), len(ids), normals=normals)


def clouds(seed: int) -> tuple[Clouds, Clouds]:
    """Points and normals."""
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(5, 48, 3))
    unit = normals / np.linalg.norm(normals, axis=2, keepdims=True)
    return rng.random((5, 48, 3), dtype=np.float32), unit.astype(np.float32)


def test_each_measure_is_the_mean_of_its_function() -> None:
    (g, normals_g), (r, normals_r) = clouds(0), clouds(1)
    metrics = evaluate_reconstruction(as_set(g, normals_g), as_set(r, normals_r), TINY).metrics
    a, b = normalize_pairs(g, r, TINY.normalization)
    assert metrics["cd_l1"].value == pytest.approx(np.mean([cd_l1(*one) for one in zip(a, b, strict=True)]))
    assert metrics["hausdorff"].value == pytest.approx(np.mean([hausdorff(*one) for one in zip(a, b, strict=True)]))
    expected = [normal_consistency(*four) for four in zip(a, normals_g, b, normals_r, strict=True)]
    assert metrics["normal_consistency"].value == pytest.approx(np.mean(expected))
    assert metrics["normal_consistency"].direction == "higher" and metrics["hausdorff"].direction == "lower"


def test_normals_are_asked_of_both_sets() -> None:
    (g, normals_g), (r, _) = clouds(0), clouds(1)
    assert "normal_consistency" not in evaluate_reconstruction(as_set(g, normals_g), as_set(r), TINY).metrics
    with pytest.raises(ValueError, match="normals of"):
        as_set(g, normals_g[:4])


@pytest.mark.parametrize("solver", ["exact_assignment", "approximate_matching"])
def test_the_protocol_says_which_emd(solver: str) -> None:
    g, r = (clouds(seed)[0] for seed in (0, 1))
    protocol = dataclasses.replace(TINY, emd="mean_squared", emd_solver=solver, emd_points=48)
    result = evaluate_reconstruction(as_set(g), as_set(r), protocol)
    assert protocol.emd_name in result.metrics and "emd" not in result.metrics
    assert f"{protocol.emd_name}_median" not in result.metrics
    a, b = normalize_pairs(g, r, protocol.normalization)
    if solver == "exact_assignment":
        expected = [emd_squared(*one, 0.0).value for one in zip(a, b, strict=True)]
    else:
        expected = [emd_squared_approx(*one) for one in zip(a, b, strict=True)]
    assert result.metrics[protocol.emd_name].value == pytest.approx(np.mean(expected))


def test_approximate_pairs_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="as many clouds"):
        approx_pairs(clouds(0)[0], clouds(0)[0][:4], False)


def test_meshes_bring_their_normals(tmp_path: Path) -> None:
    trimesh.creation.box((1, 1, 1)).export(tmp_path / "box.ply")
    found = load_clouds(str(tmp_path), 200, 0, normals=True)
    assert found.normals is not None and load_clouds(str(tmp_path), 200, 0).normals is None
    # On a cube's face the normal is the axis along which the point lies farthest out.
    outermost = np.abs(found.clouds[0]).argmax(axis=1)
    assert (np.abs(found.normals[0]).argmax(axis=1) == outermost).all()
    assert (found.clouds[0] * found.normals[0]).sum(axis=1) == pytest.approx(np.full(200, 0.5))
    assert (found.clouds == load_clouds(str(tmp_path), 200, 0).clouds).all()


ODD = ([1], None, "x", True, float("nan"), 2, -0.1, 10**400)


def manifest(folder: Path, **said: object) -> Path:
    path = folder / "manifest.json"
    path.write_text(json.dumps({"samples": [{"id": "a", **said}]}))
    return path


def test_a_manifest_says_ious_and_groups(tmp_path: Path) -> None:
    path = manifest(tmp_path, iou=1, solidity=0.5, source="household")
    assert read_ious(path) == {"iou": {"a": 1.0}}
    assert read_groups(path) == {"a": ("source household", "solidity 0 to 0.5")}
    assert read_ious(manifest(tmp_path)) == {} and read_groups(path) == {"a": ()}


@pytest.mark.parametrize("value", ODD, ids=lambda value: str(value)[:9])
@pytest.mark.parametrize(("key", "read"), [("iou", read_ious), ("iou_near", read_ious), ("solidity", read_groups)])
def test_what_a_manifest_says_is_checked(
    tmp_path: Path, key: str, read: Callable[[Path], object], value: object
) -> None:
    with pytest.raises(UserError, match=rf"manifest\.json: sample a: it.* {key}"):
        read(manifest(tmp_path, **{key: value}))
