"""Which conventions give the numbers that somebody printed about two sets.

Papers rarely say all that moves a number: what "EMD" is, whether CD is squared, what it was multiplied by, how shapes
were scaled, which way is up. All these are tried. Those that give every number to the digits printed come first, the
most usual ones before the others, as within rounding no difference means anything; then the nearest of the rest.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from eval.distances.approxmatch import ApproxPairs
from eval.distances.chamfer import KINDS, checked
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.emd_bounds import EmdPairs
from eval.distances.neighbours import Pairs
from eval.distances.sets import Sets
from eval.metrics.coverage import coverage
from eval.metrics.mmd import mmd
from eval.metrics.one_nna import one_nna
from eval.normalize import NORMALIZATIONS, normalize
from eval.protocol import PRESETS

Clouds = npt.NDArray[np.float32]
Place = tuple[str, str, bool]  # axes, normalization, swapped
Matches = dict[str, "Match"]
Options = dict[Place, list[tuple[str | None, Matches]]]  # kinds of distances at a place, None: no number asks for one

METRICS: dict[str, Callable[[Sets], float]] = {"mmd": mmd, "cov": coverage, "one_nna": lambda sets: one_nna(sets).value}
KEYS = tuple(f"{metric}_{distance}" for distance in ("cd", "emd") for metric in METRICS)
# New x, y and z of generated points: which old axis, with which sign. The last two turn y up into z up and back.
AXES = {
    "xyz": (1, 2, 3), "xzy": (1, 3, 2), "yxz": (2, 1, 3), "yzx": (2, 3, 1), "zxy": (3, 1, 2), "zyx": (3, 2, 1),
    "x-zy": (1, -3, 2), "xz-y": (1, 3, -2),
}  # fmt: skip
EMD_KINDS = ("emd", "emd_approx", "emd_squared_approx", "emd_squared")
MMD_SCALES, SHARE_SCALES = (1.0, 100.0, 1000.0, 10000.0), (1.0, 100.0)
SINGLE = 1e-5  # relative; codes in float32 differ by so much
CANDIDATES = 3  # places at which EMDs are tried if no Chamfer distance fits


@dataclass(frozen=True)
class Printed:
    """A number as it stands somewhere.

    value : 0 or more
    precision : half a unit of its last digit
    """

    value: float
    precision: float

    @classmethod
    def read(cls, text: str) -> "Printed":
        """The number in a text such as "61.5" or "9.9e-3".

        Raises : ValueError for text that is no finite number, or less than 0
        """
        try:
            number = Decimal(text)
        except InvalidOperation as error:
            raise ValueError(f"{text!r} is not a number") from error
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or number < 0 or not math.isfinite(float(number)):
            raise ValueError(f"{text!r} is not a finite number of 0 or more")
        return cls(float(number), 0.5 * 10.0**exponent)


@dataclass(frozen=True)
class Convention:
    """What numbers were made with.

    swapped : the generated set taken for the reference set
    axes : what the generated set's axes are called in the reference set's frame, see `AXES`
    normalization : see `eval.normalize.normalize`
    chamfer, emd : kinds of distances; None where no number asks for one
    """

    swapped: bool
    axes: str
    normalization: str
    chamfer: str | None
    emd: str | None

    @property
    def protocols(self) -> list[str]:
        """Presets with these choices."""
        if self.swapped or self.axes != "xyz":
            return []
        return [
            preset.name
            for preset in PRESETS.values()
            if self.normalization == preset.normalization
            and self.chamfer in (None, preset.chamfer)
            and self.emd in (None, preset.emd_name)
        ]


@dataclass(frozen=True)
class Match:
    """A number beside what a convention gives.

    measured : before scaling
    scale : what it was multiplied by before it was printed
    difference : of the scaled and the printed number, relative to the larger, in [0, 1]
    agrees : to the digits printed
    """

    measured: float
    scale: float
    difference: float
    agrees: bool


@dataclass(frozen=True)
class Finding:
    """A convention and what it gives, by key of the number."""

    convention: Convention
    matches: Mapping[str, Match]

    @property
    def worst(self) -> float:
        """Largest relative difference of all numbers."""
        return max(match.difference for match in self.matches.values())

    @property
    def agrees(self) -> bool:
        """Whether every number agrees to the digits printed."""
        return all(match.agrees for match in self.matches.values())

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return {
            **asdict(self.convention),
            "protocols": self.convention.protocols,
            "agrees": self.agrees,
            "worst_relative_difference": self.worst,
            "values": {
                key: {
                    "measured": match.measured,
                    "scale": match.scale,
                    "relative_difference": match.difference,
                    "agrees": match.agrees,
                }
                for key, match in self.matches.items()
            },
        }


def find_conventions(
    generated: npt.ArrayLike, reference: npt.ArrayLike, printed: Mapping[str, Printed], say: Callable[[str], None]
) -> list[Finding]:
    """Try conventions on two sets, best first.

    generated : (G, P, 3) float32
    reference : (R, P, 3) float32
    printed : by key, see `KEYS`
    say : told what is being tried, as earth mover's distances can take long
    returns : what was tried: other axis orders only if nothing agrees with the axes as they are; earth mover's
        distances only where the numbers on Chamfer distances agree, or come nearest, if there are such numbers, as
        approximate matchings of all pairs take 0.05 s a pair of 2,048 points
    Raises : ValueError naming set and index for clouds that cannot be measured, 1-NNA of sets of different sizes, or
        clouds of different sizes
    """
    sets = checked(generated, "generated"), checked(reference, "reference")
    if sets[0].shape[1] != sets[1].shape[1]:
        raise ValueError(
            f"generated clouds have {sets[0].shape[1]} points, reference clouds {sets[1].shape[1]}; "
            "give as many points to both"
        )
    search = _Search(*sets, printed, say)
    usual, others = _places(["xyz"]), _places([axes for axes in AXES if axes != "xyz"])
    if not any(key.endswith("_cd") for key in printed):
        found = search.findings({place: [(None, {})] for place in usual})
        if not any(finding.agrees for finding in found):
            found += search.findings({place: [(None, {})] for place in others})
        return sorted(found, key=_rank)
    chamfer = search.chamfer(usual)
    if not _agreeing(chamfer):
        chamfer |= search.chamfer(others)
    only_chamfer = all(key.endswith("_cd") for key in printed)
    return sorted(search.findings(chamfer if only_chamfer else _likely(chamfer)), key=_rank)


def undecided(findings: Sequence[Finding]) -> dict[str, list[Any]]:
    """Choices that the findings in agreement do not tell apart, by field of `Convention`."""
    options: dict[str, list[Any]] = {}
    for finding in findings:
        for field, value in asdict(finding.convention).items():
            if finding.agrees and value not in options.setdefault(field, []):
                options[field].append(value)
    return {field: values for field, values in options.items() if len(values) > 1}


def _rank(finding: Finding) -> tuple[bool, int, float]:
    """Sort key: within the digits printed the usual comes first, beyond them the nearest."""
    chosen = finding.convention
    unusual = chosen.swapped + (chosen.axes != "xyz") + (chosen.chamfer not in (None, "squared_mean"))
    return not finding.agrees, unusual if finding.agrees else 0, finding.worst


class _Search:
    """One search: the sets, the numbers, and the distances at one place at a time."""

    def __init__(
        self, generated: Clouds, reference: Clouds, printed: Mapping[str, Printed], say: Callable[[str], None]
    ) -> None:
        self._clouds, self._say = (generated, reference), say
        self._printed = {
            distance: {key: number for key, number in printed.items() if key.endswith(f"_{distance}")}
            for distance in ("cd", "emd")
        }
        self._frame: tuple[str, str] | None = None
        self._unions: dict[str, Sets] = {}

    def chamfer(self, places: Sequence[Place]) -> Options:
        """What the Chamfer distances of all kinds give at some places."""
        self._say(f"trying Chamfer distances at {len(places)} places")
        return {place: list(self._chamfer(place)) for place in places}

    def findings(self, chamfer: Options) -> list[Finding]:
        """Places with their kinds of Chamfer distances, and of earth mover's distances if a number asks for them."""
        found = []
        for index, (place, kinds) in enumerate(chamfer.items(), 1):
            axes, normalization, swapped = place
            if self._printed["emd"]:
                order = "sets swapped" if swapped else "sets as given"
                self._say(f"trying EMDs, place {index} of {len(chamfer)}: {order}, axes {axes}, {normalization}")
            for (cd, near), (emd, far) in product(kinds, self._emd(place)):
                found.append(Finding(Convention(swapped, axes, normalization, cd, emd), near | far))
        return found

    def _chamfer(self, place: Place) -> Iterator[tuple[str | None, Matches]]:
        points = float(self._clouds[0].shape[1])
        # Kinds that differ by a factor are measured once.
        for kinds in ({"squared_mean": 1.0, "squared_sum": points}, {"l2_mean": 1.0, "l2_half": 0.5}):
            measured = self._measured("cd", next(iter(kinds)), place)
            for kind, factor in kinds.items():
                scaled = {key: value * factor if key == "mmd_cd" else value for key, value in measured.items()}
                yield kind, self._matches("cd", scaled, MMD_SCALES)

    def _emd(self, place: Place) -> Iterator[tuple[str | None, Matches]]:
        if not self._printed["emd"]:
            yield None, {}
            return
        # Sums over points are printed for means, too.
        scales = (*MMD_SCALES, float(self._clouds[0].shape[1]))
        for kind in EMD_KINDS:
            yield kind, self._matches("emd", self._measured("emd", kind, place), scales)

    def _matches(self, distance: str, measured: Mapping[str, float], mmd_scales: Sequence[float]) -> Matches:
        return {
            key: _match(measured[key], number, mmd_scales if key.startswith("mmd") else SHARE_SCALES)
            for key, number in self._printed[distance].items()
        }

    def _measured(self, distance: str, kind: str, place: Place) -> dict[str, float]:
        sets = self._sets(kind, place)
        return {key: METRICS[key.removesuffix(f"_{distance}")](sets) for key in self._printed[distance]}

    def _sets(self, kind: str, place: Place) -> Sets:
        """The two sets, first what is taken for the generated one; most distances serve both orders of the sets."""
        axes, normalization, swapped = place
        if kind.endswith("approx"):  # who asks matters
            return self._built(kind, place)
        if self._frame != (axes, normalization):
            self._frame, self._unions = (axes, normalization), {}
        if kind not in self._unions:
            self._unions[kind] = self._built(kind, (axes, normalization, False))
        plain = self._unions[kind]
        if not swapped:
            return plain
        order = np.roll(np.arange(plain.generated + plain.reference), plain.reference)
        return Sets(plain.union.part(order, order), plain.reference)

    def _built(self, kind: str, place: Place) -> Sets:
        axes, normalization, swapped = place
        first = normalize(_turned(self._clouds[0], axes), normalization, "generated")
        second = normalize(self._clouds[1], normalization, "reference")
        if swapped:
            first, second = second, first
        return Sets(_pairs(kind, np.concatenate([first, second]), len(first)), len(first))


