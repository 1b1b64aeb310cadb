"""From pairs of clouds, a shape and what came back of it, to a result."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from argus3d.errors import UserError
from eval import intervals
from eval.clouds import CloudSet
from eval.distances.approxmatch import approx_pairs
from eval.distances.chamfer import chamfer
from eval.distances.emd import emd_pairs
from eval.evaluate import clouds_sha256, counts
from eval.kinds import point_positions
from eval.metrics.reconstruction import cd_l1, f_score, hausdorff, normal_consistency
from eval.normalize import normalize_pairs
from eval.protocol import Protocol
from eval.results import MetricValue, Result
from eval.sample_folder import SampleRecord, read_samples

TAU = 0.02
IOUS = ("iou", "iou_near")
SOLIDITY = ((0.0, 0.5), (0.5, 0.9), (0.9, 1.0))  # thin shells, in between, solid

Points = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]


def evaluate_reconstruction(
    generated: CloudSet,
    reference: CloudSet,
    protocol: Protocol,
    name: str = "reconstruction",
    ious: Mapping[str, Mapping[str, float]] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Result:
    """Measure reconstructed shapes against the shapes they were made from.

    generated, reference : pairs have the same id; each pair is moved to the frame of its reference, so that what came
        back in the wrong place or size counts against it
    protocol : its points, Chamfer kind, EMD, normalisation and confidence are used
    ious : metric ("iou", "iou_near") -> id -> intersection over union on occupancy samples, where it was measured
    groups : id -> labels of groups to average over, beside categories
    returns : Result of kind "reconstruction": `cd`, `cd_l1`, `hausdorff` and the protocol's `emd_name` over pairs that
        came back; `f_score_0.02`, `normal_consistency` where both sets have normals, and each of `ious`, as mean and
        `_median`, with 0 for shapes that came back empty
    Raises : UserError for ids in one set only, different numbers of points, or an IoU that is missing
    """
    missing = sorted(set(reference.ids) - set(generated.ids) - {item for item, _ in generated.failed})
    stray = sorted(set(generated.ids) - set(reference.ids) - {item for item, _ in reference.failed})
    if missing or stray:
        whose, item = (reference, missing[0]) if missing else (generated, stray[0])
        raise UserError(f"{item} is in {whose.name} only; give pairs of shapes with the same ids")
    lost = [item for item, _ in generated.failed if item in set(reference.ids)]
    ids = _paired(generated, reference)
    values = _per_shape(generated, reference, ids, protocol)
    values |= {key: _ious(key, found, ids) for key, found in (ious or {}).items()}
    for key in values.keys() - _distances(protocol):
        values[key] = np.append(values[key], np.zeros(len(lost)))
    notes = [f"{len(lost)} shapes came back empty: shares such as F-score and IoU are 0, no distances"] if lost else []
    category = dict(zip(reference.ids, reference.categories, strict=True))
    labels = [(category[item], *(groups or {}).get(item, ())) for item in (*ids, *lost)]
    return Result(
        name=name,
        kind="reconstruction",
        protocol=protocol,
        counts={"generated": counts(generated), "reference": counts(reference)},
        metrics=_metrics(values, protocol),
        data={"generated": clouds_sha256(generated.clouds), "reference": clouds_sha256(reference.clouds)},
        per_category=_per_group(values, labels, _distances(protocol)),
        notes=tuple(notes),
    )


def read_ious(manifest: Path) -> dict[str, dict[str, float]]:
    """IoUs that a samples manifest holds: metric -> id -> value, for `iou` and `iou_near` where samples have them.

    Raises : UserError for no manifest of samples, or an IoU that is none
    """
    samples = read_samples(manifest.parent)
    found = {key: {one.id: one.share(key) for one in samples if key in one.said} for key in IOUS}
    return {key: values for key, values in found.items() if values}


def read_groups(manifest: Path) -> dict[str, tuple[str, ...]]:
    """Labels of each sample of a manifest: its source, and how solid its shape is, where samples say so.

    Raises : UserError for no manifest of samples, or a solidity that is none
    """
    return {one.id: tuple(_labels(one)) for one in read_samples(manifest.parent)}


def _labels(sample: SampleRecord) -> Iterator[str]:
    if sample.source:
        yield f"source {sample.source}"
    if "solidity" in sample.said:
        low, high = next(step for step in SOLIDITY if sample.share("solidity") <= step[1])
        yield f"solidity {low:g} to {high:g}"


def _paired(generated: CloudSet, reference: CloudSet) -> list[str]:
    there = set(generated.ids)
    return [item for item in reference.ids if item in there]


def _per_shape(generated: CloudSet, reference: CloudSet, ids: list[str], protocol: Protocol) -> dict[str, Values]:
    if not ids:
        raise UserError(f"{generated.name}: no shape came back, nothing to measure")
    row_g = {item: index for index, item in enumerate(generated.ids)}
    row_r = {item: index for index, item in enumerate(reference.ids)}
    clouds_g = generated.clouds[[row_g[item] for item in ids]]
    clouds_r = reference.clouds[[row_r[item] for item in ids]]
    wanted = reconstruction_points(protocol)
    for clouds in (clouds_g, clouds_r):
        if clouds.shape[1] < wanted:
            raise UserError(f"clouds of {clouds.shape[1]} points, protocol {protocol.name} asks for {wanted}")
    g, r = normalize_pairs(clouds_g[:, :wanted], clouds_r[:, :wanted], protocol.normalization)
    common = point_positions(wanted, protocol.points, protocol.seed)
    many = point_positions(wanted, protocol.f_score_points, protocol.seed)
    few = point_positions(wanted, protocol.emd_points, protocol.seed)
    pairs = list(zip(g[:, common], r[:, common], strict=True))
    values = {
        "cd": np.array([chamfer(a, b, protocol.chamfer) for a, b in pairs]),
        "cd_l1": np.array([cd_l1(a, b) for a, b in pairs]),
        "hausdorff": np.array([hausdorff(a, b) for a, b in pairs]),
        protocol.emd_name: _emds(g[:, few], r[:, few], protocol),
        "f_score_0.02": np.array([f_score(a, b, TAU) for a, b in zip(g[:, many], r[:, many], strict=True)]),
    }
    if generated.normals is None or reference.normals is None:
        return values
    normals_g = generated.normals[[row_g[item] for item in ids]][:, common]
    normals_r = reference.normals[[row_r[item] for item in ids]][:, common]
    four = zip(g[:, common], normals_g, r[:, common], normals_r, strict=True)
    return values | {"normal_consistency": np.array([normal_consistency(*one) for one in four])}


def _emds(generated: Points, reference: Points, protocol: Protocol) -> Values:
    squared = protocol.emd == "mean_squared"
    if protocol.emd_solver == "approximate_matching":
        return approx_pairs(generated, reference, squared)
    return emd_pairs(generated, reference, squared)


def _distances(protocol: Protocol) -> set[str]:
    """What is lower for better answers and infinite for none; all else is a share."""
    return {"cd", "cd_l1", "hausdorff", protocol.emd_name}


def reconstruction_points(protocol: Protocol) -> int:
    """Points that a cloud must have to be measured as a reconstruction."""
    return max(protocol.points, protocol.f_score_points)


def _ious(key: str, found: Mapping[str, float], ids: list[str]) -> Values:
    missing = [item for item in ids if item not in found]
    if missing:
        raise UserError(f"no {key} for {missing[0]}; measure it, or give none at all")
    return np.array([found[item] for item in ids], dtype=np.float64)


def _metrics(values: Mapping[str, Values], protocol: Protocol) -> dict[str, MetricValue]:
    metrics: dict[str, MetricValue] = {}
    for key, per_shape in values.items():
        distance = key in _distances(protocol)
        direction, ideal = ("lower", 0.0) if distance else ("higher", 1.0)
        metrics[key] = _reduced(per_shape, np.mean, protocol, direction, ideal)
        if not distance:
            metrics[f"{key}_median"] = _reduced(per_shape, np.median, protocol, direction, ideal)
    return metrics


def _reduced(
    per_shape: Values, reduce: Callable[..., Any], protocol: Protocol, direction: str, ideal: float
) -> MetricValue:
    low, high = intervals.bootstrap_interval(per_shape, reduce, protocol.confidence, protocol.seed)
    return MetricValue(float(reduce(per_shape)), low, high, direction, ideal)


def _per_group(
    values: Mapping[str, Values], labels: list[tuple[str, ...]], distances: set[str]
) -> dict[str, dict[str, float]]:
    """Means of each group over the shapes that have the value, medians of shares; `count` holds all."""
    table: dict[str, dict[str, float]] = {}
    for label in sorted({label for row in labels for label in row}):
        member = np.array([label in row for row in labels])
        table[label] = {"count": float(member.sum())}
        for key, per_shape in values.items():
            mine = per_shape[member[: len(per_shape)]]
            table[label][key] = float(mine.mean()) if len(mine) else float("nan")
            if key not in distances:
                table[label][f"{key}_median"] = float(np.median(mine)) if len(mine) else float("nan")
    return table
