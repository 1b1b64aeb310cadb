"""From clouds to results: contract, cache, failures, bytes, bad input."""

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from argus3d.errors import UserError
from eval.clouds import CloudSet
from eval.distances.emd_bounds import EmdPairs
from eval.evaluate import evaluate, evaluate_sets
from eval.features import load
from eval.metrics.reconstruction import f_score, iou
from eval.protocol import Protocol, get_protocol
from eval.reconstruction import evaluate_reconstruction
from eval.results import Counts, MetricValue, Result, read, run_record, write

Clouds = npt.NDArray[np.float32]
SMOKE = dataclasses.replace(get_protocol("smoke"), points=64, emd_points=16, f_score_points=64)


def shapes(seed: int, count: int = 20, points: int = 64) -> Clouds:
    """Boxes of random proportions."""
    rng = np.random.default_rng(seed)
    return ((rng.random((count, points, 3)) - 0.5) * rng.uniform(0.2, 1, (count, 1, 3))).astype(np.float32)


def as_set(name: str, clouds: Clouds, failed: int = 0) -> CloudSet:
    ids = tuple(f"{index:02d}" for index in range(len(clouds)))
    lost = tuple((f"lost{index}", "empty") for index in range(failed))
    return CloudSet(name, clouds, ids, ("chair",) * len(ids), len(ids) + failed, lost)


def test_the_contract() -> None:
    result = evaluate(shapes(0), shapes(1), SMOKE)
    names = {f"{key}_{kind}" for key in ("mmd", "cov", "one_nna", "ecd") for kind in ("cd", "emd")}
    names |= {f"ecd_{kind}_{part}" for kind in ("cd", "emd") for part in ("zw", "zd", "per_edge")}
    names |= {f"one_nna_{kind}_{half}" for kind in ("cd", "emd") for half in ("generated", "reference")}
    names |= {"ecd1_cd", "ecd1_emd", "jsd", f"frechet_{load().name}", f"kernel_{load().name}"}
    assert set(result.metrics) == names
    for key, value in result.metrics.items():
        assert value.low <= value.value <= value.high, key
    assert result.metrics["one_nna_cd"].ideal == 0.5 and result.metrics["mmd_cd"].direction == "lower"
    assert result.protocol == SMOKE and result.kind == "generation"


def test_covt_is_measured_where_the_protocol_has_a_threshold() -> None:
    plain = evaluate(shapes(0), shapes(1), SMOKE).metrics
    near = dataclasses.replace(SMOKE, covt_cd=plain["mmd_cd"].value, covt_emd=1e9)
    found = evaluate(shapes(0), shapes(1), near).metrics
    assert {key: entry for key, entry in found.items() if not key.startswith("covt")} == plain
    assert 0 < found["covt_cd"].value < plain["cov_cd"].value and found["covt_cd"].direction == "higher"
    assert found["covt_cd"].low <= found["covt_cd"].value <= found["covt_cd"].high
    far, all_of_them = found["covt_emd"], plain["cov_emd"]
    assert (far.value, far.low, far.high) == (all_of_them.value, all_of_them.low, all_of_them.high)


def test_a_protocol_by_name_and_the_seed_decides() -> None:
    a, b = shapes(0, 6, 256), shapes(1, 6, 256)
    assert evaluate(a, b, "smoke").to_json() == evaluate(a, b, get_protocol("smoke")).to_json()
    assert evaluate(a, b, "smoke").metrics["mmd_emd"] != evaluate(
        a, b, dataclasses.replace(get_protocol("smoke"), seed=1)
    ).metrics["mmd_emd"]


def test_size_and_place_of_shapes_do_not_count_under_box() -> None:
    moved = shapes(0) * np.linspace(1, 9, 20, dtype=np.float32)[:, None, None] + 3
    before, after = evaluate(shapes(0), shapes(1), SMOKE), evaluate(moved, shapes(1), SMOKE)
    assert after.metrics["mmd_cd"].value == pytest.approx(before.metrics["mmd_cd"].value, rel=1e-4)
    assert after.metrics["one_nna_cd"].value == before.metrics["one_nna_cd"].value


def test_swapped_sets_are_noticed() -> None:
    collapsed = shapes(0)[:1] + 0.001 * shapes(2)
    there, back = evaluate(collapsed, shapes(1), SMOKE), evaluate(shapes(1), collapsed, SMOKE)
    for kind in ("cd", "emd"):
        assert there.metrics[f"cov_{kind}"].value < 0.2
        assert there.metrics[f"mmd_{kind}"].value != back.metrics[f"mmd_{kind}"].value
        assert there.metrics[f"ecd_{kind}_zd"].value > 0 > back.metrics[f"ecd_{kind}_zd"].value


