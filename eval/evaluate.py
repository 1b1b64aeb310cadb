"""From two sets of clouds to a result: the metrics of a protocol, with intervals."""

import hashlib
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from argus3d.engine import Engine
from argus3d.errors import UserError, raise_if_machine
from eval.cloud_metrics import cloud_metrics
from eval.clouds import CloudSet, thin
from eval.distances.backends import resolve
from eval.distances.kept import Kept
from eval.distances.neighbours import Pairs
from eval.distances.sets import Sets
from eval.distances.tiles import tiled
from eval.extent import require_single
from eval.kinds import Kind, kinds, point_positions
from eval.normalize import normalize
from eval.progress import SILENT, Progress
from eval.protocol import Protocol, get_protocol
from eval.results import Counts, MetricValue, Result
from eval.set_metrics import set_metrics

Values = npt.NDArray[np.float64]
Points = npt.NDArray[np.float32]

TOO_LARGE = 10.0  # times another shape, to be of the same unit


class InputError(UserError, ValueError):
    """What `evaluate` refuses: in words for people, and a ValueError as of any function in Python."""


def evaluate(
    generated: npt.ArrayLike, reference: npt.ArrayLike, protocol: str | Path | Protocol = "argus3d-v1"
) -> Result:
    """Measure generated clouds against reference clouds.

    generated : (G, P, 3) float32, P at least the protocol's points
    reference : (G, P, 3) float32
    protocol : a preset's name, a JSON file, or a Protocol
    returns : Result; `result.metrics["one_nna_cd"].value`, `.low`, `.high`
    Raises : ValueError naming set and index for an empty set or cloud, a value that is not finite, points all equal,
        fewer points than the protocol asks for, clouds or sets of different sizes, or sets of one; an InputError for
        what is no array of numbers, or no protocol
    """
    try:
        sets = _as_set("generated", generated), _as_set("reference", reference)
        return evaluate_sets(*sets, _as_protocol(protocol))
    except UserError as error:
        raise InputError(str(error)) from error


def evaluate_sets(
    generated: CloudSet,
    reference: CloudSet,
    protocol: Protocol,
    name: str = "generated",
    cache: Path | None = None,
    device: str = "cpu",
    backend: str | None = None,
    engine: Engine | None = None,
    progress: Progress = SILENT,
) -> Result:
    """Measure a set of generated shapes against a set of reference shapes.

    generated, reference : as many shapes asked for in one as in the other; where some failed, as many of the other
        set are left out, by hash of their ids, and a note says so
    name : of the row
    cache : folder that keeps the reference's own distances from row to row, by content
    device, backend : of Chamfer distances, see `eval.distances.backends.resolve`; a note tells of all but numba
    engine : whose workers compute the distances that numba computes, None for this process; finished ones go to the
        cache, if there is one, and a killed run goes on from them
    progress : told how far it is; not by an engine, whose workers this process does not know
    returns : Result of kind "generation"
    Raises : ValueError or UserError, see `evaluate`
    """
    demand_comparable(generated, reference, protocol)
    chosen = resolve(device, backend)
    size = min(len(generated.ids), len(reference.ids))
    notes = _failure_notes(generated, reference, size)
    if chosen != "numba":
        notes.append(f"Chamfer distances by {chosen} on {device}")
    points_g = points_of(thin(generated, size, protocol.seed), "generated", protocol)
    points_r = points_of(thin(reference, size, protocol.seed), "reference", protocol)
    if protocol.normalization == "none":
        notes += _size_notes(points_g, points_r)
    metrics: dict[str, MetricValue] = {}
    undefined: list[str] = []
    if engine is None:
        progress.begin(points_g, points_r, protocol, device, backend)
    both = points_g, points_r
    for kind in kinds(*both, protocol, device, backend):
        with _opened(kind, both, protocol, cache, engine) as opened, progress.watched(opened, kind.suffix) as pairs:
            more, also = _measured(pairs, points_r, protocol, kind, cache)
        metrics |= more
        undefined += also
    more, also = cloud_metrics(points_g, points_r, protocol)
    progress.end()
    return Result(
        name=name,
        kind="generation",
        protocol=protocol,
        counts={"generated": counts(generated), "reference": counts(reference)},
        metrics=metrics | more,
        data={"generated": clouds_sha256(points_g), "reference": clouds_sha256(points_r)},
        notes=(*notes, *undefined, *also),
    )


