"""What was measured of a pair of sets, kept in a folder by content."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from argus3d.data.files import npz, write_atomically
from eval import intervals
from eval.clouds import CloudSet
from eval.distances.sets import Sets
from eval.evaluate import clouds_sha256, points_of
from eval.protocol import Protocol
from eval.sensitivity.measure import ByClouds, ByDistance, Measured, distances
from eval.sensitivity.parts import Part
from eval.sensitivity.shapes import Pair, Shapes

Points = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]
Say = Callable[[str], None]


class Measurements:
    """Metrics of a pair by any protocol, each measured once."""

    def __init__(self, pair: Pair, cache: Path | None, say: Say) -> None:
        """Keep the pair; nothing is measured yet.

        cache : folder of .npz files, None to keep nothing
        say : told what is being measured, not what was known
        """
        self.pair, self.splits = pair, _splits(pair)
        self._cache, self._say = cache, say
        self._clouds: dict[tuple[str, tuple[str, ...], int, int], Points] = {}
        self._sets: dict[str, Sets] = {}

    def whole(self, family: str, protocol: Protocol, reference: Shapes | None = None) -> dict[str, Values]:
        """Metrics of the whole sets.

        family : "cd", "emd" or "clouds"
        reference : in the place of the pair's own
        returns : metric -> (1 + 2 S,) float64: on the whole, then on both halves of each of S splits
        Raises : UserError where a shape has too few points
        """
        whole = np.arange(self.pair.size)

        def measure(measured: Measured) -> Values:
            return np.concatenate(
                [measured.on(whole, whole)[None], measured.on_halves(self.splits).reshape(-1, len(measured.keys))]
            )

        return self._kept("halves", family, protocol, reference, measure)

    def parts(
        self, family: str, what: str, parts: Sequence[Part], protocol: Protocol | None = None
    ) -> dict[str, Values]:
        """Metrics of parts of both sets.

        what : a name for these parts, other parts have another
        protocol : None for the pair's own
        returns : metric -> (D,) float64, one a part
        """

        def measure(measured: Measured) -> Values:
            return np.array([measured.on(part.generated, part.reference) for part in parts])

        return self._kept(what, family, protocol or self.pair.protocol, None, measure)

    def _kept(
        self, what: str, family: str, protocol: Protocol, reference: Shapes | None,
        measure: Callable[[Measured], Values],
    ) -> dict[str, Values]:  # fmt: skip
        """Columns of what `measure` says of the sets, out of the cache if it is there."""
        own = reference is None
        sets = (self._points(self.pair.generated, protocol), self._points(reference or self.pair.reference, protocol))
        told = [what, family, protocol.hash, self.pair.protocol.hash, *map(clouds_sha256, sets)]
        path = self._cache and self._cache / f"{hashlib.sha256(' '.join(told).encode()).hexdigest()}.npz"
        if path and path.is_file():
            with np.load(path, allow_pickle=False) as content:
                return dict(content)
        self._say(f"{family}: {what} by {_difference(self.pair.protocol, protocol)}")
        measured = self._opened(family, protocol, own, *sets)
        found = dict(zip(measured.keys, measure(measured).T, strict=True))
        if path:
            write_atomically(path, npz(found))
        return found

    def _opened(self, family: str, protocol: Protocol, own: bool, generated: Points, reference: Points) -> Measured:
        if family == "clouds":
            return ByClouds(generated, reference, protocol)
        # Parts of the sets and other numbers of trees ask for distances that are known by then.
        if own and replace(protocol, ecd_k=self.pair.protocol.ecd_k) == self.pair.protocol:
            if family not in self._sets:
                self._sets[family] = distances(family, generated, reference, protocol)
            return ByDistance(self._sets[family], self.suffix(family), protocol.ecd_k)
        return ByDistance(distances(family, generated, reference, protocol), self.suffix(family), protocol.ecd_k)

    def suffix(self, family: str) -> str:
        """What ends the metrics' names, by whichever other choice they are measured."""
        return self.pair.protocol.emd_name if family == "emd" else family

    def clouds(self, shapes: Shapes, protocol: Protocol) -> Points:
        """The clouds of a set as a protocol draws them, (N, P, 3) float32."""
        key = (shapes.source, shapes.ids, protocol.points, protocol.seed)
        if key not in self._clouds:
            self._clouds[key] = shapes.clouds(protocol.points, protocol.seed)
        return self._clouds[key]

    def _points(self, shapes: Shapes, protocol: Protocol) -> Points:
        """The same, normalised."""
        clouds = self.clouds(shapes, protocol)
        return points_of(
            CloudSet(shapes.source, clouds, shapes.ids, shapes.categories, len(clouds)), "clouds", protocol
        )


def _splits(pair: Pair) -> list[intervals.Split]:
    return intervals.random_splits(pair.size, pair.size, pair.protocol.interval_repeats // 2, pair.protocol.seed)


def _difference(own: Protocol, other: Protocol) -> str:
    """What sets a protocol apart from another, in words."""
    changed = {
        key: value for key, value in other.to_json().items() if value != own.to_json().get(key) and key != "hash"
    }
    return ", ".join(f"{key} {value}" for key, value in changed.items()) or "the protocol itself"
