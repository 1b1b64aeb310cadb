"""`argus3d-eval table --sensitivity`: how far the numbers of two sets move when one choice is made otherwise."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from argus3d.data.files import read_json_object, write_json
from argus3d.errors import UserError
from eval import runs
from eval.outputs import demand_apart, with_suffixes
from eval.report import sensitivity_tables
from eval.results import record_path, require_place, run_record
from eval.sensitivity.shapes import Pair, other_reference, pair_of_result, pair_of_sets
from eval.sensitivity.study import study
from eval.table import SENSITIVITY

SUFFIXES = (".run.json", ".json", ".csv", ".tex", ".md")


def main(argv: Sequence[str]) -> int:
    """Measure pairs of sets by one choice after another; write .json, .md, .csv and .tex."""
    start = time.monotonic()
    arguments = _parsed(argv)
    base = str(arguments.out)
    path = Path(base + ".json")
    require_place(path)
    demand_apart(with_suffixes(arguments.out, SUFFIXES), _inputs(arguments.sensitivity))
    found = [entry for words in _groups(arguments.sensitivity) for entry in _studies(words, arguments)]
    content = {"schema": sensitivity_tables.SCHEMA, "kind": "sensitivity", "pairs": found}
    write_json(record_path(path), run_record(time.monotonic() - start, runs.command("table", argv)))
    write_json(path, content)
    sensitivity_tables.write(content, base)
    return 0


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="argus3d-eval table", description="How far metrics move when one choice of the protocol is made otherwise."
    )
    parser.add_argument(
        SENSITIVITY, nargs="+", required=True, metavar="RESULT",
        help="results of argus3d-eval score with their .run.json, or what this command wrote before; "
        "or two sets, generated and reference, each a " + runs.SOURCE,
    )  # fmt: skip
    parser.add_argument(
        "--other-reference", action="append", default=[], metavar="SOURCE",
        help="also measure against as many shapes of this set; may be given again",
    )  # fmt: skip
    parser.add_argument("--count", type=int, help="of two sets: so many shapes of each, drawn by hash of their ids")
    parser.add_argument("--cache", type=Path, help="folder that keeps what was measured; a killed run goes on from it")
    runs.add_arguments(parser)
    return parser.parse_args(argv)


def _inputs(words: Sequence[str]) -> list[Path]:
    """Results with the records beside them, or sets."""
    paths = list(map(Path, words))
    return [*paths, *(record_path(path) for path in paths if path.suffix == ".json")]


def _groups(words: Sequence[str]) -> list[list[str]]:
    """One result a group, or the two sets.

    Raises : UserError for anything else
    """
    results = [word for word in words if Path(word).suffix == ".json"]
    if len(results) == len(words):
        return [[word] for word in words]
    if len(words) != 2 or results:
        raise UserError(f"--sensitivity takes result files (.json), or two sets; got {' '.join(words)}")
    return [list(words)]


def _studies(words: Sequence[str], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Measured now, or read."""
    if len(words) == 1:
        path = Path(words[0])
        if read_json_object(path, "give a result of argus3d-eval score").get("kind") == "sensitivity":
            return [dict(pair) for pair in sensitivity_tables.read_pairs(path)]
        return [_measured(pair_of_result(path), arguments)]
    options = ["--protocol", arguments.protocol, "--data-root", str(arguments.data_root)]
    options += [] if arguments.count is None else ["--count", str(arguments.count)]
    return [_measured(pair_of_sets([*words, *options], arguments.name or ""), arguments)]


def _measured(pair: Pair, arguments: argparse.Namespace) -> dict[str, Any]:
    def say(text: str) -> None:
        print(f"{pair.name}: {text}", file=sys.stderr, flush=True)

    others = [other_reference(source, pair) for source in arguments.other_reference]
    return study(pair, others, arguments.cache, say).to_json()
