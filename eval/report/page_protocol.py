"""A protocol in plain words."""

from collections.abc import Iterator, Mapping
from typing import Any

NORMALIZATIONS = {
    "box": "Every cloud is centred by its bounding box and scaled so that its longest side is 1.",
    "box_2": "Every cloud is centred by its bounding box and scaled so that its longest side is 2.",
    "unit_sphere": "Every cloud is centred by its mean and scaled so that its farthest point is at distance 1.",
    "none": "Clouds are taken as they come, neither moved nor scaled.",
}
CHAMFERS = {
    "squared_mean": "mean squared distance to the nearest point, one way plus the other",
    "l2_mean": "mean distance to the nearest point, one way plus the other",
    "l2_half": "mean distance to the nearest point, half of one way plus the other",
    "squared_sum": "squared distances to the nearest point, summed over points and both ways",
}
COSTS = {"mean_euclidean": "mean distance", "mean_squared": "mean squared distance"}
SOLVERS = {
    "exact_assignment": "an exact assignment",
    "approximate_matching": "an approximate matching, which is some per cent off and is named so",
}


def protocol_words(protocol: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs of a heading and a sentence or two; what a protocol does not say is left out."""
    return [(heading, words) for heading, words in _said(protocol) if words]


def _said(protocol: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Points", _points(protocol)
    if "normalization" in protocol:
        yield "Place and size", _worded(NORMALIZATIONS, protocol["normalization"])
    if "chamfer" in protocol:
        yield "Chamfer distance (CD)", f"The {_worded(CHAMFERS, protocol['chamfer'])}."
    if "emd" in protocol and "emd_solver" in protocol:
        yield (
            "Earth mover's distance (EMD)",
            f"The {_worded(COSTS, protocol['emd'])} of matched points, by "
            f"{_worded(SOLVERS, protocol['emd_solver'])}, on {protocol['emd_points']:,} of the points.",
        )
    yield "COV", "The share of reference shapes that are the nearest reference shape of some generated one."
    yield "MMD", "The mean distance from each reference shape to its nearest generated one."
    yield (
        "1-NNA",
        "The share of all shapes whose nearest other shape is of their own set: one half where nothing tells the sets "
        "apart, one where everything does.",
    )
    if "ecd_k" in protocol:
        yield (
            "ECD",
            f"A test of whether edges of {protocol['ecd_k']} successive minimum spanning trees over both sets run "
            "within a set more often than chance has it; 2 is what chance gives.",
        )
    yield "CovT", _thresholds(protocol)
    if "ties" in protocol:
        yield "Ties", "Of equally near shapes the first counts, generated ones before reference ones."
    if "unequal_sets" in protocol:
        yield "Sizes of sets", "Both sets are of equal size; other sizes are refused."
    yield "Intervals", _intervals(protocol)
    if "seed" in protocol:
        yield "Seed", f"Seed {protocol['seed']} decides points, splits and everything else."
    yield "Not known of the original", "; ".join(protocol.get("unknowns", ()))


def _worded(words: Mapping[str, str], choice: str) -> str:
    """A choice in words; its own name where it is of another version, or nobody's."""
    return words.get(choice, choice)


def _points(protocol: Mapping[str, Any]) -> str:
    if "points" not in protocol:
        return ""
    words = f"{protocol['points']:,} points a shape, drawn uniformly by area from a random stream of the shape's own."
    own = f" F-scores of reconstructions take {protocol['f_score_points']:,}." if "f_score_points" in protocol else ""
    return words + own


def _thresholds(protocol: Mapping[str, Any]) -> str:
    found = [f"{key[5:].upper()} {protocol[key]:g}" for key in ("covt_cd", "covt_emd") if protocol.get(key) is not None]
    return f"Coverage by matches nearer than {' and '.join(found)}." if found else ""


def _intervals(protocol: Mapping[str, Any]) -> str:
    words = f"{protocol['confidence']:.0%} intervals, written as low – high"
    if "interval_repeats" not in protocol:
        return f"{words}."
    return (
        f"{words}: from {protocol['interval_repeats']:,} disjoint halves of both sets, never by drawing shapes twice, "
        "as a shape would be its own neighbour then."
    )
