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
    _require(isinstance(content, Mapping), "it is no object of JSON")
    for key in ("name", "kind"):
        _require(_is_words(content.get(key)), f"its {key} is no text")
    kind = f"a result of kind {content['kind']!r}, which is none of {', '.join(KINDS)}"
    _require(content["kind"] in KINDS, f"{content['name']} is {kind}")
    _protocol(_mapping(content, "protocol"))
    for role in SETS:
        _counts(role, _mapping(content, "counts").get(role))
    for key, entry in _mapping(content, "metrics").items():
        _metric(key, entry)
    _require(all(map(_is_words, _mapping(content, "data", {}).values())), "its data are no texts by name")
    for key, means in _mapping(content, "per_category", {}).items():
        _group(key, means, content["kind"])
    notes = content.get("notes", [])
    _require(isinstance(notes, list) and all(map(_is_words, notes)), "its notes are no list of texts")


def _protocol(protocol: Mapping[str, Any]) -> None:
    missing = next((key for key in PRINTED if key not in protocol), None)
    _require(missing is None, f"its protocol has no {missing}")
    for key in WORDS:
        _require(key not in protocol or _is_words(protocol[key]), f"its protocol's {key} is no text")
    for key in WHOLE:
        _require(key not in protocol or _is_whole(protocol[key]), f"its protocol's {key} is no whole number")
    for key in ("confidence", "covt_cd", "covt_emd"):
        _require(protocol.get(key) is None or _is_number(protocol[key]), f"its protocol's {key} is no number")
    _require(protocol["confidence"] is not None, "its protocol's confidence is no number")
    unknowns = protocol.get("unknowns", [])
    _require(isinstance(unknowns, list) and all(map(_is_words, unknowns)), "its protocol's unknowns are no texts")


def _counts(role: str, counts: Any) -> None:
    known = isinstance(counts, Mapping) and all(_is_whole(counts.get(key)) for key in ("asked", "found"))
    _require(known, f"its counts of {role} shapes are no whole numbers")
    failed = counts.get("failed", [])
    pairs = isinstance(failed, list) and all(isinstance(entry, list) and len(entry) == 2 for entry in failed)
    words = pairs and all(_is_words(word) for entry in failed for word in entry)
    _require(words, f"its failed {role} shapes are no pairs of texts")


def _metric(key: str, entry: Any) -> None:
    _require(isinstance(entry, Mapping), f"{key} is no metric")
    for part in ("value", "low", "high", "ideal"):
        _require(part in entry and _is_number_or_null(entry[part]), f"{part} of {key} is no number")
    _require(_is_number_or_null(entry.get("p_value")), f"p-value of {key} is no number")
    _require(_is_words(entry.get("unit")), f"unit of {key} is no text")
    direction = entry.get("direction")
    _require(direction in DIRECTIONS, f"direction of {key} is none of {', '.join(DIRECTIONS)}")
    _require(direction != "towards" or entry["ideal"] is not None, f"{key} has no ideal to go towards")


def _group(key: str, means: Any, kind: str) -> None:
    known = isinstance(means, Mapping) and all(map(_is_number_or_null, means.values()))
    _require(known and all(map(_is_words, means)), f"its means of {key!r} are no numbers by name")
    # Rows of sweeps have groups of their own, which no table prints.
    _require(kind == "sweep" or means.get("count") is not None, f"of {key!r} it does not count the shapes")


def _mapping(content: Mapping[str, Any], key: str, default: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    found = content.get(key, default)
    _require(isinstance(found, Mapping) and all(map(_is_words, found)), f"its {key} are missing, or no values by name")
    assert found is not None, "it was looked at"
    return found


def _is_words(value: Any) -> bool:
    return isinstance(value, str) and is_text(value)


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < LARGEST


def _is_number(value: Any) -> bool:
    return (type(value) is int and abs(value) < LARGEST) or (type(value) is float and math.isfinite(value))


def _is_number_or_null(value: Any) -> bool:
    return value is None or _is_number(value)


def _require(right: bool, otherwise: str) -> None:
    if not right:
        raise ValueError(otherwise)