def test_copies_of_the_reference() -> None:
    metrics = evaluate(shapes(0), shapes(0), SMOKE).metrics
    assert metrics["one_nna_cd"].value == metrics["one_nna_emd"].value == metrics["mmd_cd"].value == 0
    assert metrics["cov_cd"].value == 1


def test_the_cache_changes_no_number_and_is_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[tuple[int, int]]] = []
    original = EmdPairs.exact

    def noted(self: EmdPairs, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        asked[-1] |= set(zip(rows.tolist(), columns.tolist(), strict=True))
        return original(self, rows, columns)

    def measured(other: CloudSet, cache: Path | None) -> dict[str, Any]:
        asked.append(set())
        return evaluate_sets(as_set("a", shapes(0)), other, SMOKE, cache=cache).to_json()

    monkeypatch.setattr(EmdPairs, "exact", noted)
    reference = as_set("reference", shapes(1))
    assert measured(reference, tmp_path) == measured(reference, None)
    assert len(list(tmp_path.iterdir())) == 2
    assert measured(reference, tmp_path) == measured(reference, None)
    first, again = ({pair for pair in asked[run] if min(pair) >= 20} for run in (0, 2))
    assert first and not first & again, "no pair of reference shapes is solved again"
    measured(as_set("other", shapes(3)), tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_failed_shapes_are_counted_and_the_other_set_is_cut() -> None:
    generated, reference = as_set("g", shapes(0, 18), failed=2), as_set("r", shapes(1, 20))
    result = evaluate_sets(generated, reference, SMOKE)
    assert dataclasses.asdict(result.counts["generated"]) == {
        "asked": 20, "found": 18, "failed": (("lost0", "empty"), ("lost1", "empty")),
    }  # fmt: skip
    assert any("2 of 20 generated shapes failed" in note for note in result.notes)
    assert any("cut to 18" in note for note in result.notes)


def test_result_files_have_the_same_bytes_and_read_back(tmp_path: Path) -> None:
    result = evaluate(shapes(0), shapes(1), SMOKE)
    for name in ("a", "b"):
        write(result, run_record(1.5, "score"), tmp_path / f"{name}.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert read(tmp_path / "a.json") == result
    record = json.loads((tmp_path / "a.run.json").read_text())
    assert record["seconds"] == 1.5 and record["versions"]["numpy"] == np.__version__


def test_undefined_is_null_and_comes_back() -> None:
    undefined = MetricValue(math.nan, math.nan, math.inf, "lower")
    counts = {"generated": Counts(1, 1), "reference": Counts(1, 1)}
    result = Result("a", "generation", SMOKE, counts, {"ecd_cd": undefined})
    text = json.dumps(result.to_json(), allow_nan=False)
    assert math.isnan(Result.from_json(json.loads(text)).metrics["ecd_cd"].value)
    with pytest.raises(ValueError, match="schema"):
        Result.from_json({"schema": 0})
    with pytest.raises(ValueError, match="not a result"):
        Result.from_json({"schema": 1})
    with pytest.raises(ValueError, match="direction"):
        MetricValue(0, 0, 0, "down")


def test_few_shapes_give_values_without_intervals_and_say_so() -> None:
    result = evaluate(shapes(0, 6), shapes(1, 6), SMOKE)
    assert not math.isnan(result.metrics["mmd_cd"].value) and math.isnan(result.metrics["mmd_cd"].low)
    assert any("too few shapes" in note for note in result.notes)
    two = evaluate(shapes(0, 2), shapes(1, 2), SMOKE)
    assert math.isnan(two.metrics["ecd_cd"].value) and any("ecd_cd undefined" in note for note in two.notes)


def poke(clouds: Clouds, value: float) -> Clouds:
    clouds = clouds.copy()
    clouds[3, 5, 1] = value
    return clouds


@pytest.mark.parametrize(
    ("generated", "reference", "words"),
    [
        (poke(shapes(0), math.nan), shapes(1), "generated: cloud 3 .*not finite"),
        (shapes(0), poke(shapes(1), math.inf), "reference: cloud 3 .*not finite"),
        (shapes(0)[:0], shapes(1), "generated: empty"),
        (shapes(0), shapes(1)[:, :0], "reference: empty"),
        (shapes(0, points=70), shapes(1), "70 points, reference of 64"),
        (shapes(0, points=60), shapes(1, points=60), "60 points, protocol smoke asks for 64"),
        (shapes(0, 20), shapes(1, 19), "--count 19"),
        (shapes(0, 1), shapes(1, 1), "sets of one shape"),
        (np.ones((20, 64, 3), np.float32), shapes(1), r"generated: all points of cloud 0 \(00000\) are equal"),
        (shapes(0)[0], shapes(1), "expected clouds of shape"),
        (shapes(0), shapes(1).astype(np.float64) + 1e6, "reference: cloud 0: lies too far from the origin"),
        (shapes(0).astype(np.float64) * 1e39, shapes(1), "generated: cloud 0: a coordinate of .* is beyond single"),
    ],
)
def test_bad_input_names_the_set_and_the_way_out(generated: Clouds, reference: Clouds, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        evaluate(generated, reference, SMOKE)


def masked(clouds: Clouds) -> Clouds:
    return np.ma.masked_less(clouds, 0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([[[0.0, 1, 2]], [[0.0, 1, 2], [3, 4, 5]]], "expected clouds of shape (N, P, 3), each of as many points"),
        ([[["a", "b", "c"]]], "expected clouds of numbers, got <U1; give them as float32"),
        ("household-v1/test", "expected clouds of numbers, got <U17; give them as float32"),
        (shapes(0) + 1j, "expected clouds of numbers, got complex64; give them as float32"),
        (torch.rand(2, 64, 3).bfloat16(), "expected clouds of shape (N, P, 3), each of as many points"),
        (masked(shapes(0)), "some points are masked"),
        (list(map(masked, shapes(0))), "some points are masked"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_no_array_of_clouds_is_refused_by_set(given: Any, words: str) -> None:
    for sets, role in (((given, shapes(1)), "generated"), ((shapes(1), given), "reference")):
        with pytest.raises(UserError, match=f"^{role}: {re.escape(words)}") as caught:
            evaluate(*sets, SMOKE)
        assert isinstance(caught.value, ValueError)


def test_what_is_no_protocol_is_refused() -> None:
    given: Any = 3
    with pytest.raises(UserError, match="protocol: expected a preset's name, a JSON file or a Protocol, got 3"):
        evaluate(shapes(0), shapes(1), given)


def test_reconstruction_of_pairs() -> None:
    reference = as_set("test shapes", shapes(0))
    same = evaluate_reconstruction(as_set("same", shapes(0)), reference, SMOKE).metrics
    assert same["cd"].value == same["emd"].value == 0 and same["f_score_0.02"].value == 1
    # Out of place by 4 % of the side: normalising each cloud by itself would hide it.
    side = (shapes(0).max(axis=1) - shapes(0).min(axis=1)).max(axis=1)[:, None, None]
    off = evaluate_reconstruction(as_set("off", shapes(0) + 0.04 * side), reference, SMOKE).metrics
    assert off["emd"].value == pytest.approx(3**0.5 * 0.04, rel=1e-3) and off["f_score_0.02"].value < 0.5


def test_reconstruction_counts_what_came_back_empty() -> None:
    reference = as_set("test shapes", shapes(0))
    lost = CloudSet("g", shapes(0)[:18], reference.ids[:18], ("",) * 18, 20, (("18", "empty"), ("19", "empty")))
    result = evaluate_reconstruction(lost, reference, SMOKE, ious={"iou": dict.fromkeys(reference.ids, 0.5)})
    assert result.metrics["f_score_0.02"].value == pytest.approx(0.9)
    assert result.metrics["iou"].value == pytest.approx(0.45) and result.metrics["iou_median"].value == 0.5
    assert result.metrics["cd"].value == 0 and "2 shapes came back empty" in result.notes[0]
    assert result.per_category["chair"]["count"] == 20
    assert result.per_category["chair"]["iou"] == pytest.approx(0.45)
    assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result


def test_reconstruction_needs_pairs_and_every_iou() -> None:
    reference = as_set("test shapes", shapes(0))
    with pytest.raises(UserError, match="19 is in test shapes only"):
        evaluate_reconstruction(as_set("g", shapes(0, 19)), reference, SMOKE)
    with pytest.raises(UserError, match="19 is in g only"):
        evaluate_reconstruction(as_set("g", shapes(0)), as_set("r", shapes(0, 19)), SMOKE)
    with pytest.raises(UserError, match="no iou for 00"):
        evaluate_reconstruction(reference, reference, SMOKE, ious={"iou": {}})
    with pytest.raises(UserError, match="asks for 256"):
        evaluate_reconstruction(reference, reference, Protocol("mine", points=256, f_score_points=64))


def test_iou_and_f_score() -> None:
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert iou(a, b) == pytest.approx(1 / 3) and iou(a, a) == 1.0 and iou(a & ~a, a & ~a) == 1.0
    with pytest.raises(ValueError, match="same sample points"):
        iou(a, b[:3])
    points = np.array([[0, 0, 0], [1, 0, 0]], np.float32)
    half = np.array([[0, 0, 0.01], [9, 0, 0]], np.float32)
    assert f_score(half, points) == 0.5 and f_score(points + 5, points) == 0.0 and f_score(points, points) == 1.0
