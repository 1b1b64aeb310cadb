"""The point network: invariances that hold to the bit, agreement with torch, training, and what its distances see."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from argus3d.data.files import sha256_file, write_json
from argus3d.data.procedural import CATEGORIES, make
from argus3d.errors import UserError
from eval.features import PointFeatures, load, shapes, train
from eval.features.network import WEIGHTS
from eval.features.shapes import LabelledClouds
from eval.features.train import Recipe
from eval.features.trainable import PointNetwork
from eval.metrics.frechet import frechet_distance, kernel_distance
from eval.normalize import normalize

Cloud = npt.NDArray[np.float32]
quick = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 10_000)
UNSEEN = 400  # the catalogue that the network learnt from has the seeds below


@pytest.fixture(scope="module")
def network() -> PointFeatures:
    return load()


def drawn(first_seed: int, count: int, points: int = 1024) -> Cloud:
    """Procedural shapes that the network never saw, `count` of each class, class by class."""
    rng = np.random.default_rng(first_seed)
    made = (make(category, UNSEEN + first_seed + i) for category in CATEGORIES for i in range(count))
    return np.stack([solid.surface(points, rng)[0] for solid in made]).astype(np.float32)


def balls_and_rods(seed: int, count: int, points: int = 128) -> LabelledClouds:
    rng = np.random.default_rng(seed)
    clouds = rng.standard_normal((count, points, 3))
    clouds /= np.linalg.norm(clouds, axis=2, keepdims=True)
    clouds[::2, :, :2] *= 0.1
    labels = np.arange(count) % 2
    return LabelledClouds((clouds / 2).astype(np.float16), labels, 0, "")


TINY = Recipe(steps=30, settling=10, batch=(8,), fewest_points=48, most_points=64, learning_rate=1e-2)


# --- invariances -----------------------------------------------------------------------------------------------------


@quick
@given(seeds, st.integers(4, 700))
def test_order_and_company_change_no_bit(seed: int, points: int) -> None:
    rng = np.random.default_rng(seed)
    clouds = rng.uniform(-0.5, 0.5, (3, points, 3)).astype(np.float32)
    clouds[1, points // 2 :] = clouds[1, 0]
    features = load().features(clouds)
    assert features.shape == (3, load().dimensions) and features.dtype == np.float32
    assert np.array_equal(load().features(rng.permutation(clouds, axis=1)), features)
    assert np.array_equal(load().features(clouds[::-1])[::-1], features)
    assert np.array_equal(load().features(clouds[2:]), features[2:])


def test_place_size_and_duplicates_change_rounding_only(network: PointFeatures) -> None:
    clouds = drawn(0, 1)
    features = network.features(clouds)
    for same in (1000 * clouds, clouds + 3, np.concatenate([clouds, clouds[:, :100]], axis=1)):
        assert np.allclose(network.features(same), features, atol=2e-2)
    assert np.allclose(network.features(np.repeat(clouds, 2, axis=1)), features, atol=1e-4)


def test_a_shape_stays_near_itself_under_another_sample(network: PointFeatures) -> None:
    once, again = drawn(0, 4), np.empty(0)
    rng = np.random.default_rng(99)
    again = np.stack([make(c, UNSEEN + i).surface(1024, rng)[0] for c in CATEGORIES for i in range(4)])
    a, b = network.features(once), network.features(again)
    resampled = np.linalg.norm(a - b, axis=1)
    between = np.linalg.norm(a[:, None] - a[None], axis=2)
    assert np.median(resampled) < 0.25 * np.median(between[np.triu_indices(len(a), 1)])


# --- classes ---------------------------------------------------------------------------------------------------------


def test_probabilities_are_those_of_the_labels(network: PointFeatures) -> None:
    labels, probabilities = network.classify(drawn(0, 3))
    assert probabilities.shape == (36, len(network.classes))
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5) and (probabilities >= 0).all()
    assert labels == [network.classes[index] for index in probabilities.argmax(axis=1)]
    truth = [category for category in CATEGORIES for _ in range(3)]
    assert np.mean([a == b for a, b in zip(labels, truth, strict=True)]) > 0.8


def test_the_report_beside_the_weights_is_theirs(network: PointFeatures) -> None:
    report = json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert report["network"]["sha256"] == network.hash == sha256_file(WEIGHTS)
    assert tuple(report["network"]["classes"]) == network.classes
    assert network.name == network.hash[:8] and WEIGHTS.stat().st_size < 2_000_000
    for tested in report["test"].values():
        right, every = np.sum(list(tested["right_of_all"].values()), axis=0)
        assert tested["top_1"] == pytest.approx(right / every, abs=1e-4) and every == tested["shapes"]
        assert tested["top_1"] > 2 * tested["majority_class"]


# --- what the distances see ------------------------------------------------------------------------------------------


def test_distances_rank_what_is_ever_farther_from_the_reference(network: PointFeatures) -> None:
    reference, other = drawn(0, 10), drawn(100, 10)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(other.shape).astype(np.float32)
    scrambled = rng.permutation(other.reshape(-1, 3)).reshape(other.shape)
    sets = [reference, other, other + 0.02 * noise, other + 0.05 * noise, scrambled]
    features = [network.features(clouds) for clouds in sets]
    for measure in (frechet_distance, kernel_distance):
        found = [measure(entry, features[0]) for entry in features]
        assert found == sorted(found), measure.__name__
        assert found[-1] > 4 * found[1]


def test_distances_see_that_classes_are_missing(network: PointFeatures) -> None:
    reference, other = network.features(drawn(0, 10)), network.features(drawn(100, 10))
    half = np.concatenate([other[60:], network.features(drawn(200, 10))[60:]])  # six classes of twelve, as many shapes
    for measure in (frechet_distance, kernel_distance):
        assert measure(half, reference) > 1.5 * max(0, measure(other, reference)), measure.__name__


# --- bad input -------------------------------------------------------------------------------------------------------


def test_bad_clouds_are_named(network: PointFeatures) -> None:
    good = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 20, 3))
    broken, flat = good.copy(), good.copy()
    broken[1, 2, 0] = np.nan
    flat[2] = 0.3
    with pytest.raises(ValueError, match="generated: cloud 1 holds a value that is not finite"):
        network.features(broken, "generated")
    with pytest.raises(ValueError, match="reference: all points of cloud 2 are equal"):
        network.classify(flat, "reference")
    with pytest.raises(ValueError, match="clouds: empty"):
        network.features(good[:0])
    with pytest.raises(ValueError, match="all points of cloud 0 are equal"):
        network.features(good[:, :1])


def test_files_that_are_no_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no point network there"):
        load(tmp_path / "none.safetensors")
    text = tmp_path / "text.safetensors"
    text.write_text("not tensors")
    other = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3)}, other)
    half = tmp_path / "half.safetensors"
    save_file({"a": np.zeros(3)}, half, {"network": '{"classes": ["x"], "octaves": 1}'})
    wrong = tmp_path / "wrong.safetensors"
    save_file({"local0.weight": np.zeros((2, 3)), "local0.bias": np.zeros(3)}, wrong, {"network": '{"classes": ["x"]}'})
    for path in (text, other, half, wrong):
        with pytest.raises(UserError, match=f"{path.name}: no point network"):
            load(path)


def test_features_come_without_torch() -> None:
    code = "import sys; from eval.features import load; load(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- training --------------------------------------------------------------------------------------------------------


def test_numpy_does_what_torch_does(tmp_path: Path) -> None:
    trained, _ = train.train([balls_and_rods(0, 12)], ("rod", "ball", "none"), TINY)
    trained.save(tmp_path / "network.safetensors")
    clouds = drawn(0, 1, 200)
    with torch.no_grad():
        logits = trained(torch.from_numpy(normalize(clouds, "box")))
    _, probabilities = load(tmp_path / "network.safetensors").classify(clouds)
    assert np.allclose(probabilities, logits.softmax(dim=-1).numpy(), atol=1e-5)


def test_training_learns_and_repeats_to_the_byte(tmp_path: Path) -> None:
    for name, seed in (("once", 0), ("again", 0), ("other", 1)):
        trained, course = train.train([balls_and_rods(0, 12)], ("rod", "ball"), replace(TINY, seed=seed))
        trained.save(tmp_path / f"{name}.safetensors")
        assert course == []  # shorter than the first entry
    once, again, other = (load(tmp_path / f"{name}.safetensors") for name in ("once", "again", "other"))
    assert once.hash == again.hash != other.hash
    assert train.accuracy(once, balls_and_rods(1, 20)) == {
        "shapes": 20,
        "left_out": 0,
        "top_1": 1.0,
        "majority_class": 0.5,
        "right_of_all": {"rod": [10, 10], "ball": [10, 10]},
    }


def test_folded_layers_give_standard_features(tmp_path: Path) -> None:
    torch.manual_seed(0)
    untrained = PointNetwork(("a", "b"), octaves=2).train()
    clouds = torch.from_numpy(normalize(drawn(0, 3, 100), "box"))
    for _ in range(100):  # until the running averages are those of these clouds
        untrained(clouds)
    untrained.save(tmp_path / "network.safetensors")
    features = load(tmp_path / "network.safetensors").features(clouds.numpy())
    assert np.abs(features.mean(axis=0)).max() < 0.05
    assert np.allclose(features.var(axis=0, ddof=1), 1, atol=0.05)


def test_batches_are_changed_shapes_in_their_boxes() -> None:
    rods = balls_and_rods(0, 12)
    rods = replace(rods, clouds=rods.clouds[::2], labels=rods.labels[::2])
    recipe = replace(TINY, batch=(5, 3))
    clouds, labels = train.draw_batch([rods, balls_and_rods(1, 12)], recipe, 50, np.random.default_rng(0))
    assert clouds.shape == (8, 50, 3)
    assert set(labels[:5].tolist()) == {0}
    extent = clouds.amax(dim=1) - clouds.amin(dim=1)
    assert torch.allclose(extent.max(dim=1).values, torch.ones(8), atol=1e-6)
    assert (extent[:4, 1] < 0.4).all()  # rods lie along z, and turn about y


def test_a_change_keeps_the_vertical_vertical() -> None:
    cloud = np.array([[0, -0.5, 0], [0, 0.5, 0], [0.2, 0, 0]], dtype=np.float32)
    still = replace(TINY, jitter=0.0, stretch=0.0)
    turned = [train.change(cloud, still, np.random.default_rng(seed)) for seed in range(20)]
    for points in turned:
        assert np.allclose(points[:2], cloud[:2], atol=1e-6)
        assert points[2, 1] == 0 and np.linalg.norm(points[2]) == pytest.approx(0.2)
    assert len({float(points[2, 0]) for points in turned}) == 20


# --- data and command ------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prepared sources of balls, rods and others, and splits over them."""
    parts: dict[str, list[str]] = {}
    for number, source in enumerate(shapes.SOURCES):
        records = []
        made = balls_and_rods(number, 24)
        for row, (cloud, label) in enumerate(zip(made.clouds, made.labels, strict=True)):
            category = shapes.NO_CLASS if row % 8 == 7 else ("rod", "ball")[label]
            record = {"id": f"{source}-{row}", "category": category, "sha256": {"pointcloud.npz": f"{row}"}}
            folder = tmp_path / source / category / record["id"]
            folder.mkdir(parents=True)
            np.savez(folder / "pointcloud.npz", points=cloud)
            parts.setdefault(f"{source}-v1/{('train', 'val', 'test')[row // 8]}", []).append(record["id"])
            records.append(record)
        write_json(tmp_path / source / "manifest.json", {"shapes": records})
    monkeypatch.setattr(shapes, "load_part", parts.__getitem__)
    return tmp_path


