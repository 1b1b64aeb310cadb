"""The choices that are made otherwise, one at a time: what a protocol leaves to whoever writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from eval.distances.chamfer import KINDS
from eval.normalize import NORMALIZATIONS
from eval.protocol import Protocol

POINTS = (256, 512, 1024, 2048, 4096, 8192)
EMD_POINTS = (64, 128, 256, 512)  # exact ones of 1,024 take a quarter of an hour for 131 shapes a set, of 2,048 an hour
TREES = (1, 3, 5, 10, 20)
SEEDS = 5  # the protocol's own and the next ones
NORMALIZATION_NAMES = {
    "box": "box of side 1",
    "box_2": "box of side 2",
    "unit_sphere": "unit sphere",
    "none": "as they come",
}
CHAMFER_NAMES = {
    "squared_mean": "squared, means added",
    "l2_mean": "not squared, means added",
    "l2_half": "not squared, half of it",
    "squared_sum": "squared, sums added",
}
EMD_NAMES = {
    ("mean_euclidean", "exact_assignment"): "exact",
    ("mean_squared", "exact_assignment"): "exact, squared",
    ("mean_euclidean", "approximate_matching"): "approximate (PointFlow)",
    ("mean_squared", "approximate_matching"): "approximate, squared (PVD, LION)",
}
SETS = ("mmd", "cov", "one_nna", "ecd")  # metrics of distances between shapes


@dataclass(frozen=True)
class Alternative:
    """A protocol that differs in one choice."""

    label: str
    protocol: Protocol


@dataclass(frozen=True)
class Choice:
    """One choice.

    key : of the choice in files
    usual : what the protocol chose
    families : what the choice touches: "cd", "emd" (metrics of distances), "clouds" (JSD, Frechet distance)
    metrics : which metrics of distances it touches
    """

    key: str
    title: str
    usual: str
    families: tuple[str, ...]
    alternatives: tuple[Alternative, ...]
    metrics: tuple[str, ...] = SETS


def choices(base: Protocol) -> list[Choice]:
    """All choices of a protocol that are made by naming another value; those without any other are left out."""
    every = [_normalization(base), _points(base), _chamfer(base), _emd(base), _emd_points(base), _trees(base)]
    return [choice for choice in every if choice.alternatives]


def seeds(base: Protocol) -> list[Protocol]:
    """The protocol with other points drawn from the same shapes."""
    return [replace(base, seed=base.seed + step) for step in range(1, SEEDS)]


def _normalization(base: Protocol) -> Choice:
    made = {name: replace(base, normalization=name) for name in NORMALIZATIONS}
    usual = NORMALIZATION_NAMES[base.normalization]
    others = _others({NORMALIZATION_NAMES[name]: protocol for name, protocol in made.items()}, base)
    return Choice("normalization", "normalisation", usual, ("cd", "emd", "clouds"), others)


def _points(base: Protocol) -> Choice:
    # Earth mover's distances keep their own number of points, and are not asked for.
    made = {f"{count:,}": replace(base, points=count, emd_points=min(count, base.emd_points)) for count in POINTS}
    return Choice("points", "points a cloud", f"{base.points:,}", ("cd", "clouds"), _others(made, base))


def _chamfer(base: Protocol) -> Choice:
    made = {CHAMFER_NAMES[kind]: replace(base, chamfer=kind) for kind in KINDS}
    return Choice("chamfer", "Chamfer distance", CHAMFER_NAMES[base.chamfer], ("cd",), _others(made, base))


def _emd(base: Protocol) -> Choice:
    made = {name: replace(base, emd=cost, emd_solver=solver) for (cost, solver), name in EMD_NAMES.items()}
    usual = EMD_NAMES[base.emd, base.emd_solver]
    return Choice("emd", "earth mover's distance", usual, ("emd",), _others(made, base))


def _emd_points(base: Protocol) -> Choice:
    made = {f"{count:,}": replace(base, emd_points=count) for count in EMD_POINTS if count <= base.points}
    return Choice("emd_points", "points for EMD", f"{base.emd_points:,}", ("emd",), _others(made, base))


def _trees(base: Protocol) -> Choice:
    made = {f"{count}": replace(base, ecd_k=count) for count in TREES}
    return Choice("ecd_k", "trees of ECD", f"{base.ecd_k}", ("cd", "emd"), _others(made, base), ("ecd",))


def _others(made: Mapping[str, Protocol], base: Protocol) -> tuple[Alternative, ...]:
    return tuple(Alternative(label, protocol) for label, protocol in made.items() if protocol != base)