def _turned(clouds: Clouds, axes: str) -> Clouds:
    columns = np.array(AXES[axes])
    return clouds[:, :, np.abs(columns) - 1] * np.sign(columns).astype(np.float32)


def _places(axes: Sequence[str]) -> list[Place]:
    return list(product(axes, NORMALIZATIONS, (False, True)))


def _agreeing(chamfer: Options) -> Options:
    return {place: kinds for place, kinds in chamfer.items() if any(_all_agree(found) for _, found in kinds)}


def _likely(chamfer: Options) -> Options:
    """Places where some kind of Chamfer distance agrees with all its numbers, or else comes nearest."""
    ranked = sorted(chamfer, key=lambda place: min(_worst(found) for _, found in chamfer[place]))
    return _agreeing(chamfer) or {place: chamfer[place] for place in ranked[:CANDIDATES]}


def _pairs(kind: str, union: Clouds, first: int) -> Pairs:
    if kind in KINDS:
        return ChamferPairs(union, kind=kind)
    squared = kind.startswith("emd_squared")
    return ApproxPairs(union, first, squared) if kind.endswith("approx") else EmdPairs(union, squared=squared)


def _match(measured: float, number: Printed, scales: Sequence[float]) -> Match:
    """The number beside the measured value, under the scale that brings it nearest."""
    matches = []
    for scale in scales:
        off, larger = abs(measured * scale - number.value), max(measured * scale, number.value)
        agrees = off <= max(number.precision, SINGLE * number.value)
        matches.append(Match(measured, scale, off / larger if larger else 0.0, agrees))
    return min(matches, key=lambda match: match.difference)


def _all_agree(matches: Matches) -> bool:
    return all(match.agrees for match in matches.values())


def _worst(matches: Matches) -> float:
    return max(match.difference for match in matches.values())
