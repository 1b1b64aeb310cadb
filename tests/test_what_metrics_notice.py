"""What metrics notice, simulated: defects are what they are called, power is counted right, the table is the file's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import what_metrics_notice as study
from eval.evaluate import evaluate
from eval.results import MetricValue

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "reports" / "results" / "what-metrics-notice.json"
TABLE = ROOT / "reports" / "tables" / "what-metrics-notice.md"
REFERENCE, REST = np.arange(24), np.arange(24, 240)


@pytest.fixture
def small_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A pool of ten shapes a class."""
    monkeypatch.setattr(study, "POOL", 120)
    monkeypatch.setattr(study, "POOL_POINTS", 512)
    study.pool.cache_clear()
    yield
    study.pool.cache_clear()


def chosen(name: str, seed: int = 0) -> study.Indices:
    found = study.DEFECTS[name].choose(np.random.default_rng(seed), REFERENCE, REST)
    assert found.shape == REFERENCE.shape
    return found


def altered(name: str, clouds: study.Points) -> study.Points:
    found = study.DEFECTS[name].alter(np.random.default_rng(0), clouds)
    assert found.dtype == np.float32 and found.shape == clouds.shape
    return found


def test_samples_without_a_defect_are_other_shapes_each_once() -> None:
    found = chosen(study.UNALTERED)
    assert len(set(found)) == 24 and not set(found) & set(REFERENCE)


@pytest.mark.parametrize("seed", range(3))
def test_one_class_is_missing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rest = np.arange(24, 2400)
    found = study.without_a_class(rng, np.arange(400), rest)
    assert len(set(found % study.CLASSES)) == study.CLASSES - 1


def test_half_of_the_classes_come_three_times_as_often() -> None:
    found = study.of_other_shares(np.random.default_rng(0), np.arange(600), np.arange(600, 60_000))
    counts = np.sort(np.bincount(found % study.CLASSES))
    assert counts[6:].sum() / counts[:6].sum() == pytest.approx(3, rel=0.25)


def test_few_and_one_shape_are_drawn_again_and_again() -> None:
    many = study.out_of_few(np.random.default_rng(0), np.arange(600), REST)
    assert len(set(many)) == study.TRAINED_ON and len(many) == 600
    assert len(set(chosen("one shape repeated"))) == 1


def test_shapes_of_the_reference_come_back() -> None:
    assert (chosen("all shapes are those of the reference") == REFERENCE).all()
    half = chosen("every second shape is one of the reference")
    assert len(set(half) & set(REFERENCE)) == 12 and len(set(half)) == 24


def test_clouds_are_turned_stretched_and_noised_by_as_much_as_said() -> None:
    clouds = np.random.default_rng(0).uniform(-0.5, 0.5, (40, 256, 3)).astype(np.float32)
    noise = altered("noise of 0.01", clouds) - clouds
    assert noise.std() == pytest.approx(0.01, rel=0.02) and abs(noise.mean()) < 1e-3
    tall = altered("stretched upwards by 10 %", clouds)
    np.testing.assert_allclose(tall, clouds * [1, 1.1, 1], rtol=1e-6)
    turned = altered("turned by 15° about the vertical", clouds)
    np.testing.assert_array_equal(turned[..., 1], clouds[..., 1])
    before, after = (np.arctan2(some[..., 0], some[..., 2]) for some in (clouds, turned))
    np.testing.assert_allclose((np.degrees(after - before) + 180) % 360 - 180, 15, atol=1e-2)


def value(low: float, high: float, p_value: float | None = None) -> MetricValue:
    return MetricValue((low + high) / 2, low, high, "lower", p_value=p_value)


def test_a_test_notices_by_its_p_value_and_an_interval_by_what_it_leaves_out() -> None:
    tested = [value(0, 1, 0.04), value(0, 1, 0.06), value(5, 6, 0.5)]
    assert study.noticed(tested, np.zeros(3)).tolist() == [True, False, False]
    held = [value(0, 1), value(0.6, 1), value(0, 0.4), value(np.nan, np.nan)]
    assert study.noticed(held, np.full(4, 0.5)).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("powers", "size"),
    [([90, 85, 80], "30"), ([90, 70, 81], "120"), ([10, 79, 79.9], "> 120"), ([100, 100, 0], "> 120")],
)
def test_the_smallest_size_is_the_one_from_which_on_all_suffice(powers: list[float], size: str) -> None:
    assert study.smallest(powers, (30, 60, 120)) == size


