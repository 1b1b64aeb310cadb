"""What a file of argus3d-eval table --sensitivity must hold before tables or a figure are made of it."""

from collections.abc import Mapping
from typing import Any

from eval.report.columns import NETWORK_METRICS
from eval.result_file import demand, is_number_or_null, is_whole, is_words, require_metric, require_protocol

KINDS = ("paired", "drawn", "exchanged")


def require_pair(pair: Any, known: Mapping[str, Any]) -> None:
    """Refuse what tables or the figure would trip over.

    known : metrics that tables know, beside those of networks
    Raises : ValueError for a field that is missing, or holds another type than measurements have there
    """
    demand(isinstance(pair, Mapping), "a pair of sets is no object")
    _texts(pair, ("name", "generated", "reference"), "a pair of sets")
    demand(is_whole(pair.get("size")), "the size of its sets is no whole number")
    demand(isinstance(pair.get("protocol"), Mapping), "its protocol is missing")
    require_protocol(pair["protocol"])
    metrics = pair.get("metrics")
    demand(isinstance(metrics, Mapping) and all(map(is_words, metrics)), "its metrics are missing")
    for key, entry in pair["metrics"].items():
        require_metric(key, entry)
    notes, choices = pair.get("notes"), pair.get("choices")
    demand(isinstance(notes, list) and all(map(is_words, notes)), "its notes are no list of texts")
    demand(isinstance(choices, list) and bool(choices), "its choices are no list")
    for choice in pair["choices"]:
        _choice(choice, {*known, *(key for key in pair["metrics"] if key.split("_")[0] in NETWORK_METRICS)})


def _choice(choice: Any, known: set[str]) -> None:
    demand(isinstance(choice, Mapping), "a choice is no object")
    _texts(choice, ("key", "title", "usual", "kind"), "a choice")
    demand(choice["kind"] in KINDS, f"a choice is {choice['kind']}, none of {', '.join(KINDS)}")
    alternatives = choice.get("alternatives")
    demand(isinstance(alternatives, list) and bool(alternatives), f"{choice['title']} has no list of alternatives")
    for entry in choice["alternatives"]:
        demand(isinstance(entry, Mapping), f"an alternative of {choice['title']} is no object")
        _texts(entry, ("label",), "an alternative")
        demand(isinstance(entry.get("changes"), Mapping), f"{entry['label']} has no changes by metric")
        for key, change in entry["changes"].items():
            demand(key in known, f"{entry['label']} changes {key}, which no table knows")
            _change(key, change)


def _change(key: str, change: Any) -> None:
    demand(isinstance(change, Mapping), f"a change of {key} is no object")
    for part in ("value", "change", "low", "high"):
        demand(part in change and is_number_or_null(change[part]), f"the {part} of a change of {key} is no number")
    demand(isinstance(change.get("factor"), bool), f"of a change of {key} it is not said whether it is a factor")
    moved = change["change"]
    demand(not change["factor"] or moved is None or moved > 0, f"a factor of {key} is not above 0")


def _texts(entry: Mapping[str, Any], keys: tuple[str, ...], what: str) -> None:
    for key in keys:
        demand(is_words(entry.get(key)), f"the {key} of {what} is no text")
