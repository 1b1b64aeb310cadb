"""Completions: against loops, their laws, and the command as a user gives it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus3d.data.files import write_json
from argus3d.data.streams import item_rng
from argus3d.errors import UserError
from eval.cli import main
from eval.completion import WITHIN, evaluate_completion, measure
from eval.protocol import get_protocol
from eval.sample_folder import read_parts
from eval.sources import Job
from eval.task_folder import Drawn, Task, read_tasks
from tests.eval.task_folders import Axes, prepare, write_tasks
from tests.eval.toys import write_toys
from tests.reference import tasks as loops

Cloud = npt.NDArray[np.float32]
FEW = replace(get_protocol("smoke"), points=9, emd_points=9)
quick = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 10_000)


def job(name: str) -> Job:
    return Job(name, "chair", None, lambda points, rng: (np.zeros((points, 3), np.float32), None))


def drawn(truth: Cloud, samples: Cloud, asked: int | None = None) -> Drawn:
    jobs = tuple(job(f"x-{number}") for number in range(asked or len(samples)))
    return Drawn(Task(job("x"), jobs), truth, jobs[: len(samples)], samples)


def clouds(seed: int) -> tuple[Cloud, Cloud, Cloud]:
    """A part, a truth and completions of more points than the protocol has."""
    rng = np.random.default_rng(seed)
    number = int(rng.integers(2, 5))
    part = rng.random((int(rng.integers(1, 9)), 3), dtype=np.float32)
    return part, rng.random((9, 3), dtype=np.float32), rng.random((number, 14, 3), dtype=np.float32)


@quick
@given(seeds)
def test_each_input_equals_the_loop(seed: int) -> None:
    part, truth, samples = clouds(seed)
    measured = measure(drawn(truth, samples), part, FEW)
    expected = loops.completion(part, truth, samples, FEW.points, WITHIN)
    assert measured == pytest.approx(expected, rel=1e-4, abs=1e-6)


@quick
@given(seeds)
def test_order_place_and_size_change_nothing(seed: int) -> None:
    part, truth, samples = clouds(seed)
    once = measure(drawn(truth, samples), part, FEW)
    turned = np.random.default_rng(seed).permutation(len(samples))
    assert measure(drawn(truth, samples[turned]), part, FEW) == pytest.approx(once, rel=1e-6)
    moved = measure(drawn(truth * 4 + 7, samples * 4 + 7), part * 4 + 7, FEW)
    assert moved == pytest.approx(once, rel=1e-3, abs=1e-5)


@quick
@given(seeds)
def test_copies_have_no_difference_and_what_holds_the_part_keeps_it(seed: int) -> None:
    part, truth, samples = clouds(seed)
    copies = np.repeat(np.concatenate([samples[0], part])[None], 3, axis=0)
    measured = measure(drawn(truth, copies), part, FEW)
    assert measured["tmd_cd"] == 0 and measured["amd_cd"] == pytest.approx(measured["own_mmd_cd"], rel=1e-12)
    assert measured["uhd"] == pytest.approx(0, abs=1e-7) and measured["completeness_0.03"] == 1


def test_a_completion_in_the_wrong_place_counts_against_it() -> None:
    part, truth, samples = clouds(0)
    away = measure(drawn(truth, samples + 5), part, FEW)
    assert away["uhd"] > 4 and away["completeness_0.03"] == 0


def test_completions_that_came_stand_for_those_that_did_not() -> None:
    part, truth, samples = clouds(3)
    pair = samples[:2]
    whole, half = measure(drawn(truth, pair), part, FEW), measure(drawn(truth, pair, asked=4), part, FEW)
    assert half["tmd_cd"] == pytest.approx(2 * whole["tmd_cd"]) and half["uhd"] == whole["uhd"]
    assert np.isnan(measure(drawn(truth, pair[:1], asked=4), part, FEW)["tmd_cd"])
    assert all(np.isnan(value) for value in measure(drawn(truth, pair[:0], asked=4), part, FEW).values())


# The command


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, Axes]]:
    monkeypatch.chdir(tmp_path)
    write_toys(Path("data"), {"chair": 5, "table": 4}, "known", "known-v1/train", 2500)
    write_toys(Path("data"), {"lamp": 2}, "lamps", "lamps-v1/train")
    return tmp_path, prepare(Path("data"), {"chair": 2, "table": 2})


def run(*words: str) -> dict[str, Any]:
    said = ["completion", *words, "toys-v1/test", "--data-root", "data", "--protocol", "smoke", "--out", "out.json"]
    assert main(said) == 0
    return dict(json.loads(Path("out.json").read_text()))


def values(result: dict[str, Any]) -> dict[str, float]:
    return {key: entry["value"] for key, entry in result["metrics"].items()}


def test_the_command_measures_completions_and_what_gives_them_meaning(root: tuple[Path, dict[str, Axes]]) -> None:
    folder, axes = root
    said = {"cut": "bottom", "each": 3}
    stretched = [1.0, 1.1, 1.25]
    write_tasks(folder / "made", axes, lambda shape, n: axes[shape] * [1, stretched[n], 1], parts=True, settings=said)
    result = run("made")
    made, floor = values(result), values(run("--baseline", "reference", "made"))
    other = values(run("made", "--baseline", "training", "--training", "known-v1/train"))
    assert result["kind"] == "completion" and result["data"]["cut"] == "bottom"
    assert result["counts"]["generated"] == {"asked": 12, "found": 12, "failed": []}
    assert set(result["per_category"]) == {"chair", "table"} and result["per_category"]["chair"]["count"] == 2
    for key in ("uhd", "amd_cd", "own_mmd_cd", "tmd_cd"):
        assert floor[key] < made[key] < other[key], key
        interval = result["metrics"][key]
        assert interval["low"] <= interval["value"] <= interval["high"]
    assert floor["uhd"] < 0.06 and floor["completeness_0.03"] > made["completeness_0.03"]


def test_training_shapes_of_a_small_class_stand_for_several_samples(root: tuple[Path, dict[str, Axes]]) -> None:
    folder, axes = root
    write_tasks(folder / "made", axes, lambda shape, n: axes[shape], each=5, parts=True)
    result = run("made", "--baseline", "training", "--training", "known-v1/train")
    assert result["notes"][-1].endswith("as there are too few of table")
    assert result["counts"]["generated"]["found"] == 20


def test_training_shapes_that_are_not_prepared_are_counted(root: tuple[Path, dict[str, Axes]]) -> None:
    folder, axes = root
    write_tasks(folder / "made", axes, lambda shape, n: axes[shape], parts=True)
    manifest = Path("data/known/manifest.json")
    shapes = json.loads(manifest.read_text())["shapes"]
    write_json(manifest, {"shapes": shapes[1:]})
    result = run("made", "--baseline", "training", "--training", "known-v1/train")
    assert "1 of 9 training shapes are not prepared or failed, and were not drawn" in result["notes"]


def test_a_part_of_which_nothing_is_prepared_is_refused(
    root: tuple[Path, dict[str, Axes]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, axes = root
    write_tasks(folder / "made", axes, lambda shape, n: axes[shape], parts=True)
    write_json(Path("data/lamps/manifest.json"), {"shapes": []})
    training = ["--baseline", "training", "--training", "known-v1/train,lamps-v1/train"]
    place = ["--data-root", "data", "--protocol", "smoke", "--out", "out.json"]
    assert main(["completion", "made", "toys-v1/test", *training, *place]) == 1
    assert "lamps-v1/train: none of its shapes is there" in capsys.readouterr().err and not Path("out.json").exists()


def test_the_whole_equals_the_loop(root: tuple[Path, dict[str, Axes]]) -> None:
    folder, axes = root
    rng = np.random.default_rng(0)
    write_tasks(folder / "made", axes, lambda shape, n: axes[shape] * rng.uniform(0.5, 1.5, 3), parts=True)
    tasks = read_tasks(folder / "made", "toys-v1/test", folder / "data")
    tiny = replace(FEW, points=12, emd_points=12)
    result = evaluate_completion(tasks, read_parts(folder / "made", list(axes)), tiny)
    truths = [task.shape.draw(12, item_rng(0, task.shape.id))[0] for task in tasks]
    samples = [np.stack([one.draw(12, item_rng(0, one.id))[0] for one in task.samples]) for task in tasks]
    assert result.metrics["mmd_cd"].value == pytest.approx(loops.pooled_mmd(truths, samples), rel=1e-4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--baseline", "training"), "give both or neither"),
        (("--training", "known-v1/train"), "give both or neither"),
        (("--baseline", "training", "--training", "lamps-v1/train"), "no training shape of class 'chair'"),
        (("--category", "sofa"), "no shape of sofa"),
    ],
)
def test_wishes_that_contradict_each_other_are_refused(
    root: tuple[Path, dict[str, Axes]], words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, axes = root
    write_tasks(folder / "made", axes, lambda shape, n: axes[shape], each=7, parts=True)
    line = ["completion", "made", "toys-v1/test", *words, "--data-root", "data", "--protocol", "smoke"]
    assert main([*line, "--out", "out.json"]) == 1
    assert said in capsys.readouterr().err.splitlines()[-1] and not Path("out.json").exists()


def test_a_single_completion_and_none_that_has_a_surface_are_refused(root: tuple[Path, dict[str, Axes]]) -> None:
    folder, axes = root
    for name, sample, each, said in (("one", 1.0, 1, "needs two or more"), ("none", None, 2, "no sample has a surf")):
        write_tasks(folder / name, axes, lambda s, n, f=sample: f and axes[s] * f, each=each, parts=True)
        tasks = read_tasks(folder / name, "toys-v1/test", folder / "data")
        with pytest.raises(UserError, match=said):
            evaluate_completion(tasks, read_parts(folder / name, list(axes)), FEW)
