"""What a result file must hold before anything is made of it; anyone may have written one, so nothing is believed.

Both readers of results ask here: rows of tables and pages, which need no library that measures, and `eval.results`.
"""

import math
from collections.abc import Mapping
from typing import Any

from argus3d.data.files import is_text

DIRECTIONS = ("lower", "higher", "towards")
KINDS = ("generation", "reconstruction", "completion", "guided", "memorisation", "sweep")
SETS = ("generated", "reference")
# Of a protocol: what every table prints, and what else pages put into words where it is said.
PRINTED = ("name", "hash", "confidence", "points", "emd_points")
WORDS = ("name", "hash", "normalization", "chamfer", "emd", "emd_solver", "ties", "unequal_sets", "interval")
WHOLE = ("points", "emd_points", "f_score_points", "ecd_k", "interval_repeats", "seed")
LARGEST = 1 << 53  # whole numbers that are exact as real ones


def require_result(content: Any) -> None:
    """Refuse what tables, figures or pages would trip over.

    Raises : ValueError for a field that is missing, or holds another type than results have there
    """
    demand(isinstance(content, Mapping), "it is no object of JSON")
    for key in ("name", "kind"):
        demand(is_words(content.get(key)), f"its {key} is no text")
    kind = f"a result of kind {content['kind']!r}, which is none of {', '.join(KINDS)}"
    demand(content["kind"] in KINDS, f"{content['name']} is {kind}")
    require_protocol(_mapping(content, "protocol"))
    for role in SETS:
        _counts(role, _mapping(content, "counts").get(role))
    for key, entry in _mapping(content, "metrics").items():
        require_metric(key, entry)
    demand(all(map(is_words, _mapping(content, "data", {}).values())), "its data are no texts by name")
    for key, means in _mapping(content, "per_category", {}).items():
        _group(key, means, content["kind"])
    notes = content.get("notes", [])
    demand(isinstance(notes, list) and all(map(is_words, notes)), "its notes are no list of texts")


def require_protocol(protocol: Mapping[str, Any]) -> None:
    """The same of a protocol. Raises : ValueError as `require_result`"""
    missing = next((key for key in PRINTED if key not in protocol), None)
    demand(missing is None, f"its protocol has no {missing}")
    for key in WORDS:
        demand(key not in protocol or is_words(protocol[key]), f"its protocol's {key} is no text")
    for key in WHOLE:
        demand(key not in protocol or is_whole(protocol[key]), f"its protocol's {key} is no whole number")
    for key in ("confidence", "covt_cd", "covt_emd"):
        demand(protocol.get(key) is None or is_number(protocol[key]), f"its protocol's {key} is no number")
    demand(protocol["confidence"] is not None, "its protocol's confidence is no number")
    unknowns = protocol.get("unknowns", [])
    demand(isinstance(unknowns, list) and all(map(is_words, unknowns)), "its protocol's unknowns are no texts")


def _counts(role: str, counts: Any) -> None:
    known = isinstance(counts, Mapping) and all(is_whole(counts.get(key)) for key in ("asked", "found"))
    demand(known, f"its counts of {role} shapes are no whole numbers")
    failed = counts.get("failed", [])
    pairs = isinstance(failed, list) and all(isinstance(entry, list) and len(entry) == 2 for entry in failed)
    words = pairs and all(is_words(word) for entry in failed for word in entry)
    demand(words, f"its failed {role} shapes are no pairs of texts")


def require_metric(key: str, entry: Any) -> None:
    """The same of one metric. Raises : ValueError as `require_result`"""
    demand(isinstance(entry, Mapping), f"{key} is no metric")
    for part in ("value", "low", "high", "ideal"):
        demand(part in entry and is_number_or_null(entry[part]), f"{part} of {key} is no number")
    demand(is_number_or_null(entry.get("p_value")), f"p-value of {key} is no number")
    demand(is_words(entry.get("unit")), f"unit of {key} is no text")
    direction = entry.get("direction")
    demand(direction in DIRECTIONS, f"direction of {key} is none of {', '.join(DIRECTIONS)}")
    demand(direction != "towards" or entry["ideal"] is not None, f"{key} has no ideal to go towards")


def _group(key: str, means: Any, kind: str) -> None:
    known = isinstance(means, Mapping) and all(map(is_number_or_null, means.values()))
    demand(known and all(map(is_words, means)), f"its means of {key!r} are no numbers by name")
    # Rows of sweeps have groups of their own, which no table prints.
    demand(kind == "sweep" or means.get("count") is not None, f"of {key!r} it does not count the shapes")


def _mapping(content: Mapping[str, Any], key: str, default: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    found = content.get(key, default)
    demand(isinstance(found, Mapping) and all(map(is_words, found)), f"its {key} are missing, or no values by name")
    assert found is not None, "it was looked at"
    return found


def is_words(value: Any) -> bool:
    """Whether it is a text that can be written."""
    return isinstance(value, str) and is_text(value)


def is_whole(value: Any) -> bool:
    """Whether it is a number of things."""
    return type(value) is int and 0 <= value < LARGEST


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    return (type(value) is int and abs(value) < LARGEST) or (type(value) is float and math.isfinite(value))


def is_number_or_null(value: Any) -> bool:
    """Whether it is a finite number, or undefined."""
    return value is None or is_number(value)


def demand(right: bool, otherwise: str) -> None:
    """Raises : ValueError with the words `otherwise` where something is not right"""
    if not right:
        raise ValueError(otherwise)
