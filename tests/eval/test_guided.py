"""Guided samples: against loops, what differences say, features of views, and the command as a user gives it."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from argus3d.data.streams import item_rng
from argus3d.encoders import Encoded
from argus3d.errors import UserError
from eval import guided
from eval.cli import main
from eval.features.accuracy import class_accuracy
from eval.guided import evaluate_guided
from eval.protocol import get_protocol
from eval.task_folder import Task, read_tasks
from eval.view_features import VIEWS, ViewFeatures
from tests.argus3d.clip_files import write_clip_cache
from tests.eval.task_folders import Axes, prepare, write_tasks
from tests.reference import tasks as loops

REFERENCE = "toys-v1/test"
SMOKE = get_protocol("smoke")
FEW = replace(SMOKE, points=12, emd_points=12)


class Heights:
    """A stand-in for the point network: what is flat is a table, all else a chair."""

    name, classes, dimensions = "heights0", ("chair", "table"), 2

    def features(self, clouds: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
        sizes = np.ptp(clouds, axis=1)
        return np.asarray(sizes[:, 1:], np.float32)

    def classes_of(self, features: npt.NDArray[np.float32]) -> list[str]:
        return ["table" if height < 0.4 else "chair" for height in features[:, 0]]


class Darkness:
    """A stand-in for an encoder of a joint space: how dark a picture is, what length a text has."""

    name, sha256, features, length = "darkness", "dd" * 32, 2, 1

    def __init__(self) -> None:
        self.seen = 0

    def encode(self, given: Sequence[Any]) -> Encoded:
        self.seen += len(given)
        numbers = [len(one) / 10 if isinstance(one, str) else 1 - one.mean() / 255 for one in given]
        values = torch.tensor([[[number, 1.0]] for number in numbers])
        return Encoded(values, torch.ones(values.shape[:2], dtype=torch.bool))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, Axes]]:
    monkeypatch.chdir(tmp_path)
    return tmp_path, prepare(Path("data"), {"chair": 10, "table": 8})


def tasks(folder: Path, name: str, axes: Mapping[str, Axes], spread: float, **more: Any) -> list[Task]:
    """Samples that are the shapes themselves, stretched at random."""
    rng = np.random.default_rng(0)
    write_tasks(folder / name, axes, lambda shape, n: axes[shape] * np.exp(rng.normal(0, spread, 3)), **more)
    return read_tasks(folder / name, REFERENCE, folder / "data")


def test_distances_equal_the_loops(root: tuple[Path, dict[str, Axes]]) -> None:
    some = {shape: own for shape, own in list(root[1].items())[:3]}
    write_tasks(root[0] / "made", some, lambda shape, n: some[shape] * [1, 1 + n / 4, 1])
    every = read_tasks(root[0] / "made", _only(root[0], some), root[0] / "data")
    result = evaluate_guided(every, FEW)
    truths = [task.shape.draw(12, item_rng(0, task.shape.id))[0] for task in every]
    made = [np.stack([one.draw(12, item_rng(0, one.id))[0] for one in task.samples]) for task in every]
    expected = [loops.guided(truth, some) for truth, some in zip(truths, made, strict=True)]
    for key in ("amd_cd", "own_mmd_cd", "tmd_cd"):
        assert result.metrics[key].value == pytest.approx(np.mean([one[key] for one in expected]), rel=1e-4)
    assert result.metrics["mmd_cd"].value == pytest.approx(loops.pooled_mmd(truths, made), rel=1e-4)
    assert np.isnan(result.metrics[f"frechet_{guided.load().name}"].low), "no interval from three shapes"


def _only(folder: Path, some: Mapping[str, Axes]) -> str:
    """A split part of a few of the shapes."""
    from argus3d.data.splits import write_split

    write_split(folder / "data" / "splits" / "few-v1.json", "few-v1", 1, "", {"test": list(some)})
    return "few-v1/test"


def test_nearer_guidance_is_told_from_farther_by_the_interval_of_the_difference(
    root: tuple[Path, dict[str, Axes]],
) -> None:
    near, far = (tasks(root[0], name, root[1], spread) for name, spread in (("near", 0.05), ("far", 0.5)))
    metrics = evaluate_guided(near, SMOKE, against=far).metrics
    name = guided.load().name
    for key in ("less_amd_cd", "less_own_mmd_cd", f"less_frechet_{name}"):
        assert metrics[key].high < 0, key
    back = evaluate_guided(far, SMOKE, against=near).metrics
    assert back["less_amd_cd"].value == pytest.approx(-metrics["less_amd_cd"].value)
    assert back["less_amd_cd"].low > 0
    alone = evaluate_guided(far, SMOKE).metrics
    apart = metrics["amd_cd"].value - alone["amd_cd"].value
    assert metrics["less_amd_cd"].value == pytest.approx(apart)


def test_a_folder_does_not_differ_from_itself(root: tuple[Path, dict[str, Axes]]) -> None:
    made = tasks(root[0], "made", root[1], 0.3)
    found = evaluate_guided(made, SMOKE, against=made).metrics
    less = {key: entry for key, entry in found.items() if key.startswith("less_")}
    assert len(less) >= 6 and all(e.value == e.low == e.high == 0 for e in less.values())


def test_more_samples_of_a_shape_do_not_make_its_interval_narrower(root: tuple[Path, dict[str, Axes]]) -> None:
    axes = root[1]
    rng = np.random.default_rng(0)
    stretched = {shape: own * np.exp(rng.normal(0, 0.3, 3)) for shape, own in axes.items()}
    for each in (1, 4):
        write_tasks(root[0] / str(each), axes, lambda shape, n: stretched[shape], each=each)
    widths = {}
    for each in (1, 4):
        every = evaluate_guided(read_tasks(root[0] / str(each), REFERENCE, root[0] / "data"), SMOKE).metrics
        for key in ("amd_cd", f"frechet_{guided.load().name}"):
            widths[key, each] = every[key].high - every[key].low
        assert ("tmd_cd" in every) == (each > 1)
    for key in ("amd_cd", f"frechet_{guided.load().name}"):
        assert widths[key, 4] == pytest.approx(widths[key, 1], rel=0.25), key


def test_classes_are_judged_beside_the_classifier_itself(
    root: tuple[Path, dict[str, Axes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, axes = root
    monkeypatch.setattr(guided, "load", Heights)
    flat = {shape for shape, own in axes.items() if own[1] < 0.2}
    tall = [shape for shape in axes if shape not in flat]
    of_class = {name: [shape for shape in axes if name in shape] for name in ("chair", "table")}
    # Half of all samples are flat.
    write_tasks(folder / "made", axes, lambda shape, n: np.array([0.5, 0.1 if n % 2 else 0.5, 0.5]), each=2)
    result = evaluate_guided(read_tasks(folder / "made", REFERENCE, folder / "data"), SMOKE)
    assert result.metrics["class_agreement"].value == 0.5
    right = len([shape for shape in of_class["chair"] if shape in tall]) + len(flat & set(of_class["table"]))
    assert result.metrics["classifier_accuracy"].value == pytest.approx(right / len(axes))
    shares = {
        name: np.mean([(shape in flat) == (name == "table") for shape in shapes]) for name, shapes in of_class.items()
    }
    assert result.per_category["chair"]["classifier_accuracy"] == pytest.approx(shares["chair"])
    assert max(shares.values()) < guided.RELIABLE and "class_agreement_reliable" not in result.metrics
    monkeypatch.setattr(guided, "RELIABLE", shares["chair"])
    again = evaluate_guided(read_tasks(folder / "made", REFERENCE, folder / "data"), SMOKE)
    assert again.metrics["classifier_accuracy_reliable"].value >= shares["chair"]


def test_the_network_knows_how_well_it_tells_its_own_test_shapes() -> None:
    tested = class_accuracy()
    assert tested["chair"][1] > 50 and all(0 <= right <= every for right, every in tested.values())


def test_a_report_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"weights.json is no report of a point network"):
        class_accuracy(tmp_path / "weights.safetensors")


# Features of views


def with_views(root: Path, shades: Mapping[str, int]) -> None:
    """Grey pictures from 12 sides beside each prepared shape."""
    for shape, shade in shades.items():
        content = io.BytesIO()
        Image.new("RGB", (32, 32), (shade, shade, shade)).save(content, "png")
        folder = root / "data" / "toys" / shape.split("-")[1] / shape / "img"
        folder.mkdir()
        for view in range(12):
            (folder / f"{view:03d}.png").write_bytes(content.getvalue())


def test_views_of_both_sides_are_compared_and_texts_aligned_with_them(root: tuple[Path, dict[str, Axes]]) -> None:
    folder, axes = root
    with_views(folder, dict.fromkeys(axes, 255))
    given = {shape: "x" * (index % 5 + 1) for index, shape in enumerate(axes)}
    made = tasks(folder, "made", axes, 0.1, each=2, given=lambda shape: {"text": given[shape]})
    encoder = Darkness()
    viewer = ViewFeatures(encoder, encoder, folder / "kept.npz")
    result = evaluate_guided(made, SMOKE, viewers=[viewer])
    name = viewer.name
    assert result.data[f"views_{name}"] == "darkness"
    assert result.metrics[f"frechet_views_{name}"].value > 0, "shapes are darker than white"
    said = np.mean([1.0 for _ in axes])
    assert result.metrics[f"alignment_{name}_of_reference"].value == pytest.approx(said), "white adds nothing"
    features = np.mean([[viewer.of(job)[:, 0].mean() for job in task.samples] for task in made], axis=1)
    aligned = np.mean([f * len(given[task.shape.id]) / 10 + 1 for f, task in zip(features, made, strict=True)])
    assert result.metrics[f"alignment_{name}"].value == pytest.approx(aligned, rel=1e-5)
    again = Darkness()
    second = evaluate_guided(made, SMOKE, viewers=[ViewFeatures(again, None, folder / "kept.npz")])
    assert again.seen == 0, "the cache knew all of it"
    assert second.metrics[f"frechet_views_{name}"] == result.metrics[f"frechet_views_{name}"]
    assert f"alignment_{name}" not in second.metrics


def test_each_shape_is_seen_from_three_sides(root: tuple[Path, dict[str, Axes]]) -> None:
    folder, axes = root
    some = {shape: axes[shape] for shape in list(axes)[:2]}
    write_tasks(folder / "made", some, lambda shape, n: np.array([0.5, 0.05, 0.5]))
    made = read_tasks(folder / "made", _only(folder, some), folder / "data")
    features = ViewFeatures(Darkness()).of(made[0].samples[0])
    assert features.shape == (len(VIEWS), 2)
    assert len(set(features[:, 0].tolist())) == 3, "a flat dish shows more of itself from higher up"


def test_shapes_without_pictures_are_refused_with_what_to_do(root: tuple[Path, dict[str, Axes]]) -> None:
    made = tasks(root[0], "made", root[1], 0.1)
    with pytest.raises(UserError, match=r"argus3d data prepare toys --views"):
        evaluate_guided(made, SMOKE, viewers=[ViewFeatures(Darkness())])


def test_a_broken_cache_is_named_and_one_of_other_weights_left_alone(root: tuple[Path, dict[str, Axes]]) -> None:
    folder, axes = root
    with_views(folder, dict.fromkeys(axes, 10))
    made = tasks(folder, "made", axes, 0.1)
    first = ViewFeatures(Darkness(), None, folder / "kept.npz")
    first.of(made[0].shape)
    first.save()
    other = Darkness()
    other.sha256 = "ee" * 32
    ViewFeatures(other, None, folder / "kept.npz").of(made[0].shape)
    assert other.seen == len(VIEWS)
    (folder / "kept.npz").write_bytes(b"")
    with pytest.raises(UserError, match=r"kept.npz: not a readable cache"):
        ViewFeatures(Darkness(), None, folder / "kept.npz")


# The command


def test_the_command_measures_and_compares(root: tuple[Path, dict[str, Axes]]) -> None:
    folder, axes = root
    for name, spread in (("by_text", 0.05), ("by_class", 0.5)):
        tasks(folder, name, axes, spread, settings={"by": name[3:], "guidance": 2.0})
    line = ["guided", "by_text", REFERENCE, "--against", "by_class", "--data-root", "data", "--protocol", "smoke"]
    assert main([*line, "--category", "table", "--out", "out.json"]) == 0
    result = json.loads(Path("out.json").read_text())
    assert result["kind"] == "guided" and result["data"]["against"] == "by_class"
    assert result["data"]["by"] == "text" and result["data"]["guidance"] == "2.0"
    assert result["counts"]["reference"]["found"] == 8 and result["metrics"]["less_amd_cd"]["high"] < 0
    floor = [*line[:3], *line[5:], "--baseline", "reference", "--out", "floor.json"]
    assert main(floor) == 0
    floored = json.loads(Path("floor.json").read_text())["metrics"]
    assert floored["amd_cd"]["value"] < result["metrics"]["amd_cd"]["value"]


def test_folders_for_different_shapes_are_not_compared(root: tuple[Path, dict[str, Axes]]) -> None:
    made = tasks(root[0], "made", root[1], 0.1)
    with pytest.raises(UserError, match="samples for different shapes"):
        evaluate_guided(made, SMOKE, against=made[:-1])


def test_clip_alone_brings_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers", reason="CLIP comes with the extra argus3d[text]")
    write_clip_cache(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    clip = ViewFeatures.load("clip-vit-b-32-global")
    assert np.linalg.norm(clip.of_text("a chair")) == pytest.approx(1, abs=1e-5)
    assert clip.texts is not None and clip.name == clip.encoder.sha256[:8]