def demand_comparable(generated: CloudSet, reference: CloudSet, protocol: Protocol) -> None:
    """Refuse two sets that a protocol does not compare. Raises: UserError"""
    if generated.asked != reference.asked:
        raise UserError(
            f"{generated.name} has {generated.asked} shapes, {reference.name} has {reference.asked}, but protocol "
            f"{protocol.name} refuses sets of different sizes: draw as many from each (--count "
            f"{min(generated.asked, reference.asked)})"
        )
    if generated.clouds.shape[1] != reference.clouds.shape[1]:
        raise UserError(
            f"{generated.name} has clouds of {generated.clouds.shape[1]} points, {reference.name} of "
            f"{reference.clouds.shape[1]}: sample both with the same number, so that neither set is the denser one"
        )
    if min(len(generated.ids), len(reference.ids)) < 2:
        raise UserError(f"sets of one shape cannot be compared: {generated.name} and {reference.name} need two or more")


def clouds_sha256(clouds: Points) -> str:
    """sha256 of the clouds as measured, shape and type included, hex."""
    return hashlib.sha256(f"{clouds.dtype} {clouds.shape} ".encode() + clouds.tobytes()).hexdigest()


def counts(clouds: CloudSet) -> Counts:
    """What was asked of a set and what came."""
    return Counts(clouds.asked, len(clouds.ids), clouds.failed)


def _failure_notes(generated: CloudSet, reference: CloudSet, size: int) -> list[str]:
    notes = [
        f"{len(clouds.failed)} of {clouds.asked} {role} shapes failed and are not in the numbers"
        for role, clouds in (("generated", generated), ("reference", reference))
        if clouds.failed
    ]
    if len(generated.ids) != len(reference.ids):
        notes.append(f"the larger set was cut to {size} shapes by hash of the ids, so that both are of equal size")
    return notes


def _size_notes(generated: Points, reference: Points) -> list[str]:
    """What looks like another unit, where shapes are measured in the size they come in."""
    sides = [(clouds.max(axis=1) - clouds.min(axis=1)).max(axis=1) for clouds in (generated, reference)]
    medians = [float(np.median(side)) for side in sides]
    notes = []
    if _differ(medians[0], medians[1]):
        large, small = f"{medians[0]:.3g}", f"{medians[1]:.3g}"
        notes.append(f"the median generated shape has side {large}, the median reference shape {small}: another unit?")
    for role, side, median in zip(("generated", "reference"), sides, medians, strict=True):
        odd = np.flatnonzero(_differ(side, median))
        if len(odd):
            first = f"the first, {odd[0]}, has side {side[odd[0]]:.3g}, the median shape {median:.3g}"
            notes.append(f"{len(odd)} {role} clouds are of another size than the rest ({first}): another unit?")
    return notes


def _differ(one: Any, other: float) -> Any:
    """Where sides are too far apart to be of the same unit."""
    return (one > TOO_LARGE * other) | (other > TOO_LARGE * one)


def points_of(clouds: CloudSet, role: str, protocol: Protocol) -> Points:
    """The protocol's points of each cloud, normalised, (N, P, 3) float32.

    role : what an error calls the set
    Raises : UserError for too few points, or a value that is not finite
    """
    if clouds.clouds.shape[1] < protocol.points:
        raise UserError(
            f"{role}: clouds of {clouds.clouds.shape[1]} points, protocol {protocol.name} asks for {protocol.points}; "
            "sample more, or use a protocol of fewer points"
        )
    _demand_finite(clouds, role)
    positions = point_positions(clouds.clouds.shape[1], protocol.points, protocol.seed)
    return normalize(clouds.clouds[:, positions], protocol.normalization, role, clouds.ids)