@pytest.mark.usefixtures("small_pool")
def test_one_shape_repeated_is_noticed_and_what_is_usual_is_taken_from_the_unaltered() -> None:
    usual = {key: float("inf") for key in study.replicate(study.UNALTERED, 20, 0)}
    one = study.cell("one shape repeated", 20, 2, usual)["metrics"]
    assert set(study.COLUMNS) <= set(one)
    assert one["one_nna_cd"]["noticed_percent"] == one["ecd_cd"]["noticed_percent"] == 100
    assert one["mmd_cd"]["noticed_percent"] == 100, "no interval reaches to infinity"
    assert one["cov_cd"]["mean"] <= 2 / 20


@pytest.mark.usefixtures("small_pool")
def test_a_pair_of_sets_is_the_same_each_time_and_defects_meet_the_same_reference() -> None:
    rng = np.random.default_rng(0)
    again = [study.replicate(study.UNALTERED, 16, 3)["mmd_cd"].value for _ in range(2)]
    assert again[0] == again[1] != study.replicate(study.UNALTERED, 16, 4)["mmd_cd"].value
    twice = study.clouds_of(rng, np.array([5, 5]))
    assert twice.shape == (2, study.PROTOCOL.points, 3) and (twice[0] != twice[1]).any()


def test_size_and_place_are_undone_by_the_protocol() -> None:
    clouds = np.random.default_rng(0).uniform(size=(40, 256, 3)).astype(np.float32)
    here = evaluate(clouds[:20], clouds[20:], study.PROTOCOL).metrics
    there = evaluate(clouds[:20] * np.float32(1.5) + np.float32(0.2), clouds[20:], study.PROTOCOL).metrics
    for key, entry in here.items():
        assert there[key].value == pytest.approx(entry.value, rel=1e-3, abs=1e-6), key


def fake(name: str, size: int, number: int) -> dict[str, MetricValue]:
    """Metrics that notice "one shape repeated" from 60 shapes on."""
    found = name == "one shape repeated" and size >= 60
    return {key: value(7 if found else -number % 2 - 1, 8 if found else 2) for key in study.COLUMNS}


def test_a_run_that_was_cut_off_goes_on_and_tables_what_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, table = tmp_path / "out.json", tmp_path / "table.md"
    words = ["--out", str(out), "--table", str(table), "--repeats", "3"]
    monkeypatch.setattr(study, "pool", lambda: None)
    monkeypatch.setattr(study, "replicate", fake)
    study.main([*words, "--size", "30", "--size", "60"])
    content: dict[str, Any] = json.loads(out.read_text())
    assert len(content["cells"]) == 2 * len(study.DEFECTS) and content["protocol"]["hash"] == study.PROTOCOL.hash
    assert "| one shape repeated | 60<br><sub>0 · 100</sub> |" in table.read_text()
    cut = {**content, "cells": content["cells"][:-1]}
    assert "| one shape repeated | > 30<br><sub>0</sub> |" in study.table(cut)
    monkeypatch.setattr(study, "cell", lambda *asked: pytest.fail(f"{asked} was there"))
    study.main([*words, "--size", "60"])
    assert json.loads(out.read_text()) == content


def test_cells_of_another_protocol_are_not_mixed_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    out.write_text(json.dumps({"protocol": {"hash": "other"}, "cells": []}))
    with pytest.raises(SystemExit):
        study.main(["--out", str(out), "--table", str(tmp_path / "table.md")])
    assert "another protocol" in capsys.readouterr().err


def test_the_committed_table_is_of_the_committed_measurement() -> None:
    assert TABLE.read_text() == study.table(json.loads(RESULT.read_text()))
