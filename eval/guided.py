"""From samples that were each guided by a reference shape's class, text or picture to a result.

How near samples are to the shape whose description guided them is `amd_cd` (the mean over its samples) and `own_mmd_cd`
(the nearest of them); `mmd_cd` asks for the nearest of all samples. Frechet and kernel distances hold all samples
against all reference shapes. All clouds are in boxes of their own.

Two folders for the same shapes are compared shape by shape: what both have in common, easy and hard shapes, falls out
of the difference, whose interval is narrower than those of both sides let expect. Intervals of means are bootstrapped
over shapes. Those of Frechet and kernel distances come from random halves of the shapes, with their samples (see
`eval.intervals`), as a shape drawn twice would make a set look less varied than it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from argus3d.errors import UserError
from eval import intervals
from eval.features import PointFeatures, load
from eval.features.accuracy import class_accuracy
from eval.metrics.completion import distances_to_truth
from eval.metrics.frechet import frechet_distance, kernel_distance
from eval.per_shape import PerShape, by_category, difference, mean_of
from eval.protocol import Protocol
from eval.results import MetricValue, Result
from eval.task_folder import Drawn, Tally, Task, draw, each
from eval.view_features import ViewFeatures

LESS = "less_"  # begins the keys of differences
RELIABLE = 0.85  # share of a class's reference shapes that the point network is right on, for it to judge samples

Values = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Distance = Callable[[Features, Features], float]

# With the least value that there is.
SET_METRICS: dict[str, tuple[Distance, float]] = {
    "frechet": (frechet_distance, 0.0),
    "kernel": (kernel_distance, -np.inf),
}


@dataclass(frozen=True)
class FeatureSets:
    """Features by one network, of samples and reference shapes.

    generated : N arrays (k, V, D), of the k samples of each shape; V views, 1 for clouds
    reference : (N, V, D)
    """

    generated: Sequence[Features]
    reference: Features

    def distance(self, measure: Distance, shapes: Indices) -> float:
        """A distance of the sets of some shapes and their samples, averaged over views."""
        made, real = np.concatenate([self.generated[shape] for shape in shapes]), self.reference[shapes]
        return float(np.mean([measure(made[:, view], real[:, view]) for view in range(real.shape[1])]))


@dataclass(frozen=True)
class Guided:
    """What was measured of a folder, shape by shape.

    values : (N,) by metric, nan where there is none
    features : by what ends the metrics' names
    """

    shapes: tuple[str, ...]
    found: PerShape
    values: Mapping[str, Values]
    features: Mapping[str, FeatureSets]
    tally: Tally

    @cached_property
    def complete(self) -> frozenset[int]:
        """Shapes that have a sample."""
        return frozenset(index for index, some in enumerate(self.found.samples) if len(some))


def evaluate_guided(
    tasks: Sequence[Task],
    protocol: Protocol,
    name: str = "guided",
    viewers: Sequence[ViewFeatures] = (),
    against: Sequence[Task] = (),
) -> Result:
    """Measure guided samples.

    viewers : encoders by whose features of views the sets are compared too
    against : tasks of the same shapes, guided in another way; each metric then has a twin `less_...`, its difference
        from theirs
    returns : Result of kind "guided": means over shapes `amd_cd`, `own_mmd_cd`, `mmd_cd`, `tmd_cd` (of two or more
        samples a shape), `class_agreement` of samples whose class the point network knows, the same of classes of
        whose reference shapes it tells 85 % (`_reliable`), and beside both its own `classifier_accuracy` on those;
        `alignment_` of views with texts, where there are texts and an encoder of both; `frechet_`, `kernel_` by network
    Raises : UserError where no sample has a surface, or `against` is of other shapes
    """
    measured = measure(tasks, protocol, viewers)
    metrics = _metrics(measured, protocol)
    if against:
        if [task.shape.id for task in tasks] != [task.shape.id for task in against]:
            raise UserError("the folders to compare have samples for different shapes; make both for the same part.")
        metrics |= _differences(measured, measure(against, protocol, viewers), protocol)
    encoders = {f"views_{viewer.name}": viewer.encoder.name for viewer in viewers}
    return Result(
        name=name,
        kind="guided",
        protocol=protocol,
        counts=measured.tally.counts(),
        metrics=metrics,
        data=measured.found.sha256() | encoders,
        per_category=_with_tests(by_category(measured.found.categories, measured.values)),
        notes=(*measured.tally.notes(), f"{each(tasks)} samples a shape"),
    )


def measure(tasks: Sequence[Task], protocol: Protocol, viewers: Sequence[ViewFeatures] = ()) -> Guided:
    """All that is measured of each shape by itself."""
    network = load()
    tally, found = Tally(), PerShape()
    shapes: list[str] = []
    made: dict[str, list[Features]] = {}
    real: dict[str, list[Features]] = {}
    try:
        for drawn in draw(tasks, protocol.points, protocol.points, protocol.seed, tally):
            shapes.append(drawn.task.shape.id)
            clouds, truth = found.take(drawn, protocol)
            sides = {network.name: _of_clouds(network, clouds, truth)}
            sides |= {f"views_{viewer.name}": _of_views(viewer, drawn) for viewer in viewers}
            for key, (generated, reference) in sides.items():
                made.setdefault(key, []).append(generated)
                real.setdefault(key, []).append(reference)
            found.put(_distances(clouds, truth, len(drawn.task.samples), protocol))
            found.put(_agreement(network, drawn, sides[network.name]))
            for viewer in viewers:
                found.put(_alignment(viewer, drawn, *sides[f"views_{viewer.name}"]))
    finally:
        for viewer in viewers:
            viewer.save()  # of an interrupted run, what there is
    features = {key: FeatureSets(made[key], np.stack(real[key])) for key in made}
    values = found.whole(protocol)
    values |= _of_reliable(found.categories, values)
    return Guided(tuple(shapes), found, values, features, tally)


def _distances(clouds: Features, truth: Features, asked: int, protocol: Protocol) -> dict[str, float]:
    if not len(clouds):
        return dict.fromkeys(("amd_cd", "own_mmd_cd", "tmd_cd"), float("nan"))
    own = distances_to_truth(clouds[None], truth[None], protocol.chamfer)[0]
    various = difference(clouds, asked, protocol.chamfer)
    return {"amd_cd": float(own.mean()), "own_mmd_cd": float(own.min()), "tmd_cd": various}


def _of_clouds(network: PointFeatures, clouds: Features, truth: Features) -> tuple[Features, Features]:
    """Features (k, 1, D) and (1, D)."""
    made = network.features(clouds, "samples") if len(clouds) else np.empty((0, network.dimensions), np.float32)
    return made[:, None], network.features(truth[None], "reference")


def _of_views(viewer: ViewFeatures, drawn: Drawn) -> tuple[Features, Features]:
    """Features (k, V, F) and (V, F)."""
    real = viewer.of(drawn.task.shape)
    made = [viewer.of(job) for job in drawn.found]
    return np.array(made, np.float32).reshape(-1, *real.shape), real


def _agreement(network: PointFeatures, drawn: Drawn, features: tuple[Features, Features]) -> dict[str, float]:
    """Share of samples that the network takes for the shape's class, and whether it takes the shape itself for it."""
    category = drawn.task.shape.category
    made, real = features
    right = [name == category for name in network.classes_of(np.concatenate([made[:, 0], real]))]
    if category not in network.classes:
        return {"class_agreement": float("nan"), "classifier_accuracy": float("nan")}
    agreement = float(np.mean(right[:-1])) if len(made) else float("nan")
    return {"class_agreement": agreement, "classifier_accuracy": float(right[-1])}