def _demand_finite(clouds: CloudSet, role: str) -> None:
    good = np.isfinite(clouds.clouds).all(axis=(1, 2))
    if not good.all():
        index = int(np.argmin(good))
        raise UserError(
            f"{role}: cloud {index} ({clouds.ids[index]}) holds a value that is not finite; repair or drop it"
        )


def _measured(
    pairs: Pairs, reference: Points, protocol: Protocol, kind: Kind, cache: Path | None
) -> tuple[dict[str, MetricValue], list[str]]:
    """Metrics and notes by one kind of distance; the reference's own distances come from, and go to, the cache."""
    generated = pairs.shape[0] - len(reference)
    if cache is None:
        return set_metrics(Sets(pairs, generated), protocol, kind.suffix)
    kept = Kept(pairs, generated, cache / f"{_key(clouds_sha256(reference), protocol, kind)}.npy")
    sets = Sets(kept, generated)
    found = set_metrics(sets, protocol, kind.suffix)
    kept.save(sets.union)
    return found


def _key(clouds: str, protocol: Protocol, kind: Kind) -> str:
    """A name for the distances within a set of clouds, which are known by their hash."""
    choices = protocol.chamfer, protocol.emd, protocol.emd_solver, protocol.emd_points, protocol.seed
    what = " ".join([kind.suffix, *map(str, choices)])
    # Backends differ in last bits: mixed, exact ties would break.
    return hashlib.sha256(f"{what} {kind.backend} {clouds}".encode()).hexdigest()


def _opened(
    kind: Kind, sets: tuple[Points, Points], protocol: Protocol, cache: Path | None, engine: Engine | None
) -> AbstractContextManager[Pairs]:
    """Pairs of the union in this process, or in tiles where an engine computes them."""
    if engine is None or kind.backend != "numba":
        return nullcontext(kind.open_pairs())
    union = clouds_sha256(np.concatenate(sets))
    kept = cache and cache / f"{_key(union, protocol, kind)}.tiles"
    return tiled(kind.open_pairs, engine, kept)


def _as_protocol(protocol: str | Path | Protocol) -> Protocol:
    if isinstance(protocol, Protocol):
        return protocol
    if not isinstance(protocol, str | Path):
        raise UserError(f"protocol: expected a preset's name, a JSON file or a Protocol, got {protocol!r}")
    return get_protocol(str(protocol))


def _as_array(role: str, clouds: npt.ArrayLike) -> npt.NDArray[Any]:
    """What is given for a set, as numbers of whatever type."""
    if any(map(np.ma.is_masked, clouds if isinstance(clouds, list | tuple) else [clouds])):
        raise UserError(f"{role}: some points are masked, and clouds are measured whole; give all points of each")
    try:
        array = np.asarray(clouds)
    except Exception as error:  # of numpy for lists of unequal lengths, or of what wants to be an array
        raise_if_machine(error, role)
        raise UserError(f"{role}: expected clouds of shape (N, P, 3), each of as many points ({error})") from error
    if array.dtype.kind not in "fiu":
        raise UserError(f"{role}: expected clouds of numbers, got {array.dtype}; give them as float32")
    return array


def _as_set(role: str, clouds: npt.ArrayLike) -> CloudSet:
    array = _as_array(role, clouds)
    if array.ndim != 3 or array.shape[2] != 3:
        raise UserError(f"{role}: expected clouds of shape (N, P, 3), got {array.shape}")
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise UserError(f"{role}: empty, shape {array.shape}; give at least two clouds of at least one point")
    ids = tuple(f"{index:05d}" for index in range(len(array)))
    for index, cloud in enumerate(array):
        if np.isfinite(cloud).all():  # else `points_of` refuses it
            require_single(cloud, f"{role}: cloud {index}")
    return CloudSet(role, array.astype(np.float32, copy=False), ids, ("",) * len(ids), asked=len(ids))
