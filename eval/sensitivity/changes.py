"""Changes of metrics with their intervals.

A choice that is made otherwise on the same shapes moves all metrics a little less surely than it seems: on other shapes
it would move them otherwise. Both ways are measured on the same random halves of the shapes, and the interval comes
from the change's own scatter between halves (see `eval.intervals`), so that what both ways have in common falls out of
it. Shares (COV, 1-NNA) and ECD change by a difference; MMD, JSD and the Frechet distance, whose units differ, by a
factor, whose interval is taken on the logarithm. In simulations (shapes as points of mixtures, 64 and 128 a set, by
three norms) intervals hold the mean change of MMD, COV and 1-NNA in 90 to 97 %, that of ECD in 91 to 98 %.

Which shapes and points were drawn is no choice of a value, but chance: there the range is where 95 % of draws fall.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from eval import intervals

Values = npt.NDArray[np.float64]

FACTORS = ("mmd", "jsd", "frechet")


@dataclass(frozen=True)
class Change:
    """How one metric moved.

    value : the metric by the other choice
    change : what it differs by, or the factor between; nan where undefined
    low, high : of the change, nan where there are too few shapes
    factor : whether the change is a factor, not a difference
    """

    value: float
    change: float
    low: float
    high: float
    factor: bool

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, null where undefined."""
        return {key: value if np.isfinite(value) else None for key, value in vars(self).items()}


def is_factor(key: str) -> bool:
    """Whether changes of a metric are factors."""
    return key.split("_")[0] in FACTORS


def paired(key: str, other: Values, own: Values, confidence: float) -> Change:
    """The change of a metric between two choices, on the same shapes.

    other, own : (1 + 2 S,) float64, the metric on the whole sets and on both halves of each of S splits, the same ones
    """
    moved = apart(key, other, own)
    scatter = moved[1:].reshape(-1, 2)
    defined = scatter[~np.isnan(scatter).any(axis=1)]
    if np.isnan(moved[0]) or len(defined) < max(1, intervals.DEFINED * len(scatter)):
        return _as_change(key, other[0], moved[0], np.nan, np.nan)
    if key.startswith("ecd"):
        defined = defined * _as_wide_as_whole(np.concatenate([other[1:], own[1:]]))
    low, high = intervals.plain_interval(float(moved[0]), defined, confidence, -np.inf)
    return _as_change(key, other[0], moved[0], low, high)


def drawn(key: str, draws: Values, own: float, confidence: float) -> Change:
    """The change of a metric where others were drawn: its mean, and where `confidence` of draws fall.

    draws : (D, 2) float64, pairs of draws that share nothing
    """
    moved = apart(key, draws, own)
    moved = moved[~np.isnan(moved).any(axis=1)]
    if len(moved) < max(2, intervals.DEFINED * len(draws)):
        return _as_change(key, np.nan, np.nan, np.nan, np.nan)
    spread = float(((moved[:, 0] - moved[:, 1]) ** 2).mean() / 2) ** 0.5
    half = _t(confidence, len(moved)) * spread
    middle = float(moved.mean())
    return _as_change(key, float(np.nanmean(draws)), middle, middle - half, middle + half)


def exchanged(key: str, draws: Values, own: float, confidence: float) -> Change:
    """The change of a metric between two draws of one kind: none in the mean, and how far `confidence` of them go.

    draws : (D, 2) float64, pairs of draws that differ in nothing but what was drawn
    """
    moved = apart(key, draws[:, 0], draws[:, 1])
    moved = moved[~np.isnan(moved)]
    if len(moved) < max(2, intervals.DEFINED * len(draws)):
        return _as_change(key, np.nan, np.nan, np.nan, np.nan)
    half = _t(confidence, len(moved)) * float((moved**2).mean()) ** 0.5
    return _as_change(key, own, 0.0, -half, half)


def apart(key: str, other: Any, own: Any) -> Any:
    """A difference, or the logarithm of a factor; nan for a factor of nothing."""
    if not is_factor(key):
        return np.subtract(other, own)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(np.asarray(other, float)) - np.log(np.asarray(own, float))
    return np.where(np.isfinite(found), found, np.nan)


def _as_wide_as_whole(scores: Values) -> float:
    """What takes the scatter of ECD between halves to that of which `plain_interval` makes the whole's.

    Of z, whose squared length S is, the whole has half the variance of what shapes bring along and sqrt(2) times the
    mean: the variance of S is that of halves where both sets are of one distribution, mean 2, and 4 times as large
    where they lie far apart. Between both, a rule that held in simulations.

    scores : S on halves, by both choices
    """
    mean = max(2.0, float(np.nanmean(scores)))
    return float((2 * (4 - 6 / mean)) ** 0.5)


def _as_change(key: str, value: float, moved: float, low: float, high: float) -> Change:
    factor = is_factor(key)
    change, lowest, highest = (float(np.exp(end)) if factor else float(end) for end in (moved, low, high))
    return Change(float(value), change, lowest, highest, factor)


def _t(confidence: float, freedom: float) -> float:
    return float(special.stdtrit(freedom, (1 + confidence) / 2))