def _of_reliable(categories: Sequence[str], values: Mapping[str, Values]) -> dict[str, Values]:
    """Agreement and accuracy again, of those classes alone whose reference shapes the network tells well."""
    rows, own = np.array(categories), values["classifier_accuracy"]
    well = [category for category in set(categories) if np.mean(own[rows == category]) >= RELIABLE]
    kept = np.isin(rows, well)
    return {
        f"{key}_reliable": np.where(kept, values[key], np.nan) for key in ("class_agreement", "classifier_accuracy")
    }


def _alignment(viewer: ViewFeatures, drawn: Drawn, made: Features, real: Features) -> dict[str, float]:
    """Cosine of views and the text that was given, mean over samples and views; and of the shape's own views."""
    text = drawn.task.given.get("text")
    if viewer.texts is None:
        return {}
    keys = f"alignment_{viewer.name}", f"alignment_{viewer.name}_of_reference"
    if text is None:
        return dict.fromkeys(keys, float("nan"))
    said = viewer.of_text(text)
    return {keys[0]: float((made @ said).mean()) if len(made) else float("nan"), keys[1]: float((real @ said).mean())}


def _metrics(measured: Guided, protocol: Protocol) -> dict[str, MetricValue]:
    there = {key: entries for key, entries in measured.values.items() if not np.isnan(entries).all()}
    metrics = {key: mean_of(key, entries, protocol) for key, entries in there.items()}
    shapes = np.array(sorted(measured.complete))
    for key, sets in measured.features.items():
        for kind, (distance, least) in SET_METRICS.items():
            metrics[f"{kind}_{key}"] = _on_sets(partial(sets.distance, distance), shapes, protocol, least)
    return metrics


def _differences(one: Guided, other: Guided, protocol: Protocol) -> dict[str, MetricValue]:
    """Each metric of one less that of the other, shape by shape."""
    if one.shapes != other.shapes:
        raise UserError("some reference shapes failed for one of the folders only; measure each of them by itself.")
    metrics = {}
    for key, entries in one.values.items():
        less = entries - other.values.get(key, np.full_like(entries, np.nan))
        if not np.isnan(less).all() and not key.startswith("classifier"):
            metrics[LESS + key] = mean_of(key, less, protocol)
    shapes = np.array(sorted(one.complete & other.complete))
    for key, sets in one.features.items():
        for kind, (distance, _) in SET_METRICS.items():
            apart = partial(_apart, sets, other.features[key], distance)
            metrics[f"{LESS}{kind}_{key}"] = _on_sets(apart, shapes, protocol, -np.inf)
    return metrics


def _apart(one: FeatureSets, other: FeatureSets, distance: Distance, shapes: Indices) -> float:
    return one.distance(distance, shapes) - other.distance(distance, shapes)


def _on_sets(measured: Callable[[Indices], float], shapes: Indices, protocol: Protocol, least: float) -> MetricValue:
    """A metric of sets with its interval from halves of the shapes."""
    if len(shapes) < 2:
        return MetricValue(float("nan"), float("nan"), float("nan"), "lower")
    splits = intervals.random_splits(len(shapes), len(shapes), protocol.interval_repeats // 2, protocol.seed)
    halves = np.array([[measured(shapes[half]) for half in split.reference] for split in splits])
    value = measured(shapes)
    return MetricValue(value, *intervals.plain_interval(value, halves, protocol.confidence, least), "lower")


def _with_tests(table: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Beside each class what share of its test shapes the network was right on when it was trained."""
    found = {category: dict(means) for category, means in table.items()}
    for category, (right, every) in class_accuracy().items():
        if category in found:
            found[category]["classifier_test"] = right / every
    return found