def test_classes_are_what_training_has_enough_of(tiny_data: Path) -> None:
    data = shapes.open_data(tiny_data)
    assert shapes.find_classes(data, least=10) == ("rod",)
    assert shapes.find_classes(data, least=9) == ("ball", "rod")
    found = shapes.labelled(data, "household", "test", ("ball", "rod"))
    assert (len(found), found.left_out, found.labels.tolist()) == (7, 1, [1, 0, 1, 0, 1, 0, 1])
    assert found.sha256 != shapes.labelled(data, "household", "test", ("rod",)).sha256
    with pytest.raises(UserError, match="household-v1/val has no shape of spoon"):
        shapes.labelled(data, "household", "val", ("spoon",))


def test_weights_and_report_belong_together(tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "LOG_EVERY", 2)
    path = tiny_data / "out" / "network.safetensors"
    report = train.build(tiny_data, path, replace(TINY, steps=4, batch=(4, 2, 2)))
    assert json.loads(path.with_suffix(".json").read_text()) == report
    assert report["network"]["sha256"] == load(path).hash
    assert report["network"]["classes"] == ["ball", "rod"]
    assert [step for step, _ in report["loss"]] == [2, 4]
    assert report["train"] == dict.fromkeys(shapes.SOURCES, 7)


def test_the_command_trains_what_it_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def build(root: Path, path: Path, recipe: Recipe) -> dict[str, object]:
        asked.append((root, path, recipe))
        return {part: {source: {"top_1": 0.5} for source in shapes.SOURCES} for part in ("val", "test")}

    monkeypatch.setattr(train, "build", build)
    assert train.main(["--data-root", "data", "--out", str(tmp_path), "--steps", "4", "--seed", "3"]) == 0
    assert asked == [(Path("data"), tmp_path / WEIGHTS.name, Recipe(seed=3, steps=4))]
    assert json.loads(capsys.readouterr().out)["test"] == dict.fromkeys(shapes.SOURCES, 0.5)


def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--data-root", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "manifest.json is missing" in capsys.readouterr().err
