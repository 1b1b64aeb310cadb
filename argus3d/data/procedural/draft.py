"""What a class function hands back, and how it makes its choices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from argus3d.data.procedural.solid import Part


@dataclass(frozen=True)
class Draft:
    """Parts in any unit, the named choices behind them, and what it is in plain words."""

    parts: list[Part]
    caption: str
    parameters: dict[str, str | int | bool]


class Choices:
    """Random choices of one shape."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def between(self, low: float, high: float) -> float:
        """A length or slope, uniform."""
        return float(self._rng.uniform(low, high))

    def one_of(self, options: Sequence[str]) -> str:
        """One of the options, equally likely; name an option twice to make it more likely."""
        return options[int(self._rng.integers(len(options)))]

    def number(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(self._rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        """Yes with the given probability."""
        return bool(self._rng.random() < probability)


def article(words: str) -> str:
    """Put a or an before words."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def spread(count: int, low: float, high: float) -> list[float]:
    """`count` evenly spread values with both ends, or the middle for one."""
    return [float(v) for v in np.linspace(low, high, count)] if count > 1 else [(low + high) / 2.0]
