"""Train the point network on the training parts of our sources, and write how well it tells classes.

    python -m eval.features.train --data-root artifacts/data --out folder

Another network has another hash and gives other numbers: train one to check how ours came about, not before each use.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from argus3d.data.files import write_json
from argus3d.errors import UserError
from argus3d.meter import Meter
from eval.features.network import WEIGHTS, PointFeatures, load
from eval.features.shapes import SOURCES, LabelledClouds, find_classes, labelled, open_data
from eval.features.trainable import PointNetwork
from eval.normalize import normalize

LOG_EVERY = 200
TESTED_POINTS = 2048


@dataclass(frozen=True)
class Recipe:
    """What the network is trained with; written beside the weights.

    settling : batches after the last step, for the averages that stay
    batch : shapes a step of each of `SOURCES`; few of the procedural ones, which are told apart easily
    fewest_points, most_points : of a cloud; drawn anew each step, all counts' logarithms equally likely
    stretch : axis factors up to exp(+-stretch)
    turn : deviation of turns about the vertical, degrees; our shapes face one way, and most classes tell by it
    jitter : deviation of the noise on points is drawn from 0 to this, in box sides
    least_shapes : training shapes that make a category a class
    """

    seed: int = 0
    steps: int = 2600
    settling: int = 100
    batch: tuple[int, ...] = (12, 4, 8)
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    octaves: int = 4
    fewest_points: int = 128
    most_points: int = 2048
    stretch: float = 0.1
    turn: float = 10.0
    jitter: float = 0.01
    least_shapes: int = 6


def train(sets: Sequence[LabelledClouds], classes: tuple[str, ...], recipe: Recipe) -> tuple[PointNetwork, list[Any]]:
    """Train a network; equal arguments, versions and thread counts give equal weights.

    sets : training shapes; each step draws `recipe.batch` of them
    returns : the network, and [step, mean loss since the last entry] every `LOG_EVERY` steps
    """
    torch.manual_seed(recipe.seed)
    torch.use_deterministic_algorithms(True)
    rng = np.random.default_rng(recipe.seed)
    network = PointNetwork(classes, recipe.octaves)
    optimizer = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, recipe.steps, pct_start=0.1)
    course, losses = [], []
    for step in Meter(range(recipe.steps), desc="train the point network", unit="step"):
        clouds, labels = draw_batch(sets, recipe, draw_points(recipe, rng), rng)
        loss = F.cross_entropy(network(clouds), labels, label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if (step + 1) % LOG_EVERY == 0:
            course.append([step + 1, round(float(np.mean(losses)), 4)])
            losses = []
    settle(network, sets, recipe, rng)
    return network.eval(), course


@torch.no_grad()
def settle(network: PointNetwork, sets: Sequence[LabelledClouds], recipe: Recipe, rng: np.random.Generator) -> None:
    """Standardise by averages over many batches of most points; training's own are those of its last few batches."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.reset_running_stats()
            module.momentum = None  # torch's word for an average over all batches
    for _ in range(recipe.settling):
        network(draw_batch(sets, recipe, recipe.most_points, rng)[0])


def draw_points(recipe: Recipe, rng: np.random.Generator) -> int:
    """How many points a step takes of each cloud."""
    low, high = np.log(recipe.fewest_points), np.log(recipe.most_points + 1)
    return min(int(np.exp(rng.uniform(low, high))), recipe.most_points)


def draw_batch(
    sets: Sequence[LabelledClouds], recipe: Recipe, points: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Clouds (B, P, 3) float32, changed and in their boxes, and labels (B,) int64."""
    clouds, labels = [], []
    for shapes, count in zip(sets, recipe.batch, strict=True):
        for row in rng.integers(len(shapes), size=count):
            stored = shapes.clouds[row]
            chosen = stored[rng.choice(len(stored), points, replace=False)]
            clouds.append(change(chosen.astype(np.float32), recipe, rng))
            labels.append(shapes.labels[row])
    return torch.from_numpy(normalize(np.stack(clouds), "box")), torch.tensor(np.array(labels))


def change(points: npt.NDArray[np.float32], recipe: Recipe, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A cloud (P, 3) mirrored, stretched, turned about the vertical and jittered."""
    factors = np.exp(rng.uniform(-recipe.stretch, recipe.stretch, 3)) * [rng.choice([-1, 1]), 1, 1]
    angle = np.radians(rng.normal(0, recipe.turn))
    turn = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    turned = points @ (factors[:, None] * turn).astype(np.float32)
    noise = rng.standard_normal(points.shape, dtype=np.float32) * np.float32(rng.uniform(0, recipe.jitter))
    return turned + noise * np.float32(np.ptp(turned, axis=0).max())


def accuracy(network: PointFeatures, shapes: LabelledClouds) -> dict[str, Any]:
    """Top-1 of the first `TESTED_POINTS` points of each cloud, and what saying the commonest class would reach."""
    names, _ = network.classify(shapes.clouds[:, :TESTED_POINTS].astype(np.float32))
    right = np.array([network.classes.index(name) for name in names]) == shapes.labels
    counts = np.bincount(shapes.labels, minlength=len(network.classes))
    by_class = {
        name: [int(right[shapes.labels == label].sum()), int(counts[label])]
        for label, name in enumerate(network.classes)
        if counts[label]
    }
    return {
        "shapes": len(shapes),
        "left_out": shapes.left_out,
        "top_1": round(float(right.mean()), 4),
        "majority_class": round(float(counts.max() / counts.sum()), 4),
        "right_of_all": by_class,
    }


def build(root: Path, path: Path, recipe: Recipe) -> dict[str, Any]:
    """Train on the prepared data under `root`, write weights to `path` and the report beside them; returns the report.

    Raises : UserError for data that are missing or not whole
    """
    data = open_data(root)
    classes = find_classes(data, recipe.least_shapes)
    parts = {part: {name: labelled(data, name, part, classes) for name in SOURCES} for part in ("train", "val", "test")}
    started = time.perf_counter()
    network, course = train(list(parts["train"].values()), classes, recipe)
    seconds = round(time.perf_counter() - started)
    network.save(path)
    features = load(path)
    report = {
        "network": {"sha256": features.hash, "classes": list(classes), "dimensions": features.dimensions},
        "recipe": asdict(recipe) | {"batch": list(recipe.batch)},
        "data": {part: {name: shapes.sha256 for name, shapes in of.items()} for part, of in parts.items()},
        "train": {name: len(shapes) for name, shapes in parts["train"].items()},
        "loss": course,
        "val": {name: accuracy(features, shapes) for name, shapes in parts["val"].items()},
        "test": {name: accuracy(features, shapes) for name, shapes in parts["test"].items()},
        "seconds": seconds,
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in ("torch", "numpy")},
    }
    write_json(path.with_suffix(".json"), report)
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, test and write; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m eval.features.train", description=__doc__)
    parser.add_argument("--data-root", type=Path, default=Path("artifacts/data"), help="folder of prepared data")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and report")
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    chosen = parser.parse_args(arguments)
    try:
        report = build(chosen.data_root, chosen.out / WEIGHTS.name, Recipe(seed=chosen.seed, steps=chosen.steps))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps({part: {source: report[part][source]["top_1"] for source in SOURCES} for part in ("val", "test")}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
