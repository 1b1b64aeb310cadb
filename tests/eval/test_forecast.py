"""What is said of a measurement at its start: counts are checked here, seconds by benchmarks/load.py."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest

from argus3d.meter import Meter
from eval import forecast, progress
from eval.clouds import CloudSet
from eval.evaluate import evaluate_sets
from eval.forecast import Forecast, Stage, grown, measured
from eval.kinds import kinds
from eval.progress import Told, spoken
from eval.protocol import get_protocol

PROTOCOL = replace(get_protocol("smoke"), name="few-points", points=128, emd_points=32, interval_repeats=4)


def ellipsoids(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((count, PROTOCOL.points, 3))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    return (directions * rng.uniform(0.1, 0.5, (count, 1, 3))).astype(np.float32)


def cloud_set(name: str, count: int, seed: int) -> CloudSet:
    ids = tuple(f"{name}{index}" for index in range(count))
    return CloudSet(name, ellipsoids(count, seed), ids, ("",) * count, asked=count)


@pytest.mark.parametrize("place", [0, 1])
def test_the_number_of_distances_is_foreseen(place: int) -> None:
    g, r = ellipsoids(300, 0), ellipsoids(300, 1)
    whole, few = kinds(g, r, PROTOCOL)[place], kinds(g[:32], r[:32], PROTOCOL)[place]
    said, found = grown(few, whole, 32, 300, PROTOCOL), measured(whole, 300, PROTOCOL)
    assert said.suffix == found.suffix == ("cd", "emd")[place]
    assert 1 / 1.5 < said.solved / found.solved < 1.5
    assert min(said.opening, said.bounds, said.metrics) > 0


def test_where_nothing_is_bounded_every_distance_is_foreseen() -> None:
    protocol = replace(PROTOCOL, emd_solver="approximate_matching")
    g, r = ellipsoids(40, 0), ellipsoids(40, 1)
    _, whole = kinds(g, r, protocol)
    _, few = kinds(g[:16], r[:16], protocol)
    assert grown(few, whole, 16, 40, protocol).solved == 40 * 79 == measured(whole, 40, protocol).solved


def test_a_trial_is_a_small_part_of_large_sets_and_of_use_for_small_ones() -> None:
    assert [forecast.tried(size) for size in (400, 1000, 10_000)] == [32, 40, 400]


def test_what_is_told_changes_no_number(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(progress, "LEAST", 40)
    sets = cloud_set("a", 40, 0), cloud_set("b", 40, 1)
    told = evaluate_sets(*sets, PROTOCOL, progress=Told())
    words = r"measuring 40 \+ 40 shapes takes about \d+ seconds \(by a trial of 32 \+ 32\)"
    assert re.search(words, capsys.readouterr().err)
    assert told.to_json() == evaluate_sets(*sets, PROTOCOL).to_json()


def test_small_sets_are_measured_without_a_trial(capsys: pytest.CaptureFixture) -> None:
    evaluate_sets(cloud_set("a", 20, 0), cloud_set("b", 20, 1), PROTOCOL, progress=Told())
    assert capsys.readouterr().err == ""


def test_the_bar_ends_where_it_was_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = {"cd": Stage("cd", 1.0, 2.0, 3.0, 1), "emd": Stage("emd", 1.0, 0.0, 30.0, 1e9)}  # too few, and too many
    said = Forecast(stages, clouds=5.0, tried=32)
    assert said.seconds == 42.0
    monkeypatch.setattr(progress, "LEAST", 20)
    monkeypatch.setattr(progress, "forecast", lambda *_: said)
    shown = io.StringIO()
    monkeypatch.setattr(progress, "Meter", lambda **asked: Meter(**asked | {"disable": False, "file": shown}))
    seen, end = [], Told.end
    monkeypatch.setattr(Told, "end", lambda told: (seen.append(told._bar.n), end(told), seen.append(told._bar.n)))
    evaluate_sets(cloud_set("a", 20, 0), cloud_set("b", 20, 1), PROTOCOL, progress=Told())
    assert seen == [pytest.approx(37.0), pytest.approx(42.0)]
    assert "100%" in shown.getvalue()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.1, "2 seconds"), (89, "89 seconds"), (700, "12 minutes"), (12600, "3.5 hours")]
)
def test_times_are_for_people(seconds: float, words: str) -> None:
    assert spoken(seconds) == words
