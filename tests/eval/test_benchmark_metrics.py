"""The benchmark of metrics, rehearsed on tiny sizes: its peers give our answers, and its ratios are what they say."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from argus3d.errors import UserError
from benchmarks import cost_figure, cost_table, metrics, peers, shapes
from tests.reference import distances

Clouds = npt.NDArray[np.float32]

TINY = metrics.Sizes(
    matrix=4,
    products=2,
    clouds=24,
    checked=24,
    trees=1,
    pairs=2,
    emd_clouds=3,
    emd_pairs=1,
    counts=(24,),
    large=26,
    points=(64, 512),
    points_clouds=2,
    points_emds=1,
    simplex_points=64,
    repeats=2,
)


def few_clouds(count: int, points: int, seed: int = 0) -> Clouds:
    return np.random.default_rng(seed).random((count, points, 3), np.float32)


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty real shapes of 64 points, so that sets of 12 take some procedural ones."""
    monkeypatch.setattr(shapes, "POINTS", 64)
    for index, cloud in enumerate(shapes.procedural(40, 64)[20:]):
        folder = tmp_path / "household" / "things" / f"thing-{index}"
        folder.mkdir(parents=True)
        np.savez(folder / "pointcloud.npz", points=cloud)
    return tmp_path


@pytest.mark.parametrize("route", [peers.chamfer_by_trees, peers.chamfer_by_products])
def test_chamfer_routes_agree_with_loops(route: Callable[[Clouds, Clouds], npt.NDArray[np.float64]]) -> None:
    if route is peers.chamfer_by_trees:
        pytest.importorskip("pykdtree", reason="the bench extra is not installed")
    a, b = few_clouds(3, 20), few_clouds(35, 20, seed=1)  # more than a batch
    expected = [[distances.chamfer(x, y) for y in b] for x in a]
    np.testing.assert_allclose(route(a, b), expected, rtol=1e-5, atol=1e-6)


def test_emd_routes_agree_with_all_matchings() -> None:
    pytest.importorskip("ot", reason="the bench extra is not installed")
    a, b = few_clouds(2, 6)
    expected = pytest.approx(distances.emd(a, b), rel=1e-9)
    assert peers.emd_by_paths(peers.costs(a, b)) == expected
    assert peers.emd_by_simplex(peers.costs(a, b)) == expected
    assert peers.emd_of_pair((a, b)) == expected


def test_ratios_are_of_runs_of_the_same_round() -> None:
    report = metrics.beside([1.0, 2.0, 4.0], [10.0, 10.0, 80.0], 6)
    assert report["ratios"] == [10, 5, 20] and report["ratio"] == 10 and report["median"] == 10
    assert report["at_least"] == 6 and "at_least" not in metrics.beside([1.0], [2.0], None)


def test_answers_that_differ_stop_the_measurement() -> None:
    with pytest.raises(RuntimeError, match="differ"):
        metrics.agreement(np.array([1.0, 2.0]), np.array([1.0, 2.001]))


def test_halves_are_disjoint_and_filled_up(data_root: Path) -> None:
    source = shapes.Shapes(data_root)
    a, b, sources = source.halves(12)
    assert a.shape == b.shape == (12, 64, 3) and sources == {"household": 20, "procedural": 4}
    assert np.abs(np.concatenate([a, b])).max() == pytest.approx(0.5)
    assert source.halves(5)[2] == {"household": 10, "procedural": 0}
    c, d, _ = source.halves(5)
    assert len({cloud.tobytes() for cloud in (*c, *d)}) == 10


def test_data_that_are_not_prepared_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="household"):
        shapes.Shapes(tmp_path)


@pytest.mark.parametrize("part", metrics.PARTS)
def test_each_part_measures_on_tiny_sizes(part: str, data_root: Path) -> None:
    pytest.importorskip("pykdtree", reason="the bench extra is not installed")
    pytest.importorskip("ot", reason="the bench extra is not installed")
    report = metrics.measured(part, shapes.Shapes(data_root), TINY)
    json.dumps(report, allow_nan=False)
    assert report["what"] and report["conditions"]["cores"] >= 1
    for peer in report.get("peers", {}).values():
        assert peer["ratio"] > 0 and len(peer["ratios"]) == len(report["ours"]["seconds"])


def test_parts_not_asked_for_stay_in_the_report(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report.json"
    out.write_text('{"cost": "of another day", "one_emd": "too"}')
    monkeypatch.setitem(metrics.PARTS, "cost", lambda shapes, sizes: {"what": sizes.repeats})
    monkeypatch.setattr(metrics, "versions", lambda: {})
    words = ["metrics", "--out", str(out), "--data-root", str(data_root), "--part", "cost", "--repeats", "7"]
    monkeypatch.setattr(sys, "argv", words)
    metrics.main()
    written = json.loads(out.read_text())
    assert written["one_emd"] == "too" and written["cost"]["what"] == 7


def test_the_table_has_a_line_for_each_peer(tmp_path: Path) -> None:
    peer = metrics.beside([0.5], [120.0], 6, "1 of 9 rows, scaled") | {"largest_difference": 0.0}
    part = {"what": "a thing", "ours": metrics.taken([0.5]), "peers": {"theirs": peer}, "sources": {"household": 1200}}
    parts = ("all_pairs", "set_metrics", "one_emd", "one_nna_emd")
    report = {name: part | {"conditions": {"cores": 2, "device": "a processor"}} for name in parts}
    (tmp_path / "bench-metrics.json").write_text(json.dumps(report))
    table = cost_table.metrics_table(tmp_path)
    line = "| a thing, of 1,200 household shapes | 500 ms | theirs, scaled | 120 s | 240 | 6 |"
    assert table.count(line) == len(parts)
    text = "<!-- metrics-cost:begin -->old<!-- metrics-cost:end -->"
    assert cost_table.replaced(text, "new", "metrics-cost") == text.replace("old", "\nnew\n")
    with pytest.raises(ValueError, match="has no"):
        cost_table.replaced(text, "new")


def test_the_figure_is_the_same_for_the_same_report_and_names_its_curves() -> None:
    points = [{"points": n, "cd_ms": 0.1 * n, "cd_pykdtree_ms": n, "emd_ms": n} for n in (512, 1024)]
    points[0]["emd_pot_ms"] = 4 * 512
    peer = {"peers": {"some trees": {"median": 9.0}}, "sources": {"household": 1500, "procedural": 500}}
    sets = [{"clouds_per_set": n, "seconds": 0.01 * n} for n in (100, 200)]
    report = {"cost": {"shapes": sets, "points": points}, "set_metrics": peer}
    once = cost_figure.cost_figure(report, ".svg")
    assert cost_figure.cost_figure(report, ".svg") == once
    for word in ("some trees, scaled", "POT", "pykdtree", "ours", "1,024", "clouds a set"):
        assert word in once.decode()
